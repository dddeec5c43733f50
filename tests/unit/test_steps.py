"""Texture, steps and gains: vectors computed by an independent implementation."""

import numpy as np
import pytest

from gcov.analysis.reference import gain
from gcov.analysis.steps import DB, step_db, step_p
from gcov.analysis.texture import looks_share

TEXTURE = """.10 .12 .09 .40 .05 .06 .11 .10 .08 | .11 .10 .10 .35 .06 .05 .12 .09 .07
| .09 .11 .12 .45 .05 .07 .10 .11 .09 | .12 .09 .08 .38 .04 .06 .09 .10 .10 | .10 .10 .11 .42 .06 .05 .11 .08 .08"""


def test_a_cell_over_texture_has_fewer_looks():
    samples = np.array([date.split() for date in TEXTURE.split("|")], float)  # (dates, samples)
    sums = samples.sum(axis=0).reshape(1, 3, 1, 3)
    assert looks_share(sums, 0) == pytest.approx(0.601328549607, abs=1e-12)
    assert looks_share(sums, 1 / (9.3 * 5)) == pytest.approx(0.614260346373, abs=1e-12)


def test_even_ground_has_all_looks_and_a_felled_half_most():
    even, felled = np.ones((2, 1, 2, 1, 2))
    felled[0, 0] = (1 + 0.1) / 2  # a row of samples, 10 dB lower on half of the dates
    assert looks_share(even, 0) == pytest.approx(1) and looks_share(felled, 0) == pytest.approx(0.922, abs=1e-3)
    assert np.isnan(looks_share(np.zeros((1, 2, 1, 2)), np.nan)).all()
    assert looks_share(np.full((1, 2, 1, 2), 0.1), 0.2) == 1  # not more than all


@pytest.mark.parametrize(
    ("step", "least", "after", "before", "wanted"),
    [
        (-3, 0, 160, 240, 5.86447e-11), (-3, 1, 160, 240, 1.00332e-05), (-3, 1.5, 160, 240, 8.71643e-04),
        (-3, 2, 160, 240, 0.025858), (-3, 2.5, 160, 240, 0.264463), (1.2, 1, 240, 240, 0.614131),
        (2, 1, 240, 240, 0.0117934), (-6.53, 3, 190, 190, 5.62523e-15), (0.4, 1, 80, 80, 1),
    ],
)  # fmt: skip
def test_probability_of_a_step(step, least, after, before, wanted):
    assert step_p(np.array(step), before, after, 1, least) == pytest.approx(wanted, rel=1e-5)


def test_a_step_needs_two_positive_means():
    assert np.isnan(step_db(np.array([0.0, np.nan, 0.1]), np.array([0.1, 0.1, -0.1]))).all()
    assert np.isnan(step_p(np.array(np.nan), 80, 80))


def test_gain_of_dates():
    power = np.array([[0.10, 0.20, 0.05, 0.08], [0.12, 0.23, 0.06, 0.10], [0.09, 0.19, 0.045, 0.02]])
    found = gain(power, np.array([80, 80, 40]))
    assert found.gain_db == pytest.approx([-0.11141252, 0.68039994, -0.56898742], abs=1e-8)
    assert power[2] / 10 ** (found.gain_db[2] / 10) == pytest.approx([0.10259856, 0.21659695, 0.05129928, 0.02279968])
    assert found.gain_se_db == pytest.approx(DB * np.sqrt(np.pi / 2 / (4 * np.array([80, 80, 40]))))


def test_error_of_a_gain_describes_simulated_cells():
    random = np.random.default_rng(3)
    gains = [gain(random.gamma(80, 1 / 80, (30, 400)), np.full(30, 80)) for _ in range(100)]
    assert np.std([one.gain_db for one in gains]) == pytest.approx(gains[0].gain_se_db[0], rel=0.1)
