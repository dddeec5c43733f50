"""Summary of one term from one pass over its samples: pooled counts, and sums per date."""

import json
import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from gcov.analysis import histogram, means
from gcov.analysis.looks import Given, entries
from gcov.analysis.means import PERCENTILES, Sums
from gcov.analysis.multilook import Multilook, side_for
from gcov.analysis.speckle import Blocks
from gcov.errors import GcovError
from gcov.inputs.rain import Rain
from gcov.stores import noise, store
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack

log = logging.getLogger(__name__)
LAYER = "numberOfLooks"
PART = 65_536  # samples counted at a time; in double precision they fit in the processor's cache


class Summary:
    """Running sums and counts; their size depends on the number of dates, not on the number of samples."""

    def __init__(self, dates: int):
        self.sums = Sums.empty(dates)
        self.lost = np.zeros(dates, np.int64)  # samples that would count but for their lost echo
        self.in_power = np.zeros(histogram.POWER.number, np.int64)
        self.in_db = np.zeros(histogram.FINE_DB.number, np.int64)
        self.in_drawn = np.zeros(histogram.FINE_DB.number, np.int64)  # of averaged images, if they are averaged
        self._in_date = np.zeros(histogram.FINE_DB.number, np.int64)  # of the current date
        self.in_first, self.in_last = np.zeros((2, histogram.FINE_DB.number), np.int64)  # first, last date with samples
        self.speckle: dict[str, dict] = {}  # by polarization code, as in speckle.json
        self.codes: list[str | None] = [None] * dates

    @classmethod
    def of(cls, stack: Stack, term: str) -> "Summary":
        """Sum over the samples of a term that count, and look at its speckle.

        Raises GcovError if the stack has no such term.
        """
        data = stack.data
        dates, whole = data.sizes["time"], (data.sizes["y"], data.sizes["x"])
        summary, speckle = cls(dates), Speckle(data, term)
        looks = side_for(whole)
        for date in range(dates):
            drawn = Multilook(looks, whole)
            for region in store.regions(data, date=date):
                (power,), lost = stack.power_and_lost(term, region)
                summary.lost[date] += 0 if lost is None else np.count_nonzero(lost)
                use = np.isfinite(power)
                summary.add(date, power[use])
                if stack.has_factor:
                    summary.sums.add_sigma0(date, power[use], stack.factor(region)[0][use])
                speckle.add(region, power)
                if looks > 1:
                    drawn.add(power, region["y"])
            summary.end_date(date)
            speckle.end_date(date)
            if looks > 1:
                summary.in_drawn += histogram.count_db(positive_db(drawn.mean))
            log.info("date %d of %d: %d samples", date + 1, dates, summary.sums.n[date])
        summary.speckle, summary.codes = speckle.measured(), speckle.codes
        return summary

    def add(self, date: int, power: np.ndarray) -> None:
        """Add samples (n,) of a date: finite linear power, all of which count."""
        for first in range(0, power.size, PART):
            part = power[first : first + PART]
            self.sums.add(date, part)
            self.in_power += histogram.POWER.count(part)
            self._in_date += histogram.count_db(positive_db(part))

    def end_date(self, date: int) -> None:
        """Compute the percentiles of a date from its counts, and add the counts to those of the other dates."""
        quantiles = [histogram.FINE_DB.quantile(self._in_date, q) for q in PERCENTILES]
        self.sums.percentiles[date] = np.round(quantiles, 4)  # more digits than the bins resolve
        self.in_db += self._in_date
        if self._in_date.any():
            self.in_first = self.in_first if self.in_first.any() else self._in_date
            self.in_last = self._in_date
        self._in_date = np.zeros_like(self._in_date)

    def mean_series(
        self, data: xr.Dataset, term: str, rain: Rain, given: Given = None, baseline: tuple[str, str] | None = None
    ) -> pd.DataFrame:
        """One row per date of the stack, with the columns of `means.table`.

        `given` is the setting `looks`, `baseline` that of its name.
        """
        return means.table(
            data,
            self.sums,
            n_pixels=data.attrs["n_pixels"],
            speckle=entries(self.speckle, given),
            codes=self.codes,
            noise=noise.of_dates(data, term),
            without_noise=noise.missing(data, term),
            rain=rain,
            baseline=baseline,
        )

    def no_echo(self, stack: Stack, term: str) -> pd.DataFrame:
        """One row per date of the stack: time, n_no_echo, limit_db, why_no_limit.

        n_no_echo is the number of samples that would count but for their lost echo; NaN if every sample counts.
        Samples below limit_db have no echo; where it is NaN, for the reason why_no_limit, at most those of exactly 0.
        """
        limits = stack.limits(term)
        times = [date.time for date in store.dates_of(stack.data)]
        numbers = pd.array(self.lost if stack.valid_samples_only else [pd.NA] * len(times), "Int64")
        facts = {"time": times, "n_no_echo": numbers, "limit_db": to_db(limits.below), "why_no_limit": limits.why}
        return pd.DataFrame(facts)

    def stretch(self, term: str) -> dict[str, float]:
        """The 5 % and 95 % quantiles in dB of the images as displayed, over all dates: the limits of the animations.

        Raises GcovError, naming the term, if no sample is positive.
        """
        if not self.in_db.any():
            raise GcovError(f"{term} has no positive sample that counts: no dB value, no stretch")
        shown = self.in_drawn if self.in_drawn.any() else self.in_db
        return {name: round(histogram.FINE_DB.quantile(shown, q), 4) for name, q in (("q05", 0.05), ("q95", 0.95))}

    def distribution(self) -> dict[str, float | list[int]]:
        """Counts of positive samples in bins of 0.25 dB from `low` (dB) on: of all dates, and of the first and last."""
        counts = {"all": self.in_db, "first": self.in_first, "last": self.in_last}
        quarters = {name: histogram.quarter_db(fine) for name, fine in counts.items()}
        held = np.flatnonzero(quarters["all"])
        low = histogram.FINE_DB.low + float(held[0]) / 4
        return {"low": low, **{name: whole[held[0] : held[-1] + 1].tolist() for name, whole in quarters.items()}}


class Speckle:
    """The speckle of one term of a stack, by polarization code; blocks are collected date by date."""

    def __init__(self, data: xr.Dataset, term: str):
        self._data, self.codes = data, store.codes_of(data, term)
        self._days = data["time"].values.astype("datetime64[s]").astype(np.int64) / 86_400
        self._stated: list[float | None] = json.loads(data.attrs.get("mean_number_of_looks", "[]"))
        shape = data.sizes["y"], data.sizes["x"]
        codes = [code for code in dict.fromkeys(self.codes) if code is not None]
        self._blocks = {code: Blocks(shape, self.codes.count(code)) for code in codes}

    def add(self, region: Mapping[str, slice], power: np.ndarray) -> None:
        """Add some rows of a date: linear power (n, columns), NaN where a sample does not count."""
        if (code := self.codes[region["time"].start]) is not None:
            layer = store.samples(self._data, LAYER, region)[0] if LAYER in self._data else None
            self._blocks[code].add(power, region["y"].start, layer)

    def end_date(self, date: int) -> None:
        """Compare a date with those before it, after all its rows have been added."""
        if (code := self.codes[date]) is not None:
            self._blocks[code].end_date(self._days[date])

    def measured(self) -> dict[str, dict]:
        """What the blocks have shown, by polarization code: the content of speckle.json.

        Without the layer numberOfLooks, its mean that the granules state takes its place.
        """
        found = {code: blocks.measured() for code, blocks in self._blocks.items()}
        for code, measured in found.items():
            stated = [looks for looks, of_date in zip(self._stated, self.codes) if of_date == code and looks]
            if measured["number_of_looks"] is None and stated:
                measured["number_of_looks"] = float(np.median(stated))
        return found


def positive_db(power: np.ndarray) -> np.ndarray:
    """The positive samples (n,) of an image in dB."""
    return to_db(power[power > 0])
