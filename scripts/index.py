"""The page that links to all AOIs."""

from gcov.log import job_log

from collections.abc import Mapping, Sequence
from pathlib import Path

from gcov import tables
from gcov.files import building
from gcov.pages import index as all_areas
from gcov.stores.stack import Stack


def index(
    *,
    stacks: Mapping[str, Stack],
    series: Sequence[Path],
    granules: Sequence[Path],
    min_valid_fraction: Mapping[str, float],
    explored: Sequence[str],
    output: Path,
) -> None:
    """Write the page. `granules` are in the order of `stacks`; `series` holds the mean series of all AOIs.

    `stacks` and `min_valid_fraction` are given by AOI name; `explored` names the AOIs that have an explore.html.
    """
    areas = [
        all_areas.Area(
            stack,
            {path.parent.name: tables.read_series(path) for path in series if path.parents[1].name == name},
            tables.read_granules(table),
            explored=name in explored,
            min_valid_fraction=min_valid_fraction[name],
        )
        for (name, stack), table in zip(stacks.items(), granules, strict=True)
    ]
    with building(output) as part:
        part.write_text(all_areas.page(areas), encoding="utf-8")


if __name__ == "__main__":
    with job_log(snakemake.log[0], "index"):
        settings = dict(snakemake.params)
        only = settings.pop("valid_samples_only").items()
        index(
            **settings,
            stacks={aoi[0]: Stack(path, valid_samples_only=aoi[1]) for aoi, path in zip(only, snakemake.input.stacks)},
            **{name: list(map(Path, snakemake.input[name])) for name in ("series", "granules")},
            output=Path(snakemake.output[0]),
        )
