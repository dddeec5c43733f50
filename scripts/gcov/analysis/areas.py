"""The area of an image's cells on the map grid, and how it differs from that on the ground."""

from typing import Any

import numpy as np
import pyproj
import xarray as xr

from gcov.stores.store import bounds


def cell_km2(data: xr.Dataset, multilook: int) -> float:
    """The area of a cell of `multilook` x `multilook` samples on the map grid, in km2."""
    left, bottom, right, top = bounds(data)
    return (right - left) * (top - bottom) / (data.sizes["x"] * data.sizes["y"]) * multilook**2 / 1e6


def areal_scale(grid: xr.Dataset, x: np.ndarray, y: np.ndarray) -> Any:
    """The area on the map over that on the ellipsoid, at map coordinates in a grid's projection."""
    projection = pyproj.Proj(int(grid["spatial_ref"]))
    return projection.get_factors(*projection(x, y, inverse=True)).areal_scale
