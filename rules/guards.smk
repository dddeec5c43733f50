# Safeguards for runs without profiles/default/config.yaml: as a module of another workflow, or with --workflow-profile.
# The limit on granules read at a time is kept. The choice of rerun triggers is left to the user, with a warning.
# Options that would do nothing are refused.

from functools import cache

from snakemake.logging import logger

if main_process and "archive" not in internal("global_resources", ["archive"]):
    workflow.register_resource("archive", 4)


def names(choices):
    """The names of Snakemake's choices for an option."""
    return {getattr(choice, "name", choice) for choice in choices}


if "APPTAINER" in names(internal("deployment_settings.deployment_method", ())) and not as_module:
    raise WorkflowError(
        "--sdm apptainer: the rules name no image, so every job would run outside a container."
        " Run the whole workflow in one: see docs/cloud.md"
    )


@cache
def warn_of_missing_guards():
    """Warn once, while the DAG is built: settings are not known earlier, and modules have no `onstart`."""
    if main_process and {"CODE", "SOFTWARE_ENV"} & names(internal("rerun_triggers", ())):
        logger.warning(
            "profiles/default is not in force: a changed script (an upgrade, say) fetches every granule again."
            " To prevent it: --rerun-triggers mtime params input"
        )


@cache
def warn_of_until():
    """Warn once that `--until` knows no job after the search: Snakemake then says that there is nothing to be done."""
    after = {*internal("dag_settings.until", ())} - {"search"}
    if main_process and after and not as_module:
        logger.warning(
            f"--until {' '.join(sorted(after))}: Snakemake knows the jobs after a search only once it is done, and may"
            " say that there is nothing to be done. Name files instead: `snakemake --cores 4 results/AOI/stack.zarr`"
        )
