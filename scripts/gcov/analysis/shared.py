"""Dates that share speckle: how coherent ground correlates the speckle of a series, and what that does to tests.

Half the variance of the log-ratio of two dates is psi1(L) if their speckle is independent, and less if they share some.
It then rises with the time between the dates, and the rise ends where the speckle is forgotten. A season that differs
between fields also raises it, but slowly and without end, and must not count as shared speckle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

REPEAT = 12  # days between passes of one track
LAGS = (*range(1, 11), 14, 20, 28)  # repeats between the dates that are compared
ENDED = 1.02  # the rise has ended where the next lag is at most this many times as large
STRIP = 8192  # pixels at a time
LONG = 10  # repeats; correlations of lags between measured ones are interpolated linearly from here on


@dataclass(frozen=True)
class Shared:
    """Half the variance of log-ratios of independent dates, and the correlation of speckle 1, 2, ... repeats apart.

    Correlations end with the rise; speckle further apart is independent.
    """

    half_variance: float  # psi1 of the looks
    rho: tuple[float, ...]
    lags: tuple[int, ...]  # the repeats whose pairs of dates show `half_variance`


def lag_of(days: np.ndarray | float) -> np.ndarray:
    """The distance of dates in repeats, at least 1, from that in days."""
    return np.maximum(np.rint(np.abs(days) / REPEAT).astype(int), 1)


def shared_speckle(half_variance: Mapping[int, float]) -> Shared:
    """The speckle that dates share, from half the variance of their log-ratios by lag (repeats).

    The rise ends at the first lag whose successor is at most 1.02 times as large. If that is the first lag, speckle is
    independent. Otherwise the two lags after it show the variance of independent dates; without such a lag, the last.
    """
    lags = sorted(half_variance)
    values = np.array([half_variance[lag] for lag in lags])
    flat = np.flatnonzero(values[1:] <= ENDED * values[:-1])
    end = int(flat[0]) if flat.size else len(lags) - 1
    if end == 0:
        return Shared(float(values[0]), (), (lags[0],))
    later = slice(end + 1, end + 3) if flat.size else slice(-1, None)
    independent = values[later].mean()
    rho = np.minimum.accumulate(np.maximum(1 - values[: end + 1] / independent, 0))
    return Shared(float(independent), _between(lags[: end + 1], rho), tuple(lags[later]))


def _between(lags: Sequence[int], rho: np.ndarray) -> tuple[float, ...]:
    """The correlation of every lag up to the last measured one: geometric between neighbours, linear from lag 10 on."""
    every, known, values = np.arange(1, lags[-1] + 1), np.array([0, *lags]), np.array([1.0, *rho])
    with np.errstate(divide="ignore"):
        geometric = np.exp(np.interp(every, known, np.maximum(np.log(values), -700)))
    filled = np.where(every < LONG, geometric, np.interp(every, known, values))
    filled[np.array(lags) - 1] = rho
    return tuple(map(float, filled))


def correlation(days: np.ndarray, codes: Sequence[str], rho: Mapping[str, Sequence[float]]) -> np.ndarray:
    """The correlation R (dates, dates) of the speckle of dates: `days` (dates,) since any day, `rho` by code.

    Two dates of different polarization codes share the geometric mean of what each code shares.
    """
    lags = lag_of(days[:, None] - days)
    roots = {code: np.sqrt([0.0, *rho[code]]) for code in set(codes)}
    found = np.ones(lags.shape)
    for code, root in roots.items():
        reach = np.where(lags < len(root), root[np.minimum(lags, len(root) - 1)], 0)
        mine = np.array([one == code for one in codes])
        found *= np.where(mine[:, None], reach, 1) * np.where(mine, reach, 1)
    np.fill_diagonal(found, 1)
    return found


def of_dates(times: np.ndarray, codes: Sequence[str | None], entries: Mapping[str, Mapping]) -> np.ndarray:
    """The correlation R (dates, dates) of the speckle of dates, from their times (datetime64) and polarization codes.

    `entries` are those of looks.json by code; dates without a code share nothing.
    """
    days = times.astype("datetime64[s]").astype(np.int64) / 86_400
    rho = {code: entry.get("shared", ()) for code, entry in entries.items()}
    return correlation(days, [code or "" for code in codes], {"": (), **rho})


def box(correlations: Sequence[np.ndarray], looks: Sequence[np.ndarray]) -> tuple[float, float]:
    """Scale a and degrees nu of the omnibus statistic over terms: it is distributed as a chi2(nu) (Box 1954).

    `correlations` (dates, dates) and `looks` (dates,) are those of each term's dates. Without shared speckle, a is
    1 and nu the number of dates less one, summed over the terms.
    """
    first = second = 0.0
    for correlated, of_dates in zip(correlations, looks):
        root = np.sqrt(of_dates / of_dates.sum())
        centred = np.eye(len(root)) - np.outer(root, root)
        spread = centred @ correlated @ centred
        first, second = first + np.trace(spread), second + np.sum(spread * spread)
    return second / first, first**2 / second


def inflation(correlated: np.ndarray, looks: np.ndarray, before: np.ndarray) -> float:
    """How much shared speckle increases the variance of the log-ratio of two periods.

    `correlated` (dates, dates) and `looks` (dates,) are those of all dates of both; `before` (dates,) is True in the
    first period. Below 1, the periods share speckle with each other.
    """
    weights = np.where(before, -looks / looks[before].sum(), looks / looks[~before].sum()) / np.sqrt(looks)
    return float(weights @ correlated @ weights / (weights @ weights))


def variance_of_mean(correlated: np.ndarray, looks: np.ndarray, use: np.ndarray) -> np.ndarray:
    """The relative variance (pixels,) of the mean over the dates that a pixel uses: `use` (dates, pixels).

    It is sum R / sqrt(L L) / K^2 over K dates; 1 / (L K) without shared speckle and with equal looks. NaN without
    dates.
    """
    scaled = correlated / np.sqrt(np.outer(looks, looks))
    found = np.full(use.shape[1], scaled.sum() / len(looks) ** 2 if len(looks) else np.nan)
    few = np.flatnonzero(~use.all(axis=0))
    for start in range(0, few.size, STRIP):
        part = few[start : start + STRIP]
        here = use[:, part].astype(np.float64)
        with np.errstate(invalid="ignore"):
            found[part] = np.einsum("tp,tp->p", scaled @ here, here) / here.sum(axis=0) ** 2
    return found
