"""Shared by all figures: labels, headings, date axis, saving. No pyplot, and so no global state."""

import textwrap
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from matplotlib import patheffects, rc_context
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, MonthLocator, YearLocator, date2num, num2date
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, Formatter, Locator

from gcov.figures.text import verbatim
from gcov.files import building

GAMMA0 = {"power": "γ⁰ (linear power)", "db": "γ⁰ (dB)"}
POINTS = 72  # per inch
DPI = 130  # of PNGs, and of images in the other formats
TITLE, SMALL = 12, 8  # font sizes, points
LINE = 1.35  # line height, in font sizes
LABELLED = 8  # most dates that are labelled individually
LONG = 200  # days; a longer axis with few labels is labelled by month


def save(figure: Figure, paths: Iterable[Path], provenance: dict[str, str]) -> None:
    """Write a figure in the format of each path (.png, .pdf, .svg) with its provenance, all at once when complete.

    A PNG has the provenance as text chunks, a PDF as keywords, an SVG as its description. Text in a PDF stays text. Two
    files of one figure are equal: they hold no time of writing.
    """
    text = "; ".join(f"{name}: {words}" for name, words in provenance.items())
    metadata: dict[str, dict[str, Any]] = {
        ".png": provenance,
        ".pdf": {"Keywords": text, "CreationDate": None},
        ".svg": {"Description": text, "Date": None},
    }
    with rc_context({"pdf.fonttype": 42, "svg.hashsalt": "gcov"}), ExitStack() as parts:
        for path in paths:
            part = parts.enter_context(building(path))
            figure.savefig(part, format=path.suffix[1:], dpi=DPI, metadata=metadata[path.suffix])


def add_words(
    figure: Figure,
    title: str,
    warnings: Iterable[str | None],
    notes: Iterable[str] = (),
    *,
    view: str = "",
    layout: Literal["constrained", "compressed"] = "constrained",
) -> None:
    """Add a title, the view and warnings above the axes of a figure, and notes below; each starts on its own line.

    The figure grows by the space they need, and all its text is drawn verbatim. The layout `compressed` suits axes
    with a fixed aspect, such as maps.
    """
    width, height = figure.get_size_inches() * POINTS
    across = int((width - 16) / (0.53 * SMALL))  # characters
    above = [line for warning in warnings if warning for line in textwrap.wrap(f"Warning: {warning}", across)]
    seen = textwrap.wrap(view, across)
    below = [line for note in notes for line in textwrap.wrap(note, across)]
    head, foot = LINE * (TITLE + SMALL * (len(seen) + len(above))) + 8, LINE * SMALL * len(below) + 8
    whole = height + head + foot
    figure.set_size_inches(width / POINTS, whole / POINTS)
    left = 8 / width
    small: dict[str, Any] = {"fontsize": SMALL, "linespacing": LINE / 1.2}
    figure.text(left, 1 - 5 / whole, title, va="top", fontsize=TITLE, weight="bold")
    figure.text(left, 1 - (7 + LINE * TITLE) / whole, "\n".join(seen), va="top", color="#333333", **small)
    warned = 7 + LINE * (TITLE + SMALL * len(seen))
    figure.text(left, 1 - warned / whole, "\n".join(above), va="top", color="#a00000", **small)
    figure.text(left, 4 / whole, "\n".join(below), va="bottom", color="#333333", **small)
    verbatim(figure)
    figure.set_layout_engine(layout, rect=(0, foot / whole, 1, height / whole))


def legend_above(axes: Axes) -> None:
    """Add a legend above the axes, where it hides nothing; none if there is only one curve."""
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=SMALL, frameon=False, borderpad=0.2)


def label_line(axes: Axes, x: float, words: str, colour: str, *, points: float) -> None:
    """Write words downwards from the upper end of a vertical line at x, some points beside it."""
    place: dict[str, Any] = {"xy": (x, 1), "xycoords": ("data", "axes fraction"), "xytext": (points, -3)}
    style: dict[str, Any] = {"textcoords": "offset points", "rotation": 90, "va": "top", "fontsize": SMALL - 1}
    axes.annotate(words, color=colour, **place, **style)


def scale_bar(axes: Axes, km: float) -> None:
    """Add a scale bar of a round length in the lower left corner of axes with fixed limits, whose unit is `km` long."""
    axes.apply_aspect()  # sets the limits
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    most = (east - west) * km / 4
    length = max(step * 10**power for power in range(-3, 5) for step in (1, 2, 5) if step * 10**power <= most)
    left, height = west + 0.05 * (east - west), south + 0.03 * (north - south)
    outline = [patheffects.withStroke(linewidth=4, foreground="white")]
    style: dict[str, Any] = {"color": "black", "path_effects": outline}
    axes.plot([left, left + length / km], [height, height], linewidth=2, scalex=False, scaley=False, **style)
    words = f"{length:g} km" if length >= 1 else f"{1000 * length:g} m"
    place: dict[str, Any] = {"xy": (left, height), "xytext": (0, 4), "textcoords": "offset points"}
    axes.annotate(words, fontsize=SMALL, **place, **style)


def date_axis(axes: Axes, dates: Sequence[datetime], *, most: int = LABELLED) -> None:
    """Set at most `most` date labels that do not overlap; if dates are few, label the dates themselves."""
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
    """Labels with day and month (or time, or month), and the year below the first tick and wherever it changes."""

    def __call__(self, value: float, position: int | None = None) -> str:
        return f"{num2date(value):%Y-%m-%d}"  # a position between ticks, shown in interactive windows

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        assert self.axis is not None  # matplotlib calls this only with an axis
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
    """The format of tick labels, and of the second line that is written where it changes."""
    if any(one.date() == other.date() for one, other in pairwise(times)):
        return "%H:%M", "%d %b\n%Y"
    if any(time.day > 1 for time in times):
        return "%d %b", "%Y"
    return ("%b", "%Y") if any(time.month > 1 for time in times) else ("%Y", "")
