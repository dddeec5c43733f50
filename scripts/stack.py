"""Gather an AOI's fragments into one stack along time."""

from gcov.log import job_log, log

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from gcov import headings
from gcov.files import building
from gcov.granules import FACTOR, LOCAL_INCIDENCE, maturity_note, passes
from gcov.stores import echoes, facts, mosaic, store
from gcov.stores.radiometry import local_incidence

SHARED = ("aoi", "aoi_bbox", "aoi_polygon", "frequency", "n_pixels")  # attributes that all fragments share


def stack(*, fragments: list[Path], output: Path, computed: Sequence[str] = ()) -> None:
    """Write the stack: (time, y, x), samples as in the fragments, dates in order of time, one date per pass.

    Where two granules of one pass overlap, a valid sample wins over an invalid one (mask 0), and that over one outside
    (mask 255). Between equals the earlier granule wins. `computed` may name the layer localIncidenceAngle. Raises
    GcovError if fragments differ in grid or terms (naming the granule and the difference; nothing is resampled), or if
    no fragment has a valid sample.
    """
    by_granule = {fragment.granule: fragment for fragment in map(store.fragment_info, fragments)}
    granules = sorted(by_granule)
    first = by_granule[granules[0]]
    for granule in granules:
        mosaic.check_same(first, by_granule[granule])
    mosaic.check_any_valid(list(by_granule.values()))
    by_date = [[by_granule[granule] for granule in members] for members in passes(granules)]
    dates = [mosaic.date_of([one.granule for one in members]) for members in by_date]
    cautions = facts.cautions(by_date)
    for caution in cautions:
        log.warning("%s", caution)
    if note := maturity_note(date.maturity for date in dates):
        log.warning("this stack %s", note if note.startswith("mixes") else f"holds {note}")
    for term in mosaic.terms_of(first):
        without = [granule.name for granule in granules if not granule.holds(term, first.attributes["frequency"])]
        if without:
            log.warning("%s: %d of %d granules have none: %s", term, len(without), len(granules), ", ".join(without))
    reasons = [by_granule[granule].attributes.get("without_noise") for granule in granules]
    if without := list(filter(None, reasons)):
        log.warning(
            "%d of %d granules have no noise floor: %s", len(without), len(granules), "; ".join(dict.fromkeys(without))
        )
    attributes = {
        "title": f"NISAR GCOV time series: {first.attributes['aoi']}",
        **{key: first.attributes[key] for key in SHARED},
        "maturity_note": note or "",
        "cautions": json.dumps(cautions),
        headings.VIEW: json.dumps(facts.view(by_date)),
        **echoes.gathered([[one.attributes for one in members] for members in by_date]),
        "granule_records": json.dumps([vars(granule) for granule in granules]),
        "software": store.software(),
    }
    grid, types = store.open_store(first.path), mosaic.types_of(list(by_granule.values()))
    stated = facts.coordinates(by_date, mosaic.terms_of(first))
    with building(output) as part:
        every = {**types, **dict.fromkeys(computed, np.dtype("f4"))}
        store.create(part, grid=grid, dates=dates, types=every, attributes=attributes, coords=stated)
        for index, members in enumerate(by_date):
            mosaic.write_date(part, index, members, list(types))
            if computed:
                write_local_incidence(part, grid, index)
        store.finish(part)
    size = len(dates), len(granules), grid.sizes["y"], grid.sizes["x"]
    log.info("%d dates from %d granules, %d x %d pixels, %s", *size, ", ".join(types))


def write_local_incidence(part: Path, grid: xr.Dataset, date: int) -> None:
    """Compute the local incidence angle of a date (its index) from the factor in the stack."""
    factor = zarr.open_group(part, mode="r")[FACTOR]
    for region in store.regions(grid, rows=store.SHARD, columns=store.SHARD, date=date):
        values = local_incidence(np.asarray(factor[tuple(region.values())]))
        store.write(part, region, {LOCAL_INCIDENCE: values})


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        stack(
            fragments=[Path(path) for path in snakemake.input],
            output=Path(snakemake.output[0]),
            computed=snakemake.params.get("computed", []),
        )
