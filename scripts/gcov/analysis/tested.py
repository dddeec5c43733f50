"""The blocks of a stack as the change tests use them: whole cells, corrected by a reference, over texture."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gcov.analysis import cube, looks
from gcov.analysis.assumed import Assumed, Subsample
from gcov.analysis.reference import Gain, Reference
from gcov.stores.stack import Stack

if TYPE_CHECKING:  # imports geopandas, needed with a reference only
    from gcov.inputs.zones_on_grid import Zone

SHARES = 100_000  # cells for the median of their shares


@dataclass(frozen=True)
class Tested:
    """A part of the multilooked grid: power (time, y, x) by term, and the share (y, x) of a cell's looks."""

    region: dict[str, slice]
    power: dict[str, np.ndarray]
    share: dict[str, np.ndarray]


class Cells:
    """Reads a stack for a test, and keeps what the test must state of it."""

    def __init__(
        self,
        stack: Stack,
        assumed: Mapping[str, Assumed],
        reference: "Zone | None",
        *,
        dates: np.ndarray,
        multilook: int,
    ):
        """`assumed` are the terms' dates among `dates`; `reference` is a zone on the multilooked grid."""
        self._stack, self._assumed = stack, assumed
        self._options: dict[str, Any] = {"dates": dates, "multilook": multilook}
        self.grid = cube.multilooked_grid(stack.data, multilook)
        self.shape = self.grid.sizes["y"], self.grid.sizes["x"]
        self.gains: dict[str, Gain] = {}
        self.warnings = [looks.caution(one.entries, term) for term, one in assumed.items()]
        if reference:
            known = Reference(stack, reference, **self._options)
            for term, one in assumed.items():
                self.gains[term], small = known.gain(one)
                self.warnings.append(small)
        self._counts = cube.Counts(list(assumed), len(dates))
        self._subsample = Subsample(self.shape, SHARES)
        self._shares: dict[str, list[np.ndarray]] = {term: [] for term in assumed}

    def __iter__(self) -> Iterator[Tested]:
        """The blocks; the next one overwrites the arrays."""
        use = {term: one.use for term, one in self._assumed.items()}
        for block in cube.blocks(self._stack, use, whole_cells=True, counts=self._counts, **self._options):
            share = {term: one.looks_share(block).astype(np.float32) for term, one in self._assumed.items()}
            for term, values in share.items():
                self._shares[term].append(self._subsample.of(block.region, values))
            for term, gain in self.gains.items():
                factors = 10 ** (-gain.gain_db / 10)
                block.power[term][:] *= factors.astype(np.float32)[:, None, None]
            yield Tested(block.region, block.power, share)

    def facts(self) -> dict[str, Any]:
        """What a result states of the cells and their looks, by term; after all blocks have been read."""
        shares = {term: np.concatenate(parts) for term, parts in self._shares.items()}
        medians = {term: np.nanmedian(of) if np.isfinite(of).any() else np.nan for term, of in shares.items()}
        found = {
            "speckle": {term: one.facts() for term, one in self._assumed.items()},
            "looks_share_median": {term: round(float(value), 4) for term, value in medians.items()},
            **self._counts.facts(),
        }
        for name in Gain._fields if self.gains else ():
            found[name] = {term: np.round(getattr(gain, name), 4).tolist() for term, gain in self.gains.items()}
        return found
