"""Map which pixels changed in which intervals between dates, tested against speckle over all dates and terms."""

from gcov.log import job_log, log

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from gcov import tables
from gcov.analysis import cube, releases, selection
from gcov.analysis.areas import cell_km2
from gcov.analysis.assumed import Assumed
from gcov.analysis.history import Dates, History, Rule
from gcov.analysis.history import change_history as history_of
from gcov.analysis.intervals import ChangedArea, times_of
from gcov.analysis.maps import DATES, DIMS, HISTORY, LAST, LASTS, NUMBERS, STEPS, attributes_of
from gcov.analysis.reference import Drift, drift_caution, range_db, reference_of
from gcov.analysis.tested import Cells
from gcov.files import building, paths, read_json
from gcov.stores import store
from gcov.stores.stack import Stack, open_with


def change_history(
    *,
    stack: Stack,
    series: list[Path],
    looks: Path,
    terms: list[str],
    multilook: int,
    significance: float,
    min_change_db: float,
    min_valid_fraction: float,
    output: Path,
    table: Path,
    change_reference: str | dict[str, str] | None = None,
    zones: Path | None = None,
    zone_name: str = "name",
    point_size: float = 60,
) -> None:
    """Write maps (y, x) of when each pixel changed (see HISTORY), and a table of the area changed in each interval.

    `series` are the mean series of `terms`, in that order. Map cells are `multilook` samples on a side. If fewer
    than two dates are usable yet, the maps hold no data, and the warning says so. Raises GcovError if the number of
    looks is unknown, or if the reference has too few cells.
    """
    data = stack.data
    means = {term: tables.read_series(path) for term, path in zip(terms, series, strict=True)}
    use = {term: selection.usable(means[term], min_valid_fraction) for term in terms}
    dates = np.flatnonzero(np.any(list(use.values()), axis=0))
    times = data["time"].values[dates].astype("datetime64[s]")
    changed = ChangedArea(cell_km2(data, multilook), terms, times)
    common = {
        "significance": significance,
        "min_change_db": min_change_db,
        "multilook": multilook,
        "change_reference": change_reference,
        **facts_of_dates(data, dates, means, use, min_valid_fraction),
    }
    with building(output) as part:
        create(part, data, terms, times, multilook)
        if len(dates) < 2:
            store.write_no_data(part)
            few = f"nothing is tested: it takes two usable dates; of {data.sizes['time']}, {len(dates)} can be used"
            found, median_db = {"pixels": 0, "expected_false_alarms": 0.0, "warning": few}, np.empty(0)
        else:
            content = read_json(looks)
            assumed = {term: Assumed.of(data, term, content, dates, use[term][dates]) for term in terms}
            reference = reference_of(change_reference, data, multilook, zones, zone_name, point_size)
            cells = Cells(stack, assumed, reference, dates=dates, multilook=multilook)
            drift = Drift(cells.shape, assumed)
            pixels = write_maps(part, cells, assumed, Rule(significance, min_change_db), times, drift, changed)
            found = {"pixels": pixels, "expected_false_alarms": significance * pixels}
            found |= facts_of_cells(cells, assumed, drift, dates_of(data, dates), referred=reference is not None)
            median_db = np.round(np.concatenate(list(drift.medians().values())), 4)
        store.finish(part, **common, **found)
    tables.write(table, changed.table().assign(median_db=median_db))
    if found["warning"]:
        log.warning("%s", found["warning"])


def dates_of(data: xr.Dataset, dates: np.ndarray) -> list[store.Date]:
    """The dates with these indices."""
    every = store.dates_of(data)
    return [every[date] for date in dates]


def facts_of_dates(
    data: xr.Dataset,
    dates: np.ndarray,
    means: dict[str, pd.DataFrame],
    use: dict[str, np.ndarray],
    min_valid_fraction: float,
) -> dict[str, Any]:
    """The releases of the usable `dates` (indices), and what is left out, from the terms' mean series."""
    used = dates_of(data, dates)
    facts: dict[str, Any] = {name: sorted(releases.count(used, fact)) for name, fact in releases.SEVERAL.items()}
    for term, series in means.items():
        left_out = selection.left_out(series, use[term], term, data.attrs["frequency"], min_valid_fraction)
        facts |= {key if key.endswith(term) else f"{key}_{term}": value for key, value in left_out.items()}
    return facts


def write_maps(
    path: Path,
    cells: Cells,
    assumed: dict[str, Assumed],
    rule: Rule,
    times: np.ndarray,
    drift: Drift,
    changed: ChangedArea,
) -> int:
    """Write the maps block by block, add each block to `drift` and `changed`, and return the number of cells tested."""
    known = Dates(*({term: getattr(one, name) for term, one in assumed.items()} for name in ("looks", "correlated")))
    pixels = 0
    for block in cells:
        drift.add(block.region, block.power)
        history = history_of(block.power, known, rule, block.share)
        write(path, block.region, history, times, block.share)
        changed.add(history.direction)
        pixels += int(np.isfinite(history.p_value).sum())
        log.info("rows to %d, columns to %d", block.region["y"].stop, block.region["x"].stop)
        del history
    return pixels


def facts_of_cells(
    cells: Cells, assumed: dict[str, Assumed], drift: Drift, dates: list[store.Date], *, referred: bool
) -> dict[str, Any]:
    """What the maps state of their cells and of how the area moved, after all blocks have been read."""
    moved = {term: round(range_db(of), 4) for term, of in drift.medians().items()}
    moving = "" if referred else drift_caution(moved, "moved")
    return {
        "looks": {term: one.looks[one.use].tolist() for term, one in assumed.items()},
        **cells.facts(),
        "median_range_db": moved,
        "warning": "; ".join(filter(None, (releases.within(dates), *cells.warnings, moving))),
    }


def create(path: Path, data: xr.Dataset, terms: list[str], times: np.ndarray, multilook: int) -> None:
    """Create an empty store for the maps; `times` (dates,) are the times of the usable dates."""
    interval = {"interval": (times[1:], "the date after the interval"), "interval_start": (times[:-1], "... before it")}
    coords = {name: ("interval", values, {"long_name": f"{text}, UTC"}) for name, (values, text) in interval.items()}
    cube.create_maps(
        path,
        data,
        dates=len(times),
        terms=len(terms),
        multilook=multilook,
        types=HISTORY,
        attributes=data.attrs,
        cf=attributes_of,
        coords={"term": ("term", np.array(terms, np.dtypes.StringDType())), **coords},
        dims=DIMS,
    )


def write(
    path: Path, region: dict[str, slice], history: History, times: np.ndarray, share: dict[str, np.ndarray]
) -> None:
    """Write the maps of a region; `times` (dates,) translates date indices into times."""
    numbers = dict(zip(NUMBERS, (history.n_before, history.n_after)))
    store.write(
        path, region, {"p_value": history.p_value, "n_changes": history.n_changes, LASTS: history.lasts, **numbers}
    )
    for name, index in zip((*DATES, LAST), (history.first, history.last, history.largest, history.last_valid)):
        store.write(path, region, {name: times_of(index, times)})  # one at a time: eight bytes a pixel
    terms, intervals = (slice(0, size) for size in history.direction.shape[:2])
    steps = dict(zip(STEPS, (history.step_db, history.step_se_db, history.step_p)))
    store.write(path, {"term": terms, **region}, {**steps, "looks_share": np.stack(list(share.values()))})
    store.write(path, {"term": terms, "interval": intervals, **region}, {"direction": history.direction})


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        change_history(**open_with(snakemake.input, snakemake.params), **paths(snakemake.output))
