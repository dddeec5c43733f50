"""Two periods of a stack: which dates they hold, and what a map of the change between them adds up to."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from gcov.analysis import releases
from gcov.analysis.change import significant_after_bh
from gcov.errors import GcovError
from gcov.store import Date


def dates_of(series: pd.DataFrame, use: np.ndarray, days: Sequence[str], name: str) -> np.ndarray:
    """Indices of the usable dates (`use`, by row of mean_series.csv) from the first of `days` to the end of the last.

    Raises GcovError, with the dates there are, where the period called `name` has none.
    """
    first, last = (pd.Timestamp(date.fromisoformat(day)) for day in days)
    inside = (series["time"] >= first) & (series["time"] < last + timedelta(days=1))
    if not (inside & use).any():
        there = ", ".join(f"{time:%Y-%m-%d}" for time in series["time"][use])
        raise GcovError(f"{name}: no usable date from {days[0]} to {days[1]}; usable are {there or 'none'}")
    return np.flatnonzero(inside & use)


def facts(dates: Sequence[Date], before: np.ndarray, after: np.ndarray, looks: np.ndarray) -> dict[str, Any]:
    """What is to be said of two periods: their dates, the looks of all of them added up, their processing."""
    said: dict[str, Any] = {}
    sides = {"before": [dates[index] for index in before], "after": [dates[index] for index in after]}
    for (name, members), chosen in zip(sides.items(), (before, after)):
        said[f"dates_{name}"] = [member.time for member in members]
        said[f"looks_{name}"] = float(looks[chosen].sum())
        for key, fact in (("maturities", "maturity"), ("crids", "crid")):
            said[f"{key}_{name}"] = sorted(releases.count(members, fact))
    return {**said, "warning": releases.between_periods(**sides)}


class Tally:
    """Pixels that changed, their area and the false alarms among them, counted part by part of a map."""

    def __init__(self, cell_km2: float, significance: float):
        self._cell_km2, self._significance = cell_km2, significance
        self._pixels, self._up, self._down = 0, 0, 0
        self._low = [np.empty(0, np.float32)]  # the probabilities that may count

    def add(self, change: np.ndarray, p: np.ndarray) -> None:
        """Add a part of the map: `change` (y, x) is 1, -1 or 0, `p` its probability, NaN where there is no test."""
        self._pixels += int(np.isfinite(p).sum())
        self._low.append(p[p < self._significance])
        self._up += int(np.count_nonzero(change == 1))
        self._down += int(np.count_nonzero(change == -1))

    def summary(self) -> dict[str, float]:
        """Numbers of pixels (cells of `multilook` samples a side), and their area."""
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
