"""How large a change is and how sure: the step between two segments of a series, its error and its probability."""

import numpy as np
from scipy.special import fdtr, fdtrc

from gcov.stores.radiometry import DB


def testable(power: np.ndarray) -> np.ndarray:
    """True where power has a logarithm, and so counts in the tests; not where it is NaN, 0 or below."""
    return power > 0


def step_db(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The step in dB between means of linear power; NaN where a mean is missing or not positive."""
    positive = (before > 0) & (after > 0)
    ratio = np.divide(after, before, out=np.full(np.shape(before), np.nan), where=positive)
    return 10 * np.log10(ratio)


def step_se_db(looks_before: np.ndarray, looks_after: np.ndarray, inflation: np.ndarray | float) -> np.ndarray:
    """The standard error of a step in dB from the looks of both segments; `inflation` by shared speckle counts from 1.

    Infinite where a segment has no looks.
    """
    with np.errstate(divide="ignore"):
        return DB * np.sqrt(np.maximum(inflation, 1) * (1 / looks_before + 1 / looks_after))


def step_p(
    step: np.ndarray,
    looks_before: np.ndarray,
    looks_after: np.ndarray,
    inflation: np.ndarray | float = 1,
    min_change_db: float = 0,
) -> np.ndarray:
    """The probability of a step (dB) at least as large if the true change is at most `min_change_db`; NaN without one.

    The ratio r of the means is distributed as F(2 L_after, 2 L_before), degrees divided by an `inflation` above 1. The
    null hypothesis |change| <= d is that of McCarthy and Smyth (2009), doi 10.1093/bioinformatics/btp053: p =
    min(1, 2 P(F > r 10^(-d/10))) where r >= 1, and min(1, 2 P(F < r 10^(d/10))) where r < 1.
    """
    scale = 2 / np.maximum(inflation, 1)
    freedom = looks_after * scale, looks_before * scale
    nearer = 10 ** ((step - np.sign(step) * min_change_db) / 10)
    return np.minimum(2 * np.where(step >= 0, fdtrc(*freedom, nearer), fdtr(*freedom, nearer)), 1)
