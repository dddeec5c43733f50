"""Zones compared with numpy label images, and refusals that name the zone."""

import datetime
import json
import re
import sqlite3

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from helpers import EPSG, NORTH, WEST, memory_stack, rectangle, zone_file

from gcov import tables
from gcov.analysis import zonal
from gcov.errors import GcovError
from gcov.inputs.config import check_files, read_config
from gcov.inputs.zones import check_inside, read_zones
from gcov.inputs.zones_on_grid import Zone, on_grid, whole
from gcov.stores.bits import Bits
from gcov.stores.grid import inside_polygon, projected
from gcov.stores.stack import Stack

DATES, NY, NX = 4, 700, 320
SPECKLE = {term: {"DHDH": {"looks": 9.3, "given": None, "rho": [[0.0], [0.0]]}} for term in ("HHHH", "HVHV")}


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    """Four dates of two terms over more than one row of chunks, with NaN and an invalid rim."""
    rng = np.random.default_rng(1)
    power = rng.gamma(3, 0.05, (2, DATES, NY, NX)).astype(np.float32)
    power[0, rng.random((DATES, NY, NX)) < 0.2] = np.nan
    power[1, rng.random((DATES, NY, NX)) < 0.1] = np.nan
    mask = rng.choice(np.array([0, 1, 2], "u1"), (DATES, NY, NX), p=[0.1, 0.5, 0.4])
    return memory_stack({"HHHH": power[0], "HVHV": power[1]}, mask)


RECTANGLES = {"across": (400, 650, 10, 200), "over it": (500, 600, 150, 300), "one": (3, 4, 5, 6)}


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
    found = zonal.sums(Stack(data, valid_samples_only=True), "HHHH", zones)
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
    everything = zonal.sums(Stack(data, valid_samples_only=False), "HHHH", [whole(data)])[0]
    assert everything.n.tolist() == np.isfinite(data.HHHH.values).sum(axis=(1, 2)).tolist()


def test_percentiles_of_large_zones_come_from_bins(data, monkeypatch):
    """Of zones that hold too many samples together, the largest ones are counted, to half a bin of 0.01 dB."""
    zones = [whole(data), Zone("a", slice(10, 40), slice(5, 45), Bits.of(np.ones((30, 40), bool)))]
    stack = Stack(data, valid_samples_only=True)
    exact = zonal.sums(stack, "HHHH", zones)
    monkeypatch.setattr(zonal, "SORTED", NY * NX)
    counted = zonal.sums(stack, "HHHH", zones)
    np.testing.assert_allclose(counted[0].percentiles, exact[0].percentiles, rtol=0, atol=0.0051)
    assert not np.array_equal(counted[0].percentiles, exact[0].percentiles, equal_nan=True)
    np.testing.assert_array_equal(counted[1].percentiles, exact[1].percentiles)
    np.testing.assert_allclose(counted[0].total, exact[0].total, rtol=1e-12)


def test_bits_are_the_image():
    inside = np.random.default_rng(1).random((20, 21)) < 0.5
    bits = Bits.of(inside)
    assert bits.packed.nbytes == 20 * 3 and bits.sum() == inside.sum() and len(bits) == 20
    np.testing.assert_array_equal(bits, inside)
    np.testing.assert_array_equal(bits[3:7], inside[3:7])
    np.testing.assert_array_equal(bits[1::2, 2::3], inside[1::2, 2::3])


def test_indices_of_the_same_terms_take_one_pass(data, monkeypatch):
    read, pieces = [], zonal.pieces
    monkeypatch.setattr(zonal, "pieces", lambda stack, terms, zones: read.append(terms) or pieces(stack, terms, zones))
    stack, zones, names = Stack(data, valid_samples_only=True), [whole(data)], ["HVHV/HHHH", "RVI", "RFDI"]
    found = zonal.indices(stack, names, ["HHHH", "HVHV"], zones, speckle=SPECKLE)
    assert read == [["HHHH", "HVHV"]]
    alone = [zonal.indices(stack, [name], ["HHHH", "HVHV"], zones, speckle=SPECKLE) for name in names]
    pd.testing.assert_frame_equal(found, pd.concat(alone, ignore_index=True), check_exact=True)


def test_indices_are_ratios_of_means(data, tmp_path):
    shapes = {name: rectangle(*edges) for name, edges in RECTANGLES.items()}
    zones = [whole(data), *on_grid(read_zones(zone_file(tmp_path / "z.gpkg", shapes), "name", "zones"), data, None)]
    names = ("HVHV/HHHH", "RVI")
    found = zonal.indices(Stack(data, valid_samples_only=True), names, ["HHHH", "HVHV"], zones, speckle=SPECKLE)
    assert list(found) == ["zone", "time", "index", "value", "n_valid", "se", "near_noise"]
    assert len(found) == 4 * 2 * DATES
    both = np.isfinite(data.HHHH.values) & np.isfinite(data.HVHV.values) & (data["mask"].values >= 1)
    both[:, :400] = both[:, 650:] = both[:, :, :10] = both[:, :, 200:] = False
    hh, hv = (
        np.array([data[term].values[d][both[d]].mean(dtype="f8") for d in range(DATES)]) for term in ("HHHH", "HVHV")
    )
    rows = found[found.zone == "across"]
    np.testing.assert_allclose(rows.value[rows["index"] == "HVHV_HHHH"], 10 * np.log10(hv / hh), rtol=1e-9)
    np.testing.assert_allclose(rows.value[rows["index"] == "RVI"], 4 * hv / (hh + hv), rtol=1e-9)
    squares = [
        np.array([(data[term].values[d][both[d]].astype("f8") ** 2).mean() for d in range(DATES)])
        for term in ("HHHH", "HVHV")
    ]
    n = both.sum(axis=(1, 2))
    relative = [np.sqrt(square / (10.3 * n)) / mean for square, mean in zip(squares, (hh, hv))]
    expected = 4.342945 * np.hypot(*relative)
    np.testing.assert_allclose(rows.se[rows["index"] == "HVHV_HHHH"], expected, rtol=1e-6)
    np.testing.assert_allclose(
        rows.se[rows["index"] == "RVI"], 4 * hv * hh / (hh + hv) ** 2 * np.hypot(*relative), rtol=1e-6
    )
    assert rows.n_valid[rows["index"] == "RVI"].tolist() == both.sum(axis=(1, 2)).tolist()
    assert set(found.zone) == {"aoi", *RECTANGLES}


def test_an_index_is_near_the_noise_if_one_of_its_terms_is(data, tmp_path):
    """HV is noise in the west; the third date states no noise for HH, the fourth none at all."""
    y, x = [NORTH, NORTH - 20.0 * NY], [WEST, WEST + 20.0 * NX]
    west = {"y": y, "x": x, "mean": 0.08, "power": [[0.15, 0.01]] * 2}
    low = {"y": y, "x": x, "mean": 1e-4, "power": [[1e-4] * 2] * 2}
    stated = [[{"HHHH": low, "HVHV": low}], [{"HHHH": low, "HVHV": west}], [{"HVHV": low}], [{}]]
    shapes = {"west": rectangle(0, 50, 0, 20), "east": rectangle(0, 50, 300, 320)}
    zones = on_grid(read_zones(zone_file(tmp_path / "z.gpkg", shapes), "name", "zones"), data, None)
    stack = Stack(data.assign_attrs(noise=json.dumps(stated)), valid_samples_only=True)
    found = zonal.indices(stack, ["RVI"], ["HHHH", "HVHV"], [whole(data), *zones], speckle=SPECKLE)
    flags = found.groupby("zone")["near_noise"].apply(lambda of: [*of.fillna(-1)])
    assert flags.to_dict() == {"aoi": [0, 1, -1, -1], "west": [0, 1, -1, -1], "east": [0, 0, -1, -1]}


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


def geojson_file(path, names, crs=None, **more):
    """A GeoJSON of one rectangle a name; `names` are JSON texts. In the stack's CRS, or in that of the member `crs`."""
    crs = {"type": "name", "properties": {"name": f"EPSG:{EPSG}"}} if crs is None else crs
    shapes = [json.dumps(shapely.geometry.mapping(rectangle(9 * n, 9 * n + 9, 0, 9))) for n in range(len(names))]
    features = (
        f'{{"type": "Feature", "properties": {{"name": {name}}}, "geometry": {shape}}}'
        for name, shape in zip(names, shapes)
    )
    content = f'{{"type": "FeatureCollection", "crs": {json.dumps(crs)}, "features": [{", ".join(features)}]}}'
    path.write_text(content, encoding="utf-8")
    return path


WORDS = ["2025-01-01", "2025-01-01T10:00:00Z", "12345678901234567890", "0010", "1e5", "true", "NA", "null", "$\\frac$"]
WORDS += ["甲", "🌾 é", " two  blanks ", "a,b;c", '"q"', "a\r\nb", "{{facts}}", "<b>&amp;</script>", "=1+1"]


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp"])
def test_names_are_text_as_written(data, tmp_path, suffix):
    """From the file to both tables and the page's data, and back."""
    shapes = {word: rectangle(9 * n, 9 * n + 9, 0, 9) for n, word in enumerate(WORDS)}
    if suffix == ".geojson":
        path = geojson_file(tmp_path / "z.geojson", list(map(json.dumps, WORDS)))
    else:
        path = zone_file(tmp_path / f"z{suffix}", shapes)
    wanted = [word.strip(" ") if suffix == ".shp" else word for word in WORDS]  # dBASE pads with blanks
    found = read_zones(path, "name", "zones")
    assert found.index.tolist() == wanted and found.crs.to_epsg() == EPSG
    assert found.geometry.area.tolist() == pytest.approx([180 * 180] * len(WORDS))
    zones = on_grid(found, data, None)
    tables.write(
        tmp_path / "indices.csv",
        zonal.indices(Stack(data, valid_samples_only=True), ["RFDI"], ["HHHH", "HVHV"], zones, speckle=SPECKLE),
    )
    assert list(tables.read_indices(tmp_path / "indices.csv")["zone"].unique()) == wanted
    series = pd.DataFrame({"zone": wanted, "time": pd.Timestamp("2025-11-23")})
    tables.write(tmp_path / "zones.csv", series)
    assert tables.read_series(tmp_path / "zones.csv")["zone"].tolist() == wanted
    tables.write_parquet(tmp_path / "zones.parquet", series)
    assert pd.read_parquet(tmp_path / "zones.parquet", engine="fastparquet")["zone"].tolist() == wanted


@pytest.mark.parametrize(
    "text", ["12345678901234567890", "7.0", "0.10", "1e3", "-0", "true", '["a", 1.50, null]', '{"a": [true, "é"]}']
)
def test_names_that_are_no_text_in_geojson_are_their_json(tmp_path, text):
    path = geojson_file(tmp_path / "z.geojson", [text, '"2025-01-01"'])
    assert read_zones(path, "name", "zones").index.tolist() == [text, "2025-01-01"]


def test_names_of_other_types_in_tables(tmp_path):
    values = {
        "day": [datetime.date(2025, 1, 1)],
        "time": np.array(["2025-01-01T10:00:00"], "datetime64[ms]"),
        "yes": [True],
        "long": [2**62],
        "real": [7.0],
        "part": [0.1],
        "huge": [12345678901234567890.0],
    }
    path = zone_file(tmp_path / "z.gpkg", {"a": rectangle(0, 9, 0, 9)}, **values)
    found = {name: read_zones(path, name, "zones").index.tolist() for name in values if name != "huge"}
    wanted = {"day": "2025-01-01", "yes": "true", "long": str(2**62), "real": "7", "part": "0.1"}
    assert {name: found[name] for name in wanted} == {name: [text] for name, text in wanted.items()}
    assert found["time"][0].startswith("2025-01-01T10:00:00")
    with pytest.raises(GcovError, match="a number that was read without all of its digits: use text"):
        read_zones(path, "huge", "zones")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["7", '"7"'], "names given twice: 7"),
        (['"a"', "null"], "without a name, counted from 1: 2"),
        (['"a"', '""', '" \\t"'], "without a name, counted from 1: 2, 3"),
        (['"\\ud83c"', '"a"', '"b\\u0000"'], "names that are no text .*counted from 1: 1, 3"),
    ],
)
def test_names_that_are_refused(tmp_path, names, message):
    with pytest.raises(GcovError, match=message):
        read_zones(geojson_file(tmp_path / "z.geojson", names), "name", "zones")


UNKNOWN = ["EPSG:999999", "nonsense", "urn:ogc:def:crs:EPSG::0"]
UNKNOWN = [{"type": "name", "properties": {"name": name}} for name in UNKNOWN]


@pytest.mark.parametrize(
    "crs", [*UNKNOWN, {"type": "link", "properties": {"href": "x"}}, "EPSG:32645", {"properties": 1}]
)
def test_an_unknown_crs_is_refused(tmp_path, crs):
    with pytest.raises(GcovError, match=r"z\.geojson has a CRS that is not known: "):
        read_zones(geojson_file(tmp_path / "z.geojson", ['"a"'], crs), "name", "zones")


@pytest.mark.parametrize("code", ["EPSG:5773", "EPSG:4978"])
def test_a_crs_of_heights_or_of_three_dimensions_is_refused(tmp_path, code):
    """PROJ would pass its coordinates on as degrees."""
    path = geojson_file(tmp_path / "z.geojson", ['"a"'], {"type": "name", "properties": {"name": code}})
    with pytest.raises(GcovError, match="has a CRS that is neither geographic nor projected: "):
        read_zones(path, "name", "zones")


@pytest.mark.parametrize("crs", [False, {"type": "EPSG", "properties": {"code": 4326}}])
def test_a_geojson_is_in_degrees_unless_it_names_another_crs(tmp_path, crs):
    path = geojson_file(tmp_path / "z.geojson", ['"a"'], crs)  # in metres
    with pytest.raises(GcovError, match=r"CRS is in degrees \(that of a GeoJSON without `crs` is\).*: a$"):
        read_zones(path, "name", "zones")
    path.write_text(re.sub(r"\d{6,7}\.0", lambda metres: str(float(metres[0]) / 1e5), path.read_text()))
    assert read_zones(path, "name", "zones").crs.to_epsg() == 4326


@pytest.mark.parametrize(
    ("prj", "message"),
    [
        ("", "does not say its CRS"),
        ("rubbish", "does not say its CRS"),
        ('LOCAL_CS["site",UNIT["m",1]]', "has a CRS that is not known: site"),
        ('PROJCS["mine",GEOGCS["y",DATUM["z",SPHEROID["s",6378137,298]],PRIMEM["g",0],UNIT["degree",0.01745]],'
         'PROJECTION["Nonsense"],UNIT["m",1]]', "has a CRS that is not known: mine"),
    ],
)  # fmt: skip
def test_a_shapefile_or_geopackage_of_no_known_place_is_refused(tmp_path, prj, message):
    path = zone_file(tmp_path / "z.shp", {"a": rectangle(0, 9, 0, 9)})
    path.with_suffix(".prj").write_text(prj)
    with pytest.raises(GcovError, match=message):
        read_zones(path, "name", "zones")
    package = zone_file(tmp_path / "z.gpkg", {"a": rectangle(0, 9, 0, 9)}, crs=None)
    for undefined in (99999, -1, 0):  # the last two as the standard calls undefined ones
        with sqlite3.connect(package) as database:
            for table in ("gpkg_contents", "gpkg_geometry_columns"):
                database.execute(f"UPDATE {table} SET srs_id = {undefined}")
        with pytest.raises(GcovError, match="CRS"):
            read_zones(package, "name", "zones")


def test_a_zone_across_180_degrees_is_refused(tmp_path):
    shapes = {"a": shapely.box(178, -17, 179, -16), "b": shapely.Polygon([(179, -17), (-179, -17), (-179, -16)])}
    with pytest.raises(GcovError, match=r"zones across the antimeridian, split them at 180 degrees: b$"):
        read_zones(zone_file(tmp_path / "z.gpkg", shapes, 4326), "name", "zones")


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
    refused({"a": box, " AOI": box}, "a zone is called ' AOI', as tables and figures call the whole AOI: rename it")
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
    exchanged = shapely.transform(area, lambda xy: xy[:, ::-1])
    with pytest.raises(GcovError, match=r"zones outside of the AOI: near, .*; latitude and longitude may be exchanged"):
        check_inside(zones, exchanged, "zones")
    with pytest.raises(GcovError, match="without a pixel centre in the AOI at 20 m: far, sliver;"):
        on_grid(zones, data, None)


def test_memory_of_the_whole_as_a_zone_is_nothing(data):
    assert whole(data).inside.packed.base.nbytes < NX and whole(data).n_pixels == NY * NX
    assert np.asarray(whole(data).inside).all()
    assert isinstance(
        zonal.indices(Stack(data, valid_samples_only=True), ["RFDI"], ["HHHH", "HVHV"], [whole(data)], speckle=SPECKLE),
        pd.DataFrame,
    )


def test_a_reference_that_is_no_zone_is_refused_before_any_job(tmp_path):
    zones = {"forest": shapely.box(84.0, 28.0, 84.1, 28.1), "lake": shapely.box(84.1, 28.1, 84.2, 28.2)}
    aoi = {"bbox": [84, 28, 84.2, 28.2], "granules": ["a.h5"], "change_history": True}
    aoi["zones"] = str(zone_file(tmp_path / "z.gpkg", zones, 4326))
    good, typo = (
        read_config({"aois": {"x": aoi | {"change_reference": {"zone": name}}}})[1].aois["x"]
        for name in ("forest", "forst")
    )
    check_files(good)
    with pytest.raises(GcovError, match=r"reference: there is no zone 'forst'; zones are forest, lake$"):
        check_files(typo)
