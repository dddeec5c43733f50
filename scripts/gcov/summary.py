"""What one pass over a term's samples gives: pooled counts, and the mean of each date."""

import logging

import numpy as np
import pandas as pd
import xarray as xr

from gcov import histogram, store
from gcov.errors import GcovError
from gcov.radiometry import counted, to_db

log = logging.getLogger(__name__)


class Summary:
    """Sums that grow sample by sample; their size depends on the number of dates, not on that of samples."""

    def __init__(self, dates: int):
        self.n_valid = np.zeros(dates, np.int64)
        self.total = np.zeros(dates)  # linear power
        self.in_power = np.zeros(histogram.POWER.number, np.int64)
        self.in_db = np.zeros(histogram.FINE_DB.number, np.int64)

    @classmethod
    def of(cls, data: xr.Dataset, term: str, *, valid_samples_only: bool) -> "Summary":
        """The sums over a stack's samples of a term that count. Raises GcovError if the stack has no such term."""
        if term not in data:
            raise GcovError(f"the stack has no term {term}; it holds {', '.join(store.variables_of(data))}")
        dates = data.sizes["time"]
        summary = cls(dates)
        for date in range(dates):
            image = data.isel(time=slice(date, date + 1))
            for region in store.regions(image):
                power, mask = (image[name].isel(region).values for name in (term, "mask"))
                summary.add(date, power[counted(power, mask, valid_samples_only=valid_samples_only)])
            log.info("date %d of %d: %d samples", date + 1, dates, summary.n_valid[date])
        return summary

    def add(self, date: int, power: np.ndarray) -> None:
        """Add samples (n,) of a date, all of which count: finite linear power."""
        self.n_valid[date] += power.size
        self.total[date] += power.sum(dtype=np.float64)
        self.in_power += histogram.POWER.count(power)
        self.in_db += histogram.count_db(to_db(power[power > 0]))

    def mean_series(self, data: xr.Dataset) -> pd.DataFrame:
        """A row per date of the stack: means are taken in linear power, then put in dB; NaN where no sample counts."""
        facts = {name: data[name].values for name in ("time", "granule", "crid", "maturity")}
        n_pixels = data.attrs["n_pixels"]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.total / self.n_valid
            fraction = self.n_valid / n_pixels if n_pixels else np.zeros(len(mean))
        numbers = {"n_pixels": n_pixels, "n_valid": self.n_valid, "valid_fraction": fraction}
        return pd.DataFrame({**facts, **numbers, "mean_power": mean, "mean_db": to_db(mean)})

    def stretch(self, term: str) -> dict[str, float]:
        """The 5 % and 95 % quantiles in dB, pooled over all dates: the limits of the animations.

        Raises GcovError, naming the term, if no sample is positive.
        """
        if not self.in_db.any():
            raise GcovError(f"{term} has not one positive sample that counts: no dB value, no stretch")
        return {name: round(histogram.FINE_DB.quantile(self.in_db, q), 4) for name, q in (("q05", 0.05), ("q95", 0.95))}
