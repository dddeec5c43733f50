"""Counts in equal bins, and quantiles computed from them.

np.quantile and similar functions need all samples at once: 2 GB for 100 dates of 5 megapixels. Memory must not grow
with the number of dates, so samples are counted here in fine bins, which give both quantiles and histograms.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Bins:
    """`number` equal bins on [low, high]; the last one includes its upper edge."""

    low: float
    high: float
    number: int

    @property
    def edges(self) -> np.ndarray:
        """The edges (number + 1,)."""
        return np.linspace(self.low, self.high, self.number + 1)

    def count(self, values: np.ndarray) -> np.ndarray:
        """Counts (number,) of values (n,), like np.histogram; values outside the bins are left out.

        Ten times faster than np.histogram on float32. A value within rounding error of an edge may go to either side.
        """
        inside = values[(values >= self.low) & (values <= self.high)]
        index = ((inside - self.low) * (self.number / (self.high - self.low))).astype(np.int32)
        return np.bincount(np.minimum(index, self.number - 1), minlength=self.number)

    def quantile(self, counts: np.ndarray, q: float) -> float:
        """The q-quantile (like np.quantile) of values counted in these bins, accurate to half a bin; NaN if empty."""
        total = int(counts.sum())
        if total == 0:
            return float("nan")
        # between the two samples next to the quantile, each in the middle of its bin
        position = q * (total - 1)
        neighbours = np.array([np.floor(position), np.ceil(position)])
        middles = np.searchsorted(np.cumsum(counts), neighbours, side="right") + 0.5
        return float(self.low + (self.high - self.low) / self.number * np.interp(position % 1, [0, 1], middles))

    def table(self, counts: np.ndarray) -> pd.DataFrame:
        """One row per bin: bin_left and bin_right (text with six significant digits), count."""
        edges = [f"{edge:.6g}" for edge in self.edges]
        return pd.DataFrame({"bin_left": edges[:-1], "bin_right": edges[1:], "count": counts})


POWER = Bins(0.0, 2.0, 500)  # histogram_power
DB = Bins(-40.0, 20.0, 50)  # histogram_db
FINE_DB = Bins(-200.0, 100.0, 30_000)  # 0.01 dB wide; covers meaningless values where mask is 0, and corner reflectors
PER_DB = round(FINE_DB.number / (FINE_DB.high - FINE_DB.low))


def count_db(db: np.ndarray) -> np.ndarray:
    """Counts (30000,) in FINE_DB of dB values (n,) without NaN; values beyond go into the first or the last bin."""
    # counted from 0 dB, so that float32 rounding shifts an edge by no more than a millionth of a dB
    index = np.floor(db * PER_DB).astype(np.int32) - round(FINE_DB.low * PER_DB)
    index -= db == DB.high  # the last bin of a histogram includes its upper edge
    return np.bincount(np.clip(index, 0, FINE_DB.number - 1), minlength=FINE_DB.number)


def coarse_db(counts: np.ndarray) -> np.ndarray:
    """Counts (50,) in DB from counts (30000,) in FINE_DB."""
    first, last = (round((edge - FINE_DB.low) * PER_DB) for edge in (DB.low, DB.high))
    return counts[first:last].reshape(DB.number, -1).sum(axis=1)


def quarter_db(counts: np.ndarray) -> np.ndarray:
    """Counts (1200,) in bins of 0.25 dB from counts (30000,) in FINE_DB."""
    return counts.reshape(-1, PER_DB // 4).sum(axis=1)
