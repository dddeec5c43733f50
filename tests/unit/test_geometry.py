"""The viewing geometry of an AOI: equal to what scipy interpolates in the granule's cubes."""

import json

import h5py
import numpy as np
import pytest
from geometry import geometry
from helpers import BBOX
from products import fragment
from scipy.interpolate import RegularGridInterpolator

from gcov.granules import write_records
from gcov.identification import granule_of_file
from gcov.stores import store

METADATA = "science/LSAR/GCOV/metadata"
PARAMETERS = f"{METADATA}/processingInformation/parameters"


def made(folder, *paths, **options) -> dict:
    """geometry.json of granules of one pass."""
    write_records(folder / "records", [granule_of_file(str(path)) for path in paths])
    fragments = [fragment(folder, path, **options) for path in paths]
    geometry(fragments=fragments, records=folder / "records", archive=None, output=folder / "geometry.json")
    return json.loads((folder / "geometry.json").read_text())


def by_scipy(path, bounds, level: int) -> np.ndarray:
    """The incidence angle at 9 x 9 places from edge to edge of an area."""
    with h5py.File(path) as file:
        cube = {name: file[f"{METADATA}/radarGrid/{name}"][:] for name in ("yCoordinates", "xCoordinates")}
        angle = file[f"{METADATA}/radarGrid/incidenceAngle"][level]
    found = RegularGridInterpolator((cube["yCoordinates"][::-1], cube["xCoordinates"]), angle[::-1].astype(float))
    left, bottom, right, top = bounds
    return found(tuple(np.meshgrid(np.linspace(bottom, top, 9), np.linspace(left, right, 9), indexing="ij")))


def test_geometry_is_interpolated_in_the_cubes(band, write, tmp_path):
    path = write(band(), direction="D")
    found = made(tmp_path, path)
    wanted = by_scipy(path, store.bounds(store.open_store(tmp_path / "fragments" / f"{path.stem}.zarr")), 2)
    for name, value in (("min", wanted.min()), ("mean", wanted.mean()), ("max", wanted.max())):
        assert found["incidence_deg"][name] == pytest.approx(value, abs=1e-4)
    assert found["incidence_deg"]["max"] - found["incidence_deg"]["min"] > 0.02
    assert found | {
        "granule": path.stem, "height_m": 0.0, "look": "left", "heading_deg": 192.0, "track": 26, "direction": "D",
        "posting_m": 20.0, "epsg": 32645, "center_frequency_hz": 1.229e9,
    } == found  # fmt: skip


@pytest.mark.parametrize(("height", "level"), [(1700.0, 5), (np.nan, 2)])  # levels 500 m apart, from -1000 m on
def test_the_level_is_the_one_nearest_to_the_terrain(height, level, band, write, tmp_path):
    path = write(band())
    with h5py.File(path, "a") as file:
        for name in ("yCoordinates", "xCoordinates"):
            file[f"{PARAMETERS}/{name}"] = file[f"{METADATA}/radarGrid/{name}"][:]
        shape = file[f"{METADATA}/radarGrid/incidenceAngle"].shape[1:]
        file[f"{PARAMETERS}/referenceTerrainHeight"] = np.full(shape, height, np.float32)
    found = made(tmp_path, path)
    wanted = by_scipy(path, store.bounds(store.open_store(tmp_path / "fragments" / f"{path.stem}.zarr")), level)
    assert found["height_m"] == -1000 + 500 * level
    assert found["incidence_deg"]["mean"] == pytest.approx(wanted.mean(), abs=1e-4)


def test_only_places_inside_of_a_polygon_count(band, write, tmp_path):
    west, south, east, north = BBOX
    corner = f"POLYGON(({west} {south},{west} {north},{west + (east - west) / 3} {north},{west} {south}))"
    path = write(band())
    part, whole = made(tmp_path / "a", path, polygon=corner), made(tmp_path / "b", path)
    assert part["incidence_deg"]["min"] > whole["incidence_deg"]["mean"], "it looks to the west, from the east"


def test_what_the_product_does_not_state_is_null(band, write, tmp_path):
    path = write(band())
    with h5py.File(path, "a") as file:
        del file[f"{METADATA}/radarGrid/alongTrackUnitVectorX"], file["science/LSAR/identification/lookDirection"]
    found = made(tmp_path, path)
    assert found["incidence_deg"]["mean"] > 30 and found["height_m"] == 0
    assert found | {"heading_deg": None, "look": None, "track": 26} == found
    with h5py.File(path, "a") as file:
        del file[f"{METADATA}/radarGrid/heightAboveEllipsoid"]
    found = made(tmp_path / "again", path)
    assert found | {"incidence_deg": {"min": None, "mean": None, "max": None}, "height_m": None} == found
