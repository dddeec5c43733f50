"""Images averaged in linear power to a size that can be displayed. Movies and their grey scale are made from these."""

import math
from functools import reduce

import numpy as np

from gcov.stores import store
from gcov.stores.stack import Stack

LARGEST = 390_000  # cells of a displayed image; 100 dates of speckle then make a GIF of 20 MB
ROWS = 64  # added to cells at once, at least: it takes several images of the dtype of the sums
LONGEST = 1480  # cells along its longer side


def side_for(shape: tuple[int, int]) -> int:
    """The smallest number of samples to average along each side so that an image (ny, nx) can be displayed."""
    side = 1
    while math.prod(cells_of(shape, side)) > LARGEST or max(cells_of(shape, side)) > LONGEST:
        side += 1
    return side


def cells_of(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """Rows and columns of cells of side x side samples in an image (ny, nx); cells at the edge may be cut."""
    ny, nx = shape
    return math.ceil(ny / side), math.ceil(nx / side)


class Multilook:
    """The average of an image of `shape` (ny, nx) over cells of side x side samples, built from bands of rows.

    Every cell has a whole number of samples. Cells of unequal size would show as a lattice of unequal speckle.
    """

    def __init__(self, side: int, shape: tuple[int, int]):
        self._side = side
        self._sums, self._counts = np.zeros((2, *cells_of(shape, side)), np.float32)

    @property
    def mean(self) -> np.ndarray:
        """The averaged image (ceil(ny / side), ceil(nx / side)), linear power float32; NaN where no sample counts.

        Cells at the lower and right edges average the samples they have.
        """
        empty = np.full(self._sums.shape, np.nan, np.float32)
        return np.divide(self._sums, self._counts, out=empty, where=self._counts > 0)

    def add(self, power: np.ndarray, rows: slice) -> None:
        """Add some rows: `power` (len(rows), nx) is linear power, NaN where a sample does not count."""
        add_to_cells(self._sums, self._counts, power, self._side, rows.start)


def image_of(stack: Stack, term: str, date: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A date's image (rows, columns) in cells of side x side samples, and where its echoes were lost.

    The image is linear power float32, as `Multilook.mean`. The second is True where no sample of a cell counts, but
    would have with an echo.
    """
    shape = stack.data.sizes["y"], stack.data.sizes["x"]
    multilook = Multilook(side, shape)
    lost = np.zeros(cells_of(shape, side), bool)
    for region in store.regions(stack.data, date=date):
        power, without = stack.power_and_lost(term, region)
        multilook.add(power[0], region["y"])
        if without is not None:
            top, offset = divmod(region["y"].start, side)
            cells = summed(without[0].astype(np.int32), side, offset) > 0
            lost[top : top + len(cells)] |= cells
    image = multilook.mean
    return image, lost & np.isnan(image)


def add_to_cells(sums: np.ndarray, counts: np.ndarray, power: np.ndarray, side: int, first_row: int) -> None:
    """Add `power` (ny, nx; linear), except where NaN, to the sums and counts of its cells of side x side samples.

    Its first row is row `first_row` of the image. Sums are of linear power, because backscatter must be averaged in
    linear power.
    """
    step = math.ceil(ROWS / side) * side  # whole cells
    for last in range((first_row // step + 1) * step, first_row + len(power) + step, step):
        first = max(last - step, first_row)
        rows = power[first - first_row : last - first_row]
        top, offset = divmod(first, side)
        use = np.isfinite(rows)
        for total, values in ((sums, np.where(use, rows, np.float32(0))), (counts, use)):
            part = summed(values.astype(total.dtype, copy=False), side, offset)
            total[top : top + len(part)] += part


def summed(values: np.ndarray, side: int, offset: int = 0) -> np.ndarray:
    """Sums over side x side values of an array (ny, nx), whose first row is row `offset` of its cells.

    Cells at the edges sum the values they have. Strided sums take a fifth of the time of `np.add.reduceat`.
    """
    ny, nx = values.shape
    whole = np.pad(values, ((offset, -(ny + offset) % side), (0, -nx % side)))
    rows = reduce(np.add, (whole[n::side] for n in range(side)))
    return reduce(np.add, (rows[:, n::side] for n in range(side)))
