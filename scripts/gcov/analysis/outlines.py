"""Outlines of patches as GeoJSON (RFC 7946): longitude and latitude, right-hand rule, cut at the antimeridian."""

import numpy as np
import pyproj
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order

from gcov.analysis.patches import Runs

DIGITS = 7  # of degrees: a centimetre
PIECE_METRES = 1000  # longest piece of an edge before it is transformed, because it is straight on the map only
EAST, WEST = shapely.box(0, -90, 180, 90), shapely.box(180, -90, 540, 90)


class Outlines:
    """Outlines of cells of a grid."""

    def __init__(self, grid: xr.Dataset):
        self._transform = grid.rio.transform()
        self._to_degrees = pyproj.Transformer.from_crs(grid.rio.crs, 4326, always_xy=True)

    def of(self, runs: Runs) -> str:
        """The outline of a patch, a MultiPolygon as text of GeoJSON: one polygon for each part (see `parts`)."""
        pieces = shapely.segmentize(shapely.transform(parts(runs), self._metres), PIECE_METRES)
        degrees = shapely.transform(pieces, lambda xy: np.column_stack(self._to_degrees.transform(*xy.T)))
        cut = np.concatenate([_cut(part) for part in degrees])
        rounded = shapely.transform(cut, lambda xy: xy.round(DIGITS))
        return str(shapely.to_geojson(shapely.multipolygons(shapely.orient_polygons(rounded, exterior_cw=False))))

    def _metres(self, places: np.ndarray) -> np.ndarray:
        return np.column_stack(self._transform @ places.T)


def parts(runs: Runs) -> np.ndarray:
    """The polygons, with holes, of the parts whose cells share edges; x and y count columns and rows.

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
    ring = _components(np.arange(len(edges)), following)
    meet = np.flatnonzero((y[1:] == y[:-1]) & (x[1:] == x[:-1]))
    itself = meet[ring[edge_of[meet]] == ring[edge_of[meet + 1]]]
    if itself.size:
        order[itself], order[itself + 1] = itself + 1, itself
        following = _following(order, edges, edge_of)
        ring = _components(np.arange(len(edges)), following)
    part = _components(*_touching(runs))[run[edges[:, 0]]]
    area = np.bincount(ring, x[edges[:, 0]] * (y[edges[:, 1]].astype(float) - y[edges[:, 0]]))
    _, first = np.unique(ring, return_index=True)
    rank = np.empty(len(first), np.int32)
    rank[np.lexsort([area > 0, part[first]])] = np.arange(len(first))  # the outer ring of each part comes first
    along = _along(following, first)
    along = along[np.argsort(rank[ring[along]], kind="stable")]
    corners = edges[along].ravel()
    places = np.stack([x[corners], y[corners]], axis=1).astype(float)
    rings = np.asarray(shapely.linearrings(places, indices=np.repeat(rank[ring[along]], 2)))
    return np.asarray(shapely.polygons(rings, indices=np.sort(part[first])))


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
    from_, to = np.searchsorted(end, begin - width, side="right"), np.searchsorted(begin, end - width, side="left")
    number = np.maximum(to - from_, 0)
    below = np.repeat(np.arange(len(begin)), number)
    above = np.arange(len(below)) - np.repeat(np.cumsum(number) - number, number) + np.repeat(from_, number)
    every = np.arange(len(begin))
    return np.append(every, below), np.append(every, above)


def _components(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The number of the group of each of those that pairs join."""
    size = one.max() + 1
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def _along(following: np.ndarray, first: np.ndarray) -> np.ndarray:
    """All edges in the order in which rings follow them, one ring after another; `first` has an edge of each."""
    size = len(following)
    pointers = np.append(np.arange(size + 1), size + len(first))  # of one more node, from which every ring starts
    graph = csr_array((np.ones(pointers[-1]), np.append(following, first), pointers), shape=(size + 1, size + 1))
    return depth_first_order(graph, size, return_predecessors=False)[1:]


def _cut(polygon: shapely.Polygon) -> np.ndarray:
    """The parts of a polygon on both sides of the antimeridian."""
    west, _, east, _ = polygon.bounds
    if east - west <= 180:
        return np.array([polygon])
    turned = shapely.transform(polygon, lambda xy: np.where([True, False], xy % 360, xy))
    beyond = shapely.transform(shapely.intersection(turned, WEST), lambda xy: xy - [360, 0])
    pieces = shapely.get_parts([shapely.intersection(turned, EAST), beyond])
    return pieces[shapely.get_type_id(pieces) == shapely.GeometryType.POLYGON]
