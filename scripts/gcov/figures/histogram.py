"""Histograms of backscatter, in dB or in linear power."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gcov.cautions import has_term, without_term
from gcov.figures.palette import LAST, QUANTITIES
from gcov.figures.style import GAMMA0, add_words, label_line, legend_above
from gcov.granules import maturity_note
from gcov.words import number_of

TAILS = {"db": (0.001, 0.001), "power": (0, 0.005)}  # fractions of the samples left and right of the axis
UNIT = {"db": (1, "dB"), "power": (0.001, "0.001")}  # unit of the density: samples per so much
QUARTER = 0.25  # dB


def histogram(
    counts: pd.DataFrame,
    stretch: dict,
    series: pd.DataFrame,
    *,
    limits: tuple[float, float],
    quantity: str,
    term: str,
    frequency: str,
    title: str,
    view: str = "",
) -> Figure:
    """Histogram of all dates: percent of samples per dB (`quantity` db), or per 0.001 of linear power (power).

    Bars and outlines (the first and the last date) have the same bins, those of 0.25 dB in `stretch`, the content of
    stretch.json. The `limits` of the movies' grey scale, in dB, are marked. `counts` is the histogram's table, for the
    number of samples outside of its bins.
    """
    dates = series[has_term(series, term, frequency)]
    samples = int(dates["n_valid"].sum())
    fine = stretch["histogram"]
    numbers = np.array(fine["all"])
    edges = fine["low"] + QUARTER * np.arange(numbers.size + 1)
    if quantity == "power":
        edges = 10 ** (edges / 10)
    figure = Figure(figsize=(7.5, 3.7), layout="constrained")
    axes = figure.subplots()
    unit, name = UNIT[quantity]
    stairs: dict[str, Any] = {"fill": True, "color": QUANTITIES[quantity], "alpha": 0.55, "label": "all dates"}
    axes.stairs(_density(numbers, edges, samples, unit), edges, **stairs)
    seen = dates[dates["n_valid"] > 0]
    if len(seen) > 1:
        for which, date, colour in (("first", seen.iloc[0], "black"), ("last", seen.iloc[-1], LAST)):
            density = _density(np.array(fine[which]), edges, int(date["n_valid"]), unit)
            axes.stairs(density, edges, color=colour, linewidth=1.2, label=f"{which}: {date['time']:%Y-%m-%d}")
    low, high = _shown(edges, numbers, TAILS[quantity])
    axes.set(xlim=(low, high), ylim=(0, None), xlabel=GAMMA0[quantity], ylabel=f"% of samples per {name}")
    _mark_stretch(axes, limits, quantity)
    axes.grid(alpha=0.3)
    legend_above(axes)
    beyond = numbers.sum() - numbers[(edges[:-1] >= low) & (edges[1:] <= high)].sum()
    table = f"{counts['bin_left'].iloc[0]:g} to {counts['bin_right'].iloc[-1]:g}"
    outside = samples - counts["count"].sum()
    empty = f", {len(dates) - len(seen)} of them without a valid one" if len(seen) < len(dates) else ""
    dark = f" {samples - numbers.sum():,} not positive (no dB, not drawn)," if samples > numbers.sum() else ""
    lost = int(dates["n_no_echo"].sum()) if "n_no_echo" in dates else 0
    notes = [
        f"{number_of(samples, 'sample')} on {number_of(len(dates), 'date')}{empty}; {beyond:,} beyond this axis,{dark}"
        f" {outside:,} outside of the table's bins ({table}).",
        *([f"Left out: {number_of(lost, 'sample')} without an echo."] if lost else []),
    ]
    said = [maturity_note(series["maturity"]), without_term(series, term, frequency)]
    add_words(figure, f"{title}: histogram", said, notes, view=view)
    return figure


def _density(numbers: np.ndarray, edges: np.ndarray, samples: int, unit: float) -> np.ndarray:
    """Percent of the samples per unit of the axis, from counts between edges."""
    return 100 * numbers / max(samples, 1) / np.diff(edges) * unit


def _shown(edges: np.ndarray, numbers: np.ndarray, tails: tuple[float, float]) -> tuple[float, float]:
    """Limits of the axis: bin edges beyond which no more than these fractions of the samples lie."""
    below = np.cumsum(numbers) / max(numbers.sum(), 1)
    first, last = int(np.argmax(below > tails[0])), int(np.argmax(below >= 1 - tails[1]))
    return float(edges[first]), float(edges[last + 1])


def _mark_stretch(axes: Axes, limits: tuple[float, float], quantity: str) -> None:
    """Mark with dashed lines where the movies' grey scale reaches black and white, if the axis shows it."""
    low, high = axes.get_xlim()
    for level, word in zip(limits, ("black", "white")):
        value = level if quantity == "db" else 10 ** (level / 10)
        label = f"movies are black below {limits[0]:.1f}, white above {limits[1]:.1f} dB"
        axes.axvline(value, linestyle="--", color="#555555", linewidth=1, label=label if word == "black" else None)
        if low <= value <= high:  # far outside, a word is a picture too large to draw
            label_line(axes, value, word, "#555555", points=3)
