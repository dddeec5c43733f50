# Two workarounds for Snakemake 9. Without the first one tests/test_scheduler.py fails, without the second
# tests/test_change_products.py.

from snakemake.jobs import GroupJob, GroupJobFactory


# With any limit on job starts, its scheduler looks at all ready jobs once more for every job that has ended, a second
# later: 1000 jobs keep a core busy, and each run ends a second late. The default limit (100 starts a second) cannot be
# switched off by an option, so it is taken away here. Compare https://github.com/snakemake/snakemake/pull/3744
onstart:
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# Groups are kept from one update of the DAG to the next, also after they were merged with others. Such a group then lists
# jobs that the DAG no longer has, which run twice, or misses some, and the run ends with a KeyError. So a merged group
# is neither kept nor left sorted as it was.
if not hasattr(GroupJob, "merged_unsorted") and "_toposorted" in GroupJob.__slots__:
    GroupJob.merged_unsorted = GroupJob.merge
    GroupJobFactory.kept = GroupJobFactory.new

    def merge_and_sort_again(group, other):
        group.merged_unsorted(other)
        group._toposorted = None

    def new_if_merged(factory, groupid, jobs, resources):
        jobs = frozenset(jobs)
        group = factory.kept(groupid, jobs, resources)
        if group.jobs != jobs:
            group = factory.cache[groupid, jobs] = GroupJob(groupid, jobs, resources)
        return group

    GroupJob.merge = merge_and_sort_again
    GroupJobFactory.new = new_if_merged
