"""The page that links to all AOIs."""

from gcov.log import job_log, log

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gcov import tables
from gcov.files import write_text
from gcov.pages import index as all_areas
from gcov.pages.news import Memory
from gcov.stores.stack import Stack


def found_in(stack: Stack, patches: Sequence[Path]) -> dict[str, Any]:
    """The dates and patches of an AOI, for the news; `patches` are the tables of its history and of its changes."""
    found = {}
    for path in patches:
        one, between = tables.read(path, dtype=str), path.parent.name == "change"
        of = f"{path.parents[1].name} {path.stem} " if between else ""
        terms = [name.removeprefix("step_db_") for name in one if name.startswith("step_db_")]
        for row in one.to_dict("records"):
            steps = [f"{term} {float(db):+.1f} dB" for term in terms if (db := row[f"step_db_{term}"])]
            when = f"{row['start'][:10]} to {row['end'][:10]}"
            words = ", ".join([f"{float(row['area_ha']):.1f} ha", when, *steps])
            found[of + row["id"]] = {"words": words, "confirmed": row.get("confirmed") == "True"}
    times = np.datetime_as_string(stack.data["time"].values, unit="s").tolist()
    return {"dates": dict(zip(times, map(str, stack.data["granule"].values))), "patches": found}


def index(
    *,
    stacks: Mapping[str, Stack],
    series: Sequence[Path],
    no_echo: Sequence[Path],
    granules: Sequence[Path],
    patches: Sequence[Path],
    min_valid_fraction: Mapping[str, float],
    explored: Sequence[str],
    shown_db: Mapping[str, Sequence[float]],
    output: Path,
    memory: Path,
) -> None:
    """Write the page, and to `memory` what this run has found, which the next run compares with what it finds.

    `granules` are in the order of `stacks`; `series`, `no_echo` and `patches` are those of all AOIs. `stacks` and
    `min_valid_fraction` are given by AOI name; `explored` names the AOIs that have an explore.html, and `shown_db`
    are limits of images in dB, by term. Raises GcovError
    if `memory` is damaged.
    """
    found = {
        name: found_in(stack, [path for path in patches if path.is_relative_to(output.parent / name)])
        for name, stack in stacks.items()
    }
    known = Memory.read(memory).renewed(found)
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
            shown_db=shown_db,
            news=known.news(name),
        )
        for (name, stack), table in zip(stacks.items(), granules, strict=True)
    ]
    write_text(output, all_areas.page(areas))
    known.write(memory)
    for name in stacks:
        log.info("%s: %s", name, "; ".join(known.news(name)))


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
            **{name: list(map(Path, snakemake.input[name])) for name in ("series", "no_echo", "granules", "patches")},
            output=Path(snakemake.output.page),
            memory=Path(snakemake.output.memory),
        )
