"""The area of an image's cells on the ground."""

import math

import numpy as np
import xarray as xr
from scipy.interpolate import RegularGridInterpolator

from gcov.analysis.areas import areal_scale, cell_km2
from gcov.stores.store import bounds


class GroundArea:
    """The true area of a grid's cells: on the map, divided by the projection's areal scale there.

    The scale is interpolated between points 2 km apart: within 1e-7 of that at each cell, and within 1e-6 of the area
    on the ellipsoid.
    """

    def __init__(self, grid: xr.Dataset):
        self.width = grid.sizes["x"]
        left, bottom, right, top = bounds(grid)
        of_map = cell_km2(grid, 1) * 100
        axes = [_spread(size, length) for size, length in ((grid.sizes["y"], top - bottom), (self.width, right - left))]
        y, x = np.meshgrid(
            top - (axes[0] + 0.5) * (top - bottom) / grid.sizes["y"],
            left + (axes[1] + 0.5) * (right - left) / self.width,
            indexing="ij",
        )
        self._ha = RegularGridInterpolator(axes, of_map / areal_scale(grid, x, y))
        self.largest_ha = float(self._ha.values.max())

    def ha(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """The area in hectares of cells (n,)."""
        return self._ha(np.stack([row, column], axis=-1))


def _spread(size: int, length: float) -> np.ndarray:
    """Indices of cells, edges included, at most 2 km apart along an axis of this length in metres."""
    return np.linspace(-0.5, size - 0.5, max(2, math.ceil(length / 2000) + 1))
