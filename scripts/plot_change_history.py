"""Plot how often each pixel changed, and when and how much it changed most."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from gcov import captions
from gcov.figures import style
from gcov.figures.change import change_history as draw
from gcov.files import paths
from gcov.stores import store
from gcov.stores.provenance import provenance


def plot_change_history(
    *, history: Path, geojson: Path, csv: Path, origin: dict[str, str], output: Sequence[Path], warning: Path
) -> None:
    """Write a figure of change_history.zarr, with the outlines of its patches (GeoJSON and table).

    `origin` is the provenance written into it, `warning` the store's warning, for the caption.
    """
    data = store.open_store(history)
    figure = draw(data, geojson=geojson, csv=csv, title=f"{data.attrs['aoi']}: changes over all dates")
    captions.write(warning, captions.bold(data.attrs.get("warning", "")))
    style.save(figure, output, origin)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        plot_change_history(
            **paths(snakemake.input),
            origin=provenance(Path(snakemake.input.history), **snakemake.params),
            output=list(map(Path, snakemake.output.picture)),
            warning=Path(snakemake.output.warning),
        )
