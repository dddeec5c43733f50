"""Plot a term's histogram, in dB or in power."""

import json
from pathlib import Path

import pandas as pd

from gcov import tables
from gcov.figures import style
from gcov.figures.histogram import histogram
from gcov.log import job_log
from gcov.provenance import provenance


def plot_histogram(
    *,
    counts: Path,
    series: Path,
    stack: Path,
    valid_samples_only: bool,
    quantity: str,
    title: str,
    output: Path,
) -> None:
    """A PNG of the histogram CSV `counts` and of the finer bins in stretch.json; `series` knows dates and samples.

    stretch.json lies beside `counts`, of the same job: as an input it would redo the figures of an earlier version.
    The provenance in the PNG is that of the stack, and which samples were counted.
    """
    table, limits = pd.read_csv(counts), json.loads(counts.with_name("stretch.json").read_text())
    figure = histogram(table, limits, tables.read_series(series), quantity=quantity, title=title)
    style.save(figure, output, provenance(stack, valid_samples_only))


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        plot_histogram(
            **{name: Path(path) for name, path in snakemake.input.items()},
            **snakemake.params,
            quantity=wildcards.quantity,
            title=f"{wildcards.aoi}, {wildcards.term}",
            output=Path(snakemake.output[0]),
        )
