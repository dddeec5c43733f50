"""The noise floor: the backscatter that noise alone would give, which the product states on a coarse grid.

A fragment keeps in an attribute the mean of `noiseEquivalentBackscatter` over the AOI and the nodes around the AOI, and
in another why it has none. A stack keeps these for all granules, date by date. Values are linear gamma0, like the
samples. A table with any value outside (0, 1) is in other units and is not used.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import xarray as xr

from gcov.stores.bits import Bits

FEWEST = 100  # smallest number of samples to evaluate, if there are as many
STEP = 499  # one in so many samples of an AOI or zone is evaluated; the tables are smooth over kilometres
UNTOLD = "the fragment does not say why"
ROWS = 128  # rows searched at once: the index of a sample needs eight bytes


@dataclass(frozen=True)
class Table:
    """Noise equivalent backscatter `power` (..., y, x), linear, at nodes y and x in metres; NaN where unknown."""

    y: np.ndarray
    x: np.ndarray
    power: np.ndarray

    @property
    def reason_unusable(self) -> str:
        """Why the table cannot be used; empty if it can."""
        finite = self.power[np.isfinite(self.power)]
        if not finite.size:
            return "holds no value"
        if not ((finite > 0) & (finite < 1)).all():
            return f"holds {finite.min():.3g} to {finite.max():.3g}, which is not a linear noise power"
        return ""

    def around(self, grid: xr.Dataset) -> "Table":
        """The table's nodes within a grid, plus one more on each side."""
        rows, columns = around(self.y, grid["y"].values), around(self.x, grid["x"].values)
        return Table(self.y[rows], self.x[columns], self.power[rows, columns])

    def mean(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The mean over points (n,) of the values `at` them.

        Points without a value are left out; NaN if there are no others. Dims of `power` before y and x are kept.
        """
        values = self.at(y, x)
        known = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            return np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1)

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The values (..., n) at points (n,), with bilinear interpolation and the edge value beyond the nodes.

        NaN next to a node without a value. Dims of `power` before y and x are kept.
        """
        rows, columns = (_position(nodes, points) for nodes, points in ((self.y, y), (self.x, x)))
        total = np.zeros((*self.power.shape[:-2], len(y)))
        for row, row_weight in rows:
            for column, weight in columns:
                total += np.where(row_weight * weight > 0, row_weight * weight * self.power[..., row, column], 0)
        return total

    def image(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The image (len(y), len(x)) of a table (y, x), interpolated as `at` does; NaN beside nodes without value."""
        down, across = _weights(self.y, y), _weights(self.x, x)
        unknown = ~np.isfinite(self.power)
        found = down @ np.where(unknown, 0, self.power) @ across.T
        if unknown.any():
            found[down @ unknown @ across.T > 0] = np.nan
        return found


def around(nodes: np.ndarray, centres: np.ndarray) -> slice:
    """The nodes of an axis among these places, plus one more on each side."""
    on = np.flatnonzero((nodes >= centres.min()) & (nodes <= centres.max()))
    nearest = int(np.abs(nodes - centres.mean()).argmin())
    first, last = (int(on[0]), int(on[-1])) if on.size else (nearest, nearest)
    return slice(max(first - 1, 0), last + 2)


def _position(nodes: np.ndarray, points: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two nodes on either side of each point, and their weights."""
    order = np.argsort(nodes)
    place = np.interp(points, nodes[order], np.arange(len(nodes)))
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(nodes) - 1)
    return [(order[below], 1 - (place - below)), (order[above], place - below)]


def _weights(nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The weight of each node at each point: (points, nodes)."""
    found = np.zeros((len(points), len(nodes)))
    for node, weight in _position(nodes, points):
        found[np.arange(len(points)), node] += weight
    return found


def points(grid: xr.Dataset, rows: slice, columns: slice, inside: np.ndarray | Bits) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates y and x (n,), in metres, of an even subset of the pixels that are `inside`, in a part of a grid."""
    step = max(1, min(STEP, int(inside.sum()) // FEWEST))
    chosen: list[np.ndarray] = []
    passed = 0
    for top in range(0, len(inside), ROWS):
        places = np.flatnonzero(inside[top : top + ROWS])
        chosen.append(top * inside.shape[1] + places[-passed % step :: step])
        passed += places.size
    row, column = np.unravel_index(np.concatenate(chosen), inside.shape)
    return grid["y"].values[rows][row], grid["x"].values[columns][column]


def described(tables: Mapping[str, Table], grid: xr.Dataset, y: np.ndarray, x: np.ndarray) -> str:
    """The JSON attribute of a fragment: for each term, the mean over points of the AOI and the nodes around it."""
    found = {}
    for term, table in tables.items():
        near = table.around(grid)
        power = [[float(f"{value:.5g}") if np.isfinite(value) else None for value in row] for row in near.power]
        mean = near.mean(y, x)
        if np.isfinite(mean):
            found[term] = {"mean": mean, "y": near.y.tolist(), "x": near.x.tolist(), "power": power}
    return json.dumps(found)


def gathered(fragments: Sequence[Sequence[Mapping]]) -> dict[str, str]:
    """The JSON attributes of a stack, from the attributes of each date's fragments."""
    stated = [[json.loads(one.get("noise", "{}")) for one in members] for members in fragments]
    without = [[one.get("without_noise", UNTOLD) for one in members] for members in fragments]
    return {"noise": json.dumps(stated), "without_noise": json.dumps(without)}


def missing(data: xr.Dataset, term: str) -> list[str]:
    """Why a term has no noise floor on a date (dates,); to be read only where it has none."""
    stated, without = (json.loads(data.attrs.get(name, "[]")) for name in ("noise", "without_noise"))
    reasons = [
        "; ".join(dict.fromkeys(_missing(*member, term) for member in zip(*members)))
        for members in zip(stated, without)
    ]
    return reasons or [UNTOLD] * data.sizes["time"]


def _missing(stated: Mapping, without: str, term: str) -> str:
    if term in stated:
        return "the product's table has no value there"
    return without or "the product has no table of it"


def of_dates(data: xr.Dataset, term: str, where: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """The noise floor of a term (dates,), linear power, averaged over the AOI or over points y and x in it.

    For a pass of several granules, this is the mean of their values. NaN if the product does not state it.
    """
    total, number = np.zeros((2, data.sizes["time"]))
    for dates, table, means in _stated(data.attrs.get("noise", "[]"), term):
        found = means if where is None else table.mean(*where)
        known = np.isfinite(found)
        np.add.at(total, dates[known], found[known])
        np.add.at(number, dates[known], 1)
    with np.errstate(invalid="ignore"):
        return total / number


def over_dates(data: xr.Dataset, term: str, dates: Sequence[int], y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The mean noise floor of a term on some dates (indices), linear power: (len(y), len(x)) at places in metres.

    Dates without a noise floor are left out. NaN if there are no others, or where one lacks a value.
    """
    stated = _stated(data.attrs.get("noise", "[]"), term)
    members = np.zeros(data.sizes["time"], int)
    for of, _, _ in stated:
        np.add.at(members, of, 1)
    used = [date for date in dates if members[date]]
    found = np.zeros((len(y), len(x))) if used else np.full((len(y), len(x)), np.nan)
    for of, table, _ in stated:
        part = np.isin(of, used)
        weights = 1 / members[of[part]] / max(len(used), 1)
        found += Table(table.y, table.x, np.tensordot(weights, table.power[part], axes=1)).image(y, x)
    return found


@cache  # a table of zones asks once for each zone
def _stated(attribute: str, term: str) -> list[tuple[np.ndarray, Table, np.ndarray]]:
    """What a stack's attribute states of a term, together for tables with the same nodes.

    For each set of nodes: date indices (n,), the tables with power (n, y, x), and the means over the AOI (n,).
    """
    members = [
        (date, one[term]) for date, several in enumerate(json.loads(attribute)) for one in several if term in one
    ]
    groups: dict[str, list[tuple[int, dict]]] = {}
    for date, one in members:
        groups.setdefault(json.dumps([one["y"], one["x"]]), []).append((date, one))
    found = []
    for group in groups.values():
        dates, tables = zip(*group)
        y, x = (np.array(tables[0][axis], float) for axis in ("y", "x"))
        power, means = (np.array([table[name] for table in tables], float) for name in ("power", "mean"))
        found.append((np.array(dates), Table(y, x, power), means))
    return found
