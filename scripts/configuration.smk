# Checks config/config.yaml, fills in defaults, and defines `settings` and `aois`.
# It is in scripts/ because Snakemake makes the folder of an included file importable, and gcov is in this one.

import os
import sys
from operator import attrgetter
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger


def internal(name, otherwise):
    """`workflow.NAME`, which Snakemake may change: `otherwise`, after a warning, if it has. Ask for a name once."""
    try:
        return attrgetter(name)(workflow)
    except AttributeError:
        logger.warning(
            f"This Snakemake has no `workflow.{name}`: a safeguard or message that needs it is left out."
            " Results are the same."
        )
        return otherwise


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

CONFIG = "config/config.yaml"
as_module = internal("modifier.skip_configfile", True)  # then the other workflow has read its own configuration
configfiles = internal("configfiles", [])
given = [str(path) for path in configfiles]  # from --configfile; as a module, also the other workflow's
try:
    for path in given:
        check_yaml(path, ours=not as_module)
    if not as_module:
        check_yaml(CONFIG)
except GcovError as error:
    raise WorkflowError(str(error)) from None

merged = os.path.exists(CONFIG) and not any(os.path.samefile(path, CONFIG) for path in given)
main_process = internal("is_main_process", True)
if given and merged and not (as_module or internal("config_settings.replace_workflow_config", True)):
    if main_process:
        logger.warning(
            f"{', '.join(given)} is merged with {CONFIG}, whose areas of interest and other keys stay in force:"
            " for an analysis of its own make a folder with a config/config.yaml and use `snakemake -d FOLDER`"
        )


configfile: CONFIG


try:
    completed, settings = read_config(config)
    if main_process:
        for aoi in settings.aois.values():
            check_files(aoi)
except GcovError as error:
    raise WorkflowError(str(error)) from None
config.update(completed)
if settings.archive.signed:
    configfiles.clear()  # a report would include these files and the signatures in them
aois = settings.aois
