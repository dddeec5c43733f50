"""sigma0 and the local incidence angle, from the product's factor: equal to numpy on the granule."""

import numpy as np
import pytest
import rasterio
import xarray as xr
from geotiff_date import geotiff_date
from helpers import BBOX, notebook_stack, summary_of
from products import fragment
from stack import stack

from gcov.analysis import zonal
from gcov.errors import GcovError
from gcov.granules import FACTOR, LOCAL_INCIDENCE
from gcov.inputs.zones_on_grid import Zone
from gcov.stores import store
from gcov.stores.stack import Stack


@pytest.fixture(scope="module")
def made(newest, tmp_path_factory):
    """The fragments of two dates, their stack with the local incidence angle, and the samples as the notebook reads."""
    folder = tmp_path_factory.mktemp("sigma0")
    fragments = [fragment(folder, path, terms=("HHHH", FACTOR)) for path in newest[:2]]
    stack(fragments=fragments, output=folder / "stack.zarr", computed=[LOCAL_INCIDENCE])
    return fragments, xr.open_zarr(folder / "stack.zarr").load(), notebook_stack(newest[:2], BBOX)


def counting(samples: xr.Dataset) -> np.ndarray:
    """sigma0 (time, y, x) of the samples that count, else NaN."""
    sigma0 = samples["HHHH"].values.astype(float) * samples[FACTOR].values
    return np.where((samples["mask"] >= 1) & (samples["mask"] <= 254), sigma0, np.nan)


def test_sigma0_is_averaged_sample_by_sample(made):
    _, data, samples = made
    wanted = 10 * np.log10(np.nanmean(counting(samples), axis=(1, 2)))
    table = summary_of(data, "HHHH")
    np.testing.assert_allclose(table["sigma0_db"], wanted, rtol=1e-6)
    assert table.columns[-1] == "sigma0_db"
    of_means = table["mean_power"] * samples[FACTOR].mean(("y", "x")).values
    assert (np.abs(10 * np.log10(of_means) - wanted) > 1e-4).all(), "not the product of the means"
    assert "sigma0_db" not in summary_of(data.drop_vars(FACTOR), "HHHH")


def test_sigma0_of_a_zone(made):
    _, data, samples = made
    inside = np.zeros((20, 30), bool)
    inside[3:18, 5:25] = True
    zone = Zone("a", slice(10, 30), slice(12, 42), inside)
    (sums,) = zonal.sums(Stack(data, valid_samples_only=True), "HHHH", [zone])
    wanted = np.nanmean(counting(samples)[:, 13:28, 17:37], axis=(1, 2))
    np.testing.assert_allclose(sums.mean_sigma0, wanted, rtol=1e-6)


def test_a_geotiff_of_sigma0(made, tmp_path):
    fragments, _, samples = made
    path = tmp_path / "sigma0_HHHH_20251123.tif"
    geotiff_date(fragments=fragments[:1], term="HHHH", quantity="sigma0", valid_samples_only=True, output=path)
    with rasterio.open(path) as file:
        np.testing.assert_allclose(file.read(1), counting(samples)[0], rtol=1e-6)
        assert file.tags()["quantity"] == "sigma0 HHHH, linear power"


def test_a_geotiff_of_sigma0_needs_the_factor(newest, tmp_path):
    plain = fragment(tmp_path, newest[0])
    with pytest.raises(GcovError, match="no layer rtcGammaToSigmaFactor in its fragment; it holds HHHH"):
        geotiff_date(
            fragments=[plain], term="HHHH", quantity="sigma0", valid_samples_only=True, output=tmp_path / "a.tif"
        )


def test_the_local_incidence_angle_is_that_of_the_factor(made, tmp_path):
    fragments, data, samples = made
    with np.errstate(invalid="ignore"):
        wanted = np.degrees(np.arccos(samples[FACTOR].values.astype(float)))
    np.testing.assert_allclose(data[LOCAL_INCIDENCE], wanted, rtol=1e-4)
    assert data[LOCAL_INCIDENCE].attrs["units"] == "degrees" and data[LOCAL_INCIDENCE].dtype == np.float32
    grid = store.open_store(fragments[0])
    factor = np.full((1, grid.sizes["y"], grid.sizes["x"]), 1.25, np.float32)
    factor[0, 0, :3] = np.nan, 0.5, 1
    store.write(fragments[0], next(store.regions(grid, rows=store.SHARD)), {FACTOR: factor})
    stack(fragments=fragments, output=tmp_path / "stack.zarr", computed=[LOCAL_INCIDENCE])
    found = xr.open_zarr(tmp_path / "stack.zarr")[LOCAL_INCIDENCE][0]
    np.testing.assert_allclose(found[0, :4], [np.nan, 60, 0, np.nan], atol=1e-4)
    assert not np.isfinite(found[1:]).any()
