"""Backscatter arithmetic: valid samples, dB, counting, averaging.

Power is linear gamma0 (unit 1), dB is 10 log10 of it. Averages are taken in power; dB comes last.
"""

import numpy as np

DB_BINS = (-40.0, 20.0, 50)  # low, high, number: histogram_db
POWER_BINS = (0.0, 2.0, 500)  # histogram_power
FINE_DB_BINS = (-200.0, 100.0, 30_000)  # 0.01 dB wide, from the rubbish where mask is 0 to any corner reflector


def is_valid(mask: np.ndarray) -> np.ndarray:
    """True where a sample is valid: mask 1..254, the number of its sub-swath (GCOV product specification)."""
    return (mask >= 1) & (mask <= 254)


def to_db(power: np.ndarray) -> np.ndarray:
    """10 log10 of linear power, same shape and dtype; NaN where power is not positive or NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(power > 0, 10 * np.log10(power), np.nan).astype(power.dtype, copy=False)


def samples(power: np.ndarray, mask: np.ndarray, *, valid_samples_only: bool) -> np.ndarray:
    """The samples that count, (n,) linear power: finite, and valid unless every sample is asked for."""
    chosen = np.isfinite(power)
    if valid_samples_only:
        chosen &= is_valid(mask)
    return power[chosen]


def count(values: np.ndarray, low: float, high: float, bins: int) -> np.ndarray:
    """Counts (bins,) of values in equal bins on [low, high], as np.histogram counts; those outside are left out.

    Ten times faster than np.histogram on float32; a value within rounding of an edge may fall on its other side.
    """
    inside = values[(values >= low) & (values <= high)]
    index = ((inside - low) * (bins / (high - low))).astype(np.int32)
    return np.bincount(np.minimum(index, bins - 1), minlength=bins)


def count_db(db: np.ndarray) -> np.ndarray:
    """Counts (30000,) of dB values, none NaN, in FINE_DB_BINS; those beyond are counted in the first and last bin.

    Histogram and quantiles come from one count: np.quantile wants all dates in memory, 2 GB for 100 of 5 megapixels.
    """
    low, high, bins = FINE_DB_BINS
    per_db = round(bins / (high - low))
    # counted from 0 dB, so that float32 rounding moves no more than a millionth of a dB over an edge
    index = np.floor(db * per_db).astype(np.int32) - round(low * per_db)
    index -= db == DB_BINS[1]  # the last bin of a histogram includes its upper edge
    return np.bincount(np.clip(index, 0, bins - 1), minlength=bins)


def histogram_db(counts: np.ndarray) -> np.ndarray:
    """Counts (50,) in DB_BINS from those of FINE_DB_BINS."""
    low, high, bins = FINE_DB_BINS
    first, last = (round((edge - low) * bins / (high - low)) for edge in DB_BINS[:2])
    return counts[first:last].reshape(DB_BINS[2], -1).sum(axis=1)


def edges(low: float, high: float, bins: int) -> np.ndarray:
    """The edges (bins + 1,) of equal bins."""
    return np.linspace(low, high, bins + 1)


def quantile_db(counts: np.ndarray, q: float) -> float:
    """The q-quantile in dB of values counted in FINE_DB_BINS as np.quantile's, right to 0.005 dB. NaN of no value."""
    low, high, bins = FINE_DB_BINS
    total = int(counts.sum())
    if total == 0:
        return float("nan")
    # between the two samples next to the quantile, each in the middle of its bin
    position = q * (total - 1)
    neighbours = np.array([np.floor(position), np.ceil(position)])
    middles = np.searchsorted(np.cumsum(counts), neighbours, side="right") + 0.5
    return float(low + (high - low) / bins * np.interp(position % 1, [0, 1], middles))


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
