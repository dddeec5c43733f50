"""Combining fragments: whether they can be stacked, and merging the granules of one pass into one date."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from gcov.errors import GcovError
from gcov.granules import Granule
from gcov.stores import store
from gcov.stores.radiometry import OUTSIDE, is_valid
from gcov.stores.store import Fragment


def check_same(first: Fragment, other: Fragment) -> None:
    """Raises GcovError if a fragment's grid or terms differ from those of the first one."""
    difference = None
    if not store.same_axes(first.path, other.path):
        from gcov.stores.grid import lattice_difference  # imports rioxarray, which costs 0.3 s and is rarely needed

        difference = lattice_difference(store.open_store(first.path), store.open_store(other.path))
    theirs, ours = ([f"{term} ({one.types[term]})" for term in terms_of(one)] for one in (other, first))
    if difference is None and theirs != ours:
        difference = f"terms {', '.join(theirs)} instead of {', '.join(ours)}"
    if difference:
        raise cannot_stack(first.granule, other.granule, difference)


def cannot_stack(first: Granule, other: Granule, difference: str) -> GcovError:
    """The error for two granules that cannot be stacked."""
    return GcovError(
        f"{other.name} cannot be stacked with {first.name}: {difference}. Nothing is resampled here: narrow the search"
        " (frame, mode, dates) to granules on one grid"
    )


def terms_of(fragment: Fragment) -> list[str]:
    """The covariance terms and further layers of a fragment, without the mask and the `{term}_valid` layers."""
    return [name for name in fragment.types if name != "mask" and not name.endswith(store.VALID)]


def types_of(fragments: Sequence[Fragment]) -> dict[str, str]:
    """The dtypes of a stack's variables: the layers all fragments share, and `{term}_valid` if any fragment has it."""
    types = {name: dtype for fragment in fragments for name, dtype in fragment.types.items()}
    return {"mask": types.pop("mask"), **types}


def check_any_valid(fragments: Sequence[Fragment]) -> None:
    """Raises GcovError if the AOI is outside every granule, or has no valid sample in any of them."""
    if any(fragment.attributes["n_valid"] for fragment in fragments):
        return
    bbox = fragments[0].attributes["aoi_bbox"]
    names = "\n  ".join(fragment.granule.name for fragment in fragments)
    if not any(fragment.attributes["n_pixels_on_granule"] for fragment in fragments):
        raise GcovError(f"the AOI {bbox} lies outside of every granule; compare it with the footprints of:\n  {names}")
    raise GcovError(
        f"not one valid sample (mask 1..254) in the AOI {bbox} in any granule: move the AOI into a swath of\n  {names}"
    )


def date_of(members: Sequence[Granule]) -> store.Date:
    """The date (one step of the time axis) formed by the granules of one pass."""

    def joined(words):
        return " ".join(dict.fromkeys(words))

    return store.Date(
        time=members[0].start,
        granule=joined(g.name for g in members),
        crid=joined(g.crid for g in members),
        maturity=joined(g.maturity for g in members),
        polarizations=joined(g.polarizations or "" for g in members),
    )


def write_date(stack: Path, index: int, members: Sequence[Fragment], names: Sequence[str]) -> None:
    """Write one date of a stack: a single fragment's shards are copied, several fragments are merged by mask."""
    if len(members) == 1:
        names = [
            name
            for name in names
            if name not in members[0].types or not store.copy_date(members[0].path, stack, name, index)
        ]
    if not names:
        return
    opened = [store.open_store(fragment.path) for fragment in members]
    for region in store.regions(opened[0], rows=store.SHARD, columns=store.SHARD):
        blocks = [data.isel(region) for data in opened]
        for name in names:
            bands = store.regions(blocks[0], rows=2 * store.CHUNK)  # keeps memory small beside the shard
            parts = [merged(members, [block.isel(band) for block in blocks], name) for band in bands]
            layer = np.concatenate(parts, axis=1)
            del parts
            store.write(stack, {**region, "time": slice(index, index + 1)}, {name: layer})


def merged(members: Sequence[Fragment], blocks: Sequence[xr.Dataset], name: str) -> np.ndarray:
    """A layer (time=1, y, x) of a date, merged from one block of each fragment of the pass.

    `{term}_valid` is taken as 1 for fragments that do not have it.
    """
    if len(blocks) == 1 and name in blocks[0]:
        return store.samples(blocks[0], name)
    masks = [_mask(fragment, block, name) for fragment, block in zip(members, blocks)]
    layers = [store.samples(block, name) if name in block else np.ones(masks[0].shape, "u1") for block in blocks]
    return np.choose(best_member(masks), layers)


def _mask(fragment: Fragment, block: xr.Dataset, name: str) -> np.ndarray:
    """The mask that decides whether a fragment's layer is used; 255 throughout if the granule lacks the term."""
    term = name.removesuffix(store.VALID)
    if term != "mask" and not fragment.granule.holds(term, fragment.attributes["frequency"]):
        return np.full_like(store.samples(block, "mask"), OUTSIDE)
    return store.mask_of(block, term)


def best_member(masks: Sequence[np.ndarray]) -> np.ndarray:
    """The granule of a pass that each pixel is taken from: the index (uint8) of the first mask with the best sample.

    Valid (1..254) is preferred to invalid (0), and invalid to outside (255).
    """
    ranks = [2 * is_valid(mask).view("u1") + (mask == 0) for mask in masks]
    return np.argmax(ranks, axis=0).astype("u1")
