"""Lost echoes: which samples count nowhere though their mask is valid, decided one by one."""

import base64
import json
import zlib

import numpy as np
import pandas as pd
import pytest
import rasterio
from geotiff_date import geotiff_date
from helpers import memory_stack
from products import fragment, summarized
from scipy.special import gammainc
from scipy.stats import gamma
from stack import stack as make_stack
from stack_db import stack_db

from gcov.analysis import cube
from gcov.analysis.multilook import image_of
from gcov.pages import pixels
from gcov.stores import echoes, store
from gcov.stores.stack import Stack
from gcov.testing.synthetic import without_echoes

NOISE = 2e-4  # linear, -37 dB
LIMIT = 2e-6
POWERS = np.array([1, LIMIT * 1.01, LIMIT * 0.99, 1e-30, 0, -0.0, -1e-9, np.nan, np.inf], np.float32)
ALL, NOT_0, NOT_LOW = ([0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 6], [0, 1])  # of POWERS: those that count


def stack_of(
    noise=NOISE, corrected: str | None = "False", stated=9.3, looks=None, term="HHHH", mask=1, **options
) -> Stack:
    """A stack of one date with POWERS; None for `corrected` is one of an earlier version."""
    power = POWERS.reshape(1, 3, 3).astype("c8" if term == "HHVV" else "f4")
    facts = {"noise_correction_applied": [corrected or ""], "software_version": ["" if corrected is None else "0.25"]}
    data = memory_stack({term: power}, np.full(power.shape, mask, "u1"), **facts)
    table = {term: {"mean": noise, "y": [0, 1], "x": [0, 1], "power": [[noise] * 2] * 2}}
    attributes = {
        "noise": [[table] if noise else [{}]],
        "without_noise": [["no table"]],
        "mean_number_of_looks": [stated],
    }
    data = data.assign_attrs({key: json.dumps(value) for key, value in attributes.items()})
    return Stack(data, **{"valid_samples_only": True, "looks": looks, **options})


@pytest.mark.parametrize(
    ("facts", "counting", "why"),
    [
        ({}, NOT_LOW, ""),
        ({"corrected": ""}, NOT_LOW, ""),
        ({"corrected": "True"}, ALL, "noise was subtracted"),
        ({"corrected": "False True"}, ALL, "noise was subtracted"),
        ({"corrected": "True", "noise": None}, ALL, "noise was subtracted"),
        ({"corrected": None}, NOT_0, "an earlier version"),
        ({"noise": None}, NOT_0, r"no noise floor \(no table\)"),
        ({"stated": 3.9}, NOT_0, "3.9 looks are too few"),
        ({"stated": 1.0, "looks": 9.3}, NOT_0, "1 looks are too few"),
        ({"stated": 4.0}, NOT_LOW, ""),
        ({"stated": None}, NOT_0, "the number of looks is unknown"),
        ({"stated": None, "looks": 9.3}, NOT_LOW, ""),
        ({"stated": None, "looks": 1}, NOT_0, "1 looks are too few"),
        ({"stated": None, "looks": {"DHDH": 9.3}}, NOT_LOW, ""),
        ({"stated": None, "looks": {"SHSH": 9.3}}, NOT_0, "the number of looks is unknown"),
        ({"term": "HHVV"}, NOT_0, "off-diagonal"),
        ({"term": "HHVV", "corrected": "True"}, ALL, "noise was subtracted"),
        ({"mask": 0}, [], ""),
        ({"mask": 255}, [], ""),
        ({"valid_samples_only": False}, ALL, ""),
        ({"valid_samples_only": False, "mask": 0}, ALL, ""),
    ],
)
def test_samples_without_an_echo_do_not_count(facts, counting, why):
    term = facts.get("term", "HHHH")
    stack = stack_of(**facts)
    power, lost = stack.power_and_lost(term)
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(power)), counting)
    wanted = sorted({*ALL} - {*counting}) if facts.get("mask", 1) == 1 else []
    assert ([] if lost is None else np.flatnonzero(lost).tolist()) == wanted
    assert pd.Series(stack.limits(term).why).str.match(f"^{why or '$'}").all()
    np.testing.assert_array_equal(stack.data[term].values.real.ravel(), POWERS, "the store keeps its values")


def test_each_date_and_term_has_its_own_limit_in_regions_and_parts():
    rng = np.random.default_rng(8)
    shape = (3, 6, 8)
    powers = {term: rng.choice([1e-7, 1e-6, 1e-5, 1], shape).astype("f4") for term in ("HHHH", "HVHV")}
    mask, exceptions = rng.choice([0, 1, 255], shape).astype("u1"), rng.choice([0, 1], shape).astype("u1")
    floors = {"HHHH": [5e-4, 5e-5, None], "HVHV": [None, 5e-3, 5e-5]}
    stated = [
        [
            {
                term: {"mean": of[date], "y": [0], "x": [0], "power": [[of[date]]]}
                for term, of in floors.items()
                if of[date]
            }
        ]
        for date in range(3)
    ]
    facts = {"noise": stated, "mean_number_of_looks": [9, 9, 9]}
    data = memory_stack({**powers, "HVHV_valid": exceptions}, mask, noise_correction_applied=["False"] * 3)
    stack = Stack(data.assign_attrs({key: json.dumps(value) for key, value in facts.items()}), valid_samples_only=True)
    for term, power in powers.items():
        below = np.array([0.01 * (floor or 0) for floor in floors[term]])[:, None, None]
        valid = (mask == 1) & ((exceptions == 1) | (term == "HHHH"))
        wanted = np.where(valid & (power >= below), power, np.nan)
        assert 0 < np.isnan(wanted[valid]).sum() < valid.sum()
        np.testing.assert_array_equal(stack.power(term), wanted)
        for region in ({"time": slice(1, 3), "y": slice(2, 5)}, {"time": slice(2, 3)}, {"x": slice(0, 3)}):
            where = tuple(region.get(dim, slice(None)) for dim in store.DIMS)
            np.testing.assert_array_equal(stack.power(term, region), wanted[where])
            np.testing.assert_array_equal(stack.part(region).power(term), wanted[where])
            inner = {"y": slice(0, 2)}
            np.testing.assert_array_equal(stack.part(region).power(term, inner), wanted[where][:, :2])
    # averages take the samples that are left; a test needs whole cells, and loses the date
    whole = {"time": slice(0, 3), "y": slice(0, 3), "x": slice(0, 4)}
    kept = stack.power("HHHH").reshape(3, 3, 2, 4, 2)
    with np.errstate(invalid="ignore"):
        means = np.nansum(kept, axis=(2, 4), dtype=float) / np.isfinite(kept).sum(axis=(2, 4))
    np.testing.assert_allclose(cube.cells(stack, "HHHH", whole, 2), means, rtol=1e-6)
    use = {"HHHH": np.ones(3, bool)}
    (block,) = cube.blocks(stack, use, dates=range(3), multilook=2, whole_cells=True)
    np.testing.assert_allclose(block.power["HHHH"], kept.mean(axis=(2, 4), dtype=float), rtol=1e-6)


def test_a_pass_of_several_granules_has_the_mean_of_their_noise_and_looks():
    one = {"noise": json.dumps({"HHHH": {"mean": 1e-4, "y": [0], "x": [0], "power": [[1e-4]]}})}
    other = {"noise": json.dumps({"HHHH": {"mean": 3e-4, "y": [0], "x": [0], "power": [[3e-4]]}})}
    looks = {"mean_number_of_looks": 9.0}
    one_date = {"noise_correction_applied": ["False"]}
    data = memory_stack({"HHHH": np.ones((1, 2, 2), "f4")}, np.ones((1, 2, 2), "u1"), **one_date)
    for members, below in (([one, other], 2e-6), ([one, {}], 1e-6), ([{}, {}], np.nan)):
        stated = echoes.gathered([[{**looks, **member} for member in members]])
        assert echoes.limits(data.assign_attrs(stated), "HHHH").below == pytest.approx([below], nan_ok=True)


@pytest.mark.parametrize(("looks", "chance"), [(1, 1e-2), (2, 2e-4), (4, 1e-7), (9, 1e-15)])
def test_the_chance_that_noise_alone_is_that_low_is_the_one_that_the_documentation_states(looks, chance):
    assert gammainc(looks, looks * echoes.OF_NOISE) == pytest.approx(chance, rel=0.05)


def test_dark_water_keeps_its_samples():
    """Samples of noise alone with four looks: of a million, the lowest is above the limit."""
    assert gamma.ppf(1e-6, 4) / 4 > echoes.OF_NOISE
    rng = np.random.default_rng(2)
    power = (NOISE * rng.gamma(4, 1 / 4, (1, 1000, 1000))).astype("f4")
    data = memory_stack({"HVHV": power}, np.ones(power.shape, "u1"), noise_correction_applied=["False"])
    data = data.assign_attrs(stack_of(term="HVHV", stated=4).data.attrs)
    assert Stack(data, valid_samples_only=True).power_and_lost("HVHV")[1] is None


def test_granules_with_lost_echoes(band, write, tmp_path):
    """One of three dates has lost HV in a fifth of its rows; another has no noise table that can be used."""
    whole = band()
    bands = [whole, without_echoes(whole, slice(20, 44), ["HVHV"]), without_echoes(whole, slice(20, 44))]
    bands[2] = type(whole)(**{**vars(bands[2]), "noise": np.full((13, 14), -35, np.float32)})
    days = pd.date_range("2026-01-01", periods=3, freq="12D")
    paths = [fragment(tmp_path, write(one, start=day), terms=("HHHH", "HVHV")) for one, day in zip(bands, days)]
    make_stack(fragments=paths, output=tmp_path / "stack.zarr")
    stack = Stack(tmp_path / "stack.zarr", valid_samples_only=True)
    mask = stack.data["mask"].values
    valid = (mask >= 1) & (mask <= 254)
    low = {term: stack.data[term].values < 3e-6 for term in ("HHHH", "HVHV")}
    assert (low["HVHV"][1] & valid[1]).sum() > 100
    stack_db(stack=stack, output=tmp_path / "db.zarr")
    for term, dates in (("HHHH", []), ("HVHV", [1])):
        counts = np.isfinite(stack.power(term))
        wanted = valid.copy()
        for date in dates:
            wanted[date] &= ~low[term][date]
        np.testing.assert_array_equal(counts, wanted)
        made = summarized(tmp_path, stack, term)
        found = pd.read_csv(made.no_echo)
        assert found["n_no_echo"].tolist() == [(valid & ~wanted)[date].sum() for date in range(3)]
        assert found["limit_db"].round().tolist()[:2] == [-56, -56] and np.isnan(found["limit_db"][2])
        assert found["why_no_limit"][2].startswith("no noise floor (the table of H")
        series = pd.read_csv(made.mean_series)
        assert series["n_valid"].tolist() == wanted.sum(axis=(1, 2)).tolist()
        np.testing.assert_allclose(series["mean_power"][1], stack.data[term].values[1][wanted[1]].mean(), rtol=1e-5)
        np.testing.assert_array_equal(
            np.isfinite(stack.power(term)), np.isfinite(store.open_store(tmp_path / "db.zarr")[term].values)
        )
        for date, path in enumerate(paths):
            geotiff_date(
                fragments=[path], term=term, quantity="power", valid_samples_only=True, output=tmp_path / "a.tif"
            )
            with rasterio.open(tmp_path / "a.tif") as tif:
                np.testing.assert_array_equal(tif.read(1), stack.power(term)[date])


@pytest.mark.parametrize("side", [1, 2, 5])
def test_images_show_where_echoes_were_lost(side):
    """A cell is shown so if no sample counts in it, but one would with an echo; the page keeps these cells by date."""
    rng = np.random.default_rng(4)
    power = (NOISE * 100 * rng.gamma(9, 1 / 9, (2, 1100, 40))).astype("f4")
    power[1, 520:733, :23] = 1e-9
    mask = rng.choice([0, 1, 1, 1], power.shape).astype("u1")
    facts = {"noise_correction_applied": ["False"] * 2, "software_version": ["0.25"] * 2}
    attributes = {key: json.dumps(2 * json.loads(stack_of().data.attrs[key])) for key in ("noise", "without_noise")}
    attributes["mean_number_of_looks"] = json.dumps([9.3] * 2)
    stack = Stack(memory_stack({"HHHH": power}, mask, **facts).assign_attrs(attributes), valid_samples_only=True)
    wanted = np.zeros((-(-1100 // side), -(-40 // side)), bool)
    for row, column in np.ndindex(wanted.shape):
        cell = np.s_[1, row * side : (row + 1) * side, column * side : (column + 1) * side]
        valid = power[cell][mask[cell] == 1]
        wanted[row, column] = valid.size and (valid < LIMIT).all()
    assert 0 < wanted.sum() < wanted.size / 2
    image, lost = image_of(stack, "HHHH", 1, side)
    np.testing.assert_array_equal(lost, wanted)
    assert np.isnan(image[lost]).all() and not image_of(stack, "HHHH", 0, side)[1].any()
    (date, text), *others = pixels.encoded_term(stack, "HHHH", side).lost.items()
    assert date == 1 and not others
    np.testing.assert_array_equal(np.frombuffer(zlib.decompress(base64.b64decode(text)), "u1"), wanted.ravel())
