"""The tables: byte for byte as written by Python's csv module, and reading them back."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers import SERIES

from gcov import tables
from gcov.analysis.summary import Summary
from gcov.errors import GcovError
from gcov.inputs.rain import Rain

TIMES = ["2025-11-23T23:47:39", "2025-12-05T23:47:39", "2025-12-17T00:00:00"]
GRANULES = ["NA", "second third", '"odd", name']
CRIDS = ["X05009", "P05023 X05009", ""]
MATURITIES = ["BETA", "PROVISIONAL BETA", "BETA"]


@pytest.fixture
def stack() -> xr.Dataset:
    """The coordinates of a stack of three dates, 70 samples in the AOI."""
    words = {"granule": GRANULES, "crid": CRIDS, "maturity": MATURITIES, "polarizations": [""] * 3}
    strings = {name: ("time", np.array(text, np.dtypes.StringDType())) for name, text in words.items()}
    times = ("time", np.array(TIMES, "datetime64[s]"))
    return xr.Dataset(coords={"time": times, **strings}, attrs={"n_pixels": 70})


RAIN = Rain(np.array([np.nan, 3.5, 0]), np.array([np.nan, 1.25, 0]))


@pytest.fixture
def summary() -> tuple[Summary, list[np.ndarray]]:
    """Sums of three dates, the last without a sample; and the samples."""
    rng = np.random.default_rng(4)
    samples = [rng.gamma(2, 0.1, size).astype(np.float32) for size in (40, 70, 0)]
    samples[0][:2] = 0, -1e-3
    summary = Summary(3)
    for date, power in enumerate(samples):
        for part in np.array_split(power, 3):
            summary.add(date, part)
        summary.end_date(date)
    return summary, samples


def test_mean_series_is_written_as_the_csv_module_writes_it(stack, summary, tmp_path):
    sums, samples = summary
    tables.write(tmp_path / "a.csv", sums.mean_series(stack, "HHHH", RAIN))
    text = io.StringIO(newline="")
    wanted = csv.writer(text)
    wanted.writerow(SERIES)
    for time, granule, crid, maturity, power in zip(TIMES, GRANULES, CRIDS, MATURITIES, samples):
        means = [""] * 6
        if power.size:
            parts = [part.astype("f8") for part in np.array_split(power, 3)]
            total, squares = sum(float(part.sum()) for part in parts), sum(float(part @ part) for part in parts)
            mean = total / power.size
            spread = float(np.sqrt((squares - total * mean) / (power.size - 1)))
            means = [mean, float(10 * np.log10(mean)), spread, *sums.sums.percentiles[TIMES.index(time)].tolist()]
        # n_effective, se_db, noise_db, near_noise and anomalies are not known here, and neither are polarizations
        rain, before = {TIMES[1]: (3.5, 1.25), TIMES[2]: (0.0, 0.0)}.get(time, ("", ""))
        last = ["", "", "", "", rain, "", "", "", before, ""]
        wanted.writerow([time, granule, crid, maturity, 70, power.size, power.size / 70, *means, *last])
    assert (tmp_path / "a.csv").read_bytes().decode() == text.getvalue()


def test_spread_and_percentiles_are_numpys(stack, summary):
    sums, samples = summary
    series = sums.mean_series(stack, "HHHH", RAIN)
    wanted = [samples[date].astype("f8").std(ddof=1) for date in (0, 1)]
    np.testing.assert_allclose(series["std_power"][:2], wanted, rtol=1e-9)
    in_db = [10 * np.log10(power[power > 0]) for power in samples[:2]]
    for name, q in (("p05_db", 0.05), ("p50_db", 0.5), ("p95_db", 0.95)):
        np.testing.assert_allclose(series[name][:2], [np.quantile(db, q) for db in in_db], atol=0.03)
    assert series[["std_power", "p05_db", "p50_db", "p95_db", "n_effective", "se_db"]].iloc[2].isna().all()


def test_mean_series_is_read_back_as_it_was(stack, summary, tmp_path):
    written = summary[0].mean_series(stack, "HHHH", RAIN)
    tables.write(tmp_path / "a.csv", written)
    read = tables.read_series(tmp_path / "a.csv")
    assert read["time"].tolist() == [pd.Timestamp(time) for time in TIMES]
    assert [read[name].tolist() for name in ("granule", "crid", "maturity")] == [GRANULES, CRIDS, MATURITIES]
    assert read["n_valid"].tolist() == [40, 70, 0] and read["n_valid"].dtype == np.int64
    np.testing.assert_allclose(read[["mean_power", "mean_db"]], written[["mean_power", "mean_db"]], rtol=1e-14)
    assert read["mean_db"].isna().tolist() == [False, False, True]


def test_a_mean_that_is_not_positive_has_no_db(stack):
    summary = Summary(3)
    summary.add(0, np.array([-1, 0.5], np.float32))
    summary.add(1, np.array([0], np.float32))
    series = summary.mean_series(stack, "HHHH", RAIN)
    assert series["mean_power"].tolist()[:2] == [-0.25, 0] and series["mean_db"].isna().all()


def test_an_aoi_without_a_pixel_has_no_fraction(stack):
    stack.attrs["n_pixels"] = 0
    assert Summary(3).mean_series(stack, "HHHH", RAIN)["valid_fraction"].tolist() == [0, 0, 0]


def test_stretch_is_the_quantiles_of_the_positive_samples(summary):
    sums, samples = summary
    power = np.concatenate(samples)
    wanted = np.quantile(10 * np.log10(power[power > 0]), [0.05, 0.95])
    assert list(sums.stretch("HHHH").values()) == pytest.approx(wanted, abs=0.006)
    with pytest.raises(GcovError, match="HVHV has no positive sample that counts"):
        Summary(3).stretch("HVHV")


def test_sums_do_not_grow_with_samples(summary):
    def sizes():
        arrays = [*vars(summary[0]).values(), *vars(summary[0].sums).values()]
        return [array.nbytes for array in arrays if isinstance(array, np.ndarray)]

    before = sizes()
    summary[0].add(1, np.full(1_000_000, 0.1, np.float32))
    assert sizes() == before and len(before) == 12
