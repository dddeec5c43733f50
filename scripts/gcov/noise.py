"""The noise floor: backscatter that noise alone would give, which the product states on a coarse grid of its own.

Of `noiseEquivalentBackscatter` a fragment keeps, as an attribute, the mean over the AOI and the nodes around it; a
stack keeps those of all granules, date by date. Linear power, gamma0 as the samples. Nothing is made up: a table with
one value outside of (0, 1) is in other units, and is not used.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

FEWEST = 100  # samples that stand for all, where there are so many
STEP = 499  # of so many samples of an AOI or zone one stands for all: the tables are smooth over kilometres


@dataclass(frozen=True)
class Table:
    """Noise equivalent backscatter (y, x), linear power, at nodes with these coordinates in metres; NaN: not known."""

    y: np.ndarray
    x: np.ndarray
    power: np.ndarray

    @property
    def flaw(self) -> str:
        """Why the table cannot be used; empty where it can."""
        finite = self.power[np.isfinite(self.power)]
        if not finite.size:
            return "holds no value"
        if not ((finite > 0) & (finite < 1)).all():
            return f"holds {finite.min():.3g} to {finite.max():.3g}, which is no linear power of noise"
        return ""

    def around(self, grid: xr.Dataset) -> "Table":
        """The nodes around a grid: those on it, and one further on each side."""
        kept = []
        for nodes, centres in ((self.y, grid["y"].values), (self.x, grid["x"].values)):
            on = np.flatnonzero((nodes >= centres.min()) & (nodes <= centres.max()))
            nearest = int(np.abs(nodes - centres.mean()).argmin())
            first, last = (on[0], on[-1]) if on.size else (nearest, nearest)
            kept.append(slice(max(first - 1, 0), last + 2))
        rows, columns = kept
        return Table(self.y[rows], self.x[columns], self.power[rows, columns])

    def mean(self, y: np.ndarray, x: np.ndarray) -> float:
        """The mean over points (n,), bilinear between nodes, as at the edge beyond them; NaN where no point has one."""
        rows, columns = (_position(nodes, points) for nodes, points in ((self.y, y), (self.x, x)))
        total = np.zeros(len(y))
        for row, row_weight in rows:
            for column, weight in columns:
                total += np.where(row_weight * weight > 0, row_weight * weight * self.power[row, column], 0)
        return float(np.nanmean(total)) if np.isfinite(total).any() else np.nan


def _position(nodes: np.ndarray, points: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two nodes that each point lies between, and their weights."""
    order = np.argsort(nodes)
    place = np.interp(points, nodes[order], np.arange(len(nodes)))
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(nodes) - 1)
    return [(order[below], 1 - (place - below)), (order[above], place - below)]


def points(grid: xr.Dataset, rows: slice, columns: slice, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates y and x (n,) of some of the pixels of a part of a grid, spread over those that are `inside`."""
    places = np.flatnonzero(inside)
    row, column = np.unravel_index(places[:: max(1, min(STEP, places.size // FEWEST))], inside.shape)
    return grid["y"].values[rows][row], grid["x"].values[columns][column]


def described(tables: Mapping[str, Table], grid: xr.Dataset, y: np.ndarray, x: np.ndarray) -> str:
    """The attribute of a fragment: by term the mean over points of the AOI, and the nodes around it."""
    found = {}
    for term, table in tables.items():
        near = table.around(grid)
        power = [[float(f"{value:.5g}") if np.isfinite(value) else None for value in row] for row in near.power]
        mean = near.mean(y, x)
        if np.isfinite(mean):
            found[term] = {"mean": mean, "y": near.y.tolist(), "x": near.x.tolist(), "power": power}
    return json.dumps(found)


def gathered(fragments: Sequence[Sequence[Mapping]]) -> str:
    """The attribute of a stack, from those of the fragments of each date."""
    return json.dumps([[json.loads(one.get("noise", "{}")) for one in members] for members in fragments])


def of_dates(data: xr.Dataset, term: str, where: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """The noise of a term (dates,), linear power, over the AOI or over points y and x in it.

    Of a pass of several granules the mean of theirs; NaN where the product does not say it.
    """
    found = np.full(data.sizes["time"], np.nan)
    for date, members in enumerate(json.loads(data.attrs.get("noise", "[]"))):
        stated = [member[term] for member in members if term in member]
        if where is None:
            means = [one["mean"] for one in stated]
        else:
            tables = (Table(*(np.array(one[key], np.float64) for key in ("y", "x", "power"))) for one in stated)
            means = [mean for table in tables if np.isfinite(mean := table.mean(*where))]
        if means:
            found[date] = np.mean(means)
    return found
