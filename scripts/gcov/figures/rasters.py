"""Drawing the maps (y, x) of a store: reduced to a displayable size, with axes in km and a colour bar."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap

from gcov.analysis.multilook import Multilook, cells_of, side_for
from gcov.figures.palette import NO_DATA
from gcov.figures.style import SMALL
from gcov.stores import store


def shape_of(data: xr.Dataset) -> tuple[int, int]:
    """Rows and columns of a store."""
    return data.sizes["y"], data.sizes["x"]


def extent(data: xr.Dataset, looks: int) -> tuple[float, float, float, float]:
    """Left, right, bottom and top, in km, of all cells of looks x looks samples; the last may exceed the store."""
    left, bottom, right, top = store.bounds(data)
    ny, nx = data.sizes["y"], data.sizes["x"]
    rows, columns = cells_of((ny, nx), looks)
    width, height = (right - left) * columns * looks / nx, (top - bottom) * rows * looks / ny
    return left / 1000, (left + width) / 1000, (top - height) / 1000, top / 1000


def averaged(data: xr.Dataset, name: str, looks: int) -> np.ndarray:
    """A map averaged over cells of looks x looks samples (arithmetic mean); NaN where all samples are NaN."""
    multilook = Multilook(looks, shape_of(data))
    for region in store.regions(data):
        values = data[name].isel({dim: region[dim] for dim in ("y", "x")}).values.astype(np.float32)
        multilook.add(values, region["y"])
    return multilook.mean


def sampled(data: xr.Dataset, name: str, looks: int) -> np.ndarray:
    """The middle sample of each cell of looks x looks: for classes and dates, which cannot be averaged.

    Cells at the lower and right edges may be cut: if they end before their middle, it is their last sample.
    """
    rows, columns = (np.arange(looks // 2, size + looks // 2, looks).clip(max=size - 1) for size in shape_of(data))
    return data[name].isel(y=rows, x=columns).values


def draw(
    axes: Axes,
    image: np.ndarray,
    data: xr.Dataset,
    looks: int,
    *,
    label: str,
    cmap: Colormap,
    extend: str = "neither",
    **scale: Any,
) -> Colorbar:
    """Draw a reduced map of a store, with NaN in the no-data colour; `scale` is imshow's vmin and vmax, or its norm.

    `extend` names the ends of the colour bar beyond which values may lie: neither, both, min or max.
    """
    picture = axes.imshow(
        image, cmap=cmap.with_extremes(bad=NO_DATA), extent=extent(data, looks), interpolation="nearest", **scale
    )
    axes.set(xlabel="easting (km)", ylabel="northing (km)")
    axes.tick_params(labelsize=SMALL)
    axes.locator_params(nbins=5)
    figure = axes.figure
    assert figure is not None  # these axes belong to a figure
    bar = figure.colorbar(picture, ax=axes, shrink=0.9, extend=extend)
    bar.set_label(label)
    return bar


def reduction(data: xr.Dataset) -> tuple[int, list[str]]:
    """The number of samples per cell side in a figure of a store, and a note about it (empty if 1)."""
    looks = side_for(shape_of(data))
    return looks, [f"Drawn in cells of {looks} x {looks} pixels of the store."] if looks > 1 else []
