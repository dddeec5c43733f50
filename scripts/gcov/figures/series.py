"""The mean of an AOI over time."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gcov.figures.style import COLOURS, GAMMA0, add_titles, date_axis
from gcov.granules import holds

GAP = 1.5  # times the usual step between dates: a line across would tell of dates that nobody has seen


def held(series: pd.DataFrame, term: str, frequency: str) -> pd.Series:
    """True for the dates whose granules have the term: polarizations may alternate."""
    return series["polarizations"].map(lambda codes: holds(codes, term, frequency)).astype(bool)


def line(dates: pd.DataFrame) -> pd.DataFrame:
    """The rows of dates that have the term, with a row of NaN in every gap: there the line of a plot breaks.

    A gap is a step of more than 1.5 times the median one. Dates without a valid sample are NaN by themselves.
    """
    steps = dates["time"].diff()
    gaps = steps > GAP * steps.median()
    breaks = pd.DataFrame({"time": dates["time"][gaps] - steps[gaps] / 2})
    return pd.concat([dates, breaks]).sort_values("time", ignore_index=True)


def mean_series(series: pd.DataFrame, *, term: str, frequency: str, title: str) -> Figure:
    """Mean power (left) and the same in dB (right) per date that has the term.

    Lines break at gaps and at dates without a valid sample, which are marked at the foot.
    """
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    left = figure.subplots()
    dates = series[held(series, term, frequency)]
    # the two curves have nearly one shape: power in the upper half, dB in the lower one
    _add_curve(left, line(dates), "power", marker="s", foot=0.9, head=0.15)
    _add_curve(left.twinx(), line(dates), "db", marker="o", foot=0.15, head=0.9)
    empty = dates["time"][dates["mean_power"].isna()]
    if not empty.empty:
        foot = [0.02] * len(empty)
        left.plot(empty, foot, "x", color="black", transform=left.get_xaxis_transform(), label="no valid sample")
        left.legend(loc="upper right", fontsize=8)
    date_axis(left, list(series["time"]))
    percent = 100 * dates["valid_fraction"]
    without = f"; {len(series) - len(dates)} dates without {term}" if len(dates) < len(series) else ""
    share = f"{percent.min():.1f} to {percent.max():.1f} % of the AOI's samples averaged"
    left.set_xlabel(f"start of acquisition, UTC\n{share}{without}")
    left.grid(alpha=0.3)
    add_titles(left, title, series["maturity"])
    return figure


def _add_curve(axes: Axes, series: pd.DataFrame, quantity: str, *, marker: str, foot: float, head: float) -> None:
    """Mean backscatter over time, with room of `foot` below and `head` above it as shares of its span."""
    values, colour = series[f"mean_{quantity}"], COLOURS[quantity]
    axes.plot(series["time"], values, marker=marker, color=colour, linewidth=1.4, markersize=5)
    axes.set_ylabel(f"mean {GAMMA0[quantity]}", color=colour)
    axes.tick_params(axis="y", colors=colour)
    if values.notna().any():
        span = values.max() - values.min() or abs(values.max()) * 0.1
        axes.set_ylim(values.min() - foot * span, values.max() + head * span)
