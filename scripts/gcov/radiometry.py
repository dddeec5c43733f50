"""Backscatter arithmetic: which samples count, dB, averaging.

Power is linear gamma0 (unit 1), dB is 10 log10 of it. Averages are taken in power; dB comes last.
"""

import numpy as np

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
    """What stands where there is no sample: 255 in the mask, NaN elsewhere."""
    return OUTSIDE if dtype == np.uint8 else np.nan


def to_db(power: np.ndarray) -> np.ndarray:
    """10 log10 of linear power, same shape and dtype; NaN where power is not positive or NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(power > 0, 10 * np.log10(power), np.nan).astype(power.dtype, copy=False)


def add_cells(
    sums: np.ndarray, counts: np.ndarray, power: np.ndarray, use: np.ndarray, rows: slice, height: int
) -> None:
    """Add the samples of some rows of an image, (len(rows), nx) linear power where `use`, to the cells they fall in.

    `sums` and `counts` (cell rows, cell columns) share out an image of `height` rows equally, to a pixel.
    sums / counts is the multilooked image: averaged in power, as backscatter must be.
    """
    cell_rows, cell_cols = sums.shape
    row_cells = np.arange(rows.start, rows.stop) * cell_rows // height
    col_cells = np.arange(power.shape[1]) * cell_cols // power.shape[1]
    first_rows, first_cols = (np.flatnonzero(np.diff(cells, prepend=-1)) for cells in (row_cells, col_cells))
    for total, values in ((sums, np.where(use, power, np.float32(0))), (counts, use.astype(np.float32))):
        total[row_cells[first_rows]] += np.add.reduceat(np.add.reduceat(values, first_cols, axis=1), first_rows, axis=0)
