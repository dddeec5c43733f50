"""Two releases of one acquisition, compared sample by sample: the same echoes, so that neither speckle nor the ground
differs, but the processing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gcov.analysis.zonal import in_zones
from gcov.errors import GcovError
from gcov.inputs.zones_on_grid import Zone
from gcov.stores import echoes, facts, store
from gcov.stores.grid import lattice_difference
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack
from gcov.stores.store import Fragment

COLUMNS = (
    "zone", "time", "term", "from_granule", "to_granule", "from_crid", "to_crid", "from_maturity", "to_maturity",
    "from_n_valid", "to_n_valid", "n_valid", "from_db", "to_db", "step_db", "spread_db",
)  # fmt: skip


@dataclass
class Sums:
    """Of an area, by release: the samples that count, and the power (linear) of those that count in both releases."""

    valid: np.ndarray = field(default_factory=lambda: np.zeros(2, int))
    total: np.ndarray = field(default_factory=lambda: np.zeros(2))
    n: int = 0
    ratios: np.ndarray = field(default_factory=lambda: np.zeros(3))  # number, sum, sum of squares of samples' dB steps

    def add(self, power: Sequence[np.ndarray]) -> None:
        """Add samples: for each release (n,) linear power, NaN where it does not count."""
        counts = np.isfinite(power)
        both = counts.all(axis=0)
        older, newer = (samples[both].astype(np.float64) for samples in power)
        self.valid += counts.sum(axis=1)
        self.n += int(both.sum())
        self.total += older.sum(), newer.sum()
        positive = (older > 0) & (newer > 0)
        steps = to_db(newer[positive] / older[positive])
        self.ratios += steps.size, steps.sum(), steps @ steps

    def row(self) -> dict[str, float]:
        """The numbers of a row of the table."""
        with np.errstate(invalid="ignore"):
            from_db, to = to_db(self.total / self.n)
            number, mean, squares = self.ratios / [1, self.ratios[0], self.ratios[0]]
            spread = np.sqrt(max(squares - mean**2, 0)) if number else np.nan
        valid = {"from_n_valid": self.valid[0], "to_n_valid": self.valid[1], "n_valid": self.n}
        return {**valid, "from_db": from_db, "to_db": to, "step_db": to - from_db, "spread_db": spread}


def compared(
    older: Fragment, newer: Fragment, terms: Sequence[str], zones: Sequence[Zone], counting: Mapping[str, Any]
) -> pd.DataFrame:
    """One row per zone and term, with COLUMNS: the mean of the newer release over that of the older one, in dB.

    Means are over the `n_valid` samples that count in both, in linear power; empty if there are none. spread_db is the
    standard deviation of the samples' own steps: 0 where all are multiplied by one factor. Raises GcovError if the
    grids differ. `counting` are the settings of `Stack`.
    """
    stacks = [_opened(fragment, terms, counting) for fragment in (older, newer)]
    if difference := lattice_difference(*(stack.data for stack in stacks)):
        pair = f"{newer.granule.name} cannot be compared with {older.granule.name}"
        raise GcovError(f"{pair}: {difference}. Nothing is resampled here")
    names = {"time": newer.granule.start}
    for which, one in (("from", older.granule), ("to", newer.granule)):
        names |= {f"{which}_granule": one.name, f"{which}_crid": one.crid, f"{which}_maturity": one.maturity}
    rows = []
    for term in terms:
        sums = [Sums() for _ in zones]
        for region in store.regions(stacks[0].data):
            power = [stack.power(term, region)[0] for stack in stacks]
            for number, samples in in_zones(zones, region["y"], power):
                sums[number].add(samples)
        rows += [{"zone": zone.name, "term": term, **names, **one.row()} for zone, one in zip(zones, sums)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _opened(fragment: Fragment, terms: Sequence[str], counting: Mapping[str, Any]) -> Stack:
    """A fragment as a stack of one date, with what a stack states of its dates."""
    data = store.open_store(fragment.path).assign_coords(facts.coordinates([[fragment]], terms))
    data.attrs = echoes.gathered([[fragment.attributes]])
    return Stack(data, **counting)
