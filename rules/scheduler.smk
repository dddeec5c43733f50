# Two workarounds for Snakemake 9. Without the first, tests/test_scheduler.py fails; without the second,
# tests/test_change_products.py.

from snakemake.jobs import GroupJob


# With a limit on job starts, Snakemake evaluates all ready jobs once more for every job that has finished, one second
# later. 1000 jobs keep a core busy, and each run ends a second late. No option switches off the default limit (100
# starts per second), so it is removed here. Compare https://github.com/snakemake/snakemake/pull/3744
onstart:
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# Snakemake keeps groups between updates of the DAG. A group that is merged with another still lists only the jobs that
# it had when it was sorted. The other jobs are then in no group, and the run ends with a KeyError.
if not hasattr(GroupJob, "merged_unsorted") and "_toposorted" in GroupJob.__slots__:
    GroupJob.merged_unsorted = GroupJob.merge

    def merge_and_sort_again(group, other):
        group.merged_unsorted(other)
        group._toposorted = None

    GroupJob.merge = merge_and_sort_again
