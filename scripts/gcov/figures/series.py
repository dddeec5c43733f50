"""The mean of an AOI over time."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gcov.figures.style import COLOURS, GAMMA0, add_titles, date_axis


def mean_series(series: pd.DataFrame, *, title: str) -> Figure:
    """Mean power (left) and the same in dB (right) per date; dates without a sample are marked at the foot."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    left = figure.subplots()
    has_mean = series["mean_power"].notna()
    # the two curves have nearly one shape: power in the upper half, dB in the lower one
    _add_curve(left, series[has_mean], "power", marker="s", foot=0.9, head=0.15)
    _add_curve(left.twinx(), series[has_mean], "db", marker="o", foot=0.15, head=0.9)
    if not has_mean.all():
        empty = series["time"][~has_mean]
        foot = [0.02] * len(empty)
        left.plot(empty, foot, "x", color="black", transform=left.get_xaxis_transform(), label="no valid sample")
        left.legend(loc="upper right", fontsize=8)
    date_axis(left, list(series["time"]))
    percent = 100 * series["valid_fraction"]
    left.set_xlabel(
        f"start of acquisition, UTC\n{percent.min():.1f} to {percent.max():.1f} % of the AOI's samples averaged"
    )
    left.grid(alpha=0.3)
    add_titles(left, title, series["maturity"])
    return figure


def _add_curve(axes: Axes, series: pd.DataFrame, quantity: str, *, marker: str, foot: float, head: float) -> None:
    """Mean backscatter over time, with room of `foot` below and `head` above it as shares of its span."""
    values, colour = series[f"mean_{quantity}"], COLOURS[quantity]
    axes.plot(series["time"], values, marker=marker, color=colour, linewidth=1.4, markersize=5)
    axes.set_ylabel(f"mean {GAMMA0[quantity]}", color=colour)
    axes.tick_params(axis="y", colors=colour)
    if not values.empty:
        span = values.max() - values.min() or abs(values.iloc[0]) * 0.1
        axes.set_ylim(values.min() - foot * span, values.max() + head * span)
