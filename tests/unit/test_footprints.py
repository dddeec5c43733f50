"""Footprints that are not plain polygons: invalid, missing, across 180 degrees, around a pole."""

import json

import h5py
import numpy as np
import pyproj
import pytest
import shapely
from clip import clip
from helpers import BBOX
from location import location
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_figures import words

from gcov.figures import footprints, maps
from gcov.identification import granule_of_file
from gcov.stores import outlines
from gcov.stores.provenance import metadata_of
from gcov.testing.synthetic import Band, centres

PLAIN = shapely.box(83.8, 28.2, 83.9, 28.3)
GLOBE = shapely.box(-180, -90, 180, 90)


TWO_SIDES = shapely.union(shapely.box(179, 10, 180, 11), shapely.box(-180, 10, -178, 11))
BUTTERFLY = shapely.from_wkt("MULTIPOLYGON (((0 0, 1 1, 0 2, 0 0)), ((2 0, 2 2, 1 1, 2 0)))")


def closed(*corners: tuple[float, float]) -> str:
    return shapely.Polygon(corners).wkt


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        (PLAIN.wkt, PLAIN),
        ("POLYGON ((0 0 1, 2 0 1, 2 2 1, 0 2 1, 0 0 1))", shapely.box(0, 0, 2, 2)),
        (closed((0, 0), (2, 2), (2, 0), (0, 2)), BUTTERFLY),
        (closed((179, 10), (-178, 10), (-178, 11), (179, 11)), TWO_SIDES),
        (closed((-178, 10), (179, 10), (179, 11), (-178, 11)), TWO_SIDES),
        (shapely.box(179, 10, 182, 11).wkt, TWO_SIDES),
        (shapely.box(-181, 10, -178, 11).wkt, TWO_SIDES),
        (closed((180, 10), (-178, 10), (-178, 11), (180, 11)), shapely.box(-180, 10, -178, 11)),
        (TWO_SIDES.wkt, TWO_SIDES),
        (closed((-90, -85), (0, -85), (90, -85), (180, -85)), shapely.box(-180, -90, 180, -85)),
        (closed((270, 85), (180, 85), (90, 85), (0, 85)), shapely.box(-180, 85, 180, 90)),
    ],
)
def test_a_footprint_lies_on_the_globe(stated, wanted):
    found = outlines.stated(stated)
    assert found.is_valid and GLOBE.covers(found)
    assert shapely.symmetric_difference(found, wanted).area < 1e-9


@pytest.mark.parametrize(
    "stated",
    [
        *("", "none", "POLYGON ((0 0, 1", "POLYGON EMPTY", "POINT (1 2)", "LINESTRING (0 0, 1 1)"),
        "GEOMETRYCOLLECTION EMPTY",
        *(closed((0, 0), (1, 1), (2, 2)), closed((1, 1), (1, 1), (1, 1))),
        *(closed((10, 100), (11, 100), (11, 101)), shapely.box(0, 0, 500, 1).wkt),
        "POLYGON ((0 0, inf 1, 1 0, 0 0))",
    ],
)
def test_what_is_no_footprint(stated):
    assert outlines.stated(stated) is None


@pytest.mark.parametrize(
    ("epsg", "west", "north"),
    [
        *((3031, -1e5, 1e5), (3031, -1e5, 1.5e6), (3413, -2e5, 1e5), (3413, -2e6, 1e5)),
        *((32601, 2e5, 6e6), (32760, 7e5, 4e6)),
    ],
)
def test_the_outline_of_a_grid_holds_its_pixels_and_no_others(epsg, west, north):
    """On both polar grids, with and without the pole and 180 degrees, and in zones that reach across 180 degrees."""
    outline = outlines.of_grid([2000, 0, west, 0, -2000, north], (100, 110), f"EPSG:{epsg}")
    assert outline.is_valid and GLOBE.covers(outline)
    to_degrees = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True)
    x, y = np.meshgrid(west - 9e3 + 2000 * np.arange(119), north + 9e3 - 2000 * np.arange(109))
    inside = (x > west) & (x < west + 220e3) & (y < north) & (y > north - 200e3)
    for place, wanted in zip(zip(*map(np.ravel, to_degrees.transform(x, y))), inside.ravel()):
        assert outline.covers(shapely.Point(place)) == wanted


def attributes(stated: str, **more) -> dict:
    """Of a fragment at 180 degrees, 4 x 5 samples of 100 km."""
    grid = {"proj:code": "EPSG:32601", "spatial:transform": [1e5, 0, 1e5, 0, -1e5, 5e6], "spatial:shape": [4, 5]}
    facts = {
        "aoi": "x",
        "aoi_polygon": "",
        "aoi_bbox": [179.1, 41.1, 179.2, 41.2],
        "granule_record": '{"maturity": "BETA"}',
    }
    return {"bounding_polygon": stated, **grid, **facts, **more}


CROSSED = "POLYGON ((178 40, 180 42, 180 40, 178 42, 178 40))"
ACROSS = "POLYGON ((178 40, -177 40, -177 42, 178 42, 178 40))"


@pytest.mark.parametrize(
    ("stated", "more", "said"),
    [
        (ACROSS, {}, "as stated in the product"),
        (CROSSED, {}, "as stated in the product, made valid"),
        ("POINT EMPTY", {}, "outline of the AOI's grid"),
        (ACROSS, {"bounding_polygon_source": "grid"}, "outline of the granule's grid"),
    ],
)
def test_the_map_says_which_footprint_is_not_as_stated(stated, more, said):
    features = footprints.features([attributes(ACROSS), attributes(stated, **more)])
    assert features[2]["properties"]["footprint"] == said
    figure = maps.location(features, None)
    FigureCanvasAgg(figure).draw()
    west, east = figure.axes[0].get_xlim()
    assert 170 < west < 178 and 182 < east < 190  # both sides of 180 degrees, next to each other
    told = " ".join(words(figure).split())
    assert ("As the products state them." in told) == (said == footprints.STATED)
    assert (f"Not as the product states them: 1 {said}" in told) == (said != footprints.STATED)


@pytest.mark.parametrize("stated", [None, "POLYGON ((83 28, 84 29", CROSSED])
@pytest.mark.parametrize(
    ("epsg", "place", "bbox"),
    [
        (32645, (83.88, 28.27), BBOX),
        (3031, (0, -90), [170, -89.998, 175, -89.99]),
        (3413, (-179.985, 76.995), [-179.99, 76.99, -179.98, 77]),
    ],
)
def test_a_granule_anywhere_has_a_map(write, tmp_path, stated, epsg, place, bbox):
    """In the middle latitudes, around the south pole, and in the north next to 180 degrees."""
    x, y = pyproj.Transformer.from_crs(4326, epsg, always_xy=True).transform(*place)
    axes = centres(x - 1500, 20, 150), centres(y + 1500, -20, 150)
    path = write(Band(epsg, *axes, {"HHHH": np.full((150, 150), 0.1, "f4")}, np.ones((150, 150), "u1")))
    with h5py.File(path, "r+") as file:
        del file["science/LSAR/identification/boundingPolygon"]
        if stated:
            file["science/LSAR/identification/boundingPolygon"] = np.bytes_(stated)
    fragment, geojson = tmp_path / "a.zarr", tmp_path / "a.json"
    facts = {"aoi": "x", "bbox": bbox, "polygon": None, "frequency": "A", "terms": ("HHHH",), "archive": {}}
    clip(granule=granule_of_file(str(path)), fragment=fragment, **facts)
    options = {"zones": None, "zone_name": "name", "basemap": None}
    location(fragments=[fragment], geojson=geojson, picture=[tmp_path / "a.png"], **options)
    granule = json.loads(geojson.read_text())["features"][1]
    shape = shapely.geometry.shape(granule["geometry"])
    assert shape.is_valid and GLOBE.covers(shape)
    source = "product" if stated == CROSSED else "grid"
    assert metadata_of(fragment)["attributes"]["bounding_polygon_source"] == source
    if source == "grid":
        assert granule["properties"]["footprint"] == "outline of the granule's grid"
        assert shapely.intersection(shape, shapely.box(*bbox)).area > 0
