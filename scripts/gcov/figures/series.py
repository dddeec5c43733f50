"""The figure of an AOI's mean over time, and parts shared with other series figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from gcov.cautions import (
    NOISE_MARGIN,
    cautions,
    dates_in_words,
    echoes_without_limit,
    empty_values,
    has_term,
    line,
    little_valid,
    near_noise,
    release_changes,
    too_few,
    without_echo,
)
from gcov.figures.palette import NO_ECHO, NOISE, QUANTITIES, RAIN, RELEASE
from gcov.figures.style import GAMMA0, add_words, date_axis, label_line, legend_above
from gcov.words import percent

NOISE_SHOWN = 10  # dB; a noise floor further below the mean is not drawn
LEAST_SPAN = 1.0  # dB; a shorter axis would make noise look like signal
COVERAGE = 1.96  # standard errors in a 95 % interval


def mean_series(
    series: pd.DataFrame,
    *,
    term: str,
    frequency: str,
    title: str,
    min_valid_fraction: float,
    stated: Sequence[str] = (),
    view: str = "",
) -> Figure:
    """Mean backscatter per date, in dB (left axis) and linear power (right axis); valid samples and rain below.

    `series` has the columns of mean_series.csv; dates without the term are left out. If known, these are drawn too: the
    95 % interval from the standard error (otherwise the band from p05_db to p95_db), the noise floor, and rain.
    `stated` are the warnings of the stack, `view` is from where it was seen.
    """
    dates = series[has_term(series, term, frequency)].reset_index(drop=True)
    rain = dates["rain_mm"]
    heights = [5, 1.1, 1.1] if rain.notna().any() else [5, 1.1]
    figure = Figure(figsize=(8.5, 3.6 + 0.9 * (len(heights) - 1)), layout="constrained")
    axes, *below = figure.subplots(len(heights), sharex=True, height_ratios=heights)
    draw_means(axes, dates, min_valid_fraction=min_valid_fraction)
    draw_releases(axes, dates)
    axes.set_ylabel(f"mean {GAMMA0['db']}")
    axes.set_ylim(limits_of(dates))
    if dates["mean_db"].notna().any():
        _add_power_scale(axes)
    else:
        axes.set_yticks([])
    legend_above(axes)
    _draw_valid(below[0], dates, min_valid_fraction)
    if rain.notna().any():
        draw_rain(below[1], dates)
    date_axis(axes, list(series["time"]))
    below[-1].set_xlabel("start of acquisition, UTC")
    figure.align_ylabels([axes, *below])
    said = cautions(series, term=term, frequency=frequency, min_valid_fraction=min_valid_fraction, stated=stated)
    notes = [in_words(dates), *empty_values(dates), *echoes_without_limit(dates)]
    add_words(figure, f"{title}: mean of the AOI", said, notes, view=view)
    return figure


def in_words(dates: pd.DataFrame) -> str:
    """The note: dates, fraction of the samples averaged, spread, and the meaning of the bars."""
    words = [dates_in_words(dates), f"{percent(dates['valid_fraction'])} of the samples averaged"]
    words += uncertainty_in_words(dates)
    low, high = (dates[name].mean() for name in ("p05_db", "p95_db"))
    if dates["se_db"].notna().any() and np.isfinite(low + high):
        words.append(f"on a typical date, 90 % of the samples lie between {low:.1f} and {high:.1f} dB")
    if without_echo(dates).any():
        words.append(f"hatched: {int(dates['n_no_echo'].sum()):,} samples without an echo, which do not count")
    if dates["rain_mm"].notna().any():
        words.append("rain: the sum since the date before")
    return "; ".join(words)


def uncertainty_in_words(dates: pd.DataFrame) -> list[str]:
    """What the bars or the band that `draw_means` draws mean; empty if it draws neither."""
    if dates["se_db"].notna().any():
        return ["bars: ±1.96 standard errors of the mean (speckle only, not calibration)"]
    return ["band: 5 to 95 % of the samples"] if dates["p05_db"].notna().any() else []


def draw_means(
    axes: Axes, dates: pd.DataFrame, *, min_valid_fraction: float, colour: str = QUANTITIES["db"], size: float = 5
) -> None:
    """Draw mean_db over time with its uncertainty; the curve breaks in gaps and at dates without a valid sample.

    Dates with few valid samples have hollow markers on a dotted line. Dates without a value are marked at the bottom.
    """
    few, noisy = little_valid(dates, min_valid_fraction), near_noise(dates)
    noise = dates["noise_db"]
    errors = COVERAGE * dates["se_db"]
    if errors.notna().any():
        bars: dict[str, Any] = {"fmt": "none", "ecolor": colour, "elinewidth": 1, "capsize": size / 3, "alpha": 0.8}
        axes.errorbar(dates["time"], dates["mean_db"], errors.fillna(0), label="_bars", **bars)
    elif dates["p05_db"].notna().any():
        rows = line(dates)
        axes.fill_between(rows["time"], rows["p05_db"], rows["p95_db"], color=colour, alpha=0.15, linewidth=0)
    if noise_shown(dates):
        rows = line(dates)
        style: dict[str, Any] = {"linestyle": (0, (6, 2)), "color": NOISE, "linewidth": 1}
        if noise.notna().sum() == 1:  # a line needs more than one date
            axes.axhline(noise.mean(), label="noise floor", **style)
        else:
            axes.plot(rows["time"], rows["noise_db"], label="noise floor", **style)
    whole = line(dates)
    axes.plot(whole["time"], whole["mean_db"], ":", color=colour, linewidth=1, label="_with few")
    solid = line(dates.assign(mean_db=dates["mean_db"].mask(few)))
    axes.plot(solid["time"], solid["mean_db"], "o-", color=colour, markersize=size, linewidth=1.4, label="mean")
    _mark(axes, dates[few], hollow_style(colour, size), too_few(min_valid_fraction))
    square: dict[str, Any] = {"marker": "s", "linestyle": "none", "color": NOISE, "markersize": size}
    _mark(axes, dates[noisy & ~few], square, f"within {NOISE_MARGIN} dB of the noise floor")
    at_foot: dict[str, Any] = {"linestyle": "none", "color": "black", "markersize": size + 1}
    at_foot["transform"] = axes.get_xaxis_transform()
    without = dates["mean_db"].isna()
    for shown, marker, label in (
        (without & (dates["n_valid"] == 0), "x", "no valid sample"),
        (without & (dates["n_valid"] > 0), "v", "mean not positive: no dB"),
    ):
        _mark(axes, dates[shown].assign(mean_db=0.04), {**at_foot, "marker": marker}, label)
    axes.grid(alpha=0.3)


def hollow_style(colour: str, size: float) -> dict:
    """The marker style of means over few valid samples."""
    return {"marker": "o", "linestyle": "none", "markerfacecolor": "white", "color": colour, "markersize": size + 1}


def _mark(axes: Axes, dates: pd.DataFrame, style: dict, label: str) -> None:
    """Draw markers and a legend entry, if there are dates to mark."""
    if len(dates):
        axes.plot(dates["time"], dates["mean_db"], label=label, **style)


def draw_releases(axes: Axes, dates: pd.DataFrame, *, most: int = 8) -> None:
    """Draw a dotted line at each change of release, labelled with the new release if there are at most `most`."""
    changes = release_changes(dates)
    for index, (time, release) in enumerate(zip(date2num(changes["time"]), changes["crid"])):
        label = "release changes" if index == 0 else "_release"
        axes.axvline(time, linestyle=":", color=RELEASE, linewidth=1.2, label=label)
        if len(changes) <= most:
            label_line(axes, time, release, RELEASE, points=2)


def noise_shown(dates: pd.DataFrame) -> bool:
    """Whether any mean is within 10 dB of the noise floor, so that the floor is drawn."""
    return bool((dates["mean_db"] - dates["noise_db"] < NOISE_SHOWN).any())


def limits_of(dates: pd.DataFrame) -> tuple[float, float]:
    """Limits of the dB axis: everything drawn, with a margin, and at least LEAST_SPAN."""
    errors = COVERAGE * dates["se_db"]
    drawn = [dates["mean_db"] - errors.fillna(0), dates["mean_db"] + errors.fillna(0)]
    if errors.isna().all():
        drawn += [dates["p05_db"], dates["p95_db"]]
    if noise_shown(dates):
        drawn.append(dates["noise_db"])
    return limits_around(pd.concat(drawn))


def limits_around(values: pd.Series) -> tuple[float, float]:
    """Limits of a dB axis for these values, with a margin, and at least LEAST_SPAN."""
    if values.isna().all():
        return -1.0, 0.0
    low, high = values.min(), values.max()
    room = max(0.12 * (high - low), (LEAST_SPAN - (high - low)) / 2)
    return low - room, high + room


def _add_power_scale(axes: Axes) -> None:
    """Add the same axis in linear power on the right."""
    low, high = axes.get_ylim()
    ends = 10 ** (low / 10), 10 ** (high / 10)
    locator = MaxNLocator(6) if high - low < 8 else LogLocator(subs=(1, 2, 5))
    powers = [power for power in locator.tick_values(*ends) if ends[0] <= power <= ends[1]]
    scale = axes.twinx()
    scale.set_ylim(low, high)
    scale.set_yticks(10 * np.log10(powers), [f"{power:.3g}" for power in powers])
    scale.set_ylabel(f"mean {GAMMA0['power']}")


def _draw_valid(axes: Axes, dates: pd.DataFrame, min_valid_fraction: float) -> None:
    """Draw a bar per date: the percentage of the AOI's samples that count; white bars where it is low.

    A hatched bar on top is the percentage whose echo was lost.
    """
    few = little_valid(dates, min_valid_fraction)
    colours = np.where(few, "white", "#8a8a8a")
    steps = np.diff(date2num(dates["time"]))
    width = 0.7 * float(steps.min()) if len(steps) else 1.0  # days
    bars: dict[str, Any] = {"width": width, "color": colours, "edgecolor": "#8a8a8a", "linewidth": 0.8}
    axes.bar(dates["time"], 100 * dates["valid_fraction"], **bars)
    if without_echo(dates).any():
        lost = 100 * dates["n_no_echo"].fillna(0) / dates["n_pixels"]
        hatched = bars | {"color": "white", "edgecolor": NO_ECHO, "hatch": "//////", "linewidth": 0}
        axes.bar(dates["time"], lost, bottom=100 * dates["valid_fraction"], **hatched)
    axes.set(ylim=(0, 105), yticks=(0, 50, 100), ylabel="valid (%)")
    axes.grid(axis="y", alpha=0.3)


def draw_rain(axes: Axes, dates: pd.DataFrame) -> None:
    """Draw the rain of each interval between dates as a bar; a cross where it is unknown."""
    times = date2num(dates["time"])
    axes.bar(times[1:], dates["rain_mm"][1:], -np.diff(times), align="edge", color=RAIN, edgecolor="white")
    unknown = times[1:][dates["rain_mm"][1:].isna()]
    if unknown.size:
        foot = np.full(unknown.size, 0.12)
        axes.plot(unknown, foot, "x", color=RAIN, markersize=4, transform=axes.get_xaxis_transform())
    axes.set_ylabel("rain (mm)")
    axes.grid(axis="y", alpha=0.3)
