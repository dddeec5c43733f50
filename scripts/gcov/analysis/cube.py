"""Reading all dates of a part of a stack at once: linear power (time, y, x), optionally averaged over cells.

Memory is the same for 20 and for 200 dates: with more dates, the part is smaller.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from gcov.analysis.multilook import add_to_cells
from gcov.stores import store
from gcov.stores.radiometry import counted

log = logging.getLogger(__name__)
BUDGET = 220_000_000  # bytes of power: one chunk of one term on 200 dates
AT_ONCE = 2_500_000  # samples read at once: ten chunks. Reading chunks one by one would take twice as long


class NotPositive:
    """Numbers, by term and date (dates,), of samples that count and are 0 or below, and of cells whose mean is.

    Such samples count in the means of power: they may be dark. Such a cell has no logarithm and counts in no test.
    """

    def __init__(self, terms: Sequence[str], dates: int):
        self.samples = {term: np.zeros(dates, int) for term in terms}
        self.cell_dates = {term: np.zeros(dates, int) for term in terms}

    def facts(self, use: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
        """Their numbers by term, over the dates (dates,) that a test uses; the log also states them."""
        found = {"samples_not_positive": self.samples, "cell_dates_not_positive": self.cell_dates}
        total = {name: {term: int(numbers[term][use[term]].sum()) for term in use} for name, numbers in found.items()}
        for term in use:
            log.info(
                "%s: %d samples are 0 or below, and count in means; %d means of a cell are, and count in no test",
                term, *(numbers[term] for numbers in total.values()),
            )  # fmt: skip
        return total


def multilooked_grid(data: xr.Dataset, multilook: int) -> xr.Dataset:
    """The grid (y, x, spatial_ref) of cells of `multilook` x `multilook` samples, starting at the upper left corner.

    Coordinates are cell centres in metres. The last cells may extend beyond the stack and average the samples they
    have.
    """
    grid = data.drop_vars([name for name in data.variables if name not in ("y", "x", "spatial_ref")])
    if multilook == 1:
        return grid
    left, dx, across, top, down, dy = map(float, data["spatial_ref"].attrs["GeoTransform"].split())
    dx, dy = dx * multilook, dy * multilook
    attributes = {**data["spatial_ref"].attrs, "GeoTransform": f"{left!r} {dx!r} {across!r} {top!r} {down!r} {dy!r}"}
    axes = {}
    for name, start, step in (("y", top, dy), ("x", left, dx)):
        cells = math.ceil(data.sizes[name] / multilook)
        axes[name] = (name, start + step * (np.arange(cells) + 0.5), data[name].attrs)
    return xr.Dataset(coords={**axes, "spatial_ref": ((), data["spatial_ref"].values, attributes)})


def tile(data: xr.Dataset, *, dates: int, terms: int = 1, multilook: int = 1) -> tuple[int, int]:
    """Rows and columns of cells that `blocks` reads at once: whole chunks of 512 if the budget allows.

    A store written block by block has shards of this size, but of at least 512.
    """
    wanted = BUDGET // (4 * max(dates, 1) * terms)
    rows = columns = store.CHUNK
    while rows * columns > wanted and rows > 16:
        rows //= 2
    height, width = (math.ceil(data.sizes[dim] / multilook) for dim in ("y", "x"))
    while rows * (columns + store.CHUNK) <= wanted and columns < width:
        columns += store.CHUNK
    while (rows + store.CHUNK) * columns <= wanted and rows < height:
        rows += store.CHUNK
    return rows, columns


def shard(data: xr.Dataset, *, dates: int, terms: int = 1, multilook: int = 1) -> tuple[int, int]:
    """The shard size of a store that is written in these blocks, for `store.create`."""
    rows, columns = tile(data, dates=dates, terms=terms, multilook=multilook)
    return min(max(rows, store.CHUNK), store.SHARD), min(columns, store.SHARD)


def create_maps(path: Path, data: xr.Dataset, *, dates: int, terms: int = 1, multilook: int, **options) -> None:
    """Create an empty store of maps (y, x) on the multilooked grid, to be written in these blocks.

    `options` are those of `store.create`, without grid and shard.
    """
    grid, shards = multilooked_grid(data, multilook), shard(data, dates=dates, terms=terms, multilook=multilook)
    store.create(path, grid=grid, shard=shards, **options)


def blocks(
    data: xr.Dataset,
    terms: Sequence[str],
    *,
    dates: Sequence[int],
    multilook: int = 1,
    valid_samples_only: bool,
    whole_cells: bool = False,
    not_positive: NotPositive | None = None,
) -> Iterator[tuple[dict[str, slice], dict[str, np.ndarray]]]:
    """Yield regions of the multilooked grid (slices by y and x), and the power of each term in the region.

    Power is (time, y, x) float32, linear, in the order of `dates` (indices into the stack's dates). It is the average
    over a cell's samples that count, NaN if there are none (with `whole_cells`, if any does not count). The next block
    overwrites the arrays. Up to 200 dates of one term, no chunk is decoded twice. `not_positive` is counted up.
    """
    rows, columns = tile(data, dates=len(dates), terms=len(terms), multilook=multilook)
    grid = multilooked_grid(data, multilook)
    largest = len(dates) * min(rows, grid.sizes["y"]) * min(columns, grid.sizes["x"])
    memory = {term: np.empty(largest, np.float32) for term in terms}
    needed = {"time", "mask", *terms, *(term + store.VALID for term in terms)}
    data = data.drop_vars([name for name in data.variables if name not in needed])  # slicing each takes 0.2 ms
    longest = max(1, AT_ONCE // (columns * max(rows, store.CHUNK * multilook)))
    for region in store.regions(grid, rows=rows, columns=columns):
        del region["time"]
        shape = len(dates), *(part.stop - part.start for part in region.values())
        power = {term: memory[term][: math.prod(shape)].reshape(shape) for term in terms}
        for numbers, times in _runs(dates, longest):
            where = {"time": times, **region}
            options = {"valid_samples_only": valid_samples_only, "whole_cells": whole_cells}
            into = {term: power[term][numbers] for term in terms}
            dark = {term: not_positive.samples[term][numbers] for term in terms} if not_positive else {}
            cells(data, terms, where, multilook, **options, into=into, dark=dark)
        for term, totals in (not_positive.cell_dates if not_positive else {}).items():
            totals += [np.count_nonzero(image <= 0) for image in power[term]]
        yield region, power


def _runs(dates: Sequence[int], longest: int) -> Iterator[tuple[slice, slice]]:
    """Successive parts of `dates` with at most `longest` consecutive dates, and the same as slices of the time axis."""
    first = 0
    for last in range(1, len(dates) + 1):
        if last == len(dates) or dates[last] != dates[last - 1] + 1 or last - first == longest:
            yield slice(first, last), slice(dates[first], dates[last - 1] + 1)
            first = last


def cells(
    data: xr.Dataset,
    terms: Sequence[str],
    region: dict[str, slice],
    multilook: int,
    *,
    valid_samples_only: bool,
    whole_cells: bool = False,
    into: dict[str, np.ndarray] | None = None,
    dark: Mapping[str, np.ndarray] = {},
) -> dict[str, np.ndarray]:
    """Linear power (time, y, x) float32 by term, in a region of the stack's dates and of the multilooked grid.

    It is the average over a cell's samples that count, NaN if there are none. With `whole_cells`, it is NaN if any
    sample does not count, because such cells have fewer looks. `into` are arrays to use instead of new ones.
    The numbers of samples that count and are 0 or below are added to `dark`, (dates,) by term.
    """
    shape = tuple(region[dim].stop - region[dim].start for dim in store.DIMS)
    images = into or {term: np.empty(shape, np.float32) for term in terms}
    for term, power in images.items():
        least = multilook**2 if whole_cells else 1
        _average(data, term, region, multilook, valid_samples_only, least, power, dark.get(term))
    return images


def _average(
    data: xr.Dataset,
    term: str,
    region: dict[str, slice],
    multilook: int,
    valid_samples_only: bool,
    least: int,
    averaged: np.ndarray,
    dark: np.ndarray | None,
) -> None:
    sums, counts = np.zeros((2, *averaged.shape)) if multilook > 1 else (averaged, averaged)
    top, bottom = region["y"].start * multilook, min(region["y"].stop * multilook, data.sizes["y"])
    columns = slice(region["x"].start * multilook, region["x"].stop * multilook)
    for first in range(top, bottom, store.CHUNK):
        rows = slice(first, min(first + store.CHUNK, bottom))
        block = data.isel(time=region["time"], y=rows, x=columns)
        power, mask = store.samples(block, term), store.mask_of(block, term)
        use = counted(power, mask, valid_samples_only=valid_samples_only)
        if dark is not None:
            dark += [np.count_nonzero(image[counts] <= 0) for image, counts in zip(power, use)]
        if multilook == 1:
            averaged[:, first - top : rows.stop - top] = np.where(use, power, np.float32(np.nan))
        else:
            for date in zip(sums, counts, power, use):
                add_to_cells(*date, multilook, first - top)
    if multilook > 1:
        averaged[:] = np.nan
        np.divide(sums, counts, out=averaged, where=counts >= least, casting="same_kind")
