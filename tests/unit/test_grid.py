"""Windows compared with rioxarray's clip_box, coordinates and polygons with plain arithmetic."""

import numpy as np
import pyproj
import pytest
import rioxarray  # noqa: F401
import shapely
import xarray as xr
from affine import Affine
from helpers import grid_of

from gcov.errors import GcovError
from gcov.stores.grid import Window, aoi_window, inside_polygon, lattice_difference, projected, window_grid

# EPSG, west and north edge (metres), posting: what granules have
GRIDS = {
    "utm45": (32645, 191_760, 3_132_240, 20),
    "utm45-10m": (32645, 191_760, 3_132_240, 10),
    "south": (32721, 480_000, 9_600_240, 20),
    "arctic": (3413, -480_000, -1_200_000, 80),
    "arctic-pole": (3413, -12_000, 12_000, 80),
    "antarctic": (3031, 960_000, -480_000, 80),
}


def make(name: str, shape=(300, 280)) -> xr.Dataset:
    epsg, west, north, posting = GRIDS[name]
    index = np.arange(max(shape)) + 0.5
    return grid_of(epsg, west + posting * index[: shape[1]], north - posting * index[: shape[0]])


def degrees(grid: xr.Dataset, x, y):
    return pyproj.Transformer.from_crs(grid.rio.crs, 4326, always_xy=True).transform(x, y)


def random_box(grid: xr.Dataset, rng, reach=1.0) -> tuple[float, float, float, float]:
    """A box in degrees around a point on the grid (or off it by `reach` of its size)."""
    left, bottom, right, top = grid.rio.bounds()
    along, up = rng.uniform(0.5 - reach / 2, 0.5 + reach / 2, 2)
    lon, lat = degrees(grid, left + along * (right - left), bottom + up * (top - bottom))
    half = abs(top - bottom) / 111_000 * rng.uniform(0.001, 0.3, 2)
    width = half[0] / max(np.cos(np.radians(lat)), 0.02)
    return max(lon - width, -180), max(lat - half[1], -90), min(lon + width, 180), min(lat + half[1], 90)


def clip_box(grid: xr.Dataset, bbox):
    """rioxarray's selection of a grid."""
    pixels = xr.DataArray(np.zeros(grid.rio.shape, np.uint8), {"y": grid.y.values, "x": grid.x.values}, ("y", "x"))
    return pixels.rio.write_crs(grid.rio.crs).rio.clip_box(*bbox, crs="EPSG:4326")


@pytest.mark.parametrize("name", GRIDS)
def test_window_is_clip_boxs(name):
    """Boxes inside of the grid and across its edges; beyond them, where clip_box stops, coordinates go on."""
    grid, rng, compared = make(name), np.random.default_rng(5), 0
    for _ in range(60):
        bbox = random_box(grid, rng, reach=1.1)
        beyond = aoi_window(grid, bbox, "granule")
        found, (dx, dy) = window_grid(grid, beyond), grid.rio.resolution()
        columns, rows = (
            np.arange(*ends) for ends in ((beyond.col_start, beyond.col_stop), (beyond.row_start, beyond.row_stop))
        )
        np.testing.assert_allclose(found.x, grid.x.values[0] + dx * columns, atol=1e-6)
        np.testing.assert_allclose(found.y, grid.y.values[0] + dy * rows, atol=1e-6)
        window = beyond.within(grid.rio.shape)
        if min(window.shape) < 2:
            continue  # clip_box refuses what is thinner than two pixels
        wanted = clip_box(grid, bbox)
        np.testing.assert_array_equal(grid.x.values[window.col_start : window.col_stop], wanted.x)
        np.testing.assert_array_equal(grid.y.values[window.row_start : window.row_stop], wanted.y)
        compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    ("epsg", "west", "north", "posting"),
    [(32645, 460_000, 6_600_000, 10), (3413, -120_000, -1_200_000, 80), (3031, -120_000, 1_440_000, 80)],
)
def test_windows_of_large_areas_are_clip_boxs(epsg, west, north, posting):
    """Where the edges of a box in degrees bend by several pixels between its corners."""
    index, rng = np.arange(8000 if posting == 10 else 3000) + 0.5, np.random.default_rng(6)
    grid = grid_of(epsg, west + posting * index, north - posting * index)
    for _ in range(5):
        left, bottom, right, top = grid.rio.bounds()
        lon, lat = degrees(grid, (left + right) / 2 + rng.uniform(-3e3, 3e3), (bottom + top) / 2)
        half = (top - bottom) / 111_000 * 0.2
        bbox = (lon - half / np.cos(np.radians(lat)), lat - half, lon + half / np.cos(np.radians(lat)), lat + half)
        window, wanted = aoi_window(grid, bbox, "granule"), clip_box(grid, bbox)
        assert window == window.within(grid.rio.shape)
        np.testing.assert_array_equal(grid.x.values[window.col_start : window.col_stop], wanted.x)
        np.testing.assert_array_equal(grid.y.values[window.row_start : window.row_stop], wanted.y)


def test_an_aoi_in_the_neighbouring_zone_is_found_in_the_granules_own():
    """West of 84 E is UTM 44; the frame's grid is UTM 45 throughout."""
    grid = grid_of(32645, 150_000 + 20 * np.arange(2000.0), 3_140_000 - 20 * np.arange(1500.0))
    bbox = (83.55, 28.2, 83.7, 28.3)
    assert bbox[2] < 84
    window = aoi_window(grid, bbox, "granule")
    wanted = clip_box(grid, bbox)
    assert window == window.within(grid.rio.shape)
    np.testing.assert_array_equal(window_grid(grid, window).x, wanted.x)
    np.testing.assert_array_equal(window_grid(grid, window).y, wanted.y)
    lon, lat = degrees(grid, wanted.x.values.mean(), wanted.y.values.mean())
    assert (lon, lat) == (pytest.approx(83.625, abs=1e-3), pytest.approx(28.25, abs=1e-3))


def test_a_window_of_one_pixel():
    grid = make("utm45")
    lon, lat = degrees(grid, grid.x.values[7], grid.y.values[11])
    assert aoi_window(grid, (lon - 1e-5, lat - 1e-5, lon + 1e-5, lat + 1e-5), "granule") == Window(11, 12, 7, 8)


def test_a_window_may_leave_the_grid_on_any_side():
    grid = make("utm45", (40, 50))
    for rows, cols in [((-7, 4), (-3, 9)), ((35, 47), (45, 60)), ((-5, 45), (-5, 55)), ((100, 120), (-80, -60))]:
        x = grid.x.values[0] + 20 * np.array([cols[0], cols[1] - 1])
        y = grid.y.values[0] - 20 * np.array([rows[1] - 1, rows[0]])
        corners = [degrees(grid, a, b) for a in x for b in y]
        bbox = (*np.min(corners, axis=0), *np.max(corners, axis=0))
        window = aoi_window(grid, bbox, "granule")
        # a box in degrees is turned by a degree and a half here: two pixels more at the corners
        found = (window.row_start, window.row_stop, window.col_start, window.col_stop)
        np.testing.assert_allclose(found, (*rows, *cols), atol=2)
        inside = window.within(grid.rio.shape)
        pixels = [(r, c) for r in range(*rows) for c in range(*cols) if 0 <= r < 40 and 0 <= c < 50]
        assert (0 in inside.shape) == (not pixels)


def test_windows_of_one_aoi_on_one_lattice_are_one_grid():
    """Two frames of a lattice: whatever part each covers, the AOI's grid is the same."""
    whole = make("utm45", (400, 400))
    north, south = (
        grid_of(32645, whole.x.values, whole.y.values[:220]),
        grid_of(32645, whole.x.values[30:], whole.y.values[180:]),
    )
    rng = np.random.default_rng(2)
    for _ in range(50):
        bbox = random_box(whole, rng, reach=1.3)
        grids = [window_grid(grid, aoi_window(grid, bbox, "granule")) for grid in (whole, north, south)]
        assert lattice_difference(grids[0], grids[1]) is None
        assert lattice_difference(grids[0], grids[2]) is None


def test_coordinates_inside_are_the_granules_own_bits():
    rng = np.random.default_rng(4)
    x = 191_770 + 20 * np.arange(50) + rng.uniform(-1e-9, 1e-9, 50)
    grid = grid_of(32645, x, 3_132_230 - 20.0 * np.arange(40))
    found = window_grid(grid, Window(-2, 10, 30, 55))
    assert found.x.values[:20].tobytes() == x[30:].tobytes()
    np.testing.assert_allclose(found.x[20:], 191_770 + 20 * np.arange(50, 55), atol=1e-6)
    np.testing.assert_array_equal(found.y[2:], grid.y.values[:10])
    np.testing.assert_array_equal(found.y[:2], [3_132_270, 3_132_250])


def test_a_grid_of_one_column_knows_its_transform():
    grid = make("utm45", (3, 5))
    assert window_grid(grid, Window(-1, 1, 2, 3)).rio.transform() == Affine(20, 0, 191_800, 0, -20, 3_132_260)
    assert window_grid(grid, Window(-1, 1, 2, 3)).rio.bounds() == (191_800, 3_132_220, 191_820, 3_132_260)


def pixels_in(grid: xr.Dataset, polygon: str) -> np.ndarray:
    """Whether each pixel lies in a polygon, asked for in two parts as clip asks for blocks."""
    ny, nx = grid.rio.shape
    outline = projected(polygon, grid.rio.crs)
    parts = [inside_polygon(grid, outline, rows, slice(0, nx)) for rows in (slice(0, 37), slice(37, ny))]
    return np.concatenate(parts)


@pytest.mark.parametrize("name", ["utm45", "south", "arctic", "antarctic"])
def test_polygon_holds_the_pixels_whose_centre_lies_in_it(name):
    grid = make(name, (90, 80))
    left, bottom, right, top = grid.rio.bounds()
    lon, lat = degrees(grid, (left + right) / 2, (bottom + top) / 2)
    size = (top - bottom) / 111_000 / 2
    ring = shapely.Point(0, 0).buffer(1, quad_segs=3)
    star = ring.difference(shapely.box(-0.2, -0.3, 0.4, 0.1)).union(shapely.box(1.2, 1.2, 1.5, 1.4))
    polygon = shapely.affinity.translate(
        shapely.affinity.scale(star, size / np.cos(np.radians(lat)), size, origin=(0, 0)), lon, lat
    )
    wanted = shapely.contains_xy(polygon, *degrees(grid, *np.meshgrid(grid.x.values, grid.y.values)))
    found = pixels_in(grid, polygon.wkt)
    assert 0.1 < wanted.mean() < 0.9
    assert (found != wanted).sum() <= 1  # centres on the edge


def test_polygon_edges_are_straight_in_degrees():
    """A long edge along a parallel bends in UTM; by 5 km at the middle of 6 degrees."""
    grid = grid_of(32645, 200_000 + 1000 * np.arange(600.0), 3_200_000 - 1000 * np.arange(200.0))
    polygon = "POLYGON ((84.1 27.5, 89.9 27.5, 89.9 28.3, 84.1 28.3, 84.1 27.5))"
    wanted = shapely.contains_xy(shapely.from_wkt(polygon), *degrees(grid, *np.meshgrid(grid.x.values, grid.y.values)))
    assert (pixels_in(grid, polygon) != wanted).sum() <= 2


def test_equal_grids_do_not_differ():
    assert lattice_difference(make("utm45"), make("utm45")) is None


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (make("south"), "CRS EPSG:32721 instead of EPSG:32645"),
        (make("utm45-10m"), r"posting \(10.0, -10.0\) m instead of \(20.0, -20.0\) m"),
        (make("utm45", (299, 280)), "299 pixels along y instead of 300"),
        (make("utm45", (300, 281)), "281 pixels along x instead of 280"),
        (grid_of(32645, make("utm45").x.values + 5, make("utm45").y.values), "x coordinates off by up to 5 m"),
        (grid_of(32645, make("utm45").x.values, make("utm45").y.values + 1e-9), "y coordinates off by up to"),
    ],
)
def test_differences_are_told_in_words(other, words):
    with pytest.raises(AssertionError, match=words):
        difference = lattice_difference(make("utm45"), other)
        raise AssertionError(difference)


@pytest.mark.parametrize(
    ("name", "bbox"),
    [
        ("arctic", (10, -90, 20, -89.9)),  # the other pole
        ("utm45", (175, 0, 175.4, 0.4)),  # on the horizon of the projection
        ("utm45", (0, -1, 0.5, -0.5)),
        ("utm45", (-179, -80, 179, 80)),  # the world
    ],
)
def test_an_aoi_without_a_place_in_the_crs_is_refused(name, bbox):
    with pytest.raises(GcovError, match=r"granule: the AOI .* lies far outside"):
        aoi_window(make(name), bbox, "granule")
