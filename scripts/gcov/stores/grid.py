"""Grids, and the window of a grid that an area of interest covers.

A grid is a Dataset with pixel centres x (increasing) and y (decreasing) in metres and a CRS for `.rio`. Grids that
differ only by whole pixels are on one lattice.
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

LARGEST = 250_000  # pixels on a side, 2500 km at 10 m; more only if the AOI is outside the projection's domain


@dataclass(frozen=True)
class Window:
    """Rows and columns [start, stop) of a grid; they may lie outside the grid."""

    row_start: int
    row_stop: int
    col_start: int
    col_stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.row_stop - self.row_start, self.col_stop - self.col_start

    def part(self, rows: slice, cols: slice) -> "Window":
        """A part of the window; `rows` and `cols` count from the window's own corner."""
        top, left = self.row_start, self.col_start
        return Window(top + rows.start, top + rows.stop, left + cols.start, left + cols.stop)

    def within(self, shape: tuple[int, ...]) -> "Window":
        """The part of the window inside a grid of this shape; empty (stop == start) if there is none."""
        rows = sorted((0, self.row_start, shape[0]))[1], sorted((0, self.row_stop, shape[0]))[1]
        cols = sorted((0, self.col_start, shape[1]))[1], sorted((0, self.col_stop, shape[1]))[1]
        return Window(*rows, *cols)


def aoi_window(grid: xr.Dataset, bbox: tuple[float, float, float, float], label: str) -> Window:
    """The window of a granule's grid that the bounds of an AOI touch.

    The bounds (west, south, east, north; EPSG:4326) are projected to the grid's CRS with 21 points along each edge, and
    the window is rounded outward to whole pixels. This is the rule of `rioxarray.clip_box`, except that the window may
    extend beyond the grid. Raises GcovError, beginning with `label`, if the area cannot be projected to the grid's CRS.
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
    """The grid of a window: the granule's own coordinates inside the granule, its extrapolated lattice outside."""
    transform = grid.rio.transform()
    x = _continued(grid["x"].values, window.col_start, window.col_stop)
    y = _continued(grid["y"].values, window.row_start, window.row_stop)
    return make_grid(grid.rio.crs.to_epsg(), x, y, transform @ Affine.translation(window.col_start, window.row_start))


def make_grid(epsg: int, x: np.ndarray, y: np.ndarray, transform: Affine) -> xr.Dataset:
    """A grid with these pixel centres (metres), with CRS and transform in CF and GDAL attributes."""
    grid = xr.Dataset(coords={"y": ("y", y), "x": ("x", x)}).rio.write_crs(epsg)
    grid = grid.rio.write_coordinate_system().rio.write_transform(transform)
    return grid.assign_coords(spatial_ref=((), epsg, grid["spatial_ref"].attrs))  # rioxarray sets the value 0


def _continued(centres: np.ndarray, start: int, stop: int) -> np.ndarray:
    index = np.arange(start, stop)
    on_grid = (index >= 0) & (index < len(centres))
    step = float(centres[-1] - centres[0]) / (len(centres) - 1)
    return np.where(on_grid, centres[np.clip(index, 0, len(centres) - 1)], centres[0] + index * step)


def projected(polygon: str, crs: CRS) -> shapely.Geometry:
    """A polygon (WKT, EPSG:4326) projected to another CRS.

    Edges are straight in longitude and latitude, so they are cut into pieces of 0.01 degrees before projection.
    """
    to_crs = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    pieces = shapely.segmentize(shapely.from_wkt(polygon), 0.01)
    return shapely.transform(pieces, lambda xy: np.column_stack(to_crs.transform(*xy.T)))


def inside_polygon(grid: xr.Dataset, polygon: shapely.Geometry, rows: slice, cols: slice) -> np.ndarray:
    """True (rows, columns) for pixels whose centre is inside the polygon, in a part of a grid.

    The polygon is in the grid's CRS.
    """
    transform = grid.rio.transform() @ Affine.translation(cols.start, rows.start)
    shape = rows.stop - rows.start, cols.stop - cols.start
    return rasterio.features.geometry_mask([polygon], shape, transform, invert=True)


def lattice_difference(one: xr.Dataset, other: xr.Dataset) -> str | None:
    """The difference that prevents stacking two grids of one AOI, as text; None if they are equal."""
    if difference := spacing_difference(one, other):
        return difference
    for axis in ("x", "y"):
        mine, theirs = one[axis].values, other[axis].values
        if len(mine) != len(theirs):
            return f"{len(theirs)} pixels along {axis} instead of {len(mine)}"
        if not np.array_equal(mine, theirs):
            return f"{axis} coordinates off by up to {np.abs(theirs - mine).max():.3g} m"
    return None


def phase_difference(one: xr.Dataset, other: xr.Dataset) -> str | None:
    """The difference in CRS, posting or pixel phase of two grids, as text; None if they are on one lattice.

    Their windows may differ.
    """
    if difference := spacing_difference(one, other):
        return difference
    for axis, step in zip(("x", "y"), one.rio.resolution()):
        steps = float(other[axis][0] - one[axis][0]) / step
        if (off := abs(steps - round(steps))) > 1e-6:
            return f"{axis} coordinates off by {off * abs(step):.3g} m"
    return None


def spacing_difference(one: xr.Dataset, other: xr.Dataset) -> str | None:
    """The difference in CRS or posting of two grids, as text; None if there is none."""
    if one.rio.crs != other.rio.crs:
        return f"CRS {other.rio.crs} instead of {one.rio.crs}"
    if one.rio.resolution() != other.rio.resolution():
        return f"posting {other.rio.resolution()} m instead of {one.rio.resolution()} m"
    return None
