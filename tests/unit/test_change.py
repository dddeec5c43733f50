"""Change tests compared with the published formulas, pixel by pixel, and their stated false-alarm rates."""

import json

import numpy as np
import pytest
from scipy.stats import f, false_discovery_control

from gcov.analysis import change, periods
from gcov.analysis.change import period, ratio_test
from gcov.analysis.history import Dates, Rule, change_history
from gcov.analysis.maps import NO_DATA
from gcov.stores.store import Date

VECTOR = [0.10, 0.12, 0.09, 0.05, 0.045]  # five dates of a pixel, by hand


@pytest.mark.parametrize("dark", [0.0, -1e-3, np.nan])
def test_a_date_without_a_logarithm_counts_in_neither_test(dark):
    """As if the pixel had no sample on that date."""
    rest = [0.10, 0.12, 0.09, 0.05, 0.045]
    series = block([0.10, dark, 0.12, 0.09, 0.05, dark, 0.045])
    found = change_history({"HHHH": series}, Dates({"HHHH": np.full(7, 9.3)}), Rule(0.01))
    assert found.p_value[0, 0] == pytest.approx(0.160321, abs=5e-7)
    between = change.change_between(series, np.full(7, 9.3), 4, 0.01)
    ratio = np.mean(rest[3:]) / np.mean(rest[:3])
    assert between.log_ratio_db[0, 0] == pytest.approx(10 * np.log10(ratio), rel=1e-6)
    assert between.p_value[0, 0] == pytest.approx(2 * f(4 * 9.3, 6 * 9.3).cdf(ratio), rel=1e-5)
    assert (between.n_before[0, 0], between.n_after[0, 0]) == (3, 2)
    alone = change.change_between(block([dark, dark, 0.1]), np.full(3, 9.3), 2, 0.01)
    assert np.isnan(alone.p_value[0, 0]) and alone.change[0, 0] == NO_DATA


def speckle(rng, looks, pixels, mean=0.1) -> np.ndarray:
    """Power (time, 1, pixels) float32 without change, of dates with these looks (time,)."""
    looks = np.asarray(looks, "f4")
    return np.stack([mean * rng.standard_gamma(each, (1, pixels), np.float32) / each for each in looks])


def block(values) -> np.ndarray:
    """The dates of one pixel as a block (time, 1, 1), double precision."""
    return np.array(values, float)[:, None, None]


def test_the_means_of_periods_are_weighted_by_looks():
    rng = np.random.default_rng(1)
    power, looks = rng.random((4, 3, 5)).astype("f4"), np.array([9.0, 4.5, 9.0, 3.0])
    power[rng.random(power.shape) < 0.4] = np.nan
    power[:, 0, 0] = np.nan
    got = period(power, looks)
    weights = np.where(np.isfinite(power), looks[:, None, None], 0)
    np.testing.assert_array_equal(got.dates, np.isfinite(power).sum(axis=0))
    np.testing.assert_allclose(got.looks, weights.sum(axis=0))
    wanted = np.ma.average(np.ma.masked_invalid(power.astype("f8")), axis=0, weights=weights).filled(np.nan)
    np.testing.assert_allclose(got.mean, wanted, rtol=1e-6)


def test_limits_of_two_periods():
    """One date against 17 at 9.3 looks: -4.56 .. +3.25 dB at 99 %; one against one: +-5.417 dB."""
    for number, (low, high) in {17: (-4.56, 3.25), 1: (-5.417, 5.417)}.items():
        for limit in (low, high):
            before, after = period(block([1.0] * number), np.full(number, 9.3)), 10 ** (limit / 10)
            log_ratio, p = ratio_test(before, period(block([after]), np.array([9.3])))
            assert log_ratio[0, 0] == pytest.approx(limit)
            assert p[0, 0] == pytest.approx(0.01, rel=0.01)


def test_the_ratio_follows_f():
    before = period(block([0.1, 0.12]), np.array([9.3, 4.6]))
    for value in (1e-6, 0.02, 0.1, 0.3, 100.0):
        after = period(block([value, value]), np.array([9.3, 9.3]))
        _, p = ratio_test(before, after)
        ratio, law = after.mean / before.mean, f(2 * 18.6, 2 * 13.9)
        assert p[0, 0] == pytest.approx(2 * min(law.cdf(ratio), law.sf(ratio))[0, 0], rel=1e-6)


def test_no_test_where_a_period_has_no_sample():
    nothing, something = period(block([np.nan]), np.array([9.3])), period(block([0.1]), np.array([9.3]))
    zero = period(block([0.0]), np.array([9.3]))
    for before, after in [(nothing, something), (something, nothing), (something, zero)]:
        log_ratio, p = ratio_test(before, after)
        assert np.isnan(log_ratio[0, 0]) and np.isnan(p[0, 0])
        assert change.direction(log_ratio, p, 0.01)[0, 0] == NO_DATA


def test_direction_says_where_it_rose_and_fell():
    log_ratio, p = np.array([3.0, -3.0, 3.0, -3.0, np.nan]), np.array([0.009, 0.009, 0.011, 0.5, np.nan])
    assert change.direction(log_ratio, p, 0.01).tolist() == [1, -1, 0, 0, NO_DATA]


def test_benjamini_and_hochberg():
    rng = np.random.default_rng(2)
    p = np.concatenate([rng.random(900), rng.random(100) * 1e-3])
    for level in (0.01, 0.05, 0.2):
        wanted = (false_discovery_control(p) <= level).sum()
        assert change.significant_after_bh(p[p < level], p.size, level) == wanted > 0
    assert change.significant_after_bh(np.full(3, 0.009), 1000, 0.01) == 0
    assert change.significant_after_bh(np.array([]), 1000, 0.01) == 0


def test_granules_of_a_change_are_those_of_its_dates():
    records = json.dumps([{"name": name} for name in "abc"])
    dates = [Date("2025-11-23T23:47:39", "a c", "X05009", "BETA", "DHDH")]  # a pass of two granules
    assert json.loads(periods.granule_records(records, dates)) == [{"name": "a"}, {"name": "c"}]
    assert periods.granule_records(records, []) == records
