"""Plot the time series of an AOI's radar indices."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from gcov import tables
from gcov.cautions import of_stack
from gcov.figures import style
from gcov.figures.indices import indices as draw
from gcov.files import paths
from gcov.headings import view
from gcov.stores.provenance import metadata_of, provenance


def plot_indices(
    *, indices: Path, stack: Path, origin: dict[str, str], min_valid_fraction: float, output: Sequence[Path]
) -> None:
    """Write a figure of indices.csv. `origin` is the provenance written into it."""
    facts = metadata_of(stack)["attributes"]
    warnings = [facts["maturity_note"], *of_stack(facts)]
    shown = {"title": facts["aoi"], "warnings": warnings, "min_valid_fraction": min_valid_fraction}
    figure = draw(tables.read_indices(indices), view=view(facts), **shown)
    style.save(figure, output, origin)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        plot_indices(
            **paths(snakemake.input),
            origin=provenance(Path(snakemake.input.stack), snakemake.params.valid_samples_only),
            min_valid_fraction=snakemake.params.min_valid_fraction,
            output=list(map(Path, snakemake.output.picture)),
        )
