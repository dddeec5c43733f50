"""Backscatter arithmetic: the values of the masks, and conversion to dB. Which samples count, `stack.Stack` knows.

Power is linear gamma0 (unit 1); dB is 10 log10 of it. Averages are taken in linear power, and converted to dB last.
"""

import numpy as np

POLARIZATION_BITS = {"HH": 256, "HV": 512, "VH": 1024, "VV": 2048, "LH": 4096, "LV": 8192, "RH": 16384, "RV": 32768}
DB = 10 / np.log(10)  # dB per small relative difference
OUTSIDE = 255  # mask value outside the swath in the product, and outside the granule or the AOI in fragments


def is_valid(mask: np.ndarray) -> np.ndarray:
    """True where a sample is valid: mask 1..254, its sub-swath number (GCOV product specification, D-102274)."""
    return (mask >= 1) & (mask <= 254)


def fill_value(dtype: np.dtype) -> int | float:
    """The value that marks a missing sample: NaN for floats, the largest value for unsigned integers.

    That is 255 (OUTSIDE) for the uint8 mask. For signed integers it is the smallest value: -128 for int8.
    """
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if dtype.kind == "u" else np.iinfo(dtype).min
    return np.nan


def without_exception(exceptions: np.ndarray, term: str) -> np.ndarray:
    """True where the input data of a term had no exception, by the uint16 `inputDataExceptionMask`.

    In its low byte, a set bit marks an exception. In its high byte, a set bit marks a good polarization; a term needs
    the bits of both its channels (GCOV product specification 1.6.0). The fill value 65535 counts as an exception.
    """
    good = POLARIZATION_BITS[term[:2]] | POLARIZATION_BITS[term[2:]]
    return (exceptions & (0xFF | good)) == good


def local_incidence(factor: np.ndarray) -> np.ndarray:
    """The local incidence angle in degrees, from the factor rtcGammaToSigmaFactor; NaN where that is not in 0..1.

    The factor is the ratio of an area facing the radar to the same area on the ground, its cosine.
    """
    with np.errstate(invalid="ignore"):
        return np.where(factor >= 0, np.degrees(np.arccos(factor)), np.nan).astype(factor.dtype, copy=False)


def to_db(power: np.ndarray) -> np.ndarray:
    """10 log10 of linear power, with the same shape and dtype; NaN where power is NaN or not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(power > 0, 10 * np.log10(power), np.nan).astype(power.dtype, copy=False)
