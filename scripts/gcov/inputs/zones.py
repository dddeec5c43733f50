"""Zones: named polygons and points in a file, and the samples whose centres are inside them.

As for AOI polygons, a sample belongs to a zone if its centre is inside (`grid.inside_polygon`). Edges are straight in
the file's own CRS. A point stands for the square of `point_size` metres around it, along the axes of the grid. Zones
may overlap.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr

from gcov.errors import GcovError
from gcov.inputs import geojson, points
from gcov.stores import noise
from gcov.stores.bits import Bits
from gcov.stores.grid import inside_polygon, projected

WHOLE = "aoi"  # the whole AOI in tables
EXACT = 2**53  # from here on, numbers read as floats may have lost digits
AREAS, POINTS = ("Polygon", "MultiPolygon"), ("Point", "MultiPoint")  # geometries of zones
EDGE_DEGREES = 1e-9  # 0.1 mm; points on the edge of the AOI are in it, rounded or not
TIE = 0.001  # metres by which squares are moved south, so that none has an edge on pixel centres: GDAL would count both
ROWS = 512  # placed on a grid at once
PIECE_DEGREES, PIECE_METRES = 0.01, 1000  # longest piece of an edge before projection, as in `grid.projected`


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


def read_zones(path: str | Path, name: str, where: str) -> geopandas.GeoDataFrame:
    """The zones of a file: polygons and points in its own CRS, indexed by name; `name` is the property with the names.

    Names are text, as they are written in the file. Edges are cut into short pieces, so that they stay straight in the
    file's CRS. Raises GcovError, beginning with `where`, if the file cannot be read, lacks a known CRS or that
    property. The same applies to a zone without a name, a duplicate name, and an invalid polygon.
    """
    if not Path(path).is_file():
        raise GcovError(f"{where}: {str(path)!r} is not a file (in {Path.cwd()})")
    is_table = Path(path).suffix.lower() in points.SUFFIXES
    names, shapes = points.read_points(path, name, where) if is_table else _read_vector(path, name, where)
    _check(names, shapes, f"{where}: {path}")
    bounds = shapes.bounds
    wide = np.flatnonzero(bounds["maxx"] - bounds["minx"] > 180)
    if shapes.crs.is_geographic and wide.size:
        across = ", ".join(names[number] for number in wide)
        raise GcovError(f"{where}: {path}: zones across the antimeridian, split them at 180 degrees: {across}")
    longest = PIECE_DEGREES if shapes.crs.is_geographic else PIECE_METRES
    pieces = shapely.segmentize(shapely.force_2d(shapes.values), longest)
    return geopandas.GeoDataFrame(geometry=pieces, index=names, crs=shapes.crs)


def _read_vector(path: str | Path, name: str, where: str) -> tuple[list[str], geopandas.GeoSeries]:
    """Names and geometries of a file that GDAL reads, in its own CRS. Raises GcovError as `read_zones` does."""
    try:
        frame = geopandas.read_file(path)
        driver = pyogrio.read_info(path)["driver"]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        formats = "GeoJSON, GeoPackage, Shapefile or a table of points (.csv)"
        raise GcovError(f"{where}: {str(path)!r} cannot be read as {formats}: {error}") from None
    if not isinstance(frame, geopandas.GeoDataFrame) or frame.empty:
        raise GcovError(f"{where}: {path} holds no polygon and no point")
    if name not in frame or name == frame.geometry.name:
        others = ", ".join(str(column) for column in frame.columns if column != frame.geometry.name) or "none"
        raise GcovError(f"{where}: {path} has no property {name!r}; its properties are {others}: set zone_name")
    try:
        names, crs = _from_geojson(path, name) if driver == "GeoJSON" else (_names(path, name), frame.crs)
        _check_crs(crs)
    except ValueError as error:
        raise GcovError(f"{where}: {path} {error}") from None
    return names, frame.geometry.set_crs(crs, allow_override=True)


def _from_geojson(path: str | Path, name: str) -> tuple[list[str], pyproj.CRS]:
    """Names and CRS of a GeoJSON file; without a `crs` member it is in degrees. Raises ValueError."""
    try:
        content = geojson.read(Path(path).read_text(encoding="utf-8-sig"))
        names = geojson.texts(geojson.features(content), name)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"cannot be read as GeoJSON: {error}") from None
    return names, geojson.named_crs(content) or pyproj.CRS(4326)


def _names(path: str | Path, name: str) -> list[str]:
    """The property `name` of each feature of any other file as text. Raises ValueError."""
    (values,) = pyogrio.raw.read(path, columns=[name], read_geometry=False, datetime_as_string=True)[3]
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    """A name as text: whole numbers without a decimal point, empty if missing."""
    if value is None or value != value:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (float, np.floating)):
        if abs(float(value)) >= EXACT:
            raise ValueError(f"holds {value:g} as a name, a number that was read without all of its digits: use text")
        return str(int(value)) if float(value).is_integer() else str(value)
    if not isinstance(value, (str, np.integer, np.datetime64)):
        raise ValueError(f"holds a name that is a {type(value).__name__}: use text")
    return str(value)


def _check_crs(crs: pyproj.CRS | None) -> None:
    """Raises ValueError if zones cannot be placed: no CRS, or one without places on Earth (of heights, of the Moon)."""
    if crs is None:
        raise ValueError("does not say its CRS: a Shapefile needs its .prj beside it")
    try:
        pyproj.Transformer.from_crs(crs, 4326)
    except pyproj.exceptions.ProjError:
        raise ValueError(f"has a CRS that is not known: {crs.name}") from None
    if not (crs.is_geographic or crs.is_projected):
        raise ValueError(f"has a CRS that is neither geographic nor projected: {crs.name}")
    if crs.name.startswith("Undefined"):  # as GDAL calls it if a GeoPackage leaves it open
        raise ValueError(f"has a CRS that is not known: {crs.name}")


def _check(names: list[str], shapes: geopandas.GeoSeries, where: str) -> None:
    unnamed = [str(number) for number, name in enumerate(names, start=1) if not name.strip()]
    if unnamed:
        raise GcovError(f"{where}: zones without a name, counted from 1: {', '.join(unnamed)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise GcovError(
            f"{where}: names given twice: {', '.join(twice)}; each zone needs its own (a multipolygon is one)"
        )
    if broken := [str(number) for number, name in enumerate(names, start=1) if re.search("[\0\ud800-\udfff]", name)]:
        raise GcovError(f"{where}: names that are no text (half a character), counted from 1: {', '.join(broken)}")
    if whole := [name for name in names if name.strip().casefold() == WHOLE]:
        raise GcovError(f"{where}: a zone is called {whole[0]!r}, as tables and figures call the whole AOI: rename it")
    for name, shape in zip(names, shapes):
        if shape is None or shape.is_empty or shape.geom_type not in AREAS + POINTS:
            kind = "empty" if shape is None or shape.is_empty else f"a {shape.geom_type}"
            raise GcovError(f"{where}: zone {name!r} is {kind}; should be polygons or points")
        if not shape.is_valid:
            kind = "point" if shape.geom_type in POINTS else "polygon"
            raise GcovError(f"{where}: zone {name!r} is not a valid {kind}: {shapely.is_valid_reason(shape)}")


def check_inside(zones: geopandas.GeoDataFrame, area: shapely.Geometry, where: str) -> None:
    """Raises GcovError, naming the zones, if any is wholly outside the AOI's area (EPSG:4326, degrees).

    Of several points that are one zone, none may be outside.
    """
    placed, near = zones.to_crs(4326), shapely.buffer(area, EDGE_DEGREES)
    within = placed.covered_by(near).where(placed.geom_type.isin(POINTS), placed.intersects(area))
    outside = placed[~within]
    if len(outside):
        exchanged = outside.intersects(shapely.transform(area, lambda xy: xy[:, ::-1])).any()
        hint = "; latitude and longitude may be exchanged, in the AOI or in the zones" if exchanged else ""
        raise GcovError(f"{where}: zones outside of the AOI: {', '.join(outside.index)}{hint}")


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
