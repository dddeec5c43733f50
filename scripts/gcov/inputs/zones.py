"""Zones as the user gives them: named polygons and points in a file.

Edges are straight in the file's own CRS. Zones may overlap. `gcov.inputs.zones_on_grid` tells their samples.
"""

import re
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import shapely

from gcov.errors import GcovError
from gcov.inputs import geojson, points

WHOLE = "aoi"  # the whole AOI in tables
EXACT = 2**53  # from here on, numbers read as floats may have lost digits
AREAS, POINTS = ("Polygon", "MultiPolygon"), ("Point", "MultiPoint")  # geometries of zones
EDGE_DEGREES = 1e-9  # 0.1 mm; points on the edge of the AOI are in it, rounded or not
PIECE_DEGREES, PIECE_METRES = 0.01, 1000  # longest piece of an edge before projection, as in `grid.projected`


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
    metres = np.flatnonzero((bounds.abs() > 360).any(axis=1))
    if shapes.crs.is_geographic and metres.size:
        beyond = ", ".join(names[number] for number in metres)
        raise GcovError(
            f"{where}: {path}: coordinates beyond 360 degrees, but the file's CRS is in degrees"
            f" (that of a GeoJSON without `crs` is): save it in longitude and latitude, or with its CRS: {beyond}"
        )
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
