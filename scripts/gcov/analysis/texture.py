"""Looks of a cell over texture: a mean over unequal samples varies more than one over equal samples.

Kish's effective number of a mean with unequal weights, with the speckle of the weights taken off.
"""

import numpy as np


def looks_share(sums: np.ndarray, variance: np.ndarray | float) -> np.ndarray:
    """The share (y, x) of a cell's looks that texture leaves it: 1 on even ground, NaN without a whole date.

    `sums` (y, m, x, m) are the samples' linear power summed over the dates on which the whole cell counts, and
    `variance` (y, x) the relative variance of such a sum due to speckle (see `shared.variance_of_mean`). The share is
    min(1, (sum mu)^2 / (n sum mu^2 / (1 + variance))) over the n samples of a cell.
    """
    n = sums.shape[1] * sums.shape[3]
    total, squares = sums.sum(axis=(1, 3)), np.einsum("yixj,yixj->yx", sums, sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.minimum(total**2 * (1 + variance) / (n * squares), 1)
