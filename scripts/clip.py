"""Read an AOI's window of one granule and write it as a fragment on the AOI's grid."""

from gcov.log import job_log, log

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import xarray as xr

from gcov.archive.ranges import RangeFile
from gcov.archive.sources import open_bytes
from gcov.errors import GcovError
from gcov.files import building
from gcov.granule import frames
from gcov.granule.product import Band, open_band
from gcov.granules import Granule, read_record
from gcov.inputs.settings import Archive, entry_of
from gcov.stores import facts, mosaic, noise, origin, store
from gcov.stores.grid import Window, aoi_window, inside_polygon, projected, window_grid
from gcov.stores.radiometry import fill_value, is_valid


def clip(
    *,
    granule: Granule,
    aoi: str,
    bbox: tuple[float, float, float, float],
    polygon: str | None,
    frequency: str,
    terms: tuple[str, ...],
    archive: Archive,
    fragment: Path,
    zones: str | None = None,
    zone_name: str = "name",
    point_size: float = 60,
    records: Path | None = None,
) -> None:
    """Write the fragment: terms (time=1, y, x) as in the product (linear gamma0) and `mask`, with provenance.

    The grid is the window of the granule's lattice that the AOI's bounds touch. Terms are NaN and the mask is 255
    outside the granule and outside the AOI polygon. A granule without a valid sample in the AOI also gets a fragment.
    Raises GcovError, naming the granule, if a band or term is missing or the file cannot be read; and before samples
    are read if one of the `zones`, a file of polygons and points, contains no pixel centre of the grid, or if the
    granule's grid does not fit those of the AOI's other granules, of which `records` is the folder.
    """
    if records:
        frames.compare_if_the_search_could_not(records, bbox, frequency, archive)
    read_from = {origin.NOTE: origin.note_of(granule.path)} if granule.path else {}
    source = open_bytes(granule, archive)
    with open_band(source, granule.label, frequency, terms) as band:
        band.check_layers([term for term in terms if granule.holds(term, frequency)])
        window = aoi_window(band.data, bbox, granule.label)
        grid = window_grid(band.data, window)
        area = {"aoi_bbox": list(bbox), "aoi_polygon": polygon or "", "frequency": frequency}
        if records:
            frames.check_with_fragments(granule, grid, area, records, fragment.parent)
        outline = projected(polygon, grid.rio.crs) if polygon else None
        if zones:
            check_zones(zones, zone_name, grid, polygon, point_size)
        tables, without_noise = band.noise(terms)
        attributes = {
            "title": f"{granule.name}: {aoi}",
            "aoi": aoi,
            **area,
            **provenance_of(granule, band),
            facts.NOTE: json.dumps(band.facts(terms, grid, outline)),
            "n_pixels_on_granule": math.prod(window.within(band.data["mask"].shape).shape),
        } | read_from
        with building(fragment) as part:
            dates = [mosaic.date_of([granule])]
            store.create(part, grid=grid, dates=dates, types=band.types(terms), attributes=attributes)
            n_pixels, n_valid, points = copy_samples(part, band, terms, window, grid, outline)
            if n_pixels == 0:
                size = abs(grid.rio.resolution()[0])
                raise GcovError(f"the polygon of {aoi} holds no pixel centre at {size:g} m: draw a larger one")
            floor = noise.described(tables, grid, *points)
            store.finish(part, n_pixels=n_pixels, n_valid=n_valid, noise=floor, without_noise=without_noise)
        report(granule.name, band.ignored_exceptions, attributes["bounding_polygon_source"], without_noise)
    percent = 100 * n_valid / max(n_pixels, 1)
    log.info("%s: %d of %d samples in the AOI valid (%.1f %%)", granule.name, n_valid, n_pixels, percent)
    if isinstance(source, RangeFile):
        log.info("%s: %d requests, %.1f MB", granule.name, len(source.received), sum(source.received) / 1e6)


def check_zones(zones: str, zone_name: str, grid: xr.Dataset, polygon: str | None, point_size: float) -> None:
    """Raise GcovError if one of the zones, polygons and points in a file, contains no pixel centre of the grid."""
    from gcov.inputs.zones import read_zones  # geopandas, for AOIs with zones
    from gcov.inputs.zones_on_grid import on_grid

    on_grid(read_zones(zones, zone_name, "zones"), grid, polygon, point_size)


def provenance_of(granule: Granule, band: Band) -> dict[str, Any]:
    """The attributes of a fragment that say what was read, whatever the AOI."""
    footprint, footprint_source = band.footprint
    return {
        "granule_record": json.dumps(asdict(granule)),
        "bounding_polygon": footprint,
        "bounding_polygon_source": footprint_source,
        "mean_number_of_looks": band.mean_looks or "",
        "center_frequency": band.center_frequency or "",  # Hz
        "look_direction": band.look_direction,
        "software": store.software(),
    }


def report(name: str, ignored_exceptions: str, footprint_source: str, without_noise: str) -> None:
    """Log what a granule lacks."""
    if ignored_exceptions:
        log.info("%s: %s", name, ignored_exceptions)
    if footprint_source == "grid":
        log.info("%s: no boundingPolygon that can be one: its grid's outline is used", name)
    if without_noise:
        log.info("%s: no noise floor: %s", name, without_noise)


def copy_samples(
    part: Path, band: Band, terms: tuple[str, ...], window: Window, grid: xr.Dataset, outline: shapely.Geometry | None
) -> tuple[int, int, list[np.ndarray]]:
    """Copy terms and mask of a window, shard by shard; fill what lies outside of `outline`.

    Returns the number of samples in the AOI, that of valid ones, and the places at which to read the noise floor.
    """
    n_pixels = n_valid = 0
    points = []
    regions = list(store.regions(grid, rows=store.SHARD, columns=store.SHARD))
    pieces = [window.part(region["y"], region["x"]) for region in regions]
    for region, piece, following in zip(regions, pieces, [*pieces[1:], None]):
        inside = np.ones(piece.shape, bool)
        if outline is not None:
            inside = inside_polygon(grid, outline, region["y"], region["x"])
        n_pixels += int(inside.sum())
        points.append(noise.points(grid, region["y"], region["x"], inside))
        for name, samples in band.layers(terms, piece, following):
            if outline is not None:
                samples[~inside] = fill_value(samples.dtype)
            store.write(part, region, {name: samples[None]})
            if name == "mask":
                n_valid += int(is_valid(samples).sum())
    return n_pixels, n_valid, list(map(np.concatenate, zip(*points)))


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        entry = entry_of(snakemake.config, snakemake.wildcards.aoi)
        clip(
            granule=read_record(snakemake.input.record),
            aoi=snakemake.wildcards.aoi,
            bbox=snakemake.params.bbox,
            polygon=snakemake.params.polygon,
            frequency=snakemake.params.frequency,
            terms=snakemake.params.terms,
            fragment=Path(snakemake.output[0]),
            # not rule parameters: other zones, or another way to the same bytes, must not trigger a second download
            archive=Archive.of(snakemake.config),
            zones=entry.get("zones"),
            zone_name=entry["zone_name"],
            point_size=entry["point_size"],
            records=Path(snakemake.input.record).parent,
        )
