"""Points as zones: which samples their squares hold, compared with coordinates, and tables that are refused."""

import re

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from helpers import EPSG, NORTH, WEST, grid_of, zone_file

from gcov.errors import GcovError
from gcov.inputs.zones import check_inside, read_zones
from gcov.inputs.zones_on_grid import on_grid, outlines

GRID = grid_of(EPSG, WEST + 20 * (np.arange(152) + 0.5), NORTH - 20 * (np.arange(120) + 0.5))
CORNER, CENTRE = (WEST + 1000, NORTH - 800), (WEST + 1010, NORTH - 810)  # of pixels
AREA = geopandas.GeoSeries([shapely.box(WEST, NORTH - 2400, WEST + 3040, NORTH)], crs=EPSG).to_crs(4326)[0]


def in_degrees(*places) -> list[tuple[float, float]]:
    return [pyproj.Transformer.from_crs(EPSG, 4326, always_xy=True).transform(*place) for place in places]


def table(path, text: str):
    path.write_bytes(text.encode())
    return path


def samples(zone) -> np.ndarray:
    """Where a zone is on the whole grid."""
    found = np.zeros((120, 152), bool)
    found[zone.rows, zone.columns] = zone.inside
    return found


@pytest.mark.parametrize("size", [20, 45, 60, 100.5])
def test_a_point_is_the_square_of_its_size_in_metres(tmp_path, size):
    rng = np.random.default_rng(1)
    places = np.column_stack([WEST + rng.uniform(200, 2800, 40), NORTH - rng.uniform(200, 2200, 40)])
    rows = [f"p{number},{lon:.12f},{lat:.12f}" for number, (lon, lat) in enumerate(in_degrees(*places))]
    path = table(tmp_path / "points.csv", "\n".join(["name,lon,lat", *rows]))
    zones = on_grid(read_zones(path, "name", "zones"), GRID, None, size)
    for (x, y), zone in zip(places, zones):
        near = [np.abs(GRID[axis].values - place) < size / 2 for axis, place in (("y", y), ("x", x))]
        np.testing.assert_array_equal(samples(zone), np.outer(*near))
    assert [zone.name for zone in zones] == [f"p{number}" for number in range(40)]
    if size % 20 == 0:
        assert {zone.n_pixels for zone in zones} == {(size // 20) ** 2}


@pytest.mark.parametrize("size", [20, 40, 60, 100])
def test_a_square_whose_edges_are_on_pixel_centres_holds_as_many_samples(tmp_path, size):
    """Round coordinates in UTM are often the corners of pixels; each row and column counts once."""
    places = [CORNER, CENTRE, (CORNER[0], CENTRE[1]), (CENTRE[0], CORNER[1])]
    zone_file(tmp_path / "p.gpkg", {name: shapely.Point(*one) for name, one in zip("abcd", places)})
    zones = on_grid(read_zones(tmp_path / "p.gpkg", "name", "zones"), GRID, None, size)
    assert [zone.n_pixels for zone in zones] == [(size // 20) ** 2] * 4
    assert size % 40 == 0 or samples(zones[1])[40, 50]  # the pixel itself, in the middle


@pytest.mark.parametrize(
    "text",
    [
        "name,lon,lat\nb 1,{0},{1}\na,{2},{3}\n",
        "\ufeffname;lon;lat\r\nb 1;{0};{1}\r\na;{2};{3}\r\n;;\r\n\r\n",
        "LAT\tLON\tNAME\n{1}\t{0}\tb 1\n{3}\t{2}\ta",
        'plot,Name,Lon,height, Lat ,\n"1, x","b 1", {0} ,5,{1},\n2,a,{2},,{3},',
    ],
)
def test_points_as_spreadsheets_write_them(tmp_path, text):
    places = in_degrees(CORNER, CENTRE)
    path = table(tmp_path / "points.CSV", text.format(*np.ravel(places)))
    found = read_zones(path, "name", "zones")
    assert found.index.tolist() == ["b 1", "a"] and found.crs.to_epsg() == 4326
    np.testing.assert_allclose(found.geometry.get_coordinates(), places, rtol=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,lon\na,84\n", "line 1: holds the columns name,lon; should hold name, lon and lat, each once"),
        ("name,lon,lat,LON\na,84,28,84\n", "line 1: holds the columns name,lon,lat,LON; should hold"),
        ("plot,lon,lat\na,84,28\n", "line 1: holds the columns plot,lon,lat; should hold name, lon and lat"),
        ("name,lon,lat\na,84,28\nb,28.1,-99.9\n", "line 3: lat is -99.9, not from -90 to 90 degrees: lon and lat may"),
        ("name,lon,lat\na,200,28\n", "line 2: lon is 200, not from -180 to 180 degrees$"),
        ("name;lon;lat\na;83,95;28,2\n", "line 2: lon is '83,95', not a number of degrees .*: write it with a decimal"),
        ("name,lon,lat\na,83,95,28,2\n", "line 2: has 5 fields, the header 3: write decimals with a point"),
        ("name,lon,lat\na,83°57'E,28\n", 'line 2: lon is "83°57\'E", not a number of degrees'),
        ("name,lon,lat\nAOI,84,28\n", "a zone is called 'AOI'"),
        ("name,lon,lat\n", "holds no point"),
    ],
)
def test_no_point_is_read_wrongly(tmp_path, text, message):
    path = table(tmp_path / "points.csv", text)
    with pytest.raises(GcovError, match=f"^aois.x.zones: {re.escape(str(path))}.*{message}"):
        read_zones(path, "name", "aois.x.zones")


def test_the_key_zone_name_names_the_column_of_a_table_too(tmp_path):
    path = table(tmp_path / "points.csv", "Plot,name,lon,lat\n7,x,84,28\n")
    assert read_zones(path, "plot", "zones").index.tolist() == ["7"]


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
def test_points_of_vector_files_with_heights_and_beside_polygons(tmp_path, suffix):
    """In a CRS of their own, two UTM zones away; a multipoint is one zone of several squares."""
    field = shapely.box(WEST + 400, NORTH - 600, WEST + 500, NORTH - 500)
    several = shapely.MultiPoint([(WEST + 1510, NORTH - 1510), (WEST + 2010, NORTH - 1510)])
    shapes = {"p": shapely.Point(*CENTRE, 800), "two": several}
    if suffix != ".shp":  # which holds one kind of geometry
        shapes["field"] = field
    else:
        shapes = {"p": shapes["p"]}
    frame = geopandas.GeoDataFrame({"name": list(shapes)}, geometry=list(shapes.values()), crs=EPSG).to_crs(32643)
    frame.to_file(tmp_path / f"z{suffix}")
    zones = {zone.name: zone for zone in on_grid(read_zones(tmp_path / f"z{suffix}", "name", "zones"), GRID, None, 60)}
    assert list(zones) == list(shapes)
    assert np.argwhere(samples(zones["p"])).tolist() == [[row, col] for row in (39, 40, 41) for col in (49, 50, 51)]
    if suffix != ".shp":
        assert zones["two"].n_pixels == 18 and zones["field"].n_pixels == 25


def test_points_outside_and_at_the_edge_of_the_area(tmp_path):
    """A point on the edge is inside, however its coordinates were rounded; of several points none may be outside."""
    inside, edge = in_degrees(CENTRE)[0], (AREA.bounds[0], AREA.centroid.y)
    box = shapely.box(*AREA.bounds)
    shapes = {"in": shapely.Point(inside), "edge": shapely.Point(edge[0] - 1e-10, edge[1])}
    outside = {"out": shapely.Point(edge[0] - 1e-4, edge[1]), "one of two": shapely.MultiPoint([inside, (84, 28)])}
    for crs in (4326, EPSG):
        frame = geopandas.GeoDataFrame(geometry=list({**shapes, **outside}.values()), crs=4326)
        frame.assign(name=[*shapes, *outside]).to_crs(crs).to_file(tmp_path / f"{crs}.gpkg")
        zones = read_zones(tmp_path / f"{crs}.gpkg", "name", "zones")
        with pytest.raises(GcovError, match=r"^zones: zones outside of the AOI: out, one of two$"):
            check_inside(zones, box, "zones")
        check_inside(zones.loc[list(shapes)], box, "zones")
    path = table(tmp_path / "p.csv", f"name,lon,lat\nswapped,{inside[1]},{inside[0]}\n")
    with pytest.raises(GcovError, match=r"outside of the AOI: swapped; latitude and longitude may be exchanged"):
        check_inside(read_zones(path, "name", "zones"), box, "zones")
    polygon = geopandas.GeoSeries([shapely.box(WEST, NORTH - 2400, CENTRE[0], NORTH)], crs=EPSG).to_crs(4326)[0]
    zone = on_grid(read_zones(tmp_path / "4326.gpkg", "name", "zones").loc[["in"]], GRID, polygon.wkt, 60)[0]
    assert zone.n_pixels in (3, 6)  # the column of the edge is inside or not, by rounding


def test_squares_smaller_than_the_posting_are_refused(tmp_path):
    lon, lat = in_degrees(CORNER)[0]
    zones = read_zones(table(tmp_path / "p.csv", f"name,lon,lat\na,{lon},{lat}\n"), "name", "zones")
    with pytest.raises(GcovError, match=r"point_size is 19\.9 m; should be at least 20 m, the spacing of the grid"):
        on_grid(zones, GRID, None, 19.9)
    assert outlines(zones, GRID, 30)["a"].area == pytest.approx(900, rel=1e-9)
