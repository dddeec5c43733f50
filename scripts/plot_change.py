"""Plot the change of a term between two periods: a map of all changes, and one of the significant changes."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from gcov import captions
from gcov.figures import style
from gcov.figures.change import change as draw
from gcov.files import paths, read_json
from gcov.headings import title
from gcov.stores import store
from gcov.stores.provenance import provenance


def plot_change(
    *,
    change: Path,
    summary: Path,
    geojson: Path,
    csv: Path,
    origin: dict[str, str],
    term: str,
    name: str,
    output: Sequence[Path],
    warning: Path,
) -> None:
    """Write a figure of a change store, the numbers in its JSON, and the outlines of its patches (GeoJSON and table).

    `origin` is the provenance written into it, `warning` the store's warning, for the caption.
    """
    data = store.open_store(change)
    patches = {"geojson": geojson, "csv": csv}
    figure = draw(data, read_json(summary), **patches, title=f"{title(data.attrs, term)}: change {name}")
    captions.write(warning, captions.bold(data.attrs.get("warning", "")))
    style.save(figure, output, origin)


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        plot_change(
            **paths(snakemake.input),
            origin=provenance(Path(snakemake.input.change), **snakemake.params),
            term=wildcards.term,
            name=wildcards.name,
            output=list(map(Path, snakemake.output.picture)),
            warning=Path(snakemake.output.warning),
        )
