"""Anomalies against the same season of a baseline."""

import numpy as np
import pytest

from gcov.analysis.anomaly import anomalies

BASELINE = ("2025-12-20", "2026-12-19")
TIMES = ["2025-12-20", "2026-01-01", "2026-01-13", "2026-01-25", "2026-12-27"]
MEANS_DB, SE_DB = np.array([-11, -10.5, -10, -9.8, -12]), np.array([0.03, 0.03, 0.04, 0.04, 0.03])


def anomaly(times, means_db=MEANS_DB, se_db=SE_DB, baseline=BASELINE) -> np.ndarray:
    """Anomalies and errors (2, dates)."""
    times = np.array([f"{time}T23:47:39" for time in times], "datetime64[s]")
    return np.array(anomalies(times, 10 ** (np.array(means_db) / 10), np.array(se_db), baseline))


def test_the_vector():
    """2026-01-25 is 29 days off; sd_b is .499173 dB."""
    found = anomaly(TIMES)
    np.testing.assert_allclose(found[:, 4], [-1.519167, 0.290444], atol=5e-7)
    assert not np.isclose(found[0, :4], 0).any()  # a date of the baseline is compared with the others


@pytest.mark.parametrize(
    ("times", "compared"),
    [
        (["2025-06-01", "2026-06-19"], True),  # 18 days
        (["2025-06-01", "2026-06-20"], False),
        (["2025-12-31", "2026-01-18"], True),  # across the new year
        (["2025-12-31", "2027-01-19"], False),
        (["2024-12-31", "2026-01-18"], True),  # the 366th day of a leap year
        (["2024-02-29", "2025-03-18"], True),
        (["2025-06-01", "2025-06-01"], True),  # two passes of one day
    ],
)
def test_the_same_season(times, compared):
    found = anomaly(times, [-10, -12], [0.3, 0.4], (times[0], times[0]))
    assert np.isfinite(found[:, 1]).all() == compared
    if compared:  # one date has no standard deviation
        np.testing.assert_allclose(found[:, 1], [-2, 0.5])


def test_what_is_missing():
    """Dates without samples neither have an anomaly nor count in the baseline; without an error, there is none."""
    assert np.isnan(anomaly(TIMES, baseline=None)).all()
    assert np.isnan(anomaly(TIMES, baseline=("2020-01-01", "2020-12-31"))).all()
    np.testing.assert_array_equal(anomaly([TIMES[0]], [-10], [0.1]), [[np.nan], [np.nan]])  # never against itself
    lacking = anomaly(TIMES, np.where(np.arange(5) == 1, np.nan, MEANS_DB), SE_DB)
    np.testing.assert_allclose(lacking[0, 4], -12 - 10 * np.log10((10**-1.1 + 10**-1.0) / 2))
    assert np.isnan(lacking[0, 1])
    unknown = anomaly(TIMES, MEANS_DB, np.full(5, np.nan))
    assert np.isfinite(unknown[0, 4]) and np.isnan(unknown[1]).all()


def test_the_error_is_that_of_simulated_dates():
    """Anomalies of a year that is like three others, which vary by 0.4 dB and are measured to 0.1 dB."""
    rng, times = np.random.default_rng(8), [f"{year}-07-01" for year in (2026, 2027, 2028, 2029)]
    years = -10 + 0.4 * rng.normal(size=(4000, 4))
    found = np.array([anomaly(times, of, [0.1] * 4, (times[0], times[2]))[:, 3] for of in years])
    expected = np.sqrt(0.4**2 + 0.4**2 / 3)  # of which the error covers the baseline's part, and speckle
    assert found[:, 0].std() == pytest.approx(expected, rel=0.05)
    assert np.sqrt((found[:, 1] ** 2).mean()) == pytest.approx(np.sqrt(0.1**2 + 0.1**2 / 3 + 0.4**2 / 3), rel=0.05)
