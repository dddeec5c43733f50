"""Plot a term's histogram, in dB or in power."""

from pathlib import Path

from gcov.figures import stills
from gcov.log import job_log


def plot_histogram(
    *, counts: Path, series: Path, stack: Path, valid_samples_only: bool, quantity: str, title: str, output: Path
) -> None:
    """A PNG of the histogram CSV `counts`; `series` gives the number of samples and the maturity of the data.

    The provenance in the PNG is that of the stack, and which samples were counted.
    """
    figure = stills.histogram(stills.read_rows(counts), stills.read_rows(series), quantity=quantity, title=title)
    stills.save(figure, output, stills.provenance(stack, valid_samples_only))


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
