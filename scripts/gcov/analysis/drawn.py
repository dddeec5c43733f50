"""Zones as they are drawn, for cells of a grid: as for samples, a cell belongs to a zone if its centre is inside."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gcov.inputs.zones import read_zones
from gcov.inputs.zones_on_grid import outlines
from gcov.stores.grid import inside_polygon


@dataclass(frozen=True)
class Drawn:
    """A zone in the CRS of a grid; it may hold no cell."""

    name: str
    shape: Any  # polygon or multipolygon
    grid: xr.Dataset

    def inside(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Which cells (n,) are in the zone."""
        left, bottom, right, top = self.shape.bounds
        y, x = self.grid["y"].values[row], self.grid["x"].values[column]
        inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
        if inside.any():
            rows, columns = (slice(of.min(), of.max() + 1) for of in (row[inside], column[inside]))
            mask = inside_polygon(self.grid, self.shape, rows, columns)
            inside[inside] = mask[row[inside] - rows.start, column[inside] - columns.start]
        return inside


def drawn_on(grid: xr.Dataset, path: str | Path, zone_name: str, point_size: float) -> list[Drawn]:
    """The zones of a file, in its order. Raises GcovError if it cannot be read."""
    zones = outlines(read_zones(path, zone_name, "zones"), grid, point_size)
    axes = grid[["y", "x", "spatial_ref"]]
    return [Drawn(name, shape, axes) for name, shape in zones.items()]
