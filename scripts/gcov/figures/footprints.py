"""The AOI and its granules' footprints as GeoJSON features, in longitude and latitude (EPSG:4326)."""

import json
from collections.abc import Sequence

import shapely


def features(fragments: Sequence[dict]) -> list[dict]:
    """The AOI, then each granule's footprint as stated in the product, from the attributes of fragments."""
    return [aoi_feature(fragments[0]), *map(granule_feature, fragments)]


def aoi_feature(fragment: dict) -> dict:
    """The AOI (polygon or box) from the attributes of a fragment."""
    polygon = fragment["aoi_polygon"]
    shape = shapely.from_wkt(polygon) if polygon else shapely.box(*fragment["aoi_bbox"])
    return feature(shape, {"kind": "aoi", "name": fragment["aoi"]})


def granule_feature(fragment: dict) -> dict:
    """A granule's footprint with the fields of its record, from the attributes of its fragment."""
    footprint = shapely.force_2d(shapely.from_wkt(fragment["bounding_polygon"]))
    return feature(footprint, {"kind": "granule", **json.loads(fragment["granule_record"])})


def feature(shape: shapely.Geometry, properties: dict) -> dict:
    """A GeoJSON feature."""
    return {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(shape))}
