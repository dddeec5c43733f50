"""Masks, averaging and dB, compared with numpy and plain loops."""

import numpy as np
import pytest
from helpers import cell_means

from gcov.analysis.multilook import Multilook
from gcov.stores import radiometry


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_valid_is_1_to_254():
    mask = np.arange(256, dtype=np.uint8)
    assert np.flatnonzero(radiometry.is_valid(mask)).tolist() == list(range(1, 255))


def test_db_is_nan_where_power_is_not_positive():
    power = np.array([100, 1, 0.001, 1e-30, 0, -1, np.nan, np.inf], np.float32)
    db = radiometry.to_db(power)
    assert db.dtype == np.float32
    np.testing.assert_allclose(db[:4], [20, 0, -30, -300], atol=1e-4)
    assert np.isnan(db[4:7]).all() and np.isposinf(db[7])


@pytest.mark.parametrize("shape", [(12, 9), (13, 10), (1, 7), (5, 3)])
@pytest.mark.parametrize("looks", [1, 2, 3, 4, 13])
@pytest.mark.parametrize("band", [2, 5, 100])
def test_cells_are_of_looks_by_looks_samples_and_hold_each_once(rng, shape, looks, band):
    """Band by band, as numpy; cells at the edge hold what is there."""
    power = rng.gamma(2, 0.1, shape).astype(np.float32)
    use = rng.random(shape) < 0.6
    power[~use & (rng.random(shape) < 0.5)] = np.nan
    multilook = Multilook(looks, shape)
    for top in range(0, shape[0], band):
        rows = slice(top, min(top + band, shape[0]))
        multilook.add(np.where(use, power, np.nan)[rows], rows)
    found = multilook.mean
    np.testing.assert_allclose(found, cell_means(np.where(use, power, np.nan), looks), rtol=1e-6)
