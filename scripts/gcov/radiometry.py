"""Backscatter arithmetic: which samples count, dB.

Power is linear gamma0 (unit 1), dB is 10 log10 of it. Averages are taken in power; dB comes last.
"""

import numpy as np

POLARIZATION_BITS = {"HH": 256, "HV": 512, "VH": 1024, "VV": 2048, "LH": 4096, "LV": 8192, "RH": 16384, "RV": 32768}
OUTSIDE = 255  # the mask's value outside of the swath, and ours outside of the granule or the AOI


def is_valid(mask: np.ndarray) -> np.ndarray:
    """True where a sample is valid: mask 1..254, the number of its sub-swath (GCOV product specification)."""
    return (mask >= 1) & (mask <= 254)


def counted(power: np.ndarray, mask: np.ndarray, *, valid_samples_only: bool) -> np.ndarray:
    """True where a sample counts: linear power is finite, and `mask` is 1..254 unless every sample is asked for.

    The one place that says so, for tables, pictures and the dB store.
    """
    finite = np.isfinite(power)
    return finite & is_valid(mask) if valid_samples_only else finite


def fill_value(dtype: np.dtype) -> int | float:
    """What stands where there is no sample: NaN, in a mask the largest number (OUTSIDE, of eight bits).

    In signed integers it is the smallest number, -128 of eight bits.
    """
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if dtype.kind == "u" else np.iinfo(dtype).min
    return np.nan


def without_exception(exceptions: np.ndarray, term: str) -> np.ndarray:
    """True where the input data of a term were as they should be, by the uint16 `inputDataExceptionMask`.

    Its low byte holds exceptions (a bit set is bad), its high byte a bit per polarization (set is good); a term needs
    those of both its channels (GCOV product specification 1.6.0). The fill value 65535 is bad.
    """
    good = POLARIZATION_BITS[term[:2]] | POLARIZATION_BITS[term[2:]]
    return (exceptions & (0xFF | good)) == good


def to_db(power: np.ndarray) -> np.ndarray:
    """10 log10 of linear power, same shape and dtype; NaN where power is not positive or NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(power > 0, 10 * np.log10(power), np.nan).astype(power.dtype, copy=False)
