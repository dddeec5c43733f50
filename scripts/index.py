"""The page that links to all AOIs."""

from gcov.log import job_log

from collections.abc import Mapping, Sequence
from pathlib import Path

from gcov import tables
from gcov.files import building
from gcov.pages import index as all_areas
from gcov.stores import store


def index(
    *,
    stacks: Sequence[Path],
    series: Sequence[Path],
    granules: Sequence[Path],
    valid_samples_only: Mapping[str, bool],
    min_valid_fraction: Mapping[str, float],
    explored: Sequence[str],
    output: Path,
) -> None:
    """Write the page. `stacks` and `granules` are in AOI order; `series` holds the mean series of all AOIs.

    `valid_samples_only` and `min_valid_fraction` are given by AOI name; `explored` names the AOIs that have an
    explore.html.
    """
    areas = [
        all_areas.Area(
            store.open_store(stack),
            {path.parent.name: tables.read_series(path) for path in series if path.parents[1] == stack.parent},
            tables.read_granules(table),
            explored=stack.parent.name in explored,
            min_valid_fraction=min_valid_fraction[stack.parent.name],
            valid_samples_only=valid_samples_only[stack.parent.name],
        )
        for stack, table in zip(stacks, granules, strict=True)
    ]
    with building(output) as part:
        part.write_text(all_areas.page(areas), encoding="utf-8")


if __name__ == "__main__":
    with job_log(snakemake.log[0], "index"):
        index(
            **snakemake.params,
            **{name: list(map(Path, snakemake.input[name])) for name in ("stacks", "series", "granules")},
            output=Path(snakemake.output[0]),
        )
