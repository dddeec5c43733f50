"""Change of zones: published numbers, the false-alarm rate of simulated zones, and the table's rows."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from zone_changes import zone_changes

from gcov import tables
from gcov.analysis.history import Rule
from gcov.analysis.shared import inflation
from gcov.analysis.zone_changes import ZoneSeries
from gcov.errors import GcovError

DB = 10 / np.log(10)
DISC_DB = np.array([-9.38429, -10.19279, -15.95821, -16.66372])  # HH of a felled disc on four dates
DISC_SE_DB = DB / np.sqrt(3558.970 * 12.58873)
RULE = Rule(0.01)


def power(db) -> np.ndarray:
    return 10 ** (np.asarray(db) / 10)


def shared(dates: int, coherence: float) -> np.ndarray:
    """The correlation (dates, dates) of speckle that decays with every repeat."""
    apart = np.abs(np.arange(dates)[:, None] - np.arange(dates))
    return coherence ** (2.0 * apart)


def zone(means_db, se_db=DISC_SE_DB, gain_se_db=0.3, correlated=None) -> ZoneSeries:
    dates = len(means_db)
    known = np.eye(dates) if correlated is None else correlated
    return ZoneSeries.of(power(means_db), np.full(dates, se_db), np.full(dates, gain_se_db), known)


def test_the_disc():
    """Without calibration errors, each date differs; with them, the felling is the one change."""
    sure = [(step.before.size, step.after.size, step.changed) for step in zone(DISC_DB, gain_se_db=0).history(RULE)]
    assert sure == [(1, 1, -1)] * 3
    series = zone(DISC_DB)
    assert series.looks == pytest.approx([208.59] * 4, abs=0.005)
    (step,) = series.history(RULE)
    assert (step.before.tolist(), step.after.tolist(), step.changed) == ([0, 1], [2, 3], -1)
    assert step.p == pytest.approx(1.05001e-94, rel=1e-5)
    assert step.step_db == pytest.approx(-6.526902, abs=5e-7) and step.se_db == pytest.approx(0.300701, abs=5e-7)
    assert step.after_db - step.before_db == pytest.approx(step.step_db)


@pytest.mark.parametrize(("calibration_db", "expected"), [(0, 2.544802), (0.3, 1.007192)])
def test_shared_speckle_counts_as_far_as_speckle_does(calibration_db, expected):
    series = zone(np.full(30, -10), DB / np.sqrt(44803), calibration_db, shared(30, 0.7))
    before = np.arange(30) < 15
    assert inflation(series.correlated, series.looks, before) == pytest.approx(expected, abs=5e-7)
    step = series.step(np.flatnonzero(before), np.flatnonzero(~before), RULE)
    variance = 1 / 44803 + (calibration_db / DB) ** 2
    assert step.se_db == pytest.approx(DB * np.sqrt(expected * variance * 2 / 15), rel=1e-6)


def test_deviations_of_unequal_dates_have_the_covariance_of_speckle_and_gain():
    se_db, gain_db = np.array([0.1, 0.3, 0.2]), np.array([0.3, 0.1, 0])
    series = ZoneSeries.of(np.ones(3), se_db, gain_db, shared(3, 0.8))
    covariance = series.correlated / np.sqrt(np.outer(series.looks, series.looks)) * DB**2
    np.testing.assert_allclose(covariance, shared(3, 0.8) * np.outer(se_db, se_db) + np.diag(gain_db**2))


@pytest.mark.parametrize(
    ("rule", "found"),
    [(Rule(0.01), [-1]), (Rule(0.01, 5), [-1]), (Rule(0.01, 6), [0]), (Rule(0.01, 7), [0]), (Rule(1e-95), [])],
)
def test_small_changes_are_found_but_do_not_count(rule, found):
    steps = list(zone(DISC_DB).history(rule))
    assert [step.changed for step in steps] == found
    assert all((step.p < rule.significance) == (step.changed != 0) for step in steps)


def test_a_period_without_a_date_has_no_step():
    series = zone(DISC_DB)
    step = series.step(np.arange(0), np.arange(2, 4), RULE)
    assert np.isnan([step.before_db, step.step_db, step.se_db, step.p]).all() and step.changed is None
    assert list(zone(DISC_DB[:1]).history(RULE)) == [] and list(zone([]).history(RULE)) == []


@pytest.mark.parametrize(("dates", "coherence", "calibration_db"), [(12, 0, 0), (5, 0.7, 0.1), (12, 0.7, 0.3)])
def test_false_alarms_of_simulated_zones(dates, coherence, calibration_db):
    """Zones of 2,000 looks whose gain varies; at most 1 % are found to change, and about 1 % between two periods."""
    rng, zones = np.random.default_rng(5), 2500
    speckle = rng.multivariate_normal(np.zeros(dates), shared(dates, coherence), zones) / np.sqrt(2000)
    means_db = -10 + DB * speckle + calibration_db * rng.normal(size=(zones, dates))
    before, after = np.arange(dates // 2), np.arange(dates // 2, dates)
    every = [zone(of, DB / np.sqrt(2000), calibration_db, shared(dates, coherence)) for of in means_db]
    changed = np.mean([any(step.changed for step in one.history(RULE)) for one in every])
    halves = np.mean([one.step(before, after, RULE).changed != 0 for one in every])
    assert changed < 0.016 and 0.005 < halves < 0.016


# ---- the table

TIMES = pd.date_range("2026-01-01T12:00:00", periods=6, freq="12D")


def rows(means_db, **columns) -> pd.DataFrame:
    """The columns of mean_series.csv that are used; dates are 12 days apart."""
    facts = {"time": TIMES, "granule": "g", "crid": "X05009", "maturity": "BETA", "polarizations": "DHDH"}
    numbers = {"n_valid": 100, "mean_power": power(means_db), "se_db": 0.05, "why_empty": ""}
    return pd.DataFrame({**facts, **numbers, **columns})


@pytest.fixture
def table(tmp_path):
    """A function that writes the inputs of one term, and returns the table; keys replace arguments."""

    def make(zones: dict[str, pd.DataFrame], means=None, **keys) -> pd.DataFrame:
        of_zones = pd.concat([frame.assign(zone=name) for name, frame in zones.items()])
        tables.write(tmp_path / "zones.csv", of_zones)
        tables.write(tmp_path / "series.csv", rows(np.full(6, -10)) if means is None else means)
        (tmp_path / "looks.json").write_text(json.dumps({"HHHH": {"method": "", "shared": []}}))
        defaults = {
            "terms": ["HHHH"],
            "frequency": "A",
            "changes": {"c": {"before": ["2026-01-01", "2026-01-31"], "after": ["2026-02-01", "2026-03-02"]}},
            "change_history": True,
            "significance": 0.01,
            "min_change_db": 0,
            "calibration_db": 0.3,
            "min_valid_fraction": 0.5,
            "gains": [],
            "gains_of_history": None,
        }
        paths = {"zones": [tmp_path / "zones.csv"], "series": [tmp_path / "series.csv"]}
        output = tmp_path / "zone_changes.csv"
        zone_changes(**paths, looks=tmp_path / "looks.json", output=output, **{**defaults, **keys})
        return pd.read_csv(output, parse_dates=["start", "end"], keep_default_na=False, na_values={"changed": [""]})

    return make


LEVEL, FELLED = np.array([-10, -10.1, -9.9, -10, -10.05, -9.95]), np.array([-10, -10.1, -9.9, -13, -13.1, -12.9])


def test_rows_of_the_table(table):
    found = table({"NA": rows(FELLED), "b": rows(LEVEL)})
    assert list(found) == [
        "zone", "change", "term", "start", "end", "before_db", "after_db", "step_db", "se_db", "p", "changed",
        "n_before", "n_after", "releases_differ",
    ]  # fmt: skip
    assert found[["zone", "change", "changed"]].values.tolist() == [
        ["NA", "c", -1],
        ["NA", "history", -1],
        ["b", "c", 0],
    ]
    assert (found["start"] == TIMES[2]).all() and (found["end"] == TIMES[3]).all()
    assert (found["n_before"] == 3).all() and (found["n_after"] == 3).all() and not found["releases_differ"].any()
    before, after = power(FELLED[:3]).mean(), power(FELLED[3:]).mean()
    assert found["step_db"][0] == pytest.approx(10 * np.log10(after / before))
    assert found["se_db"][0] == pytest.approx(np.sqrt((0.05**2 + 0.3**2) * 2 / 3))


def test_dates_that_a_zone_or_the_area_lacks(table, caplog):
    """Few valid samples, no error, a mean of 0, and a date that is left out of the whole area."""
    flawed = rows(FELLED, n_valid=[100, 20, 100, 100, 100, 100], se_db=[0.05] * 4 + [np.nan, 0.05])
    flawed.loc[3, "mean_power"] = 0
    scene = rows(LEVEL, n_valid=[10, 100, 100, 100, 100, 100])
    found = table({"a": flawed, "b": rows(FELLED)}, scene)
    assert found[["zone", "n_before", "n_after"]].values.tolist()[0] == ["a", 1, 1]
    history = found.query("zone == 'a' and change == 'history'").iloc[0]
    assert (history["start"], history["end"]) == (TIMES[2], TIMES[5])
    assert found.query("zone == 'b'")["n_before"].tolist() == [2, 2]
    assert "HHHH, a: left out for few valid samples or no se_db: 2026-01-13, 2026-02-06, 2026-02-18" in caplog.text
    assert "1 of 6 dates left out because they have less than 0.5" in caplog.text


@pytest.mark.parametrize(("name", "values"), [("crid", "AAABBB"), ("maturity", "AAAAAB")])
def test_releases_that_differ_are_marked(table, name, values):
    means = rows(LEVEL, **{name: list(values)})
    assert table({"a": rows(FELLED)}, means)["releases_differ"].tolist() == [True, True]


def test_a_measured_gain_takes_the_place_of_the_assumption(table, tmp_path):
    """Both zones move with the gain; one falls besides."""
    gain = np.array([0, 1, -1, 2, -2, 0.0])
    facts = {"gain_db": gain.tolist(), "gain_se_db": [0.02] * 6}
    dates = TIMES.strftime("%Y-%m-%dT%H:%M:%S").tolist()
    (tmp_path / "c.json").write_text(json.dumps({**facts, "dates_before": dates[:3], "dates_after": dates[3:]}))
    coords = {"interval": TIMES.values[1:], "interval_start": ("interval", TIMES.values[:-1])}
    attributes = {name: {"HHHH": values} for name, values in facts.items()}
    xr.Dataset(coords=coords, attrs=attributes).to_zarr(tmp_path / "history.zarr")
    measured = {"gains": [tmp_path / "c.json"], "gains_of_history": tmp_path / "history.zarr"}
    found = table({"a": rows(FELLED + gain), "b": rows(LEVEL + gain)}, **measured, calibration_db=20)
    assert found[["zone", "change", "changed"]].values.tolist() == [["a", "c", -1], ["a", "history", -1], ["b", "c", 0]]
    assert found["step_db"][:2].tolist() == pytest.approx([-3, -3], abs=0.05)
    assert found["se_db"][:2].tolist() == pytest.approx([np.sqrt((0.05**2 + 0.02**2) * 2 / 3)] * 2)


@pytest.mark.parametrize(("felled", "said"), [(1, False), (2, True), (3, True)])
def test_a_step_of_most_zones_is_said(table, caplog, felled, said):
    caplog.set_level("INFO", "gcov")
    table({name: rows(FELLED if number < felled else LEVEL) for number, name in enumerate("abc")})
    assert (f"{felled} of 3 zones fell by 2026-02-06: such a step may be the instrument" in caplog.text) == said
    assert "assumed, not known: the gain of dates differs by 0.3 dB" in caplog.text


def test_a_period_without_a_date_yet(table, caplog, tmp_path):
    """Rows without numbers, with a reference, too, whose totals then state no gain."""
    days = {"c": {"before": ["2026-01-01", "2026-01-31"], "after": ["2027-02-01", "2027-03-02"]}}
    (tmp_path / "c.json").write_text(json.dumps({"dates_before": ["2026-01-01T12:00:00"], "dates_after": []}))
    for gains in ([], [tmp_path / "c.json"]):
        found = table({"a": rows(LEVEL)}, changes=days, change_history=False, gains=gains)
        assert found["end"].isna().all() and found["start"].tolist() == [TIMES[2]]
        assert found["changed"].isna().all() and found["n_after"].tolist() == [0]
        assert "HHHH, c: " in caplog.text and "2027-02-01" in caplog.text


def test_neither_changes_nor_history_are_refused(table):
    with pytest.raises(GcovError, match="needs `changes:` or `change_history:`"):
        table({"a": rows(LEVEL)}, changes={}, change_history=False)
