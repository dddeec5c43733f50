"""Counts and quantiles compared with numpy."""

import numpy as np
import pytest

from gcov.analysis.histogram import DB, FINE_DB, POWER, Bins, coarse_db, count_db


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("bins", [DB, POWER, Bins(0.0, 1.0, 3)])
def test_counts_are_numpys(rng, bins):
    low, high, number = bins.low, bins.high, bins.number
    values = rng.uniform(low - 1, high + 1, 200_000).astype(np.float32)
    found = bins.count(values)
    wanted, _ = np.histogram(values, bins=number, range=(low, high))
    assert found.sum() == wanted.sum()
    assert np.abs(np.cumsum(found) - np.cumsum(wanted)).max() <= 4  # 2 in 100,000 beside an edge


def test_histogram_in_db_is_numpys(rng):
    db = np.append(rng.uniform(-45, 25, 400_000), [-40] * 50 + [20] * 50).astype(np.float32)
    found = coarse_db(count_db(db))
    wanted, _ = np.histogram(db, bins=50, range=(-40, 20))
    assert np.abs(np.cumsum(found) - np.cumsum(wanted)).max() <= 8  # 2 in 100,000 beside an edge


def test_what_lies_beyond_is_counted_at_the_ends():
    counts = count_db(np.array([-300, -200, 99.999, 100, 400], np.float32))
    assert np.flatnonzero(counts).tolist() == [0, 29_999]
    assert counts[[0, -1]].tolist() == [2, 3]


def test_the_ends_of_the_bins_count():
    values = np.array([0, 2, 1.9999999, 2.0000002, -1e-9, np.nextafter(np.float32(2), np.float32(0))], np.float32)
    counts = POWER.count(values)
    np.testing.assert_array_equal(counts, np.histogram(values, bins=500, range=(0, 2))[0])


def test_edges_are_numpys():
    np.testing.assert_array_equal(DB.edges, np.histogram_bin_edges([], 50, (-40, 20)))


@pytest.mark.parametrize("size", [1, 2, 3, 10, 170, 50_000])
@pytest.mark.parametrize("q", [0.05, 0.5, 0.95, 0, 1])
def test_quantiles_are_numpys(rng, size, q):
    """Also of a few samples, where neighbours lie far apart."""
    values = rng.normal(-12, 6, size)
    counts = count_db(values)
    assert FINE_DB.quantile(counts, q) == pytest.approx(np.quantile(values, q), abs=0.0051)


def test_quantile_between_two_clusters(rng):
    values = np.concatenate([rng.normal(-30, 0.1, 95), rng.normal(0, 0.1, 5)])
    counts = count_db(values)
    for q in (0.94, 0.945, 0.95, 0.955):
        assert FINE_DB.quantile(counts, q) == pytest.approx(np.quantile(values, q), abs=0.0051)


def test_quantile_of_nothing_is_nan():
    assert np.isnan(FINE_DB.quantile(np.zeros(30_000, int), 0.5))


def test_the_table_names_both_edges_of_every_bin():
    table = Bins(0.0, 1.0, 3).table(np.array([5, 0, 7]))
    assert table.to_csv(index=False).split() == [
        "bin_left,bin_right,count",
        "0,0.333333,5",
        "0.333333,0.666667,0",
        "0.666667,1,7",
    ]
