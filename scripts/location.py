"""Map and GeoJSON of the AOI and its granules' footprints."""

from gcov.log import job_log

import json
from collections.abc import Sequence
from pathlib import Path

from gcov import headings
from gcov.figures import footprints, maps, style
from gcov.files import building
from gcov.stores.provenance import metadata_of


def location(
    *,
    fragments: list[Path],
    zones: Path | None,
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
    figure = maps.location(features, basemap, outlines(zones, zone_name) if zones else (), view=view)
    with building(geojson) as part:
        part.write_text(json.dumps({"type": "FeatureCollection", "features": features}, indent=1) + "\n")
    names = " ".join(feature["properties"]["name"] for feature in features[1:])
    style.save(figure, picture, {"Granules": names, "Software": attributes[0]["software"]})


def outlines(zones: Path, zone_name: str) -> list[dict]:
    """The zones as GeoJSON features, EPSG:4326."""
    from gcov.inputs.zones import read_zones  # geopandas, for AOIs with zones

    return list(read_zones(zones, zone_name, "zones").to_crs(4326).iterfeatures())


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        location(
            **snakemake.params,
            fragments=[Path(path) for path in snakemake.input.fragments],
            zones=Path(snakemake.input.zones) if snakemake.input.zones else None,
            geojson=Path(snakemake.output.geojson),
            picture=list(map(Path, snakemake.output.picture)),
        )
