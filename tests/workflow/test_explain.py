"""The cost of a run before it starts: `snakemake explain`, and the arithmetic behind it."""

import math
import re
from collections import Counter

import geopandas
import numpy as np
import pytest
import shapely
from helpers import BBOX, EPSG, REPO, zone_file
from search import report

from gcov.granules import Granule
from gcov.identification import granule_of_file
from gcov.inputs.asked import coverage
from gcov.inputs.asked import zones as zones_of
from gcov.inputs.config import read_config
from gcov.inputs.volume import needed_by_layer, needed_bytes, needed_requests

QUARTER = [0.0, -0.1, 0.2, 0.1]  # degrees at the equator: 22.2 x 22.2 km


def granule(mode: str = "2005", size: int | None = None, start: str = "", **facts) -> Granule:
    return Granule(name="G", start=start, crid="X05009", maturity="BETA", mode=mode, size=size, **({"end": ""} | facts))


@pytest.mark.parametrize(("mode", "posting"), [("4005", 10), ("2005", 20), ("7700", 20)])
def test_bytes_are_those_of_the_chunks_a_box_touches(mode, posting):
    side = 22_200 / posting / 512 + 1  # chunks: one more than fit, for a box lies anywhere
    found = needed_by_layer(QUARTER, "A", granule(mode), ("HHHH", "HHHV", "numberOfLooks"))
    per_sample = {"HHHH": 2.4, "HHHV": 4.8, "numberOfLooks": 3.4, "mask": 0.02}
    assert found == {name: pytest.approx(side**2 * 512**2 * each, rel=2e-3) for name, each in per_sample.items()}


def test_a_complex_term_costs_twice_and_no_box_more_than_the_granule():
    real, both = (needed_bytes(QUARTER, "A", granule(), names) for names in (("HHHH",), ("HHHH", "HHHV")))
    assert both / real == pytest.approx((2.4 + 4.8 + 0.02) / (2.4 + 0.02))
    assert needed_bytes(QUARTER, "A", granule(size=1_000_000), ("HHHH",)) == 1_000_000
    assert needed_bytes(QUARTER, "B", granule(), ("HHHH",)) < real / 4  # 80 m


@pytest.mark.parametrize("size", [None, 10**9, 20_000_000, 1000])
@pytest.mark.parametrize("codes", ["DHDH", "SHSH"])
def test_the_lines_of_the_search_add_up(caplog, size, codes):
    """Whether or not a granule is smaller than the box, and where one lacks a term."""
    granules = [
        granule(size=size, polarizations=code, start=f"2025-11-2{n}", end=f"2025-11-2{n}")
        for n, code in enumerate(["DHDH", codes])
    ]
    with caplog.at_level("INFO"):
        report(granules, [], QUARTER, "A", ("HHHH", "HVHV", "HHHV", "numberOfLooks"))
    total = int(re.search(r"needs roughly (\d+) MB", caplog.text)[1])
    parts = {name: int(megabytes) for name, megabytes in re.findall(r"of which (\w+) is roughly (\d+) MB", caplog.text)}
    assert list(parts) == ["HHHH", "HVHV", "HHHV", "numberOfLooks", "mask"] and sum(parts.values()) == total
    assert total <= 2 * (size or 10**9) / 1e6 + 3
    if size != 1000:
        assert parts["HVHV"] < parts["HHHH"] if codes == "SHSH" else parts["HVHV"] == parts["HHHH"]


def test_requests_grow_by_a_row_of_chunks_for_each_layer():
    one, two = (needed_requests(QUARTER, "A", granule(), ("HHHH",) * number) for number in (1, 2))
    assert one == math.ceil(18 + 22_200 / 20 / 512 + 1) and two - one in (3, 4)


def test_every_product_states_what_it_costs(registered):
    """But for the search, which has run before `explain` counts jobs."""
    stated = {one["rule"] for one in registered if one["cost"]}
    assert {one["rule"] for one in registered} - stated == {"search"}


def test_the_gallery_shows_every_product_with_a_picture(registered):
    """Under its heading, with its first file and the key that makes it."""
    gallery = (REPO / "docs" / "gallery.md").read_text()
    entries = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", gallery, re.MULTILINE | re.DOTALL))
    first = {one["name"]: one for one in reversed(registered)}
    pictured = {
        one["name"] for one in registered if any(path.endswith(("png", "gif", "html")) for path in one["files"])
    }
    assert set(entries) == pictured
    for name, one in ((name, first[name]) for name in entries):
        file = one["files"][0].removeprefix("results/{aoi}/")
        assert file in entries[name], name
        assert one["key"] is None or f"key `{one['key']}`" in entries[name], name


def test_explain_counts_the_jobs_that_snakemake_runs(analysis, aoi):
    """Of every rule for an AOI: of one that asks for everything and one that asks for nothing."""
    zone_file(analysis.folder / "zones.geojson", {"all": shapely.box(*aoi["bbox"])}, 4326)
    periods = {"before": ["2025-11-01", "2025-12-10"], "after": ["2025-12-11", "2026-01-31"]}
    everything = {
        "terms": ["HHHH", "HVHV"],
        "zones": "zones.geojson",
        "rainfall": "rain.csv",
        "baseline": ["2025-11-23", "2025-12-05"],
        "indices": ["RVI", "HVHV/HHHH"],
        "changes": {"one": periods, "two": periods},
        "geotiff": ["power", "db", "statistics", "indices", "changes", "filtered"],
        **{"statistics": True, "change_history": True, "filter_window": 5, "explore_megabytes": 24},
    }
    rain = [f"2025-12-{day:02},1" for day in range(1, 30)]  # lacks the end of November
    (analysis.folder / "rain.csv").write_text("\n".join(["date,mm", *rain]))
    printed = analysis.configure({"aois": {"valley": aoi | everything, "plain": aoi}}).run("explain")
    for line in (
        "left out  1 superseded; 5 granules found",  # 4 and 1
        "gaps      none",
        "area      1.6 x 1.4 km; about 78 x 72 samples a date",  # 0.016 x 111 cos 28.27, 0.013 x 111; 20 m
        "coverage  4 of 4 granules meet the AOI",
        "change    one: 2 dates before, 2 after",  # of 23 November, 5, 17 and 29 December
        "baseline  2 dates",
        "rain      2025-12-01 to 2025-12-29: known for 2 of the 3 dates after the first",
    ):
        assert f"  {line}\n" in printed
    (samples,) = re.findall(r"  zones     1 zone with about this many samples: all ([\d,]+)\n", printed)
    assert int(samples.replace(",", "")) == pytest.approx(78 * 72, rel=0.02)
    assert analysis.results("*/fragments/*") == [] and analysis.results("*/stack.zarr") == [], "no samples are read"
    totals = re.findall(r"^  in all +(\d+) jobs", printed, re.MULTILINE)
    parts = [re.findall(r"^  \w+ +(\d+) jobs .* (\d+) MB", part, re.MULTILINE) for part in printed.split("plain: ")]
    assert list(map(int, totals)) == [sum(int(number) for number, _ in part) for part in parts]
    largest = re.findall(r"^  largest   \w+ with (\d+) MB", printed, re.MULTILINE)
    assert list(map(int, largest)) == [max(int(megabytes) for _, megabytes in part) for part in parts]
    counted = Counter()
    for rule, number in re.findall(r"^  (\w+) +(\d+) jobs", printed, re.MULTILINE):
        counted[rule] += int(number)
    planned = dict(re.findall(r"^(\w+) +(\d+)$", analysis.run("--dry-run"), re.MULTILINE))
    assert counted == {rule: int(planned[rule]) for rule in planned.keys() - {"all", "catalog", "index", "total"}}


@pytest.mark.parametrize(
    ("bbox", "said"),
    [
        (BBOX, "4 of 4 granules meet the AOI"),
        ([BBOX[1], BBOX[0], BBOX[3], BBOX[2]], "Warning: no granule meets the AOI: latitude and longitude swapped?"),
        ([10, 50, 10.1, 50.1], "Warning: no granule meets the AOI: are latitude and longitude swapped?"),
    ],
)
def test_whether_local_granules_meet_the_aoi_is_known_before_they_are_read(newest, bbox, said):
    aoi = {"bbox": bbox, "granules": [str(path) for path in newest]}
    settings = read_config({"aois": {"valley": aoi}})[1]
    assert coverage(settings.aois["valley"], [granule_of_file(str(path)) for path in newest]).startswith(said)


def test_the_smallest_zones_are_named_with_their_samples(tmp_path):
    """Squares of 1 to 10 samples of 20 m along their sides, and a point."""
    names = [f"square {side}" for side in range(1, 11)]
    squares = [shapely.box(3e5 + 1000 * side, 3.12e6, 3e5 + 1020 * side, 3.12e6 + 20 * side) for side in range(1, 11)]
    zones = geopandas.GeoDataFrame({"name": [*names, "station"]}, geometry=[*squares, shapely.Point(3e5, 3.12e6)])
    zones.set_crs(EPSG).to_file(tmp_path / "zones.gpkg")
    area = np.add(zones.set_crs(EPSG).to_crs(4326).total_bounds, [-0.1, -0.1, 0.1, 0.1])
    entry = {"bbox": area.tolist(), "granules": ["x.h5"], "zones": str(tmp_path / "zones.gpkg"), "point_size": 120}
    aoi = read_config({"aois": {"valley": entry}})[1].aois["valley"]
    said = ", ".join(f"square {side} {side**2}" for side in range(1, 6))
    assert zones_of(aoi, granule()) == (
        f"11 zones with about this many samples: {said}, square 6 36, station 36, square 7 49 and 3 larger ones"
    )
