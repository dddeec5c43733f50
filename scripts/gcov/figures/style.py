"""What all figures share: colours, labels, titles, date axis, saving. Matplotlib without pyplot: no global state."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from gcov.files import building
from gcov.granules import maturity_note

COLOURS = {"power": "#b5541c", "db": "#1f4e79"}
AOI_COLOUR = "#d02020"
GAMMA0 = {"power": "$\\gamma^0$ (linear power)", "db": "$\\gamma^0$ (dB)"}


def save(figure: Figure, path: Path, provenance: dict[str, str]) -> None:
    """Write a PNG, with its provenance as text chunks, beside its place and move it there."""
    with building(path) as part:
        figure.savefig(part, format="png", dpi=130, metadata=provenance)


def add_titles(axes: Axes, title: str, maturities: Iterable[str]) -> None:
    """Title on the left; on the right what must be known of the maturity of the data, if anything."""
    axes.set_title(title, loc="left", fontsize=11, weight="bold")
    axes.set_title(maturity_note(maturities) or "", loc="right", fontsize=7.5, color="#a00000", wrap=True)


def date_axis(axes: Axes, dates: Sequence[datetime]) -> None:
    """Short date labels that do not run into each other, on an axis wide enough for a single date."""
    if len(dates) == 1:
        axes.set_xlim(date2num(dates[0]) - 6, date2num(dates[0]) + 6)  # days
    locator = AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
