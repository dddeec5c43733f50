"""Run processes with only the packages that users install, without those of requirements-dev.txt.

Some of those are imported wherever they are installed (dask by xarray, boto3 by rasterio): 1 s a job.
"""

import os
import tempfile
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from test_envs import pins, wanted

HIDE = """
import sys

sys.modules.update(dict.fromkeys({foreign!r}))
"""


@cache
def hiding() -> tempfile.TemporaryDirectory:
    """A folder for PYTHONPATH that makes the other packages impossible to import."""
    installed = {*pins("requirements.txt"), *wanted("requirements.in"), "pip", "setuptools"}
    named = {
        module: {name.lower().replace("_", "-") for name in names} for module, names in packages_distributions().items()
    }
    foreign = sorted(module for module, names in named.items() if not names & installed)
    assert {"pytest", "dask", "boto3"} <= {*foreign} and "pygments" not in foreign
    folder = tempfile.TemporaryDirectory(prefix="runtime-")
    (Path(folder.name) / "sitecustomize.py").write_text(HIDE.format(foreign=foreign))
    return folder


def as_installed(env: dict[str, str] | None = None) -> dict[str, str]:
    """The environment `env` (or this process's) of a user; a PYTHONPATH that it has comes first."""
    env = dict(os.environ) if env is None else env
    paths = [env.get("PYTHONPATH"), hiding().name]
    return {**env, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
