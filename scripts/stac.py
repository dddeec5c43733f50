"""Write the STAC catalogue of an AOI's GeoTIFFs and stack."""

from gcov.log import job_log, log

from collections.abc import Sequence
from pathlib import Path

from gcov.export import stac as catalogues
from gcov.files import building, paths
from gcov.stores import store


def stac(
    *, fragments: list[Path], stack: Path, geotiffs: Sequence[Path] = (), looks: Path | None = None, output: Path
) -> None:
    """Write collection.json and one item per date into the folder `output`; `looks` is looks.json, if it exists.

    GeoTIFFs named after a date are assets of that date's item. The others are assets of the collection. The stack is
    an asset of the collection and of every item.
    """
    collection = catalogues.catalogue([store.fragment_info(path) for path in fragments], stack, geotiffs, looks)
    with building(output) as part:
        catalogues.write(collection, part)
    log.info("%d dates, %d GeoTIFFs", len(collection.get_item_links()), len(geotiffs))


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        stac(**paths(snakemake.input), output=Path(snakemake.output[0]))
