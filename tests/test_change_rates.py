"""The false-alarm rates of the change tests, on simulated speckle without change: a million pixels each."""

from collections import defaultdict

import numpy as np
import pytest
from test_speckle import gathered, texture

from gcov.analysis.change import change_history, period, ratio_test

pytestmark = pytest.mark.long

PIXELS, AT_ONCE = 1_000_000, 100_000
LEVELS = (0.05, 0.01)


def speckle(rng, looks, shape=(1, AT_ONCE)) -> np.ndarray:
    """Power (time, y, x) float32 without change, of dates with these looks (time,)."""
    return np.stack([0.1 * rng.standard_gamma(each, shape, np.float32) / np.float32(each) for each in looks])


@pytest.mark.parametrize("looks", [4.4, 9.3])
@pytest.mark.parametrize("kind", ["single", "dual", "alternating"])
def test_history(looks, kind):
    """5, 17 and 60 dates; single, dual, and every other date with half the looks. Looks are the true ones."""
    rng = np.random.default_rng(1)
    each = np.where(np.arange(60) % 2, looks / 2, looks) if kind == "alternating" else np.full(60, looks)
    terms = ["HHHH", "HVHV"] if kind == "dual" else ["HHHH"]
    counts = defaultdict(int)
    for _ in range(PIXELS // AT_ONCE):
        power = {term: speckle(rng, each) for term in terms}
        for dates in (5, 17, 60):
            few = {term: values[:dates] for term, values in power.items()}
            found = change_history(few, dict.fromkeys(terms, each[:dates]), LEVELS[-1])
            for level in LEVELS:
                counts[dates, level] += (found.p_value < level).sum()
            counts[dates, "changed"] += (found.n_changes > 0).sum()
    for (dates, level), count in counts.items():
        if level == "changed":
            assert count / PIXELS <= 1.1 * LEVELS[-1], dates
        else:
            assert count / PIXELS == pytest.approx(level, rel=0.1), (dates, level)


@pytest.mark.parametrize("looks", [4.4, 9.3])
@pytest.mark.parametrize("sigma", [0, 0.5])
def test_history_with_estimated_looks(looks, sigma):
    """5 and 17 dates of one scene, with and without texture; the looks are estimated from the same dates."""
    rng = np.random.default_rng(3)
    shape = (1000, PIXELS // 1000)
    power = speckle(rng, np.full(17, looks), shape) * texture(rng, shape, sigma).astype("f4")
    for dates in (5, 17):
        estimate = gathered(power[:dates]).estimate().looks
        found = change_history({"HHHH": power[:dates]}, {"HHHH": np.full(dates, estimate)}, LEVELS[-1])
        for level in LEVELS:
            assert (found.p_value < level).mean() == pytest.approx(level, rel=0.3), (dates, level, estimate)


@pytest.mark.parametrize("looks", [4.4, 9.3])
@pytest.mark.parametrize(("before", "after"), [(1, 1), (3, 3), (1, 5), (6, 2)])
def test_two_periods(looks, before, after):
    """Of equal and of unequal length; every other date has half the looks."""
    rng = np.random.default_rng(2)
    each = np.where(np.arange(before + after) % 2, looks / 2, looks)
    counts = dict.fromkeys(LEVELS, 0)
    for _ in range(PIXELS // AT_ONCE):
        power = speckle(rng, each)
        _, p = ratio_test(period(power[:before], each[:before]), period(power[before:], each[before:]))
        for level in LEVELS:
            counts[level] += (p < level).sum()
    for level, count in counts.items():
        assert count / PIXELS == pytest.approx(level, rel=0.1), level
