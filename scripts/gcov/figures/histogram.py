"""Histograms of backscatter, in dB or in power."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gcov.figures.style import COLOURS, GAMMA0, add_titles


def histogram(counts: pd.DataFrame, series: pd.DataFrame, *, quantity: str, title: str) -> Figure:
    """Bars of a histogram's table (`quantity` db or power); samples outside of bins or axis are counted below."""
    edges = np.append(counts["bin_left"], counts["bin_right"].iloc[-1])
    numbers = counts["count"].to_numpy()
    samples = series["n_valid"].sum()
    # the long tail is not drawn
    shown = len(numbers) - int(np.argmax(np.cumsum(numbers[::-1]) > 0.001 * numbers.sum()))
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.stairs(numbers, edges, fill=True, color=COLOURS[quantity], alpha=0.85)
    axes.set(xlim=(edges[0], edges[shown]), ylim=(0, None), ylabel=f"samples per {edges[1] - edges[0]:.3g}")
    axes.set_xlabel(
        f"{GAMMA0[quantity]}\n{samples:,} samples on {len(series)} dates; {samples - numbers.sum():,} outside of"
        f" {edges[0]:g} to {edges[-1]:g}, {numbers[shown:].sum():,} more right of this axis"
    )
    axes.ticklabel_format(axis="y", scilimits=(0, 4))
    add_titles(axes, title, series["maturity"])
    return figure
