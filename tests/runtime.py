"""Run Snakemake, and other processes, with only the packages that users install, without those of requirements-dev.txt.

Some of those are imported wherever they are installed (dask by xarray, pyarrow by pandas, boto3 by rasterio): 1 s a
job.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from helpers import REPO

HIDE = """
import pkgutil
import sys

hidden = dict.fromkeys({foreign!r})
sys.modules.update(hidden)
listed = pkgutil.iter_modules  # by which Snakemake finds its plugins
pkgutil.iter_modules = lambda *path, **prefix: (one for one in listed(*path, **prefix) if one.name not in hidden)
"""


def pins(name: str) -> dict[str, str]:
    """Versions by distribution in a lock file."""
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", (REPO / name).read_text(), re.MULTILINE)
    return {distribution.lower().replace("_", "-"): version for distribution, version in found}


def wanted(name: str) -> list[str]:
    """Distributions that a requirements .in file asks for."""
    lines = (line.split("#")[0].strip() for line in (REPO / name).read_text().splitlines())
    return [re.split(r"[<>=\[; ]", line)[0].lower().replace("_", "-") for line in lines if line and line[0] != "-"]


@cache
def hiding() -> tempfile.TemporaryDirectory:
    """A folder for PYTHONPATH that makes the other packages impossible to import."""
    installed = {*pins("requirements.txt"), *wanted("requirements.in"), "pip", "setuptools"}
    named = {
        module: {name.lower().replace("_", "-") for name in names} for module, names in packages_distributions().items()
    }
    foreign = sorted(module for module, names in named.items() if not names & installed)
    assert {"pytest", "dask", "boto3", "pyarrow"} <= {*foreign} and "pygments" not in foreign
    folder = tempfile.TemporaryDirectory(prefix="runtime-")
    (Path(folder.name) / "sitecustomize.py").write_text(HIDE.format(foreign=foreign))
    return folder


def as_installed(env: dict[str, str] | None = None) -> dict[str, str]:
    """The environment `env` (or this process's) of a user; a PYTHONPATH that it has comes first."""
    env = dict(os.environ) if env is None else env
    paths = [env.get("PYTHONPATH"), hiding().name]
    return {**env, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


@dataclass(frozen=True)
class Done:
    """The exit status of a run of Snakemake, and all that it printed."""

    returncode: int
    output: str


def jobs_of(output: str) -> Counter:
    """How many jobs of each rule a run, or a dry run, had."""
    return Counter(re.findall(r"^ *(?:local)?(?:rule|checkpoint) (\w+):$", output, re.MULTILINE))


@cache
def forks() -> subprocess.Popen:
    """The process that runs Snakemake for tests."""
    command = [sys.executable, str(REPO / "tests" / "forks.py")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=as_installed())


def snakemake(*arguments: str, env: dict[str, str] | None = None) -> Done:
    """Run `snakemake` in the environment `env`, with only the packages that users install."""
    with tempfile.NamedTemporaryFile("r") as output:
        print(json.dumps([arguments, as_installed(env), output.name]), file=forks().stdin, flush=True)
        status = int(forks().stdout.readline())
        return Done(status, output.read())
