"""Two periods of a stack: the dates in each, and the totals of the change map between them."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from gcov.analysis import releases
from gcov.analysis.change import significant_after_bh
from gcov.stores.store import Date


def dates_of(series: pd.DataFrame, use: np.ndarray, days: Sequence[str]) -> np.ndarray:
    """Indices of the usable dates from the first to the last of `days`, both included; empty if there is none yet.

    `use` is True for the usable rows of mean_series.csv.
    """
    first, last = (pd.Timestamp(date.fromisoformat(day)) for day in days)
    inside = (series["time"] >= first) & (series["time"] < last + timedelta(days=1))
    return np.flatnonzero(inside & use)


def without_date(series: pd.DataFrame, use: np.ndarray, periods: Mapping[str, Sequence[str]]) -> str:
    """A warning that names the periods (first and last day) without a usable date; empty if all have one."""
    empty = [name for name, days in periods.items() if not dates_of(series, use, days).size]
    if not empty:
        return ""
    words = " and ".join(f"{name} ({' to '.join(periods[name])})" for name in empty)
    there = ", ".join(f"{time:%Y-%m-%d}" for time in series["time"][use])
    return f"nothing is tested: no usable date {words}; usable are {there or 'none'}"


def facts(dates: Sequence[Date], before: np.ndarray, after: np.ndarray, looks: np.ndarray) -> dict[str, Any]:
    """The facts about two periods: their dates, summed looks, maturities, CRIDs, and a warning if these differ.

    `before` and `after` are indices into `dates`; `looks` are those of all dates of `before`, then of `after`.
    """
    said: dict[str, Any] = {}
    sides = {"before": [dates[index] for index in before], "after": [dates[index] for index in after]}
    parts = slice(len(before)), slice(len(before), None)
    for (name, members), chosen in zip(sides.items(), parts):
        said[f"dates_{name}"] = [member.time for member in members]
        said[f"looks_{name}"] = float(looks[chosen].sum())
        for key, fact in releases.SEVERAL.items():
            said[f"{key}_{name}"] = sorted(releases.count(members, fact))
    return {**said, "warning": releases.between_periods(**sides)}


def granule_records(records: str, dates: Sequence[Date]) -> str:
    """Those of a stack's attribute granule_records that are of these dates; all if there is no date."""
    names = {name for date in dates for name in date.granule.split()}
    return json.dumps([record for record in json.loads(records) if not names or record["name"] in names])


class Tally:
    """Counts changed pixels, their area and expected false alarms, over the parts of a map."""

    def __init__(self, cell_km2: float, significance: float):
        self._cell_km2, self._significance = cell_km2, significance
        self._pixels, self._up, self._down = 0, 0, 0
        self._low = [np.empty(0, np.float32)]  # probabilities below the significance

    def add(self, change: np.ndarray, p: np.ndarray) -> None:
        """Add a part of the map: `change` (y, x) is 1, -1, 0 or NO_DATA; `p` (y, x) is NaN where not tested."""
        self._pixels += int(np.isfinite(p).sum())
        self._low.append(p[p < self._significance])
        self._up += int(np.count_nonzero(change == 1))
        self._down += int(np.count_nonzero(change == -1))

    def summary(self) -> dict[str, float]:
        """Numbers of pixels (cells of `multilook` samples on a side), and areas in km2."""
        low = np.concatenate(self._low)
        return {
            "pixels": self._pixels,
            "up": self._up,
            "down": self._down,
            "up_km2": round(self._up * self._cell_km2, 6),
            "down_km2": round(self._down * self._cell_km2, 6),
            "expected_false_alarms": self._significance * self._pixels,
            "significant_after_bh": significant_after_bh(low, self._pixels, self._significance),
        }
