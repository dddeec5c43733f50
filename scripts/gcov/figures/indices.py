"""The figure of the radar indices of the AOI and its zones over time."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gcov.cautions import dates_in_words, line, little_valid, too_few
from gcov.figures import palette
from gcov.figures.series import hollow_style
from gcov.figures.style import SMALL, add_words, date_axis
from gcov.figures.text import shortened
from gcov.words import listed, number_of

AOI = "aoi"  # the whole AOI in the table's column `zone`


def indices(
    table: pd.DataFrame, *, title: str, warnings: list[str], min_valid_fraction: float, view: str = ""
) -> Figure:
    """One panel per index in indices.csv: the AOI in black, up to 12 zones in distinct lines, more zones in grey.

    Dates with few samples are hollow.
    """
    names = list(dict.fromkeys(table["index"]))
    zones = [zone for zone in dict.fromkeys(table["zone"]) if zone != AOI]
    figure = Figure(figsize=(9.5, 2.5 * len(names) + 0.4), layout="constrained")
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    named: list[Line2D] = []
    for axes, name in zip(panels, names):
        named = _draw(axes, table[table["index"] == name], zones, min_valid_fraction)
        axes.set_ylabel(label_of(name))
        axes.grid(alpha=0.3)
    date_axis(panels[0], list(table["time"].drop_duplicates()))
    panels[-1].set_xlabel("start of acquisition, UTC")
    if zones:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1), "fontsize": SMALL, "frameon": False}
        # given, because a legend leaves out labels that start with an underscore
        panels[0].legend(named, [shortened(str(each.get_label()), 40) for each in named], **place)
    dates = dates_in_words(table.drop_duplicates("time").sort_values("time"))
    notes = [f"{dates}; ratios of means over the samples valid in all terms"]
    whole = table[(table["zone"] == AOI) & (table["index"] == names[0])]
    few = whole["time"][little_valid(whole, min_valid_fraction)]
    said = [*warnings, *_without(table)]
    if len(few):
        said.append(f"{too_few(min_valid_fraction)} (hollow) on {listed(few)}: a different area")
    add_words(figure, f"{title}: {', '.join(map(label_of, names))}", said, notes, view=view)
    return figure


def label_of(name: str) -> str:
    """The label of an index: HVHV_HHHH is the ratio HVHV/HHHH in dB."""
    return f"{name.replace('_', '/')} (dB)" if "_" in name else name


def _draw(axes: Axes, rows: pd.DataFrame, zones: list[str], min_valid_fraction: float) -> list[Line2D]:
    """Draw the lines of one index and return those to name; they break in gaps and at dates without a value."""
    drawn = []
    for number, zone in enumerate(zones):
        dates = line(rows[rows["zone"] == zone].reset_index(drop=True))
        look: dict[str, Any] = {"color": palette.MANY, "linewidth": 0.7, "marker": ".", "markersize": 2}
        look["label"] = None if number else f"{len(zones)} zones: indices.csv"
        if len(zones) <= palette.DISTINCT:
            style = palette.zone(number)
            look = {"color": style.colour, "linestyle": style.linestyle, "marker": style.marker, "markersize": 4}
            look["label"] = zone
        drawn += axes.plot(dates["time"], dates["value"], **{"linewidth": 1.1, **look})
    whole = line(rows[rows["zone"] == AOI].reset_index(drop=True))
    drawn += axes.plot(whole["time"], whole["value"], "o-", color=palette.AOI, linewidth=1.6, markersize=4, label="AOI")
    for zone, curve in zip([*zones, AOI], drawn):
        dates = rows[rows["zone"] == zone]
        few = dates[little_valid(dates, min_valid_fraction)]
        if len(few):
            axes.plot(few["time"], few["value"], **hollow_style(str(curve.get_color()), curve.get_markersize()))
    return drawn if len(zones) <= palette.DISTINCT else [drawn[0], drawn[-1]]


def _without(table: pd.DataFrame) -> list[str]:
    """The number of dates on which the AOI has no value, per index, as text."""
    lacking = table[(table["zone"] == AOI) & table["value"].isna()]
    counts = lacking.groupby("index", sort=False).size()
    return [f"{label_of(str(name))}: no value on {number_of(int(count), 'date')}" for name, count in counts.items()]
