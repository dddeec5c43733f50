"""The multitemporal filter: its formula, its radiometry, and how much speckle it removes."""

import numpy as np
import pytest

from gcov.analysis import multitemporal
from gcov.analysis.multitemporal import Brightness, local_mean, looks_of_blocks, predicted_gain


def speckle(rng, shape, looks=9.3, mean=0.1) -> np.ndarray:
    return (mean * rng.standard_gamma(looks, shape) / looks).astype("f4")


def filtered(power, window) -> np.ndarray:
    """All dates of power (time, y, x)."""
    means = [local_mean(image, window) for image in power]
    brightness = Brightness(power.shape[1:])
    for image, mean in zip(power, means):
        brightness.add(image, mean)
    return np.array([mean * brightness.ratio for mean in means])


def test_the_formula_with_gaps():
    """Pixel by pixel in double precision: windows cut off at edges, gaps, each pixel's own number of dates."""
    rng = np.random.default_rng(1)
    power = speckle(rng, (4, 9, 11))
    power[rng.random(power.shape) < 0.2] = np.nan
    power[2, :3, :3] = np.nan
    around = np.full_like(power, np.nan, dtype="f8")
    for date, y, x in np.ndindex(power.shape):
        if np.isfinite(power[date, y, x]):
            around[date, y, x] = np.nanmean(power[date, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].astype("f8"))
    wanted = around * np.nanmean(power / around, axis=0)
    np.testing.assert_allclose(filtered(power, 5), wanted, rtol=1e-5)


@pytest.mark.parametrize(("dates", "window", "gain"), [(10, 5, 7.35), (5, 3, 3.46), (20, 7, 14.41)])
def test_gain_in_looks(dates, window, gain):
    """On homogeneous speckle without correlation, by mean^2 / variance of whole images and of blocks."""
    assert predicted_gain(dates, window**2) == pytest.approx(gain, abs=0.005)
    power = speckle(np.random.default_rng(2), (dates, 512, 512))
    smooth = filtered(power, window)
    assert smooth.mean() == pytest.approx(power.mean(dtype="f8"), rel=0.002)
    inner = smooth[:, window:-window, window:-window].astype("f8")
    looks = (inner.mean(axis=(1, 2)) ** 2 / inner.var(axis=(1, 2))).mean()
    assert looks / 9.3 == pytest.approx(gain, rel=0.03)
    by_blocks = [np.median(looks_of_blocks(after) / looks_of_blocks(image)) for after, image in zip(smooth, power)]
    assert np.mean(by_blocks) == pytest.approx(gain, rel=0.08)


def test_what_appears_half_way_is_smeared():
    power = np.ones((10, 31, 31), "f4")
    power[5:, 15, 15] = 10
    first, last = filtered(power, 5)[[0, -1], 15, 15]
    around = (24 + 10) / 25
    assert first == pytest.approx((1 + 10 / around) / 2)  # 4.2 instead of 1
    assert last == pytest.approx(around * (1 + 10 / around) / 2)  # 5.7 instead of 10


def test_blocks_that_are_homogeneous():
    rng = np.random.default_rng(3)
    mean = speckle(rng, (320, 320), looks=200)
    mean[:, 64:] *= 10 ** rng.normal(0, 0.2, (320, 256))  # texture, but for the two columns on the left
    mean[:32] = np.nan
    chosen = multitemporal.most_homogeneous(mean)
    assert chosen[1:, :2].sum() == chosen.sum() == 9
    assert not multitemporal.most_homogeneous(np.full((64, 64), np.nan)).any()
