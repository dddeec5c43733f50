"""Test the mean of each zone for change: between two periods, and over all dates."""

from gcov.log import job_log, log

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gcov import tables
from gcov.analysis import looks as number_of_looks
from gcov.analysis import periods, releases, selection, shared
from gcov.analysis.history import Rule
from gcov.analysis.reference import Gain
from gcov.analysis.zone_changes import HISTORY, Step, ZoneSeries, dates_tested, steps_in_common
from gcov.errors import GcovError
from gcov.files import paths, read_json
from gcov.granules import holds
from gcov.stores import store
from gcov.words import listed

COLUMNS = """zone change term start end before_db after_db step_db se_db p changed n_before n_after
releases_differ""".split()  # noqa: SIM905
Row = dict[str, Any]


def zone_changes(
    *,
    zones: list[Path],
    series: list[Path],
    looks: Path,
    terms: list[str],
    frequency: str,
    changes: dict[str, dict[str, list[str]]],
    change_history: bool,
    significance: float,
    min_change_db: float,
    calibration_db: float,
    min_valid_fraction: float,
    output: Path,
    gains: Sequence[Path] = (),
    gains_of_history: Path | None = None,
) -> None:
    """Write a row per zone, named change and term, and one per change that the history finds in a zone and term.

    `zones` and `series` are zones.csv and mean_series.csv of the `terms`, in that order. The gain of each date is
    uncertain by `calibration_db`, which is an assumption. With a reference, the measured gain and its error take that
    place: `gains` are the totals (JSON) of each term's changes, `gains_of_history` the store of the history. Raises
    GcovError if neither changes nor the history are requested.
    """
    if not (changes or change_history):
        raise GcovError("zone_changes.csv needs `changes:` or `change_history:` in the configuration")
    known = [
        Term.read(*of_term, looks, frequency, min_valid_fraction) for of_term in zip(terms, zones, series, strict=True)
    ]
    rule, measured = Rule(significance, min_change_db), bool(gains or gains_of_history)
    rows: list[Row] = []
    for number, term in enumerate(known):
        for said in term.lacking():
            log.warning("%s", said)
        for place, (name, days) in enumerate(changes.items()):
            assumed = term.assumed(calibration_db)
            gain = term.gain_of_change(gains[number * len(changes) + place]) if gains else assumed
            rows += term.change(name, days, gain, rule)
        if change_history:
            gain = term.gain_of_history(gains_of_history) if gains_of_history else term.assumed(calibration_db)
            rows += term.history(gain, rule)
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"changed": "Int8"})
    ranks = {name: place for place, name in enumerate(known[0].zones)}
    table = table.sort_values("zone", key=lambda names: names.map(ranks), kind="stable")
    tables.write(output, table)
    log.info("%d rows; %d with a significant change", len(table), (table["changed"].fillna(0) != 0).sum())
    if not measured:
        log.info(
            "assumed, not known: the gain of dates differs by %g dB, one standard deviation (calibration_db)",
            calibration_db,
        )
        for said in steps_in_common(table, len(ranks)):
            log.warning("%s", said)


@dataclass(frozen=True)
class Term:
    """What is known of a term: arrays (dates,) over all dates of the stack, and the rows of zones.csv by zone."""

    name: str
    zones: Mapping[str, pd.DataFrame]
    means: pd.DataFrame  # mean_series.csv
    use: np.ndarray  # True for dates that the tests of the whole area use, too
    correlated: np.ndarray  # (dates, dates), of speckle
    min_valid_fraction: float

    @classmethod
    def read(
        cls, name: str, zones: Path, series: Path, looks: Path, frequency: str, min_valid_fraction: float
    ) -> "Term":
        """From zones.csv, mean_series.csv and looks.json; the log says which dates are left out."""
        means = tables.read_series(series)
        use = selection.usable(means, min_valid_fraction)
        selection.left_out(means, use, name, frequency, min_valid_fraction)
        codes = [code if holds(code, name, frequency) else None for code in means["polarizations"]]
        entries = number_of_looks.entries_of(read_json(looks), name, codes)
        correlated = shared.of_dates(means["time"].to_numpy(), codes, entries)
        of_zones = dict(iter(tables.read_series(zones).groupby("zone", sort=False)))
        return cls(name, of_zones, means, use, correlated, min_valid_fraction)

    def assumed(self, calibration_db: float) -> Gain:
        """Gains that are not known."""
        return Gain(np.zeros(len(self.means)), np.full(len(self.means), calibration_db))

    def gain_of_change(self, path: Path) -> Gain:
        """The gains that a reference shows on the dates of a change, from its totals."""
        facts = read_json(path)
        of_dates = (facts.get(name) for name in Gain._fields)
        return self._gain([*facts["dates_before"], *facts["dates_after"]], *of_dates)

    def gain_of_history(self, path: Path) -> Gain:
        """The gains that a reference shows on the dates of the change history."""
        data = store.open_store(path)
        times = [*data["interval_start"].values[:1], *data["interval"].values]
        return self._gain(times, *(data.attrs.get(name, {}).get(self.name) for name in Gain._fields))

    def _gain(self, times: list, *values: list[float] | None) -> Gain:
        """The gain on all dates: NaN on those without one, and everywhere if nothing was tested."""
        index = pd.DatetimeIndex(times)
        return Gain(*(pd.Series(of, index, dtype=float).reindex(self.means["time"]).to_numpy() for of in values))

    def change(self, name: str, days: Mapping[str, list[str]], gain: Gain, rule: Rule) -> Iterator[Row]:
        """A row per zone for a change between two periods, given by their first and last days."""
        before, after = (periods.dates_of(self.means, self.use, days[side]) for side in ("before", "after"))
        if missing := periods.without_date(self.means, self.use, days):
            log.warning("%s, %s: %s", self.name, name, missing)
        times = self.means["time"]
        start, end = times[before].max(), times[after].min()
        for zone in self.zones:
            dates, series = self._series(zone, gain)
            sides = (np.flatnonzero(np.isin(dates, of_scene)) for of_scene in (before, after))
            yield self._row(zone, name, series.step(*sides, rule), dates, start, end)

    def history(self, gain: Gain, rule: Rule) -> Iterator[Row]:
        """A row per zone and change over all dates."""
        for zone in self.zones:
            dates, series = self._series(zone, gain)
            for step in series.history(rule):
                start, end = (self.means["time"][dates[at]] for at in (step.before[-1], step.after[0]))
                yield self._row(zone, HISTORY, step, dates, start, end)

    def lacking(self) -> Iterator[str]:
        """Which dates of the whole area a zone lacks, as text."""
        for zone in self.zones:
            days = self.means["time"][self.use & ~self._usable(zone)]
            if len(days):
                yield f"{self.name}, {zone}: left out for few valid samples or no se_db: {listed(days)}"

    def _usable(self, zone: str) -> np.ndarray:
        """True (dates,) where a zone has enough samples, and a mean with an error."""
        return dates_tested(self.zones[zone], self.use, self.min_valid_fraction)

    def _series(self, zone: str, gain: Gain) -> tuple[np.ndarray, ZoneSeries]:
        """The dates on which a zone is tested (indices), and its series on them, divided by the gain."""
        rows = self.zones[zone]
        power, se_db = (rows[name].to_numpy() for name in ("mean_power", "se_db"))
        dates = np.flatnonzero(self._usable(zone) & np.isfinite(gain.gain_se_db))
        corrected = (power * 10 ** (-gain.gain_db / 10))[dates]
        of_dates = se_db[dates], gain.gain_se_db[dates], self.correlated[np.ix_(dates, dates)]
        return dates, ZoneSeries.of(corrected, *of_dates)

    def _row(
        self, zone: str, change: str, step: Step, dates: np.ndarray, start: pd.Timestamp, end: pd.Timestamp
    ) -> Row:
        """A row of the table; `start` and `end` are the times of the dates around the change."""
        sides = [list(self.means.iloc[dates[side]].itertuples()) for side in (step.before, step.after)]
        return {
            "zone": zone, "change": change, "term": self.name, "start": start, "end": end,
            **{name: getattr(step, name) for name in ("before_db", "after_db", "step_db", "se_db", "p", "changed")},
            "n_before": len(sides[0]), "n_after": len(sides[1]),
            "releases_differ": all(sides) and bool(releases.between_periods(*sides)),
        }  # fmt: skip


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        zone_changes(**paths(snakemake.input), **snakemake.params, output=Path(snakemake.output[0]))
