"""Map and GeoJSON of the AOI and the footprints of its granules."""

import json
from pathlib import Path

import shapely
import zarr

from gcov.figures import stills
from gcov.files import building
from gcov.log import job_log


def location(*, fragments: list[Path], basemap: str | None, geojson: Path, picture: Path) -> None:
    """Write the AOI and each granule's footprint (as the product states it) as GeoJSON features and as a map.

    Longitude and latitude, EPSG:4326. Tiles of the provider `basemap` lie under the map where they can be had.
    """
    attributes = [dict(zarr.open_group(path, mode="r").attrs) for path in fragments]
    features = [aoi_feature(attributes[0]), *map(granule_feature, attributes)]
    with building(geojson) as part:
        part.write_text(json.dumps({"type": "FeatureCollection", "features": features}, indent=1) + "\n")
    names = " ".join(one["title"].split(":")[0] for one in attributes)
    origin = {"Granules": names, "Software": attributes[0]["software"]}
    stills.save(stills.location(features, basemap), picture, origin)


def aoi_feature(fragment: dict) -> dict:
    """The AOI of a fragment with these attributes: its polygon or box."""
    polygon = fragment["aoi_polygon"]
    shape = shapely.from_wkt(polygon) if polygon else shapely.box(*fragment["aoi_bbox"])
    return feature(shape, {"kind": "aoi", "name": fragment["aoi"]})


def granule_feature(fragment: dict) -> dict:
    """A granule's footprint with the facts of its record, from its fragment's attributes."""
    footprint = shapely.force_2d(shapely.from_wkt(fragment["bounding_polygon"]))
    return feature(footprint, {"kind": "granule", **json.loads(fragment["granule_record"])})


def feature(shape: shapely.Geometry, properties: dict) -> dict:
    """A GeoJSON feature."""
    return {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(shape))}


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        location(
            fragments=[Path(path) for path in snakemake.input],
            basemap=snakemake.params.basemap,
            geojson=Path(snakemake.output.geojson),
            picture=Path(snakemake.output.picture),
        )
