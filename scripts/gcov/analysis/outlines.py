"""Outlines of patches as GeoJSON (RFC 7946): longitude and latitude, right-hand rule, cut at the antimeridian.

A patch may have millions of corners: they stay arrays, and become text a few at a time.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyproj
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr

from gcov.analysis.patches import Runs, components, spread

DIGITS = 7  # of degrees: a centimetre
PIECE_METRES = 1000  # longest piece of an edge before it is transformed, because it is straight on the map only
AT_ONCE = 10_000  # corners written at once
EAST, WEST = shapely.box(0, -90, 180, 90), shapely.box(180, -90, 540, 90)


class Rings(NamedTuple):
    """Rings of points (n, 2), not closed, with what is inside on their left; those of a part follow its outer ring."""

    points: np.ndarray
    starts: np.ndarray  # (rings + 1,) of each ring among the points, and their number
    part: np.ndarray  # (rings,) number of the part

    def parts(self) -> Iterator[list[np.ndarray]]:
        """The rings (n, 2) of each part, the outer one first."""
        splits = np.append(np.flatnonzero(np.diff(self.part, prepend=-1)), len(self.part))
        for one, other in pairwise(splits):
            yield [self.points[start:stop] for start, stop in pairwise(self.starts[one : other + 1])]


class Outlines:
    """Outlines of cells of a grid."""

    def __init__(self, grid: xr.Dataset):
        self._transform = grid.rio.transform()
        self._to_degrees = pyproj.Transformer.from_crs(grid.rio.crs, 4326, always_xy=True)

    def of(self, runs: Runs) -> Iterator[str]:
        """The outline of a patch, a MultiPolygon as pieces of text of GeoJSON.

        It has one polygon for each part whose cells share edges.
        """
        yield '{"type": "MultiPolygon", "coordinates": ['
        between = ""
        for part in self._degrees(traced(runs)).parts():
            for rings in _cut(part):
                yield between
                yield from _text(rings)
                between = ", "
        yield "]}"

    def _degrees(self, rings: Rings) -> Rings:
        """The same in longitude and latitude, with further points on long edges."""
        metres = np.column_stack(self._transform @ rings.points.T.astype(float))
        last = rings.starts[1:] - 1
        edges = np.roll(metres, -1, axis=0)
        edges[last] = metres[rings.starts[:-1]]
        edges -= metres
        pieces = np.maximum(1, np.ceil(np.abs(edges).max(axis=1) / PIECE_METRES).astype(int))
        until = np.cumsum(pieces)
        if until[-1] > len(metres):
            of = np.repeat(np.arange(len(metres)), pieces)
            share = (np.arange(len(of)) - (until - pieces)[of]) / pieces[of]
            metres = metres[of] + share[:, None] * edges[of]
        degrees = np.column_stack(self._to_degrees.transform(*metres.T)).round(DIGITS)
        return Rings(degrees, np.append(0, until)[rings.starts], rings.part)


def _text(rings: list[np.ndarray]) -> Iterator[str]:
    """The coordinates of a polygon as pieces of text."""
    for number, ring in enumerate(rings):
        yield ", [" if number else "[["
        closed = np.append(ring, ring[:1], axis=0)
        for first in range(0, len(closed), AT_ONCE):
            yield (", " if first else "") + json.dumps(closed[first : first + AT_ONCE].tolist())[1:-1]
        yield "]"
    yield "]"


def _cut(rings: list[np.ndarray]) -> list[list[np.ndarray]]:
    """The rings of the parts of a polygon on both sides of the antimeridian."""
    if np.ptp(rings[0][:, 0]) <= 180:
        return [rings]
    outer, *holes = (np.column_stack([ring[:, 0] % 360, ring[:, 1]]) for ring in rings)
    turned = shapely.Polygon(outer, holes)
    beyond = shapely.transform(shapely.intersection(turned, WEST), lambda xy: xy - [360, 0])
    pieces = shapely.get_parts([shapely.intersection(turned, EAST), beyond])
    polygons = shapely.orient_polygons(pieces[shapely.get_type_id(pieces) == shapely.GeometryType.POLYGON])
    each = [[polygon.exterior, *polygon.interiors] for polygon in polygons]
    return [[np.array(ring.coords)[:-1].round(DIGITS) for ring in of] for of in each]


def traced(runs: Runs) -> Rings:
    """The outlines of the parts of a patch whose cells share edges; x and y count columns and rows.

    Each end of a run is an edge along a column; consecutive ones are one edge. In order, the ends of these edges along
    a row are pairs, too: the edges along rows. Where two cells touch at a corner only, four edges meet. Each pair there
    follows its own cell, which keeps parts apart, unless one ring would touch itself: then it becomes two.
    """
    runs = _merged(runs)
    y, x, starts, below, run = _corners(runs)
    edges = np.lexsort([below, y, x]).reshape(-1, 2)  # along columns: upper and lower corner
    edge_of = np.empty(len(y), np.int32)
    edge_of[edges] = np.arange(len(edges))[:, None]
    edges = np.where(starts[edges[:, :1]], edges, edges[:, ::-1])  # the cells lie to the left of who goes along it
    order = np.arange(len(y))
    following = _following(order, edges, edge_of)
    ring = components(np.arange(len(edges)), following, len(edges))[1]
    meet = np.flatnonzero((y[1:] == y[:-1]) & (x[1:] == x[:-1]))
    itself = meet[ring[edge_of[meet]] == ring[edge_of[meet + 1]]]
    if itself.size:
        order[itself], order[itself + 1] = itself + 1, itself
        following = _following(order, edges, edge_of)
        ring = components(np.arange(len(edges)), following, len(edges))[1]
    part = components(*_touching(runs), len(runs.row))[1][run[edges[:, 0]]]
    area = np.bincount(ring, x[edges[:, 0]] * (y[edges[:, 1]].astype(float) - y[edges[:, 0]]))
    _, first = np.unique(ring, return_index=True)
    rank = np.empty(len(first), np.int32)
    rank[np.lexsort([area > 0, part[first]])] = np.arange(len(first))  # the outer ring of each part comes first
    corners = edges[np.lexsort([-_to_last(following, ring, first), rank[ring]])].ravel()
    sizes = np.bincount(rank[ring], minlength=len(first))
    return Rings(np.stack([x[corners], y[corners]], axis=1), np.append(0, 2 * np.cumsum(sizes)), np.sort(part[first]))


def _merged(runs: Runs) -> Runs:
    """Runs of one patch, those that touch in a row made one."""
    begins = np.ones(len(runs.row), bool)
    begins[1:] = (np.diff(runs.row) != 0) | (runs.first[1:] != runs.stop[:-1])
    return runs.only(begins)._replace(stop=runs.stop[np.append(begins[1:], True)])


def _corners(runs: Runs) -> tuple[np.ndarray, ...]:
    """The corners (n,) by row, then column: y, x, whether runs start there, whether theirs is the row below, the run.

    Corners of one kind that meet are no corner. Of two kinds that meet, that of runs that end comes first.
    """
    number = np.arange(len(runs.row), dtype=np.int32)
    y = np.concatenate([runs.row, runs.row, runs.row + 1, runs.row + 1])
    x = np.concatenate([runs.first, runs.stop, runs.first, runs.stop])
    starts, below = (np.repeat(kind, len(number)) for kind in ([True, False, True, False], [True, True, False, False]))
    order = np.lexsort([starts, x, y])
    every = [values[order] for values in (y, x, starts, below, np.tile(number, 4))]
    same = np.logical_and.reduce([values[1:] == values[:-1] for values in every[:3]])
    alone = ~(np.append(same, False) | np.append(False, same))
    return tuple(values[alone] for values in every)


def _following(order: np.ndarray, edges: np.ndarray, edge_of: np.ndarray) -> np.ndarray:
    """The edge along a column after each one; corners in `order` are pairs, joined by edges along rows."""
    partner = np.empty_like(order)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return edge_of[partner[edges[:, 1]]]


def _touching(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (n,), (n,) of runs, in order, that share an edge; each is also a pair with itself."""
    width = np.int64(runs.stop.max()) + 1
    begin, end = (runs.row * width + column for column in (runs.first, runs.stop))
    below, above = spread(np.searchsorted(end, begin - width, "right"), np.searchsorted(begin, end - width, "left"))
    every = np.arange(len(begin))
    return np.append(every, below), np.append(every, above)


def _to_last(following: np.ndarray, ring: np.ndarray, first: np.ndarray) -> np.ndarray:
    """How many edges further the last one of each one's ring is, from which the first follows.

    Each round doubles how far ahead every edge looks.
    """
    last = following == first[ring]
    ahead, steps = np.where(last, np.arange(len(following)), following), (~last).astype(np.int32)
    while not np.array_equal(further := ahead[ahead], ahead):
        steps += steps[ahead]
        ahead = further
    return steps
