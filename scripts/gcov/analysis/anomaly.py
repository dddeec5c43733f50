"""Anomalies: how much a date differs from the same season of earlier dates. A few dates are no climatology."""

from collections.abc import Sequence

import numpy as np

from gcov.stores.radiometry import DB

SEASON = 18  # days on each side
YEAR = 365


def same_season(days: np.ndarray) -> np.ndarray:
    """True (dates, dates) where two dates (datetime64[D]) are at most 18 days apart within the year."""
    of_year = (days - days.astype("datetime64[Y]")).astype(int)
    apart = np.abs(of_year[:, None] - of_year)
    return np.minimum(apart, np.abs(YEAR - apart)) <= SEASON


def anomalies(
    times: np.ndarray, mean: np.ndarray, se_db: np.ndarray, baseline: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    """The anomaly of each date in dB and its standard error, both (dates,), from means in linear power.

    It is relative to the mean of the m dates of the same season from the first to the last day of the `baseline`,
    without the date itself; NaN if there are none. `times` are datetime64, and `se_db` the errors of the means. The
    error is sqrt(se^2 + se_b^2 + sd_b^2 / m): se_b is the error of the baseline's mean due to speckle and sd_b the
    standard deviation of its dates in dB, which is left out if m = 1.
    """
    found = np.full((2, len(times)), np.nan)
    if baseline is None:
        return found[0], found[1]
    days = times.astype("datetime64[D]")
    first, last = (np.datetime64(day) for day in baseline)
    chosen = same_season(days) & (days >= first) & (days <= last) & np.isfinite(mean)
    np.fill_diagonal(chosen, False)
    for date in np.flatnonzero(chosen.any(axis=1) & (mean > 0)):
        found[:, date] = _anomaly(mean[date], se_db[date], mean[chosen[date]], se_db[chosen[date]])
    return found[0], found[1]


def _anomaly(mean: float, se_db: float, of_baseline: np.ndarray, its_se_db: np.ndarray) -> tuple[float, float]:
    """The anomaly of a date in dB, and its standard error; NaN if the mean of the baseline is not positive."""
    number, usual = len(of_baseline), of_baseline.mean()
    if not usual > 0:
        return np.nan, np.nan
    speckle = DB / usual * np.linalg.norm(of_baseline * its_se_db / DB) / number
    spread = DB * of_baseline.std(ddof=1) / usual if number > 1 else 0
    return 10 * np.log10(mean / usual), np.sqrt(se_db**2 + speckle**2 + spread**2 / number)
