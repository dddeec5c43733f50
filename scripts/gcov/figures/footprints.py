"""The AOI and its granules' footprints as GeoJSON features, in longitude and latitude (EPSG:4326)."""

import json
from collections.abc import Sequence

import shapely

from gcov.stores import outlines

STATED = "as stated in the product"
MENDED = "as stated in the product, made valid"
GRID = "outline of the granule's grid"
WINDOW = "outline of the AOI's grid"


def features(fragments: Sequence[dict]) -> list[dict]:
    """The AOI, then each granule's footprint, from the attributes of fragments."""
    return [aoi_feature(fragments[0]), *map(granule_feature, fragments)]


def aoi_feature(fragment: dict) -> dict:
    """The AOI (polygon or box) from the attributes of a fragment."""
    polygon = fragment["aoi_polygon"]
    shape = shapely.from_wkt(polygon) if polygon else shapely.box(*fragment["aoi_bbox"])
    return feature(shape, {"kind": "aoi", "name": fragment["aoi"]})


def granule_feature(fragment: dict) -> dict:
    """A granule's footprint with the fields of its record, from the attributes of its fragment.

    The property `footprint` says where it is from: STATED, MENDED (it crossed itself), GRID, or, in a fragment of an
    earlier version whose product states no usable one, WINDOW.
    """
    text = fragment["bounding_polygon"]
    outline, said = outlines.stated(text), STATED
    if outline is None:
        grid = fragment["spatial:transform"], fragment["spatial:shape"], fragment["proj:code"]
        outline, said = outlines.of_grid(*grid), WINDOW
    elif fragment.get("bounding_polygon_source") == "grid":
        said = GRID
    elif not shapely.from_wkt(text).is_valid:
        said = MENDED
    return feature(outline, {"kind": "granule", "footprint": said, **json.loads(fragment["granule_record"])})


def feature(shape: shapely.Geometry, properties: dict) -> dict:
    """A GeoJSON feature."""
    return {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(shape))}
