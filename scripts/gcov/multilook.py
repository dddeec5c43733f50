"""Images averaged in linear power until they can be shown: what movies draw, and what their grey scale is of."""

import math

import numpy as np

LARGEST = 390_000  # cells of a drawn image: 100 dates of speckle are a GIF of 20 MB
LONGEST = 1480  # cells of its longer side


def looks_for(shape: tuple[int, int]) -> int:
    """The fewest samples to average along each side so that an image of (ny, nx) can be shown."""
    looks = 1
    while math.prod(cells_of(shape, looks)) > LARGEST or max(cells_of(shape, looks)) > LONGEST:
        looks += 1
    return looks


def cells_of(shape: tuple[int, int], looks: int) -> tuple[int, int]:
    """Rows and columns of an image (ny, nx) in cells of looks x looks samples; those at the edge may be cut."""
    ny, nx = shape
    return math.ceil(ny / looks), math.ceil(nx / looks)


class Multilook:
    """The average of an image of `shape` (ny, nx) over cells of looks x looks samples, added up from bands of its rows.

    A whole number of samples in every cell: cells of unequal numbers would show a lattice of unequal speckle.
    """

    def __init__(self, looks: int, shape: tuple[int, int]):
        self._looks = looks
        self._sums, self._counts = np.zeros((2, *cells_of(shape, looks)), np.float32)

    @property
    def mean(self) -> np.ndarray:
        """The averaged image (ceil(ny / looks), ceil(nx / looks)), linear power float32; NaN where no sample counts.

        Cells at the lower and right edge average what is there.
        """
        empty = np.full(self._sums.shape, np.nan, np.float32)
        return np.divide(self._sums, self._counts, out=empty, where=self._counts > 0)

    def add(self, power: np.ndarray, use: np.ndarray, rows: slice) -> None:
        """Add the samples of some rows, (len(rows), nx) linear power where `use`, to the cells they fall in."""
        row_cells = np.arange(rows.start, rows.stop) // self._looks
        col_cells = np.arange(power.shape[1]) // self._looks
        add_to_cells(self._sums, self._counts, power, use, row_cells, col_cells)


def add_to_cells(
    sums: np.ndarray, counts: np.ndarray, power: np.ndarray, use: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> None:
    """Add samples (ny, nx), linear power where `use`, to the sums and counts of the cells they fall in.

    `rows` (ny,) and `columns` (nx,) say which, in rising order and none left out. Averaged in power, as backscatter
    must be.
    """
    first_rows, first_cols = (np.flatnonzero(np.diff(cells, prepend=-1)) for cells in (rows, columns))
    cells = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    for total, values in ((sums, np.where(use, power, np.float32(0))), (counts, use)):
        by_column = np.add.reduceat(values.astype(total.dtype, copy=False), first_cols, axis=1)
        total[cells] += np.add.reduceat(by_column, first_rows, axis=0)
