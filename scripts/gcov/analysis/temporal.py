"""Statistics of linear power over time, pixel by pixel."""

from typing import Any

import numpy as np

from gcov.cautions import NOISE_MARGIN

# Pixels at a time, so that double precision arrays stay small beside the block. Transposing would take five times as
# long for a power of two, because the dates of a pixel would share a few lines of the cache.
STRIP = 2000

MEANING = {
    "count": "dates with a sample that counts",
    "mean": "mean over time",
    "std": "standard deviation over time, n - 1 below",
    "cv": "coefficient of variation over time, std / mean",
    "excess_cv": "variation that speckle does not explain: square root of (cv^2 - 1/L) / (1 + 1/L), 0 where negative",
    "min": "minimum over time",
    "max": "maximum over time",
    "p05": "5 % percentile over time",
    "p50": "median over time",
    "p95": "95 % percentile over time",
}
TYPES = {name: "u2" if name == "count" else "f4" for name in MEANING}
OF_POWER = MEANING.keys() - {"count", "cv", "excess_cv"}
FLAGS = {"near_noise": "u1"}
UNKNOWN = 255  # in flags


def attributes(name: str) -> dict[str, Any]:
    """CF attributes of a statistic of linear power, or of a flag."""
    if name in FLAGS:
        words = f"mean over time less than {NOISE_MARGIN} dB above the mean noise floor"
        return {"long_name": words, "flag_values": [0, 1, UNKNOWN], "flag_meanings": "above_noise near_noise no_data"}
    return {"units": "1", "long_name": MEANING[name] + (", linear power" if name in OF_POWER else "")}


def near_noise(mean: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """The flag near_noise (y, x) from a mean and the noise floor, both linear power: 1, 0, or UNKNOWN."""
    near = mean < floor * 10 ** (NOISE_MARGIN / 10)
    return np.where(np.isfinite(mean) & np.isfinite(floor), near, UNKNOWN).astype(FLAGS["near_noise"])


def statistics(power: np.ndarray, looks: np.ndarray | None, speckle: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Statistics over time, (y, x) for each name in TYPES.

    `power` is (time, y, x) linear power, NaN where there is no sample; `looks` (time,) are those of the images.

    - std uses n - 1 and is NaN for a single sample; cv is std / mean.
    - p05, p50 and p95 are those of numpy.nanpercentile.
    - excess_cv is the variation that speckle does not explain: excess_cv^2 = (cv^2 - 1/L) / (1 + 1/L), or 0 where cv^2
      is less than 1/L. 1/L is the mean over the pixel's valid dates, or `speckle` (y, x). Without either, it is NaN.
    """
    dates, shape = len(power), power.shape[1:]
    series = power.reshape(dates, -1)
    found = {name: np.empty(series.shape[1], dtype) for name, dtype in TYPES.items()}
    inverse = np.full(dates, np.nan) if looks is None else 1 / np.asarray(looks, np.float64)
    known = None if speckle is None else speckle.ravel()
    for first in range(0, series.shape[1], STRIP):
        strip = slice(first, first + STRIP)
        part = None if known is None else known[strip]
        for name, values in _of_pixels(series[:, strip].copy(), inverse, part).items():
            found[name][strip] = values
    return {name: values.reshape(shape) for name, values in found.items()}


def _of_pixels(series: np.ndarray, inverse: np.ndarray, speckle: np.ndarray | None) -> dict[str, np.ndarray]:
    """The statistics of a series (time, n) of n pixels; `inverse` (time,) is 1 / looks without `speckle`."""
    missing = ~np.isfinite(series)
    count = len(series) - np.count_nonzero(missing, axis=0)
    some = np.where(count > 0, count, 1)
    wide = series.astype(np.float64)
    wide[missing] = 0
    mean = np.where(count > 0, wide.sum(axis=0) / some, np.nan)
    wide -= mean
    wide[missing] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        std = np.sqrt(np.einsum("ij,ij->j", wide, wide) / np.where(count > 1, count - 1, np.nan))
        cv = std / np.where(mean > 0, mean, np.nan)
    if speckle is None:
        speckle = (inverse.sum() - inverse @ missing) / some
    ordered = np.ascontiguousarray(series.T)
    ordered.sort(axis=1)  # NaN last
    return {
        "count": count,
        "mean": mean,
        "std": std,
        "cv": cv,
        "excess_cv": np.sqrt(np.maximum((cv**2 - speckle) / (1 + speckle), 0)),
        "min": of_sorted(ordered, count, 0),
        "max": of_sorted(ordered, count, 1),
        **{name: of_sorted(ordered, count, q) for name, q in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95))},
    }


def of_sorted(ordered: np.ndarray, count: np.ndarray, q: float) -> np.ndarray:
    """The q-quantile (n,) of the first `count` values of each row (n, m), which are sorted; NaN where count is 0.

    Values are interpolated linearly, the default of numpy.quantile.
    """
    if not ordered.shape[1]:
        return np.full(len(ordered), np.nan)
    position = q * np.maximum(count - 1, 0)
    below = np.floor(position).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = (_picked(ordered, place).astype(np.float64) for place in (below, above))
    return np.where(count > 0, low + (high - low) * (position - below), np.nan)


def _picked(ordered: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The value (n,) of each row of (n, m) at its place."""
    if (place == place[0]).all():  # usual, as no date is missing; ten times faster
        return ordered[:, place[0]]
    return np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]
