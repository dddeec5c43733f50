"""Change between two periods with a known false-alarm rate, on blocks of images.

Power is linear gamma0, NaN where a cell does not count. Without change, the samples of a pixel are gamma distributed
with one mean; the shape parameter is `looks`, the equivalent number of looks of each date's image. A p-value is the
probability that speckle alone makes a difference at least as large as the observed one. Each pixel is tested on its own
valid dates: those on which its power has a logarithm. The ratio of the means of two periods follows an F distribution
exactly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtr, fdtrc

from gcov.analysis.maps import NO_DATA
from gcov.analysis.steps import step_p, step_se_db, testable

ROWS = 128  # rows processed at once


@dataclass(frozen=True)
class Period:
    """The mean of each pixel over a period; all arrays (y, x).

    `mean` is linear power, NaN where no date is valid. `looks` is the sum of looks over the valid dates, and `dates`
    is their number.
    """

    mean: np.ndarray
    looks: np.ndarray
    dates: np.ndarray


def period(power: np.ndarray, looks: np.ndarray) -> Period:
    """The mean of linear power (time, y, x), weighted by the looks (time,) of the dates for least variance."""
    valid = testable(power)
    # einsum, because BLAS threads would occupy a second core and wait for each other
    total = np.einsum("t,tyx->yx", looks, np.where(valid, power, power.dtype.type(0)))
    weight = np.einsum("t,tyx->yx", looks, valid)
    mean = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)
    return Period(mean, weight, valid.sum(axis=0))


def ratio_test(before: Period, after: Period, scale: np.ndarray | float = 1) -> tuple[np.ndarray, np.ndarray]:
    """The change between two periods in dB, and the probability that speckle alone makes one at least as large.

    Both are (y, x), NaN where a period has no valid date. Without change, the ratio of the means is distributed as
    F(2 L_after, 2 L_before), which is asymmetric if the looks differ; p = 2 min(P, 1 - P). `scale` (y, x) multiplies
    the looks.
    """
    tested = (before.mean > 0) & (after.mean > 0)
    log_ratio, p = np.full((2, *tested.shape), np.nan)
    ratio = after.mean[tested] / before.mean[tested]
    scale = np.broadcast_to(scale, tested.shape)[tested]
    freedom = 2 * scale * after.looks[tested], 2 * scale * before.looks[tested]
    tail = np.where(ratio > 1, fdtrc(*freedom, ratio), fdtr(*freedom, ratio))  # the smaller tail, at full precision
    log_ratio[tested] = 10 * np.log10(ratio)
    p[tested] = 2 * np.minimum(tail, 1 - tail)
    return log_ratio, p


def direction(log_ratio: np.ndarray, p: np.ndarray, significance: float) -> np.ndarray:
    """1 where backscatter rose, -1 where it fell, 0 where not significant; int8, NO_DATA where not tested."""
    change = np.where(p < significance, np.sign(np.nan_to_num(log_ratio)), 0)
    return np.where(np.isfinite(p), change, NO_DATA).astype(np.int8)


def significant_after_bh(p: np.ndarray, tested: int, significance: float) -> int:
    """The number of `tested` pixels that are significant by the procedure of Benjamini and Hochberg (1995).

    At most the fraction `significance` of them is expected to be false. `p` (n,) must include every probability below
    `significance`; larger ones are never significant.
    """
    ranks = np.flatnonzero(np.sort(p) * tested <= significance * np.arange(1, p.size + 1))
    return int(ranks[-1]) + 1 if ranks.size else 0


@dataclass(frozen=True)
class Change:
    """The change between two periods; arrays (y, x)."""

    log_ratio_db: np.ndarray  # float32; NaN where not tested
    se_db: np.ndarray  # float32: its standard error due to speckle; NaN where not tested
    p_value: np.ndarray  # float32, for no change; NaN where not tested
    change: np.ndarray  # int8: 1 rose, -1 fell, 0 not significant, NO_DATA where not tested
    n_before: np.ndarray  # uint16: number of valid dates
    n_after: np.ndarray


def change_between(
    power: np.ndarray,
    looks: np.ndarray,
    before: int,
    significance: float,
    *,
    share: np.ndarray | None = None,
    inflation: float = 1,
    min_change_db: float = 0,
) -> Change:
    """The change between the first `before` dates of a block and the others: power (time, y, x), looks (time,).

    `share` (y, x) is the share of the looks that texture leaves a cell, and `inflation` that of the variance of the
    ratio by shared speckle, which counts from 1. A change is significant if the data are improbable for every true
    change of at most `min_change_db`.
    """
    shape = power.shape[1:]
    ratio, error, p = np.empty((3, *shape), np.float32)
    n_before, n_after = np.empty((2, *shape), np.uint16)
    maps = Change(ratio, error, p, np.empty(shape, np.int8), n_before, n_after)
    for row in range(0, shape[0], ROWS):
        rows = slice(row, row + ROWS)
        one, other = (period(power[part, rows], looks[part]) for part in (slice(before), slice(before, None)))
        texture = 1.0 if share is None else share[rows]
        log_ratio, p_value = ratio_test(one, other, texture / max(inflation, 1))
        own = one.looks * texture, other.looks * texture
        beyond = step_p(log_ratio, *own, inflation, min_change_db) if min_change_db else p_value
        own_error = np.where(np.isfinite(p_value), step_se_db(*own, inflation), np.nan)
        found = log_ratio, own_error, p_value, direction(log_ratio, beyond, significance), one.dates, other.dates
        for whole, part in zip(vars(maps).values(), found):
            whole[rows] = part
    return maps
