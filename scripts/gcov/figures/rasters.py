"""Drawing the maps (y, x) of a store: reduced to a displayable size, with axes in km and a colour bar."""

import textwrap
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gcov.analysis.areas import areal_scale
from gcov.analysis.multilook import Multilook, cells_of, side_for
from gcov.figures.palette import NO_DATA
from gcov.figures.style import SMALL, scale_bar
from gcov.stores import store

NARROW, WIDE = 2, 0.5  # height over width of maps
LONG = 12  # times as long as wide; a longer map is stretched across, or it would be a line


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
        values = store.samples(data, name, {dim: region[dim] for dim in ("y", "x")}).astype(np.float32)
        multilook.add(values, region["y"])
    return multilook.mean


def sampled(data: xr.Dataset, name: str, looks: int) -> np.ndarray:
    """The middle sample of each cell of looks x looks: for classes and dates, which cannot be averaged.

    Cells at the lower and right edges may be cut: if they end before their middle, it is their last sample.
    """
    rows, columns = (np.arange(looks // 2, size + looks // 2, looks).clip(max=size - 1) for size in shape_of(data))
    return store.samples(data, name, {"y": rows, "x": columns})


def draw(
    axes: Axes,
    image: np.ndarray,
    data: xr.Dataset,
    looks: int,
    *,
    title: str,
    label: str,
    cmap: Colormap,
    extend: str = "neither",
    **scale: Any,
) -> Colorbar:
    """Draw a reduced map of a store, with NaN in the no-data colour; `scale` is imshow's vmin and vmax, or its norm.

    `extend` names the ends of the colour bar beyond which values may lie: neither, both, min or max.
    """
    picture = axes.imshow(
        image,
        aspect="auto" if _is_long(data) else "equal",
        cmap=cmap.with_extremes(bad=NO_DATA),
        extent=extent(data, looks),
        interpolation="nearest",
        **scale,
    )
    axes.set(xlabel="easting (km)", ylabel="northing (km)")
    axes.tick_params(labelsize=SMALL)
    axes.ticklabel_format(useOffset=False)
    axes.label_outer()
    figure = axes.figure
    assert figure is not None  # these axes belong to a figure
    inches = axes.bbox.width / figure.dpi  # before the layout: room for map and bar
    axes.set_title(textwrap.fill(title, int(20 * inches)), fontsize=SMALL + 1)
    bar = figure.colorbar(picture, ax=axes, shrink=0.9, extend=extend)
    bar.set_label(label, fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return bar


def panels(data: xr.Dataset, number: int) -> tuple[Figure, list[Axes]]:
    """A figure with room for `number` maps of a store: wide ones below each other, narrow ones side by side."""
    ratio = _ratio(data)
    columns = number if ratio > NARROW else 1 if ratio < WIDE else min(number, 2)
    width = 8.5 if columns == 1 else float(np.clip(6.5 / ratio, 0.8, 4.2))
    height = float(np.clip(width * ratio, 0.9, 10))
    rows = -(-number // columns)
    figure = Figure(figsize=(max(columns * (width + 1.6), 8), rows * (height + 0.5)), layout="compressed")
    every = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for axes, inches in ((every[0].xaxis, width), (every[0].yaxis, height)):
        axes.set_major_locator(MaxNLocator(min(5, max(1, int(inches / 0.6)))))
    for axes in every[number:]:
        axes.remove()
    return figure, every[:number]


def add_scale(axes: Axes, data: xr.Dataset) -> None:
    """Add a scale bar to the map of a store, of a length on the ground: the projection's scale differs from 1."""
    x, y = (data[dim].values[data.sizes[dim] // 2] for dim in ("x", "y"))
    scale_bar(axes, float(areal_scale(data, x, y)) ** -0.5)


def reduction(data: xr.Dataset) -> tuple[int, list[str]]:
    """The number of samples per cell side in a figure of a store, and notes on how it is drawn."""
    looks = side_for(shape_of(data))
    notes = [f"Drawn in cells of {looks} x {looks} pixels of the store."] if looks > 1 else []
    return looks, [*notes, *(["Maps are stretched across their length."] if _is_long(data) else [])]


def _ratio(data: xr.Dataset) -> float:
    """Height over width of a store's map."""
    left, bottom, right, top = store.bounds(data)
    return (top - bottom) / (right - left)


def _is_long(data: xr.Dataset) -> bool:
    return not 1 / LONG <= _ratio(data) <= LONG
