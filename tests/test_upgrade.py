"""Results of an earlier version are used unchanged.

data/results_0.1.tar.xz is a whole run of version 0.1 (commit 46b83c4): two granules of the archive's, every product,
and what Snakemake noted of them. The pictures in it are empty files.
"""

import dataclasses
import re
import tarfile

import pytest
import xarray as xr
from helpers import REPO
from stack import stack

from gcov.stores import store
from gcov.stores.grid import Window, window_grid


@pytest.fixture
def earlier(analysis):
    """An analysis folder as version 0.1 has left it."""
    with tarfile.open(REPO / "tests" / "data" / "results_0.1.tar.xz") as tar:
        tar.extractall(analysis.folder, filter="data")
    return analysis


def test_tables_and_pictures_are_made_again_and_nothing_is_fetched(earlier):
    """Tables have more columns than they had, maps show zones; granules, fragments, stack and dB store stay."""
    output = earlier.run("-n")
    rules = set(re.findall(r"^ *(?:local)?(?:rule|checkpoint) (\w+):$", output, re.MULTILINE))
    assert rules == {
        "all",
        "summarize",
        "plot_histogram",
        "plot_mean_series",
        "animation",
        "explore",
        "index",
        "location",
    }


def test_a_stack_may_hold_fragments_of_both_versions(earlier, tmp_path):
    results = earlier.folder / "results" / "lake"
    first, second = sorted((results / "fragments").iterdir())
    old, fragment = store.open_stack(second), store.read_fragment(second)
    date = dataclasses.replace(store.dates_of(old)[0], polarizations="DHDH")
    grid = window_grid(old, Window(0, old.sizes["y"], 0, old.sizes["x"]))
    store.create(tmp_path / "new.zarr", grid=grid, dates=[date], types=fragment.types, attributes=fragment.attributes)
    whole = next(store.regions(old, rows=store.SHARD))
    store.write(tmp_path / "new.zarr", whole, {name: old[name].values for name in fragment.types})
    store.finish(tmp_path / "new.zarr")
    assert not store.same_axes(first, tmp_path / "new.zarr")
    stack(fragments=[first, tmp_path / "new.zarr"], output=tmp_path / "stack.zarr")
    with xr.open_zarr(tmp_path / "stack.zarr") as found, xr.open_zarr(results / "stack.zarr") as wanted:
        for name in fragment.types:
            assert found[name].values.tobytes() == wanted[name].values.tobytes()
