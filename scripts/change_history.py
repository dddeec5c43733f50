"""Map which pixels changed in which intervals between dates, tested against speckle over all dates and terms."""

from gcov.log import job_log, log

from pathlib import Path

import numpy as np
import xarray as xr

from gcov import tables
from gcov.analysis import change, cube, releases, selection
from gcov.analysis.areas import cell_km2
from gcov.analysis.intervals import ChangedArea, times_of
from gcov.analysis.looks import caution, codes_of, entries_of, looks_of
from gcov.analysis.maps import DATES, HISTORY, attributes_of
from gcov.errors import GcovError
from gcov.files import building
from gcov.stores import store


def change_history(
    *,
    stack: Path,
    series: list[Path],
    looks: Path,
    terms: list[str],
    multilook: int,
    significance: float,
    min_valid_fraction: float,
    valid_samples_only: bool,
    output: Path,
    table: Path,
) -> None:
    """Write maps (y, x) of when each pixel changed (see HISTORY), and a table of the area changed in each interval.

    `series` are the mean series of `terms`, in that order. Map cells are `multilook` samples on a side. Raises
    GcovError if fewer than two dates are usable, or if the number of looks is unknown.
    """
    data = store.open_stack(stack)
    means = {term: tables.read_series(path) for term, path in zip(terms, series, strict=True)}
    use = {term: selection.usable(means[term], min_valid_fraction) for term in terms}
    dates = np.flatnonzero(np.any(list(use.values()), axis=0))
    if len(dates) < 2:
        raise GcovError(f"change_history needs two usable dates or more; {len(dates)} of {data.sizes['time']} are")
    codes = {term: codes_of(data, term) for term in terms}
    weights = {term: looks_of(looks, term, codes[term])[dates] for term in terms}
    rough = [caution(entries_of(looks, term, codes[term]), term) for term in terms]
    times = data["time"].values[dates].astype("datetime64[s]")
    changed, pixels = ChangedArea(cell_km2(data, multilook), terms, times), 0
    with building(output) as part:
        create(part, data, terms, times, multilook)
        options = {"dates": dates, "multilook": multilook, "valid_samples_only": valid_samples_only}
        dark = cube.NotPositive(terms, len(dates))
        for region, power in cube.blocks(data, terms, whole_cells=True, not_positive=dark, **options):
            for term in terms:
                power[term][~use[term][dates]] = np.nan
            history = change.change_history(power, weights, significance)
            del power  # free the memory before the maps are written
            write(part, region, history, times)
            changed.add(history.direction)
            pixels += int(np.isfinite(history.p_value).sum())
            log.info("rows to %d, columns to %d", region["y"].stop, region["x"].stop)
            del history
        releases_of_dates = [store.dates_of(data)[date] for date in dates]
        warning = "; ".join(filter(None, (releases.within(releases_of_dates), *rough)))
        facts = {
            "looks": {term: weights[term][use[term][dates]].tolist() for term in terms},
            "significance": significance,
            "multilook": multilook,
            "pixels": pixels,
            **dark.facts({term: use[term][dates] for term in terms}),
            "expected_false_alarms": significance * pixels,
            "maturities": sorted(releases.count(releases_of_dates, "maturity")),
            "crids": sorted(releases.count(releases_of_dates, "crid")),
            "warning": warning,
        }
        for term in terms:
            left_out = selection.left_out(means[term], use[term], term, data.attrs["frequency"], min_valid_fraction)
            facts |= {key if key.endswith(term) else f"{key}_{term}": value for key, value in left_out.items()}
        store.finish(part, **facts)
    tables.write(table, changed.table())
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
        dims={"direction": ("term", "interval", "y", "x")},
    )


def write(path: Path, region: dict[str, slice], history: change.History, times: np.ndarray) -> None:
    """Write the maps of a region; `times` (dates,) translates date indices into times."""
    store.write(path, region, {"p_value": history.p_value, "n_changes": history.n_changes})
    for name, index in zip(DATES, (history.first, history.last, history.largest)):
        store.write(path, region, {name: times_of(index, times)})  # one at a time: eight bytes a pixel
    terms, intervals = (slice(0, size) for size in history.direction.shape[:2])
    store.write(path, {"term": terms, "interval": intervals, **region}, {"direction": history.direction})


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        change_history(
            **snakemake.params,
            stack=Path(snakemake.input.stack),
            series=[Path(path) for path in snakemake.input.series],
            looks=Path(snakemake.input.looks),
            output=Path(snakemake.output.output),
            table=Path(snakemake.output.table),
        )
