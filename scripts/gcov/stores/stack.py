"""A stack, and which of its samples count. This is the only place that knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gcov.errors import GcovError
from gcov.stores import store
from gcov.stores.provenance import provenance
from gcov.stores.radiometry import is_valid


class Stack:
    """A store of linear gamma0 (time, y, x), opened and checked, with the choice of the samples that count.

    A sample counts if its power is finite and, with `valid_samples_only`, if its mask is 1..254 and no exception mask
    excludes it. `data` is the store as a Dataset.
    """

    def __init__(self, source: str | Path | xr.Dataset, *, valid_samples_only: bool):
        """`source` is the path of a store, or one that is open. Raises GcovError if one of its shards is missing."""
        self.data = source if isinstance(source, xr.Dataset) else store.open_store(source)
        self.valid_samples_only = valid_samples_only

    def power(self, term: str, region: Mapping[str, slice] | None = None) -> np.ndarray:
        """Linear power (time, y, x) of a term, float32 as stored, NaN where a sample does not count.

        `region` has slices by dim, as from `store.regions`. Raises GcovError if the stack has no such term, or if a
        chunk cannot be decoded.
        """
        if term not in self.data:
            raise GcovError(f"the stack has no term {term}; it holds {', '.join(store.variables_of(self.data))}")
        power = store.samples(self.data, term, region)
        counts = np.isfinite(power)
        if self.valid_samples_only:
            counts &= is_valid(store.mask_of(self.data, term, region))
        return np.where(counts, power, np.float32(np.nan))

    def part(self, region: Mapping[str, slice]) -> "Stack":
        """A region as a stack of its own: what its terms share, such as the mask, is decoded once."""
        return Stack(self.data.isel(region), valid_samples_only=self.valid_samples_only)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of a store that is made from the samples that count."""
        return {**self.data.attrs, "valid_samples_only": self.valid_samples_only}

    @property
    def provenance(self) -> dict[str, str]:
        """The text written into every figure and page that is made from the samples that count."""
        return provenance(Path(self.data.encoding["source"]), self.valid_samples_only)


def open_with(path: str, settings: Mapping[str, Any]) -> tuple[Stack, dict[str, Any]]:
    """A stack, opened with those of a job's settings that say which samples count, and the other settings."""
    others = dict(settings)
    return Stack(path, valid_samples_only=others.pop("valid_samples_only")), others
