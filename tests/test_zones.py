"""Zones compared with numpy label images, and refusals that name the zone."""

import json
import re

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from affine import Affine
from helpers import EPSG, NORTH, WEST

from gcov.analysis import zonal
from gcov.errors import GcovError
from gcov.inputs.zones import check_inside, on_grid, read_zones, whole
from gcov.stores import store
from gcov.stores.grid import inside_polygon, make_grid, projected

DATES, NY, NX = 4, 700, 320


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    """Four dates of two terms over more than one row of chunks, with NaN and an invalid rim."""
    rng = np.random.default_rng(1)
    power = rng.gamma(3, 0.05, (2, DATES, NY, NX)).astype(np.float32)
    power[0, rng.random((DATES, NY, NX)) < 0.2] = np.nan
    power[1, rng.random((DATES, NY, NX)) < 0.1] = np.nan
    mask = rng.choice(np.array([0, 1, 2], "u1"), (DATES, NY, NX), p=[0.1, 0.5, 0.4])
    grid = make_grid(
        EPSG, WEST + 20 * (np.arange(NX) + 0.5), NORTH - 20 * (np.arange(NY) + 0.5), Affine(20, 0, WEST, 0, -20, NORTH)
    )
    layers = {"HHHH": (store.DIMS, power[0]), "HVHV": (store.DIMS, power[1]), "mask": (store.DIMS, mask)}
    words = {name: ("time", ["x"] * DATES) for name in ("granule", "crid", "maturity", "polarizations")}
    time = ("time", np.arange(DATES).astype("datetime64[D]").astype("datetime64[s]"))
    return xr.Dataset(layers, {"time": time, **words, **grid.coords})


def rectangle(top, bottom, left, right) -> shapely.Polygon:
    """Along the edges of these rows and columns."""
    return shapely.box(WEST + 20 * left, NORTH - 20 * bottom, WEST + 20 * right, NORTH - 20 * top)


RECTANGLES = {"across": (400, 650, 10, 200), "over it": (500, 600, 150, 300), "one": (3, 4, 5, 6)}


def zone_file(path, shapes, crs=EPSG, **properties):
    frame = geopandas.GeoDataFrame({"name": list(shapes), **properties}, geometry=list(shapes.values()), crs=crs)
    frame.to_file(path)
    return path


def test_sums_of_overlapping_zones_are_numpys(data, tmp_path):
    shapes = {name: rectangle(*edges) for name, edges in RECTANGLES.items()}
    shapes["two parts"] = shapely.MultiPolygon([rectangle(0, 10, 0, 10), rectangle(600, 690, 300, 310)])
    shapes["partly outside"] = rectangle(690, 800, 300, 400)
    zones = on_grid(read_zones(zone_file(tmp_path / "z.gpkg", shapes), "name", "zones"), data, None)
    assert [zone.name for zone in zones] == list(shapes)
    labels = {name: np.zeros((NY, NX), bool) for name in shapes}
    for name, (top, bottom, left, right) in RECTANGLES.items():
        labels[name][top:bottom, left:right] = True
    labels["two parts"][:10, :10] = labels["two parts"][600:690, 300:310] = True
    labels["partly outside"][690:, 300:] = True
    valid = np.isfinite(data.HHHH.values) & (data["mask"].values >= 1)
    found = zonal.sums(data, "HHHH", zones, valid_samples_only=True)
    for zone, sums in zip(zones, found):
        assert zone.n_pixels == labels[zone.name].sum()
        for date in range(DATES):
            power = data.HHHH.values[date][valid[date] & labels[zone.name]].astype("f8")
            assert sums.n[date] == power.size
            if power.size:
                assert sums.total[date] == pytest.approx(power.sum(), rel=1e-12)
                assert sums.squares[date] == pytest.approx((power**2).sum(), rel=1e-12)
                wanted = 10 * np.log10(np.quantile(power, [0.05, 0.5, 0.95]))
                np.testing.assert_allclose(sums.percentiles[date], wanted, rtol=1e-6)
    everything = zonal.sums(data, "HHHH", [whole(data)], valid_samples_only=False)[0]
    assert everything.n.tolist() == np.isfinite(data.HHHH.values).sum(axis=(1, 2)).tolist()


def test_indices_are_ratios_of_means(data, tmp_path):
    shapes = {name: rectangle(*edges) for name, edges in RECTANGLES.items()}
    zones = [whole(data), *on_grid(read_zones(zone_file(tmp_path / "z.gpkg", shapes), "name", "zones"), data, None)]
    names = ("HVHV/HHHH", "RVI")
    found = zonal.indices(data, names, ["HHHH", "HVHV"], zones, valid_samples_only=True)
    assert list(found) == ["zone", "time", "index", "value", "n_valid"] and len(found) == 4 * 2 * DATES
    both = np.isfinite(data.HHHH.values) & np.isfinite(data.HVHV.values) & (data["mask"].values >= 1)
    both[:, :400] = both[:, 650:] = both[:, :, :10] = both[:, :, 200:] = False
    hh, hv = (
        np.array([data[term].values[d][both[d]].mean(dtype="f8") for d in range(DATES)]) for term in ("HHHH", "HVHV")
    )
    rows = found[found.zone == "across"]
    np.testing.assert_allclose(rows.value[rows["index"] == "HVHV_HHHH"], 10 * np.log10(hv / hh), rtol=1e-9)
    np.testing.assert_allclose(rows.value[rows["index"] == "RVI"], 4 * hv / (hh + hv), rtol=1e-9)
    assert rows.n_valid[rows["index"] == "RVI"].tolist() == both.sum(axis=(1, 2)).tolist()
    assert set(found.zone) == {"aoi", *RECTANGLES}


def test_a_zone_and_an_aoi_of_one_outline_hold_the_same_samples(data, tmp_path):
    """In degrees, slanted; the edges are straight in degrees."""
    corners = [(WEST + 300, NORTH - 700), (WEST + 6000, NORTH - 3000), (WEST + 4000, NORTH - 13000)]
    points = geopandas.GeoSeries([shapely.Polygon(corners)], crs=EPSG).to_crs(4326)
    zone = on_grid(read_zones(zone_file(tmp_path / "z.geojson", {"a": points[0]}, 4326), "name", "zones"), data, None)[
        0
    ]
    outline = projected(points[0].wkt, data.rio.crs)
    wanted = inside_polygon(data, outline, slice(0, NY), slice(0, NX))
    found = np.zeros((NY, NX), bool)
    found[zone.rows, zone.columns] = zone.inside
    np.testing.assert_array_equal(found, wanted)
    half = geopandas.GeoSeries([rectangle(0, 300, 0, NX)], crs=EPSG).to_crs(4326)[0]
    clipped = on_grid(read_zones(tmp_path / "z.geojson", "name", "zones"), data, half.wkt)[0]
    assert clipped.n_pixels == pytest.approx(wanted[:300].sum(), abs=3) and clipped.n_pixels < zone.n_pixels


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp"])
def test_formats_and_crs(tmp_path, suffix):
    shapes = {"1": rectangle(0, 9, 0, 9), "é": rectangle(9, 19, 0, 9)}
    zones = read_zones(zone_file(tmp_path / f"z{suffix}", shapes, number=[7, 8]), "name", "zones")
    assert zones.index.tolist() == ["1", "é"] and zones.crs.to_epsg() == EPSG
    assert zones.geometry.area.tolist() == pytest.approx([180 * 180, 200 * 180])
    assert read_zones(tmp_path / f"z{suffix}", "number", "zones").index.tolist() == ["7", "8"]


def test_what_is_refused_by_name(data, tmp_path):
    path = tmp_path / "z.geojson"
    box = rectangle(0, 9, 0, 9)

    def refused(shapes, message, names=None, key="name"):
        frame = geopandas.GeoDataFrame({"name": names or list(shapes)}, geometry=list(shapes.values()), crs=EPSG)
        frame.to_file(path)
        with pytest.raises(GcovError, match=re.escape(f"aois.x.zones: {path}") + f".*{message}"):
            read_zones(path, key, "aois.x.zones")

    refused({"a": box, "b": box, "c": box}, "without a name, counted from 1: 2, 3", ["a", None, " "])
    refused({"a": box, "b": box}, "names given twice: a", ["a", "a"])
    refused({"aoi": box}, "a zone is called 'aoi'")
    refused({"a": box}, "no property 'field'; its properties are name: set zone_name", key="field")
    refused({"road": shapely.LineString([(0, 0), (1, 1)])}, "zone 'road' is a LineString")
    refused({"bow": shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, "zone 'bow' is not a valid polygon: Self-inter")
    with pytest.raises(GcovError, match=r"zones: 'none.gpkg' is not a file"):
        read_zones("none.gpkg", "name", "zones")
    (tmp_path / "text.gpkg").write_text("no zones")
    with pytest.raises(GcovError, match="cannot be read as GeoJSON"):
        read_zones(tmp_path / "text.gpkg", "name", "zones")
    path.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with pytest.raises(GcovError, match="holds no polygon"):
        read_zones(path, "name", "zones")


def test_zones_outside_and_between_pixel_centres(data, tmp_path):
    sliver = shapely.box(WEST + 201, NORTH - 219, WEST + 209, NORTH - 201)  # beside a pixel's centre
    far = rectangle(5000, 5010, 0, 10)
    shapes = {"near": rectangle(0, 9, 0, 9), "far": far, "sliver": sliver}
    zones = read_zones(zone_file(tmp_path / "z.gpkg", shapes), "name", "zones")
    area = geopandas.GeoSeries([rectangle(0, NY, 0, NX)], crs=EPSG).to_crs(4326)[0]
    with pytest.raises(GcovError, match=r"zones outside of the AOI: far$"):
        check_inside(zones, area, "config: aois.x.zones")
    check_inside(zones.loc[["near", "sliver"]], area, "zones")
    with pytest.raises(GcovError, match="without a pixel centre in the AOI at 20 m: far, sliver;"):
        on_grid(zones, data, None)


def test_memory_of_the_whole_as_a_zone_is_nothing(data):
    assert whole(data).inside.base.nbytes == 1 and whole(data).n_pixels == NY * NX
    assert isinstance(
        zonal.indices(data, ["RFDI"], ["HHHH", "HVHV"], [whole(data)], valid_samples_only=True), pd.DataFrame
    )
