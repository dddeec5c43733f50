"""Which samples of a stack count, decided one by one, and as numpy reads them from the store."""

from pathlib import Path

import numpy as np
import pytest
from helpers import memory_stack

from gcov.errors import GcovError
from gcov.stores import store
from gcov.stores.stack import Stack, open_with

POWERS = [1, 0, -1, 1e-30, np.nan, np.inf, -np.inf]


def every_case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every power beside every value of the mask and of the exception mask, as two dates (time, y, x)."""
    shape = (2, 256, len(POWERS))
    mask = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], shape).copy()
    power = np.broadcast_to(np.array(POWERS, np.float32), shape).copy()
    exceptions = np.ones(shape, np.uint8)
    exceptions[1] = 0
    return power, mask, exceptions


@pytest.mark.parametrize("valid_samples_only", [True, False])
@pytest.mark.parametrize("excepted", [(), ("HHHH",), ("HVHV",), ("HHHH", "HVHV")])
def test_samples_that_count(valid_samples_only, excepted):
    power, mask, exceptions = every_case()
    layers = {"HHHH": power, "HVHV": power, **{term + store.VALID: exceptions for term in excepted}}
    stack = Stack(memory_stack(layers, mask), valid_samples_only=valid_samples_only)
    for term in ("HHHH", "HVHV"):
        found = stack.power(term)
        assert found.dtype == np.float32
        for index in np.ndindex(power.shape):
            valid = mask[index] not in (0, 255) and not (term in excepted and index[0] == 1)
            counts = abs(float(power[index])) < 1e38 and (valid or not valid_samples_only)
            assert np.array_equal(found[index], power[index] if counts else np.nan, equal_nan=True), (term, index)
    np.testing.assert_array_equal(stack.data["HHHH"], power, "the store itself is not changed")


@pytest.mark.parametrize(
    "region",
    [
        {"time": slice(1, 3)},
        {"time": slice(0, 1), "y": slice(10, 40), "x": slice(0, 7)},
        {"y": slice(59, 60)},
        {},
        None,
    ],
)
def test_a_region_and_a_part_hold_the_samples_of_the_whole(region):
    rng = np.random.default_rng(3)
    power, mask = rng.gamma(4, 0.1, (3, 60, 50)).astype("f4"), rng.choice([0, 1, 2, 255], (3, 60, 50)).astype("u1")
    stack = Stack(memory_stack({"HHHH": power}, mask), valid_samples_only=True)
    where = tuple((region or {}).get(dim, slice(None)) for dim in store.DIMS)
    wanted = np.where((mask == 1) | (mask == 2), power, np.nan)[where]
    np.testing.assert_array_equal(stack.power("HHHH", region), wanted)
    np.testing.assert_array_equal(stack.part(region or {}).power("HHHH"), wanted)


def test_a_term_that_the_stack_lacks_is_named():
    stack = Stack(memory_stack({"HHHH": np.ones((1, 2, 2), "f4")}, np.ones((1, 2, 2), "u1")), valid_samples_only=True)
    with pytest.raises(GcovError, match="the stack has no term VVVV; it holds HHHH, mask"):
        stack.power("VVVV")


def test_a_jobs_inputs_and_settings_are_the_arguments_of_its_function(tmp_path):
    grid = memory_stack({}, np.ones((1, 2, 3), "u1"))
    types = {"HHHH": "f4", "mask": "u1"}
    store.create(tmp_path / "a.zarr", grid=grid, dates=store.dates_of(grid), types=types, attributes={"aoi": "x"})
    region = {"time": slice(0, 1), "y": slice(0, 2), "x": slice(0, 3)}
    store.write(tmp_path / "a.zarr", region, {"HHHH": np.ones((1, 2, 3), "f4"), "mask": np.zeros((1, 2, 3), "u1")})
    store.finish(tmp_path / "a.zarr")
    for valid in (True, False):
        settings = {"valid_samples_only": valid, "looks": None, "multilook": 3}
        inputs = {"stack": str(tmp_path / "a.zarr"), "series": ["a/b.csv"], "zones": [], "looks": "looks.json"}
        given = open_with(inputs, settings)
        stack = given.pop("stack")
        assert given == {"series": [Path("a/b.csv")], "looks": Path("looks.json"), "multilook": 3}
        assert np.isnan(stack.power("HHHH")).all() == valid
        assert stack.attributes["valid_samples_only"] is valid and stack.attributes["aoi"] == "x"
        assert "multilook" in settings, "Snakemake's own are left alone"
    (tmp_path / "a.zarr/HHHH/c/0/0/0").unlink()
    with pytest.raises(GcovError, match=r"a\.zarr is damaged: it lacks HHHH/c/0/0/0"):
        open_with(inputs, settings)
