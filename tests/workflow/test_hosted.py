"""The workflow from a Git host, as a module and by snakedeploy: offline, with a clone that stands for the host."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import BBOX, REPO
from runtime import as_installed

TABLE = "results/valley/HHHH/zones.csv"
TWO = """
configfile: "config/config.yaml"

module one:
    snakefile: github("owner/gcov", path="Snakefile", branch="main")
    config: config
    prefix: "one"

use rule * from one as one_*

use rule summarize from one as one_summarize with:
    resources:
        runtime=99,

module two:
    snakefile: github("owner/gcov", path="Snakefile", branch="main")
    config: config
    prefix: "two"

use rule * from two as two_*
"""
ANOTHER = """
module old:
    snakefile: github("owner/gcov", path="Snakefile", tag="v0")
    config: config

use rule * from old as old_*
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory) -> dict[str, str]:
    """An environment in which github.com has the repository owner/gcov, tagged v1; Snakemake's cache is empty."""
    folder = tmp_path_factory.mktemp("host")
    repository = folder / "owner/gcov"
    for name in ("workflow", "rules", "scripts", "report", "envs", "config", "profiles"):
        shutil.copytree(REPO / name, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPO / "Snakefile", repository)
    (folder / "gitconfig").write_text(
        f'[url "file://{folder}/"]\n  insteadOf = https://github.com/\n[user]\n  name = N\n  email = n@example.org\n'
    )
    env = {**os.environ, "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"), "XDG_CACHE_HOME": str(folder / "cache")}
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v0"], ["tag", "v1"]):
        subprocess.run(["git", *command], cwd=repository, env=env, check=True)
    return env


@pytest.fixture(scope="module")
def config(newest) -> dict:
    """A configuration with relative paths of the user's own files: see `own_files`."""
    aoi = {"bbox": BBOX, "granules": ["data/*.h5"], "zones": "zones.geojson", "rainfall": "rain.csv"}
    return {"aois": {"valley": aoi}, "terms": ["HHHH"], "basemap": None, "explore_megabytes": None}


def own_files(folder: Path, granule: Path) -> None:
    """A granule, the rain and a zone."""
    (folder / "data").mkdir()
    (folder / "data" / granule.name).symlink_to(granule)
    (folder / "rain.csv").write_text("date,mm\n2025-11-22,3\n2025-11-23,1\n")
    west, south, east, north = BBOX
    half = {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, south]]]}
    feature = {"type": "Feature", "properties": {"name": "half"}, "geometry": half}
    (folder / "zones.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))


@pytest.fixture(scope="module")
def alone(config, newest, module_analysis) -> str:
    """The series of the zone, by a local workflow."""
    own_files(module_analysis.folder, newest[0])
    module_analysis.configure(config).run(TABLE)
    return (module_analysis.folder / TABLE).read_text()


def test_deployed_by_snakedeploy(host, alone, config, newest, analysis):
    deploy = "from snakedeploy.client import main; main()"
    arguments = ["deploy-workflow", "https://github.com/owner/gcov", ".", "--tag", "v1"]
    subprocess.run([sys.executable, "-c", deploy, *arguments], cwd=analysis.folder, env=host, check=True)
    own_files(analysis.folder, newest[0])
    analysis.configure(config)
    run = [sys.executable, "-m", "snakemake", "--cores", "2"]
    for more in (["--dry-run"], [TABLE]):
        done = subprocess.run(
            [*run, *more], cwd=analysis.folder, env=as_installed(host), stderr=subprocess.STDOUT, stdout=-1, text=True
        )
        assert done.returncode == 0, done.stdout
        assert "profiles/default is not in force" not in done.stdout
        assert more == [TABLE] or "output: results/index.html" in done.stdout
    assert (analysis.folder / TABLE).read_text() == alone


def test_two_instances_with_prefixes_read_the_same_relative_paths(host, alone, config, newest, analysis):
    own_files(analysis.folder, newest[0])
    analysis.configure(config)
    snakefile = analysis.folder / "Snakefile"
    snakefile.write_text(TWO)
    analysis.run("-s", str(snakefile), f"one/{TABLE}", "two/results/valley/granules.csv", env=host)
    assert (analysis.folder / "one" / TABLE).read_text() == alone
    tables = [analysis.folder / name / "results/valley/granules.csv" for name in ("one", "two")]
    assert tables[0].read_text() == tables[1].read_text()
    snakefile.write_text(TWO + ANOTHER)
    done = analysis.snakemake("-s", str(snakefile), "-n", f"one/{TABLE}", env=host)
    assert done.returncode and "must be the same version" in done.output
