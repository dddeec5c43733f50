"""Plot a term's mean series on two axes: power and dB."""

from pathlib import Path

from gcov.figures import stills
from gcov.log import job_log


def plot_mean_series(*, series: Path, stack: Path, valid_samples_only: bool, title: str, output: Path) -> None:
    """A PNG of the mean series CSV; the provenance in it is that of the stack, and which samples were averaged."""
    stills.save(
        stills.mean_series(stills.read_rows(series), title=title),
        output,
        stills.provenance(stack, valid_samples_only),
    )


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        plot_mean_series(
            **{name: Path(path) for name, path in snakemake.input.items()},
            **snakemake.params,
            title=f"{wildcards.aoi}, {wildcards.term}",
            output=Path(snakemake.output[0]),
        )
