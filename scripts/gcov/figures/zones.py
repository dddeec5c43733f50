"""The mean series of zones, one small panel each."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gcov.cautions import (
    dates_in_words,
    empty_values,
    has_term,
    little_valid,
    near_noise,
    release_changes,
    without_term,
)
from gcov.figures import palette
from gcov.figures.series import draw_means, draw_rain, draw_releases, limits_of, noise_shown, uncertainty_in_words
from gcov.figures.style import GAMMA0, SMALL, add_words, date_axis
from gcov.figures.text import distinct_names
from gcov.granules import maturity_note
from gcov.words import number_of

MOST = 60  # zones that fit in one figure
COLUMNS = ((1, 1), (4, 2), (12, 3), (24, 4), (MOST, 5))  # (largest number of zones, columns of panels)


def zones(
    table: pd.DataFrame,
    *,
    term: str,
    frequency: str,
    title: str,
    min_valid_fraction: float,
    posting: float,
    view: str = "",
) -> Figure:
    """Mean backscatter of each zone in zones.csv. All axes span the same number of dB, so that slopes are comparable.

    If there are more than 60 zones, those with the largest range are drawn and the title says so. `posting` is that of
    the samples, in metres; `view` is from where they were seen.
    """
    whole = {str(name): rows.reset_index(drop=True) for name, rows in table.groupby("zone", sort=False)}
    series = {name: rows[has_term(rows, term, frequency)].reset_index(drop=True) for name, rows in whole.items()}
    shown = _widest(series)
    number = next(columns for most, columns in COLUMNS if len(shown) <= most)
    rows = math.ceil(len(shown) / number)
    rain = any(dates["rain_mm"].notna().any() for dates in shown.values())
    heights = [1.0] * rows + [0.5] * rain
    size = (8.5, 2.8 * rows) if number == 1 else (2.3 * number + 1.2, 1.45 * rows)
    figure = Figure(figsize=(size[0], size[1] + 0.75 * rain), layout="constrained")
    grid = figure.subplots(len(heights), number, sharex=True, squeeze=False, height_ratios=heights)
    limits = {name: limits_of(dates.assign(noise_db=np.nan)) for name, dates in shown.items()}
    span = max((high - low for (low, high), dates in zip(limits.values(), shown.values()) if _seen(dates)), default=1.0)
    colours = {name: palette.zone(place).colour for place, name in enumerate(series)}
    corner: dict[str, Any] = {"fontsize": SMALL - 1.5, "pad": 3}
    names = distinct_names(list(shown), 90 if number == 1 else 19)
    for axes, words, (name, dates) in zip(grid.flat, names, shown.items()):
        large = 5 if number == 1 else 2.6
        draw_means(axes, dates, min_valid_fraction=min_valid_fraction, colour=colours[name], size=large)
        draw_releases(axes, dates, most=0)
        middle = sum(limits[name]) / 2
        axes.set_ylim(middle - span / 2, middle + span / 2)
        if not _seen(dates):
            axes.set_yticks([])
        axes.tick_params(labelsize=SMALL)
        axes.set_title(words, loc="left", fontsize=SMALL + 0.5, weight="bold", pad=3)
        hectares = dates["n_pixels"].max() * posting**2 / 1e4
        axes.set_title(f"{hectares:,.3g} ha" if hectares < 100 else f"{hectares:,.0f} ha", loc="right", **corner)
    for index, axes in enumerate(grid[:rows].flat):
        axes.set_visible(index < len(shown))
        axes.tick_params(labelbottom=not rain and len(shown) - number <= index)
    if rain:
        for axes in grid[-1]:
            draw_rain(axes, max(shown.values(), key=len))
            axes.tick_params(labelsize=SMALL, labelbottom=True)
            axes.set_ylabel("")
        grid[-1][0].set_ylabel("rain (mm)", fontsize=SMALL)
    date_axis(grid.flat[0], list(table["time"].drop_duplicates()), most=8 if number == 1 else 4)
    figure.supylabel(f"mean {GAMMA0['db']}", fontsize=SMALL + 1)
    chosen = f"the {len(shown)} of {number_of(len(series), 'zone')} with the largest range"
    heading = number_of(len(series), "zone") if len(shown) == len(series) else chosen
    said = _warnings(table, series, term, frequency, min_valid_fraction)
    add_words(figure, f"{title}: {heading}", said, _notes(shown, table, span, min_valid_fraction, rain), view=view)
    return figure


def _seen(dates: pd.DataFrame) -> bool:
    """Whether any date has a mean to draw."""
    return bool(dates["mean_db"].notna().any())


def _widest(series: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The zones with the largest range of means, at most MOST, in table order."""
    ranges = {name: np.ptp(dates["mean_db"].dropna()) if _seen(dates) else 0 for name, dates in series.items()}
    chosen = set(sorted(ranges, key=lambda name: -ranges[name])[:MOST])
    return {name: dates for name, dates in series.items() if name in chosen}


def _warnings(
    table: pd.DataFrame, series: dict[str, pd.DataFrame], term: str, frequency: str, min_valid_fraction: float
) -> list[str | None]:
    """Warnings about the dates, and the numbers of zones with missing, few or noisy samples."""
    first, every = next(iter(series.values())), table.drop_duplicates("time")
    said = [maturity_note(every["maturity"]), without_term(every, term, frequency)]
    if not release_changes(first).empty:
        said.append("releases change (dotted lines): a step there may be processing")
    for which, words in (
        (lambda dates: dates["n_valid"] == 0, "without a valid sample on some date"),
        (lambda dates: little_valid(dates, min_valid_fraction), "with little valid area on some date"),
        (near_noise, "within 3 dB of the noise floor on some date"),
    ):
        if count := sum(bool(which(dates).any()) for dates in series.values()):
            said.append(f"{count} of {number_of(len(series), 'zone')} {words}")
    return said


def _notes(
    shown: dict[str, pd.DataFrame], table: pd.DataFrame, span: float, min_valid_fraction: float, rain: bool
) -> list[str]:
    """Notes that explain the axes and those marks that are drawn."""
    every = pd.concat(shown.values())
    words = [f"{dates_in_words(table.drop_duplicates('time'))}; every axis spans {span:.1f} dB"]
    words += uncertainty_in_words(every)
    if any(little_valid(one, min_valid_fraction).any() for one in shown.values()):
        words.append(f"hollow: less than {100 * min_valid_fraction:g} % of the zone's best date")
    if (every["n_valid"] == 0).any():
        words.append("crosses: no valid sample")
    if any(map(noise_shown, shown.values())):
        words.append("grey: noise floor (dashed) where it is in the picture, squares within 3 dB of it")
    if rain:
        words.append("rain: the sum since the date before")
    return ["; ".join(words), *empty_values(every)]
