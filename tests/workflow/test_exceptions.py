"""Input data exception mask and alternating polarizations: which samples of a term count, from clip to figures."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import stack_db
import xarray as xr
from helpers import FIRST
from products import fragment, stacked, summarized
from stack import stack

from gcov.figures.series import has_term, line
from gcov.granules import from_name
from gcov.stores import radiometry, store
from gcov.stores.stack import Stack

GOOD = 256 | 512  # HH and HV


@pytest.fixture
def exceptions(band):
    """A layer (ny, nx) with lost HV pulses, rows with an exception, and the fill value."""
    layer = np.full(band().mask.shape, GOOD, np.uint16)
    layer[30:60] = 256
    layer[60:64] |= 4
    layer[:, 100:104] = 65535
    return layer


def expected(layer: np.ndarray, mask: np.ndarray, bits: int) -> np.ndarray:
    """Which samples count, bit by bit."""
    valid = (mask > 0) & (mask < 255)
    for bit in range(16):
        here = (layer >> bit) & 1
        if bit < 8:
            valid &= here == 0
        elif bits & (1 << bit):
            valid &= here == 1
    return valid


def test_lost_pulses_of_one_polarization(write, band, exceptions, tmp_path):
    one = band()
    lost = write(replace(one, exceptions=exceptions))
    plain = write(band(12), cycle=7, start=FIRST + timedelta(days=12))
    parts = [fragment(tmp_path, path, terms=("HHHH", "HVHV")) for path in (lost, plain)]
    stack(fragments=parts, output=tmp_path / "stack.zarr")
    data = store.open_store(tmp_path / "stack.zarr")
    rows = np.isin(one.y, data["y"].values)
    cols = np.isin(one.x, data["x"].values)
    window = np.ix_(rows, cols)
    np.testing.assert_array_equal(data["mask"][0], one.mask[window])
    for term, bits in (("HHHH", 256), ("HVHV", 512)):
        counts = expected(exceptions, one.mask, bits)[window]
        assert 0 < counts.sum() < radiometry.is_valid(one.mask[window]).sum()
        found = radiometry.is_valid(store.mask_of(data.isel(time=slice(0, 1)), term))[0]
        np.testing.assert_array_equal(found, counts)
        assert (data[f"{term}_valid"][1] == 1).all()
        table = pd.read_csv(summarized(tmp_path, Stack(data, valid_samples_only=True), term).mean_series)
        finite = counts & np.isfinite(one.terms[term][window])
        assert table["n_valid"][0] == finite.sum()
        np.testing.assert_allclose(table["mean_power"][0], one.terms[term][window][finite].mean(dtype="f8"))
    stack_db.stack_db(stack=Stack(data, valid_samples_only=True), output=tmp_path / "db.zarr")
    lost_there = ~expected(exceptions, one.mask, 512)[window]
    assert np.isnan(xr.open_zarr(tmp_path / "db.zarr")["HVHV"].values[0][lost_there]).all()


def test_masks_that_say_nothing_of_terms_are_ignored_and_logged(write, band, tmp_path, caplog):
    caplog.set_level("INFO")
    old = fragment(tmp_path, write(replace(band(), exceptions=np.ones(band().mask.shape, np.uint8))))
    wrong = replace(band(12), exceptions=np.full((7, 9), GOOD, np.uint16))
    fragment(tmp_path, write(wrong, cycle=7, start=FIRST + timedelta(days=12)))
    assert "HHHH_valid" not in store.fragment_info(old).types
    assert "inputDataExceptionMask is uint8 and does not distinguish terms: ignored" in caplog.text
    assert "inputDataExceptionMask has the shape (7, 9), the mask (120, 152): ignored" in caplog.text


def test_the_fill_value_and_every_bit():
    layer = np.arange(65536, dtype=np.uint32).astype(np.uint16)
    for term, bits in (("HHHH", 256), ("HHVV", 256 | 2048), ("RHRV", 16384 | 32768)):
        wanted = expected(layer, np.ones(layer.shape, np.uint8), bits)
        np.testing.assert_array_equal(radiometry.without_exception(layer, term), wanted)


def test_alternating_polarizations_are_one_series(write, band, tmp_path):
    codes, paths = ["DHDH", "SHSH"] * 2, []
    for index, code in enumerate(codes):
        one = band(12 * index)
        terms = one.terms if code == "DHDH" else {"HHHH": one.terms["HHHH"]}
        facts = {"cycle": 6 + index, "start": FIRST + timedelta(days=12 * index), "pols": code}
        paths.append(write(replace(one, terms=terms), **facts))
    data = stacked(tmp_path, paths, terms=("HHHH", "HVHV"))
    assert data["polarizations"].values.tolist() == codes and np.isnan(data["HVHV"][1]).all()
    for term, there in (("HHHH", [True] * 4), ("HVHV", [True, False] * 2)):
        made = summarized(tmp_path, Stack(tmp_path / "stack.zarr", valid_samples_only=True), term)
        table = pd.read_csv(made.mean_series, keep_default_na=False)
        assert table["polarizations"].tolist() == codes
        assert (table["n_valid"] > 0).tolist() == there and (table["mean_db"] != "").tolist() == there


def test_a_pass_of_which_one_granule_lacks_a_term(write, band, tmp_path, caplog):
    """Adjacent frames on one lattice, the first one without HV: the second one's samples are the date's."""
    first = replace(band(), terms={"HHHH": band().terms["HHHH"]})
    second = band(12)
    later = FIRST + timedelta(seconds=35)
    paths = write(first, pols="SHSH"), write(second, start=later, frame=17)
    parts = [fragment(tmp_path, path, terms=("HHHH", "HVHV")) for path in paths]
    stack(fragments=parts, output=tmp_path / "stack.zarr")
    data = store.open_store(tmp_path / "stack.zarr")
    window = np.ix_(np.isin(second.y, data["y"].values), np.isin(second.x, data["x"].values))
    assert data.sizes["time"] == 1
    valid = radiometry.is_valid(first.mask[window])
    np.testing.assert_array_equal(data["HHHH"].values[0][valid], first.terms["HHHH"][window][valid])
    np.testing.assert_array_equal(data["HVHV"].values[0], second.terms["HVHV"][window])
    assert "HVHV: 1 of 2 granules have none" in caplog.text


def series(days: list[int], means: list[float], codes: str = "DHDH") -> pd.DataFrame:
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(days, "D")
    return pd.DataFrame({"time": times, "mean_db": means, "polarizations": codes})


def test_lines_break_at_gaps():
    table = line(series([0, 12, 24, 43, 55], [1, 2, 3, 4, 5]))
    assert np.isnan(table["mean_db"]).tolist() == [False, False, False, True, False, False]
    assert len(line(series([0, 12, 24, 42], [1, 2, 3, 4]))) == 4  # 18 days are 1.5 times 12: no gap


def test_a_date_without_the_term_is_no_gap():
    table = series([0, 12, 24, 36, 48], [1.0, np.nan, 3.0, np.nan, 5.0])
    table["polarizations"] = ["DHDH", "SHSH", "DHDH", "SHSH", "DHDH"]
    assert has_term(table, "HVHV", "A").tolist() == [True, False, True, False, True]
    assert line(table[has_term(table, "HVHV", "A")])["mean_db"].tolist() == [1, 3, 5]
    assert has_term(table, "HHHH", "A").all()
    seen = line(table[has_term(table, "HHHH", "A")])["mean_db"]
    assert np.isnan(seen).tolist() == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("code", "term", "frequency", "there"),
    [
        ("DHDH", "HVHV", "A", True),
        ("SHDH", "HVHV", "A", False),
        ("SHDH", "HVHV", "B", True),
        ("NADV", "VVVV", "A", False),
        ("QPNA", "HHVV", "A", True),
        ("CRNA", "RHRV", "A", True),
    ],
)
def test_what_a_code_says_of_a_term(code, term, frequency, there):
    name = f"NISAR_L2_PR_GCOV_006_026_A_016_2005_{code}_A_20251123T234739_20251123T234814_X05009_N_F_J_001"
    assert from_name(name).holds(term, frequency) == there
