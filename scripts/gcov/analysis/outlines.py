"""Outlines of patches as GeoJSON (RFC 7946): longitude and latitude, right-hand rule, cut at the antimeridian."""

import json

import numpy as np
import pyproj
import rasterio.features
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr
from affine import Affine

from gcov.analysis.patches import Runs

DIGITS = 7  # of degrees: a centimetre
PIECE_METRES = 1000  # longest piece of an edge before it is transformed, because it is straight on the map only
EAST, WEST = shapely.box(0, -90, 180, 90), shapely.box(180, -90, 540, 90)


class Outlines:
    """Outlines of cells of a grid."""

    def __init__(self, grid: xr.Dataset):
        self._transform = grid.rio.transform()
        self._to_degrees = pyproj.Transformer.from_crs(grid.rio.crs, 4326, always_xy=True)

    def of(self, runs: Runs) -> dict:
        """The outline of a patch, a MultiPolygon as GeoJSON: one polygon for each part whose cells share edges."""
        pieces = shapely.segmentize(self._parts(runs), PIECE_METRES)
        degrees = shapely.transform(pieces, lambda xy: np.column_stack(self._to_degrees.transform(*xy.T)))
        parts = np.concatenate([_cut(part) for part in degrees])
        rounded = shapely.transform(parts, lambda xy: xy.round(DIGITS))
        shape = shapely.multipolygons(shapely.orient_polygons(rounded, exterior_cw=False))
        return json.loads(str(shapely.to_geojson(shape)))

    def _parts(self, runs: Runs) -> np.ndarray:
        """The parts as polygons with holes, in metres."""
        top, left = int(runs.row.min()), int(runs.first.min())
        inside = np.zeros((runs.row.max() - top + 1, runs.stop.max() - left + 1), np.int8)
        np.add.at(inside, (runs.row - top, runs.first - left), 1)
        np.add.at(inside, (runs.row - top, runs.stop - left), -1)
        inside = np.cumsum(inside, axis=1, dtype=np.int8, out=inside).view(np.uint8)
        there = self._transform @ Affine.translation(left, top)
        shapes = rasterio.features.shapes(inside, mask=inside.view(bool), connectivity=4, transform=there)
        return np.array(
            [shapely.Polygon(rings[0], rings[1:]) for rings in (shape["coordinates"] for shape, _ in shapes)]
        )


def _cut(polygon: shapely.Polygon) -> np.ndarray:
    """The parts of a polygon on both sides of the antimeridian."""
    west, _, east, _ = polygon.bounds
    if east - west <= 180:
        return np.array([polygon])
    turned = shapely.transform(polygon, lambda xy: np.where([True, False], xy % 360, xy))
    beyond = shapely.transform(shapely.intersection(turned, WEST), lambda xy: xy - [360, 0])
    pieces = shapely.get_parts([shapely.intersection(turned, EAST), beyond])
    return pieces[shapely.get_type_id(pieces) == shapely.GeometryType.POLYGON]
