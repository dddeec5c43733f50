"""The viewing geometry over an AOI, from the cubes (height, y, x) of a granule's radar grid."""

from collections.abc import Sequence
from itertools import product

import h5py
import numpy as np
import pyproj
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr

from gcov.archive.ranges import RangeFile
from gcov.hdf5 import FAULTS, find, spans
from gcov.stores.noise import Table, around

RADAR_GRID = "science/LSAR/GCOV/metadata/radarGrid"
PARAMETERS = "science/LSAR/GCOV/metadata/processingInformation/parameters"
AXES = "yCoordinates", "xCoordinates"
TERRAIN = [f"{PARAMETERS}/{name}" for name in (*AXES, "referenceTerrainHeight")]
AXES_AND_HEIGHTS = [f"{RADAR_GRID}/{name}" for name in (*AXES, "heightAboveEllipsoid", "projection")]
INCIDENCE, EAST, NORTH = "incidenceAngle", "alongTrackUnitVectorX", "alongTrackUnitVectorY"
NODES = 9  # along each side of the AOI


def nodes(grid: xr.Dataset, outline: shapely.Geometry | None) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates y and x (n,), in metres, of 9 x 9 nodes over a grid: those inside of `outline`, if any are."""
    left, bottom, right, top = grid.rio.bounds()
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(left, right, NODES), np.linspace(top, bottom, NODES)))
    inside = np.ones(x.size, bool) if outline is None else shapely.contains_xy(outline, x, y)
    return (y[inside], x[inside]) if inside.any() else (y, x)


def over(
    file: h5py.File,
    source: str | RangeFile,
    names: Sequence[str],
    grid: xr.Dataset,
    outline: shapely.Geometry | None,
    height: float | None,
) -> tuple[float | None, dict[str, np.ndarray]]:
    """The values of cubes over an AOI, (n,) by name, and the height of the level that they are from, in metres.

    `names` are those of the cubes; `outline` is the AOI's polygon in the CRS of its grid. The level is the one nearest
    to `height` (metres above the ellipsoid), or to that of the terrain if it is None. Values are interpolated
    bilinearly; NaN beside the cubes. Only the chunks that are needed are read. A cube that is missing has no values; if
    the radar grid is missing or damaged, none has, and the height is None.
    """
    none = {name: np.empty(0) for name in names}
    try:
        epsg, (y, x) = grid.rio.crs.to_epsg(), nodes(grid, outline)
        if isinstance(source, RangeFile):
            small = [*AXES_AND_HEIGHTS, *(TERRAIN if height is None else [])]
            source.prefetch([span for path in small for span in spans(file, path)])
        rows, columns, heights, projection = (find(file, path)[()] for path in AXES_AND_HEIGHTS)
        if int(projection) != epsg:
            x, y = pyproj.Transformer.from_crs(epsg, int(projection), always_xy=True).transform(x, y)
        level = int(np.abs(heights - (_terrain(file, y, x) if height is None else height)).argmin())
        beside = (y < rows.min()) | (y > rows.max()) | (x < columns.min()) | (x > columns.max())
        near = around(rows, y), around(columns, x)
        cubes = {name: cube for name in names if (cube := find(file, f"{RADAR_GRID}/{name}")) is not None}
        if isinstance(source, RangeFile):
            source.prefetch([span for cube in cubes.values() for span in _chunks(cube, level, *near)])
        tables = {name: Table(rows[near[0]], columns[near[1]], cube[(level, *near)]) for name, cube in cubes.items()}
        found = {name: np.where(beside, np.nan, table.at(y, x)) for name, table in tables.items()}
        return float(heights[level]), none | found
    except FAULTS:
        return None, none


def _terrain(file: h5py.File, y: np.ndarray, x: np.ndarray) -> float:
    """The mean of referenceTerrainHeight at points, in metres; 0 if the product has no value of it."""
    found = [find(file, path) for path in TERRAIN]
    if any(node is None for node in found):
        return 0.0
    values = Table(*(node[()] for node in found)).at(y, x)
    return float(np.mean(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0


def _chunks(cube: h5py.Dataset, level: int, rows: slice, columns: slice) -> list[tuple[int, int]]:
    """The byte ranges (start, stop) of the chunks of a level that hold these rows and columns."""
    if cube.chunks is None:
        return []
    starts = [range(part.start // size * size, part.stop, size) for part, size in zip((rows, columns), cube.chunks[1:])]
    found = [cube.id.get_chunk_info_by_coord((level, *corner)) for corner in product(*starts)]
    return [(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in found if chunk.size]


def described(values: np.ndarray) -> dict[str, float | None]:
    """Smallest, mean and largest of the known values, rounded to 1e-4; None if none is known."""
    known = values[np.isfinite(values)].astype(float)
    found = [known.min(), known.mean(), known.max()] if known.size else [None] * 3
    return {name: value and round(value, 4) for name, value in zip(("min", "mean", "max"), found)}


def heading(east: np.ndarray, north: np.ndarray) -> float | None:
    """The direction of flight, in degrees clockwise from north, 0 to 360; None if it is not known."""
    known = np.isfinite(east + north) if east.size == north.size else np.zeros(0, bool)
    if not known.any():
        return None
    return round(float(np.degrees(np.arctan2(east[known].mean(), north[known].mean()))) % 360, 4)
