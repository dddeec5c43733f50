"""The stores: layout, reading with xarray and rioxarray, integrity."""

import errno
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
import zarr
from helpers import grid_of
from zarr_cm import proj, spatial

from gcov import tables
from gcov.analysis import changed
from gcov.analysis.maps import CHANGE
from gcov.errors import GcovError
from gcov.figures import rasters
from gcov.files import building, read_json
from gcov.granules import read_record, read_table
from gcov.pages.change import ChangeOnPage
from gcov.stores import store
from gcov.stores.provenance import provenance

GRID = grid_of(32645, 191_770 + 20.0 * np.arange(700), 3_132_230 - 20.0 * np.arange(530))
DATES = [
    store.Date("2025-11-23T23:47:39", "first", "X05009", "BETA", "DHDH"),
    store.Date("2025-12-05T23:47:39", "second third", "P05023 X05009", "PROVISIONAL BETA", "DHDH"),
]
TYPES = {"HHHH": np.dtype("f4"), "HHHV": np.dtype("c8"), "mask": np.dtype("u1")}


def write(path: Path, dates=DATES, types=TYPES, grid=GRID, seed=7, nothing=False) -> dict[str, np.ndarray]:
    """A store of random samples; returns them."""
    rng = np.random.default_rng(seed)
    store.create(path, grid=grid, dates=dates, types=types, attributes={"title": "test"})
    samples = {}
    for name, dtype in types.items():
        values = (rng.gamma(2, 0.1, (len(dates), *grid.rio.shape)) * (1 + 0.5j if dtype.kind == "c" else 1)).astype(
            dtype
        )
        values[:, : None if nothing else 5] = 255 if dtype == np.uint8 else np.nan
        samples[name] = values
    for index in range(len(dates)):
        when = slice(index, index + 1)
        for name, values in samples.items():
            store.write(path, {"time": when, "y": slice(None), "x": slice(None)}, {name: values[when]})
    store.finish(path)
    return samples


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "stack.zarr"
    return path, write(path)


def test_xarray_opens_it_as_it_is_without_a_warning(written):
    path, samples = written
    (path / ".snakemake_timestamp").touch()  # snakemake leaves one in its directories
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = xr.open_zarr(path)
        loaded = data.load()
    assert set(data.data_vars) == {"HHHH", "HHHV", "mask"}
    assert set(data.coords) == {"time", "y", "x", "spatial_ref", *store.DATE_ATTRIBUTES}
    for name, values in samples.items():
        assert loaded[name].dims == ("time", "y", "x")
        assert loaded[name].dtype == TYPES[name]
        np.testing.assert_array_equal(loaded[name].values, values)
    np.testing.assert_array_equal(data["x"], GRID.x)
    np.testing.assert_array_equal(data["y"], GRID.y)
    wanted = np.array(["2025-11-23T23:47:39", "2025-12-05T23:47:39"], "datetime64[ns]")
    np.testing.assert_array_equal(data["time"].values.astype("datetime64[ns]"), wanted)
    assert data["granule"].values.tolist() == ["first", "second third"]
    assert data["crid"].values.tolist() == ["X05009", "P05023 X05009"]
    assert data["maturity"].values.tolist() == ["BETA", "PROVISIONAL BETA"]


@pytest.mark.parametrize("epsg", [32645, 32721, 3413, 3031])
def test_rioxarray_knows_where_it_lies(tmp_path, epsg):
    grid = grid_of(epsg, 480_010 + 20.0 * np.arange(6), 960_230 - 20.0 * np.arange(4))
    write(tmp_path / "a.zarr", grid=grid)
    for data in (xr.open_zarr(tmp_path / "a.zarr"), xr.open_zarr(tmp_path / "a.zarr")["HHHH"]):
        assert data.rio.crs.to_epsg() == epsg
        for recalc in (False, True):
            assert tuple(data.rio.transform(recalc=recalc))[:6] == (20, 0, 480_000, 0, -20, 960_240)
        assert data.rio.bounds() == (480_000, 960_160, 480_120, 960_240)


def test_cf_attributes(written):
    data = xr.open_zarr(written[0])
    assert data.attrs["Conventions"].startswith("CF-1.")
    assert data["HHHH"].attrs["units"] == "1"
    assert data["HHHH"].attrs["long_name"] == "Geocoded polarimetric covariance term HHHH"
    # CF has no name for gamma nought; that of the backscattering coefficient is sigma nought's
    assert not any("standard_name" in data[name].attrs for name in data.data_vars)
    assert data["x"].attrs["standard_name"] == "projection_x_coordinate"
    assert data["y"].attrs["standard_name"] == "projection_y_coordinate"
    assert (data["x"].attrs["units"], data["y"].attrs["axis"]) == ("metre", "Y")
    assert data["time"].attrs["standard_name"] == "time"
    assert data["spatial_ref"].attrs["grid_mapping_name"] == "transverse_mercator"
    for name in data.data_vars:
        assert {**data[name].attrs, **data[name].encoding}["grid_mapping"] == "spatial_ref"
        # statistics of a whole granule are false for a part of it
        assert not {"mean_value", "min_value", "max_value", "sample_stddev"} & set(data[name].attrs)


@pytest.mark.parametrize("epsg", [32645, 3413])
def test_geozarr_attributes(tmp_path, epsg):
    grid = grid_of(epsg, 480_010 + 20.0 * np.arange(6), 960_230 - 20.0 * np.arange(4))
    write(tmp_path / "a.zarr", grid=grid)
    group = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    assert proj.validate_group_metadata(group)["attributes"]["proj:code"] == f"EPSG:{epsg}"
    found = spatial.validate_group_metadata(group)["attributes"]
    assert found["spatial:dimensions"] == ["y", "x"]
    assert found["spatial:shape"] == [4, 6]
    assert found["spatial:transform"] == [20, 0, 480_000, 0, -20, 960_240] == list(grid.rio.transform())[:6]
    assert found["spatial:registration"] == "pixel"
    assert [one["name"] for one in found["zarr_conventions"]] == ["proj", "spatial"]
    assert found["zarr_conventions"] == [proj.CMO, spatial.CMO]
    assert found["Conventions"].startswith("CF-1."), "beside CF, not instead"


def test_mask_has_no_fill_value(written):
    data = xr.open_zarr(written[0])
    assert data["mask"].dtype == np.uint8
    assert "_FillValue" not in {**data["mask"].attrs, **data["mask"].encoding}
    assert zarr.open_group(written[0])["mask"].fill_value == 255


@pytest.mark.parametrize(("shape", "shard"), [((530, 700), (1024, 1024)), ((5000, 100), (4096, 512))])
def test_layout(tmp_path, shape, shard):
    grid = grid_of(32645, 20.0 * np.arange(shape[1]), -20.0 * np.arange(shape[0]))
    store.create(tmp_path / "a.zarr", grid=grid, dates=DATES, types=TYPES, attributes={})
    for name in TYPES:
        layout = json.loads((tmp_path / "a.zarr" / name / "zarr.json").read_text())
        assert layout["zarr_format"] == 3
        assert layout["chunk_grid"]["configuration"]["chunk_shape"] == [1, *shard]
        (sharding,) = layout["codecs"]
        assert sharding["name"] == "sharding_indexed"
        assert sharding["configuration"]["chunk_shape"] == [1, 512, 512]
        assert sharding["configuration"]["codecs"][-1]["name"] == "crc32c"
        assert layout["dimension_names"] == ["time", "y", "x"]


def test_every_shard_exists_even_of_nothing(tmp_path):
    write(tmp_path / "a.zarr", types={"HHHH": np.dtype("f4")}, nothing=True)
    assert len([path for path in (tmp_path / "a.zarr" / "HHHH" / "c").rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize("name", [*TYPES, "x", "granule"])
def test_a_flipped_byte_is_an_error_not_a_sample(tmp_path, name):
    path = tmp_path / "a.zarr"
    samples = write(path)
    target = next(path for path in (path / name / "c").rglob("*") if path.is_file())
    content = target.read_bytes()
    for at in np.random.default_rng(1).integers(0, len(content), 12):
        damaged = bytearray(content)
        damaged[at] ^= 0x10
        target.write_bytes(damaged)
        try:
            found = zarr.open_group(path, mode="r")[name][:]
        except Exception:
            continue
        if name in samples:  # a byte that no sample depends on
            np.testing.assert_array_equal(found, samples[name])
        else:
            raise AssertionError(f"byte {at} of {len(content)} flipped unnoticed")


def test_same_input_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name)
    first, second = (
        {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
        for root in (tmp_path / "one", tmp_path / "two")
    )
    assert first == second


def test_a_stack_is_opened_without_reading_it(written):
    path, samples = written
    data = store.open_store(path)
    assert store.variables_of(data) == ["HHHH", "HHHV", "mask"]
    assert data.rio.crs.to_epsg() == 32645
    assert (data.x.values.tobytes(), data.y.values.tobytes()) == (GRID.x.values.tobytes(), GRID.y.values.tobytes())
    assert not any(data[name].variable._in_memory for name in samples)
    part = data.isel(time=slice(1, 2), y=slice(510, 520), x=slice(3, 9))
    for name, values in samples.items():
        np.testing.assert_array_equal(part[name].values, values[1:2, 510:520, 3:9])


def test_a_stack_that_lacks_a_shard_is_not_opened(tmp_path):
    write(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / "HHHH" / "c" / "1" / "0" / "0").unlink()
    with pytest.raises(GcovError, match=r"a.zarr is damaged: it lacks HHHH/c/1/0/0;"):
        store.open_store(tmp_path / "a.zarr")


POWER_CUTS = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "zeros at its end": lambda content: content[:9] + bytes(len(content) - 9),
}


@pytest.fixture(params=POWER_CUTS)
def cut(request):
    """A function that damages a file as a power cut may."""
    return lambda path: path.write_bytes(POWER_CUTS[request.param](path.read_bytes()))


@pytest.mark.parametrize("name", ["zarr.json", "x/c/0", "time/c/0", "crid/c/0", "spatial_ref/c"])
def test_a_store_after_a_power_cut_is_damaged_and_so_says_every_reader(tmp_path, cut, name):
    path = tmp_path / "a.zarr"
    write(path)
    cut(path / name)
    readers = [store.open_store, store.damage]
    if name == "zarr.json":
        readers += [store.fragment_info, store.metadata_of, lambda path: provenance(path, True)]
    for read in readers:
        if read is store.damage:
            assert "verify" not in read(path) and not read(path).startswith(("GcovError", "JSONDecodeError"))
        else:
            with pytest.raises(GcovError, match=r"a\.zarr is damaged: .*; run `snakemake --cores 1 verify`, then"):
                read(path)


def test_metadata_of_an_array_that_only_the_stack_reads(tmp_path, cut):
    for name in ("a.zarr", "b.zarr"):
        write(tmp_path / name)
    cut(tmp_path / "a.zarr" / "HHHH" / "zarr.json")
    with pytest.raises(GcovError, match=r"a\.zarr/HHHH is damaged: zarr.json is"):
        store.copy_date(tmp_path / "a.zarr", tmp_path / "b.zarr", "HHHH", 5)
    assert "HHHH is damaged" in store.damage(tmp_path / "a.zarr") and store.damage(tmp_path / "b.zarr") is None


TABLES = [tables.read, tables.read_series, tables.read_indices, tables.read_granules]


@pytest.mark.parametrize(
    ("read", "remedy"),
    [
        (read_record, "run `snakemake --cores 1 -R search`"),
        (read_table, "run `snakemake --cores 1 -R search`"),
        (ChangeOnPage.of, "delete it, then run again"),
        (read_json, "delete it, then run again"),
        *((read, "delete it, then run again") for read in TABLES),
    ],
)
def test_a_file_after_a_power_cut_is_damaged(tmp_path, cut, read, remedy):
    path = tmp_path / "HHHH" / "change" / "x.json"
    path.parent.mkdir(parents=True)
    table = "time,zone,value\r\n2025-11-23,forest,1.5\r\n"
    text = table if read in TABLES else json.dumps({"HHHH": {"looks": 9.3}}, indent=1)
    path.write_text(text, newline="")
    cut(path)
    with pytest.raises(GcovError, match=rf"x\.json is damaged: it is (empty|cut short|full of zeros).*; {remedy}"):
        read(path)


def test_of_several_dates_read_at_once_the_damaged_one_is_named(tmp_path):
    write(tmp_path / "a.zarr")
    target = tmp_path / "a.zarr" / "HHHH" / "c" / "1" / "0" / "0"
    content = bytearray(target.read_bytes())
    content[1000] ^= 0x10
    target.write_bytes(content)
    with pytest.raises(GcovError, match=r"a.zarr is damaged: HHHH of 2025-12-05T23:47:39 cannot be decoded"):
        store.samples(store.open_store(tmp_path / "a.zarr"), "HHHH")


@pytest.mark.parametrize("shape", [(3, 5), (512, 512), (1100, 513)])
@pytest.mark.parametrize("size", [{"rows": 512}, {"rows": 512, "columns": 512}, {"rows": 7, "columns": 300}])
def test_regions_cover_every_sample_once(shape, size):
    hits = xr.DataArray(np.zeros((2, *shape), np.uint8), dims=store.DIMS)
    for region in store.regions(hits, **size):
        part = hits.isel(region)
        assert (
            part.sizes["time"] == 1 and part.sizes["y"] <= size["rows"] and part.sizes["x"] <= size.get("columns", 999)
        )
        part.values += 1
    assert (hits == 1).all()


def test_shards_move_between_stores_of_one_layout(tmp_path):
    samples = write(tmp_path / "one.zarr", dates=DATES[:1])
    store.create(tmp_path / "all.zarr", grid=GRID, dates=DATES, types=TYPES, attributes={})
    for name in TYPES:
        assert store.copy_date(tmp_path / "one.zarr", tmp_path / "all.zarr", name, 1)
        found = zarr.open_group(tmp_path / "all.zarr", mode="r")[name]
        np.testing.assert_array_equal(found[1], samples[name][0])


def test_shards_of_another_layout_stay_where_they_are(tmp_path):
    write(tmp_path / "one.zarr", dates=DATES[:1])
    store.create(tmp_path / "all.zarr", grid=GRID, dates=DATES, types={"HHHH": "f8", "mask": "u1"}, attributes={})
    assert not store.copy_date(tmp_path / "one.zarr", tmp_path / "all.zarr", "HHHH", 1)
    assert not (tmp_path / "all.zarr" / "HHHH" / "c").exists()
    assert store.copy_date(tmp_path / "one.zarr", tmp_path / "all.zarr", "mask", 1)


def test_building_takes_the_place_of_what_was_there(tmp_path):
    target = tmp_path / "a.zarr"
    target.mkdir()
    (target / "old").touch()
    with building(target) as part:
        part.mkdir()
        (part / "new").touch()
        assert (target / "old").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["a.zarr", "new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_building_leaves_nothing_half_written(tmp_path, error, kind):
    with pytest.raises(error), building(tmp_path / "a") as part:
        if kind == "folder":
            part.mkdir()
        (part / "x" if kind == "folder" else part).write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(tmp_path, code):
    with pytest.raises(OSError) as error, building(tmp_path / "a"):
        raise OSError(code, "No room")
    assert error.value.filename == str(tmp_path / "a")


def test_building_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda *paths: (synced.append("rename"), rename(*paths)))
    with building(tmp_path / "a") as part:
        (part / "deep").mkdir(parents=True)
        (part / "deep" / "file").write_text("x")
    assert synced == [*map(str, (part, part / "deep" / "file", part / "deep")), "rename", str(tmp_path)]


@pytest.mark.parametrize("name", ["HHHH/c/0/0/0", "mask/c/0/0/0", "x/c/0"])
def test_an_empty_shard_is_a_missing_one(tmp_path, name):
    path = tmp_path / "stack.zarr"
    write(path)
    assert store.damage(path) is None
    (path / name).write_bytes(b"")
    assert store.damage(path) == f"it lacks {name}"


def test_a_lost_chunk_of_any_coordinate_is_named(tmp_path):
    """Also one of several: zarr cuts long coordinates into chunks, and would read a lost one as 0."""
    path = tmp_path / "stack.zarr"
    grid = grid_of(32645, 191_770 + 20.0 * np.arange(2), 3_132_230 - 20.0 * np.arange(200_000))
    store.create(path, grid=grid, dates=DATES, types={}, attributes={}, coords={"fact": ("time", [0.0, 0.0])})
    store.finish(path)
    chunks = [str(file.relative_to(path)) for file in path.glob("*/c*/**/*") if file.is_file()] + ["spatial_ref/c"]
    assert {"y/c/3", "time/c/0", "fact/c/0", "granule/c/0"} < {*chunks}
    for name in chunks:
        (path / name).rename(tmp_path / "aside")
        for read in store.open_store, store.fragment_info:
            with pytest.raises(GcovError, match=rf"stack.zarr is damaged: it lacks {name}; run"):
                read(path)
        (tmp_path / "aside").rename(path / name)


@pytest.mark.parametrize(
    "read",
    [
        lambda data: list(changed.blocks(data, None)),
        lambda data: rasters.sampled(data, "change", 1),
        lambda data: rasters.averaged(data, "change", 2),
        lambda data: ChangeOnPage("x", "HHHH", {"multilook": 1}, data).codes((530, 700), 1),
    ],
)
def test_a_map_that_cannot_be_decoded_is_named(tmp_path, read):
    path = tmp_path / "x.zarr"
    store.create(path, grid=GRID, types=dict.fromkeys(CHANGE, "i1"), attributes={})
    store.write_no_data(path)
    store.finish(path)
    read(store.open_store(path))
    chunk = path / "change/c/0/0"
    chunk.write_bytes(b"?" + chunk.read_bytes()[1:])
    with pytest.raises(GcovError, match=r"x\.zarr is damaged: change cannot be decoded \(.*\); run `snakemake"):
        read(store.open_store(path))


def test_building_begins_anew_after_a_kill(tmp_path):
    (tmp_path / "a.part").mkdir()
    (tmp_path / "a.part" / "half").touch()
    with building(tmp_path / "a") as part:
        part.mkdir()
    assert list((tmp_path / "a").iterdir()) == []
    shutil.rmtree(tmp_path / "a")
