"""The images of a stack as a page carries them: cells averaged in power, a byte each, as text.

A cell is the mean of looks x looks samples in linear power; its byte is 0 where no sample counts, else 1 + the number
of steps of 0.25 dB above the term's `low`. A date travels as the difference of its bytes from those of the term's mean
image (modulo 255, plus 1), deflated, in base64: differences are small, and small numbers deflate well.
"""

import base64
import functools
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gcov import histogram, store
from gcov.errors import GcovError
from gcov.radiometry import counted, to_db

STEP = 0.25  # dB; rounding to it moves a value by 0.125 dB at most, a tenth of the speckle
LEVELS = 255  # bytes that are values
FOOT = 2.0  # dB of room below the lowest quantile, for what users average
FEWEST_BITS = 2  # a cell takes more than this, however smooth the images: which numbers of looks are worth a try
LARGEST = 4_000_000  # cells that a browser paints in a tenth of a second
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Images:
    """The images of a term as text: one that all dates differ from ("mean"), and each date by its number.

    `stretch` are the 5 and 95 % quantiles of all cells of all dates, dB; None where no cell is positive.
    """

    low: float  # dB of byte 1
    stretch: tuple[float, float] | None
    texts: dict[str | int, str]


def cells(data: xr.Dataset, term: str, date: int, *, looks: int, valid_samples_only: bool) -> np.ndarray:
    """A date's image averaged over looks x looks samples: (rows, columns) linear power float32, NaN where none counts.

    The last row and column of cells may hold fewer samples.
    """
    image = data.isel(time=slice(date, date + 1))
    parts = []
    for region in store.regions(image, rows=looks * math.ceil(store.CHUNK / looks)):
        block = image.isel(region)
        power, mask = store.samples(block, term)[0], store.mask_of(block, term)[0]
        use = counted(power, mask, valid_samples_only=valid_samples_only)
        totals, numbers = (
            summed(values, looks) for values in (np.where(use, power, np.float32(0)), use.astype(np.float32))
        )
        parts.append(np.divide(totals, numbers, out=np.full_like(totals, np.nan), where=numbers > 0))
    return np.concatenate(parts)


def summed(values: np.ndarray, looks: int) -> np.ndarray:
    """Sums over looks x looks values of an array (ny, nx), fewer at its ends."""
    ny, nx = values.shape
    whole = np.pad(values, ((0, -ny % looks), (0, -nx % looks)))
    rows = functools.reduce(np.add, (whole[n::looks] for n in range(looks)))
    return functools.reduce(np.add, (rows[:, n::looks] for n in range(looks)))


def smallest_looks(data: xr.Dataset, terms: int, room: float) -> int:
    """The fewest looks a side with which the images of so many terms might fit into `room` bytes of text."""
    bits = room * 3 / 4 * 8  # base64 makes four bytes of three
    most = min(bits / FEWEST_BITS / (data.sizes["time"] * terms), LARGEST)
    return math.ceil(math.sqrt(data.sizes["y"] * data.sizes["x"] / most))


def encoded(
    data: xr.Dataset, terms: Sequence[str], *, room: float, valid_samples_only: bool
) -> tuple[int, dict[str, Images]]:
    """The fewest looks with which the images of some terms are within `room` bytes, and these images.

    Raises GcovError if not even one cell a date is.
    """
    largest = max(data.sizes["y"], data.sizes["x"])
    for looks in range(smallest_looks(data, len(terms), room) if room > 0 else largest, largest + 1):
        images: dict[str, Images] = {}
        left = room
        for term in terms:
            found = encoded_term(data, term, looks=looks, room=left, valid_samples_only=valid_samples_only)
            if found is None:
                break
            images[term], left = found, left - sum(map(len, found.texts.values()))
        else:
            return looks, images
    raise GcovError(f"explore_megabytes: too few for a page of {data.sizes['time']} dates; give it more, or null")


def encoded_term(data: xr.Dataset, term: str, *, looks: int, room: float, valid_samples_only: bool) -> Images | None:
    """A term's images in cells of looks x looks samples; None as soon as they need more than `room` bytes.

    Two passes over the dates: what they all differ from, then each one. One date is held at a time.
    """

    def powers() -> Iterator[np.ndarray]:
        for date in range(data.sizes["time"]):
            yield cells(data, term, date, looks=looks, valid_samples_only=valid_samples_only)

    shape = tuple(-(-data.sizes[axis] // looks) for axis in ("y", "x"))
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
    """A quantile in dB, to a tenth."""
    return round(histogram.FINE_DB.quantile(counts, q), 1)


def codes(power: np.ndarray, low: float) -> np.ndarray:
    """The bytes of linear power; 0 where NaN. What is beyond the 63.5 dB above `low` is at an end, as is 0."""
    steps = np.nan_to_num(np.round((to_db(power) - low) / STEP), nan=0)
    return np.where(np.isfinite(power), 1 + np.clip(steps, 0, LEVELS - 1), 0).astype("u1")


def difference(image: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The bytes of a date less those of the mean image, 1..255; 0 where the date has none."""
    apart = (image.astype("i2") - base) % LEVELS + 1
    return np.where(image == 0, 0, apart).astype("u1")


def packed(values: np.ndarray) -> str:
    """Bytes deflated, as text. Runs are all that repeats in speckle: looking for more costs ten times the time."""
    deflate = zlib.compressobj(level=9, strategy=zlib.Z_RLE)
    return base64.b64encode(deflate.compress(values.tobytes()) + deflate.flush()).decode()
