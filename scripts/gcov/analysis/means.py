"""The mean of an area (AOI or zone) on each date, with its spread and uncertainty: the rows of the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gcov.analysis import looks
from gcov.analysis.anomaly import anomalies
from gcov.analysis.speckle import standard_error
from gcov.cautions import noise_flags
from gcov.granules import FACTOR
from gcov.inputs.rain import Rain
from gcov.stores import store
from gcov.stores.radiometry import DB, to_db
from gcov.tables import ANOMALY

AT_ONCE = 1_000_000  # samples widened to float64
PERCENTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Sums:
    """Number, sum and sum of squares of an area's samples that count, by date: arrays (dates,), linear power."""

    n: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    percentiles: np.ndarray  # (dates, 3) in dB, NaN where no sample is positive
    sigma0: np.ndarray  # (dates, 2): sum of sigma0, and number of samples in it; 0 without the layer that it needs

    @classmethod
    def empty(cls, dates: int) -> "Sums":
        """Sums of no samples."""
        n, total, squares = np.zeros(dates, np.int64), np.zeros(dates), np.zeros(dates)
        return cls(n, total, squares, np.full((dates, len(PERCENTILES)), np.nan), np.zeros((dates, 2)))

    def add(self, date: int, power: np.ndarray) -> None:
        """Add samples (n,) of a date: finite linear power, all of which count. Percentiles are not changed."""
        self.n[date] += power.size
        for first in range(0, power.size, AT_ONCE):
            wide = power[first : first + AT_ONCE].astype(np.float64)
            self.total[date] += wide.sum()
            self.squares[date] += wide @ wide

    def add_sigma0(self, date: int, power: np.ndarray, factor: np.ndarray) -> None:
        """Add samples (n,) of a date with the factor that makes sigma0 of each; NaN where it is unknown."""
        for first in range(0, power.size, AT_ONCE):
            part = slice(first, first + AT_ONCE)
            values = power[part] * factor[part].astype(np.float64)
            known = np.isfinite(values)
            self.sigma0[date] += values[known].sum(), known.sum()

    @property
    def mean_sigma0(self) -> np.ndarray:
        """The mean of sigma0 (dates,), linear; NaN without samples."""
        with np.errstate(invalid="ignore"):
            return self.sigma0[:, 0] / self.sigma0[:, 1]

    @property
    def mean(self) -> np.ndarray:
        """The mean (dates,) in linear power; NaN without samples."""
        with np.errstate(invalid="ignore"):
            return self.total / self.n

    def error_db(self, speckle: Mapping[str, dict], codes: Sequence[str | None]) -> np.ndarray:
        """The standard error of the mean due to speckle, in dB (dates,); NaN if unknown or the mean is not positive.

        `speckle` are the entries of looks.json by polarization code, and `codes` the dates' codes.
        """
        effective = looks.effective(speckle, codes, self.n)
        error = standard_error(self.squares, self.n, looks.looks(speckle, codes), effective)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.mean > 0, DB * error / self.mean, np.nan)


def table(
    data: xr.Dataset,
    sums: Sums,
    *,
    n_pixels: int,
    speckle: Mapping[str, dict],
    codes: list[str | None],
    noise: np.ndarray,
    without_noise: Sequence[str],
    rain: Rain,
    baseline: Sequence[str] | None,
) -> pd.DataFrame:
    """One row per date of a stack; unknown values are NaN.

    Means are taken in linear power, then converted to dB. std_power uses n - 1; p05_db to p95_db are percentiles of the
    positive samples. n_effective and se_db (standard error of the mean due to speckle) are computed from `speckle`, the
    entries of looks.json by polarization code; `codes` are the dates' codes. `noise` (dates,) is linear power, with the
    reason `without_noise` where it is NaN. why_empty says why a date with valid samples has no n_effective, se_db or
    noise_db. anomaly_db and anomaly_se_db are relative to the same season of the `baseline`, its first and last day;
    empty without one. near_noise is that of `cautions.noise_flags`. sigma0_db, the mean of sigma0 taken sample
    by sample, is there if the stack holds the factor that it needs.
    """
    dates = pd.DataFrame(map(vars, store.dates_of(data)))
    n, mean = sums.n, sums.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.maximum(sums.squares - sums.total * mean, 0) / np.where(n > 1, n - 1, np.nan))
    se_db = sums.error_db(speckle, codes)
    numbers = {
        "n_pixels": n_pixels,
        "n_valid": n,
        "valid_fraction": n / n_pixels if n_pixels else np.zeros(len(n)),
        "mean_power": mean,
        "mean_db": to_db(mean),
        "std_power": spread,
        **dict(zip(("p05_db", "p50_db", "p95_db"), sums.percentiles.T)),
        "n_effective": looks.effective(speckle, codes, n),
        "se_db": se_db,
        "noise_db": to_db(noise),
    }
    facts = dates.drop(columns="polarizations").assign(**numbers)
    reasons = [
        _why_empty(one, speckle.get(code or ""), without) if code is not None and one["n_valid"] else ""
        for one, code, without in zip(facts.to_dict("records"), codes, without_noise)
    ]
    facts = facts.assign(polarizations=dates["polarizations"], rain_mm=rain.since, why_empty=reasons)
    of_season = anomalies(pd.to_datetime(facts["time"]).to_numpy(), mean, se_db, baseline)
    facts = facts.assign(**dict(zip(ANOMALY, of_season)))
    facts = facts.assign(rain_3d_mm=rain.days_before, near_noise=noise_flags(facts["mean_db"] - facts["noise_db"]))
    return facts.assign(sigma0_db=to_db(sums.mean_sigma0)) if FACTOR in data else facts


def _why_empty(row: Mapping, entry: Mapping | None, without_noise: str) -> str:
    """Why n_effective, se_db or noise_db are empty in a row; `entry` is that of looks.json."""
    said = []
    method = entry["method"] if entry else "no estimate"
    if np.isnan(row["n_effective"]):
        said.append(f"no n_effective and no se_db ({method})")
    elif not row["mean_power"] > 0:
        said.append("no se_db (the mean is 0 or below)")
    elif np.isnan(row["se_db"]):
        said.append(f"no se_db ({method})")
    if np.isnan(row["noise_db"]):
        said.append(f"no noise_db ({without_noise})")
    return "; ".join(said)
