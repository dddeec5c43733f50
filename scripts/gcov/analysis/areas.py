"""The area of the cells of an image, which may be averaged over `multilook` x `multilook` samples."""

import xarray as xr

from gcov.store import bounds


def cell_km2(data: xr.Dataset, multilook: int) -> float:
    """The area of a cell of a stack's image, km2, on its map grid."""
    left, bottom, right, top = bounds(data)
    return (right - left) * (top - bottom) / (data.sizes["x"] * data.sizes["y"]) * multilook**2 / 1e6
