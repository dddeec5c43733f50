"""Radar indices (ratios of terms): an image stack of each, and its series over the AOI and its zones."""

from gcov.log import job_log, log

from pathlib import Path

from gcov import tables
from gcov.analysis import cube, looks, ratios, zonal
from gcov.files import building, paths, read_json
from gcov.indices import name_of_index, terms_of_index
from gcov.inputs.zones import on_grid, read_zones, whole
from gcov.stores import store
from gcov.stores.stack import Stack, open_with


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
    data = stack.data
    areas = [whole(data)]
    if zones:
        areas += on_grid(read_zones(zones, zone_name, "zones"), data, data.attrs["aoi_polygon"] or None, point_size)
    content = read_json(looks_json)
    speckle = {term: looks.entries_of(content, term, looks.codes_of(data, term)) for term in terms}
    tables.write(table, zonal.indices(stack, indices, terms, areas, speckle=speckle))
    attributes = {**stack.attributes, "multilook": multilook}
    if multilook < ratios.SPECKLED:
        attributes["warning"] = ratios.WARNING.format(multilook)
        log.warning(attributes["warning"])
    grid, dates = cube.multilooked_grid(data, multilook), store.dates_of(data)
    needed = sorted({term for index in indices for term in terms_of_index(index, terms)})
    types = dict.fromkeys(map(name_of_index, indices), "f4")
    with building(images) as part:
        store.create(part, grid=grid, dates=dates, types=types, attributes=attributes, cf=ratios.attributes)
        for number in range(len(dates)):
            for region in store.regions(grid, rows=store.SHARD, columns=store.SHARD):
                region["time"] = slice(number, number + 1)
                power = {term: cube.cells(stack, term, region, multilook) for term in needed}
                for index in indices:
                    store.write(part, region, {name_of_index(index): ratios.value(index, power)})
            log.info("date %d of %d", number + 1, len(dates))
        store.finish(part)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        indices(**open_with(snakemake.input, snakemake.params), **paths(snakemake.output))
