"""Statistics over time and series of zones, beside xarray with dask, exactextract and plainly reading the stack."""

from collections.abc import Iterator
from pathlib import Path

import geopandas
import shapely

from bench import analysis, frames, measure
from bench.checkouts import Checkout
from bench.series import TERM, Series
from bench.table import Row, at_least, at_most, note

STATISTICS = f"{TERM}/statistics.zarr"
ZONES = f"{TERM}/zones.csv"
COLUMNS, ROWS = 15, 20


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Of this tree alone: an earlier one may have neither."""
    for dates in (100, 200):
        series = Series(cache, dates)
        folder = cache / f"paper_{dates}"
        run = made(series, folder, zone_file(cache, COLUMNS, ROWS))
        yield from statistics(folder, run, dates)
        if dates == 100:
            one = made(series, folder, zone_file(cache, 1, 1))
            yield from zones(folder, run, one)


def made(series: Series, folder: Path, zones: Path) -> analysis.Run:
    """The run that makes statistics and zones, in a folder that keeps its stack."""
    granules = [f"{series.granules()[0].parent}/*.h5"]
    aoi = {"bbox": frames.area(), "granules": granules, "zones": str(zones), "statistics": True}
    analysis.write_config(folder, {"aois": {"aoi": aoi}, "basemap": None})
    return analysis.snakemake(folder, "--forcerun", "zones", "temporal_statistics", "--", STATISTICS, ZONES)


def zone_file(cache: Path, columns: int, rows: int) -> Path:
    """Rectangles side by side that cover the AOI."""
    path = cache / f"zones_{columns * rows}.gpkg"
    west, south, east, north = frames.area()
    width, height = (east - west) / columns, (north - south) / rows
    boxes = [
        shapely.box(west + width * i, south + height * j, west + width * (i + 1), south + height * (j + 1))
        for i in range(columns)
        for j in range(rows)
    ]
    names = [str(number) for number in range(len(boxes))]
    geopandas.GeoDataFrame({"name": names}, geometry=boxes, crs=4326).to_file(path)
    return path


def statistics(folder: Path, run: analysis.Run, dates: int) -> Iterator[Row]:
    """CPU and memory of the statistics of all dates."""
    theirs = measure.call("notebook:statistics", str(folder / analysis.STACK))
    cpu, peak = run.cpu("temporal_statistics"), run.peak("temporal_statistics")
    texts = {"after": f"whole job {cpu:.1f} s, {peak:.0f} MB"}
    what = f"statistics of {dates} dates, CPU, beside xarray with dask"
    yield at_least(what, 2, f"{theirs.cpu:.1f} s, {theirs.peak:.0f} MB", texts, theirs.cpu / cpu)
    yield at_most("... peak memory", 400, "", texts, peak, " MB")


def zones(folder: Path, run: analysis.Run, one: analysis.Run) -> Iterator[Row]:
    """CPU of 300 zones on 100 dates."""
    stack = str(folder / analysis.STACK)
    many, single = run.cpu("zones"), one.cpu("zones")
    reading = measure.call("notebook:plain_reading", stack).cpu
    what = f"{COLUMNS * ROWS} zones that cover the AOI, 100 dates, CPU of the job"
    yield at_most(f"{what} / reading", 3, f"{reading:.1f} s", {"after": f"{many:.1f} s"}, many / reading)
    yield at_most(f"{what} / one zone", 2, f"{single:.1f} s", {"after": f"{many:.1f} s"}, many / single)
    theirs = measure.call("notebook:zonal", stack, str(zone_file(folder.parent, COLUMNS, ROWS)))
    yield note("... means alone by exactextract, one date", f"{theirs.cpu:.1f} s", {"after": f"{many / 100:.2f} s"})
