"""Plot the mean series of an AOI's zones, one small panel each."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from gcov import tables
from gcov.figures import style
from gcov.figures.zones import zones as draw
from gcov.files import paths
from gcov.headings import title, view
from gcov.stores.provenance import metadata_of, provenance


def plot_zones(
    *, zones: Path, stack: Path, origin: dict[str, str], min_valid_fraction: float, term: str, output: Sequence[Path]
) -> None:
    """Write a figure of zones.csv. `origin` is the provenance written into it."""
    facts = metadata_of(stack)["attributes"]
    shown = {"term": term, "frequency": facts["frequency"], "min_valid_fraction": min_valid_fraction}
    shown["posting"] = facts["spatial:transform"][0]
    figure = draw(tables.read_series(zones), title=title(facts, term), view=view(facts), **shown)
    style.save(figure, output, origin)


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        plot_zones(
            **paths(snakemake.input),
            origin=provenance(Path(snakemake.input.stack), snakemake.params.valid_samples_only),
            min_valid_fraction=snakemake.params.min_valid_fraction,
            term=wildcards.term,
            output=list(map(Path, snakemake.output.picture)),
        )
