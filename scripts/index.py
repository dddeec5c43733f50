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
    no_echo: Sequence[Path],
    granules: Sequence[Path],
    min_valid_fraction: Mapping[str, float],
    explored: Sequence[str],
    output: Path,
) -> None:
    """Write the page. `granules` are in the order of `stacks`; `series` and `no_echo` hold those tables of all AOIs.

    `stacks` and `min_valid_fraction` are given by AOI name; `explored` names the AOIs that have an explore.html.
    """
    areas = [
        all_areas.Area(
            stack,
            {
                path.parent.name: tables.read_series(path, lost)
                for path, lost in zip(series, no_echo, strict=True)
                if path.parents[1].name == name
            },
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
        only, looks = settings.pop("valid_samples_only"), settings.pop("looks")
        index(
            **settings,
            stacks={
                aoi: Stack(path, valid_samples_only=only[aoi], looks=looks[aoi])
                for aoi, path in zip(only, snakemake.input.stacks)
            },
            **{name: list(map(Path, snakemake.input[name])) for name in ("series", "no_echo", "granules")},
            output=Path(snakemake.output[0]),
        )
