"""Zones on a grid: the samples whose centres are inside them.

As for AOI polygons, a sample belongs to a zone if its centre is inside (`grid.inside_polygon`). A point stands for the
square of `point_size` metres around it, along the axes of the grid.
"""

from dataclasses import dataclass

import geopandas
import numpy as np
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr

from gcov.errors import GcovError
from gcov.inputs.zones import POINTS, WHOLE
from gcov.stores import noise
from gcov.stores.bits import Bits
from gcov.stores.grid import inside_polygon, projected

TIE = 0.001  # metres by which squares are moved south, so that none has an edge on pixel centres: GDAL would count both
ROWS = 512  # placed on a grid at once


@dataclass(frozen=True)
class Zone:
    """A zone on a grid: the rows and columns within its bounds, and `inside` (rows, columns), True for its samples."""

    name: str
    rows: slice
    columns: slice
    inside: Bits

    @property
    def n_pixels(self) -> int:
        """The number of samples whose centre is inside the zone."""
        return self.inside.sum()

    def points(self, grid: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates y and x (n,), in metres, of a subset of its samples."""
        return noise.points(grid, self.rows, self.columns, self.inside)


def outlines(zones: geopandas.GeoDataFrame, grid: xr.Dataset, point_size: float) -> dict[str, shapely.Geometry]:
    """The zones as polygons in the CRS of a grid, by name; points become squares with sides of `point_size` metres."""
    placed = zones.to_crs(grid.rio.crs).geometry
    return {name: _squares(shape, point_size) if shape.geom_type in POINTS else shape for name, shape in placed.items()}


def _squares(shape: shapely.Geometry, size: float) -> shapely.Geometry:
    half = size / 2
    centres = shapely.get_coordinates(shape)
    return shapely.union_all([shapely.box(x - half, y - half - TIE, x + half, y + half - TIE) for x, y in centres])


def on_grid(zones: geopandas.GeoDataFrame, grid: xr.Dataset, polygon: str | None, point_size: float = 60) -> list[Zone]:
    """The zones on an AOI's grid, in file order.

    If the AOI is a polygon (WKT, EPSG:4326), only samples inside both the zone and the AOI belong to a zone. Raises
    GcovError, naming the zones, if any zone contains no pixel centre, or if a point's square is smaller than a pixel.
    """
    spacing = abs(grid.rio.resolution()[0])
    if point_size < spacing and zones.geom_type.isin(POINTS).any():
        raise GcovError(f"point_size is {point_size:g} m; should be at least {spacing:g} m, the spacing of the grid")
    outline = projected(polygon, grid.rio.crs) if polygon else None
    found = []
    for name, shape in outlines(zones, grid, point_size).items():
        rows, columns = _part(grid, shapely.bounds(shape).tolist())
        found.append(Zone(name, rows, columns, _inside(grid, [shape, *filter(None, [outline])], rows, columns)))
    if empty := [zone.name for zone in found if not zone.n_pixels]:
        raise GcovError(
            f"zones without a pixel centre in the AOI at {spacing:g} m: {', '.join(empty)}; draw them larger"
        )
    return found


def whole(grid: xr.Dataset) -> Zone:
    """The whole grid as a zone."""
    shape = grid.sizes["y"], grid.sizes["x"]
    row = np.packbits(np.ones(shape[1], bool))
    return Zone(WHOLE, slice(0, shape[0]), slice(0, shape[1]), Bits(np.broadcast_to(row, (shape[0], row.size)), shape))


def _inside(grid: xr.Dataset, polygons: list[shapely.Geometry], rows: slice, columns: slice) -> Bits:
    """The samples inside all polygons, in a part of a grid, some rows at a time."""
    shape = rows.stop - rows.start, columns.stop - columns.start
    if not all(shape):
        return Bits.of(np.zeros(shape, bool))
    bands = []
    for top in range(rows.start, rows.stop, ROWS):
        band = slice(top, min(top + ROWS, rows.stop))
        inside = np.logical_and.reduce([inside_polygon(grid, polygon, band, columns) for polygon in polygons])
        bands.append(np.packbits(inside, axis=1))
    return Bits(np.concatenate(bands), shape)


def _part(grid: xr.Dataset, bounds: list[float]) -> tuple[slice, slice]:
    """The rows and columns of a grid whose centres are within these bounds (left, bottom, right, top; metres)."""
    left, bottom, right, top = bounds
    y, x = grid["y"].values, grid["x"].values
    top_row, bottom_row = np.searchsorted(-y, [-top, -bottom]).tolist()
    first, last = np.searchsorted(x, [left, right]).tolist()
    return slice(top_row, min(bottom_row + 1, len(y))), slice(first, min(last + 1, len(x)))
