"""Map the change in a term's backscatter between two periods, and test it against speckle."""

from gcov.log import job_log, log

from pathlib import Path
from typing import Any

import numpy as np

from gcov import tables
from gcov.analysis import cube, periods, selection
from gcov.analysis.areas import cell_km2
from gcov.analysis.assumed import Assumed, Subsample
from gcov.analysis.change import change_between
from gcov.analysis.maps import CHANGE, attributes_of
from gcov.analysis.reference import DRIFT_CELLS, drift_caution, reference_of
from gcov.analysis.shared import inflation
from gcov.analysis.tested import Cells
from gcov.files import building, paths, read_json, write_json
from gcov.stores import store
from gcov.stores.stack import Stack, open_with


def change(
    *,
    stack: Stack,
    series: Path,
    looks: Path,
    term: str,
    days: dict[str, list[str]],
    multilook: int,
    significance: float,
    min_change_db: float,
    min_valid_fraction: float,
    output: Path,
    summary: Path,
    change_reference: str | dict[str, str] | None = None,
    zones: Path | None = None,
    zone_name: str = "name",
    point_size: float = 60,
) -> None:
    """Write the change of a term between two periods as maps (y, x; see CHANGE), and their totals as JSON.

    `days` gives the first and last day of the periods `before` and `after`. Map cells are `multilook` samples on a
    side. If a period has no usable date yet, the maps hold no data, and the warning says why: a later date may bring
    it, and other products must not wait. Raises GcovError if the number of looks is unknown, or if the reference has
    too few cells.
    """
    data, table = stack.data, tables.read_series(series)
    use = selection.usable(table, min_valid_fraction)
    before, after = (periods.dates_of(table, use, days[name]) for name in ("before", "after"))
    common = {
        "significance": significance,
        "min_change_db": min_change_db,
        "multilook": multilook,
        "change_reference": change_reference,
        **selection.left_out(table, use, term, data.attrs["frequency"], min_valid_fraction),
    }
    dates = np.array([*before, *after])
    tally = periods.Tally(cell_km2(data, multilook), significance)
    shape = {"dates": len(dates), "multilook": multilook}
    every = store.dates_of(data)
    records = periods.granule_records(data.attrs.get("granule_records", "[]"), [every[date] for date in dates])
    attributes = {**data.attrs, "granule_records": records}
    with building(output) as part:
        cube.create_maps(part, data, **shape, types=CHANGE, attributes=attributes, cf=attributes_of)
        if missing := periods.without_date(table, use, days):
            store.write_no_data(part)
            of_periods = periods.facts(every, before, after, np.zeros(len(dates)))
            facts = {**tally.summary(), **of_periods, **common, "warning": missing}
        else:
            assumed = Assumed.of(data, term, read_json(looks), dates, np.ones(len(dates), bool))
            reference = reference_of(change_reference, data, multilook, zones, zone_name, point_size)
            cells = Cells(stack, {term: assumed}, reference, dates=dates, multilook=multilook)
            found = write_maps(part, cells, assumed, len(before), significance, min_change_db, tally)
            of_periods = periods.facts(every, before, after, assumed.looks)
            facts = {**tally.summary(), **of_periods, **common, **found}
            drift = "" if reference else drift_caution({term: found["median_db"] or 0})
            facts["warning"] = "; ".join(filter(None, (facts["warning"], *cells.warnings, drift)))
        store.finish(part, **facts)
    report(summary, facts)


def write_maps(
    path: Path,
    cells: Cells,
    assumed: Assumed,
    n_before: int,
    significance: float,
    min_change_db: float,
    tally: periods.Tally,
) -> dict[str, Any]:
    """Write the maps of a change block by block, add them to the tally, and return the facts about cells and looks.

    The first `n_before` dates are those of the first period.
    """
    shared = inflation(assumed.correlated, assumed.looks, np.arange(len(assumed.looks)) < n_before)
    rule = {"inflation": shared, "min_change_db": min_change_db}
    subsample, ratios = Subsample(cells.shape, DRIFT_CELLS), []
    for block in cells:
        share = block.share[assumed.term]
        maps = change_between(block.power[assumed.term], assumed.looks, n_before, significance, share=share, **rule)
        store.write(path, block.region, {**vars(maps), "looks_share": share})
        tally.add(maps.change, maps.p_value)
        ratios.append(subsample.of(block.region, maps.log_ratio_db))
    ratio = np.concatenate(ratios)
    return {
        "inflation_by_shared_speckle": round(max(shared, 1), 4),
        "median_db": round(float(np.nanmedian(ratio)), 4) if np.isfinite(ratio).any() else None,
        **{name: of[assumed.term] for name, of in cells.facts().items()},
    }


def report(summary: Path, facts: dict) -> None:
    """Write the totals of a change, and log them with their warning."""
    write_json(summary, facts)
    if facts["warning"]:
        log.warning("%s", facts["warning"])
    log.info("%(up)d of %(pixels)d pixels up, %(down)d down; by chance alone %(expected_false_alarms).0f", facts)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        change(
            **open_with(snakemake.input, snakemake.params),
            **paths(snakemake.output),
            term=snakemake.wildcards.term,
        )
