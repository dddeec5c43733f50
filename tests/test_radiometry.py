"""Counting, quantiles, averaging and dB against numpy and plain loops."""

import numpy as np
import pytest

from gcov import radiometry
from gcov.radiometry import DB_BINS, POWER_BINS


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_bins_are_the_contracts():
    assert DB_BINS == (-40, 20, 50)
    assert POWER_BINS == (0, 2, 500)


def test_valid_is_1_to_254():
    mask = np.arange(256, dtype=np.uint8)
    assert np.flatnonzero(radiometry.is_valid(mask)).tolist() == list(range(1, 255))


def test_db_is_nan_where_power_is_not_positive():
    power = np.array([100, 1, 0.001, 1e-30, 0, -1, np.nan, np.inf], np.float32)
    db = radiometry.to_db(power)
    assert db.dtype == np.float32
    np.testing.assert_allclose(db[:4], [20, 0, -30, -300], atol=1e-4)
    assert np.isnan(db[4:7]).all() and np.isposinf(db[7])


def test_samples_that_count():
    power = np.array([[1, 2, np.nan], [4, np.inf, 6]], np.float32)
    mask = np.array([[1, 0, 1], [255, 1, 254]], np.uint8)
    assert radiometry.samples(power, mask, valid_samples_only=True).tolist() == [1, 6]
    assert radiometry.samples(power, mask, valid_samples_only=False).tolist() == [1, 2, 4, 6]


@pytest.mark.parametrize("bins", [DB_BINS, POWER_BINS, (0.0, 1.0, 3)])
def test_counts_are_numpys(rng, bins):
    low, high, number = bins
    values = rng.uniform(low - 1, high + 1, 200_000).astype(np.float32)
    found = radiometry.count(values, *bins)
    wanted, _ = np.histogram(values, bins=number, range=(low, high))
    assert found.sum() == wanted.sum()
    assert np.abs(np.cumsum(found) - np.cumsum(wanted)).max() <= 4  # 2 in 100,000 beside an edge


def test_histogram_in_db_is_numpys(rng):
    db = np.append(rng.uniform(-45, 25, 400_000), [-40] * 50 + [20] * 50).astype(np.float32)
    found = radiometry.histogram_db(radiometry.count_db(db))
    wanted, _ = np.histogram(db, bins=50, range=(-40, 20))
    assert np.abs(np.cumsum(found) - np.cumsum(wanted)).max() <= 8  # 2 in 100,000 beside an edge


def test_what_lies_beyond_is_counted_at_the_ends():
    counts = radiometry.count_db(np.array([-300, -200, 99.999, 100, 400], np.float32))
    assert np.flatnonzero(counts).tolist() == [0, 29_999]
    assert counts[[0, -1]].tolist() == [2, 3]


def test_the_ends_of_the_bins_count():
    values = np.array([0, 2, 1.9999999, 2.0000002, -1e-9, np.nextafter(np.float32(2), np.float32(0))], np.float32)
    counts = radiometry.count(values, *POWER_BINS)
    np.testing.assert_array_equal(counts, np.histogram(values, bins=500, range=(0, 2))[0])


def test_no_samples_no_counts():
    assert radiometry.count(np.array([], np.float32), *DB_BINS).tolist() == [0] * 50


def test_edges_are_numpys():
    np.testing.assert_array_equal(radiometry.edges(*DB_BINS), np.histogram_bin_edges([], 50, (-40, 20)))


@pytest.mark.parametrize("size", [1, 2, 3, 10, 170, 50_000])
@pytest.mark.parametrize("q", [0.05, 0.5, 0.95, 0, 1])
def test_quantiles_are_numpys(rng, size, q):
    """Also of a few samples, where neighbours lie far apart."""
    values = rng.normal(-12, 6, size)
    counts = radiometry.count_db(values)
    assert radiometry.quantile_db(counts, q) == pytest.approx(np.quantile(values, q), abs=0.0051)


def test_quantile_between_two_clusters(rng):
    values = np.concatenate([rng.normal(-30, 0.1, 95), rng.normal(0, 0.1, 5)])
    counts = radiometry.count_db(values)
    for q in (0.94, 0.945, 0.95, 0.955):
        assert radiometry.quantile_db(counts, q) == pytest.approx(np.quantile(values, q), abs=0.0051)


def test_quantile_of_nothing_is_nan():
    assert np.isnan(radiometry.quantile_db(np.zeros(30_000, int), 0.5))


@pytest.mark.parametrize("shape", [(12, 9), (13, 10), (1, 7), (5, 3)])
@pytest.mark.parametrize("cells", [(1, 1), (1, 3), (4, 3), (12, 9), (5, 2)])
@pytest.mark.parametrize("band", [2, 5, 100])
def test_cells_hold_each_sample_once_and_its_power(rng, shape, cells, band):
    """Band by band, as the samples of each cell picked one by one."""
    cells = min(cells[0], shape[0]), min(cells[1], shape[1])
    power = rng.gamma(2, 0.1, shape).astype(np.float32)
    use = rng.random(shape) < 0.6
    power[~use & (rng.random(shape) < 0.5)] = np.nan
    sums, counts = np.zeros((2, *cells), np.float32)
    for top in range(0, shape[0], band):
        rows = slice(top, min(top + band, shape[0]))
        radiometry.add_cells(sums, counts, power[rows], use[rows], rows, shape[0])
    members = {cell: [] for cell in np.ndindex(cells)}
    for row, column in np.argwhere(use):
        members[int(row * cells[0] / shape[0]), int(column * cells[1] / shape[1])].append(power[row, column])
    for cell, samples in members.items():
        assert counts[cell] == len(samples)
        assert sums[cell] == pytest.approx(np.sum(samples, dtype="f8"), rel=1e-6)
