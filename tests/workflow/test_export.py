"""GeoTIFFs and catalogue in the workflow: what is made, and what a new date leaves unchanged."""

import shutil

import pystac
import pytest
from helpers import BBOX
from runtime import jobs_of

pytestmark = pytest.mark.long

DAYS = ["20251123", "20251205"]


@pytest.fixture(scope="module")
def first_run(module_analysis, newest):
    """An analysis of two dates, after its first run, and what that printed."""
    analysis = module_analysis
    (analysis.folder / "data").mkdir()
    for path in newest[:2]:
        shutil.copy2(path, analysis.folder / "data")
    aoi = {"bbox": BBOX, "granules": ["data/*.h5"], "geotiff": ["power", "db"]}
    analysis.configure({"aois": {"valley": aoi}, "terms": ["HHHH"], "basemap": None})
    return analysis, analysis.run("results/valley/stac")


def test_a_file_for_each_date_and_a_catalogue_of_them(first_run):
    analysis, output = first_run
    wanted = [f"valley/geotiff/{quantity}_HHHH_{day}.tif" for quantity in ("db", "power") for day in DAYS]
    assert analysis.results("*/geotiff/*") == sorted(wanted)
    assert analysis.results("*/stac/*.json") == sorted(
        [f"valley/stac/{name}.json" for name in ("collection", *(f"valley_{day}" for day in DAYS))]
    )
    assert jobs_of(output) == {"search": 1, "clip": 2, "geotiff_date": 4, "stack": 1, "stac": 1}
    collection = pystac.read_file(str(analysis.folder / "results" / "valley" / "stac" / "collection.json"))
    assert all(set(item.assets) == {"power_HHHH", "db_HHHH", "stack"} for item in collection.get_items())
    for kind in ("logs", "benchmarks/results"):
        assert len(list((analysis.folder / kind / "valley" / "geotiff").iterdir())) == 4


def test_a_new_date_leaves_the_files_of_the_others(first_run, newest):
    analysis, _ = first_run
    folder = analysis.folder / "results" / "valley" / "geotiff"
    before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}
    shutil.copy2(newest[2], analysis.folder / "data")
    output = analysis.run("-R", "search", "--", "results/valley/stac")
    assert jobs_of(output) == {"search": 1, "clip": 1, "geotiff_date": 2, "stack": 1, "stac": 1}
    after = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"power_HHHH_20251217.tif", "db_HHHH_20251217.tif"}
    assert "Nothing to be done" in analysis.run("results/valley/stac")


def test_any_file_may_be_asked_for_by_name(first_run):
    analysis, _ = first_run
    analysis.configure(
        {"aois": {"valley": {"bbox": BBOX, "granules": ["data/*.h5"]}}, "terms": ["HHHH"], "basemap": None}
    )
    asked = set(jobs_of(analysis.run("-n")))
    assert "stack_db" in asked and not {"geotiff_date", "stac"} & asked, (
        "without the key nothing of it is part of `all`"
    )
    done = analysis.snakemake("-n", "results/valley/geotiff/db_HHHH_20251124.tif")
    assert done.returncode and "valley has no date 20251124; it has 20251123, 20251205" in done.output
