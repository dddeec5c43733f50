"""Grids, and the window that an area of interest takes of one.

A grid is a Dataset with the pixel centres x (rising) and y (falling) in metres and a CRS that `.rio` knows. Grids
that differ only by whole pixels lie on one lattice.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyproj
import rasterio.features
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr
from affine import Affine
from rasterio.crs import CRS

from gcov.errors import GcovError

LARGEST = 250_000  # pixels a side, 2500 km at 10 m: more comes of an AOI that a projection has torn apart


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

    def within(self, shape: tuple[int, ...]) -> "Window":
        """The part of the window that lies on a grid of this shape; empty (stop == start) where none does."""
        rows = sorted((0, self.row_start, shape[0]))[1], sorted((0, self.row_stop, shape[0]))[1]
        cols = sorted((0, self.col_start, shape[1]))[1], sorted((0, self.col_stop, shape[1]))[1]
        return Window(*rows, *cols)


def aoi_window(grid: xr.Dataset, bbox: tuple[float, float, float, float], label: str) -> Window:
    """The window of a granule's grid that the bounds of an AOI touch.

    The bounds (west, south, east, north; EPSG:4326) become bounds in the grid's CRS with 21 points along each edge,
    and the window ends on whole pixels outward: the rule of `rioxarray.clip_box`, but for a window that does not
    stop at the grid's edge. Raises GcovError, opened by `label`, where the area has no place in the grid's CRS.
    """
    to_grid = pyproj.Transformer.from_crs(4326, grid.rio.crs, always_xy=True)
    left, bottom, right, top = to_grid.transform_bounds(*bbox, densify_pts=21)
    dx, _, x0, _, dy, y0 = grid.rio.transform()[:6]
    if not max((right - left) / dx, (bottom - top) / dy) < LARGEST:  # NaN and infinity included
        raise GcovError(
            f"{label}: the AOI {list(bbox)} lies far outside of the granule, where its CRS {grid.rio.crs} is not"
            f" defined, or is more than {LARGEST} pixels long"
        )
    return Window(
        math.floor((top - y0) / dy),
        math.ceil((bottom - y0) / dy),
        math.floor((left - x0) / dx),
        math.ceil((right - x0) / dx),
    )


def window_grid(grid: xr.Dataset, window: Window) -> xr.Dataset:
    """The grid of a window: the granule's own coordinates where it reaches, its lattice continued where not."""
    transform = grid.rio.transform()
    x = _continued(grid["x"].values, window.col_start, window.col_stop)
    y = _continued(grid["y"].values, window.row_start, window.row_stop)
    return make_grid(grid.rio.crs.to_epsg(), x, y, transform @ Affine.translation(window.col_start, window.row_start))


def make_grid(epsg: int, x: np.ndarray, y: np.ndarray, transform: Affine) -> xr.Dataset:
    """A grid with these pixel centres, its CRS and transform written as CF and GDAL have it."""
    grid = xr.Dataset(coords={"y": ("y", y), "x": ("x", x)}).rio.write_crs(epsg)
    grid = grid.rio.write_coordinate_system().rio.write_transform(transform)
    return grid.assign_coords(spatial_ref=((), epsg, grid["spatial_ref"].attrs))  # rioxarray writes 0


def _continued(centres: np.ndarray, start: int, stop: int) -> np.ndarray:
    index = np.arange(start, stop)
    on_grid = (index >= 0) & (index < len(centres))
    step = float(centres[-1] - centres[0]) / (len(centres) - 1)
    return np.where(on_grid, centres[np.clip(index, 0, len(centres) - 1)], centres[0] + index * step)


def projected(polygon: str, crs: CRS) -> shapely.Geometry:
    """A polygon (WKT, EPSG:4326) in another CRS.

    Edges are straight in longitude and latitude: they are cut into short pieces before they are projected.
    """
    to_crs = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    pieces = shapely.segmentize(shapely.from_wkt(polygon), 0.01)
    return shapely.transform(pieces, lambda xy: np.column_stack(to_crs.transform(*xy.T)))


def inside_polygon(grid: xr.Dataset, polygon: shapely.Geometry, rows: slice, cols: slice) -> np.ndarray:
    """True (rows, columns) for the pixels of a part of a grid whose centre lies in the polygon, given in its CRS."""
    transform = grid.rio.transform() @ Affine.translation(cols.start, rows.start)
    shape = rows.stop - rows.start, cols.stop - cols.start
    return rasterio.features.geometry_mask([polygon], shape, transform, invert=True)


def lattice_difference(one: xr.Dataset, other: xr.Dataset) -> str | None:
    """What keeps two grids of one AOI from being stacked sample on sample, in words; None if nothing does."""
    if one.rio.crs != other.rio.crs:
        return f"CRS {other.rio.crs} instead of {one.rio.crs}"
    if one.rio.resolution() != other.rio.resolution():
        return f"posting {other.rio.resolution()} m instead of {one.rio.resolution()} m"
    for axis in ("x", "y"):
        mine, theirs = one[axis].values, other[axis].values
        if len(mine) != len(theirs):
            return f"{len(theirs)} pixels along {axis} instead of {len(mine)}"
        if not np.array_equal(mine, theirs):
            return f"{axis} coordinates off by up to {np.abs(theirs - mine).max():.3g} m"
    return None
