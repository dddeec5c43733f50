# config/config.yaml, checked and completed -> `settings` and `aois`.
# Here, because Snakemake makes the folder of an included file importable: this one holds the package gcov.

from snakemake.exceptions import WorkflowError

from gcov.config import check_yaml, read_config
from gcov.errors import GcovError

CONFIG = "config/config.yaml"
if not workflow.modifier.skip_configfile:  # as a module, another workflow has read its own
    try:
        check_yaml(CONFIG)
    except GcovError as error:
        raise WorkflowError(str(error)) from None


configfile: CONFIG


try:
    completed, settings = read_config(config)
except GcovError as error:
    raise WorkflowError(str(error)) from None
config.update(completed)
aois = settings.aois
