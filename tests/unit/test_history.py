"""The test of all dates compared with the published formulas, pixel by pixel, in plain Python."""

import numpy as np
import pytest
from scipy.stats import chi2, f
from test_change import block, speckle
from test_shared import DECAY, series

from gcov.analysis import history
from gcov.analysis.history import Dates, Rule, change_history
from gcov.analysis.maps import NEVER, NO_COUNT, NO_DATA, NO_NUMBER
from gcov.analysis.shared import box, inflation

VECTOR = [0.10, 0.12, 0.09, 0.05, 0.045]  # five dates of a pixel, by hand
DB = 10 / np.log(10)


def one_pixel(power, looks, *, coherence=0.0, share=1.0, **rule):
    """The history of one pixel: values by term, looks of a date, coherence after 12 days."""
    terms = [f"term {number}" for number in range(len(power))]
    dates = len(power[0])
    rho = [coherence ** (2 * lag) for lag in range(1, dates)] if coherence else []
    known = Dates(
        {term: np.where(np.isfinite(values), float(looks), np.nan) for term, values in zip(terms, power)},
        dict.fromkeys(terms, series(dates, rho)),
    )
    blocks = {term: block(values) for term, values in zip(terms, power)}
    shares = {term: np.full((1, 1), share) for term in terms}
    return change_history(blocks, known, Rule(0.01, **rule), shares)


def q_of(values, looks) -> tuple[float, int, float]:
    """-2 ln Q, degrees of freedom and rho of one term's valid dates, as written in the paper, looks per date."""
    n, power = np.array(looks, float), np.array(values, float)
    statistic = 2 * (n.sum() * np.log((n * power).sum() / n.sum()) - (n * np.log(power)).sum())
    degrees = len(n) - 1
    return statistic, degrees, 1 - ((1 / n).sum() - 1 / n.sum()) / (6 * degrees) if degrees else 1.0


def test_q_of_a_pixel_by_hand():
    statistic, degrees, rho = q_of(VECTOR, [9.3] * 5)
    assert (round(statistic, 6), degrees, round(rho, 7)) == (6.716249, 4, 0.9784946)
    found = one_pixel([VECTOR], 9.3)
    assert found.p_value[0, 0] == pytest.approx(0.160321, abs=5e-7)
    assert found.n_changes[0, 0] == 0


def test_a_pixel_over_texture_by_hand():
    means = [0.123333, 0.116667, 0.132222, 0.117778, 0.123333]
    assert one_pixel([means], 83.7).p_value[0, 0] == pytest.approx(0.93444397, abs=2e-5)
    assert one_pixel([means], 83.7, share=0.614260346373).p_value[0, 0] == pytest.approx(0.97263970, abs=2e-5)


def test_two_terms_by_hand():
    """HH falls by 3 dB at the fourth date, HV does not change."""
    power = [[0.10, 0.105, 0.097, 0.050, 0.048, 0.052], [0.020, 0.021, 0.019, 0.0202, 0.0195, 0.0205]]
    found = one_pixel(power, 80)
    assert found.p_value[0, 0] == pytest.approx(7.01665e-09, rel=1e-4)
    assert (found.n_changes[0, 0], found.largest[0, 0], found.first[0, 0], found.last[0, 0]) == (1, 3, 3, 3)
    assert found.step_db[:, 0, 0] == pytest.approx([-3.039157, 0.014452], abs=1e-6)
    assert found.step_se_db[:, 0, 0] == pytest.approx([0.396455] * 2, abs=1e-6)
    assert found.step_p[:, 0, 0] == pytest.approx([3.30449e-14, 0.970935], rel=1e-5)
    assert (found.n_before[0, 0], found.n_after[0, 0]) == (3, 3)
    assert found.direction[:, 2, 0, 0].tolist() == [-1, 0], "a term that did not change has no direction"
    counted = one_pixel(power, 80, min_change_db=2)
    assert counted.n_changes[0, 0] == 1 and counted.step_p[0, 0, 0] == pytest.approx(0.00887986, rel=1e-5)
    none = one_pixel(power, 80, min_change_db=2.5)
    assert none.p_value == found.p_value and none.n_changes[0, 0] == 0 and not none.direction.any()
    assert np.isnan(none.step_db).all() and none.n_before[0, 0] == NO_NUMBER and none.largest[0, 0] == NEVER


def test_one_term_over_texture_and_with_shared_speckle_by_hand():
    plain, texture, shared = (
        one_pixel([VECTOR], 80, **options) for options in ({}, {"share": 0.614260346373}, {"coherence": 0.7})
    )
    for found, p_value, step_p, error in (
        (plain, 9.12622e-12, 2.29078e-13, 0.443250),
        (texture, 3.94773e-07, 9.48095e-09, 0.565552),
        (shared, 9.12622e-12, 3.8149e-12, 0.467855),  # the larger probability is that of independent dates
    ):
        assert found.p_value[0, 0] == pytest.approx(p_value, rel=1e-4) and found.largest[0, 0] == 3
        assert found.step_db[0, 0, 0] == pytest.approx(-3.375468, abs=1e-6)
        assert found.step_p[0, 0, 0] == pytest.approx(step_p, rel=1e-4)
        assert found.step_se_db[0, 0, 0] == pytest.approx(error, abs=1e-6)


def test_shared_speckle_by_hand():
    """The first term alone, then with a second one on every other date; the larger probability counts."""
    first = [0.10, 0.12, 0.09, 0.11, 0.10, 0.12, 0.085, 0.075, 0.08, 0.09, 0.07, 0.085]
    assert one_pixel([first], 40, coherence=0.7).p_value[0, 0] == pytest.approx(0.265144, abs=1e-6)
    second = [0.2 * value if date % 2 == 0 else np.nan for date, value in enumerate(first)]
    found = one_pixel([first, second], 40, coherence=0.7)
    wanted = max(chi2.sf(17.149221, 16), chi2.sf(17.149221 / 1.157208, 12.010807))
    assert found.p_value[0, 0] == pytest.approx(wanted, abs=1e-6)


def test_rain_is_no_change_and_a_wet_date_is_two():
    dry = [0.10, 0.10, 0.13, 0.10, 0.10, 0.10, 0.10]
    found = one_pixel([dry], 220)
    assert found.p_value[0, 0] == pytest.approx(0.0319818, rel=1e-5) and found.n_changes[0, 0] == 0
    wet = [0.10, 0.10, 0.16, 0.10, 0.10, 0.10]
    found = one_pixel([wet], 220, min_change_db=1)
    assert found.p_value[0, 0] == pytest.approx(1.60999e-08, rel=1e-4)
    assert (found.n_changes[0, 0], found.first[0, 0], found.last[0, 0], found.largest[0, 0]) == (2, 2, 3, 2)
    assert found.step_db[0, 0, 0] == pytest.approx(2.0412, abs=1e-4)
    assert found.step_p[0, 0, 0] == pytest.approx(0.00320453, rel=1e-5)
    assert (found.n_before[0, 0], found.n_after[0, 0]) == (2, 1)
    assert one_pixel([wet], 220, min_change_db=2).n_changes[0, 0] == 0


@pytest.mark.parametrize("coherence", [0, 0.7])
def test_inflation_of_segments(coherence):
    """That of any two segments is computed from sums, as from the dates themselves."""
    rho = DECAY if coherence else ()
    looks = np.array([9.3, 9.3, 4.6, np.nan, 9.3, 4.6, 9.3, 9.3])
    correlated = series(8, rho)
    dates = Dates({"HHHH": looks}, {"HHHH": correlated})
    segments = np.array([(0, 2, 5), (1, 5, 8), (0, 7, 8), (2, 3, 4)])
    found = dates.inflation(*segments.T)[0]
    for (start, change, end), value in zip(segments[:3], found):
        use = [date for date in range(start, end) if np.isfinite(looks[date])]
        before = np.array(use) < change
        assert value == pytest.approx(inflation(correlated[np.ix_(use, use)], looks[use], before))
    assert not found[3] > 1, "a segment without a date of the term"


class Pixel:
    """One pixel tested by the rules, date by date; powers and looks (dates,) by term, with NaN; shares by term."""

    def __init__(self, powers, looks, shares, correlations, rule):
        self.powers, self.looks, self.correlations, self.rule = powers, looks, correlations, rule
        self.scene = [np.flatnonzero(np.isfinite(each)) for each in looks]
        self.cell = [each * share for each, share in zip(looks, shares)]
        self.dates = len(powers[0])

    def valid(self, term, first, last):
        return [date for date in range(first, last) if self.powers[term][date] > 0]

    def test(self, first):
        """p of no change from date `first` on."""
        statistic = freedom = 0
        for term, (power, each) in enumerate(zip(self.powers, self.cell)):
            if len(use := self.valid(term, first, self.dates)) > 1:
                q, degrees, rho = q_of(power[use], each[use])
                statistic, freedom = statistic + rho * q, freedom + degrees
        if not freedom:
            return np.nan
        of_terms = [(term, scene[scene >= first]) for term, scene in enumerate(self.scene)]
        of_terms = [(term, dates) for term, dates in of_terms if len(dates) > 1]
        scale, nu = box(
            [self.correlations[np.ix_(dates, dates)] for _, dates in of_terms],
            [self.looks[term][dates] for term, dates in of_terms],
        )
        nu *= freedom / sum(len(dates) - 1 for _, dates in of_terms)
        return max(chi2.sf(statistic, freedom), chi2.sf(statistic / scale, nu))

    def factor(self, first, date):
        """p and statistic of a change at a date, of the dates from `first` on."""
        statistic = freedom = 0
        for term, (power, each) in enumerate(zip(self.powers, self.cell)):
            use = self.valid(term, first, date + 1)
            if len(use) > 1 and use[-1] == date:
                r = q_of(power[use], each[use])[0] - q_of(power[use[:-1]], each[use[:-1]])[0]
                pooled = each[use[:-1]].sum()
                rho = 1 - (1 / pooled + 1 / each[date] - 1 / (pooled + each[date])) / 6
                statistic, freedom = statistic + rho * r, freedom + 1
        return (chi2.sf(statistic, freedom) if freedom else np.nan), statistic

    def found(self):
        """Dates and statistics of the changes found."""
        first, changes = 0, []
        while self.test(first) < self.rule.significance:
            date = next(
                (j for j in range(first, self.dates) if self.factor(first, j)[0] < self.rule.significance), None
            )
            if date is None:
                break
            changes.append((date, self.factor(first, date)[1]))
            first = date
        return changes

    def step(self, term, start, change, end):
        """Step, error and p of a term, from the segments on both sides of a change; NaN where one has no date."""
        one, other = self.valid(term, start, change), self.valid(term, change, end)
        if not one or not other:
            return np.nan, np.nan, np.nan
        scene = [date for date in self.scene[term] if start <= date < end]
        before = np.array(scene) < change
        factor = max(1, inflation(self.correlations[np.ix_(scene, scene)], self.looks[term][scene], before))
        power, each = self.powers[term], self.cell[term]
        ratio = np.average(power[other], weights=each[other]) / np.average(power[one], weights=each[one])
        law = f(2 * each[other].sum() / factor, 2 * each[one].sum() / factor)
        least = 10 ** (self.rule.min_change_db / 10)
        p = min(1, 2 * (law.sf(ratio / least) if ratio >= 1 else law.cdf(ratio * least)))
        return 10 * np.log10(ratio), DB * np.sqrt(factor * (1 / each[one].sum() + 1 / each[other].sum())), p

    def counted(self):
        """The changes that count: date, statistic and the steps of the terms; and the signs by interval."""
        changes = self.found()
        edges = [0, *(date for date, _ in changes), self.dates]
        signs = np.full((len(self.powers), self.dates - 1), 0)
        for term in range(len(self.powers)):
            signs[term] = 0 if len(self.valid(term, 0, self.dates)) > 1 else NO_DATA
        kept = []
        for (date, statistic), start, end in zip(changes, edges, edges[2:]):
            steps = [self.step(term, start, date, end) for term in range(len(self.powers))]
            counts = any(step[2] < self.rule.significance for step in steps)
            for term, (step, _, p) in enumerate(steps):
                own = counts and p < self.rule.significance
                signs[term, date - 1] = NO_DATA if np.isnan(step) else np.sign(step) * own
            if counts:
                kept.append((date, statistic, steps))
        return kept, signs

    def dates_between(self, first, last):
        """The number of dates that are valid in any term."""
        return len({date for term in range(len(self.powers)) for date in self.valid(term, first, last)})


@pytest.mark.parametrize("kind", ["single", "dual", "alternating"])
@pytest.mark.parametrize(("coherence", "least"), [(0, 0), (0.7, 0), (0.5, 1.5)])
def test_every_pixel_is_that_of_the_rules(kind, coherence, least):
    """200 pixels with steps at random, gaps, texture, and samples that are not positive, tested one by one."""
    rng = np.random.default_rng(3)
    dates, pixels, rule = 12, 200, Rule(0.05, least)
    terms = ["HHHH"] if kind == "single" else ["HHHH", "HVHV"]
    looks = {term: np.full(dates, 30.0) for term in terms}
    if kind == "alternating":
        looks = {term: np.where(np.arange(dates) % 2, 15.0, 30.0) for term in terms}
        looks["HVHV"][1::2] = np.nan
    step = np.cumprod(np.where(rng.random((dates, 1, pixels)) < 0.15, rng.choice([0.3, 3.0], (dates, 1, pixels)), 1), 0)
    power = {term: speckle(rng, np.nan_to_num(looks[term], nan=15), pixels) * step for term in terms}
    for values in power.values():
        values[rng.random(values.shape) < 0.2] = np.nan
        values[rng.random(values.shape) < 0.02] = 0
    if kind == "alternating":
        power["HVHV"][1::2] = np.nan
    power["HHHH"][:, 0, :9] = np.nan  # wholly
    power[terms[-1]][1:, 0, 5:12] = np.nan  # but for one date
    shares = {term: rng.uniform(0.3, 1, (1, pixels)) for term in terms}
    rho = [coherence ** (2 * lag) for lag in range(1, dates)] if coherence else []
    correlated = series(dates, rho)
    got = change_history(power, Dates(looks, dict.fromkeys(terms, correlated)), rule, shares)
    several = 0
    for number in range(pixels):
        values = [power[term][:, 0, number].astype(float) for term in terms]
        each, share = [looks[term] for term in terms], [shares[term][0, number] for term in terms]
        pixel = Pixel(values, each, share, correlated, rule)
        changes, signs = pixel.counted()
        p = pixel.test(0)
        np.testing.assert_allclose(got.p_value[0, number], p, rtol=1e-4, atol=1e-12)
        assert got.n_changes[0, number] == (NO_COUNT if np.isnan(p) else len(changes)), number
        np.testing.assert_array_equal(got.direction[:, :, 0, number], signs, err_msg=str(number))
        days = [date for date, *_ in changes]
        assert [got.first[0, number], got.last[0, number]] == ([days[0], days[-1]] if days else [NEVER, NEVER])
        several += len(days) > 1
        if not days:
            assert got.largest[0, number] == NEVER and np.isnan(got.step_db[:, 0, number]).all()
            continue
        largest = max(range(len(days)), key=lambda index: changes[index][1])
        assert got.largest[0, number] == days[largest]
        steps = np.array(changes[largest][2]).T
        for values, wanted in zip((got.step_db, got.step_se_db, got.step_p), steps):
            np.testing.assert_allclose(values[:, 0, number], wanted, rtol=1e-3, atol=1e-5)
        edges = [0, *days, dates]
        assert got.n_before[0, number] == pixel.dates_between(edges[largest], days[largest])
        assert got.n_after[0, number] == pixel.dates_between(days[largest], edges[largest + 2])
    assert several > 20


def test_independent_dates_are_those_without_correlations():
    rng = np.random.default_rng(5)
    power = {"HHHH": speckle(rng, [9.3] * 12, 5000)}
    power["HHHH"][6:, :, ::4] *= 0.4
    looks = {"HHHH": np.full(12, 9.3)}
    one = change_history(power, Dates(looks), Rule(0.01))
    other = change_history(power, Dates(looks, {"HHHH": np.eye(12)}), Rule(0.01), {"HHHH": np.ones((1, 5000))})
    for ours, theirs in zip(vars(one).values(), vars(other).values()):
        np.testing.assert_array_equal(ours, theirs)
    assert (one.n_changes == 1).mean() > 0.15 and history.TILE > 5000
