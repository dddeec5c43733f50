"""Outlines of cells, compared with those of GDAL's polygonizer."""

import numpy as np
import rasterio.features
import shapely

from gcov.analysis.outlines import traced
from gcov.analysis.patches import Runs


def runs_of(image: np.ndarray) -> Runs:
    """The runs of a boolean image."""
    steps = np.diff(np.pad(image.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (row, first), (_, stop) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    return Runs(np.zeros(len(row), np.int32), *(values.astype(np.int32) for values in (row, first, stop)))


def in_order(polygons) -> list:
    return sorted((polygon.normalize() for polygon in polygons), key=lambda polygon: polygon.wkt)


def test_parts_are_those_of_the_polygonizer():
    """Random cells, dense to sparse: holes, islands in holes, cells and holes that touch at corners."""
    rng = np.random.default_rng(1)
    for _ in range(300):
        image = rng.random(rng.integers(1, 14, 2)) < rng.uniform(0.2, 0.95)
        image[0, 0] = True
        found = [shapely.Polygon(rings[0], rings[1:]) for rings in traced(runs_of(image)).parts()]
        assert not any(shapely.is_ccw(polygon.exterior) for polygon in found)  # from above, where y counts downwards
        shapes = rasterio.features.shapes(image.astype(np.uint8), mask=image, connectivity=4)
        wanted = [shapely.Polygon(rings[0], rings[1:]) for rings in (shape["coordinates"] for shape, _ in shapes)]
        assert in_order(found) == in_order(wanted)
        assert shapely.MultiPolygon(list(found)).is_valid


def test_runs_that_touch_are_one():
    runs = Runs(*np.array([[0, 0, 0], [5, 5, 6], [2, 4, 3], [4, 7, 5]], np.int32))
    ((outline,),) = traced(runs).parts()
    found = shapely.Polygon(outline)
    assert found.equals(shapely.union_all([shapely.box(2, 5, 7, 6), shapely.box(3, 6, 5, 7)]))
    assert len(outline) == 8
