"""What the change tests assume of a term's dates: their looks, and the correlation of the speckle that they share."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gcov.analysis import looks
from gcov.analysis.cube import Block
from gcov.analysis.shared import of_dates, variance_of_mean
from gcov.analysis.texture import looks_share
from gcov.stores import store


@dataclass(frozen=True)
class Assumed:
    """The dates of a product, for one term: arrays (dates,), NaN on dates that do not take part."""

    term: str
    looks: np.ndarray  # of a cell
    sample_looks: np.ndarray  # of a sample
    correlated: np.ndarray  # (dates, dates), 1 on the diagonal
    entries: Mapping[str, dict]  # of looks.json, by polarization code

    @classmethod
    def of(
        cls, data: xr.Dataset, term: str, content: Mapping[str, dict], dates: np.ndarray, use: np.ndarray
    ) -> "Assumed":
        """Those of `dates` (indices into the stack's), of which the term uses `use` (dates,).

        `content` is that of looks.json.

        Raises GcovError, naming the setting `looks`, if the number of looks is unknown.
        """
        codes = store.codes_of(data, term)
        cell, sample = (
            np.where(use, looks.looks_of(content, term, codes, multilooked=several)[dates], np.nan)
            for several in (True, False)
        )
        entries = looks.entries_of(content, term, codes)
        correlated = of_dates(data["time"].values[dates], [codes[date] for date in dates], entries)
        return cls(term, cell, sample, correlated, entries)

    @property
    def use(self) -> np.ndarray:
        """True for the dates that take part."""
        return np.isfinite(self.looks)

    def looks_share(self, block: Block) -> np.ndarray:
        """The share (y, x) of a cell's looks that texture leaves it; 1 for cells of one sample, NaN without a date."""
        power = block.power[self.term]
        if self.term not in block.sums:
            return np.ones(power.shape[1:])
        whole = np.isfinite(power[self.use]).reshape(self.use.sum(), -1)
        variance = variance_of_mean(self.correlated[np.ix_(self.use, self.use)], self.sample_looks[self.use], whole)
        return looks_share(block.sums[self.term], variance.reshape(power.shape[1:]))

    def facts(self) -> dict[str, dict]:
        """Which looks were used, by polarization code: whence they come, and the speckle that dates share."""
        return {
            code: {
                "looks": entry["given"] or entry["looks"],
                "from": "configuration" if entry["given"] else "estimate",
                "coherence": entry.get("coherence"),
                "shared_repeats": len(entry.get("shared", ())),  # of 12 days, up to which dates share speckle
            }
            for code, entry in self.entries.items()
        }


class Subsample:
    """Every n-th cell of every n-th row: few enough to keep all their dates in memory, for medians over an image."""

    def __init__(self, shape: tuple[int, int], most: int):
        self.step = 1
        while -(-shape[0] // self.step) * -(-shape[1] // self.step) > most:
            self.step += 1

    def of(self, region: Mapping[str, slice], values: np.ndarray) -> np.ndarray:
        """The values (..., n) of its cells in a region of the grid; `values` are (..., y, x)."""
        rows, columns = (slice(-region[dim].start % self.step, None, self.step) for dim in ("y", "x"))
        few = values[..., rows, columns]
        return few.reshape(*few.shape[:-2], -1).copy()
