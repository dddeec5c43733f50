"""Radar indices: ratios of diagonal terms, computed from averaged linear power.

Power is averaged first and the ratio taken last, because a ratio of single samples with L looks is too large by
L / (L - 1). RVI is 8 HV / (HH + VV + 2 HV), after Kim and van Zyl (2009), or 4 HV / (HH + HV) with one co-polarized
term. RFDI is (HH - HV) / (HH + HV), after Mitchard et al. (2012).
"""

from collections.abc import Mapping

import numpy as np

from gcov.indices import QUAD, terms_of_index
from gcov.stores.radiometry import DB, to_db

SPECKLED = 3  # averaged samples on a side; below this, speckle biases the ratios of an image
WARNING = "ratios of images averaged over {0} x {0} samples are biased by speckle: set multilook to 3 or more"


def attributes(name: str) -> dict[str, str]:
    """CF attributes of an index, by its name in stores."""
    return {"units": "dB" if "_" in name else "1", "long_name": f"{name.replace('_', ' / ')} of averaged gamma0"}


def value(index: str, power: Mapping[str, np.ndarray]) -> np.ndarray:
    """An index from averaged linear power, given as arrays of one shape by term.

    Ratios of two terms are in dB; RVI and RFDI have no unit. NaN where a term is NaN or the denominator is not
    positive.
    """
    needed = terms_of_index(index, list(power))
    with np.errstate(divide="ignore", invalid="ignore"):
        if "/" in index:
            above, below = (power[term] for term in needed)
            return to_db(above / np.where(below > 0, below, np.nan))
        if needed == QUAD:
            co, cross, other = (power[term] for term in QUAD)
            above, below = 8 * cross, co + other + 2 * cross
        else:
            co, cross = (power[term] for term in needed)
            above, below = (4 * cross if index == "RVI" else co - cross), co + cross
        return above / np.where(below > 0, below, np.nan)


def standard_error(index: str, power: Mapping[str, np.ndarray], se_db: Mapping[str, np.ndarray]) -> np.ndarray:
    """The standard error of an index in its own unit, from the terms' linear power and its errors `se_db`.

    Errors are propagated to first order as those of independent terms. Two co-polarized terms are correlated, so for
    their ratio this is an upper bound. NaN where an error is NaN.
    """
    needed = terms_of_index(index, list(power))
    if "/" in index:
        return np.hypot(*(se_db[term] for term in needed))
    if needed == QUAD:
        (h, x, v), (se_h, se_x, se_v) = ([of[term] for term in QUAD] for of in (power, se_db))
        parts = (x * (h + v) * se_x) ** 2 + (x * h * se_h) ** 2 + (x * v * se_v) ** 2
        return 8 / (DB * (h + v + 2 * x) ** 2) * np.sqrt(parts)
    co, cross = (power[term] for term in needed)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = cross / co
        slope = (4 if index == "RVI" else 2) * q / (1 + q) ** 2
    return slope * np.hypot(*(se_db[term] for term in needed)) / DB
