"""The STAC catalogue: valid, relocatable, with the fields of each extension, and loadable with users' tools."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import h5py
import numpy as np
import odc.stac
import pyproj
import pystac
import pystac.validation
import pytest
import xarray as xr
from catalog import catalog
from geotiff import geotiff
from geotiff_date import geotiff_date
from helpers import BBOX, EPSG, FIRST, NORTH, WEST
from products import fragment, stacked
from stac import stac
from stack import stack
from test_geotiff import counts

from gcov import __version__
from gcov.archive.catalog import listed_granules
from gcov.export import stac as catalogues
from gcov.stores import store

SCHEMA = "https://stac-extensions.github.io/{}/schema.json"
DAYS = ["20251123", "20251205", "20251217", "20251229"]
LOOKS = {
    "HHHH": {"looks": 7.1, "given": 9.3, "method": "log-ratio"},
    "HVHV": {"DHDH": {"looks": 8.1, "given": None}, "SHSH": {"looks": 4.2, "given": None}},
}


def product(stack: xr.Dataset, path: Path) -> Path:
    """A store of maps on the stack's grid."""
    data = xr.Dataset({"mean": stack["HHHH"].mean("time").drop_vars("spatial_ref")}).assign_coords(
        {name: stack[name] for name in ("y", "x", "spatial_ref")}
    )
    data.assign_attrs(granule_records=stack.attrs["granule_records"]).drop_encoding().to_zarr(path, consolidated=False)
    store.finish(path)
    return path


@pytest.fixture(scope="module")
def made(newest, tmp_path_factory):
    """Results of four dates with GeoTIFFs and a catalogue; and the stack."""
    results = tmp_path_factory.mktemp("results") / "valley"
    data = stacked(results, newest, terms=("HHHH", "HVHV"))
    fragments = sorted((results / "fragments").iterdir())
    files = []
    for day, path in zip(DAYS, fragments):
        for quantity, term in (("power", "HHHH"), ("power", "HVHV"), ("db", "HHHH")):
            files.append(results / "geotiff" / f"{quantity}_{term}_{day}.tif")
            files[-1].parent.mkdir(exist_ok=True)
            geotiff_date(fragments=[path], term=term, quantity=quantity, valid_samples_only=True, output=files[-1])
    files.append(results / "geotiff" / "statistics_HHHH.tif")
    statistics = product(data, results / "statistics.zarr")
    geotiff(source=statistics, names=["mean"], day=None, resampling="average", output=files[-1])
    (results / "looks.json").write_text(json.dumps(LOOKS))
    stac(
        fragments=fragments,
        stack=results / "stack.zarr",
        geotiffs=files,
        looks=results / "looks.json",
        output=results / "stac",
    )
    return results, data


def documents(results: Path) -> dict[str, dict]:
    """Every file of the catalogue, by name."""
    return {path.name: json.loads(path.read_text()) for path in (results / "stac").iterdir()}


def test_a_collection_and_an_item_for_each_date(made):
    assert sorted(documents(made[0])) == ["collection.json", *(f"x_{day}.json" for day in DAYS)]


def test_the_core_is_valid(made):
    """By the schemas that pystac brings along; those of extensions would have to be fetched."""
    for content in documents(made[0]).values():
        assert content["stac_version"] == "1.1.0"
        core = {**content, "stac_extensions": []}
        assert pystac.validation.validate_dict(core)
        broken = {key: value for key, value in core.items() if key not in ("properties", "extent")}
        with pytest.raises(pystac.STACValidationError):
            pystac.validation.validate_dict(broken)


def test_it_may_be_moved_with_what_it_names(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "elsewhere")
    for content in documents(tmp_path / "elsewhere").values():
        hrefs = [link["href"] for link in content["links"]] + [one["href"] for one in content["assets"].values()]
        assert all((tmp_path / "elsewhere" / "stac" / href).resolve().exists() for href in hrefs)
        assert all(href.startswith(("./", "../")) for href in hrefs)
    collection = pystac.read_file(str(tmp_path / "elsewhere" / "stac" / "collection.json"))
    items = sorted(collection.get_items(), key=lambda item: item.id)
    assert [item.id for item in items] == [f"x_{day}" for day in DAYS]
    for item in items:
        assert item.get_parent() is collection
        path = Path(item.assets["power_HHHH"].get_absolute_href())
        assert path.resolve() == tmp_path / "elsewhere" / "geotiff" / f"power_HHHH_{item.id[-8:]}.tif"


def test_what_an_item_says(made):
    """Field by field, as the extensions define them."""
    results, data = made
    content = documents(results)["x_20251205.json"]
    names = ["sar/v1.3.0", "sat/v1.0.0", "projection/v2.0.0", "processing/v1.2.0", "raster/v2.0.0"]
    assert content["stac_extensions"] == [SCHEMA.format(name) for name in names]
    properties = content["properties"]
    assert properties["datetime"] == properties["start_datetime"] == "2025-12-05T23:47:39Z"
    assert properties["end_datetime"] == "2025-12-05T23:48:14Z"
    assert (
        properties
        | {
            "platform": "nisar",
            "gsd": 20.0,
            "sar:frequency_band": "L",
            "sar:center_frequency": 1.229,
            "sar:polarizations": ["HH", "HV"],
            "sar:observation_direction": "left",
            "sar:instrument_mode": "2005",
            "sat:orbit_state": "ascending",
            "sat:relative_orbit": 26,
            "proj:code": "EPSG:32645",
            "proj:shape": [data.sizes["y"], data.sizes["x"]],
            "proj:transform": list(data.rio.transform())[:6],
            "processing:level": "L3",
            "processing:software": {"nisar-gcov-timeseries": __version__},
            "nisar:granules": data["granule"].values[1].split(),
            "nisar:crid": ["X05010"],
            "nisar:maturity": ["BETA"],
            "nisar:product_doi": "10.5067/NIL2GCOV-B1",
            "nisar:joint_observation": False,
            "nisar:diagnostic_mode": "0",
        }
        == properties
    )
    assert "gamma0" in properties["processing:lineage"]
    west, south, east, north = content["bbox"]
    assert west <= BBOX[0] and south <= BBOX[1] and east >= BBOX[2] and north >= BBOX[3]
    assert east - west < 1.2 * (BBOX[2] - BBOX[0]) and north - south < 1.2 * (BBOX[3] - BBOX[1])


def test_what_assets_say(made):
    results, data = made
    for name, content in documents(results).items():
        assert content["assets"]["stack"] == {
            "href": "../stack.zarr",
            "title": content["assets"]["stack"]["title"],
            "type": "application/vnd.zarr; version=3",
            "roles": ["data"],
        }
        dated = {"power_HHHH", "power_HVHV", "db_HHHH"} if name != "collection.json" else {"statistics_HHHH"}
        assert set(content["assets"]) == {"stack", *dated}
    one = documents(results)["x_20251205.json"]["assets"]["db_HHHH"]
    assert (
        one
        | {
            "href": "../geotiff/db_HHHH_20251205.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
            "data_type": "float32",
            "nodata": "nan",
            "raster:spatial_resolution": 20.0,
            "proj:code": "EPSG:32645",
            "proj:shape": [data.sizes["y"], data.sizes["x"]],
            "proj:transform": list(data.rio.transform())[:6],
            "sar:looks_equivalent_number": 9.3,
        }
        == one
    )
    (band,) = one["bands"]
    assert band["unit"] == "dB" and "gamma0 HHHH" in band["description"]
    power = documents(results)["x_20251205.json"]["assets"]["power_HVHV"]
    assert power["sar:looks_equivalent_number"] == 8.1, "that of the date's polarizations"


def test_what_the_collection_says(made):
    content = documents(made[0])["collection.json"]
    assert content["extent"]["temporal"]["interval"] == [["2025-11-23T23:47:39Z", "2025-12-29T23:48:14Z"]]
    assert content["extent"]["spatial"]["bbox"] == [documents(made[0])["x_20251205.json"]["bbox"]]
    assert "BETA data (4 dates): not validated" in content["description"]
    assert content["summaries"]["sar:polarizations"] == ["HH", "HV"]
    assert content["summaries"]["nisar:crid"] == ["X05009", "X05010"]
    assert content["summaries"]["sat:relative_orbit"] == [26]


def test_odc_stac_loads_the_stacks_own_numbers(made):
    results, data = made
    items = list(pystac.read_file(str(results / "stac" / "collection.json")).get_items())
    loaded = odc.stac.load(items, bands=["power_HVHV", "db_HHHH"])
    assert loaded.rio.crs.to_epsg() == 32645
    for axis in ("x", "y"):
        np.testing.assert_array_equal(loaded[axis], data[axis])
    np.testing.assert_array_equal(loaded["time"].values.astype("M8[s]"), data["time"].values.astype("M8[s]"))
    mask = data["mask"].values
    np.testing.assert_array_equal(loaded["power_HVHV"], counts(data["HVHV"].values, mask))
    assert np.isnan(loaded["power_HVHV"]).any() and np.isfinite(loaded["power_HVHV"]).any()
    decibels = 10 * np.log10(counts(data["HHHH"].values.astype("f8"), mask))
    np.testing.assert_allclose(loaded["db_HHHH"], decibels, atol=1e-5)
    assert set(odc.stac.load(items).data_vars) == {"power_HHHH", "power_HVHV", "db_HHHH"}, "and nothing else"


def test_a_date_without_a_term_and_without_a_centre_frequency(band, write, newest, tmp_path):
    """HH alone on the second date, whose granule states no centre frequency (an empty attribute of its fragment)."""
    one = band(12)
    path = write({"A": type(one)(one.epsg, one.x, one.y, {"HHHH": one.terms["HHHH"]}, one.mask)},
                 start=FIRST + timedelta(days=12), pols="SHNA")  # fmt: skip
    stacked(tmp_path, [newest[0], path], terms=("HHHH", "HVHV"))
    fragments = [tmp_path / f"fragments/{file.stem}.zarr" for file in (newest[0], path)]
    metadata = json.loads((fragments[1] / "zarr.json").read_text())
    metadata["attributes"]["center_frequency"] = ""
    (fragments[1] / "zarr.json").write_text(json.dumps(metadata))
    stac(fragments=fragments, stack=tmp_path / "stack.zarr", geotiffs=[], looks=None, output=tmp_path / "stac")
    first, second = (documents(tmp_path)[f"x_{day}.json"]["properties"] for day in DAYS[:2])
    assert (first["sar:polarizations"], second["sar:polarizations"]) == (["HH", "HV"], ["HH"])
    assert first["sar:center_frequency"] == 1.229 and "sar:center_frequency" not in second
    assert first["sar:observation_direction"] == "left"


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({"looks": 7.1, "given": 9.3}, 9.3),
        ({"looks": None, "given": 9.3}, 9.3),
        ({"looks": 7.1, "given": None}, 7.1),
        ({"looks": None, "given": None}, None),
    ],
)
@pytest.mark.parametrize("alternating", [False, True])
def test_looks_that_are_given_take_precedence(entry, wanted, alternating, newest, tmp_path):
    entry = {**entry, "method": ""}
    (tmp_path / "looks.json").write_text(json.dumps({"HHHH": {"DHDH": entry} if alternating else entry}))
    (granule,) = listed_granules((str(newest[0]),), None)
    assert catalogues.looks_of(tmp_path / "looks.json", "db_HHHH", granule, "A") == wanted
    assert catalogues.looks_of(tmp_path / "looks.json", "db_VVVV", granule, "A") is None, "the date lacks the term"
    assert catalogues.looks_of(None, "db_HHHH", granule, "A") is None


@pytest.mark.parametrize(
    ("shape", "stated", "wanted"), [((1, 1), "Right", "right"), ((1, 5), "Left", "left"), ((5, 1), "", None)]
)
def test_narrow_areas_and_where_the_radar_looked(shape, stated, wanted, newest, tmp_path):
    path = tmp_path / newest[0].name
    shutil.copy(newest[0], path)
    with h5py.File(path, "r+") as file:
        node = file["science/LSAR/identification"]
        del node["lookDirection"]
        if stated:
            node["lookDirection"] = stated
    left, top = WEST + 20 * 60 + 9, NORTH - 20 * 40 - 9
    area = left, top - 20 * (shape[0] - 1) - 1, left + 20 * (shape[1] - 1) + 1, top
    made = fragment(
        tmp_path, path, bbox=pyproj.Transformer.from_crs(EPSG, 4326, always_xy=True).transform_bounds(*area)
    )
    stack(fragments=[made], output=tmp_path / "stack.zarr")
    stac(fragments=[made], stack=tmp_path / "stack.zarr", geotiffs=[], looks=None, output=tmp_path / "stac")
    said = documents(tmp_path)["x_20251123.json"]["properties"]
    data = xr.open_zarr(tmp_path / "stack.zarr")
    assert said["gsd"] == 20 and said["proj:shape"] == [data.sizes["y"], data.sizes["x"]] == list(shape)
    assert said.get("sar:observation_direction") == wanted


def test_a_catalogue_leads_to_the_collections_of_all_areas(made, tmp_path):
    """One AOI may be called stac."""
    for aoi in ("valley", "stac"):
        shutil.copytree(made[0], tmp_path / aoi)
    catalog(collections=[tmp_path / aoi / "stac" for aoi in ("valley", "stac")], output=tmp_path / "catalog.json")
    shutil.move(tmp_path, tmp_path.with_name("moved"))
    found = pystac.Catalog.from_file(str(tmp_path.with_name("moved") / "catalog.json"))
    assert pystac.validation.validate_dict(found.to_dict())
    assert [len(list(child.get_items())) for child in found.get_children()] == [4, 4]
    assert len({child.get_self_href() for child in found.get_children()}) == 2
