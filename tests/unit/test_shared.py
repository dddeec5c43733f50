"""Speckle that dates share: vectors computed by an independent implementation, and formulas in closed form."""

import numpy as np
import pytest
from scipy.special import polygamma
from scipy.stats import chi2

from gcov.analysis.shared import box, correlation, inflation, shared_speckle, variance_of_mean
from gcov.analysis.speckle import of_variance

DECAY = [0.7 ** (2 * lag) for lag in range(1, 60)]  # coherence 0.7 after 12 days


def series(dates, rho=(), codes=None):
    """The correlation of dates 12 days apart."""
    codes = codes or ["DHDH"] * dates
    return correlation(12.0 * np.arange(dates), codes, dict.fromkeys(codes, rho))


@pytest.mark.parametrize(
    ("half", "looks", "rho"),
    [
        ([0.0853, 0.1060, 0.1111, 0.1124, 0.1128, 0.1130, 0.1129], 9.371633, [0.242451, 0.058615, 0.013321]),
        ([0.1050, 0.1062, 0.1075, 0.1090, 0.1105, 0.1120], 10.015077, []),  # a season that differs between fields
        ([0.1136, 0.1139, 0.1132], 9.293372, []),
        ([0.1136], 9.293372, []),
        ([0.0853, 0.1060, 0.1111], 9.491662, [0.232223, 0.045905, 0]),  # still rising: the last lag is taken
    ],
)
def test_a_rise_that_ends_is_shared_speckle(half, looks, rho):
    found = shared_speckle(dict(enumerate(half, start=1)))
    assert float(of_variance(2 * found.half_variance)) == pytest.approx(looks, rel=1e-6)
    assert polygamma(1, looks) == pytest.approx(found.half_variance, rel=1e-6)
    assert found.rho == pytest.approx(rho, abs=1e-6)


def test_lags_that_no_pair_has_lie_between_their_neighbours():
    """Where two codes alternate, every odd lag is missing."""
    found = shared_speckle({2: 0.06, 4: 0.09, 6: 0.10, 8: 0.10, 10: 0.10})
    rho2, rho4 = 1 - 0.06 / 0.10, 1 - 0.09 / 0.10
    assert found.rho == pytest.approx([rho2**0.5, rho2, (rho2 * rho4) ** 0.5, rho4, 0, 0], abs=1e-12)
    long = shared_speckle({10: 0.05, 14: 0.09, 20: 0.10, 28: 0.10})
    assert long.rho[11] == pytest.approx((0.5 + 0.1) / 2) and long.rho[4] == pytest.approx(0.5**0.5)
    rising = shared_speckle({1: 0.08, 2: 0.10, 3: 0.102, 4: 0.099})
    assert rising.rho == tuple(sorted(rising.rho, reverse=True))


def test_correlation_of_dates_follows_their_distance_and_codes():
    days, codes = np.array([0.0, 12.0, 23.9, 72.0]), ["DHDH", "SHSH", "DHDH", "DHDH"]
    found = correlation(days, codes, {"DHDH": [0.5, 0.3, 0.2], "SHSH": [0.4, 0.1]})
    assert found == pytest.approx(found.T) and np.diag(found) == pytest.approx(1)
    assert found[0, 1] == pytest.approx((0.5 * 0.4) ** 0.5) and found[0, 2] == pytest.approx(0.3)
    assert found[1, 2] == pytest.approx((0.5 * 0.4) ** 0.5) and found[:3, 3] == pytest.approx(0)


@pytest.mark.parametrize(
    ("dates", "coherence", "scale", "degrees"),
    [
        (5, 0.7, 0.862492, 3.258815), (12, 0.7, 1.250210, 7.512619), (30, 0.7, 1.476924, 18.419386),
        (100, 0.7, 1.585714, 61.244411), (5, 0.5, 0.932421, 3.765398), (12, 0, 1, 11),
    ],
)  # fmt: skip
def test_box(dates, coherence, scale, degrees):
    rho = [coherence ** (2 * lag) for lag in range(1, 120)]
    assert box([series(dates, rho)], [np.full(dates, 9.3)]) == pytest.approx((scale, degrees), abs=1e-6)


def test_box_over_terms_and_with_unequal_looks():
    thirty = series(30, DECAY)
    assert box([thirty] * 2, [np.full(30, 9.3)] * 2)[1] == pytest.approx(36.838771, abs=1e-6)
    alternating = np.where(np.arange(12) % 2, 4.6, 9.3)
    assert box([series(12, DECAY)], [alternating]) == pytest.approx((1.247764, 7.579949), abs=1e-6)
    five, odd = series(5, DECAY), [0, 2, 4]
    found = box([five, five[np.ix_(odd, odd)]], [np.full(5, 9.3), np.full(3, 9.3)])
    assert found == pytest.approx((0.853736, 5.214884), abs=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "wanted"), [(15, 15, 2.544802), (6, 6, 1.996947), (3, 2, 1.114102), (2, 2, 0.946076)]
)
def test_inflation_of_the_ratio_of_two_periods(before, after, wanted):
    dates = before + after
    found = inflation(series(dates, DECAY), np.full(dates, 9.3), np.arange(dates) < before)
    assert found == pytest.approx(wanted, abs=1e-6)


def test_inflation_with_unequal_looks():
    alternating = np.where(np.arange(12) % 2, 4.6, 9.3)
    assert inflation(series(12, DECAY), alternating, np.arange(12) < 6) == pytest.approx(1.951407, abs=1e-6)


def test_variance_of_a_mean():
    equal, alternating = np.full(12, 9.3), np.where(np.arange(12) % 2, 4.6, 9.3)
    use = np.ones((12, 2), bool)
    use[3:, 1] = False
    assert variance_of_mean(series(12, DECAY), equal, use)[0] == pytest.approx(0.023366, abs=1e-6)
    assert variance_of_mean(series(12, DECAY), alternating, use)[0] == pytest.approx(0.034414, abs=1e-6)
    assert variance_of_mean(series(12), equal, use) == pytest.approx([1 / (9.3 * 12), 1 / (9.3 * 3)])
    assert variance_of_mean(series(12), alternating, use)[0] == pytest.approx(0.013538, abs=1e-6)
    assert np.isnan(variance_of_mean(series(12), equal, ~use)[0])


def test_box_describes_simulated_dates():
    """The statistic of correlated dates exceeds its corrected limit in about 1 % of cases, the plain one more often."""
    random, dates, looks = np.random.default_rng(7), 30, 200
    factor = np.linalg.cholesky(series(dates, DECAY))
    values = factor @ random.standard_normal((dates, 100_000))
    statistic = np.sum((values - values.mean(axis=0)) ** 2, axis=0)
    scale, degrees = box([series(dates, DECAY)], [np.full(dates, looks)])
    found = [np.mean(statistic > limit) for limit in (scale * chi2.isf(0.01, degrees), chi2.isf(0.01, dates - 1))]
    assert 0.008 < found[0] < 0.014 < 0.017 < found[1]
