"""Changes of zones: a row per zone, over time and between two periods."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gcov.analysis.zone_changes import HISTORY
from gcov.cautions import dates_in_words, release_changes
from gcov.figures.palette import NO_DATA
from gcov.figures.ramps import CHANGE, CHANGE_DB
from gcov.figures.series import COVERAGE, draw_releases
from gcov.figures.style import SMALL, add_words, date_axis
from gcov.figures.text import distinct_names, shortened
from gcov.granules import maturity_note
from gcov.words import number_of

MOST = 60  # zones that fit in one figure
PER_ROW = 2  # terms side by side
BESIDE = 13  # most characters of names of changes that fit side by side
SCALE = Normalize(-CHANGE_DB, CHANGE_DB)
LOWEST, HIGHEST = 0.12, 0.84  # tiles, in heights of a row


class OfTerm(NamedTuple):
    """A term: its mean_series.csv, and for each zone the dates on which it is tested, in the order of the zone file."""

    means: pd.DataFrame
    dates: Mapping[str, pd.Series]


class Rule(NamedTuple):
    """How zones were tested; `changes` are the names of those between two periods, `gain` says what is assumed."""

    changes: Sequence[str]
    history: bool
    significance: float
    min_change_db: float
    gain: str


def zone_changes(
    table: pd.DataFrame,
    terms: Mapping[str, OfTerm],
    rule: Rule,
    *,
    title: str,
    warnings: Sequence[str],
    view: str = "",
) -> Figure:
    """The steps of zones in zone_changes.csv, by term: over all dates against time, and those of named changes.

    Colour is the step in dB. The height of a tile is the part of the step that is beyond 1.96 standard errors. If
    there are more than 60 zones, those with the most, then the most significant, changes are drawn, and it is said.
    `view` is from where the zones were seen.
    """
    zones = list(next(iter(terms.values())).dates)
    shown = _most_changed(table, zones)
    heights = [max(len(shown) * (0.19 if len(shown) > 20 else 0.28), 0.4)] * math.ceil(len(terms) / PER_ROW)
    number = min(len(terms), PER_ROW)
    wide = [(6.4 if number == 1 else 4.4) * rule.history, 1.05 * len(rule.changes)]
    widths = [width for width in wide if width]
    foot = 0.7 if _length(rule.changes) <= BESIDE else 0.4 + 0.07 * min(_length(rule.changes), 30)
    size = number * (sum(widths) + 0.3) + 2.5, sum(heights) + foot * len(heights) + 0.7
    figure = Figure(figsize=(max(size[0], 8), size[1]), layout="constrained")
    columns = widths * number
    every = figure.subplots(len(heights), len(columns), squeeze=False, width_ratios=columns)
    grid = every.reshape(-1, len(widths))
    for panels, (term, tested) in zip(grid, terms.items()):
        panels[0].set_title(term, loc="left", fontsize=SMALL + 1, weight="bold")
        of_term = table[(table["term"] == term) & table["zone"].isin(shown)]
        if rule.history:
            _draw_history(panels[0], of_term[of_term["change"] == HISTORY], tested, shown, inches=widths[0])
        if rule.changes:
            _draw_changes(panels[-1], of_term[of_term["change"] != HISTORY], rule.changes, shown)
    for axes in every[:, 0]:
        _name_rows(axes, shown)
    for axes in grid[len(terms) :].flat:
        axes.remove()
    bar = figure.colorbar(
        ScalarMappable(SCALE, CHANGE), ax=figure.axes, location="bottom", extend="both", aspect=40, shrink=0.5
    )
    bar.set_label("step: after minus before (dB)", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    heading = number_of(len(zones), "zone")
    if len(shown) < len(zones):
        heading = f"the {len(shown)} of {heading} with the most changes"
    said = [maturity_note(next(iter(terms.values())).means["maturity"]), *warnings]
    add_words(figure, f"{title}: changes of {heading}", said, _notes(table, terms, rule), view=view)
    return figure


def _most_changed(table: pd.DataFrame, zones: Sequence[str]) -> list[str]:
    """The zones with the most significant steps, at most MOST, in the order of the zone file."""
    found = table[table["changed"].abs() == 1]
    numbers, least = found["zone"].value_counts(), table.groupby("zone")["p"].min()
    ranked = sorted(zones, key=lambda zone: (-numbers.get(zone, 0), np.nan_to_num(least.get(zone, 1.0), nan=1.0)))
    chosen = set(ranked[:MOST])
    return [zone for zone in zones if zone in chosen]


def _prepare(axes: Axes, shown: Sequence[str]) -> None:
    """Set up a row per zone, the first at the top."""
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.hlines(np.arange(1, len(shown)) - 0.5, 0, 1, transform=axes.get_yaxis_transform(), color="#dddddd", lw=0.5)
    axes.set_yticks([])
    axes.tick_params(labelsize=SMALL)


def _name_rows(axes: Axes, shown: Sequence[str]) -> None:
    """Write the zones' names left of their rows."""
    where: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "xytext": (-4, 0), "textcoords": "offset points"}
    for row, name in enumerate(distinct_names(shown, 40)):
        axes.annotate(name, (0, row), ha="right", va="center", fontsize=SMALL, **where)


def _draw_history(axes: Axes, steps: pd.DataFrame, tested: OfTerm, shown: Sequence[str], *, inches: float) -> None:
    """Draw the steps over all dates: each from the date before it to the date after it, with its size beside it."""
    _prepare(axes, shown)
    times = tested.means["time"]
    date_axis(axes, list(times), most=4)
    low, high = date2num(times.min()), date2num(times.max())
    margin = max(0.02 * (high - low), 1)
    axes.set_xlim(low - margin, high + margin)
    draw_releases(axes, tested.means, most=0)
    for row, zone in enumerate(shown):
        dates = tested.dates[zone]
        axes.plot(dates, np.full(len(dates), row), "|", color="#b0b0b0", markersize=3, markeredgewidth=0.7, zorder=1)
        if len(dates) < 2:
            axes.axhspan(row - HIGHEST / 2, row + HIGHEST / 2, color=NO_DATA, linewidth=0)
    room = 0.66 * (high - low + 2 * margin) / inches  # inches for the size of a step
    tiles = []
    for row, zone in enumerate(shown):
        of_zone = steps[steps["zone"] == zone].sort_values("start")
        left, right = date2num(of_zone["start"]), date2num(of_zone["end"])
        before, after = np.append(low - margin, right[:-1]), np.append(left[1:], high + margin)
        for place, step in enumerate(of_zone.to_dict("records")):
            tiles.append(_tile(step, row, left[place], right[place] - left[place]))
            if after[place] - right[place] > room:
                _write(axes, step, row, right[place], "left")
                before[place + 1 : place + 2] += room
            elif left[place] - before[place] > room:
                _write(axes, step, row, left[place], "right")
    _draw_tiles(axes, tiles)


def _draw_changes(axes: Axes, steps: pd.DataFrame, changes: Sequence[str], shown: Sequence[str]) -> None:
    """Draw a column per named change: a tile, and the size of the step beside it."""
    _prepare(axes, shown)
    rows = {zone: row for row, zone in enumerate(shown)}
    tiles = []
    for step in steps.to_dict("records"):
        place = changes.index(step["change"])
        tiles.append(_tile(step, rows[step["zone"]], place - 0.44, 0.26))
        if np.isfinite(step["step_db"]):
            _write(axes, step, rows[step["zone"]], place - 0.16, "left")
    _draw_tiles(axes, tiles)
    axes.set_xlim(-0.5, len(changes) - 0.5)
    names = [shortened(name, 30) for name in changes]
    axes.set_xticks(range(len(changes)), names, rotation=90 if _length(changes) > BESIDE else 0, fontsize=SMALL)
    axes.tick_params(axis="x", length=0)


def _length(names: Sequence[str]) -> int:
    """Characters of the longest name."""
    return max(map(len, names), default=0)


def _tile(step: Mapping[Any, Any], row: int, left: float, width: float) -> Rectangle:
    """The tile of a step: higher if its error is smaller, framed if it is significant."""
    known = np.isfinite(step["step_db"])
    sure = 1 - COVERAGE * step["se_db"] / max(abs(step["step_db"]), 1e-9) if known else 1.0
    height = HIGHEST * max(LOWEST, sure)
    frame = abs(step["changed"]) == 1
    colour = CHANGE(SCALE(step["step_db"])) if known else NO_DATA
    edge: dict[str, Any] = {"edgecolor": "black" if frame else "#999999", "linewidth": 0.9 if frame else 0.3}
    return Rectangle((left, row - height / 2), width, height, facecolor=colour, **edge)


def _draw_tiles(axes: Axes, tiles: Sequence[Rectangle]) -> None:
    axes.add_collection(PatchCollection(tiles, match_original=True, zorder=2), autolim=False)


def _write(axes: Axes, step: Mapping[Any, Any], row: int, place: float, align: str) -> None:
    """Write a step and its error beside its tile, bold if it is significant."""
    words = f"{step['step_db']:+.1f} ±{COVERAGE * step['se_db']:.1f}".replace("-", "−")
    style: dict[str, Any] = {"weight": "bold", "color": "black"} if abs(step["changed"]) == 1 else {"color": "#666666"}
    shift = (2, 0) if align == "left" else (-2, 0)
    where: dict[str, Any] = {"xytext": shift, "textcoords": "offset points", "ha": align, "va": "center"}
    axes.annotate(words, (place, row), fontsize=SMALL - 1.5, annotation_clip=False, **where, **style)


def _notes(table: pd.DataFrame, terms: Mapping[str, OfTerm], rule: Rule) -> list[str]:
    """Notes that explain the tiles, and say how many steps chance explains and what is assumed."""
    means = next(iter(terms.values())).means
    said = f"{dates_in_words(means)}. Numbers: the step ± {COVERAGE} standard errors, in dB. The smaller the error, the"
    marks = " higher the tile. Framed and bold: significant"
    between = table[(table["change"] != HISTORY) & table["p"].notna()]
    over_all = sum(len(dates) > 1 for tested in terms.values() for dates in tested.dates.values()) * rule.history
    tests = len(between) + over_all
    of_history = table[(table["change"] == HISTORY) & (table["changed"].abs() == 1)]
    found = (between["changed"] != 0).sum() + len(of_history.drop_duplicates(["zone", "term"]))
    least = f" Changes up to {rule.min_change_db:g} dB do not count." if rule.min_change_db else ""
    result = (
        f"{found} of {number_of(tests, 'test')} (of a zone, a term, and a change or all dates) found a change;"
        f" speckle and gain alone would give at most {rule.significance * tests:.2g}."
    )
    notes = [
        f"{said}{marks} at {100 * rule.significance:g} %. Ticks: dates tested. A step may have taken place on any day"
        " between its two dates.",
        f"{result if tests else 'Nothing could be tested.'}{least} {rule.gain}",
    ]
    if table["step_db"].isna().any() or over_all < rule.history * sum(len(tested.dates) for tested in terms.values()):
        notes.append("Violet: not tested, for want of dates.")
    if not release_changes(means).empty:
        steps = number_of(int((table["releases_differ"] & table["changed"].abs().eq(1)).sum()), "significant step")
        notes.append(f"Dotted: releases change; {steps} between different releases may be processing.")
    return notes
