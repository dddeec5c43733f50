"""The multitemporal speckle filter of Quegan and Yu, "Filtering of multichannel SAR images", IEEE TGRS 39(11), 2001.

J_k = E_k / N sum_i I_i / E_i: the mean E of a date over a window, times the ratio of a pixel to its surroundings, which
is averaged over the pixel's N valid dates. Images are linear power (y, x), NaN where a sample does not count. For
viewing only: a change is smeared over all dates, so no series and no test uses the filtered images.
"""

import numpy as np
from scipy.ndimage import uniform_filter

BLOCK = 32  # samples on a side of the blocks on which looks are measured
HOMOGENEOUS = 0.1  # fraction of blocks taken as homogeneous


def local_mean(power: np.ndarray, window: int) -> np.ndarray:
    """The mean (y, x) over the valid samples in a `window` x `window` neighbourhood; float32, NaN where invalid."""
    valid = np.isfinite(power)
    total = uniform_filter(np.where(valid, power, np.float32(0)), window, mode="constant")
    share = uniform_filter(valid.astype(np.float32), window, mode="constant")
    return np.divide(total, share, out=np.full(power.shape, np.nan, np.float32), where=valid)


class Brightness:
    """The brightness of each pixel relative to its surroundings: the mean of I / E over its valid dates."""

    def __init__(self, shape: tuple[int, int]):
        self._ratios, self._power = np.zeros((2, *shape), np.float32)
        self._dates = np.zeros(shape, np.uint16)

    def add(self, power: np.ndarray, mean: np.ndarray) -> None:
        """Add a date: samples I and their local mean E. The date does not count where E is not positive."""
        use = mean > 0
        self._ratios += np.divide(power, mean, out=np.zeros_like(power), where=use)
        self._power += np.where(use, power, np.float32(0))
        self._dates += use

    @property
    def ratio(self) -> np.ndarray:
        """The mean of I / E; NaN without a valid date."""
        return self._mean(self._ratios)

    @property
    def mean(self) -> np.ndarray:
        """The mean linear power over the same dates."""
        return self._mean(self._power)

    def _mean(self, total: np.ndarray) -> np.ndarray:
        return np.divide(total, self._dates, out=np.full(total.shape, np.nan, np.float32), where=self._dates > 0)


def predicted_gain(dates: float, window_looks: float) -> float:
    """The factor by which looks grow: N W / (N + W - 1) for N dates and a window of W independent samples."""
    return dates * window_looks / (dates + window_looks - 1)


def looks_of_blocks(power: np.ndarray) -> np.ndarray:
    """mean^2 / variance of each block of 32 x 32 samples (rows, columns); NaN if any sample does not count.

    This is the number of looks only on homogeneous blocks, because texture adds to the variance.
    """
    rows, columns = (size // BLOCK for size in power.shape)
    looks = np.full((rows, columns), np.nan)
    for row, found in enumerate(looks):  # in float64, a row of blocks at a time: images are large
        samples = power[row * BLOCK : (row + 1) * BLOCK, : columns * BLOCK].astype(np.float64)
        blocks = samples.reshape(BLOCK, columns, BLOCK)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[:] = blocks.mean(axis=(0, 2)) ** 2 / blocks.var(axis=(0, 2), ddof=1)
    return looks


def most_homogeneous(mean: np.ndarray) -> np.ndarray:
    """True (rows, columns) for the blocks that vary least in the mean of all dates.

    They are a tenth of the blocks in which every sample counts. The mean has little speckle, so blocks that vary more
    have texture.
    """
    looks = looks_of_blocks(mean)
    known = looks[np.isfinite(looks)]
    return looks >= np.quantile(known, 1 - HOMOGENEOUS) if known.size else np.zeros(looks.shape, bool)
