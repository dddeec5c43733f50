"""Plot when each pixel changed, and how often."""

from gcov.log import job_log

from pathlib import Path

from gcov.figures import style
from gcov.figures.change import change_history as draw
from gcov.stores import store
from gcov.stores.provenance import provenance


def plot_change_history(*, history: Path, origin: dict[str, str], output: Path) -> None:
    """Write a PNG of change_history.zarr. `origin` is the provenance written into it."""
    data = store.open_store(history)
    figure = draw(data, title=f"{data.attrs['aoi']}: changes over all dates")
    style.save(figure, output, origin)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        plot_change_history(
            history=Path(snakemake.input[0]),
            origin=provenance(Path(snakemake.input[0]), **snakemake.params),
            output=Path(snakemake.output[0]),
        )
