"""The synthetic granules have the product's layout and projection."""

from datetime import datetime

import h5py
import numpy as np
import pytest
from pyproj import CRS

from gcov.testing.synthetic import Band, centres, granule_name, rounded, write_granule

START = datetime(2025, 11, 23, 23, 47, 39)
GRID = "science/LSAR/GCOV/grids/frequency"


@pytest.fixture
def band() -> Band:
    """32 x 24 pixels with an off-diagonal term; NaN and rubbish where the mask is 0, NaN where it is 255."""
    rng = np.random.default_rng(3)
    mask = rng.choice([1, 2, 1, 2, 0, 255], (32, 24)).astype(np.uint8)
    power = rng.gamma(9, 0.01, (32, 24)).astype(np.float32)
    power[mask == 255] = np.nan
    power[(mask == 0) & (rng.random((32, 24)) < 0.5)] = np.nan
    power[np.unravel_index(np.flatnonzero((mask == 0) & np.isfinite(power))[0], power.shape)] = 1e-18
    power = rounded(power)
    cross = rounded((power * np.exp(1j * rng.uniform(0, 6, (32, 24)))).astype(np.complex64))
    return Band(
        32645,
        centres(191_760, 20, 24),
        centres(3_132_240, -20, 32),
        {"HHHH": power, "HHHV": cross, "HVHV": power / 8},
        mask,
    )


def test_storage_is_the_products(band, tmp_path):
    path = write_granule(tmp_path, granule_name(start=START), {"A": band}, page_size=16384, chunks=(10, 100))
    with h5py.File(path) as file:
        term, mask = file[GRID + "A/HHHH"], file[GRID + "A/mask"]
        assert (term.chunks, term.shuffle, term.compression, term.compression_opts) == ((10, 24), True, "gzip", 1)
        assert (mask.chunks, mask.shuffle, mask.compression, mask.compression_opts) == ((10, 24), False, "gzip", 9)
        assert mask.attrs["_FillValue"].dtype == np.int64
        plist = file.id.get_create_plist()
        assert plist.get_file_space_strategy()[0] == h5py.h5f.FSPACE_STRATEGY_PAGE
        assert plist.get_file_space_page_size() == 16384
    assert path.read_bytes()[8] == 2  # the superblock's version


@pytest.mark.parametrize("epsg", [32645, 32721, 3413, 3031])
def test_projection_names_its_crs(epsg, tmp_path):
    flat = np.ones((4, 5), np.float32)
    band = Band(epsg, centres(480_000, 20, 5), centres(960_000, -20, 4), {"HHHH": flat}, flat.astype(np.uint8))
    with h5py.File(write_granule(tmp_path, granule_name(start=START), {"A": band})) as file:
        projection = file[GRID + "A/projection"]
        assert projection[()] == projection.attrs["epsg_code"] == epsg
        assert CRS.from_wkt(projection.attrs["spatial_ref"].decode()).to_epsg() == epsg
        pole = {3413: 90, 3031: -90}.get(epsg, 0)
        assert projection.attrs["latitude_of_projection_origin"] == pole
