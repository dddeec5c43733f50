"""The workflow as a module of another one: rules renamed, or changed by `use rule NAME from gcov with:`."""

import pytest
from conftest import Analysis
from helpers import BBOX, REPO

MODULE = f"""
configfile: "config/config.yaml"

module gcov:
    snakefile: "{REPO}/Snakefile"
    config: config["gcov"]
"""
SERIES = "results/valley/HHHH/mean_series.csv"
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


@pytest.fixture(scope="module")
def config(newest) -> dict:
    aoi = {"bbox": BBOX, "granules": [str(newest[0])], "terms": ["HHHH"]}
    return {"aois": {"valley": aoi}, "basemap": None, "explore_megabytes": None}


@pytest.fixture(scope="module")
def alone(config, module_analysis) -> str:
    """The mean series of the workflow by itself."""
    module_analysis.configure(config).run(SERIES)
    return (module_analysis.folder / SERIES).read_text()


def host(analysis: Analysis, config: dict, text: str) -> Analysis:
    """Another workflow in the analysis folder, which uses this one as a module."""
    analysis.configure({"gcov": config, "other": 1})
    (analysis.folder / "Snakefile").write_text(MODULE + text)
    return analysis


@pytest.mark.parametrize(
    ("module", "uses", "target"),
    [
        ("", "use rule * from gcov\n", SERIES),
        ('    prefix: "sar"\n', ALL + OWN, "own/valley/HHHH/mean_series.csv"),
        ('    prefix: "sar"\n', ALL + "".join(map(MORE.format, CHANGED)) + MINE, "mine.csv"),
    ],
)
def test_rules_are_used_as_they_are_or_changed(module, uses, target, alone, config, analysis):
    output = host(analysis, config, module + uses).run("-s", f"{analysis.folder}/Snakefile", target)
    assert (analysis.folder / target).read_text() == alone
    assert "localrules directive" not in output


def test_the_other_workflow_keeps_its_own_ways(alone, config, analysis):
    """Snakemake's settings and the environment; a rule of its own that has the name of one of the module's."""
    config = config | {"archive": {"fetch_on_submit_host": True}}
    analysis = host(analysis, config, ALL + KEPT)
    output = analysis.run("-s", f"{analysis.folder}/Snakefile", SERIES)
    assert (analysis.folder / SERIES).read_text() == alone
    assert "LIMIT (100, 1.0)" in output and "MALLOC None" in output and "GROUPS <class 'dict'>" in output
    local = ["clip", "clip_superseded", "explain", "geometry", "location", "record_of_superseded", "search", "verify"]
    assert f"LOCAL {[f'g_{name}' for name in local]}" in output
