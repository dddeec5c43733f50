"""A second run fetches only what is new, counted in jobs and in requests at the archive's server."""

import os
import re
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import shapely
import xarray as xr
from helpers import BBOX, FIRST, REPO, zone_file
from runtime import jobs_of
from servers.archive import TOKEN, Archive
from servers.cmr import CmrServer
from servers.field import FOOTPRINT
from servers.tls import trust

from gcov.testing.synthetic import granule_name, write_granule

pytestmark = pytest.mark.long

WEST, SOUTH, EAST, NORTH = BBOX
PRODUCTS = ("stack.zarr", "HHHH/mean_series.csv")


class Field:
    """An archive that grows, a folder that follows it, and counts of what each run did."""

    def __init__(self, analysis, archive, cmr, band):
        self.analysis, self.archive, self.cmr, self.band = analysis, archive, cmr, band
        self.env = {**os.environ, **trust(archive.ca_pem), "EARTHDATA_TOKEN": TOKEN, "GCOV_TRUST_HOST": archive.host}
        half = (WEST + EAST) / 2
        self.config = {
            "aois": {"one": {"bbox": [WEST, SOUTH, half, NORTH]}, "two": {"bbox": [half, SOUTH, EAST, NORTH]}},
            "search": {"relative_orbit": 26, "frame": 16},
            "terms": ["HHHH"],
            "archive": {"access": "https", "cmr_host": cmr.host, "credentials_url": archive.credentials_url},
            "basemap": None,
        }
        for index in range(3):
            self.acquire(index)

    def acquire(self, index: int, crid: str = "X05009") -> str:
        """A granule of date `index` appears in the archive and its catalogue."""
        name = granule_name(cycle=6 + index, start=FIRST + timedelta(days=12 * index), crid=crid)
        folder = self.analysis.folder / "written"
        folder.mkdir(exist_ok=True)
        self.archive.add(
            write_granule(folder, name, {"A": self.band(12 * index + (crid != "X05009"))}, chunks=(64, 64))
        )
        self.cmr.items[:] = self.archive.umm_items(FOOTPRINT)
        return name

    def withdraw(self, name: str) -> None:
        """A granule leaves catalogue and archive."""
        (self.analysis.folder / "written" / f"{name}.h5").unlink()
        self.cmr.items[:] = [item for item in self.cmr.items if name not in item["umm"]["GranuleUR"]]

    def run(self, *arguments: str, aois: tuple[str, ...] = ("one", "two")) -> tuple[Counter, Counter]:
        """Run the workflow; returns the jobs by rule, and the requests for data by granule."""
        self.analysis.configure(self.config)
        self.archive.reset_log()
        targets = [f"results/{aoi}/{product}" for aoi in aois for product in PRODUCTS]
        output = self.analysis.run(*targets, *arguments, env=self.env)
        fetched = Counter(Path(entry.path.split("?")[0]).stem for entry in self.archive.entries(way="cdn"))
        return jobs_of(output), fetched

    def dates(self, aoi: str = "one") -> list[str]:
        """The granules on the stack's time axis."""
        with xr.open_zarr(self.analysis.folder / "results" / aoi / "stack.zarr") as stack:
            return [str(name) for name in stack.granule.values]

    def series(self, aoi: str = "one") -> str:
        """The mean series as text."""
        return (self.analysis.folder / "results" / aoi / "HHHH" / "mean_series.csv").read_text()


@pytest.fixture(scope="module")
def field(module_analysis, band, tmp_path_factory):
    """Three dates in the archive, two AOIs, and the first run done. Each test leaves three dates and all results."""
    with Archive(tmp_path_factory.mktemp("archive")) as archive, CmrServer() as cmr:
        field = Field(module_analysis, archive, cmr, band)
        jobs, _ = field.run()
        assert jobs == {"search": 2, "clip": 6, "stack": 2, "summarize": 2}
        yield field


def test_what_is_new_is_fetched_and_nothing_else(field):
    def search_again():
        return field.run("-R", "search", aois=("one",))

    assert field.run() == ({}, {})
    jobs, fetched = search_again()
    assert (jobs, fetched) == ({"search": 1}, {}), "a search that finds nothing new redoes nothing"

    new = field.acquire(3)
    jobs, fetched = search_again()
    assert jobs == {"search": 1, "clip": 1, "stack": 1, "summarize": 1}
    assert set(fetched) == {new}
    assert field.dates()[-1] == new and len(field.dates()) == 4
    assert new in field.series()

    old = field.dates()[1]
    newer = field.acquire(1, crid="X05010")
    jobs, fetched = search_again()
    assert jobs == {"search": 1, "clip": 1, "stack": 1, "summarize": 1}
    assert set(fetched) == {newer}
    assert len(field.dates()) == 4 and field.dates()[1] == newer
    assert newer in field.series() and old not in field.series()

    field.withdraw(new)
    jobs, fetched = search_again()
    assert jobs == {"search": 1, "stack": 1, "summarize": 1}
    assert not fetched
    assert len(field.dates()) == 3 and new not in field.series()


def test_a_changed_setting_redoes_what_it_touches(field):
    other = (field.analysis.folder / "results/two/stack.zarr/zarr.json").stat().st_mtime_ns
    field.config["aois"]["one"]["bbox"][0] += 0.002
    jobs, fetched = field.run()
    assert jobs == {"search": 1, "clip": 3, "stack": 1, "summarize": 1}
    assert len(fetched) == 3
    assert (field.analysis.folder / "results/two/stack.zarr/zarr.json").stat().st_mtime_ns == other

    field.config["aois"]["two"]["terms"] = ["HHHH", "HVHV"]
    jobs, fetched = field.run()
    assert jobs == {"search": 1, "clip": 3, "stack": 1, "summarize": 1}
    assert len(fetched) == 3

    before = field.series("two")
    field.config["valid_samples_only"] = False
    jobs, fetched = field.run()
    assert (jobs, fetched) == ({"summarize": 2}, {})
    assert field.series("two") != before

    field.config["archive"]["access"] = "auto"
    assert field.run() == ({}, {}), "where the bytes come from does not change them"


def test_results_copied_without_snakemakes_notes_are_used_as_they_are(field):
    """Also where the archive has moved: every record has changed, no granule has."""
    shutil.rmtree(field.analysis.folder / ".snakemake")
    assert field.run("-R", "search", aois=("one",)) == ({"search": 1}, {})
    with Archive(field.analysis.folder / "written") as elsewhere:
        field.cmr.items[:] = elsewhere.umm_items(FOOTPRINT)
        field.config["archive"]["credentials_url"] = elsewhere.credentials_url
        field.env["GCOV_TRUST_HOST"] = elsewhere.host
        assert field.run("-R", "search", aois=("one",)) == ({"search": 1}, {})
        record = next((field.analysis.folder / "results/one/granules").glob("*.json")).read_text()
        assert elsewhere.host in record
        shutil.rmtree(field.analysis.folder / ".snakemake")
        assert field.run("-R", "search", aois=("one",)) == ({"search": 1}, {})
        assert elsewhere.entries(way="cdn") == []


def test_a_comment_in_a_script_redoes_nothing(analysis, newest, tmp_path):
    copy = tmp_path / "copy"
    for part in ("scripts", "rules", "config", "profiles", "report", "envs"):
        shutil.copytree(REPO / part, copy / part)
    shutil.copy(REPO / "Snakefile", copy)
    config = {"aois": {"one": {"bbox": list(BBOX), "granules": [str(path) for path in newest[:1]]}}, "basemap": None}
    analysis.configure(config)
    arguments = ["-s", str(copy / "Snakefile"), "results/one/HHHH/mean_series.csv"]
    analysis.run(*arguments)
    for script in (copy / "scripts").glob("*.py"):
        script.write_text(script.read_text() + "# a comment\n")
    assert "Nothing to be done" in analysis.run(*arguments)


AREA = shapely.box(WEST + 0.001, SOUTH + 0.001, WEST + 0.01, SOUTH + 0.008)


def write_older(folder, files: dict) -> None:
    """Replace files by others whose time stamps are years older than all results."""
    for name, write in files.items():
        write(folder / name)
    for path in folder.glob("*.*"):
        os.utime(path, (1e9, 1e9))


def zones(name: str):
    return lambda path: zone_file(path, {name: AREA}, 4326)


def test_own_files_replaced_by_older_ones_are_noticed(analysis, newest):
    """Rain, zones, a part of a Shapefile, and the file of a polygon; only the last one fetches anything."""
    rain = {amount: lambda path, a=amount: path.write_text(f"date,mm\n2025-11-24,{a}\n") for amount in (12, 108)}
    write_older(analysis.folder, {"rain.csv": rain[12], "z.geojson": zones("a"), "z.shp": zones("a")})
    (analysis.folder / "aoi.wkt").write_text(AREA.wkt)
    common, more = {"granules": [str(newest[0])]}, {"terms": ["HHHH", "HVHV"], "indices": ["RVI"]}
    aois = {
        "a": {"bbox": list(AREA.bounds), "zones": "z.geojson", "rainfall": "rain.csv", **common, **more},
        "b": {"polygon": "aoi.wkt", "zones": "z.shp", **common},
    }
    analysis.configure({"aois": aois, "basemap": None, "explore_megabytes": 24})
    names = ("HHHH/zones.csv", "indices.csv", "explore.html", "location.png")
    targets = [*(f"results/a/{name}" for name in names), "results/b/HHHH/zones.csv"]
    analysis.run(*targets)

    def remade(files: dict) -> set:
        """Rules and AOIs of the jobs that would run."""
        write_older(analysis.folder, files)
        job = r"(?:rule|checkpoint) (\w+):\n(?:.*\n)*?.*wildcards: aoi=(\w+)"
        return set(re.findall(job, analysis.run("--dry-run", *targets)))

    of_zones = {"zones", "indices", "explore", "location"}
    assert remade({}) == set()
    assert remade({"z.geojson": zones("b")}) == {(rule, "a") for rule in of_zones}
    old = (analysis.folder / "z.prj").read_text()
    other = lambda path: path.write_text(old + " ")  # noqa: E731
    assert remade({"z.geojson": zones("a"), "z.prj": other}) == {("zones", "b")}
    back = lambda path: path.write_text(old)  # noqa: E731
    of_rain = {"summarize", "looks", "dates", "zones", "indices", "caption", "methods", "explore"}
    assert remade({"z.prj": back, "rain.csv": rain[108]}) == {(rule, "a") for rule in of_rain}
    assert remade({"rain.csv": rain[12]}) == set()
    larger = AREA.buffer(0.0005).wkt
    assert ("search", "b") in remade({"aoi.wkt": lambda path: path.write_text(larger)})
