"""Maps of stores of (y, x): reduced to what a picture can hold, with axes in km and a colour bar."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap

from gcov import store
from gcov.figures.style import NO_DATA, SMALL
from gcov.multilook import Multilook, cells_of, looks_for


def shape_of(data: xr.Dataset) -> tuple[int, int]:
    """Rows and columns of a store."""
    return data.sizes["y"], data.sizes["x"]


def extent(data: xr.Dataset, looks: int) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of all cells of looks x looks samples, km; the last ones may reach over the edge."""
    left, bottom, right, top = store.bounds(data)
    ny, nx = data.sizes["y"], data.sizes["x"]
    rows, columns = cells_of((ny, nx), looks)
    width, height = (right - left) * columns * looks / nx, (top - bottom) * rows * looks / ny
    return left / 1000, (left + width) / 1000, (top - height) / 1000, top / 1000


def averaged(data: xr.Dataset, name: str, looks: int) -> np.ndarray:
    """A map in cells of looks x looks samples, each their plain average; NaN where all are NaN."""
    multilook = Multilook(looks, shape_of(data))
    for region in store.regions(data):
        values = data[name].isel({dim: region[dim] for dim in ("y", "x")}).values.astype(np.float32)
        multilook.add(values, np.isfinite(values), region["y"])
    return multilook.mean


def sampled(data: xr.Dataset, name: str, looks: int) -> np.ndarray:
    """One sample of each cell of looks x looks: of classes and dates, which have no average."""
    return data[name].isel(y=slice(looks // 2, None, looks), x=slice(looks // 2, None, looks)).values


def draw(
    axes: Axes,
    image: np.ndarray,
    data: xr.Dataset,
    looks: int,
    *,
    label: str,
    cmap: str | Colormap,
    extend: str = "neither",
    **scale: Any,
) -> Colorbar:
    """Draw a reduced map of a store, NaN in a colour of its own; `scale` is imshow's vmin and vmax, or its norm.

    `extend` says at which ends of the colour bar values may lie beyond: neither, both, min or max.
    """
    colours = colormaps[cmap] if isinstance(cmap, str) else cmap
    picture = axes.imshow(
        image, cmap=colours.with_extremes(bad=NO_DATA), extent=extent(data, looks), interpolation="nearest", **scale
    )
    axes.set(xlabel="easting (km)", ylabel="northing (km)")
    axes.tick_params(labelsize=SMALL)
    axes.locator_params(nbins=5)
    figure = axes.figure
    assert figure is not None  # these axes are in one
    bar = figure.colorbar(picture, ax=axes, shrink=0.9, extend=extend)
    bar.set_label(label)
    return bar


def reduction(data: xr.Dataset) -> tuple[int, list[str]]:
    """How many samples a side a picture of a store averages, and what must be said of it."""
    looks = looks_for(shape_of(data))
    return looks, [f"Drawn in cells of {looks} x {looks} pixels of the store."] if looks > 1 else []
