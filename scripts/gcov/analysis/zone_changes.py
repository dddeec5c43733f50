"""Change of zones: the tests of the maps, on the mean of a zone, one term at a time.

Speckle averages out in a zone, and the gain of the instrument from date to date does not. It is common to all terms, so
tests of several terms together would find too much change. Means are linear gamma0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from gcov.analysis.history import Dates, Rule, changes_of_series
from gcov.analysis.selection import usable
from gcov.analysis.shared import inflation
from gcov.analysis.steps import step_p, step_se_db
from gcov.stores.radiometry import DB, to_db

HISTORY = "history"  # in zone_changes.csv, in place of the name of a change


def dates_tested(rows: pd.DataFrame, use: np.ndarray, min_valid_fraction: float) -> np.ndarray:
    """True (dates,) where a zone has enough samples, and a mean with an error, by its `rows` of zones.csv.

    `use` is True for dates that the tests of the whole area use, too.
    """
    known = np.isfinite(rows["se_db"]) & (rows["mean_power"] > 0)
    return use & usable(rows, min_valid_fraction) & known.to_numpy()


def steps_in_common(table: pd.DataFrame, zones: int) -> Iterator[str]:
    """A warning for each change of a term that more than half of three or more zones show at once, in one direction."""
    found = table[table["changed"].fillna(0) != 0]
    for (change, term, end, _), rows in found.groupby(["change", "term", "end", "changed"]):
        direction = "rose" if rows["changed"].iloc[0] > 0 else "fell"
        if zones > 2 and len(rows) > zones / 2:
            yield (
                f"{term}, {change}: {len(rows)} of {zones} zones {direction} by {end:%Y-%m-%d}:"
                " such a step may be the instrument, rain or the season: set change_reference"
            )


@dataclass(frozen=True)
class Step:
    """The difference between two groups of dates, given as indices; NaN, and `changed` None, if one is empty."""

    before: np.ndarray
    after: np.ndarray
    before_db: float  # mean, weighted by the looks
    after_db: float
    step_db: float
    se_db: float
    p: float
    changed: int | None  # 1 rose, -1 fell, 0 not significant


@dataclass(frozen=True)
class ZoneSeries:
    """The mean of a zone on its usable dates: arrays (dates,), for one term."""

    power: np.ndarray  # linear, positive
    looks: np.ndarray  # equivalent number of looks of the mean, by speckle and gain together
    correlated: np.ndarray  # (dates, dates), of the deviations by both

    @classmethod
    def of(cls, power: np.ndarray, se_db: np.ndarray, gain_se_db: np.ndarray, correlated: np.ndarray) -> "ZoneSeries":
        """From errors in dB due to speckle and to the gain (dates,); `correlated` (dates, dates) is that of speckle.

        The gains of dates are independent.
        """
        speckle, gain = se_db / DB, gain_se_db / DB
        variance = speckle**2 + gain**2
        both = correlated * np.outer(speckle, speckle) + np.diag(gain**2)
        return cls(power, 1 / variance, both / np.sqrt(np.outer(variance, variance)))

    def step(self, before: np.ndarray, after: np.ndarray, rule: Rule) -> Step:
        """The step between two groups of dates: its probability is that of `steps.step_p`."""
        means = np.array([self._mean(before), self._mean(after)])
        before_db, after_db = to_db(means)
        if np.isnan(means).any():
            return Step(before, after, before_db, after_db, np.nan, np.nan, np.nan, None)
        dates, looks = np.append(before, after), (self.looks[before].sum(), self.looks[after].sum())
        shared = inflation(
            self.correlated[np.ix_(dates, dates)], self.looks[dates], np.arange(dates.size) < before.size
        )
        step, error = after_db - before_db, float(step_se_db(*looks, inflation=shared))
        p = float(step_p(step, *looks, inflation=shared, min_change_db=rule.min_change_db))
        changed = int(np.sign(step)) if p < rule.significance else 0
        return Step(before, after, before_db, after_db, step, error, p, changed)

    def history(self, rule: Rule) -> Iterator[Step]:
        """A step for each change found, from the mean of the dates since the last one to that of those until the next.

        `p` is the larger of that of the step and that of no change on any date: a change counts if both are below the
        significance.
        """
        no_change, found = changes_of_series(
            self.power, Dates({"": self.looks}, {"": self.correlated}), rule.significance
        )
        bounds = [0, *found, len(self.power)]
        for before, after in pairwise(np.arange(start, end) for start, end in pairwise(bounds)):
            step = self.step(before, after, rule)
            yield replace(step, p=max(step.p, no_change))

    def _mean(self, dates: np.ndarray) -> float:
        """The mean of some dates, weighted by their looks; NaN without a date."""
        return float(np.average(self.power[dates], weights=self.looks[dates])) if dates.size else np.nan
