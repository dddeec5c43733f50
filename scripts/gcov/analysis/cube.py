"""Reading all dates of a part of a stack at once: linear power (time, y, x), optionally averaged over cells.

Memory is the same for 20 and for 200 dates: with more dates, the part is smaller.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine

from gcov.analysis.multilook import add_to_cells, summed
from gcov.stores import geozarr, store
from gcov.stores.stack import Stack

log = logging.getLogger(__name__)
BUDGET = 290_000_000  # bytes of power and of results: one chunk of one term on 200 dates
OF_TERM, OF_CELL = 24, 64  # bytes of results of a cell, by term and in all
AT_ONCE = 2_500_000  # samples read at once: ten chunks. Reading chunks one by one would take twice as long


class Counts:
    """Numbers, by term and date (dates,), of what the blocks of a stack hold but a test does not use.

    - samples_not_positive: samples that count and are 0 or below; they count in means, because they may be dark
    - cell_dates_not_positive: cells whose mean is; it has no logarithm and counts in no test
    - cell_dates_partly: cells of which some samples count, but not all; they have fewer looks and count in no test
    - cell_dates: cells of which any sample counts
    """

    def __init__(self, terms: Sequence[str], dates: int):
        names = ("samples_not_positive", "cell_dates_not_positive", "cell_dates_partly", "cell_dates")
        self.found = {name: {term: np.zeros(dates, int) for term in terms} for name in names}

    def add(self, name: str, term: str, dates: slice, numbers: Any) -> None:
        """Add the numbers (dates,) of a part."""
        self.found[name][term][dates] += numbers

    def facts(self) -> dict[str, dict]:
        """Totals by term over the dates, for JSON and attributes; the log also states them."""
        total = {name: {term: int(of.sum()) for term, of in by_term.items()} for name, by_term in self.found.items()}
        cells = total.pop("cell_dates")
        partly = total.pop("cell_dates_partly")
        share = {term: round(partly[term] / max(cells[term], 1), 6) for term in cells}
        for term in cells:
            log.info(
                "%s: %d samples are 0 or below, and count in means; %d means of a cell are, and count in no test;"
                " %.2g %% of the cells' dates are lost because not all of their samples count",
                term, *(numbers[term] for numbers in total.values()), 100 * share[term],
            )  # fmt: skip
        return {**total, "cell_dates_lost": share}


@dataclass(frozen=True)
class Block:
    """The dates of a part of a stack: power (time, y, x) by term, linear gamma0, float32, NaN where it does not count.

    For cells of several samples, `sums` (y, m, x, m) are the samples' power, summed over the dates on which the whole
    cell counts, and `inverse` (y, x) the sum over the dates of 1 / looks, where a date's looks are in proportion to the
    samples of the cell that count.
    """

    region: dict[str, slice]  # y and x, of the multilooked grid
    power: dict[str, np.ndarray]
    sums: dict[str, np.ndarray]
    inverse: dict[str, np.ndarray]


def multilooked_grid(data: xr.Dataset, multilook: int) -> xr.Dataset:
    """The grid (y, x, spatial_ref) of cells of `multilook` x `multilook` samples, starting at the upper left corner.

    Coordinates are cell centres in metres. The last cells may extend beyond the stack and average the samples they
    have.
    """
    grid = data.drop_vars([name for name in data.variables if name not in ("y", "x", "spatial_ref")])
    if multilook == 1:
        return grid
    transform = geozarr.transform(data["spatial_ref"].attrs) @ Affine.scale(multilook)
    attributes = {**data["spatial_ref"].attrs, "GeoTransform": " ".join(map(repr, transform.to_gdal()))}
    axes = {}
    for name, start, step in (("y", transform.f, transform.e), ("x", transform.c, transform.a)):
        cells = math.ceil(data.sizes[name] / multilook)
        axes[name] = (name, start + step * (np.arange(cells) + 0.5), data[name].attrs)
    return xr.Dataset(coords={**axes, "spatial_ref": ((), data["spatial_ref"].values, attributes)})


def tile(data: xr.Dataset, *, dates: int, terms: int = 1, multilook: int = 1) -> tuple[int, int]:
    """Rows and columns of cells that `blocks` reads at once: whole chunks of 512 if the budget allows.

    A store written block by block has shards of this size, but of at least 512.
    """
    # 5 bytes a date: power, and a result of each interval; sums of a cell's samples and whether they count
    of_term = 5 * max(dates, 1) + OF_TERM + (9 * multilook**2 if multilook > 1 else 0)
    wanted = BUDGET // (of_term * terms + OF_CELL)
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
    stack: Stack,
    use: Mapping[str, np.ndarray],
    *,
    dates: Sequence[int],
    multilook: int = 1,
    whole_cells: bool = False,
    looks: Mapping[str, np.ndarray] | None = None,
    within: Mapping[str, slice] | None = None,
    counts: Counts | None = None,
) -> Iterator[Block]:
    """Yield the stack in blocks of all `dates` (indices into the stack's), of the terms of `use`.

    Power is NaN on dates for which `use` (dates,) of a term is False; they are not read. It is the average over a
    cell's samples that count, NaN if there are none (with `whole_cells`, if any does not count). The next block
    overwrites the arrays. Up to 200 dates of one term, no chunk is decoded twice. `looks` (dates,) are those of a whole
    cell, for `inverse`. `within` are slices of the multilooked grid to read instead of all of it. `counts` are counted
    up.
    """
    rows, columns = tile(stack.data, dates=len(dates), terms=len(use), multilook=multilook)
    grid = multilooked_grid(stack.data, multilook)
    shape = min(rows, grid.sizes["y"]), min(columns, grid.sizes["x"])
    memory = {term: np.empty(len(dates) * math.prod(shape), np.float32) for term in use}
    several = use if multilook > 1 else {}
    beside = {term: np.empty(math.prod(shape) * multilook**2) for term in several}
    inverse = {term: np.empty(math.prod(shape), np.float32) for term in several}
    longest = max(1, AT_ONCE // (columns * multilook * max(rows if multilook == 1 else 0, store.CHUNK)))
    least = multilook**2 if whole_cells else 1
    within = within or {dim: slice(0, grid.sizes[dim]) for dim in ("y", "x")}
    for part in store.regions(grid.isel(within), rows=rows, columns=columns):
        region = {dim: slice(of.start + part[dim].start, of.start + part[dim].stop) for dim, of in within.items()}
        ny, nx = (part.stop - part.start for part in region.values())
        power = {term: of[: len(dates) * ny * nx].reshape(len(dates), ny, nx) for term, of in memory.items()}
        block = Block(region, power, {}, {})
        for term, used in use.items():
            power[term][~used] = np.nan
            if multilook > 1:
                block.sums[term] = beside[term][: ny * nx * multilook**2].reshape(ny * multilook, nx * multilook)
                block.inverse[term] = inverse[term][: ny * nx].reshape(ny, nx)
                block.sums[term][:] = block.inverse[term][:] = 0
            of_dates = 1 / looks[term] if looks else np.ones(len(dates))
            reading = _Part(stack, term, block, multilook, least, of_dates, counts)
            for numbers, times in _runs(np.flatnonzero(used), dates, longest):
                reading.read(times, numbers)
            if multilook > 1:
                block.sums[term] = block.sums[term].reshape(ny, multilook, nx, multilook)
            if counts:
                dark = [np.count_nonzero(image <= 0) for image in power[term]]
                counts.add("cell_dates_not_positive", term, slice(None), dark)
        yield block


@dataclass(frozen=True)
class _Part:
    """Reads the dates of a block, of one term."""

    stack: Stack
    term: str
    block: Block
    multilook: int
    least: int  # samples that must count in a cell
    inverse: np.ndarray  # (dates,) 1 / looks of a whole cell
    counts: Counts | None

    def read(self, times: slice, numbers: slice) -> None:
        """Read some dates: `times` of the stack's, `numbers` of the block's."""
        power, side = self.block.power[self.term][numbers], self.multilook
        top, left = (self.block.region[dim].start * side for dim in ("y", "x"))
        height, width = (size * side for size in power.shape[1:])
        sizes = self.stack.data.sizes
        bottom, right = min(top + height, sizes["y"]), min(left + width, sizes["x"])
        waiting = np.empty((len(power), 0, width), np.float32)  # rows of cells that the next rows complete
        for first in range(top, bottom, store.CHUNK):
            rows = slice(first, min(first + store.CHUNK, bottom))
            samples = self._samples({"time": times, "y": rows, "x": slice(left, right)}, numbers)
            if side == 1:
                power[:, first - top : rows.stop - top] = samples
                continue
            below = -(rows.stop - top) % side if rows.stop == bottom else 0
            samples = np.pad(samples, ((0, 0), (0, below), (0, width - (right - left))), constant_values=np.nan)
            samples = np.concatenate([waiting, samples], axis=1)
            complete = samples.shape[1] // side * side
            samples, waiting = samples[:, :complete], samples[:, complete:]
            row = (rows.stop - top + below - waiting.shape[1] - complete) // side
            for number, image in enumerate(samples, start=numbers.start):
                self._average(image, number, slice(row, row + complete // side))

    def _samples(self, where: dict[str, slice], numbers: slice) -> np.ndarray:
        """The samples (time, y, x) of a part, NaN where they do not count."""
        power = self.stack.power(self.term, where)
        if self.counts:
            self.counts.add("samples_not_positive", self.term, numbers, np.count_nonzero(power <= 0, axis=(1, 2)))
            if self.multilook == 1:
                self.counts.add("cell_dates", self.term, numbers, np.count_nonzero(np.isfinite(power), axis=(1, 2)))
        return power

    def _average(self, samples: np.ndarray, date: int, rows: slice) -> None:
        """Average the cells of some rows of a date; `samples` (ny, nx) are NaN where they do not count."""
        side, block = self.multilook, self.block
        sums = block.sums[self.term][rows.start * side : rows.stop * side]
        total = summed(samples.astype(np.float64), side)
        whole = np.isfinite(total)
        number = np.full(total.shape, side**2)
        if whole.all():
            sums += samples
        else:
            here = np.isfinite(samples)
            number = summed(here.astype(np.uint16), side)
            total = summed(np.where(here, samples, 0).astype(np.float64), side)
            sums += np.where(whole.repeat(side, axis=0).repeat(side, axis=1), samples, 0)
        averaged = np.full(total.shape, np.nan)
        np.divide(total, number, out=averaged, where=number >= self.least)
        block.power[self.term][date, rows] = averaged
        some = number > 0
        inverse = block.inverse[self.term][rows]
        np.add(inverse, self.inverse[date] * side**2 / np.maximum(number, 1), out=inverse, where=some)
        if self.counts:
            one = slice(date, date + 1)
            self.counts.add("cell_dates", self.term, one, np.count_nonzero(some))
            self.counts.add("cell_dates_partly", self.term, one, np.count_nonzero(some & ~whole))


def _runs(used: np.ndarray, dates: Sequence[int], longest: int) -> Iterator[tuple[slice, slice]]:
    """Runs of at most `longest` consecutive dates, as slices of `dates` and of the stack's time axis.

    `used` are indices into `dates`.
    """
    first = 0
    for last in range(1, len(used) + 1):
        ended = last == len(used) or last - first == longest or used[last] != used[last - 1] + 1
        if ended or dates[used[last]] != dates[used[last - 1]] + 1:
            yield slice(used[first], used[last - 1] + 1), slice(dates[used[first]], dates[used[last - 1]] + 1)
            first = last


def cells(stack: Stack, term: str, region: Mapping[str, slice], multilook: int) -> np.ndarray:
    """Linear power (time, y, x) float32 of a term, in a region of the stack's dates and of the multilooked grid.

    It is the average over a cell's samples that count, NaN if there are none.
    """
    shape = tuple(region[dim].stop - region[dim].start for dim in store.DIMS)
    averaged = np.full(shape, np.nan, np.float32)
    top, bottom = region["y"].start * multilook, min(region["y"].stop * multilook, stack.data.sizes["y"])
    columns = slice(region["x"].start * multilook, region["x"].stop * multilook)
    begun = np.zeros((2, shape[0], shape[2]))  # sums and counts of the last row of cells, which may go on below
    for first in range(top, bottom, store.CHUNK):
        rows = slice(first, min(first + store.CHUNK, bottom))
        power = stack.power(term, {"time": region["time"], "y": rows, "x": columns})
        row, offset = divmod(first - top, multilook)
        if multilook == 1:
            averaged[:, row : row + power.shape[1]] = power
            continue
        sums, counts = of_band = np.zeros((2, shape[0], math.ceil((offset + power.shape[1]) / multilook), shape[2]))
        for date in zip(sums, counts, power):
            add_to_cells(*date, multilook, offset)
        if offset:
            of_band[:, :, 0] += begun
        begun = of_band[:, :, -1].copy()
        part = averaged[:, row : row + sums.shape[1]]
        np.divide(sums, counts, out=part, where=counts > 0, casting="same_kind")
    return averaged
