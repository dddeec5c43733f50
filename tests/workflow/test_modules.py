"""The workflow as a module of another one, from a folder or a Git host, and deployed by snakedeploy.

All of it offline, with a clone that stands for the host.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import shapely
from conftest import Analysis
from helpers import BBOX, REPO, zone_file
from runtime import as_installed

MODULE = f"""
configfile: "config/config.yaml"

module gcov:
    snakefile: "{REPO}/Snakefile"
    config: config["gcov"]
"""
SERIES, TABLE = (f"results/valley/HHHH/{name}.csv" for name in ("mean_series", "zones"))
ALL = "use rule * from gcov as g_*\n"
OWN = """
use rule summarize from gcov as my_summarize with:
    output:
        mean_series="own/{aoi}/{term}/mean_series.csv",
        histogram_db="own/{aoi}/{term}/db.csv",
        histogram_power="own/{aoi}/{term}/power.csv",
        stretch="own/{aoi}/{term}/stretch.json",
        speckle="own/{aoi}/{term}/speckle.json",
        no_echo="own/{aoi}/{term}/no_echo.csv",
"""
MORE = """
use rule {0} from gcov as g_{0} with:
    resources:
        runtime=99,
"""
MINE = f"""
rule mine:
    input: "sar/{SERIES}"
    output: "mine.csv"
    shell: "cp {{input}} {{output}}"
"""
CHANGED = ("search", "clip", "stack", "summarize")
KEPT = """
import os

rule location:
    output: touch("own.txt")

onsuccess:
    limiter = workflow.scheduler.job_rate_limiter
    print("LIMIT", (limiter.max_jobs, limiter.timespan))
    print("MALLOC", os.environ.get("MALLOC_ARENA_MAX"))
    print("GROUPS", type(workflow.dag.group_job_factory.cache))
    print("LOCAL", sorted(workflow._localrules))
"""


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
def github(tmp_path_factory) -> dict[str, str]:
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
    half = shapely.Polygon([(west, south), (east, south), (east, north)])
    zone_file(folder / "zones.geojson", {"half": half}, 4326)


@pytest.fixture(scope="module")
def alone(config, newest, module_analysis) -> dict[str, str]:
    """Tables by a local workflow."""
    own_files(module_analysis.folder, newest[0])
    module_analysis.configure(config).run(SERIES, TABLE)
    return {name: (module_analysis.folder / name).read_text() for name in (SERIES, TABLE)}


@pytest.fixture
def host(analysis, config, newest):
    """A function that makes another workflow, which uses this one as a module."""
    own_files(analysis.folder, newest[0])

    def write(text: str, **more) -> Analysis:
        analysis.configure({"gcov": config | more, "other": 1})
        (analysis.folder / "Snakefile").write_text(MODULE + text)
        return analysis

    return write


@pytest.mark.parametrize(
    ("uses", "target"),
    [
        (ALL + OWN, "own/valley/HHHH/mean_series.csv"),
        (ALL + "".join(map(MORE.format, CHANGED)) + MINE, "mine.csv"),
    ],
)
def test_rules_are_changed(uses, target, alone, host):
    analysis = host('    prefix: "sar"\n' + uses)
    output = analysis.run("-s", f"{analysis.folder}/Snakefile", target)
    assert (analysis.folder / target).read_text() == alone[SERIES]
    assert "localrules directive" not in output


def test_the_other_workflow_keeps_its_own_ways(alone, host):
    """Snakemake's settings and the environment; a rule of its own that has the name of one of the module's."""
    analysis = host(ALL + KEPT, archive={"fetch_on_submit_host": True})
    output = analysis.run("-s", f"{analysis.folder}/Snakefile", SERIES)
    assert (analysis.folder / SERIES).read_text() == alone[SERIES]
    assert "LIMIT (100, 1.0)" in output and "MALLOC None" in output and "GROUPS <class 'dict'>" in output
    local = ["clip", "clip_superseded", "explain", "geometry", "location", "record_of_superseded", "search", "verify"]
    assert f"LOCAL {[f'g_{name}' for name in local]}" in output


def test_deployed_by_snakedeploy(github, alone, config, newest, analysis):
    deploy = "from snakedeploy.client import main; main()"
    arguments = ["deploy-workflow", "https://github.com/owner/gcov", ".", "--tag", "v1"]
    subprocess.run([sys.executable, "-c", deploy, *arguments], cwd=analysis.folder, env=github, check=True)
    own_files(analysis.folder, newest[0])
    analysis.configure(config)
    run = [sys.executable, "-m", "snakemake", "--cores", "2"]
    for more in (["--dry-run"], [TABLE]):
        done = subprocess.run(
            [*run, *more], cwd=analysis.folder, env=as_installed(github), stderr=subprocess.STDOUT, stdout=-1, text=True
        )
        assert done.returncode == 0, done.stdout
        assert "profiles/default is not in force" not in done.stdout
        assert more == [TABLE] or "output: results/index.html" in done.stdout
    assert (analysis.folder / TABLE).read_text() == alone[TABLE]


def test_two_instances_with_prefixes_read_the_same_relative_paths(github, alone, config, newest, analysis):
    own_files(analysis.folder, newest[0])
    analysis.configure(config)
    snakefile = analysis.folder / "Snakefile"
    snakefile.write_text(TWO)
    analysis.run("-s", str(snakefile), f"one/{TABLE}", "two/results/valley/granules.csv", env=github)
    assert (analysis.folder / "one" / TABLE).read_text() == alone[TABLE]
    tables = [analysis.folder / name / "results/valley/granules.csv" for name in ("one", "two")]
    assert tables[0].read_text() == tables[1].read_text()
    snakefile.write_text(TWO + ANOTHER)
    done = analysis.snakemake("-s", str(snakefile), "-n", f"one/{TABLE}", env=github)
    assert done.returncode and "must be the same version" in done.output
