"""Map and GeoJSON of the AOI and its granules' footprints."""

from gcov.log import job_log

import json
from collections.abc import Sequence
from pathlib import Path

from gcov import headings
from gcov.figures import footprints, maps, style
from gcov.files import paths, write_json
from gcov.stores.provenance import metadata_of


def location(
    *,
    fragments: list[Path],
    zones: Path | None = None,
    zone_name: str,
    basemap: str | None,
    geojson: Path,
    picture: Sequence[Path],
) -> None:
    """Write the AOI and each granule's footprint (as stated in the product) as GeoJSON features and as a map.

    Coordinates are longitude and latitude, EPSG:4326. Tiles of the provider `basemap` are drawn under the map if they
    can be fetched. The map also shows the outlines of `zones`, a file of polygons.
    """
    attributes = [metadata_of(path)["attributes"] for path in fragments]
    features = footprints.features(attributes)
    records = json.dumps([feature["properties"] for feature in features[1:]])
    view = headings.view(attributes[0] | {"granule_records": records})
    figure = maps.location(features, basemap, zone_features(zones, zone_name) if zones else (), view=view)
    write_json(geojson, {"type": "FeatureCollection", "features": features})
    names = " ".join(feature["properties"]["name"] for feature in features[1:])
    style.save(figure, picture, {"Granules": names, "Software": attributes[0]["software"]})


def zone_features(zones: Path, zone_name: str) -> list[dict]:
    """The zones as GeoJSON features, EPSG:4326."""
    from gcov.inputs.zones import read_zones  # geopandas, for AOIs with zones

    return list(read_zones(zones, zone_name, "zones").to_crs(4326).iterfeatures())


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        location(**snakemake.params, **paths(snakemake.input), **paths(snakemake.output))
