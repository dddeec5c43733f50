"""Images averaged in linear power until they can be shown: what movies draw, and what their grey scale is of."""

import math

import numpy as np

LARGEST = 350_000  # pixels of a drawn image: 100 dates of speckle are a GIF of 20 MB
LONGEST = 1400  # pixels of its longer side


def averaged_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """The shape (rows, columns) to which an image of (ny, nx) pixels is averaged so that it can be shown."""
    ny, nx = shape
    scale = min(math.sqrt(LARGEST / (ny * nx)), LONGEST / max(ny, nx))
    if scale > 0.95:  # a little too large is better than a little averaged
        return ny, nx
    return max(1, round(ny * scale)), max(1, round(nx * scale))


class Multilook:
    """The average of an image of `height` rows, added up from bands of its rows."""

    def __init__(self, shape: tuple[int, int], height: int):
        self._height = height
        self._sums, self._counts = np.zeros((2, *shape), np.float32)

    @property
    def mean(self) -> np.ndarray:
        """The averaged image, linear power float32; NaN where no sample counts."""
        empty = np.full(self._sums.shape, np.nan, np.float32)
        return np.divide(self._sums, self._counts, out=empty, where=self._counts > 0)

    def add(self, power: np.ndarray, use: np.ndarray, rows: slice) -> None:
        """Add the samples of some rows, (len(rows), nx) linear power where `use`, to the cells they fall in.

        The cells share out the image equally, to a pixel. Averaged in power, as backscatter must be.
        """
        cell_rows, cell_cols = self._sums.shape
        row_cells = np.arange(rows.start, rows.stop) * cell_rows // self._height
        col_cells = np.arange(power.shape[1]) * cell_cols // power.shape[1]
        first_rows, first_cols = (np.flatnonzero(np.diff(cells, prepend=-1)) for cells in (row_cells, col_cells))
        for total, values in (
            (self._sums, np.where(use, power, np.float32(0))),
            (self._counts, use.astype(np.float32)),
        ):
            columns = np.add.reduceat(values, first_cols, axis=1)
            total[row_cells[first_rows]] += np.add.reduceat(columns, first_rows, axis=0)
