"""Plot a term's mean series with two y axes: linear power and dB."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from gcov import captions, tables
from gcov.cautions import of_stack
from gcov.figures import style
from gcov.figures.series import mean_series
from gcov.files import paths
from gcov.headings import title, view
from gcov.stores.provenance import metadata_of, provenance


def plot_mean_series(
    *,
    series: Path,
    no_echo: Path,
    stack: Path,
    origin: dict[str, str],
    min_valid_fraction: float,
    term: str,
    output: Sequence[Path],
    caption: Path,
) -> None:
    """Write a figure of mean_series.csv and no_echo.csv. `origin` is the provenance written into it.

    `caption` is the text for all captions of the term.
    """
    facts = metadata_of(stack)["attributes"]
    shown = {"term": term, "frequency": facts["frequency"], "min_valid_fraction": min_valid_fraction}
    shown["stated"] = of_stack(facts)
    table = tables.read_series(series, no_echo)
    captions.write(caption, captions.of_series(table, **shown))
    figure = mean_series(table, title=title(facts, term), view=view(facts), **shown)
    style.save(figure, output, origin)


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        plot_mean_series(
            **paths(snakemake.input),
            origin=provenance(Path(snakemake.input.stack), snakemake.params.valid_samples_only),
            min_valid_fraction=snakemake.params.min_valid_fraction,
            term=wildcards.term,
            output=list(map(Path, snakemake.output.picture)),
            caption=Path(snakemake.output.caption),
        )
