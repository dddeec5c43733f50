"""Estimate how much of a granule an AOI needs, from the AOI's box and the posting, before any data is read."""

import math
from collections.abc import Callable, Collection, Iterable

from gcov.granules import BANDWIDTHS, LAYERS, Granule, is_diagonal

BYTES = {True: 4 * 0.85, False: 8 * 0.9}  # compressed bytes per sample: real layer, complex layer
CHUNK = 512  # samples on a side
METRES_PER_DEGREE = 111_000

Box = tuple[float, float, float, float]


def samples_of(bbox: Box, frequency: str, granule: Granule) -> tuple[float, float]:
    """Approximate rows and columns of the box (degrees) on a granule's grid, from the posting of its mode."""
    west, south, east, north = bbox
    posting = BANDWIDTHS.get(granule.bandwidth(frequency)[:2], 20)
    width = (east - west) * METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2))
    return (north - south) * METRES_PER_DEGREE / posting, width / posting


def needed_bytes(bbox: Box, frequency: str, granule: Granule, layers: Iterable[str]) -> float:
    """Approximate compressed bytes of the chunks that the box touches, in these layers and the mask.

    At most the granule's size.
    """
    chunks = math.prod(side / CHUNK + 1 for side in samples_of(bbox, frequency, granule))
    per_sample = sum(BYTES[is_diagonal(name) or name in LAYERS] for name in layers) + 0.02
    return min(chunks * CHUNK**2 * per_sample, granule.size or math.inf)


def needed_requests(bbox: Box, frequency: str, granule: Granule, layers: Collection[str]) -> int:
    """Approximate number of requests: 8 to open, 10 for the mask, and one per row of chunks of each layer."""
    rows, _ = samples_of(bbox, frequency, granule)
    return math.ceil(18 + len(layers) * (rows / CHUNK + 1))


def in_full(granules: Collection[Granule], written: Callable[[float], str]) -> str:
    """The size of whole granules as text: `written` makes it from a number of bytes. The catalogue may not give it."""
    sizes = [granule.size for granule in granules if granule.size is not None]
    at_least = "" if len(sizes) == len(granules) else "at least "
    return at_least + written(sum(sizes)) if sizes else "of unknown size"
