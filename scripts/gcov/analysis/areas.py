"""The area of an image's cells of `multilook` x `multilook` samples."""

import xarray as xr

from gcov.stores.store import bounds


def cell_km2(data: xr.Dataset, multilook: int) -> float:
    """The area of a cell of `multilook` x `multilook` samples on the map grid, in km2."""
    left, bottom, right, top = bounds(data)
    return (right - left) * (top - bottom) / (data.sizes["x"] * data.sizes["y"]) * multilook**2 / 1e6
