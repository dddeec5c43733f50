"""What an AOI's settings ask of the dates found: whether they meet the AOI, its periods, rain and zones, as text.

All of it is known before any sample is read; numbers of samples are estimates from the posting of the granules' mode.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import shapely

from gcov.granules import Granule
from gcov.hdf5 import open_hdf5, text
from gcov.identification import IDENTIFICATION
from gcov.inputs.rain import read_rain, since_date_before
from gcov.inputs.settings import Aoi
from gcov.inputs.volume import posting_of, samples_of, size_of
from gcov.stores.outlines import stated
from gcov.words import number_of

MOST_ZONES = 8  # that are named
EQUAL_AREA = 6933  # EPSG code of a CRS of the whole globe without distortion of areas


def asked(aoi: Aoi, granules: list[Granule], starts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Labels and texts on an AOI, its kept granules and its dates, which begin at `starts` (ISO 8601 in UTC)."""
    width, height = (metres / 1000 for metres in size_of(aoi.bbox))
    rows, columns = samples_of(aoi.bbox, aoi.frequency, granules[0])
    bounds = ", the bounds of the polygon" if aoi.polygon else ""
    yield "area", f"{width:.1f} x {height:.1f} km{bounds}; about {columns:,.0f} x {rows:,.0f} samples a date"
    yield "coverage", coverage(aoi, granules)
    days = [start[:10] for start in starts]
    for name, change in aoi.changes.items():
        before, after = (_inside(days, period) for period in (change["before"], change["after"]))
        nothing = "" if before and after else ": nothing can be tested"
        yield "change", f"{name}: {number_of(before, 'date')} before, {after} after{nothing}"
    if aoi.baseline:
        number = _inside(days, aoi.baseline)
        yield "baseline", f"{number_of(number, 'date')}{'' if number else ': there are no anomalies'}"
    if aoi.rainfall:
        yield "rain", rain(aoi.rainfall, starts)
    if aoi.zones:
        yield "zones", zones(aoi, granules[0])


def coverage(aoi: Aoi, granules: list[Granule]) -> str:
    """How many granules meet the AOI: the search knows it, or local files state their outlines."""
    area = shapely.from_wkt(aoi.polygon) if aoi.polygon else shapely.box(*aoi.bbox)
    if not aoi.granules and "intersects" not in aoi.search:
        return "every granule meets the AOI, by its footprint in the catalogue"
    outlines = [outline for one in granules if one.path and (outline := _outline(one.path)) is not None]
    meeting = sum(shapely.intersects(outline, area) for outline in outlines)
    unknown = len(granules) - len(outlines)
    if unknown:
        return f"{meeting} granules meet the AOI; not known of {unknown} before they are read"
    if meeting:
        return f"{meeting} of {number_of(len(outlines), 'granule')} meet the AOI"
    swapped = shapely.transform(area, lambda xy: xy[:, ::-1])
    exchanged = any(shapely.intersects(outline, swapped) for outline in outlines)
    there = ", ".join(f"{edge:.3f}" for edge in shapely.total_bounds(outlines))
    return (
        f"Warning: no granule meets the AOI: {'' if exchanged else 'are '}latitude and longitude swapped?"
        f" The granules are within [{there}] (west, south, east, north)"
    )


def _outline(path: str) -> shapely.Geometry | None:
    """The outline that a local granule states, in degrees; None if it states none."""
    with open_hdf5(path, path) as file:
        return stated(text(file, f"{IDENTIFICATION}/boundingPolygon"))


def _inside(days: Sequence[str], period: Sequence[str]) -> int:
    return sum(period[0] <= day <= period[1] for day in days)


def rain(path: str, starts: Sequence[str]) -> str:
    """The days of a rain file, and on how many dates the rain since the date before is known."""
    days = read_rain(path)
    known = int(np.isfinite(since_date_before(days, np.array(starts, "datetime64[s]"))).sum())
    return f"{min(days)} to {max(days)}: known for {known} of the {number_of(len(starts) - 1, 'date')} after the first"


def zones(aoi: Aoi, granule: Granule) -> str:
    """The approximate number of samples of each zone inside the AOI on a date, the smallest first."""
    from gcov.inputs.zones import POINTS, read_zones  # imports geopandas, needed only with zones

    assert aoi.zones is not None
    found = read_zones(aoi.zones, aoi.zone_name, "zones").to_crs(4326)
    area = shapely.from_wkt(aoi.polygon) if aoi.polygon else shapely.box(*aoi.bbox)
    square_metres = found.intersection(area).to_crs(EQUAL_AREA).area
    points = found.geom_type.isin(POINTS)
    square_metres[points] = aoi.point_size**2 * found[points].count_geometries()
    samples = (square_metres / posting_of(granule, aoi.frequency) ** 2).sort_values()
    shown = [f"{name} {number:,.0f}" for name, number in samples.head(MOST_ZONES).items()]
    more = f" and {len(samples) - MOST_ZONES} larger ones" if len(samples) > MOST_ZONES else ""
    return f"{number_of(len(samples), 'zone')} with about this many samples: {', '.join(shown)}{more}"
