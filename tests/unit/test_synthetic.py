"""The synthetic granules hold the given data, in the product's layout."""

from dataclasses import replace
from datetime import datetime

import h5py
import numpy as np
import pytest
from pyproj import CRS

from gcov.testing.synthetic import Band, block_average, centres, granule_name, partial_frame, rounded, write_granule

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


def test_arrays_come_back_exactly(band, tmp_path):
    path = write_granule(tmp_path, granule_name(start=START), {"A": band}, chunks=(10, 100))
    with h5py.File(path) as file:
        grid = file[GRID + "A"]
        for term, values in band.terms.items():
            assert grid[term].dtype == values.dtype
            np.testing.assert_array_equal(grid[term][()], values)
        np.testing.assert_array_equal(grid["mask"][()], band.mask)
        np.testing.assert_array_equal(grid["HVHV"].dims[0][0][()], band.y)
        np.testing.assert_array_equal(grid["HVHV"].dims[1][0][()], band.x)
        np.testing.assert_array_equal(np.isnan(grid["numberOfLooks"][()]), band.mask == 255)
        assert list(grid["listOfPolarizations"]) == [b"HH", b"HV"]
        assert list(grid["listOfCovarianceTerms"]) == [b"HHHH", b"HHHV", b"HVHV"]
        assert (grid["xCoordinateSpacing"][()], grid["yCoordinateSpacing"][()]) == (20, -20)
        assert grid["numberOfSubSwaths"][()] == 2


def test_samples_keep_16_bits_of_their_mantissa(band, tmp_path):
    """Rounded to the nearest, so that means stay; NaN stays NaN."""
    rng = np.random.default_rng(5)
    power = np.where(band.mask == 255, np.nan, rng.gamma(9, 0.01, band.mask.shape)).astype(np.float32)
    cross = (power * np.exp(1j * rng.uniform(0, 6, power.shape))).astype(np.complex64)
    terms = {"HHHH": power, "HHHV": cross}
    with h5py.File(write_granule(tmp_path, granule_name(start=START), {"A": replace(band, terms=terms)})) as file:
        for term, values in terms.items():
            found = file[GRID + "A"][term][()]
            for part in (np.real, np.imag) if term == "HHHV" else (np.asarray,):
                mantissa, _ = np.frexp(part(found)[np.isfinite(found)].astype(float))
                assert (mantissa * 2**17 % 1 == 0).all()  # the leading bit is not stored
            np.testing.assert_allclose(found, values, rtol=2**-17)
            some = np.isfinite(values) & (values != 0)
            np.testing.assert_allclose(np.mean(found[some] / values[some]), 1, rtol=1e-6)
        assert (file[GRID + "A/numberOfLooks"][()][0, :3].view(np.uint32) % 128 == 0).all()


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


@pytest.mark.parametrize("page_size", [1 << 14, 1 << 16])
def test_an_end_block_holds_the_small_datasets_outside_of_the_grids(band, tmp_path, page_size):
    bands = {"A": band, "B": block_average(band, 4)}
    path = write_granule(tmp_path, granule_name(start=START), bands, page_size=page_size, end_block=True)
    assert path.stat().st_size % page_size == 0
    with h5py.File(path) as file:
        objects = {}
        file.visititems(objects.__setitem__)
        pages = {h5py.h5o.get_info(node.id).addr // page_size for node in objects.values()}
        small = {name for name, node in objects.items() if isinstance(node, h5py.Dataset) and node.chunks is None}
        last = max(
            start for name, node in objects.items() if name not in small for start in _starts(node) if "grids/" in name
        )
        after = {name for name in small if objects[name].id.get_offset() > last}
    assert 320 <= len(objects) <= 360
    assert after == {name for name in small if "grids/" not in name}
    assert len(pages) >= 4  # metadata is spread: a page at least for each band, the cubes and the rest


def _starts(node) -> list[int]:
    """Where the chunks of a dataset lie."""
    chunked = isinstance(node, h5py.Dataset) and node.chunks
    return [node.id.get_chunk_info(n).byte_offset for n in range(node.id.get_num_chunks())] if chunked else []


def test_identification_follows_the_name(band, tmp_path):
    name = granule_name(start=START, direction="D", track=7, frame=70, crid="P05023", coverage="P")
    with h5py.File(write_granule(tmp_path, name, {"B": band})) as file:
        found = {key: dataset[()] for key, dataset in file["science/LSAR/identification"].items()}
    assert found["granuleId"] == name.encode()
    assert (found["trackNumber"], found["frameNumber"]) == (7, 70)
    assert found["absoluteOrbitNumber"] == 173 * 5 + 7 + 791
    assert (found["orbitPassDirection"], found["isFullFrame"]) == (b"Descending", b"False")
    assert found["compositeReleaseId"] == b"P05023"
    assert found["zeroDopplerStartTime"] == b"2025-11-23T23:47:39.000000000"
    assert found["zeroDopplerEndTime"] == b"2025-11-23T23:48:14.000000000"
    assert list(found["listOfFrequencies"]) == [b"B"]


def test_a_partial_frame_is_nearly_all_outside(band, tmp_path):
    part = partial_frame(band, 0.06)
    name = granule_name(start=START, coverage="P")
    with h5py.File(write_granule(tmp_path, name, {"A": part})) as file:
        mask, power = file[GRID + "A/mask"][()], file[GRID + "A/HHHH"][()]
        coverage = file["science/LSAR/identification/isFullFrame"].attrs["frameCoveragePercentage"]
    np.testing.assert_array_equal(mask[:2], band.mask[:2])
    np.testing.assert_array_equal(power[:2], band.terms["HHHH"][:2])
    assert (mask[2:] == 255).all() and np.isnan(power[2:]).all()
    assert coverage == pytest.approx(100 * (band.mask[:2] < 255).sum() / band.mask.size)


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
