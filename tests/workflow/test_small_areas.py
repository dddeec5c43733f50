"""Areas of few samples and odd shapes: every product that maps cells to samples, and every product of a run."""

import numpy as np
import pyproj
import pytest
import shapely
import xarray as xr
from affine import Affine
from helpers import EPSG, NORTH, WEST, zone_file

from gcov.analysis import cube
from gcov.analysis.multilook import image_of
from gcov.figures import rasters
from gcov.pages import explore
from gcov.stores.grid import make_grid
from gcov.stores.stack import Stack

SHAPES = [
    ((41, 100), 10),
    ((16, 16), 5),
    ((1, 7), 3),
    ((9, 1), 2),
    ((1, 1), 4),
    ((5, 11), 9),
    ((1, 40), 14),
    ((6, 6), 1),
]


def area(shape: tuple[int, int]) -> xr.Dataset:
    """A stack of one date whose samples are numbered from 1."""
    ny, nx = shape
    x, y = WEST + 20 * (np.arange(nx) + 0.5), NORTH - 20 * (np.arange(ny) + 0.5)
    numbers = 1 + np.arange(ny * nx, dtype="f4").reshape(1, ny, nx)
    layers = {"HHHH": (("time", "y", "x"), numbers), "mask": (("time", "y", "x"), np.ones((1, ny, nx), "u1"))}
    grid = make_grid(EPSG, x, y, Affine(20, 0, WEST, 0, -20, NORTH))
    return xr.Dataset(layers, {"time": np.array(["2025-11-23"], "M8[s]"), **grid.coords})


def within(data: xr.Dataset, left: float, right: float, bottom: float, top: float) -> np.ndarray:
    """The numbers of the samples whose centres lie in a box, metres."""
    image = data["HHHH"][0]
    return image.values[np.ix_((image.y > bottom) & (image.y < top), (image.x > left) & (image.x < right))]


@pytest.mark.parametrize(("shape", "side"), SHAPES)
def test_cells_lie_on_their_samples(shape, side):
    """Those of the analysis by their coordinates, those of figures by their extent, those of the page by its grid."""
    data = area(shape)
    grid = cube.multilooked_grid(data, side)
    use = {"HHHH": np.ones(1, bool)}
    stack = Stack(data, valid_samples_only=True)
    (block,) = cube.blocks(stack, use, dates=[0], multilook=side)
    flat = data.isel(time=0)
    drawn, classes = rasters.averaged(flat, "HHHH", side), rasters.sampled(flat, "HHHH", side)
    left, right, bottom, top = (1000 * edge for edge in rasters.extent(flat, side))
    page, shown = explore.grid_of(data, side), image_of(stack, "HHHH", 0, side)[0]
    size = grid.sizes["y"], grid.sizes["x"]
    assert drawn.shape == classes.shape == shown.shape == (page["rows"], page["cols"]) == size
    half, width, height = 10 * side, (right - left) / drawn.shape[1], (top - bottom) / drawn.shape[0]
    for row, col in np.ndindex(drawn.shape):
        x, y = grid.x.values[col], grid.y.values[row]
        samples = within(data, x - half, x + half, y - half, y + half)
        assert samples.size and block.power["HHHH"][0, row, col] == pytest.approx(samples.mean())
        x, y = left + width * (col + 0.5), top - height * (row + 0.5)
        samples = within(data, x - width / 2, x + width / 2, y - height / 2, y + height / 2)
        assert drawn[row, col] == pytest.approx(samples.mean()) and classes[row, col] in samples
        x, y = (
            page[f"{at}"] + page[f"d{axis}"] * side * (n + 0.5)
            for at, axis, n in (("left", "x", col), ("top", "y", row))
        )
        assert shown[row, col] == pytest.approx(within(data, x - half, x + half, y - half, y + half).mean())
    to_degrees = pyproj.Transformer.from_crs(EPSG, 4326, always_xy=True)
    corner = to_degrees.transform(WEST + 20 * side * page["cols"], NORTH - 20 * side * page["rows"])
    assert (page["lon"][-1][-1], page["lat"][-1][-1]) == pytest.approx(corner, abs=1e-6)


def box_of(row: int, col: int, rows: int, cols: int) -> list[float]:
    """A box in degrees that touches exactly these samples of the small granules."""
    to_degrees = pyproj.Transformer.from_crs(EPSG, 4326, always_xy=True)
    west, north = to_degrees.transform(WEST + 20 * (col + 0.5), NORTH - 20 * (row + 0.5))
    east, south = to_degrees.transform(WEST + 20 * (col + cols - 0.5), NORTH - 20 * (row + rows - 0.5))
    if rows == 1:
        north = south = (north + south) / 2  # rows are not parallel to latitude
    if cols == 1:
        west = east = (west + east) / 2
    return [west - 1e-6, south - 1e-6, east + 1e-6, north + 1e-6]


EVERY = {
    "statistics": True,
    "indices": ["HVHV/HHHH", "RVI", "RFDI"],
    "change_history": True,
    "filter_window": 3,
    "changes": {"x": {"before": ["2025-11-01", "2025-12-10"], "after": ["2025-12-11", "2026-01-31"]}},
    "geotiff": ["power", "indices", "changes"],
    "explore_megabytes": 5,
    "basemap": None,
    "terms": ["HHHH", "HVHV"],
    "layers": ["numberOfLooks", "rtcGammaToSigmaFactor"],
    "valid_samples_only": False,
}
AREAS = {  # rows, columns, multilook, dates, looks; of one date, some products cannot be made yet
    "pixel": (1, 1, 2, 2, 9.0),
    "column": (12, 1, 1, 2, 9.0),
    "date": (9, 9, 1, 1, None),
}


@pytest.mark.long
def test_every_product_of_small_areas(analysis, newest):
    """One pixel without a whole cell, one column of whole cells, and an area of one date."""
    aois = {}
    for name, (rows, columns, multilook, dates, looks) in AREAS.items():
        bbox = box_of(50, 60, rows, columns)
        zone_file(analysis.folder / f"{name}.geojson", {"all": shapely.box(*bbox).buffer(1e-4)}, 4326)
        granules = [str(path) for path in newest[: 2 * dates : 2]]
        aois[name] = {"bbox": bbox, "granules": granules, "zones": f"{name}.geojson"}
        aois[name] |= {"multilook": multilook, "looks": looks}
    aois["column"]["geotiff"], aois["date"]["geotiff"] = ["db", "statistics"], ["changes", "filtered"]
    analysis.configure({"aois": aois, **EVERY})
    pages = {name: f"results/{name}/explore.html" for name in AREAS}
    for target in (*pages.values(), *(f"results/{name}/stac" for name in AREAS), "all"):
        analysis.run(target)  # each within the time that a run may take
    for name, (rows, columns, *_, dates, _looks) in AREAS.items():
        stack = xr.open_zarr(analysis.folder / f"results/{name}/stack.zarr")
        assert (stack.sizes["y"], stack.sizes["x"]) == (rows, columns)
        assert analysis.results(f"{name}/stac/collection.json")
        page = (analysis.folder / pages[name]).read_text(encoding="utf-8")
        assert ("nothing is tested: no usable date after (2025-12-11 to 2026-01-31)" in page) == (dates == 1)
