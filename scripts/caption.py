"""What the captions of a report say of a term."""

from gcov.log import job_log

from pathlib import Path

from gcov import captions, tables
from gcov.cautions import of_stack
from gcov.files import paths
from gcov.stores.provenance import metadata_of


def caption(*, series: Path, no_echo: Path, stack: Path, min_valid_fraction: float, term: str, output: Path) -> None:
    """Write the dates of mean_series.csv, its warnings and those of the stack, as reStructuredText."""
    facts = metadata_of(stack)["attributes"]
    shown = {"frequency": facts["frequency"], "stated": of_stack(facts), "min_valid_fraction": min_valid_fraction}
    captions.write(output, captions.of_series(tables.read_series(series, no_echo), term=term, **shown))


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        caption(
            **paths(snakemake.input),
            min_valid_fraction=snakemake.params.min_valid_fraction,
            term=wildcards.term,
            output=Path(snakemake.output[0]),
        )
