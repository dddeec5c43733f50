"""Memory at the peak, beside the size of the part of a store that is handled at once (numpy tells tracemalloc)."""

import json
import tracemalloc
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import filtered
import numpy as np
from helpers import grid_of, memory_stack
from indices import write_images

from gcov.analysis import cube
from gcov.export import layers
from gcov.granules import Granule, from_name
from gcov.indices import name_of_index
from gcov.stores import mosaic, store
from gcov.stores.stack import Stack

AXES = np.arange(2048) * 20.0
NAME = "NISAR_L2_PR_GCOV_006_026_A_{:03}_2005_DHDH_A_20251123T234739_20251123T234814_X05009_N_F_J_001"


def peak(work: Callable[[], object]) -> int:
    """Bytes at the peak of a function, more than before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def speckle(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_gamma(9, shape, np.float32)


def test_cells_are_averaged_in_bands():
    power = speckle(1, 8192, 512)
    stack = Stack(memory_stack({"HHHH": power}, np.ones(power.shape, "u1")), valid_samples_only=True)
    cells = {"time": slice(0, 1), "y": slice(0, 4096), "x": slice(0, 256)}
    assert peak(lambda: cube.cells(stack, "HHHH", cells, 2)) < 0.7 * power.nbytes


def test_indices_take_no_more_than_their_terms_and_an_image(tmp_path):
    power = speckle(1, 2048, 1024)
    data = memory_stack(dict.fromkeys(["HHHH", "HVHV"], power), np.ones(power.shape, "u1"))
    names, whole = ("HVHV/HHHH", "RVI", "RFDI"), {"time": slice(0, 1), "y": slice(0, 2048), "x": slice(0, 1024)}
    path, types = tmp_path / "indices.zarr", dict.fromkeys(map(name_of_index, names), "f4")
    store.create(path, grid=data[["y", "x", "spatial_ref"]], dates=store.dates_of(data), types=types, attributes={})
    write = partial(write_images, path, Stack(data, valid_samples_only=True), whole, names, ["HHHH", "HVHV"], 1)
    assert peak(write) < 5 * power.nbytes


def test_filter_holds_no_image_of_the_date_before():
    power = speckle(4, 1024, 1024)
    stack = Stack(memory_stack({"HHHH": power}, np.ones(power.shape, "u1")), valid_samples_only=True)

    def run():
        for _, image, _ in filtered.images(stack, "HHHH", {"y": slice(0, 1024), "x": slice(0, 1024)}, 5):
            del image

    assert peak(run) < 8 * power[0].nbytes


def write_fragment(path: Path, granule: Granule, names: list[str]) -> store.Fragment:
    grid = grid_of(32645, AXES[:1024], AXES[::-1])
    attributes = {"granule_record": json.dumps(asdict(granule)), "frequency": "A"}
    types = dict.fromkeys(names, "f4") | {"mask": "u1"}
    store.create(path, grid=grid, dates=[mosaic.date_of([granule])], types=types, attributes=attributes)
    everything = {"time": slice(0, 1), "y": slice(0, 2048), "x": slice(0, 1024)}
    layers = {name: speckle(1, 2048, 1024) for name in names}
    store.write(path, everything, {**layers, "mask": np.ones((1, 2048, 1024), "u1")})
    store.finish(path)
    return store.fragment_info(path)


def test_granules_of_a_pass_are_merged_in_bands(tmp_path):
    granules = [from_name(NAME.format(frame)) for frame in (16, 17)]
    members = [write_fragment(tmp_path / f"{one.frame}.zarr", one, ["HHHH"]) for one in granules]
    write_fragment(tmp_path / "stack.zarr", granules[0], ["HHHH"])
    assert peak(lambda: mosaic.write_date(tmp_path / "stack.zarr", 0, members, ["HHHH"])) < 5 * 2048 * 1024 * 4


def test_a_geotiff_of_a_pass_is_made_a_row_of_chunks_at_a_time(tmp_path):
    granules, names = [from_name(NAME.format(frame)) for frame in (16, 17)], ["HHHH", "rtcGammaToSigmaFactor"]
    members = [write_fragment(tmp_path / f"{one.frame}.zarr", one, names) for one in granules]
    band = layers.date_band(members, "HHHH", "sigma0", valid_samples_only=True)
    assert peak(lambda: deque(band.parts, maxlen=0)) < 18 * 512 * 1024 * 4


def test_stores_are_verified_a_map_at_a_time(tmp_path):
    """Not all maps of a product at once, nor all intervals of one of them."""
    path, size = tmp_path / "maps.zarr", (1024, 1024)
    maps = {f"map{number}": speckle(*size) for number in range(8)}
    changes = np.zeros((48, *size), "i1")
    grid = grid_of(32645, AXES[:1024], AXES[1023::-1])
    types = {**dict.fromkeys(maps, "f4"), "direction": "i1"}
    further = {"coords": {"interval": np.arange(48)}, "dims": {"direction": ("interval", "y", "x")}}
    store.create(path, grid=grid, types=types, attributes={}, **further)
    whole = {"y": slice(0, 1024), "x": slice(0, 1024)}
    store.write(path, whole, maps)
    store.write(path, {"interval": slice(0, 48), **whole}, {"direction": changes})
    store.finish(path)
    assert store.damage(path) is None
    assert peak(lambda: store.damage(path)) < 6 * 512 * 1024 * 4
