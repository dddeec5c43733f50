"""Results of an earlier version are used unchanged, and nothing is fetched again.

data/results_8c765d6.tar.xz is a whole run of commit 8c765d6: four dates of an archive, every product, an AOI of a box
in whole degrees, an AOI of a polygon, zones, rain and further layers, with what Snakemake noted of them. Pictures and
pages in it are empty files.
"""

import json
import re
import shutil
import tarfile

import pandas as pd
import pytest
import xarray as xr
from helpers import REPO
from stack import stack

from gcov.stores import store
from gcov.stores.grid import Window, window_grid

GRANULES = {"search", "clip", "stack"}  # rules that read the archive, or copy what was read
NO_LONGER = {  # parameters that rules had: valid_samples_only; with_means, when each movie was a job
    *(("looks", text) for text in ("True", "False")),
    *(("animation", text) for text in ("True", "False")),
}
TABLES = ["mean_series.csv", "histogram_db.csv", "histogram_power.csv", "zones.csv"]


@pytest.fixture
def earlier(analysis):
    """An analysis folder as the earlier version has left it; its archive no longer answers."""
    with tarfile.open(REPO / "tests" / "data" / "results_8c765d6.tar.xz") as tar:
        tar.extractall(analysis.folder, filter="data")
    return analysis


def rules_of(output: str) -> set[str]:
    """The rules of the jobs that a run lists."""
    return set(re.findall(r"^ *(?:local)?(?:rule|checkpoint) (\w+):$", output, re.MULTILINE))


def test_nothing_is_fetched_again(earlier):
    assert not rules_of(earlier.run("-n")) & GRANULES


def test_nothing_is_fetched_again_without_what_snakemake_noted(earlier):
    shutil.rmtree(earlier.folder / ".snakemake")
    assert not rules_of(earlier.run("-n")) & GRANULES


def noted(folder) -> dict[str, tuple[str, set[str]]]:
    """The rule that made each output, and its parameters as Snakemake noted and compares them."""
    records = folder / ".snakemake" / "metadata"
    found = {path: json.loads(path.read_text()) for path in records.rglob("*") if path.is_file()}
    return {str(path.relative_to(records)): (note["rule"], set(note["params"])) for path, note in found.items()}


def test_no_parameter_changes(earlier):
    """Rules may gain parameters. Touching every output notes those of now."""
    before = noted(earlier.folder)
    earlier.run("--touch", "--forceall")
    now = noted(earlier.folder)
    assert len({rule for rule, _ in before.values()}) > 20 and set(before) <= set(now)
    gone = {(rule, text) for output, (rule, texts) in before.items() for text in texts - now[output][1]}
    linked = {
        (rule, text) for rule, text in gone if rule == "explore" and "mean_series.csv" in text
    }  # new ones as well
    assert gone - linked <= NO_LONGER


def test_products_made_again_hold_the_same_numbers(earlier):
    """Tables may gain columns; those that they had keep their values."""
    folders = [earlier.folder / "results" / "valley" / term for term in ("HHHH", "HVHV")]
    paths = [folder / name for folder in folders for name in TABLES]
    before = [pd.read_csv(path) for path in paths]
    output = earlier.run(*map(str, (path.relative_to(earlier.folder) for path in paths)), "-R", "summarize", "zones")
    assert {"summarize", "zones"} <= rules_of(output) and not rules_of(output) & GRANULES
    for path, wanted in zip(paths, before):
        pd.testing.assert_frame_equal(pd.read_csv(path)[wanted.columns], wanted, rtol=1e-6, obj=str(path))


def test_a_stack_may_hold_fragments_of_both_versions(earlier, tmp_path):
    results = earlier.folder / "results" / "valley"
    first, second = sorted((results / "fragments").iterdir())[:2]
    old, fragment = store.open_store(second), store.fragment_info(second)
    grid = window_grid(old, Window(0, old.sizes["y"], 0, old.sizes["x"]))
    new = tmp_path / "new.zarr"
    attributes = {name: value for name, value in fragment.attributes.items() if name != "coordinates"}  # xarray's own
    store.create(new, grid=grid, dates=store.dates_of(old), types=fragment.types, attributes=attributes)
    whole = next(store.regions(old, rows=store.SHARD))
    store.write(new, whole, {name: old[name].values for name in fragment.types})
    store.finish(new)
    stack(fragments=[first, new], output=tmp_path / "stack.zarr")
    with xr.open_zarr(tmp_path / "stack.zarr") as found, xr.open_zarr(results / "stack.zarr") as wanted:
        for name in fragment.types:
            assert found[name].values.tobytes() == wanted[name].values[:2].tobytes()
