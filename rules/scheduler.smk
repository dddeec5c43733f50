# Two workarounds for Snakemake 9.27, also in force for a workflow that uses this one as a module. Without them,
# tests/test_scheduler.py fails.

from snakemake.jobs import GroupJob, GroupJobFactory


# With a limit on job starts, Snakemake evaluates all ready jobs once more for every job that has finished, one second
# later. 1000 jobs keep a core busy, and each run ends a second late. No option switches off the default limit (100
# starts per second), so it is removed here. Compare https://github.com/snakemake/snakemake/pull/3744
onstart:
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# Snakemake keeps groups between updates of the DAG, even after merging them. A merged group can list jobs that are no
# longer in the DAG, which then run twice. It can also miss jobs, and the run ends with a KeyError. Therefore a merged
# group is sorted again, and it is not reused.
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
