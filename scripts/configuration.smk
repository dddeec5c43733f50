# Checks config/config.yaml, fills in defaults, and defines `settings` and `aois`.
# It is in scripts/ because Snakemake makes the folder of an included file importable, and gcov is in this one.

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

scripts = os.path.dirname(workflow.snakefile)
if not os.path.exists(scripts):
    # from a Git host: each file that is asked for comes to Snakemake's cache, which mirrors the tree
    sources = Path(workflow.source_path("sources.txt"))
    for name in sources.read_text().split():
        workflow.source_path(name)
    scripts = str(sources.parent)
    sys.path.insert(0, scripts)

import gcov
from gcov.inputs.config import check_files, check_yaml, read_config
from gcov.errors import GcovError

if not os.path.samefile(os.path.dirname(gcov.__file__), os.path.join(scripts, "gcov")):
    raise WorkflowError(
        f"{gcov.__file__} is imported already, but this is the workflow of {scripts}: all modules of a run must be"
        " the same version of it, and a Snakefile of your own must import gcov after them"
    )

if workflow.storage_settings.default_storage_provider:
    raise WorkflowError(
        "--default-storage-provider: jobs need a folder that they share. For results in a bucket, run on one machine"
        " beside the data and copy them: see docs/cloud.md"
    )

CONFIG = "config/config.yaml"
as_module = workflow.modifier.skip_configfile  # then the other workflow has read its own configuration
given = [str(path) for path in workflow.configfiles]  # from --configfile; as a module, also the other workflow's
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
    workflow.configfiles.clear()  # a report would include these files and the signatures in them
aois = settings.aois
