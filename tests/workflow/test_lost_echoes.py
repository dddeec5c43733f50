"""Three tenths of the rows of one date in six are without an echo, with a mask that says valid: nothing is found there.

The ground never changes, so that every change that is found is a false alarm, or speckle.
"""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from caption import caption
from change import change
from change_history import change_history
from helpers import EPSG, FIRST, NORTH, WEST
from looks import looks
from products import fragment, summarized
from stack import stack as make_stack
from temporal_statistics import temporal_statistics

from gcov import tables
from gcov.cautions import cautions
from gcov.pages import notes
from gcov.stores.stack import Stack
from gcov.testing.synthetic import Band, centres, granule_name, without_echoes, write_granule

SHAPE, BOX = (200, 200), [83.8592, 28.2455, 83.8980, 28.2797]
LOST = 2  # the date
ROWS = slice(61, 121)  # 30 %; their edges cut cells of 2 x 2
SIGNIFICANCE = 0.01


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("echoes")


@pytest.fixture(scope="module")
def stack(folder):
    """The stack of six dates of one term, 9 independent looks on even ground."""
    rng = np.random.default_rng(11)
    fragments = []
    for date in range(6):
        power = (0.1 * rng.gamma(9, 1 / 9, SHAPE)).astype("f4")
        axes = centres(WEST, 20, SHAPE[1]), centres(NORTH, -20, SHAPE[0])
        band = Band(EPSG, *axes, {"HHHH": power}, np.ones(SHAPE, "u1"))
        if date == LOST:
            band = without_echoes(band, ROWS)
        name = granule_name(cycle=6 + date, start=FIRST + timedelta(days=12 * date))
        path = write_granule(folder, name, {"A": band}, chunks=(128, 128))
        fragments.append(fragment(folder, path, bbox=BOX))
    make_stack(fragments=fragments, output=folder / "stack.zarr")
    return Stack(folder / "stack.zarr", valid_samples_only=True)


@pytest.fixture(scope="module")
def summary(folder, stack):
    return summarized(folder, stack, "HHHH")


def test_the_series_loses_these_samples_and_says_so(folder, stack, summary):
    series = tables.read_series(summary.mean_series, summary.no_echo)
    ny, nx = stack.data.sizes["y"], stack.data.sizes["x"]
    lost = np.count_nonzero((stack.data["HHHH"][LOST] < 1e-6).values)
    assert 0.25 * ny * nx < lost < 0.35 * ny * nx and (stack.data["mask"] == 1).all()
    assert series["n_no_echo"].tolist() == [lost * (date == LOST) for date in range(6)]
    assert series["n_valid"].tolist() == [ny * nx - lost * (date == LOST) for date in range(6)]
    assert np.abs(series["mean_db"] + 10).max() < 0.1
    assert pd.read_csv(summary.histogram_db)["count"].sum() == 6 * ny * nx - lost
    shown = {"frequency": "A", "min_valid_fraction": 0.5}
    day = f"{series['time'][LOST]:%Y-%m-%d}"
    wanted = f"no echo in {100 * lost / ny / nx:.1f} % of the valid samples on {day}: the mean is of a different area"
    assert wanted in cautions(series, term="HHHH", **shown)
    assert wanted in notes.warnings({"HHHH": series}, {"frequency": "A"}, 0.5)
    files = {"series": summary.mean_series, "no_echo": summary.no_echo, "stack": folder / "stack.zarr"}
    caption(**files, min_valid_fraction=0.5, term="HHHH", output=folder / "caption.rst")
    assert wanted in (folder / "caption.rst").read_text()


@pytest.mark.parametrize("multilook", [1, 2])
def test_no_change_is_found(folder, stack, summary, multilook, tmp_path):
    looks(speckle=[summary.speckle], terms=["HHHH"], looks=None, multilook=multilook, output=tmp_path / "looks.json")
    settings = {"multilook": multilook, "significance": SIGNIFICANCE, "min_change_db": 0, "min_valid_fraction": 0.5}
    days = {"before": ["2025-11-01", "2025-12-20"], "after": ["2025-12-21", "2026-12-31"]}
    common = {"stack": stack, "looks": tmp_path / "looks.json", **settings}
    paths = {"output": tmp_path / "change.zarr", "summary": tmp_path / "change.json"}
    change(**common, series=summary.mean_series, term="HHHH", days=days, **paths)
    found = json.loads(paths["summary"].read_text())
    assert found["pixels"] > 0.9 * stack.data["HHHH"][0].size / multilook**2
    assert found["up"] + found["down"] < 1.5 * SIGNIFICANCE * found["pixels"]
    assert found["significant_after_bh"] < 5
    history = {"output": tmp_path / "history.zarr", "table": tmp_path / "history.csv"}
    change_history(**common, series=[summary.mean_series], terms=["HHHH"], **history)
    with xr.open_zarr(history["output"]) as maps:
        changed = maps["n_changes"].values
    assert (changed[changed != 255] > 0).mean() < 1.5 * SIGNIFICANCE
    statistics = tmp_path / "statistics.zarr"
    temporal_statistics(
        stack=stack, series=summary.mean_series, looks_json=tmp_path / "looks.json", term="HHHH", multilook=multilook,
        min_valid_fraction=0.5, output=statistics,
    )  # fmt: skip
    with xr.open_zarr(statistics) as maps:
        assert set(np.unique(maps["count"])) == {5, 6}
        assert maps["min"].min() > 0.01, "no cell has the level of lost echoes"
