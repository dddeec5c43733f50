"""Images averaged in linear power to a size that can be displayed. Movies and their grey scale are made from these."""

import math

import numpy as np

LARGEST = 390_000  # cells of a displayed image; 100 dates of speckle then make a GIF of 20 MB
LONGEST = 1480  # cells along its longer side


def looks_for(shape: tuple[int, int]) -> int:
    """The smallest number of samples to average along each side so that an image (ny, nx) can be displayed."""
    looks = 1
    while math.prod(cells_of(shape, looks)) > LARGEST or max(cells_of(shape, looks)) > LONGEST:
        looks += 1
    return looks


def cells_of(shape: tuple[int, int], looks: int) -> tuple[int, int]:
    """Rows and columns of cells of looks x looks samples in an image (ny, nx); cells at the edge may be cut."""
    ny, nx = shape
    return math.ceil(ny / looks), math.ceil(nx / looks)


class Multilook:
    """The average of an image of `shape` (ny, nx) over cells of looks x looks samples, built from bands of rows.

    Every cell has a whole number of samples. Cells of unequal size would show as a lattice of unequal speckle.
    """

    def __init__(self, looks: int, shape: tuple[int, int]):
        self._looks = looks
        self._sums, self._counts = np.zeros((2, *cells_of(shape, looks)), np.float32)

    @property
    def mean(self) -> np.ndarray:
        """The averaged image (ceil(ny / looks), ceil(nx / looks)), linear power float32; NaN where no sample counts.

        Cells at the lower and right edges average the samples they have.
        """
        empty = np.full(self._sums.shape, np.nan, np.float32)
        return np.divide(self._sums, self._counts, out=empty, where=self._counts > 0)

    def add(self, power: np.ndarray, use: np.ndarray, rows: slice) -> None:
        """Add some rows: `power` (len(rows), nx) is linear power, added to its cells where `use` is True."""
        row_cells = np.arange(rows.start, rows.stop) // self._looks
        col_cells = np.arange(power.shape[1]) // self._looks
        add_to_cells(self._sums, self._counts, power, use, row_cells, col_cells)


def add_to_cells(
    sums: np.ndarray, counts: np.ndarray, power: np.ndarray, use: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> None:
    """Add `power` (ny, nx; linear) where `use` is True to the sums and counts of its cells.

    `rows` (ny,) and `columns` (nx,) are the cell indices of each row and column: non-decreasing, without gaps. Sums are
    of linear power, because backscatter must be averaged in linear power.
    """
    first_rows, first_cols = (np.flatnonzero(np.diff(cells, prepend=-1)) for cells in (rows, columns))
    cells = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    for total, values in ((sums, np.where(use, power, np.float32(0))), (counts, use)):
        by_column = np.add.reduceat(values.astype(total.dtype, copy=False), first_cols, axis=1)
        total[cells] += np.add.reduceat(by_column, first_rows, axis=0)
