"""Gather an AOI's fragments into one stack on time."""

import json
from pathlib import Path

import numpy as np
import zarr

from gcov import store
from gcov.errors import GcovError
from gcov.files import building
from gcov.granules import Granule, maturity_note, passes
from gcov.grid import Grid, lattice_difference
from gcov.log import job_log, log
from gcov.radiometry import is_valid

SHARED = (
    "aoi",
    "aoi_bbox",
    "aoi_polygon",
    "frequency",
)  # attributes a stack has in common with its fragments


def stack(*, fragments: list[Path], output: Path) -> None:
    """Write the stack: (time, y, x), samples as in the fragments, in order of time, one date per pass.

    Where granules of one pass are both valid, the first in time wins; where neither is, the one that has a value.
    Raises GcovError if two fragments differ in grid or terms (naming granule and difference: nothing is joined or
    resampled), or if no fragment has a valid sample.
    """
    groups = {granule_of(group): group for group in (zarr.open_group(path, mode="r") for path in fragments)}
    granules = sorted(groups, key=lambda g: (g.start, g.name))
    first = groups[granules[0]]
    grid, types = store.grid_of(first), types_of(first)
    for granule in granules:
        check_same(granules[0].name, grid, types, granule.name, groups[granule])
    check_any_valid(groups)
    dates = [date_of(members) for members in passes(granules)]
    note = maturity_note(date.maturity for date in dates)
    if note:
        log.warning("this stack %s", note if note.startswith("mixes") else f"holds {note}")
    attributes = {
        "title": f"NISAR GCOV time series: {first.attrs['aoi']}",
        **{key: first.attrs[key] for key in SHARED},
        "n_pixels": first.attrs["n_pixels"],
        "maturity_note": note or "",
        "granule_records": json.dumps([vars(granule) for granule in granules]),
        "software": store.software(),
    }
    with building(output) as part:
        target = store.create(part, grid=grid, dates=dates, types=types, attributes=attributes)
        for index, members in enumerate(passes(granules)):
            write_date(target, part, index, [groups[granule] for granule in members])
        store.consolidate(part)
    log.info(
        "%d dates from %d granules, %d x %d pixels, %s",
        len(dates),
        len(granules),
        *grid.shape,
        ", ".join(types),
    )


def granule_of(fragment: zarr.Group) -> Granule:
    """The granule a fragment was cut from."""
    return Granule(**json.loads(fragment.attrs["granule_record"]))


def types_of(fragment: zarr.Group) -> dict[str, np.dtype]:
    """Names and dtypes of the variables, the mask last."""
    names = sorted(store.variables_of(fragment), key=lambda name: (name == "mask", name))
    return {name: fragment[name].dtype for name in names}


def check_same(name: str, grid: Grid, types: dict, other_name: str, other: zarr.Group) -> None:
    """GcovError if a fragment cannot be stacked sample on sample with the first one."""
    difference = lattice_difference(grid, store.grid_of(other))
    if difference is None and types_of(other) != types:
        difference = f"terms {', '.join(types_of(other))} instead of {', '.join(types)}"
    if difference:
        raise GcovError(
            f"{other_name} cannot be stacked with {name}: {difference}. Nothing is resampled here: narrow the search"
            " (frame, mode, dates) to granules on one grid"
        )


def check_any_valid(groups: dict[Granule, zarr.Group]) -> None:
    """GcovError if the AOI lies outside of every granule, or in none of them on a valid sample."""
    if any(group.attrs["n_valid"] for group in groups.values()):
        return
    bbox = next(iter(groups.values())).attrs["aoi_bbox"]
    names = "\n  ".join(granule.name for granule in groups)
    if not any(group.attrs["n_pixels_on_granule"] for group in groups.values()):
        raise GcovError(f"the AOI {bbox} lies outside of every granule; check it against location of:\n  {names}")
    raise GcovError(
        f"not one valid sample (mask 1..254) in the AOI {bbox} in any granule: move the AOI into a swath of\n  {names}"
    )


def date_of(members: list[Granule]) -> store.Date:
    """The step on the time axis that the granules of one pass make."""

    def joined(words):
        return " ".join(dict.fromkeys(words))

    return store.Date(
        time=members[0].start,
        granule=joined(g.name for g in members),
        crid=joined(g.crid for g in members),
        maturity=joined(g.maturity for g in members),
    )


def write_date(target: zarr.Group, path: Path, index: int, members: list[zarr.Group]) -> None:
    """Write one date: the shards of a single fragment as they are, those of several merged by their masks."""
    if len(members) == 1:
        source = Path(str(members[0].store.root)) / members[0].path
        if all(store.copy_date(source, path, name, index) for name in store.variables_of(target)):
            return
    for rows, cols in store.blocks(target["mask"].shape[1:]):
        chosen = best_member([group["mask"][0, rows, cols] for group in members])
        for name in store.variables_of(target):
            layers = [group[name][0, rows, cols] for group in members]
            target[name][index, rows, cols] = np.choose(chosen, layers) if len(layers) > 1 else layers[0]


def best_member(masks: list[np.ndarray]) -> np.ndarray:
    """Which granule of a pass each pixel comes from: (ny, nx) index of the first with the best sample.

    Valid (1..254) is better than invalid (0), and that better than outside (255).
    """
    return np.argmax([np.where(is_valid(mask), 2, mask == 0) for mask in masks], axis=0)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        stack(fragments=[Path(path) for path in snakemake.input], output=Path(snakemake.output[0]))
