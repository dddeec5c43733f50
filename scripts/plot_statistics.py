"""Plot a term's statistics over time: four maps."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from gcov import captions
from gcov.figures import style
from gcov.figures.statistics import statistics as draw
from gcov.headings import title
from gcov.stores import store
from gcov.stores.provenance import provenance


def plot_statistics(
    *, statistics: Path, origin: dict[str, str], term: str, output: Sequence[Path], warning: Path
) -> None:
    """Write a figure of statistics.zarr. `origin` is the provenance written into it.

    `warning` is the store's warning, for the caption.
    """
    data = store.open_store(statistics)
    figure = draw(data, title=title(data.attrs, term))
    captions.write(warning, captions.bold(data.attrs.get("warning", "")))
    style.save(figure, output, origin)


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        plot_statistics(
            statistics=Path(snakemake.input.statistics),
            origin=provenance(Path(snakemake.input.statistics), **snakemake.params),
            term=wildcards.term,
            output=list(map(Path, snakemake.output.picture)),
            warning=Path(snakemake.output.warning),
        )
