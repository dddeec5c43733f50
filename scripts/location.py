"""Map and GeoJSON of the AOI and its granules' footprints."""

import json
from pathlib import Path

from gcov import footprints
from gcov.figures import maps, style
from gcov.files import building
from gcov.log import job_log
from gcov.provenance import metadata_of


def location(*, fragments: list[Path], basemap: str | None, geojson: Path, picture: Path) -> None:
    """Write the AOI and each granule's footprint (as stated in the product) as GeoJSON features and as a map.

    Coordinates are longitude and latitude, EPSG:4326. Tiles of the provider `basemap` are drawn under the map if they
    can be fetched.
    """
    attributes = [metadata_of(path)["attributes"] for path in fragments]
    features = footprints.features(attributes)
    figure = maps.location(features, basemap)
    with building(geojson) as part:
        part.write_text(json.dumps({"type": "FeatureCollection", "features": features}, indent=1) + "\n")
    names = " ".join(feature["properties"]["name"] for feature in features[1:])
    style.save(figure, picture, {"Granules": names, "Software": attributes[0]["software"]})


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        location(
            fragments=[Path(path) for path in snakemake.input],
            basemap=snakemake.params.basemap,
            geojson=Path(snakemake.output.geojson),
            picture=Path(snakemake.output.picture),
        )
