"""Plot a term's histogram, in dB or in linear power."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from gcov import tables
from gcov.figures import style
from gcov.figures.histogram import histogram
from gcov.files import paths, read_json
from gcov.headings import title, view
from gcov.stores.provenance import metadata_of, provenance
from gcov.stretch import limits as limits_of


def plot_histogram(
    *,
    counts: Path,
    limits: Path,
    shown_db: Sequence[float] | None,
    series: Path,
    no_echo: Path,
    stack: Path,
    origin: dict[str, str],
    quantity: str,
    term: str,
    output: Sequence[Path],
) -> None:
    """Write a figure of the histogram CSV `counts` and the finer bins in `limits`, a stretch.json.

    `shown_db` are the limits of the grey scale in dB, if they are set. `series` gives dates and
    samples. `origin` is the provenance written into the PNG.
    """
    table, finer = tables.read(counts), read_json(limits)
    facts = metadata_of(stack)["attributes"]
    shown = {"quantity": quantity, "term": term, "frequency": facts["frequency"], "title": title(facts, term)}
    shown |= {"view": view(facts), "limits": limits_of(limits, shown_db)}
    figure = histogram(table, finer, tables.read_series(series, no_echo), **shown)
    style.save(figure, output, origin)


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        settings = dict(snakemake.params)
        plot_histogram(
            **paths(snakemake.input),
            shown_db=settings.pop("shown_db"),
            origin=provenance(Path(snakemake.input.stack), **settings),
            quantity=wildcards.quantity,
            term=wildcards.term,
            output=list(map(Path, snakemake.output.picture)),
        )
