# config/config.yaml, checked and completed -> `settings` and `aois`.
# Here, because Snakemake makes the folder of an included file importable: this one holds the package gcov.

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from gcov.config import check_files, check_yaml, read_config
from gcov.errors import GcovError

CONFIG = "config/config.yaml"
as_module = workflow.modifier.skip_configfile  # another workflow has read its own
given = [str(path) for path in workflow.configfiles]  # by --configfile; as a module, the other workflow's as well
try:
    for path in given:
        check_yaml(path, ours=not as_module)
    if not as_module:
        check_yaml(CONFIG)
except GcovError as error:
    raise WorkflowError(str(error)) from None

merged = os.path.exists(CONFIG) and not any(os.path.samefile(path, CONFIG) for path in given)
if given and merged and not (as_module or workflow.config_settings.replace_workflow_config):
    if workflow.is_main_process:
        logger.warning(
            f"{', '.join(given)} is merged with {CONFIG}, whose areas of interest and other keys stay in force:"
            " for an analysis of its own make a folder with a config/config.yaml and use `snakemake -d FOLDER`"
        )


configfile: CONFIG


try:
    completed, settings = read_config(config)
    if workflow.is_main_process:
        for aoi in settings.aois.values():
            check_files(aoi)
except GcovError as error:
    raise WorkflowError(str(error)) from None
config.update(completed)
if settings.archive.signed:
    workflow.configfiles.clear()  # a report would show them, and the signatures with them
aois = settings.aois
