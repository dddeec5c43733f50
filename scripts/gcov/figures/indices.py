"""The figure of the radar indices of the AOI and its zones over time."""

import itertools
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gcov.cautions import dates_in_words
from gcov.figures.series import line
from gcov.figures.style import SMALL, add_words, date_axis
from gcov.words import number_of

AOI = "aoi"  # the whole AOI in the table's column `zone`
DISTINCT = 12  # lines that the eye can tell apart
# colours of Okabe and Ito, with dashes and markers, so that lines do not differ by colour alone
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("--", ":", "-.")
MARKERS = "s^Dv<>ph*Xd8"


def indices(table: pd.DataFrame, *, title: str, warnings: list[str]) -> Figure:
    """One panel per index in indices.csv: the AOI in black, up to 12 zones in distinct lines, more zones in grey."""
    names = list(dict.fromkeys(table["index"]))
    zones = [zone for zone in dict.fromkeys(table["zone"]) if zone != AOI]
    figure = Figure(figsize=(9.5, 2.5 * len(names) + 0.4), layout="constrained")
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names):
        _draw(axes, table[table["index"] == name], zones)
        axes.set_ylabel(label_of(name))
        axes.grid(alpha=0.3)
    date_axis(panels[0], list(table["time"].drop_duplicates()))
    panels[-1].set_xlabel("start of acquisition, UTC")
    if zones:
        panels[0].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=SMALL, frameon=False)
    dates = dates_in_words(table.drop_duplicates("time").sort_values("time"))
    notes = [f"{dates}; ratios of means over the samples valid in all terms"]
    said = [*warnings, *_without(table)]
    add_words(figure, f"{title}: {', '.join(map(label_of, names))}", said, notes)
    return figure


def label_of(name: str) -> str:
    """The label of an index: HVHV_HHHH is the ratio HVHV/HHHH in dB."""
    return f"{name.replace('_', '/')} (dB)" if "_" in name else name


def _draw(axes: Axes, rows: pd.DataFrame, zones: list[str]) -> None:
    """Draw the lines of one index; they break in gaps and at dates without a value."""
    styles = zip(MARKERS, itertools.cycle(COLOURS), itertools.cycle(DASHES))
    for index, zone in enumerate(zones):
        dates = line(rows[rows["zone"] == zone].reset_index(drop=True))
        if len(zones) <= DISTINCT:
            marker, colour, dashes = next(styles)
            look: dict[str, Any] = {
                "marker": marker,
                "color": colour,
                "linestyle": dashes,
                "label": zone,
                "markersize": 4,
            }
        else:
            label = f"{len(zones)} zones: indices.csv" if index == 0 else None
            look = {"color": "#a0a0a0", "linewidth": 0.7, "label": label, "marker": ".", "markersize": 2}
        axes.plot(dates["time"], dates["value"], **{"linewidth": 1.1, **look})
    whole = line(rows[rows["zone"] == AOI].reset_index(drop=True))
    axes.plot(whole["time"], whole["value"], "o-", color="black", linewidth=1.6, markersize=4, label="AOI")


def _without(table: pd.DataFrame) -> list[str]:
    """The number of dates on which the AOI has no value, per index, as text."""
    lacking = table[(table["zone"] == AOI) & table["value"].isna()]
    counts = lacking.groupby("index", sort=False).size()
    return [f"{label_of(str(name))}: no value on {number_of(int(count), 'date')}" for name, count in counts.items()]
