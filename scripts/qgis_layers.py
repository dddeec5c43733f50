"""Describe an AOI's GeoTIFFs for QGIS: groups, stretch, dates."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from matplotlib.colors import to_hex

from gcov.export import qgis
from gcov.figures.ramps import CHANGE, CHANGE_DB
from gcov.files import paths, write_text
from gcov.stretch import limits

STOPS = 9  # colours of the scale of changes


def qgis_layers(
    *,
    aoi: str,
    geotiffs: Sequence[Path] = (),
    stretches: Sequence[Path] = (),
    shown_db: dict[str, Sequence[float]],
    output: Path,
) -> None:
    """Write the layer definition `output` beside the GeoTIFFs; `stretches` are {term}/stretch.json.

    `shown_db` are the limits of the grey scale in dB, by term, where they are set.
    """
    stretch = {path.parent.name: limits(path, shown_db.get(path.parent.name)) for path in stretches}
    shares = [stop / (STOPS - 1) for stop in range(STOPS)]
    change = [(CHANGE_DB * (2 * share - 1), to_hex(CHANGE(share))) for share in shares]
    write_text(output, qgis.definition(aoi, qgis.layers(geotiffs), stretch, change))


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        qgis_layers(
            aoi=snakemake.wildcards.aoi,
            **paths(snakemake.input),
            **snakemake.params,
            output=Path(snakemake.output[0]),
        )
