"""A stack, and which of its samples count. This is the only place that knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gcov.errors import GcovError
from gcov.files import paths
from gcov.granules import FACTOR
from gcov.stores import echoes, store
from gcov.stores.echoes import Limits, Looks
from gcov.stores.provenance import provenance
from gcov.stores.radiometry import is_valid

SETTINGS = "valid_samples_only", "looks"  # those that say which samples count


class Stack:
    """A store of linear gamma0 (time, y, x), opened and checked, with the choice of the samples that count.

    A sample counts if its power is finite and, with `valid_samples_only`, if its mask is 1..254, no exception mask
    excludes it, and its echo was not lost (`gcov.stores.echoes`). `data` is the store as a Dataset.
    """

    def __init__(
        self,
        source: str | Path | xr.Dataset,
        *,
        valid_samples_only: bool,
        looks: Looks = None,
        limits: Mapping[str, Limits] | None = None,
    ):
        """`source` is the path of a store, or one that is open. Raises GcovError as `store.open_store` does.

        `looks` is the setting, for granules that do not state their number of looks. `limits` by term, if given,
        replace what the attributes of the store tell of lost echoes.
        """
        self.data = source if isinstance(source, xr.Dataset) else store.open_store(source)
        self.valid_samples_only = valid_samples_only
        self.looks = looks
        self._limits = dict(limits or {})

    def power(self, term: str, region: Mapping[str, slice] | None = None) -> np.ndarray:
        """Linear power (time, y, x) of a term, float32 as stored, NaN where a sample does not count.

        `region` has slices by dim, as from `store.regions`. Raises GcovError if the stack has no such term, or if a
        chunk cannot be decoded.
        """
        return self.power_and_lost(term, region)[0]

    def power_and_lost(
        self, term: str, region: Mapping[str, slice] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The power of `power`, and True (time, y, x) where a sample would count but for its lost echo.

        None instead if no sample is left out for that reason. Raises GcovError as `power` does.
        """
        if term not in self.data:
            raise GcovError(f"the stack has no term {term}; it holds {', '.join(store.variables_of(self.data))}")
        power = store.samples(self.data, term, region)
        counts = np.isfinite(power)
        lost = None
        if self.valid_samples_only:
            counts &= is_valid(store.mask_of(self.data, term, region))
            dates = (region or {}).get("time", slice(None))
            empty = self.limits(term)[dates].lost(power)
            if empty.any() and (empty := empty & counts).any():
                lost = empty
                counts &= ~lost
        return np.where(counts, power, np.float32(np.nan)), lost

    def limits(self, term: str) -> Limits:
        """What tells the lost echoes of a term."""
        if term not in self._limits:
            self._limits[term] = echoes.limits(self.data, term, self.looks)
        return self._limits[term]

    @property
    def has_factor(self) -> bool:
        """Whether the stack holds the factor that makes sigma0 of gamma0."""
        return FACTOR in self.data

    def factor(self, region: Mapping[str, slice] | None = None) -> np.ndarray:
        """The factor (time, y, x) by which gamma0 is multiplied, sample by sample, to get sigma0; NaN where unknown."""
        return store.samples(self.data, FACTOR, region)

    def part(self, region: Mapping[str, slice]) -> "Stack":
        """A region as a stack of its own: what its terms share, such as the mask, is decoded once."""
        dates = region.get("time", slice(None))
        limits = {term: self.limits(term)[dates] for term in store.variables_of(self.data)}
        return Stack(self.data.isel(region), valid_samples_only=self.valid_samples_only, limits=limits)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of a store that is made from the samples that count."""
        return {**self.data.attrs, "valid_samples_only": self.valid_samples_only}

    @property
    def provenance(self) -> dict[str, str]:
        """The text written into every figure and page that is made from the samples that count."""
        return provenance(Path(self.data.encoding["source"]), self.valid_samples_only)


def open_with(inputs: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The named inputs and the settings of a job, as arguments of its function.

    `stack` is opened with those settings that say which samples count; other inputs are as `files.paths` gives them.
    """
    found, others = paths(inputs), dict(settings)
    return {**found, "stack": Stack(found["stack"], **{name: others.pop(name) for name in SETTINGS}), **others}
