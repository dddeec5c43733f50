"""Grids, and the window that an area of interest takes of one.

A grid is a CRS and the pixel centres along x (rising) and y (falling). Grids that differ only by whole pixels
lie on one lattice.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyproj

from gcov.errors import GcovError

LARGEST = 250_000  # pixels a side, 2500 km at 10 m: more comes of an AOI that a projection has torn apart


@dataclass(frozen=True)
class Grid:
    """Pixel centres `x` (nx,) and `y` (ny,), metres, in the CRS `epsg`."""

    epsg: int
    x: np.ndarray
    y: np.ndarray

    @property
    def posting(self) -> tuple[float, float]:
        """Signed distance between centres along x and y, metres."""
        return _step(self.x), _step(self.y)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return len(self.y), len(self.x)

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """GDAL's GeoTransform: left edge, x posting, 0, upper edge, 0, y posting."""
        dx, dy = self.posting
        return float(self.x[0]) - dx / 2, dx, 0.0, float(self.y[0]) - dy / 2, 0.0, dy

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Outer edges of the pixels: left, bottom, right, top, metres."""
        left, dx, _, top, _, dy = self.transform
        return left, top + dy * len(self.y), left + dx * len(self.x), top


@dataclass(frozen=True)
class Window:
    """Rows and columns [start, stop) of a grid; they may lie outside of it."""

    row_start: int
    row_stop: int
    col_start: int
    col_stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.row_stop - self.row_start, self.col_stop - self.col_start

    def part(self, rows: slice, cols: slice) -> "Window":
        """The part of the window in these of its own rows and columns."""
        top, left = self.row_start, self.col_start
        return Window(top + rows.start, top + rows.stop, left + cols.start, left + cols.stop)

    def within(self, shape: tuple[int, int]) -> "Window":
        """The part of the window that lies on a grid of this shape; empty (stop == start) where none does."""
        rows = sorted((0, self.row_start, shape[0]))[1], sorted((0, self.row_stop, shape[0]))[1]
        cols = sorted((0, self.col_start, shape[1]))[1], sorted((0, self.col_stop, shape[1]))[1]
        return Window(*rows, *cols)


def _step(centres: np.ndarray) -> float:
    return float(centres[-1] - centres[0]) / (len(centres) - 1)


def aoi_window(grid: Grid, bbox: tuple[float, float, float, float], name: str) -> Window:
    """The window of a granule's grid that the bounds of an AOI touch.

    The bounds (west, south, east, north; EPSG:4326) become bounds in the grid's CRS with 21 points along each edge,
    and the window ends on whole pixels outward: the rule of `rioxarray.clip_box`, but for a window that does not
    stop at the grid's edge. Raises GcovError where the area has no place in the grid's CRS.
    """
    to_grid = pyproj.Transformer.from_crs(4326, grid.epsg, always_xy=True)
    bounds = to_grid.transform_bounds(*bbox, densify_pts=21)
    left, bottom, right, top = bounds
    x0, dx, _, y0, _, dy = grid.transform
    if not max((right - left) / dx, (bottom - top) / dy) < LARGEST:  # NaN and infinity included
        raise GcovError(
            f"{name}: the AOI {list(bbox)} lies far outside of the granule, where its CRS EPSG:{grid.epsg} is not"
            f" defined, or is more than {LARGEST} pixels long"
        )
    return Window(
        math.floor((top - y0) / dy),
        math.ceil((bottom - y0) / dy),
        math.floor((left - x0) / dx),
        math.ceil((right - x0) / dx),
    )


def window_grid(grid: Grid, window: Window) -> Grid:
    """The grid of a window: the granule's own coordinates where it reaches, its lattice continued where not."""
    x = _continued(grid.x, window.col_start, window.col_stop)
    y = _continued(grid.y, window.row_start, window.row_stop)
    return Grid(grid.epsg, x, y)


def _continued(centres: np.ndarray, start: int, stop: int) -> np.ndarray:
    index = np.arange(start, stop)
    on_grid = (index >= 0) & (index < len(centres))
    return np.where(on_grid, centres[np.clip(index, 0, len(centres) - 1)], centres[0] + index * _step(centres))


def inside_polygon(grid: Grid, polygon: str) -> np.ndarray:
    """True (ny, nx) for the pixels of a grid whose centre lies in the polygon (WKT, EPSG:4326).

    Edges are straight in longitude and latitude: they are cut into short pieces before they are projected.
    """
    import rasterio.features  # half a second that boxes need not pay
    import shapely

    to_grid = pyproj.Transformer.from_crs(4326, grid.epsg, always_xy=True)
    pieces = shapely.segmentize(shapely.from_wkt(polygon), 0.01)
    projected = shapely.transform(pieces, lambda xy: np.column_stack(to_grid.transform(*xy.T)))
    transform = rasterio.Affine.from_gdal(*grid.transform)
    return rasterio.features.geometry_mask([projected], grid.shape, transform, invert=True)


def lattice_difference(one: Grid, other: Grid) -> str | None:
    """What keeps two grids of one AOI from being stacked sample on sample, in words; None if nothing does."""
    if one.epsg != other.epsg:
        return f"CRS EPSG:{other.epsg} instead of EPSG:{one.epsg}"
    if one.posting != other.posting:
        return f"posting {other.posting} m instead of {one.posting} m"
    for axis in ("x", "y"):
        mine, theirs = getattr(one, axis), getattr(other, axis)
        if len(mine) != len(theirs):
            return f"{len(theirs)} pixels along {axis} instead of {len(mine)}"
        if not np.array_equal(mine, theirs):
            return f"{axis} coordinates off by up to {np.abs(theirs - mine).max():.3g} m"
    return None
