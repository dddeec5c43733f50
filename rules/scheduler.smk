# Two workarounds for Snakemake 9.10 to 9.27, in runs of this workflow itself: as a module, it leaves Snakemake as it
# is. A folder made by snakedeploy gets the second one, because Snakemake drops `onstart` of modules. A Snakemake that
# differs inside runs without them, after a warning. Without them, tests/workflow/test_scheduler.py fails.

from functools import cache

from snakemake.logging import logger


@cache
def warn_of_other_snakemake():
    """Warn once that the workarounds do not fit this Snakemake."""
    logger.warning(
        "rules/scheduler.smk does not know this version of Snakemake and leaves it as it is. Results are the same."
        " Thousands of jobs may take longer, and on a cluster a run with groups may have to be started again."
    )


# With a limit on job starts, Snakemake evaluates all ready jobs once more for every job that has finished, one second
# later. 1000 jobs keep a core busy, and each run ends a second late. No option switches off the default limit (100
# starts per second), so it is removed here. Compare https://github.com/snakemake/snakemake/pull/3744
onstart:
    check_options()  # Snakemake keeps one `onstart`
    try:
        limiter = workflow.scheduler.job_rate_limiter
        if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
            workflow.scheduler.job_rate_limiter = None
    except AttributeError:
        warn_of_other_snakemake()


class Groups(dict):
    """Groups of jobs by (name, jobs). Those that were merged with others are not used again, and others sorted again.

    Snakemake keeps groups between updates of the DAG. A merged group can list jobs that are no longer in the DAG, which
    then run twice. A group that was sorted before it was merged misses jobs, and the run ends with a KeyError.
    """

    def __getitem__(self, key):
        group = super().__getitem__(key)
        if key[1:] != (group.jobs,):
            raise KeyError(key)
        group.toposorted = None
        return group


modifier = getattr(workflow, "modifier", None)
is_main = globals().get("deployed") or getattr(modifier, "base_snakefile", "unknown") is None


@cache
def keep_no_merged_groups():
    """Use `Groups` in a run with groups: on a cluster, or dry. Called when the DAG is begun: earlier it is not known."""
    if not is_main:
        return
    try:
        from snakemake.jobs import GroupJob

        if not workflow.non_local_exec_or_dryrun:  # as Snakemake itself asks
            return
        groups = workflow.dag.group_job_factory
        known = isinstance(groups.cache, dict) and GroupJob.toposorted.fset
    except (ImportError, AttributeError):
        known = False
    if known:
        groups.cache = Groups(groups.cache)
    else:
        warn_of_other_snakemake()
