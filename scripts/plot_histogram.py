"""Plot a term's histogram, in dB or in linear power."""

from gcov.log import job_log

from pathlib import Path

from gcov import tables
from gcov.figures import style
from gcov.figures.histogram import histogram
from gcov.files import read_json
from gcov.headings import title, view
from gcov.stores.provenance import metadata_of, provenance


def plot_histogram(
    *,
    counts: Path,
    limits: Path,
    series: Path,
    no_echo: Path,
    stack: Path,
    origin: dict[str, str],
    quantity: str,
    term: str,
    output: Path,
) -> None:
    """Write a PNG of the histogram CSV `counts` and the finer bins in `limits`, a stretch.json.

    `series` gives dates and samples. `origin` is the provenance written into the PNG.
    """
    table, finer = tables.read(counts), read_json(limits)
    facts = metadata_of(stack)["attributes"]
    shown = {"quantity": quantity, "term": term, "frequency": facts["frequency"], "title": title(facts, term)}
    figure = histogram(table, finer, tables.read_series(series, no_echo), view=view(facts), **shown)
    style.save(figure, output, origin)


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        plot_histogram(
            **{name: Path(path) for name, path in snakemake.input.items()},
            origin=provenance(Path(snakemake.input.stack), **snakemake.params),
            quantity=wildcards.quantity,
            term=wildcards.term,
            output=Path(snakemake.output[0]),
        )
