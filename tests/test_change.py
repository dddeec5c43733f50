"""Change tests compared with the published formulas, pixel by pixel, and their stated false-alarm rates."""

import itertools

import numpy as np
import pytest
from scipy.stats import chi2, f, false_discovery_control

from gcov.analysis import change
from gcov.analysis.change import NEVER, NO_COUNT, NO_DATA, change_history, period, ratio_test

VECTOR = [0.10, 0.12, 0.09, 0.05, 0.045]  # five dates of a pixel, by hand


@pytest.mark.parametrize("dark", [0.0, -1e-3, np.nan])
def test_a_date_without_a_logarithm_counts_in_neither_test(dark):
    """As if the pixel had no sample on that date."""
    rest = [0.10, 0.12, 0.09, 0.05, 0.045]
    series = block([0.10, dark, 0.12, 0.09, 0.05, dark, 0.045])
    found = change_history({"HHHH": series}, {"HHHH": np.full(7, 9.3)}, 0.01)
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


def q_of(values, looks) -> tuple[float, int, float]:
    """-2 ln Q, degrees of freedom and rho of one term's valid dates, as written in the paper, looks per date."""
    n, power = np.array(looks, float), np.array(values, float)
    statistic = 2 * (n.sum() * np.log((n * power).sum() / n.sum()) - (n * np.log(power)).sum())
    degrees = len(n) - 1
    return statistic, degrees, 1 - ((1 / n).sum() - 1 / n.sum()) / (6 * degrees) if degrees else 1.0


def test_q_of_a_pixel_by_hand():
    statistic, degrees, rho = q_of(VECTOR, [9.3] * 5)
    assert (round(statistic, 6), degrees, round(rho, 7)) == (6.716249, 4, 0.9784946)
    samples = change._Samples.of([np.array(VECTOR)[:, None]], np.full((1, 5), 9.3), slice(None))
    corrected, freedom = change.omnibus(samples.sums())
    assert corrected[0] == pytest.approx(6.716249 * 0.9784946, rel=1e-6) and freedom[0] == 4
    found = change_history({"HHHH": block(VECTOR)}, {"HHHH": np.full(5, 9.3)}, 0.01)
    assert found.p_value[0, 0] == pytest.approx(0.160321, abs=5e-7)
    assert found.n_changes[0, 0] == 0


@pytest.mark.parametrize(("date", "factor"), [(2, 0.154358), (3, 0.243839), (4, 3.224043), (5, 3.094010)])
def test_factors_of_a_pixel_by_hand(date, factor):
    """-2 ln R is the difference of two -2 ln Q; the last date of a series is a change just where it is significant."""
    ours = q_of(VECTOR[:date], [9.3] * date)[0] - q_of(VECTOR[: date - 1], [9.3] * (date - 1))[0]
    assert ours == pytest.approx(factor, abs=5e-7)


def reference(powers, looks, significance):
    """p and the date of each change in one pixel, by the rules of the test; powers and looks by term, with NaN."""
    dates = len(powers[0])

    def test(first, last):
        statistic = freedom = 0
        for power, each in zip(powers, looks):
            use = [i for i in range(first, last) if power[i] > 0]
            if len(use) > 1:
                q, degrees, rho = q_of(power[use], each[use])
                statistic, freedom = statistic + rho * q, freedom + degrees
        return (chi2.sf(statistic, freedom) if freedom else np.nan), freedom

    def factor(first, date):
        statistic = freedom = 0
        for power, each in zip(powers, looks):
            use = [i for i in range(first, date + 1) if power[i] > 0]
            if len(use) > 1 and use[-1] == date:
                r = q_of(power[use], each[use])[0] - q_of(power[use[:-1]], each[use[:-1]])[0]
                pooled = each[use[:-1]].sum()
                rho = 1 - (1 / pooled + 1 / each[date] - 1 / (pooled + each[date])) / 6
                statistic, freedom = statistic + rho * r, freedom + 1
        return (chi2.sf(statistic, freedom) if freedom else np.nan), statistic

    first, found = 0, []
    while test(first, dates)[0] < significance:
        date = next((j for j in range(first, dates) if factor(first, j)[0] < significance), None)
        if date is None:
            break
        found.append((date, factor(first, date)[1]))
        first = date
    return test(0, dates)[0], found


def signs_of(power, looks, found):
    """The sign of each change by the means of the segments on both sides, of one term of one pixel."""
    edges = [0, *(date for date, _ in found), len(power)]
    means = []
    for first, last in itertools.pairwise(edges):
        use = [i for i in range(first, last) if power[i] > 0]
        means.append(np.average(power[use], weights=looks[use]) if use else np.nan)
    return {
        date - 1: NO_DATA if np.isnan(after - before) else np.sign(after - before)
        for (date, _), before, after in zip(found, means, means[1:])
    }


@pytest.mark.parametrize("kind", ["single", "dual", "alternating"])
def test_every_pixel_is_that_of_the_rules(kind):
    """300 pixels with steps at random, gaps, and samples that are not positive, tested one by one."""
    rng = np.random.default_rng(3)
    dates, pixels, significance = 12, 300, 0.05
    terms = ["HHHH"] if kind == "single" else ["HHHH", "HVHV"]
    looks = {term: np.full(dates, 9.3) for term in terms}
    if kind == "alternating":
        looks = {term: np.where(np.arange(dates) % 2, 4.6, 9.3) for term in terms}
    step = np.cumprod(np.where(rng.random((dates, 1, pixels)) < 0.15, rng.choice([0.3, 3.0], (dates, 1, pixels)), 1), 0)
    power = {term: speckle(rng, looks[term], pixels) * step for term in terms}
    for values in power.values():
        values[rng.random(values.shape) < 0.2] = np.nan
        values[rng.random(values.shape) < 0.02] = 0
    if kind == "alternating":
        power["HVHV"][1::2] = np.nan
    power["HHHH"][:, 0, :9] = np.nan  # wholly
    power[terms[-1]][1:, 0, 5:12] = np.nan  # but for one date
    got = change_history(power, looks, significance)
    several = 0
    for pixel in range(pixels):
        series = [power[term][:, 0, pixel].astype(float) for term in terms]
        p, found = reference(series, [looks[term] for term in terms], significance)
        np.testing.assert_allclose(got.p_value[0, pixel], p, rtol=1e-4, atol=1e-12)
        assert got.n_changes[0, pixel] == (NO_COUNT if np.isnan(p) else len(found)), pixel
        days = [date for date, _ in found]
        assert got.first[0, pixel] == (days[0] if days else NEVER)
        assert got.last[0, pixel] == (days[-1] if days else NEVER)
        assert got.largest[0, pixel] == (max(found, key=lambda change: change[1])[0] if days else NEVER)
        for index, (term, values) in enumerate(zip(terms, series)):
            signs = np.full(dates - 1, 0 if (values > 0).sum() > 1 else NO_DATA)
            for interval, sign in signs_of(values, looks[term], found).items():
                signs[interval] = sign
            np.testing.assert_array_equal(got.direction[index, :, 0, pixel], signs, err_msg=f"{pixel} {term}")
        several += len(found) > 1
    assert several > 50


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
