"""Patches of change: neighbouring cells that changed alike, collected from blocks of rows of the maps.

Cells join where they are neighbours (8), have one sign, and changed at most one interval apart. A block is grouped
together with the last row of the block above it. What no later row can join and is too small is forgotten at once, so
memory grows with the patches that are found, not with the image.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gcov.analysis.ground import GroundArea

if TYPE_CHECKING:
    from gcov.analysis.changed import Cells

CLUSTERS = (1, 4, 20, 110, 638, 3832)  # ways for k cells to be neighbours: fixed polyplets, 1 to 6 cells


class Runs(NamedTuple):
    """Cells as runs within rows (n,): columns from `first` to before `stop`; `patch` numbers what they belong to."""

    patch: np.ndarray
    row: np.ndarray
    first: np.ndarray
    stop: np.ndarray

    def only(self, which: np.ndarray | slice) -> "Runs":
        """Some of them."""
        return Runs(*(values[which] for values in self))


@dataclass(frozen=True)
class Patches:
    """Patches, the largest first; `runs` are in their order, and by row and column within a patch.

    `table` has a row per patch: cells, ha (true area), confirmed and newly_confirmed (numbers of cells), sign, first,
    last and median (indices of dates; the lower of two medians), p (the smallest), row and column of the north-west
    cell, and by number of the term step_db0, se_db0, ... `zones` are the numbers of the zones of each patch.
    """

    table: pd.DataFrame
    runs: Runs
    zones: list[list[int]]

    def runs_of(self, patch: int) -> Runs:
        """The runs of one patch."""
        return self.runs.only(slice(*np.searchsorted(self.runs.patch, [patch, patch + 1])))


def expected_by_chance(cells: int, significance: float, fewest: int) -> float:
    """The number of clusters of at least `fewest` cells, of one sign, among this many unchanged `cells`.

    Of 8 neighbours, by counting the shapes that so many cells can have; 0 from 7 cells on. An upper bound where tests
    find less than `significance`, too low where neighbours are correlated.
    """
    if fewest > len(CLUSTERS):
        return 0.0
    return cells * CLUSTERS[fewest - 1] * 2 * (significance / 2) ** fewest


def fewest_cells(ground: GroundArea, min_patch_ha: float) -> int:
    """How many cells a patch has at least."""
    return max(1, math.ceil(min_patch_ha / ground.largest_ha * (1 - 1e-9)))


class Grouping:
    """Groups the changed cells of blocks of rows, which are added from north to south without a gap."""

    def __init__(self, ground: GroundArea, min_patch_ha: float, terms: int, zones: Sequence[Any] = ()):
        """`zones` have a method `inside(row, column)`, which tells the cells (n,) whose centre is in the zone."""
        self._ground, self._least, self._terms, self._zones = ground, min_patch_ha, terms, zones
        self._parent = np.zeros(0, np.int64)  # the group that a group was joined to; itself if to none
        self._edge = np.zeros((4, 0), np.int64)  # column, date, sign and group of the cells of the last row
        self._open = pd.DataFrame()  # of the groups that the next row can join
        self._closed: list[pd.DataFrame] = []
        self._runs: list[np.ndarray] = []
        self._dates: list[np.ndarray] = []
        self._inside: list[np.ndarray] = []

    def add(self, cells: "Cells", bottom: int) -> None:
        """Add the changed cells of a block of rows; `bottom` is its last row."""
        column, date, sign, known = self._edge
        above = len(known)
        row = np.append(np.full(above, cells.top - 1), cells.row)
        column, date, sign = np.append(column, cells.column), np.append(date, cells.date), np.append(sign, cells.sign)
        if not row.size:
            self._open = self._of_cells(cells, row)
            return
        order = np.argsort(known, kind="stable")
        one, other = order[:-1], order[1:]
        same = known[one] == known[other]
        near, beside = neighbours(row, column, date, sign)
        number, group = components(np.append(one[same], near), np.append(other[same], beside), len(row))
        opened, place = np.unique(known, return_index=True)
        new = _summed([self._of_cells(cells, group[above:]), self._open.loc[opened].set_axis(group[place])])
        going = np.zeros(number, bool)
        going[group[row == bottom]] = True
        label = self._labels(number, group[place], opened, going | (new["ha"] >= self._least).to_numpy())
        new = new.set_axis(label)
        self._closed.append(new[~going & (new["ha"] >= self._least)])
        self._open = new[going]
        last = row == bottom
        self._edge = np.stack([column[last], date[last], sign[last], label[group[last]]])
        self._remember(cells, label[group[above:]])

    def _of_cells(self, cells: "Cells", group: np.ndarray) -> pd.DataFrame:
        """The sums, smallest and largest values of the cells of each group."""
        table = pd.DataFrame(
            {
                "cells": 1, "ha": self._ground.ha(cells.row, cells.column), "confirmed": cells.confirmed.astype(int),
                "newly_confirmed": cells.newly_confirmed.astype(int), "sign": cells.sign, "first": cells.date,
                "last": cells.date, "p": cells.p, "corner": cells.row * np.int64(self._ground.width) + cells.column,
            }
        )  # fmt: skip
        for number, (step, error) in enumerate(zip(cells.step_db.astype(float), cells.se_db.astype(float))):
            weight = np.where(np.isfinite(step), error**-2, 0)
            table[f"weight{number}"], table[f"weighted{number}"] = weight, np.where(weight > 0, step, 0) * weight
        return _summed([table.set_axis(group)])

    def _labels(self, number: int, joined: np.ndarray, opened: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """A lasting number for each group (-1: forgotten): the smallest of those that it joins, or a new one."""
        none = np.iinfo(np.int64).max
        label = np.full(number, none)
        np.minimum.at(label, joined, opened)
        self._parent[opened] = label[joined]
        new = keep & (label == none)
        start, count = len(self._parent), np.count_nonzero(new)
        label[new] = np.arange(start, start + count)
        self._parent = np.append(self._parent, label[new])  # a new group is its own parent
        return np.where(label == none, -1, label)

    def _remember(self, cells: "Cells", label: np.ndarray) -> None:
        """Keep what a patch is more than sums: its runs, the number of cells on each date, its zones."""
        use = label >= 0
        row, column, date, label = cells.row[use], cells.column[use], cells.date[use], label[use]
        if not label.size:
            return
        begins = np.ones(label.size, bool)
        begins[1:] = (np.diff(row) != 0) | (np.diff(column) != 1) | (np.diff(label) != 0)
        first, last = np.flatnonzero(begins), np.append(np.flatnonzero(begins)[1:], label.size) - 1
        self._runs.append(np.stack([label[first], row[first], column[first], column[last] + 1]).astype(np.int32))
        dates, counts = np.unique(np.stack([label, date]), axis=1, return_counts=True)
        self._dates.append(np.vstack([dates, counts]))
        for number, zone in enumerate(self._zones):
            of = np.unique(label[zone.inside(row, column)])
            self._inside.append(np.stack([of, np.full(of.size, number)]))

    def finish(self) -> Patches:
        """The patches, once all blocks have been added."""
        table = pd.concat([*self._closed, self._open[self._open["ha"] >= self._least]])
        table = table.sort_values(["ha", "corner"], ascending=[False, True])
        while (further := self._parent[self._parent] != self._parent).any():
            self._parent[further] = self._parent[self._parent[further]]
        rank = np.full(len(self._parent), -1)
        rank[table.index] = np.arange(len(table))
        rank = rank[self._parent]
        runs = Runs(*_ranked(self._runs, rank, 4))
        dates, inside = _ranked(self._dates, rank, 3), _ranked(self._inside, rank, 2)
        splits = np.searchsorted(inside[0], np.arange(len(table) + 1))
        zones = [sorted({*inside[1, one:other].tolist()}) for one, other in pairwise(splits)]
        order = np.lexsort([runs.first, runs.row, runs.patch])
        return Patches(self._finished(table, dates), runs.only(order), zones)

    def _finished(self, table: pd.DataFrame, dates: np.ndarray) -> pd.DataFrame:
        row, column = np.divmod(table.pop("corner").to_numpy(), self._ground.width)
        table = table.reset_index(drop=True).assign(row=row, column=column, median=_medians(dates))
        for number in range(self._terms):
            weight, weighted = table.pop(f"weight{number}").replace(0, np.nan), table.pop(f"weighted{number}")
            table[f"step_db{number}"], table[f"se_db{number}"] = weighted / weight, weight**-0.5
        return table


def neighbours(row: np.ndarray, column: np.ndarray, date: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """The pairs (2, n) of cells that join: 8-neighbours of one sign, at most one interval apart."""
    top, left = row.min(), column.min()
    height, width = row.max() - top + 1, column.max() - left + 1
    place = np.full((height + 1, width + 2), -1, np.int32)
    y, x = row - top, column - left + 1
    place[y, x] = np.arange(len(row))
    pairs = []
    for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
        other = place[y + down, x + right]
        one = np.flatnonzero(other >= 0)
        other = other[one]
        alike = (sign[one] == sign[other]) & (np.abs(date[one] - date[other]) <= 1)
        pairs.append(np.stack([one[alike], other[alike]]))
    return np.concatenate(pairs, axis=1)


def components(one: np.ndarray, other: np.ndarray, number: int) -> tuple[int, np.ndarray]:
    """How many groups there are of a `number` of things that pairs (n,), (n,) join, and the group of each."""
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(number, number))
    return connected_components(graph, directed=False)


def spread(first: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All numbers of ranges (n,) from `first` to before `stop`: which range, and the number; some may be empty."""
    sizes = np.maximum(stop - first, 0)
    which = np.repeat(np.arange(len(first)), sizes)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes - first, sizes)


def _summed(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Rows of one group, which the index tells, as one row; groups in order."""
    table = pd.concat(tables)
    smallest = {"sign": "min", "first": "min", "last": "max", "p": "min", "corner": "min"}
    sums = {name: smallest.get(str(name), "sum") for name in table}
    return table.groupby(level=0).agg(sums)


def _ranked(parts: list[np.ndarray], rank: np.ndarray, height: int) -> np.ndarray:
    """Columns whose first row is a group that became a patch; that row becomes the patch, by which they are sorted."""
    every = np.concatenate([np.zeros((height, 0), np.int32), *parts], axis=1)
    of = rank[every[0]]
    every = np.vstack([of, every[1:]])[:, of >= 0]
    return every[:, np.argsort(every[0], kind="stable")]


def _medians(dates: np.ndarray) -> np.ndarray:
    """The median date of each patch, the lower of two, from its cells on each date: (patch, date, cells)."""
    table = pd.DataFrame(dates.T, columns=["patch", "date", "cells"]).groupby(["patch", "date"], as_index=False).sum()
    until = table.groupby("patch")["cells"].cumsum()
    whole = table.groupby("patch")["cells"].transform("sum")
    return table[2 * until >= whole].groupby("patch")["date"].first().to_numpy()
