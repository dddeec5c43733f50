"""Zones: named polygons in a vector file, and the samples whose centres are inside them.

As for AOI polygons, a sample belongs to a zone if its centre is inside (`grid.inside_polygon`). Edges are straight in
the file's own CRS. Zones may overlap.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import shapely
import xarray as xr

from gcov.errors import GcovError
from gcov.inputs import geojson
from gcov.stores import noise
from gcov.stores.grid import inside_polygon, projected

WHOLE = "aoi"  # the whole AOI in tables
EXACT = 2**53  # from here on, numbers read as floats may have lost digits
PIECE_DEGREES, PIECE_METRES = 0.01, 1000  # longest piece of an edge before projection, as in `grid.projected`


@dataclass(frozen=True)
class Zone:
    """A zone on a grid: the rows and columns within its bounds, and `inside` (rows, columns), True for its samples."""

    name: str
    rows: slice
    columns: slice
    inside: np.ndarray

    @property
    def n_pixels(self) -> int:
        """The number of samples whose centre is inside the zone."""
        return int(self.inside.sum())

    def points(self, grid: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates y and x (n,), in metres, of a subset of its samples."""
        return noise.points(grid, self.rows, self.columns, self.inside)


def read_zones(path: str | Path, name: str, where: str) -> geopandas.GeoDataFrame:
    """The zones of a vector file: polygons in its own CRS, indexed by name; `name` is the property with the names.

    Names are text, as they are written in the file. Edges are cut into short pieces, so that they stay straight in the
    file's CRS. Raises GcovError, beginning with `where`, if the file cannot be read, lacks a known CRS or that
    property. The same applies to a zone without a name, a duplicate name, and an invalid polygon.
    """
    if not Path(path).is_file():
        raise GcovError(f"{where}: {str(path)!r} is not a file (in {Path.cwd()})")
    try:
        frame = geopandas.read_file(path)
        driver = pyogrio.read_info(path)["driver"]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise GcovError(f"{where}: {str(path)!r} cannot be read as GeoJSON, GeoPackage or Shapefile: {error}") from None
    if not isinstance(frame, geopandas.GeoDataFrame) or frame.empty:
        raise GcovError(f"{where}: {path} holds no polygon")
    if name not in frame or name == frame.geometry.name:
        others = ", ".join(str(column) for column in frame.columns if column != frame.geometry.name) or "none"
        raise GcovError(f"{where}: {path} has no property {name!r}; its properties are {others}: set zone_name")
    try:
        names, crs = _from_geojson(path, name) if driver == "GeoJSON" else (_names(path, name), frame.crs)
        _check_crs(crs)
    except ValueError as error:
        raise GcovError(f"{where}: {path} {error}") from None
    _check(names, frame.geometry, f"{where}: {path}")
    bounds = frame.geometry.bounds
    if crs.is_geographic and (wide := [names[n] for n in np.flatnonzero(bounds["maxx"] - bounds["minx"] > 180)]):
        raise GcovError(f"{where}: {path}: zones across the antimeridian, split them at 180 degrees: {', '.join(wide)}")
    longest = PIECE_DEGREES if crs.is_geographic else PIECE_METRES
    pieces = shapely.segmentize(shapely.force_2d(frame.geometry.values), longest)
    return geopandas.GeoDataFrame(geometry=pieces, index=names, crs=crs)


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
        if shape is None or shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
            kind = "empty" if shape is None or shape.is_empty else f"a {shape.geom_type}"
            raise GcovError(f"{where}: zone {name!r} is {kind}; should be a polygon or a multipolygon")
        if not shape.is_valid:
            raise GcovError(f"{where}: zone {name!r} is not a valid polygon: {shapely.is_valid_reason(shape)}")


def check_inside(zones: geopandas.GeoDataFrame, area: shapely.Geometry, where: str) -> None:
    """Raises GcovError, naming the zones, if any zone is wholly outside the AOI's area (EPSG:4326, degrees)."""
    placed = zones.to_crs(4326)
    outside = placed[~placed.intersects(area)]
    if len(outside):
        exchanged = outside.intersects(shapely.transform(area, lambda xy: xy[:, ::-1])).any()
        hint = "; latitude and longitude may be exchanged, in the AOI or in the zones" if exchanged else ""
        raise GcovError(f"{where}: zones outside of the AOI: {', '.join(outside.index)}{hint}")


def on_grid(zones: geopandas.GeoDataFrame, grid: xr.Dataset, polygon: str | None) -> list[Zone]:
    """The zones on an AOI's grid, in file order.

    If the AOI is a polygon (WKT, EPSG:4326), only samples inside both the zone and the AOI belong to a zone. Raises
    GcovError, naming the zones, if any zone contains no pixel centre.
    """
    outline = projected(polygon, grid.rio.crs) if polygon else None
    found = []
    for name, shape in zones.to_crs(grid.rio.crs).geometry.items():
        rows, columns = _part(grid, shape.bounds)
        inside = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
        if inside.size:
            inside = inside_polygon(grid, shape, rows, columns)
            if outline is not None:
                inside &= inside_polygon(grid, outline, rows, columns)
        found.append(Zone(name, rows, columns, inside))
    if empty := [zone.name for zone in found if not zone.n_pixels]:
        size = abs(grid.rio.resolution()[0])
        raise GcovError(f"zones without a pixel centre in the AOI at {size:g} m: {', '.join(empty)}; draw them larger")
    return found


def whole(grid: xr.Dataset) -> Zone:
    """The whole grid as a zone."""
    shape = grid.sizes["y"], grid.sizes["x"]
    return Zone(WHOLE, slice(0, shape[0]), slice(0, shape[1]), np.broadcast_to(np.True_, shape))


def _part(grid: xr.Dataset, bounds: tuple[float, float, float, float]) -> tuple[slice, slice]:
    """The rows and columns of a grid whose centres are within these bounds (left, bottom, right, top; metres)."""
    left, bottom, right, top = bounds
    y, x = grid["y"].values, grid["x"].values
    top_row, bottom_row = np.searchsorted(-y, [-top, -bottom]).tolist()
    first, last = np.searchsorted(x, [left, right]).tolist()
    return slice(top_row, min(bottom_row + 1, len(y))), slice(first, min(last + 1, len(x)))
