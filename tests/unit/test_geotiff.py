"""GeoTIFFs: samples equal to the stores' bit for bit, overviews averaged in power, and tags."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from datetime import datetime, timedelta

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import xarray as xr
from geotiff import geotiff
from geotiff_date import geotiff_date
from helpers import BBOX, FIRST, cell_means, grid_of
from rio_cogeo import cog_validate
from stack import stack
from stack_db import stack_db

from gcov import granules
from gcov.analysis.maps import attributes_of
from gcov.errors import GcovError
from gcov.stores import mosaic, store
from gcov.stores.stack import Stack
from gcov.testing.synthetic import granule_name

SHAPE = (1100, 1304)  # two levels of overviews
GRID = grid_of(32645, 191_770 + 20.0 * np.arange(SHAPE[1]), 3_132_230 - 20.0 * np.arange(SHAPE[0]))
WHOLE = {"time": slice(0, 1), "y": slice(None), "x": slice(None)}


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Power of speckle, and a mask with every kind of sample; NaN and rubbish where it is 0."""
    rng = np.random.default_rng(seed)
    mask = np.repeat(np.repeat(rng.choice([0, 1, 2, 255], (22, 27)), 50, 0), 50, 1)[: SHAPE[0], : SHAPE[1]]
    power = rng.gamma(4, 0.02, SHAPE).astype("f4")
    power[(mask == 255) | (rng.random(SHAPE) < 0.1)] = np.nan
    power[:7, :9] = [[0.1] * 4 + [-0.01] * 2 + [0.0] * 3] * 7
    mask[:7, :9] = 1
    return power, mask.astype("u1")


def fragment(folder, start: datetime, layers: dict[str, np.ndarray], **name):
    """A fragment as clip writes it."""
    granule = granules.from_name(granule_name(start=start, **name), path="a.h5")
    path = folder / f"{granule.name}.zarr"
    types = {name: values.dtype for name, values in layers.items()}
    attributes = {
        **dict.fromkeys(("aoi_polygon", "title"), ""),
        "aoi": "x",
        "aoi_bbox": BBOX,
        "frequency": "A",
        "granule_record": json.dumps(asdict(granule)),
        "facts": json.dumps({"noise_correction_applied": "True"}),  # where samples of 0 and below are dark
        "n_pixels": GRID.x.size * GRID.y.size,
        "n_valid": 1,
    }
    store.create(path, grid=GRID, dates=[mosaic.date_of([granule])], types=types, attributes=attributes)
    store.write(path, WHOLE, {name: values[None] for name, values in layers.items()})
    store.finish(path)
    return path


def counts(power, mask, valid_samples_only=True):
    """Power where a sample counts, else NaN: by the rule in the README."""
    return np.where(np.isfinite(power) & (((mask > 0) & (mask < 255)) | (not valid_samples_only)), power, np.nan)


@pytest.fixture(scope="module")
def dates(tmp_path_factory):
    """Two dates, the stack of them and the stack in dB."""
    folder = tmp_path_factory.mktemp("dates")
    scenes = [scene(1), scene(2)]
    fragments = [
        fragment(folder, FIRST + timedelta(days=12 * index), {"HVHV": power, "mask": mask})
        for index, (power, mask) in enumerate(scenes)
    ]
    stack(fragments=fragments, output=folder / "stack.zarr")
    return folder, fragments, scenes


@pytest.mark.parametrize("quantity", ["power", "db"])
@pytest.mark.parametrize("valid", [True, False])
def test_samples_are_the_stores_bit_for_bit(dates, tmp_path, quantity, valid):
    folder, fragments, _ = dates
    if quantity == "db":
        stack_db(stack=Stack(folder / "stack.zarr", valid_samples_only=valid), output=tmp_path / "db.zarr")
        stored = xr.open_zarr(tmp_path / "db.zarr")["HVHV"].values
    else:
        data = xr.open_zarr(folder / "stack.zarr")
        stored = counts(data["HVHV"].values, data["mask"].values, valid)
    for index, path in enumerate(fragments):
        tif = tmp_path / f"{index}.tif"
        geotiff_date(fragments=[path], term="HVHV", quantity=quantity, valid_samples_only=valid, output=tif)
        with rasterio.open(tif) as file:
            found = file.read(1)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, stored[index])
        agrees_with_gdal(tif, stored[index])
        assert 0.05 < np.isnan(found).mean() < 0.95
    files = {path.name for path in tmp_path.glob("*.tif*")} - {"0.tif.aux.xml", "1.tif.aux.xml"}  # GDAL's statistics
    assert files == {"0.tif", "1.tif"}, "nothing stays beside them"


@pytest.mark.parametrize("quantity", ["power", "db"])
def test_overviews_are_averaged_in_power(dates, tmp_path, quantity):
    _, fragments, scenes = dates
    tif = tmp_path / "a.tif"
    geotiff_date(fragments=fragments[:1], term="HVHV", quantity=quantity, valid_samples_only=True, output=tif)
    with rasterio.open(tif) as file:
        assert file.overviews(1) == [2, 4]
    wanted = counts(*scenes[0])
    for level in range(2):
        wanted = cell_means(wanted, 2)
        with rasterio.open(tif, overview_level=level) as file:
            found = file.read(1)
        if quantity == "db":  # 0.1, 0 and -0.01 in one cell have a mean; a mean that is not positive has no dB
            with np.errstate(divide="ignore", invalid="ignore"):
                np.testing.assert_allclose(found, np.where(wanted > 0, 10 * np.log10(wanted), np.nan), atol=1e-5)
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


def test_it_is_a_cog_that_says_what_it_is(dates, tmp_path):
    _, fragments, _ = dates
    tif = tmp_path / "a.tif"
    geotiff_date(fragments=fragments[1:], term="HVHV", quantity="db", valid_samples_only=True, output=tif)
    assert cog_validate(tif, strict=True) == (True, [], [])
    with rasterio.open(tif) as file:
        assert (file.count, file.dtypes, file.block_shapes) == (1, ("float32",), [(512, 512)])
        assert np.isnan(file.nodata)
        assert (file.crs.to_epsg(), file.transform) == (32645, GRID.rio.transform())
        assert file.tags(ns="IMAGE_STRUCTURE") | {"COMPRESSION": "DEFLATE", "PREDICTOR": "3", "LAYOUT": "COG"} == (
            file.tags(ns="IMAGE_STRUCTURE")
        )
        assert (file.descriptions, file.units) == (("HVHV db",), ("dB",))
        tags = file.tags()
    name = granule_name(start=FIRST + timedelta(days=12))
    assert tags["granule"] == name and tags["TIFFTAG_DATETIME"] == "2025:12:05 23:47:39"
    assert (tags["crid"], tags["maturity"], tags["unit"]) == ("X05009", "BETA", "dB")
    assert "gamma0 HVHV" in tags["quantity"] and "log10" in tags["quantity"]


def gdalinfo(tif, *options) -> dict:
    """What Debian's GDAL says: the one in QGIS and in most shells, older than rasterio's."""
    if not os.environ.get("CI") and shutil.which("gdalinfo") is None:
        pytest.skip("apt install gdal-bin")
    run = subprocess.run(["gdalinfo", "-json", *options, tif], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def agrees_with_gdal(tif, *bands: np.ndarray) -> None:
    """GDAL's statistics of a file are those of these samples, NaN left out."""
    for said, samples in zip(gdalinfo(tif, "-stats")["bands"], bands, strict=True):
        found = {name: float(value) for name, value in said["metadata"][""].items() if name.startswith("STATISTICS")}
        known = samples[np.isfinite(samples)].astype("f8")
        wanted = known.min(), known.max(), known.mean(), 100 * known.size / samples.size
        names = "MINIMUM", "MAXIMUM", "MEAN", "VALID_PERCENT"
        assert [found[f"STATISTICS_{name}"] for name in names] == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def test_debians_gdal_reads_it(dates, tmp_path):
    _, fragments, scenes = dates
    tif = tmp_path / "a.tif"
    geotiff_date(fragments=fragments[:1], term="HVHV", quantity="power", valid_samples_only=True, output=tif)
    said = gdalinfo(tif)
    (one,) = said["bands"]
    assert said["size"] == [SHAPE[1], SHAPE[0]] and said["stac"]["proj:epsg"] == 32645
    assert (one["type"], one["noDataValue"], one["block"]) == ("Float32", "NaN", [512, 512])
    assert one["description"] == "HVHV power"
    assert [level["size"] for level in one["overviews"]] == [[652, 550], [326, 275]]
    subprocess.run(["gdal_translate", "-q", "-of", "ENVI", tif, tmp_path / "raw"], check=True)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "raw", "f4").reshape(SHAPE), counts(*scenes[0]))


def test_granules_of_one_pass_are_one_file(tmp_path):
    """As the stack has it: where both count, the first in time; a term's own validity included."""
    parts = []
    for index in range(2):
        power, mask = scene(10 + index)
        valid = (np.random.default_rng(index).random(SHAPE) < 0.7).astype("u1")
        layers = {"HVHV": power, "mask": mask} | ({"HVHV_valid": valid} if index else {})
        start = FIRST + timedelta(seconds=20 * index)
        end = start + timedelta(seconds=15)
        parts.append(fragment(tmp_path, start, layers, end=end, coverage="P", counter=index + 1))
    stack(fragments=parts, output=tmp_path / "stack.zarr")
    stack_db(stack=Stack(tmp_path / "stack.zarr", valid_samples_only=True), output=tmp_path / "db.zarr")
    tif = tmp_path / "a.tif"
    geotiff_date(fragments=parts[::-1], term="HVHV", quantity="db", valid_samples_only=True, output=tif)
    with rasterio.open(tif) as file:
        np.testing.assert_array_equal(file.read(1), xr.open_zarr(tmp_path / "db.zarr")["HVHV"][0])
        assert file.tags()["granule"].split() == [path.stem for path in parts]
        assert file.tags()["TIFFTAG_DATETIME"] == "2025:11:23 23:47:39"


def test_a_file_cut_short_by_a_full_disk_is_no_result(dates, tmp_path, monkeypatch):
    """GDAL reports nothing when it loses the last blocks while closing a file."""
    copy = rasterio.shutil.copy

    def cut(source, target, **options):
        copy(source, target, **options)
        os.truncate(target, os.path.getsize(target) - 1000)

    monkeypatch.setattr(rasterio.shutil, "copy", cut)
    tif = tmp_path / "a.tif"
    with pytest.raises(GcovError, match=r"a\.tif cannot be written .*: is the disk full\? Make room, then run again"):
        geotiff_date(fragments=dates[1][:1], term="HVHV", quantity="db", valid_samples_only=True, output=tif)
    assert list(tmp_path.iterdir()) == []


def test_a_term_that_is_not_there_is_refused_by_name(dates, tmp_path):
    with pytest.raises(GcovError, match="no term VVVV in its fragment; it holds HVHV"):
        geotiff_date(
            fragments=dates[1][:1], term="VVVV", quantity="db", valid_samples_only=True, output=tmp_path / "a.tif"
        )
    assert list(tmp_path.iterdir()) == []


def product(path, data: xr.Dataset) -> None:
    """A product's store on the grid of these tests, with what products say of their granules."""
    records = [asdict(granules.from_name(granule_name(start=FIRST + timedelta(days=12 * i)))) for i in range(2)]
    data = data.assign_coords(GRID.coords).assign_attrs(granule_records=json.dumps(records))
    data.to_zarr(path, zarr_format=3, consolidated=False, write_empty_chunks=True)
    store.finish(path)


@pytest.fixture(scope="module")
def measured():
    """Random maps (y, x) of values around 1."""
    rng = np.random.default_rng(5)
    return lambda: np.where(rng.random(SHAPE) < 0.05, np.nan, rng.gamma(20, 0.05, SHAPE)).astype("f4")


def test_statistics_are_a_described_band_each(measured, tmp_path):
    mean, cv = measured(), measured()
    count = np.random.default_rng(1).integers(0, 300, SHAPE).astype("u2")
    data = xr.Dataset({"count": (("y", "x"), count), "cv": (("y", "x"), cv), "mean": (("y", "x"), mean)})
    data["mean"].attrs = {"long_name": "mean gamma0 HHHH, linear power", "units": "1"}
    product(tmp_path / "statistics.zarr", data)
    tif = tmp_path / "a.tif"
    names = ["count", "mean", "cv"]
    geotiff(source=tmp_path / "statistics.zarr", names=names, day=None, resampling="average", output=tif)
    assert cog_validate(tif, strict=True) == (True, [], [])
    with rasterio.open(tif) as file:
        assert file.descriptions == ("count", "mean", "cv")
        for index, wanted in enumerate([count, mean, cv], start=1):
            np.testing.assert_array_equal(file.read(index), wanted)
        assert file.tags(2)["quantity"] == "mean gamma0 HHHH, linear power"
        assert file.tags()["granule"].split() == [
            record["name"] for record in json.loads(xr.open_zarr(tmp_path / "statistics.zarr").attrs["granule_records"])
        ]
        assert "TIFFTAG_DATETIME" not in file.tags()
    with rasterio.open(tif, overview_level=0) as file:
        np.testing.assert_allclose(file.read(2), cell_means(mean, 2), rtol=1e-6)
    agrees_with_gdal(tif, count, mean, cv)


@pytest.mark.parametrize("name", ["log_ratio_db", "HVHV_HHHH"])
def test_ratios_in_db_are_averaged_in_db(name, tmp_path):
    """Two dates of speckle without change: 0 dB at every level."""
    rng = np.random.default_rng(7)
    ratio = (10 * np.log10(rng.gamma(9, 1, SHAPE) / rng.gamma(9, 1, SHAPE))).astype("f4")
    ratio[rng.random(SHAPE) < 0.05] = np.nan
    data = xr.Dataset({name: (("y", "x"), ratio, {"units": "dB", "long_name": "after over before"})})
    product(tmp_path / "felling.zarr", data)
    tif = tmp_path / "a.tif"
    geotiff(source=tmp_path / "felling.zarr", names=[name], day=None, resampling="average", output=tif)
    with rasterio.open(tif) as file:
        np.testing.assert_array_equal(file.read(1), ratio)
        assert file.tags()["unit"] == "dB"
    wanted = ratio
    for level in range(2):
        wanted = cell_means(wanted, 2)
        with rasterio.open(tif, overview_level=level) as file:
            np.testing.assert_allclose(file.read(1), wanted, atol=1e-5)
            assert np.nanmean(file.read(1)) == pytest.approx(0, abs=0.02)


def test_classes_and_dates_are_numbers_that_are_not_averaged(tmp_path):
    rng = np.random.default_rng(6)
    change = rng.choice([-128, -1, 0, 1], SHAPE).astype("i1")
    first = np.datetime64("2028-03-15T23:47:39", "ns") + rng.integers(0, 9, SHAPE) * np.timedelta64(12, "D")
    first[rng.random(SHAPE) < 0.5] = np.datetime64("NaT")
    number = rng.choice([0, 1, 2, 255], SHAPE).astype("u1")
    data = xr.Dataset({"change": (("y", "x"), change), "first_change": (("y", "x"), first)})
    data["n_changes"] = ("y", "x"), number
    for name in data:
        data[name].attrs = dict(attributes_of(name))
    product(tmp_path / "a.zarr", data)
    for name, wanted, unit in [
        ("change", np.where(change == -128, np.nan, change), "1"),
        ("n_changes", np.where(number == 255, np.nan, number), "1"),
        (
            "first_change",
            (first.astype("M8[D]") - np.datetime64("1970-01-01")) / np.timedelta64(1, "D"),
            "days since 1970-01-01",
        ),
    ]:
        tif = tmp_path / f"{name}.tif"
        geotiff(source=tmp_path / "a.zarr", names=[name], day=None, resampling="nearest", output=tif)
        with rasterio.open(tif) as file:
            np.testing.assert_array_equal(file.read(1), wanted)
            assert file.units == (unit,)
        with rasterio.open(tif, overview_level=0) as file:
            found = file.read(1)
        assert set(found[np.isfinite(found)]) <= set(wanted[np.isfinite(wanted)])
        agrees_with_gdal(tif, wanted)


def test_one_date_of_a_product_by_its_name(dates, measured, tmp_path):
    folder = dates[0]
    when = xr.open_zarr(folder / "stack.zarr").coords
    filtered = np.stack([measured(), measured()])
    data = xr.Dataset({"HVHV": (store.DIMS, filtered)}).assign_coords(
        {n: when[n] for n in ("time", *store.DATE_ATTRIBUTES)}
    )
    product(tmp_path / "filtered.zarr", data)
    tif = tmp_path / "a.tif"
    options = {"source": tmp_path / "filtered.zarr", "names": ["HVHV"], "resampling": "average", "output": tif}
    geotiff(**options, day="20251205")
    with rasterio.open(tif) as file:
        np.testing.assert_array_equal(file.read(1), filtered[1])
        assert file.tags()["TIFFTAG_DATETIME"] == "2025:12:05 23:47:39"
        assert file.tags()["granule"] == granule_name(start=FIRST + timedelta(days=12))
    with pytest.raises(GcovError, match="has no date 20251206; it holds 20251123, 20251205"):
        geotiff(**options, day="20251206")
    with pytest.raises(GcovError, match=r"filtered.zarr has no HHHH; it holds HVHV"):
        geotiff(**{**options, "names": ["HHHH"]}, day="20251205")


def test_the_granules_of_a_day(tmp_path):
    starts = [FIRST, FIRST + timedelta(seconds=20), FIRST - timedelta(hours=5), FIRST + timedelta(days=12)]
    kept = [granules.from_name(granule_name(start=start)) for start in starts]
    granules.write_records(tmp_path / "granules", kept)
    names = [granule.name for granule in kept]
    assert granules.names_by_day(tmp_path / "granules") == {
        "20251123T184739": [names[2]],
        "20251123T234739": names[:2],
        "20251205": [names[3]],
    }
