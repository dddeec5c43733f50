"""The cells that changed, from change maps: when, in which direction, how much, and whether other dates confirm it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import xarray as xr

from gcov.analysis.maps import DATES, LAST, LASTS, NO_DATA, NUMBERS, STEPS
from gcov.stores import store

COLUMNS = 1024  # of a row of chunks, read at once
READ = 1 << 21  # cells, read at once: all may have changed
GROUPED = 1 << 17  # cells, grouped at once


@dataclass(frozen=True)
class Cells:
    """Changed cells (n,), sorted by row and column, of a block of rows from `top` on; step_db, se_db (term, n).

    `date` is the index of the first date after the change (0 between two periods). The term with the largest |step| in
    units of its error leads: `sign` and `p` are those of its step.
    """

    top: int
    row: np.ndarray
    column: np.ndarray
    date: np.ndarray
    sign: np.ndarray
    p: np.ndarray
    step_db: np.ndarray
    se_db: np.ndarray
    confirmed: np.ndarray
    newly_confirmed: np.ndarray  # confirmed, and not so without the newest date of the series

    def rows(self, top: int, bottom: int) -> "Cells":
        """Those of the rows from `top` to before `bottom`."""
        part = slice(*np.searchsorted(self.row, [top, bottom]))
        return Cells(top, *(getattr(self, field.name)[..., part] for field in fields(self)[1:]))


def dates_of(maps: xr.Dataset) -> np.ndarray:
    """The dates of a change history (datetime64[s]), by which the dates of cells count."""
    return np.append(maps["interval_start"].values[:1], maps["interval"].values).astype("datetime64[s]")


def blocks(maps: xr.Dataset, confirm_dates: int) -> Iterator[tuple[Cells, int]]:
    """The changed cells of blocks of rows, from north to south, and the last row of each block.

    `maps` are those of a change history, or of a change between two periods, which needs no confirmation.
    """
    read = _History(dates_of(maps), confirm_dates) if "interval" in maps else _between
    width = maps.sizes["x"]
    at_once = max(1, GROUPED // width)
    parts_of_chunk = math.ceil(store.CHUNK * width / READ)
    for band in store.regions(maps[["y", "x"]], rows=store.CHUNK // parts_of_chunk):
        rows = band["y"]
        parts = [
            read(maps, {"y": rows, "x": slice(left, min(left + COLUMNS, width))}) for left in range(0, width, COLUMNS)
        ]
        for top in range(rows.start, rows.stop, at_once):
            bottom = min(top + at_once, rows.stop)
            yield _joined([part.rows(top, bottom) for part in parts]), bottom - 1


def _joined(parts: list[Cells]) -> Cells:
    """Parts of some rows, from west to east, as one."""
    values = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Cells)[1:]}
    order = np.argsort(np.concatenate(values["row"]), kind="stable")
    return Cells(parts[0].top, **{name: np.concatenate(of, axis=-1)[..., order] for name, of in values.items()})


def _between(maps: xr.Dataset, region: dict[str, slice]) -> Cells:
    """The changed cells of a region of the change between two periods."""
    of = partial(store.samples, maps[["change", "log_ratio_db", "se_db", "p_value"]].isel(region))
    change = of("change")
    y, x = np.nonzero((change != 0) & (change != NO_DATA))
    step, error = (of(name)[None, y, x] for name in ("log_ratio_db", "se_db"))
    no, date = np.zeros(len(y), bool), np.zeros(len(y), np.int16)
    return _cells(region, y, x, date, step, error, of("p_value")[None, y, x], no, no)


@dataclass(frozen=True)
class _History:
    """Reads a change history's cells with a counted change that nothing speaks against."""

    dates: np.ndarray
    confirm_dates: int

    def __call__(self, maps: xr.Dataset, region: dict[str, slice]) -> Cells:
        """The changed cells of a region.

        A side with too few dates up to another change that counts makes its cell be left out; up to the start or the
        end of the series, it leaves the cell unconfirmed. A change that does not last is left out, too.
        """
        of = partial(store.samples, maps[[*NUMBERS, *DATES, *STEPS, LAST, LASTS]].isel(region))
        y, x = np.nonzero(~np.isnat(of("largest_change")))
        first, last, largest = (of(name)[y, x] for name in DATES)
        before, after = (of(name)[y, x] >= self.confirm_dates for name in NUMBERS)
        keep = (before | (first == largest)) & (after | (last == largest)) & (of(LASTS)[y, x] == 1)
        newest = of(LAST)[y, x] == maps["interval"].values[-1:]  # none with one date, and then no change
        newest &= (of("largest_n_after")[y, x] == self.confirm_dates) & (last == largest)
        y, x, confirmed, newest = y[keep], x[keep], (before & after)[keep], newest[keep]
        date = np.searchsorted(self.dates, largest[keep].astype("datetime64[s]")).astype(np.int16)
        step, error, p = (of(name)[:, y, x] for name in STEPS)
        return _cells(region, y, x, date, step, error, p, confirmed, confirmed & newest)


def _cells(
    region: dict[str, slice], y: np.ndarray, x: np.ndarray, date: np.ndarray, step: np.ndarray, error: np.ndarray,
    p: np.ndarray, confirmed: np.ndarray, newly_confirmed: np.ndarray,
) -> Cells:  # fmt: skip
    """Cells at rows `y` and columns `x` of a region, with steps, their errors and probabilities (term, n)."""
    certain = np.where(np.isfinite(step), np.abs(step) / error, -1)
    leads = certain.argmax(axis=0)[None]
    sign, p = (np.take_along_axis(values, leads, axis=0)[0] for values in (np.sign(step), p))
    top, left = region["y"].start, region["x"].start
    row, column = (y + top).astype(np.int32), (x + left).astype(np.int32)
    return Cells(top, row, column, date, sign.astype(np.int8), p, step, error, confirmed, newly_confirmed)
