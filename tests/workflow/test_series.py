"""Series for a paper: zones, uncertainty, noise, rain, statistics, indices and layers, by the whole workflow."""

import json
import re
import shutil
from datetime import timedelta

import geopandas
import h5py
import numpy as np
import pandas as pd
import pytest
import rioxarray
import shapely
import xarray as xr
from helpers import (
    BBOX,
    EPSG,
    NORTH,
    REPO,
    SERIES,
    WEST,
    grid_of,
    rectangle,
    summary_of,
    zone_file,
)  # fmt: skip
from products import fragment
from stack import stack
from write_granules import CLEARED_ON as DEMO_CLEARED_ON
from write_granules import FIRST as DEMO_FIRST
from write_granules import NORTH as DEMO_NORTH
from write_granules import POSTING, REPEAT_DAYS, SIZE
from write_granules import WEST as DEMO_WEST

from gcov import tables
from gcov.analysis import zonal
from gcov.inputs.zones import read_zones
from gcov.inputs.zones_on_grid import on_grid
from gcov.stores import store
from gcov.stores.stack import Stack
from gcov.testing.landscape import CLEARING_DB, landscape
from gcov.testing.synthetic import Band, centres

pytestmark = pytest.mark.long
STAND = (34, 40, 64, 76)  # rows and columns inside of the felled stand
STATISTICS = {"count", "mean", "std", "cv", "excess_cv", "min", "max", "p05", "p50", "p95", "near_noise"}


def box_of(*edges) -> list[float]:
    """The bbox in degrees around rows and columns of the small granules."""
    return geopandas.GeoSeries([rectangle(*edges)], crs=EPSG).to_crs(4326).total_bounds.tolist()


@pytest.fixture(scope="module")
def made(module_analysis, newest):
    """The results of an AOI with all of it."""
    folder = module_analysis.folder
    shapes = {"stand": rectangle(*STAND), "all": rectangle(12, 100, 12, 90), "some": rectangle(15, 30, 40, 70)}
    zone_file(folder / "zones.gpkg", shapes, key="plot")
    days = pd.date_range("2025-11-24", "2025-12-20")
    pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "mm": 0.5}).to_csv(folder / "rain.csv", index=False)
    real = {"bbox": box_of(10, 110, 10, 125), "zones": "zones.gpkg", "granules": list(map(str, newest))}
    real |= {"rainfall": "rain.csv", "layers": ["numberOfLooks"]}
    real |= {"change_history": True, "change_reference": "scene", "baseline": ["2025-11-23", "2025-12-17"]}
    config = {
        "aois": {"real": real},
        "terms": ["HHHH", "HVHV"],
        "zone_name": "plot",
        "multilook": 3,
        "changes": {"felling": {"before": ["2025-11-23", "2025-12-17"], "after": ["2025-12-18", "2026-01-31"]}},
        "statistics": True,
        "indices": ["HVHV/HHHH", "RVI"],
        "basemap": None,
    }
    module_analysis.configure(config)
    names = ["HHHH/zones.csv", "HHHH/statistics.zarr", "HHHH/mean_series.csv", "zone_changes.csv"]
    names += ["indices.csv", "change_patches.geojson", "dates.csv", "HHHH/change/felling.csv"]
    module_analysis.run(*(f"results/real/{name}" for name in names))
    return folder / "results"


def test_zones_and_series_have_the_contracts_columns(made):
    zones = tables.read_series(made / "real/HHHH/zones.csv")
    assert list(zones) == ["zone", *SERIES] and zones["zone"].tolist() == [
        n for n in ("stand", "all", "some") for _ in range(4)
    ]
    same = pd.read_parquet(made / "real/HHHH/zones.parquet", engine="pyarrow")
    assert list(same) == list(zones) and str(same["time"].dtype).startswith("datetime64")
    np.testing.assert_allclose(same["mean_db"], zones["mean_db"])
    assert zones["n_pixels"].unique().tolist() == [72, 88 * 78, 15 * 30]


def test_every_column_is_in_the_documentation(made):
    """The table of columns in docs/analysis.md explains those of each table."""
    page = (REPO / "docs" / "analysis.md").read_text().split("## Columns")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| .+ \|$", page, re.MULTILINE)
    words = {"mean_series": "series", "zones": "series", "histogram_db": "histograms", "histogram_power": "histograms"}
    words |= {"zone_changes": "changes of zones", "change_history": "change history", "change_patches": "patches"}
    found = sorted((made / "real").rglob("*.csv"))
    assert {"dates", "granules", "indices", "no_echo", "felling", *words} <= {path.stem for path in found}
    for path in found:
        word = words.get(path.stem, "patches" if path.parent.name == "change" else path.stem)
        known = [name for names, of in rows if word in of for name in re.findall(r"`(\w[^`]*)`", names)]
        pattern = "|".join(name.replace("{term}", "[HV]{4}").replace("{pol}", "[HV]{2}") for name in known)
        assert [name for name in pd.read_csv(path, nrows=0) if not re.fullmatch(pattern, name)] == [], path


def test_zones_are_means_over_the_stack(made):
    data = xr.open_zarr(made / "real/stack.zarr").load()
    shape = rectangle(*STAND).bounds
    part = data.sel(x=slice(shape[0], shape[2]), y=slice(shape[3], shape[1]))
    power = part.HHHH.where((part["mask"] >= 1) & (part["mask"] <= 254)).values.astype("f8").reshape(4, -1)
    rows = tables.read_series(made / "real/HHHH/zones.csv").query("zone == 'stand'")
    np.testing.assert_allclose(rows["mean_power"], power.mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(rows["std_power"], power.std(axis=1, ddof=1), rtol=1e-9)
    assert rows["n_valid"].tolist() == [72] * 4 and rows["why_empty"].tolist() == [""] * 4
    entry = json.loads((made / "real/looks.json").read_text())["HHHH"]
    error = np.sqrt((power**2).mean(axis=1) / ((entry["looks"] + 1) * rows["n_effective"]))
    np.testing.assert_allclose(rows["se_db"], 10 / np.log(10) * error / power.mean(axis=1), rtol=1e-9)


def test_the_felled_stand_falls(made):
    rows = tables.read_series(made / "real/HHHH/zones.csv").query("zone == 'stand'")
    steps = np.diff(rows["mean_db"])
    assert steps[2] == pytest.approx(CLEARING_DB["HHHH"], abs=0.5) and np.abs(steps[:2]).max() < 0.5


def test_looks_are_the_landscapes(made):
    found = json.loads((made / "real/looks.json").read_text())
    assert found["HHHH"]["looks"] == pytest.approx(9, rel=0.12) and found["HHHH"]["pairs"] == 3
    assert found["HHHH"]["median_number_of_looks"] == pytest.approx(9.3, abs=0.2)
    assert found["HHHH"]["looks_multilooked"] == pytest.approx(9 * found["HHHH"]["looks"], rel=0.25)
    assert found["HHHH"]["given"] is None


def test_the_noise_floor_is_the_tables(made, newest):
    """From -37 dB in the west to -35 dB in the east of the granule, linear in dB."""
    zones = tables.read_series(made / "real/HHHH/zones.csv").groupby("zone")["noise_db"].first()
    wanted = {"stand": 70, "some": 55}
    for name, column in wanted.items():
        assert zones[name] == pytest.approx(-37 + 2 * column / 152, abs=0.02)
    with h5py.File(newest[0]) as file:
        group = file["science/LSAR/GCOV/metadata/calibrationInformation/frequencyA/noiseEquivalentBackscatter"]
        assert set(group) == {"HH", "HV", "projection", "xCoordinates", "yCoordinates"} and group["HH"].shape == (
            13,
            14,
        )


def test_statistics_are_a_store_of_maps(made):
    with xr.open_zarr(made / "real/HHHH/statistics.zarr") as found:
        assert set(found.data_vars) == STATISTICS and found["mean"].dims == ("y", "x")
        assert found.rio.resolution() == (60, -60) and found.rio.crs.to_epsg() == EPSG
        assert found.attrs["multilook"] == 3 and found.attrs["n_dates_left_out"] == 0
        assert found["count"].dtype == np.uint16 and found["count"].max() == 4
        known = found["count"] > 0  # the backscatter is far above the noise
        np.testing.assert_array_equal(found["near_noise"], np.where(known, 0, 255))
    assert store.damage(made / "real/HHHH/statistics.zarr") is None


def test_indices_are_images_and_a_table(made):
    table = pd.read_csv(made / "real/indices.csv", parse_dates=["time"])
    assert list(table) == ["zone", "time", "index", "value", "n_valid", "se", "near_noise"] and (table["se"] > 0).all()
    assert (table["near_noise"] == 0).all()
    assert set(table["zone"]) == {"aoi", "stand", "all", "some"} and set(table["index"]) == {"HVHV_HHHH", "RVI"}
    with xr.open_zarr(made / "real/indices.zarr") as found:
        assert set(found.data_vars) == {"HVHV_HHHH", "RVI"} and found.RVI.dims == store.DIMS
        assert found.attrs["multilook"] == 3 and "warning" not in found.attrs
        assert 0.2 < float(found.RVI.mean()) < 0.6
    one = table.query("zone == 'stand' and index == 'HVHV_HHHH'")["value"].to_numpy()
    assert one[3] - one[2] == pytest.approx(CLEARING_DB["HVHV"] - CLEARING_DB["HHHH"], abs=0.6)


def test_changes_of_zones_use_the_gain_of_the_reference(made):
    """The series of the stand, divided by the gain that the maps state, has the step of the table."""
    table = pd.read_csv(made / "real/zone_changes.csv", parse_dates=["start", "end"])
    named = table.query("change == 'felling'")
    assert named["zone"].tolist() == ["stand", "stand", "all", "all", "some", "some"]
    assert named["n_before"].tolist() == [3] * 6 and named["n_after"].tolist() == [1] * 6
    for term in ("HHHH", "HVHV"):
        facts = json.loads((made / f"real/{term}/change/felling.json").read_text())
        zones = tables.read_series(made / f"real/{term}/zones.csv").query("zone == 'stand'")
        power = zones["mean_power"].to_numpy() / 10 ** (np.array(facts["gain_db"]) / 10)
        variance = (zones["se_db"].to_numpy() ** 2 + np.array(facts["gain_se_db"]) ** 2) / (10 / np.log(10)) ** 2
        before = np.average(power[:3], weights=1 / variance[:3])
        row = named.query("zone == 'stand' and term == @term").iloc[0]
        assert row["step_db"] == pytest.approx(10 * np.log10(power[3] / before), abs=1e-9)
        assert row["step_db"] == pytest.approx(row["after_db"] - row["before_db"]) and row["changed"] == -1
        assert (row["start"], row["end"]) == tuple(zones["time"].iloc[2:4])
        found = table.query("change == 'history' and zone == 'stand' and term == @term")
        assert (found["changed"] == -1).any() and zones["time"].iloc[3] in found["end"].tolist()
    log = (made.parent / "logs/real/zone_changes.log").read_text()
    assert "calibration_db" not in log


def test_anomalies_are_relative_to_the_baseline(made):
    """The fourth date against the three before it, as numpy."""
    series = tables.read_series(made / "real/HHHH/mean_series.csv")
    power = series["mean_power"].to_numpy()
    near = [abs((series["time"][3] - time).days) <= 18 for time in series["time"][:3]]
    assert series["anomaly_db"][3] == pytest.approx(10 * np.log10(power[3] / power[:3][near].mean()))
    assert (series["anomaly_se_db"] > series["se_db"]).all()


def test_layers_are_carried_bit_for_bit(made, newest):
    data = xr.open_zarr(made / "real/stack.zarr")
    with h5py.File(newest[2]) as file:
        grid = file["science/LSAR/GCOV/grids/frequencyA"]
        x, y = grid["xCoordinates"][()], grid["yCoordinates"][()]
        rows, columns = np.searchsorted(-y, -data.y.values), np.searchsorted(x, data.x.values)
        wanted = grid["numberOfLooks"][()][np.ix_(rows, columns)]
    assert data.numberOfLooks.isel(time=2).values.tobytes() == wanted.tobytes()
    assert "rtcGammaToSigmaFactor" not in data and data.numberOfLooks.attrs["units"] == "1"
    log = (made.parent / "logs/real/search.log").read_text()
    assert re.search(r"of which numberOfLooks is roughly \d+ MB", log)


def test_the_demos_stand_is_felled_in_april():
    """The demo's zones on its landscape: the drop is the clearing's, at its date, and there alone."""
    valley = landscape((SIZE, SIZE), cleared_on=DEMO_CLEARED_ON)
    dates = range(10, 15)
    scenes = [valley.scene(REPEAT_DAYS * index) for index in dates]
    x, y = centres(DEMO_WEST, POSTING, SIZE), centres(DEMO_NORTH, -POSTING, SIZE)
    grid = grid_of(EPSG, x, y)
    zones = on_grid(read_zones(REPO / "demo/zones.geojson", "name", "zones"), grid, None)
    times = [DEMO_FIRST + timedelta(days=REPEAT_DAYS * index) for index in dates]
    assert [f"{time:%Y-%m-%d}" for time in times[2:4]] == ["2026-04-04", "2026-04-16"]
    for term, drop in CLEARING_DB.items():
        layers = {term: np.stack([terms[term] for terms, _ in scenes]), "mask": np.stack([mask for _, mask in scenes])}
        data = xr.Dataset(
            {name: (store.DIMS, values) for name, values in layers.items()}, {"time": times, **grid.coords}
        )
        sums = dict(zip((zone.name for zone in zones), zonal.sums(Stack(data, valid_samples_only=True), term, zones)))
        steps = {name: np.diff(10 * np.log10(one.total / one.n)) for name, one in sums.items()}
        assert steps["felled stand"][2] == pytest.approx(drop, abs=0.15)
        assert np.abs(np.delete(steps["felled stand"], 2)).max() < 0.15
        assert np.abs(steps["standing forest"]).max() < 0.15
    assert len(zones) == 6


# ---- fragments and stacks, function by function


def test_a_stack_of_old_and_new_fragments_knows_the_noise_of_the_new(newest, tmp_path):
    fragments = [fragment(tmp_path, path) for path in newest[:2]]
    described = json.loads((fragments[0] / "zarr.json").read_text())
    del described["attributes"]["noise"]
    (fragments[0] / "zarr.json").write_text(json.dumps(described))
    stack(fragments=fragments, output=tmp_path / "stack.zarr")
    members = json.loads(store.open_store(tmp_path / "stack.zarr").attrs["noise"])
    assert members[0] == [{}] and set(members[1][0]) == {"HHHH"}
    assert set(members[1][0]["HHHH"]) == {"mean", "y", "x", "power"}


def test_a_table_of_noise_in_other_units_is_left_out(band, write, tmp_path, caplog):
    one = band(0)
    noise = np.full((13, 14), -28.2, np.float32)
    path = write(Band(one.epsg, one.x, one.y, one.terms, one.mask, noise=noise))
    with caplog.at_level("INFO", logger="gcov"):
        made = fragment(tmp_path, path, BBOX)
    assert json.loads(json.loads((made / "zarr.json").read_text())["attributes"]["noise"]) == {}
    reason = "the table of HH holds -28.2 to -28.2, which is not a linear noise power"
    assert f"no noise floor: {reason}" in caplog.text
    stack(fragments=[made], output=tmp_path / "stack.zarr")
    series = summary_of(store.open_store(tmp_path / "stack.zarr"), "HHHH")
    assert series["noise_db"].isna().all() and f"no noise_db ({reason})" in series["why_empty"][0]


def test_wrong_zones_are_refused_before_any_job(analysis, newest):
    zone_file(analysis.folder / "z.gpkg", {"far": rectangle(5000, 5010, 0, 9)})
    aoi = {"bbox": box_of(10, 110, 10, 125), "granules": list(map(str, newest)), "zones": "z.gpkg"}
    done = analysis.configure({"aois": {"x": aoi}, "basemap": None}).snakemake("-n")
    assert done.returncode and "config: aois.x.zones: zones outside of the AOI: far" in done.output
    shutil.rmtree(analysis.folder / "config")


def test_a_zone_without_a_pixel_centre_ends_the_run_at_the_first_granule(analysis, aoi):
    sliver = shapely.box(WEST + 20 * 70 + 1, NORTH - 20 * 37 - 19, WEST + 20 * 70 + 9, NORTH - 20 * 37 - 1)
    zone_file(analysis.folder / "zones.gpkg", {"sliver": sliver})
    config = {"aois": {"x": {**aoi, "zones": "zones.gpkg"}}, "basemap": None}
    run = analysis.configure(config).snakemake("results/x/stack.zarr", "--show-failed-logs")
    assert run.returncode != 0
    assert "zones without a pixel centre in the AOI at 20 m: sliver; draw them larger" in run.output
    assert analysis.results("x/fragments/*") == []


def test_the_example_notebook_runs_and_exports_the_stacks_numbers(made, tmp_path, monkeypatch):
    """Its cells, in order, on these results instead of the demo's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = json.loads((REPO / "examples" / "explore_results.ipynb").read_text())["cells"]
    assert all(not cell.get("outputs") for cell in cells)
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    exec(code.replace("../demo/results/phewa", str(made / "real")), {})
    data = xr.open_zarr(made / "real/stack.zarr").load()
    counts = (data["mask"].values >= 1) & (data["mask"].values <= 254) & np.isfinite(data["HVHV"].values)
    with np.errstate(invalid="ignore"):
        wanted = 10 * np.log10(np.where(counts, data["HVHV"].values.astype("f8"), 0).sum(axis=0) / counts.sum(axis=0))
    with rioxarray.open_rasterio("mean_db.tif") as found:
        np.testing.assert_allclose(found.values[0], wanted, atol=1e-4)
    with xr.open_dataset("stack.nc", engine="h5netcdf") as found:
        np.testing.assert_array_equal(found.HVHV.values, data.HVHV.values)
