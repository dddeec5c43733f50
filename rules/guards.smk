# What profiles/default/config.yaml guards against and a run without it does not: as a module of another workflow, or
# with --workflow-profile. The bound on granules read at a time is kept; what redoes jobs is the user's to choose.

from functools import cache

from snakemake.logging import logger
from snakemake.settings.enums import RerunTrigger

if workflow.is_main_process and "archive" not in workflow.global_resources:
    workflow.register_resource("archive", 4)


@cache
def warn_of_missing_guards():
    """Say it once; while the DAG is built, for before it the settings are not known, and modules have no `onstart`."""
    if workflow.is_main_process and RerunTrigger.CODE in workflow.rerun_triggers:
        logger.warning(
            "profiles/default is not in force: a changed script (an upgrade, say) fetches every granule again."
            " To prevent it: --rerun-triggers mtime params input"
        )
