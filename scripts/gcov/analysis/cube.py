"""Reading all dates of a part of a stack at once: linear power (time, y, x), optionally averaged over cells.

Memory is the same for 20 and for 200 dates: with more dates, the part is smaller.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from gcov.analysis.multilook import add_to_cells
from gcov.stores import store
from gcov.stores.radiometry import counted

BUDGET = 220_000_000  # bytes of power: one chunk of one term on 200 dates
AT_ONCE = 2_500_000  # samples read at once: ten chunks. Reading chunks one by one would take twice as long


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
) -> Iterator[tuple[dict[str, slice], dict[str, np.ndarray]]]:
    """Yield regions of the multilooked grid (slices by y and x), and the power of each term in the region.

    Power is (time, y, x) float32, linear, in the order of `dates` (indices into the stack's dates). It is the average
    over a cell's samples that count, NaN if there are none (with `whole_cells`, if any does not count). The next block
    overwrites the arrays. Up to 200 dates of one term, no chunk is decoded twice.
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
            cells(data, terms, where, multilook, **options, into={term: power[term][numbers] for term in terms})
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
) -> dict[str, np.ndarray]:
    """Linear power (time, y, x) float32 by term, in a region of the stack's dates and of the multilooked grid.

    It is the average over a cell's samples that count, NaN if there are none. With `whole_cells`, it is NaN if any
    sample does not count, because such cells have fewer looks. `into` are arrays to use instead of new ones.
    """
    shape = tuple(region[dim].stop - region[dim].start for dim in store.DIMS)
    images = into or {term: np.empty(shape, np.float32) for term in terms}
    for term, power in images.items():
        _average(data, term, region, multilook, valid_samples_only, multilook**2 if whole_cells else 1, power)
    return images


def _average(
    data: xr.Dataset,
    term: str,
    region: dict[str, slice],
    multilook: int,
    valid_samples_only: bool,
    least: int,
    averaged: np.ndarray,
) -> None:
    sums, counts = np.zeros((2, *averaged.shape)) if multilook > 1 else (averaged, averaged)
    top, bottom = region["y"].start * multilook, min(region["y"].stop * multilook, data.sizes["y"])
    columns = slice(region["x"].start * multilook, region["x"].stop * multilook)
    for first in range(top, bottom, store.CHUNK):
        rows = slice(first, min(first + store.CHUNK, bottom))
        block = data.isel(time=region["time"], y=rows, x=columns)
        power, mask = store.samples(block, term), store.mask_of(block, term)
        use = counted(power, mask, valid_samples_only=valid_samples_only)
        if multilook == 1:
            averaged[:, first - top : rows.stop - top] = np.where(use, power, np.float32(np.nan))
        else:
            for date in zip(sums, counts, power, use):
                add_to_cells(*date, multilook, first - top)
    if multilook > 1:
        averaged[:] = np.nan
        np.divide(sums, counts, out=averaged, where=counts >= least, casting="same_kind")
