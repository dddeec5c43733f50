"""What one pass over a term's samples gives: pooled counts, and the mean of each date."""

import logging

import numpy as np
import pandas as pd
import xarray as xr

from gcov import histogram, store
from gcov.errors import GcovError
from gcov.multilook import Multilook, averaged_shape
from gcov.radiometry import counted, to_db

log = logging.getLogger(__name__)


class Summary:
    """Sums that grow sample by sample; their size depends on the number of dates, not on that of samples."""

    def __init__(self, dates: int):
        self.n_valid = np.zeros(dates, np.int64)
        self.total = np.zeros(dates)  # linear power
        self.in_power = np.zeros(histogram.POWER.number, np.int64)
        self.in_db = np.zeros(histogram.FINE_DB.number, np.int64)
        self.in_drawn = np.zeros(histogram.FINE_DB.number, np.int64)  # averaged images, where they are averaged

    @classmethod
    def of(cls, data: xr.Dataset, term: str, *, valid_samples_only: bool) -> "Summary":
        """The sums over a stack's samples of a term that count. Raises GcovError if the stack has no such term."""
        if term not in data:
            raise GcovError(f"the stack has no term {term}; it holds {', '.join(store.variables_of(data))}")
        dates = data.sizes["time"]
        summary = cls(dates)
        whole = data.sizes["y"], data.sizes["x"]
        shape = averaged_shape(whole)
        for date in range(dates):
            image = data.isel(time=slice(date, date + 1))
            drawn = Multilook(shape, whole[0])
            for region in store.regions(image):
                block = image.isel(region)
                power, mask = store.samples(block, term), store.mask_of(block, term)
                use = counted(power, mask, valid_samples_only=valid_samples_only)
                summary.add(date, power[use])
                if shape != whole:
                    drawn.add(power[0], use[0], region["y"])
            if shape != whole:
                summary.in_drawn += histogram.count_db(positive_db(drawn.mean))
            log.info("date %d of %d: %d samples", date + 1, dates, summary.n_valid[date])
        return summary

    def add(self, date: int, power: np.ndarray) -> None:
        """Add samples (n,) of a date, all of which count: finite linear power."""
        self.n_valid[date] += power.size
        self.total[date] += power.sum(dtype=np.float64)
        self.in_power += histogram.POWER.count(power)
        self.in_db += histogram.count_db(positive_db(power))

    def mean_series(self, data: xr.Dataset) -> pd.DataFrame:
        """A row per date of the stack: means are taken in linear power, then put in dB; NaN where no sample counts."""
        dates = pd.DataFrame(map(vars, store.dates_of(data)))
        n_pixels = data.attrs["n_pixels"]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.total / self.n_valid
            fraction = self.n_valid / n_pixels if n_pixels else np.zeros(len(mean))
        numbers = {"n_pixels": n_pixels, "n_valid": self.n_valid, "valid_fraction": fraction}
        means = {"mean_power": mean, "mean_db": to_db(mean)}
        return dates.drop(columns="polarizations").assign(**numbers, **means, polarizations=dates["polarizations"])

    def stretch(self, term: str) -> dict[str, float]:
        """The 5 % and 95 % quantiles in dB of the images as they are drawn, all dates pooled: the animations' limits.

        Raises GcovError, naming the term, if no sample is positive.
        """
        if not self.in_db.any():
            raise GcovError(f"{term} has not one positive sample that counts: no dB value, no stretch")
        shown = self.in_drawn if self.in_drawn.any() else self.in_db
        return {name: round(histogram.FINE_DB.quantile(shown, q), 4) for name, q in (("q05", 0.05), ("q95", 0.95))}


def positive_db(power: np.ndarray) -> np.ndarray:
    """The positive samples (n,) of an image in dB."""
    return to_db(power[power > 0])
