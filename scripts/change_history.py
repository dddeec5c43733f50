"""Map which pixels changed in which intervals between dates, tested against speckle over all dates and terms."""

from gcov.log import job_log, log

from pathlib import Path

import numpy as np
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
from gcov.files import building
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
    zones: str | None = None,
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
    changed, pixels = ChangedArea(cell_km2(data, multilook), terms, times), 0
    releases_of_dates = [store.dates_of(data)[date] for date in dates]
    common = {
        "significance": significance,
        "min_change_db": min_change_db,
        "multilook": multilook,
        "change_reference": change_reference,
        "maturities": sorted(releases.count(releases_of_dates, "maturity")),
        "crids": sorted(releases.count(releases_of_dates, "crid")),
    }
    for term in terms:
        left_out = selection.left_out(means[term], use[term], term, data.attrs["frequency"], min_valid_fraction)
        common |= {key if key.endswith(term) else f"{key}_{term}": value for key, value in left_out.items()}
    if len(dates) < 2:
        few = f"nothing is tested: it takes two usable dates; of {data.sizes['time']}, {len(dates)} can be used"
        with building(output) as part:
            create(part, data, terms, times, multilook)
            store.write_no_data(part)
            store.finish(part, **common, pixels=0, expected_false_alarms=0.0, warning=few)
        tables.write(table, changed.table().assign(median_db=[]))
        log.warning("%s", few)
        return
    assumed = {term: Assumed.of(data, term, looks, dates, use[term][dates]) for term in terms}
    reference = reference_of(change_reference, data, multilook, zones, zone_name, point_size)
    cells = Cells(stack, assumed, reference, dates=dates, multilook=multilook)
    known = Dates(
        {term: one.looks for term, one in assumed.items()}, {term: one.correlated for term, one in assumed.items()}
    )
    drift = Drift(cells.shape, assumed)
    with building(output) as part:
        create(part, data, terms, times, multilook)
        for block in cells:
            drift.add(block.region, block.power)
            history = history_of(block.power, known, Rule(significance, min_change_db), block.share)
            write(part, block.region, history, times, block.share)
            changed.add(history.direction)
            pixels += int(np.isfinite(history.p_value).sum())
            log.info("rows to %d, columns to %d", block.region["y"].stop, block.region["x"].stop)
            del history
        medians = drift.medians()
        moved = {term: round(range_db(of), 4) for term, of in medians.items()}
        moving = "" if reference else drift_caution(moved, "moved")
        warning = "; ".join(filter(None, (releases.within(releases_of_dates), *cells.warnings, moving)))
        facts = {
            "looks": {term: one.looks[one.use].tolist() for term, one in assumed.items()},
            **common,
            "pixels": pixels,
            **cells.facts(),
            "expected_false_alarms": significance * pixels,
            "median_range_db": moved,
            "warning": warning,
        }
        store.finish(part, **facts)
    tables.write(table, changed.table().assign(median_db=np.round(np.concatenate(list(medians.values())), 4)))
    if warning:
        log.warning("%s", warning)


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
        stack, settings = open_with(snakemake.input.stack, snakemake.params)
        change_history(
            **settings,
            stack=stack,
            series=[Path(path) for path in snakemake.input.series],
            looks=Path(snakemake.input.looks),
            zones=snakemake.input.zones or None,
            output=Path(snakemake.output.output),
            table=Path(snakemake.output.table),
        )
