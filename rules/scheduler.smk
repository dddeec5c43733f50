# Two workarounds for Snakemake 9. Without the first one tests/test_scheduler.py fails, without the second
# tests/test_change_products.py.

from snakemake.jobs import GroupJob


# With any limit on job starts, its scheduler looks at all ready jobs once more for every job that has ended, a second
# later: 1000 jobs keep a core busy, and each run ends a second late. The default limit (100 starts a second) cannot be
# switched off by an option, so it is taken away here. Compare https://github.com/snakemake/snakemake/pull/3744
onstart:
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# Groups are kept from one update of the DAG to the next. One that is merged with another goes on listing only the jobs
# that it had when it was sorted: the others are in no group then, and the run ends with a KeyError.
if not hasattr(GroupJob, "merged_unsorted") and "_toposorted" in GroupJob.__slots__:
    GroupJob.merged_unsorted = GroupJob.merge

    def merge_and_sort_again(group, other):
        group.merged_unsorted(other)
        group._toposorted = None

    GroupJob.merge = merge_and_sort_again
