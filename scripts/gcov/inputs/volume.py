"""Estimate how much of a granule an AOI needs, from the AOI's box and the posting, before any data is read."""

import math
from collections.abc import Callable, Collection, Iterable

from gcov.granules import BANDWIDTHS, LAYERS, Granule, is_diagonal

TERM = {True: 2.4, False: 4.8}  # compressed bytes per sample of a diagonal (real) and another term: 16 mantissa bits
LAYER, MASK = 4 * 0.85, 0.02  # the same of a further layer, with all its bits, and of the mask
CHUNK = 512  # samples on a side
METRES_PER_DEGREE = 111_000

Box = tuple[float, float, float, float]


def posting_of(granule: Granule, frequency: str) -> int:
    """The posting in metres of a granule's band, from its mode."""
    return BANDWIDTHS.get(granule.bandwidth(frequency)[:2], 20)


def size_of(bbox: Box) -> tuple[float, float]:
    """Approximate size of a box (degrees) in metres: west to east in its middle, south to north."""
    west, south, east, north = bbox
    width = (east - west) * METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2))
    return width, (north - south) * METRES_PER_DEGREE


def samples_of(bbox: Box, frequency: str, granule: Granule) -> tuple[float, float]:
    """Approximate rows and columns of the box (degrees) on a granule's grid, from the posting of its mode."""
    width, height = size_of(bbox)
    posting = posting_of(granule, frequency)
    return height / posting, width / posting


def needed_by_layer(bbox: Box, frequency: str, granule: Granule, layers: Iterable[str]) -> dict[str, float]:
    """Approximate compressed bytes of the chunks that the box touches: of each layer that the granule has, and `mask`.

    Together at most the granule's size.
    """
    samples = CHUNK**2 * math.prod(side / CHUNK + 1 for side in samples_of(bbox, frequency, granule))
    held = [name for name in layers if granule.holds(name, frequency)]
    sizes = {name: samples * (LAYER if name in LAYERS else TERM[is_diagonal(name)]) for name in held}
    sizes["mask"] = samples * MASK
    share = min(1, (granule.size or math.inf) / sum(sizes.values()))
    return {name: size * share for name, size in sizes.items()}


def needed_bytes(bbox: Box, frequency: str, granule: Granule, layers: Iterable[str]) -> float:
    """Approximate compressed bytes of the chunks that the box touches, in these layers and the mask."""
    return sum(needed_by_layer(bbox, frequency, granule, layers).values())


def needed_requests(bbox: Box, frequency: str, granule: Granule, layers: Collection[str]) -> int:
    """Approximate number of requests: 8 to open, 10 for the mask, and one per row of chunks of each layer."""
    rows, _ = samples_of(bbox, frequency, granule)
    return math.ceil(18 + len(layers) * (rows / CHUNK + 1))


def in_full(granules: Collection[Granule], written: Callable[[float], str]) -> str:
    """The size of whole granules as text: `written` makes it from a number of bytes. The catalogue may not give it."""
    sizes = [granule.size for granule in granules if granule.size is not None]
    at_least = "" if len(sizes) == len(granules) else "at least "
    return at_least + written(sum(sizes)) if sizes else "of unknown size"
