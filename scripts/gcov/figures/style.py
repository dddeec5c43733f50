"""What all figures share: colours, labels, headings, date axis, saving. Matplotlib without pyplot: no global state."""

import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, MonthLocator, YearLocator, date2num, num2date
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, Formatter, Locator

from gcov.files import building

COLOURS = {"power": "#b5541c", "db": "#1f4e79"}
AOI_COLOUR = "#d02020"
ZONE_COLOUR = "#7a3fa0"
NO_DATA = "#c9d6e2"
CHANGE = "PuOr"  # orange: less, purple: more; told apart with every kind of colour vision
GAMMA0 = {"power": "$\\gamma^0$ (linear power)", "db": "$\\gamma^0$ (dB)"}
POINTS = 72  # of an inch
TITLE, SMALL = 12, 8  # font sizes, points
LINE = 1.35  # height of a line of text, in font sizes
LABELLED = 8  # dates at most that have a label each
LONG = 200  # days of an axis with few labels on which months say more than dates


def save(figure: Figure, path: Path, provenance: dict[str, str]) -> None:
    """Write a PNG, with its provenance as text chunks, beside its place and move it there."""
    with building(path) as part:
        figure.savefig(part, format="png", dpi=130, metadata=provenance)


def add_words(
    figure: Figure,
    title: str,
    warnings: Iterable[str | None],
    notes: Iterable[str] = (),
    *,
    layout: Literal["constrained", "compressed"] = "constrained",
) -> None:
    """Title and, each on lines of its own, warnings above and notes below the axes of a figure.

    The figure grows by what they need. Its layout is constrained; compressed suits axes of a fixed aspect, as of maps.
    """
    width, height = figure.get_size_inches() * POINTS
    across = int(width / (0.52 * SMALL))  # characters
    above = [line for warning in warnings if warning for line in textwrap.wrap(f"Warning: {warning}", across)]
    below = [line for note in notes for line in textwrap.wrap(note, across)]
    head, foot = LINE * (TITLE + SMALL * len(above)) + 8, LINE * SMALL * len(below) + 8
    whole = height + head + foot
    figure.set_size_inches(width / POINTS, whole / POINTS)
    left = 8 / width
    small: dict[str, Any] = {"fontsize": SMALL, "linespacing": LINE / 1.2}
    figure.text(left, 1 - 5 / whole, title, va="top", fontsize=TITLE, weight="bold")
    figure.text(left, 1 - (7 + LINE * TITLE) / whole, "\n".join(above), va="top", color="#a00000", **small)
    figure.text(left, 4 / whole, "\n".join(below), va="bottom", color="#333333", **small)
    figure.set_layout_engine(layout, rect=(0, foot / whole, 1, height / whole))


def legend_above(axes: Axes) -> None:
    """A legend above the axes, where it hides nothing; none where it would only name the one curve."""
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=SMALL, frameon=False, borderpad=0.2)


def date_axis(axes: Axes, dates: Sequence[datetime], *, most: int = LABELLED) -> None:
    """At most `most` date labels that do not run into each other, the dates themselves where they are few."""
    numbers = sorted(date2num(dates))
    span = numbers[-1] - numbers[0]
    if len(numbers) == 1:
        axes.set_xlim(numbers[0] - 6, numbers[0] + 6)  # days
    locator: Locator = AutoDateLocator(minticks=min(3, most), maxticks=most)
    if most < LABELLED and span >= LONG:
        months = next(step for step in (2, 3, 6, 12, 24, 60, 120, 240) if span < 31 * step * most)
        locator = MonthLocator(range(1, 13, months)) if months < 12 else YearLocator(months // 12)
    elif len(numbers) <= LABELLED or most < LABELLED:
        labelled = numbers[:1]
        for number in numbers[1:]:
            if number - labelled[-1] >= 0.9 * span / (most - 1):
                labelled.append(number)
        locator = FixedLocator(labelled)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DateLabels())


class DateLabels(Formatter):
    """Day and month, or what else tells the ticks apart; the year below the first and wherever it changes."""

    def __call__(self, value: float, position: int | None = None) -> str:
        return f"{num2date(value):%Y-%m-%d}"  # of a place between ticks, in interactive windows

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        assert self.axis is not None  # matplotlib asks only when there is one
        low, high = self.axis.get_view_interval()
        times = num2date(values)
        upper, lower = _formats([time for time, value in zip(times, values) if low <= value <= high])
        labels, before = [], ""
        for time, value in zip(times, values):
            below = f"{time:{lower}}" if lower and low <= value <= high else before
            labels.append(f"{time:{upper}}" if below == before else f"{time:{upper}}\n{below}")
            before = below
        return labels


def _formats(times: list[datetime]) -> tuple[str, str]:
    """How to write times that are ticks, and what is written below where it changes."""
    if any(one.date() == other.date() for one, other in pairwise(times)):
        return "%H:%M", "%d %b\n%Y"
    if any(time.day > 1 for time in times):
        return "%d %b", "%Y"
    return ("%b", "%Y") if any(time.month > 1 for time in times) else ("%Y", "")
