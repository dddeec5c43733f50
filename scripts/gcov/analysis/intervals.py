"""The intervals between the dates of a series: the area that changed in each, and the times of changes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gcov.analysis.maps import NEVER


def times_of(index: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Times (datetime64[s]) for date indices of any shape into `times` (dates,); NaT for NEVER."""
    return np.where(index == NEVER, np.datetime64("NaT", "s"), times[index])


class ChangedArea:
    """The area where backscatter rose and where it fell, by term and interval, summed over parts of an image."""

    def __init__(self, cell_km2: float, terms: Sequence[str], times: np.ndarray):
        self._cell_km2, self._terms, self._times = cell_km2, terms, times
        self._cells = np.zeros((2, len(terms), max(len(times) - 1, 0)), int)

    def add(self, direction: np.ndarray) -> None:
        """Add a part: `direction` (term, interval, y, x) is 1 where backscatter rose, -1 where it fell."""
        for cells, sign in zip(self._cells, (1, -1)):
            for place in np.ndindex(*cells.shape):
                cells[place] += np.count_nonzero(direction[place] == sign)

    def table(self) -> pd.DataFrame:
        """One row per term and interval: start, end (dates before and after), up_km2, down_km2."""
        number = self._cells.shape[-1]
        up, down = (self._cells * self._cell_km2).round(6)
        return pd.DataFrame(
            {
                "term": np.repeat(self._terms, number),
                "start": np.tile(self._times[:-1], len(self._terms)),
                "end": np.tile(self._times[1:], len(self._terms)),
                "up_km2": up.ravel(),
                "down_km2": down.ravel(),
            }
        )
