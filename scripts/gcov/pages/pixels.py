"""The images of a stack, encoded for an HTML page: cells averaged in linear power, one byte each, as text.

A cell is the mean of side x side samples in linear power. Its byte is 0 if no sample counts, otherwise 1 + the number
of steps of 0.25 dB above the term's `low`. Each date is stored as the difference from the bytes of the term's mean
image (modulo 255, plus 1), deflated, in base64. Differences are small and compress well.
"""

import base64
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gcov.analysis import histogram
from gcov.analysis.multilook import image_of
from gcov.errors import GcovError
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack

STEP = 0.25  # dB; the rounding error is at most 0.125 dB, a tenth of the speckle
LEVELS = 255  # byte values that encode a dB value
FOOT = 2.0  # dB of margin below the lowest quantile, for users' averages
FEWEST_BITS = 2  # lower bound of the bits per cell, even for smooth images; limits the sides to try
LARGEST = 4_000_000  # cells that a browser paints in 0.1 s
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Images:
    """The images of a term as text: the reference image ("mean"), and each date's difference from it by date index.

    `stretch` are the 5 and 95 % quantiles over all cells and dates in dB; None if no cell is positive.
    """

    low: float  # dB value of byte 1
    stretch: tuple[float, float] | None
    texts: dict[str | int, str]


def smallest_side(data: xr.Dataset, terms: int, room: float) -> int:
    """A lower bound for the side of a cell, in samples, so that images of `terms` terms fit into `room` bytes."""
    bits = room * 3 / 4 * 8  # base64 turns three bytes into four
    most = min(bits / FEWEST_BITS / (data.sizes["time"] * terms), LARGEST)
    return math.ceil(math.sqrt(data.sizes["y"] * data.sizes["x"] / most))


def encoded(
    stack: Stack, terms: Sequence[str], layers: Callable[[int], Sequence[np.ndarray]], *, room: float
) -> tuple[int, dict[str, Images], list[str]]:
    """The smallest side of a cell, in samples, with which all fits into `room` bytes; the images by term; the layers.

    `layers` gives further images (rows, columns) of bytes for a side. Raises GcovError if not even one cell
    per date fits.
    """
    data = stack.data
    largest = max(data.sizes["y"], data.sizes["x"])
    for side in range(smallest_side(data, len(terms), room) if room > 0 else largest, largest + 1):
        images: dict[str, Images] = {}
        further = list(map(packed, layers(side)))
        left = room - sum(map(len, further))
        for term in terms:
            found = encoded_term(stack, term, side=side, room=left)
            if found is None:
                break
            images[term], left = found, left - sum(map(len, found.texts.values()))
        else:
            return side, images, further
    raise GcovError(f"explore_megabytes: too few for a page of {data.sizes['time']} dates; give it more, or null")


def encoded_term(stack: Stack, term: str, *, side: int, room: float) -> Images | None:
    """A term's images in cells of side x side samples; None if they need more than `room` bytes.

    The first pass over the dates makes the mean image, the second encodes each date. Memory holds one date at a time.
    """

    def powers() -> Iterator[np.ndarray]:
        for date in range(stack.data.sizes["time"]):
            yield image_of(stack, term, date, side)

    shape = tuple(-(-stack.data.sizes[axis] // side) for axis in ("y", "x"))
    total, number = np.zeros(shape), np.zeros(shape, np.int32)
    counts = np.zeros(histogram.FINE_DB.number, np.int64)
    for power in powers():
        seen = np.isfinite(power)
        total[seen] += power[seen]
        number += seen
        counts += histogram.count_db(to_db(power[power > 0]))
    low = quantile(counts, 0.0005) - FOOT if counts.any() else 0.0
    mean = codes(np.divide(total, number, out=np.full(shape, np.nan), where=number > 0), low)
    texts: dict[str | int, str] = {"mean": packed(mean)}
    for date, power in enumerate(powers()):
        texts[date] = packed(difference(codes(power, low), mean))
        if sum(map(len, texts.values())) > room:
            return None
    stretch = (quantile(counts, 0.05), quantile(counts, 0.95)) if counts.any() else None
    return Images(low, stretch, texts)


def quantile(counts: np.ndarray, q: float) -> float:
    """A quantile in dB, rounded to 0.1."""
    return round(histogram.FINE_DB.quantile(counts, q), 1)


def codes(power: np.ndarray, low: float) -> np.ndarray:
    """The bytes for linear power; 0 where NaN. Values outside the 63.5 dB above `low` (dB) are clipped to its ends."""
    steps = np.nan_to_num(np.round((to_db(power) - low) / STEP), nan=0)
    return np.where(np.isfinite(power), 1 + np.clip(steps, 0, LEVELS - 1), 0).astype("u1")


def difference(image: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The difference of a date's bytes from those of the mean image, 1..255; 0 where the date has no data."""
    apart = (image.astype("i2") - base) % LEVELS + 1
    return np.where(image == 0, 0, apart).astype("u1")


def packed(values: np.ndarray) -> str:
    """Deflated bytes as base64 text. Only runs are matched: speckle has no other repetition, and it is 10 x faster."""
    deflate = zlib.compressobj(level=9, strategy=zlib.Z_RLE)
    return base64.b64encode(deflate.compress(values.tobytes()) + deflate.flush()).decode()
