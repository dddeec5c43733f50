"""Outlines of granules in longitude and latitude (EPSG:4326), also across 180 degrees and around a pole."""

from collections.abc import Sequence

import numpy as np
import pyproj
import shapely
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from gcov.errors import GcovError

EDGES = 80  # points along an outline; its edges are straight on the grid, not in degrees


def stated(wkt: str) -> BaseGeometry | None:
    """The outline that a product states as a polygon in WKT, without heights; None if it is no outline on the globe.

    A self-intersecting one is made valid.
    """
    shape = shapely.from_wkt(wkt, on_invalid="ignore")
    if shape is None or shape.geom_type not in ("Polygon", "MultiPolygon") or shape.is_empty:
        return None
    parts = [on_globe(shapely.get_coordinates(part.exterior)) for part in shapely.get_parts(shape)]
    whole = shapely.union_all([part for part in parts if part is not None])
    return None if whole.is_empty or None in parts else whole


def of_grid(transform: Sequence[float], shape: Sequence[int], crs: str) -> BaseGeometry:
    """The outline of a grid from the coefficients a to f of its transform (as in affine) and its rows and columns.

    Raises GcovError if the grid does not lie on the globe.
    """
    dx, _, left, _, dy, top = transform[:6]
    box = shapely.box(left, top + dy * shape[0], left + dx * shape[1], top)
    dense = shapely.segmentize(box, box.length / EDGES)
    to_degrees = pyproj.Transformer.from_crs(crs, 4326, always_xy=True)
    outline = on_globe(np.column_stack(to_degrees.transform(*shapely.get_coordinates(dense).T)))
    if outline is None:
        raise GcovError(f"a grid with the transform {list(transform)} in {crs} does not lie on the globe")
    return outline


def on_globe(ring: np.ndarray) -> BaseGeometry | None:
    """A closed ring (n, 2) of longitudes and latitudes as a valid polygon, or several, within -180..180 degrees.

    Of the two ways between successive longitudes, the shorter one is meant. A ring around a pole holds the pole. None
    if coordinates are not finite or not on the globe, or if the ring has no area.
    """
    longitudes, latitudes = ring.T
    if not (np.isfinite(ring).all() and np.abs(latitudes).max() <= 90 and np.abs(longitudes).max() <= 360):
        return None
    ring = np.column_stack([np.unwrap(longitudes, period=360), latitudes])
    if abs(ring[-1, 0] - ring[0, 0]) > 180:  # once around
        pole = np.copysign(90, latitudes.mean())
        ring = np.vstack([ring, [(ring[-1, 0], pole), (ring[0, 0], pole)]])
    whole = shapely.make_valid(shapely.Polygon(ring), method="structure", keep_collapsed=False)
    turns = range(-3, 4)  # the unwrapped ring may begin at 360 degrees and go once around
    parts = [shapely.intersection(whole, shapely.box(360 * n - 180, -90, 360 * n + 180, 90)) for n in turns]
    moved = [translate(part, -360 * n) for n, part in zip(turns, parts)]
    polygons = [part for part in shapely.get_parts(moved) if part.geom_type == "Polygon" and part.area > 0]
    return shapely.union_all(polygons) if polygons else None
