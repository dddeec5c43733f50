"""The images of a stack, encoded for an HTML page: cells averaged in linear power, one byte each, as text.

A cell is the mean of side x side samples in linear power. Its byte is 0 if no sample counts, otherwise 1 + the number
of steps of 0.25 dB above the term's `low`. Each date is stored as the difference from the bytes of the term's mean
image (modulo 255, plus 1), deflated, in base64. Differences are small and compress well. `low` is a multiple of a step.
"""

import base64
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import xarray as xr

from gcov.analysis import histogram
from gcov.analysis.multilook import cells_of, image_of
from gcov.errors import GcovError
from gcov.stores import store
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack

STEP = 0.25  # dB; the rounding error is at most 0.125 dB, a tenth of the speckle
LEVELS = 255  # byte values that encode a dB value
FOOT = 2.0  # dB of margin below the lowest quantile, for users' averages
FEWEST_BITS = 2  # lower bound of the bits per cell, even for smooth images; limits the sides to try
LARGEST = 4_000_000  # cells that a browser paints in 0.1 s
MEGABYTE = 1_000_000
UNSEEN, LEAST = -32768, -32767  # steps where no sample counts, and of power that is not above 0


@dataclass(frozen=True)
class Images:
    """The images of a term as text: the reference image ("mean"), and each date's difference from it by date index.

    `lost` are images of the dates on which cells have lost their echo: 1 there, else 0. `stretch` are the 5 and 95 %
    quantiles over all cells and dates in dB; None if no cell is positive.
    """

    low: float  # dB value of byte 1
    stretch: tuple[float, float] | None
    texts: dict[str | int, str]
    lost: dict[int, str]

    @property
    def size(self) -> int:
        """Bytes of text."""
        return sum(map(len, [*self.texts.values(), *self.lost.values()]))


def smallest_side(data: xr.Dataset, terms: int, room: float) -> int:
    """A lower bound for the side of a cell, in samples, so that images of `terms` terms fit into `room` bytes."""
    bits = room * 3 / 4 * 8  # base64 turns three bytes into four
    most = min(bits / FEWEST_BITS / (data.sizes["time"] * terms), LARGEST)
    return math.ceil(math.sqrt(data.sizes["y"] * data.sizes["x"] / most))


def probable_side(stack: Stack, terms: Sequence[str], smallest: int, room: float) -> int:
    """The side of a cell in samples, from `smallest` on, with which images probably fit into `room` bytes of text.

    If it is not obvious, two chunks of at most ten dates tell.
    """
    size, dates = stack.data.sizes, stack.data.sizes["time"]
    if math.prod(cells_of((size["y"], size["x"]), smallest)) * dates * len(terms) * 4 / 3 < room:
        return smallest  # fits even if nothing can be compressed
    some = {"time": slice(0, dates, math.ceil(dates / 10))}
    parts = [stack.part(some | {axis: _chunk(size[axis], third) for axis in ("y", "x")}) for third in (1, 2)]
    share = sum(part.data["mask"].size for part in parts) / stack.data["mask"].size
    side = smallest
    while side < store.CHUNK and sum(encoded_term(*one, side).size for one in product(parts, terms)) > room * share:
        side += 1
    return side


def _chunk(size: int, third: int) -> slice:
    start = size * third // 3 // store.CHUNK * store.CHUNK
    return slice(start, min(start + store.CHUNK, size))


def encoded(
    stack: Stack, terms: Sequence[str], layers: Callable[[int], Mapping[str, np.ndarray]], *, room: float
) -> tuple[int, dict[str, Images], dict[str, str]]:
    """The smallest side of a cell, in samples, with which all fits into `room` bytes; the images by term; the layers.

    `layers` gives further images (rows, columns) of bytes by name for a side. Raises GcovError if not even one cell
    per date fits. Each date is read once, unless the side is other than probable.
    """
    data = stack.data
    largest = max(data.sizes["y"], data.sizes["x"])
    smallest = smallest_side(data, len(terms), room) if room > 0 else largest
    side = probable_side(stack, terms, smallest, room) if room > 0 else largest
    fitting: dict[int, tuple[dict[str, Images], dict[str, str]]] = {}
    while side <= largest:
        further = {name: packed(values) for name, values in layers(side).items()}
        images, left = {}, room - sum(map(len, further.values()))
        for term in terms:
            images[term] = encoded_term(stack, term, side)
            left -= images[term].size
            if left < 0:
                break
        if left >= 0:
            fitting[side] = images, further
            fewer = side - 1
            # smaller cells do not take fewer bits each
            if fewer < smallest or (room - left) * (side / fewer) ** 2 > room:
                break
            side = fewer
        elif side + 1 in fitting:
            break
        else:
            side += 1
    if not fitting:
        raise GcovError(f"explore_megabytes: too few for a page of {data.sizes['time']} dates; give it more, or null")
    best = min(fitting)
    return best, *fitting[best]


def encoded_term(stack: Stack, term: str, side: int) -> Images:
    """A term's images in cells of side x side samples.

    Each date is read once; memory holds the cells of all dates, two bytes each, which the size of the page limits.
    """
    dates, shape = stack.data.sizes["time"], cells_of((stack.data.sizes["y"], stack.data.sizes["x"]), side)
    total, number = np.zeros(shape), np.zeros(shape, np.int32)
    counts = np.zeros(histogram.FINE_DB.number, np.int64)
    steps = np.empty((dates, *shape), np.int16)
    lost: dict[int, str] = {}
    for date in range(dates):
        power, gone = image_of(stack, term, date, side)
        if gone.any():
            lost[date] = packed(gone.astype("u1"))
        seen = np.isfinite(power)
        total[seen] += power[seen]
        number += seen
        db = to_db(power)
        counts += histogram.count_db(db[np.isfinite(db)])
        steps[date] = steps_of(power, db)
        del power, gone, seen, db  # before the next date is read
    low = round((histogram.FINE_DB.quantile(counts, 0.0005) - FOOT) / STEP) * STEP if counts.any() else 0.0
    average = np.divide(total, number, out=np.full(shape, np.nan), where=number > 0)
    mean = codes(steps_of(average, to_db(average)), low)
    texts: dict[str | int, str] = {"mean": packed(mean)}
    texts |= {date: packed(difference(codes(of_date, low), mean)) for date, of_date in enumerate(steps)}
    stretch = (quantile(counts, 0.05), quantile(counts, 0.95)) if counts.any() else None
    return Images(low, stretch, texts, lost)


def quantile(counts: np.ndarray, q: float) -> float:
    """A quantile in dB, rounded to 0.1."""
    return round(histogram.FINE_DB.quantile(counts, q), 1)


def steps_of(power: np.ndarray, db: np.ndarray) -> np.ndarray:
    """Linear power, with its dB values, in int16 steps of 0.25 dB from 0 dB; UNSEEN if NaN, LEAST if not positive."""
    steps = np.clip(np.nan_to_num(np.round(db / STEP), nan=LEAST), LEAST, -LEAST)
    return np.where(np.isfinite(power), steps, UNSEEN).astype(np.int16)


def codes(steps: np.ndarray, low: float) -> np.ndarray:
    """The bytes for steps; 0 where UNSEEN. Values outside the 63.5 dB above `low` (dB) are clipped to its ends."""
    above = np.clip(steps.astype(np.int32) - round(low / STEP), 0, LEVELS - 1)
    return np.where(steps == UNSEEN, 0, 1 + above).astype("u1")


def difference(image: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The difference of a date's bytes from those of the mean image, 1..255; 0 where the date has no data."""
    apart = (image.astype("i2") - base) % LEVELS + 1
    return np.where(image == 0, 0, apart).astype("u1")


def packed(values: np.ndarray) -> str:
    """Deflated bytes as base64 text. Only runs are matched: speckle has no other repetition, and it is 10 x faster."""
    deflate = zlib.compressobj(level=9, strategy=zlib.Z_RLE)
    return base64.b64encode(deflate.compress(values.tobytes()) + deflate.flush()).decode()
