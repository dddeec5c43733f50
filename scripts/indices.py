"""Radar indices (ratios of terms): an image stack of each, and its series over the AOI and its zones."""

from gcov.log import job_log, log

from pathlib import Path

import numpy as np
import xarray as xr

from gcov import tables
from gcov.analysis import cube, looks, ratios, zonal
from gcov.files import building, paths, read_json
from gcov.indices import name_of_index, terms_of_index
from gcov.inputs.zones import read_zones
from gcov.inputs.zones_on_grid import Zone, on_grid, whole
from gcov.stores import store
from gcov.stores.stack import Stack, open_with

ROWS = 2048  # of images, made at once: all terms of 4096 columns are in memory


def indices(
    *,
    stack: Stack,
    zones: Path | None = None,
    zone_name: str,
    point_size: float,
    looks_json: Path,
    indices: tuple[str, ...],
    terms: list[str],
    multilook: int,
    images: Path,
    table: Path,
) -> None:
    """Write index images (time, y, x) and the table made by `zonal.indices`.

    Images are ratios of linear power averaged over `multilook` x `multilook` samples; NaN where an index has no value.
    Raises GcovError, naming the zones, if any zone contains no pixel centre.
    """
    data, content = stack.data, read_json(looks_json)
    speckle = {term: looks.entries_of(content, term, store.codes_of(data, term)) for term in terms}
    areas = areas_of(data, zones, zone_name, point_size)
    tables.write(table, zonal.indices(stack, indices, terms, areas, speckle=speckle))
    del areas  # before the images are made
    attributes = {**stack.attributes, "multilook": multilook}
    if multilook < ratios.SPECKLED:
        attributes["warning"] = ratios.WARNING.format(multilook)
        log.warning(attributes["warning"])
    grid, dates = cube.multilooked_grid(data, multilook), store.dates_of(data)
    types = dict.fromkeys(map(name_of_index, indices), "f4")
    with building(images) as part:
        described = {"attributes": attributes, "cf": ratios.attributes}
        store.create(part, grid=grid, dates=dates, types=types, shard=(ROWS, store.SHARD), **described)
        for number in range(len(dates)):
            for region in store.regions(grid, rows=ROWS, columns=store.SHARD):
                region["time"] = slice(number, number + 1)
                write_images(part, stack, region, indices, terms, multilook)
            log.info("date %d of %d", number + 1, len(dates))
        store.finish(part)


def areas_of(data: xr.Dataset, zones: Path | None, zone_name: str, point_size: float) -> list[Zone]:
    """The whole AOI as a zone, and the zones of a file."""
    if not zones:
        return [whole(data)]
    drawn = read_zones(zones, zone_name, "zones")
    return [whole(data), *on_grid(drawn, data, data.attrs["aoi_polygon"] or None, point_size)]


def write_images(
    part: Path, stack: Stack, region: dict[str, slice], indices: tuple[str, ...], terms: list[str], multilook: int
) -> None:
    """Write the images of all indices in a region of the multilooked grid and of one date."""
    needed = sorted({term for index in indices for term in terms_of_index(index, terms)})
    power = {term: cube.cells(stack, term, region, multilook) for term in needed}
    for index in indices:
        image = np.empty_like(power[needed[0]])
        for first in range(0, image.shape[1], store.CHUNK):  # keeps memory small beside the images
            rows = slice(first, first + store.CHUNK)
            image[:, rows] = ratios.value(index, {term: of[:, rows] for term, of in power.items()})
        store.write(part, region, {name_of_index(index): image})


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        indices(**open_with(snakemake.input, snakemake.params), **paths(snakemake.output))
