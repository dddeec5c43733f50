"""Gather an AOI's fragments into one stack on time."""

import json
import math
from dataclasses import dataclass
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

SHARED = ("aoi", "aoi_bbox", "aoi_polygon", "frequency", "n_pixels")  # attributes fragments have in common


@dataclass(frozen=True)
class Fragment:
    """One granule's AOI, known by its metadata: reading 100 of them costs less than opening 10 stores."""

    path: Path
    granule: Granule
    attributes: dict
    types: dict[str, str]  # dtypes of the variables by name, the mask last

    @property
    def group(self) -> zarr.Group:
        """The store itself."""
        return zarr.open_group(self.path, mode="r")


def read_fragment(path: Path) -> Fragment:
    """A fragment's metadata, without its samples. Raises GcovError if a file of samples is not there."""
    metadata = json.loads((path / "zarr.json").read_text())
    attributes = metadata["attributes"]
    arrays = metadata["consolidated_metadata"]["metadata"]
    names = sorted(
        (name for name in arrays if len(arrays[name]["shape"]) == 3), key=lambda name: (name == "mask", name)
    )
    for name in names:
        shards = arrays[name]["chunk_grid"]["configuration"]["chunk_shape"]
        wanted = math.prod(math.ceil(n / shard) for n, shard in zip(arrays[name]["shape"], shards))
        if (found := sum(file.is_file() for file in (path / name / "c").rglob("*"))) != wanted:
            raise GcovError(
                f"{path} is damaged: {name} has {found} files of samples instead of {wanted}. `snakemake verify`"
                " removes it, the next run makes it again"
            )
    types = {name: arrays[name]["data_type"] for name in names}
    return Fragment(path, Granule(**json.loads(attributes["granule_record"])), attributes, types)


def stack(*, fragments: list[Path], output: Path) -> None:
    """Write the stack: (time, y, x), samples as in the fragments, in order of time, one date per pass.

    Where granules of one pass are both valid, the first in time wins; where neither is, the one that has a value.
    Raises GcovError if two fragments differ in grid or terms (naming granule and difference: nothing is joined or
    resampled), or if no fragment has a valid sample.
    """
    by_granule = {fragment.granule: fragment for fragment in map(read_fragment, fragments)}
    granules = sorted(by_granule, key=lambda g: (g.start, g.name))
    first = by_granule[granules[0]]
    grid = store.grid_of(first.group)
    for granule in granules:
        check_same(first, grid, by_granule[granule])
    check_any_valid(list(by_granule.values()))
    dates = [date_of(members) for members in passes(granules)]
    note = maturity_note(date.maturity for date in dates)
    if note:
        log.warning("this stack %s", note if note.startswith("mixes") else f"holds {note}")
    attributes = {
        "title": f"NISAR GCOV time series: {first.attributes['aoi']}",
        **{key: first.attributes[key] for key in SHARED},
        "maturity_note": note or "",
        "granule_records": json.dumps([vars(granule) for granule in granules]),
        "software": store.software(),
    }
    with building(output) as part:
        target = store.create(part, grid=grid, dates=dates, types=first.types, attributes=attributes)
        for index, members in enumerate(passes(granules)):
            write_date(target, part, index, [by_granule[granule] for granule in members])
        store.consolidate(part)
    counts = len(dates), len(granules), *grid.shape, ", ".join(first.types)
    log.info("%d dates from %d granules, %d x %d pixels, %s", *counts)


def check_same(first: Fragment, grid: Grid, other: Fragment) -> None:
    """GcovError if a fragment cannot be stacked sample on sample with the first one, which has this grid."""
    difference = None
    if not store.same_axes(first.path, other.path):
        difference = lattice_difference(grid, store.grid_of(other.group))
    if difference is None and other.types != first.types:
        difference = f"terms {', '.join(other.types)} instead of {', '.join(first.types)}"
    if difference:
        raise GcovError(
            f"{other.granule.name} cannot be stacked with {first.granule.name}: {difference}. Nothing is resampled"
            " here: narrow the search (frame, mode, dates) to granules on one grid"
        )


def check_any_valid(fragments: list[Fragment]) -> None:
    """GcovError if the AOI lies outside of every granule, or in none of them on a valid sample."""
    if any(fragment.attributes["n_valid"] for fragment in fragments):
        return
    bbox = fragments[0].attributes["aoi_bbox"]
    names = "\n  ".join(fragment.granule.name for fragment in fragments)
    if not any(fragment.attributes["n_pixels_on_granule"] for fragment in fragments):
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


def write_date(target: zarr.Group, path: Path, index: int, members: list[Fragment]) -> None:
    """Write one date: the shards of a single fragment as they are, those of several merged by their masks."""
    names = list(members[0].types)
    if len(members) == 1 and all(store.copy_date(members[0].path, path, name, index) for name in names):
        return
    groups = [fragment.group for fragment in members]
    for rows, cols in store.blocks(target["mask"].shape[1:]):
        chosen = best_member([group["mask"][0, rows, cols] for group in groups])
        for name in names:
            layers = [group[name][0, rows, cols] for group in groups]
            target[name][index, rows, cols] = np.choose(chosen, layers) if len(layers) > 1 else layers[0]


def best_member(masks: list[np.ndarray]) -> np.ndarray:
    """Which granule of a pass each pixel comes from: (ny, nx) uint8 index of the first with the best sample.

    Valid (1..254) is better than invalid (0), and that better than outside (255).
    """
    ranks = [2 * is_valid(mask).view("u1") + (mask == 0) for mask in masks]
    return np.argmax(ranks, axis=0).astype("u1")


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        stack(fragments=[Path(path) for path in snakemake.input], output=Path(snakemake.output[0]))
