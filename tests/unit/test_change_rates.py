"""The false-alarm rates of the change tests on simulated scenes without change; all that they assume is estimated.

Speckle is that of complex Gaussian echoes, 9 looks, which dates share as coherent ground does. The bounds are those
that docs/analysis.md states.
"""

from collections import defaultdict

import numpy as np
import pytest

from gcov.analysis.change import change_between
from gcov.analysis.history import Dates, Rule, change_history
from gcov.analysis.multilook import summed
from gcov.analysis.shared import correlation, inflation, variance_of_mean
from gcov.analysis.speckle import Blocks, estimated, n_effective
from gcov.analysis.texture import looks_share

pytestmark = pytest.mark.long

PIXELS, AT_ONCE = 200_000, 100_000
LEVELS = (0.05, 0.01)
LOOKS = 9


def speckle(rng, looks, shape=(1, AT_ONCE)) -> np.ndarray:
    """Power (time, y, x) float32 without change, of independent dates with these looks (time,)."""
    return np.stack([0.1 * rng.standard_gamma(each, shape, np.float32) / np.float32(each) for each in looks])


def coherent(rng, coherence, dates: int, shape) -> np.ndarray:
    """Power (time, y, x) float32 of mean 1 and 9 looks; `coherence` of successive dates, a number or (y, x)."""
    coherence = np.asarray(coherence, np.float32)
    fresh = np.sqrt(1 - coherence**2)
    power, echo = np.empty((dates, *shape), np.float32), rng.standard_normal((2 * LOOKS, *shape), np.float32)
    for date in range(dates):
        power[date] = np.einsum("lyx,lyx->yx", echo, echo) / (2 * LOOKS)
        echo = coherence * echo + fresh * rng.standard_normal(echo.shape, np.float32)
    return power


def texture(rng, variation: float, shape) -> np.ndarray:
    """Lognormal backscatter (y, x) of mean 1 with this coefficient of variation."""
    sigma = np.sqrt(np.log(1 + variation**2))
    return np.exp(rng.normal(0, sigma, shape) - sigma**2 / 2).astype(np.float32)


class Scene:
    """Terms of one scene, tested with what their own dates show of looks, texture and shared speckle."""

    def __init__(self, power: dict[str, np.ndarray], *, multilook: int = 1, codes: list[str] | None = None):
        self.multilook = multilook
        dates, *shape = next(iter(power.values())).shape
        self.dates, self.codes = dates, codes or ["DHDH"] * dates
        self.looks, self.shared, self.shares, self.cells, self.estimates = {}, {}, {}, {}, {}
        for term, values in power.items():
            estimates = self.estimates[term] = self.estimated(values, shape)
            rho = {code: one.shared for code, one in estimates.items()}
            self.shared[term] = correlation(
                12.0 * np.arange(dates), self.codes, {**dict.fromkeys(self.codes, ()), **rho}
            )
            of_dates = [estimates.get(code) for code in self.codes]
            sample = np.array([one.looks if one else np.nan for one in of_dates])
            window = [n_effective((multilook, multilook), one.rho) if one else np.nan for one in of_dates]
            self.looks[term] = sample * np.array(window, float) if multilook > 1 else sample
            self.average(term, values, sample)

    def estimated(self, values, shape):
        """Estimates by polarization code; a code without samples has none."""
        found = {}
        for code in dict.fromkeys(self.codes):
            of_code = [date for date in range(self.dates) if self.codes[date] == code]
            if np.isfinite(values[of_code]).any():
                blocks = Blocks(tuple(shape), len(of_code))
                for date in of_code:
                    blocks.add(values[date], 0)
                    blocks.end_date(12 * date)
                found[code] = estimated(blocks.measured())
        return found

    def average(self, term, values, looks):
        """Cells of a term, and the share of their looks that texture leaves."""
        side, (ny, nx) = self.multilook, (size // self.multilook for size in values.shape[1:])
        if side == 1:
            self.cells[term], self.shares[term] = values, np.ones(values.shape[1:])
            return
        fine = values[:, : ny * side, : nx * side]
        self.cells[term] = np.stack([summed(image.astype(float), side) / side**2 for image in fine]).astype(np.float32)
        variance = variance_of_mean(self.shared[term], looks, np.ones((len(fine), 1), bool))
        self.shares[term] = looks_share(fine.sum(axis=0, dtype=float).reshape(ny, side, nx, side), variance[0])

    def history(self):
        return change_history(self.cells, Dates(self.looks, self.shared), Rule(LEVELS[-1]), self.shares)

    def between(self, before: slice, after: slice):
        """The share of cells that differ between two periods, in the first term."""
        term = next(iter(self.cells))
        chosen = np.r_[before, after]
        first = np.arange(len(chosen)) < before.stop - before.start
        looks, shared = self.looks[term][chosen], self.shared[term][np.ix_(chosen, chosen)]
        options = {"share": self.shares[term], "inflation": inflation(shared, looks, first)}
        found = change_between(self.cells[term][chosen], looks, int(first.sum()), LEVELS[-1], **options)
        return 100 * (found.p_value < LEVELS[-1]).mean()

    def rates(self) -> dict[str, float]:
        """Percent of the cells that the tests flag at 1 %."""
        history, half = self.history(), self.dates // 2
        return {
            "history": 100 * (history.p_value < LEVELS[-1]).mean(),
            "changed": 100 * (history.n_changes > 0).mean(),
            "halves": self.between(slice(0, half), slice(half, self.dates)),
            "neighbours": self.between(slice(0, 1), slice(1, 2)),
        }


def two_terms(one) -> dict[str, np.ndarray]:
    return {"HHHH": one(), "HVHV": one()}


@pytest.mark.parametrize(("variation", "dates"), [(0, 5), (0.53, 5), (0.95, 30)])
def test_texture_within_cells(variation, dates):
    rng, shape = np.random.default_rng(1), (450, 450)
    still = texture(rng, variation, shape)
    found = Scene(two_terms(lambda: still * coherent(rng, 0, dates, shape)), multilook=3).rates()
    print(variation, dates, found)
    assert 0.7 <= found["history"] <= 1.3 and 0.25 <= found["changed"] <= 1.1 and 0.7 <= found["halves"] <= 1.3


@pytest.mark.parametrize("dates", [5, 100])
@pytest.mark.parametrize(
    ("coherence", "history", "halves"), [(0, 1.3, 1.3), (0.5, 1.4, 1.3), (0.7, 1.6, 1.6), (0.9, 2.0, 1.6)]
)
def test_speckle_that_dates_share(coherence, history, halves, dates):
    rng, shape = np.random.default_rng(2), (160, 160)
    scene = Scene(two_terms(lambda: coherent(rng, coherence, dates, shape)))
    found = scene.rates()
    print(coherence, dates, found, scene.estimates["HHHH"]["DHDH"].coherence)
    assert (0.15 if dates == 5 else 0.7) <= found["history"] <= (1.3 if dates == 5 else history)
    assert 0.7 <= found["halves"] <= halves and found["neighbours"] <= 1.3


@pytest.mark.parametrize("dates", [5, 30])
def test_forest_in_a_coherent_scene(dates):
    """A quarter of the scene is less coherent than the rest: it is not flagged more."""
    rng, shape = np.random.default_rng(3), (240, 400)
    coherence = np.full(shape, 0.7)
    coherence[:, :100] = 0.2
    scene = Scene(two_terms(lambda: coherent(rng, coherence, dates, shape)))
    history = scene.history().p_value[:, :100]
    assert 100 * (history < LEVELS[-1]).mean() <= 1.6 and scene.between(slice(0, 1), slice(1, 2)) <= 1.6


def test_texture_and_shared_speckle():
    rng, shape = np.random.default_rng(4), (450, 450)
    still = texture(rng, 0.5, shape)
    found = Scene(two_terms(lambda: still * coherent(rng, 0.7, 30, shape)), multilook=3).rates()
    assert found["history"] <= 1.8 and found["halves"] <= 1.8


def test_fields_with_seasons_of_their_own_do_not_share_speckle():
    """Fields of 200 m, each with a season of +-1 dB at a time of its own."""
    rng, shape, dates = np.random.default_rng(5), (320, 320), 30
    phase = rng.uniform(0, 2 * np.pi, (32, 32)).repeat(10, axis=0).repeat(10, axis=1)
    season = [10 ** (0.1 * np.cos(2 * np.pi * date / 30 + phase)) for date in range(dates)]
    scene = Scene({"HHHH": coherent(rng, 0, dates, shape) * np.array(season, np.float32)})
    found = scene.estimates["HHHH"]["DHDH"]
    assert found.looks == pytest.approx(LOOKS, rel=0.04) and found.coherence == 0


@pytest.mark.parametrize("missing", ["cells", "dates"])
def test_alternating_codes_with_gaps(missing):
    """DHDH and SHSH by turns; a fifth of the cells' dates, or of the dates, is missing."""
    rng, shape, dates = np.random.default_rng(6), (300, 300), 20
    power = two_terms(lambda: coherent(rng, 0, dates, shape))
    codes = ["DHDH", "SHSH"] * (dates // 2)
    power["HVHV"][1::2] = np.nan
    scene = Scene(power, codes=codes)
    for term, values in power.items():
        gone = rng.random(values.shape) < 0.2 if missing == "cells" else np.arange(dates)[:, None, None] % 5 == 4
        scene.cells[term] = np.where(gone, np.float32(np.nan), values)
        if missing == "dates":
            scene.looks[term][4::5] = np.nan
    history = scene.history()
    assert 0.7 <= 100 * (history.p_value < LEVELS[-1]).mean() <= 1.3


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
            found = change_history(few, Dates(dict.fromkeys(terms, each[:dates])), Rule(LEVELS[-1]))
            for level in LEVELS:
                counts[dates, level] += (found.p_value < level).sum()
            counts[dates, "changed"] += (found.n_changes > 0).sum()
    for (dates, level), count in counts.items():
        if level == "changed":
            assert count / PIXELS <= 1.1 * LEVELS[-1], dates
        else:
            assert count / PIXELS == pytest.approx(level, rel=0.1), (dates, level)
