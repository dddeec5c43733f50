"""The colours of all figures and pages, and the styles in which zones are drawn, in the order of the zone file.

Lines and classes are at least 15 apart in CIEDE2000, also as seen without red, green or blue cones (Machado, Oliveira
and Fernandes 2009, doi:10.1109/TVCG.2009.113); so are NO_DATA and NO_ECHO from every colour of every ramp
(`gcov.figures.ramps`: a job that draws no figure need not import matplotlib).
"""

from typing import NamedTuple

import numpy as np

QUANTITIES = {"power": "#b5541c", "db": "#1f4e79"}
AOI = "#111111"
FELL, ROSE = "#ce3621", "#2c4270"  # backscatter
NO_DATA = "#b56bf7"
NO_ECHO = "#780f00"  # valid by the mask, but the echo was lost
UNCHANGED = "#ffffff"  # in maps of when and how often a pixel changed
OUTLINE = "#000000"  # of patches on maps
NOISE = "#555555"
RAIN = "#5b8db8"
RELEASE = "#806000"
LAST = "#d95f02"  # the last date, beside the first in black
MANY = "#a0a0a0"  # zones that are too many to tell apart

ZONES = ("#001499", "#ca2209", "#0d8565", "#fdad0e", "#4aafff", "#7c6b96")
DASHES = ((7, 3), (2, 2), (9, 3, 2, 3), (4, 2), (1, 3), (12, 3))
MARKERS = "s^Dv<>ph*Xd8"
DISTINCT = len(MARKERS)  # zones that the eye can tell apart


class Style(NamedTuple):
    """A line: its colour, its dashes and gaps (none: solid) in line widths, and its marker's name in matplotlib."""

    colour: str
    dashes: tuple[float, ...]
    marker: str

    @property
    def linestyle(self) -> tuple[int, tuple[float, ...]] | str:
        """The dashes as matplotlib takes them."""
        return (0, self.dashes) if self.dashes else "solid"

    @property
    def outline(self) -> str:
        """The marker as an SVG path, about 2 wide around (0, 0)."""
        from matplotlib.markers import MarkerStyle

        marker = MarkerStyle(self.marker)
        shape = marker.get_path().transformed(marker.get_transform())
        return "M" + "L".join(f"{2 * x:.2f},{-2 * y:.2f}" for x, y in np.asarray(shape.to_polygons()[0])) + "z"


AREA = Style(AOI, (), "o")  # the whole AOI


def zone(number: int) -> Style:
    """The style of a zone by its number in the zone file, from 0 on; repeated after DISTINCT zones."""
    rounds, place = divmod(number, len(ZONES))
    return Style(ZONES[place], DASHES[(place + rounds) % len(DASHES)], MARKERS[number % DISTINCT])
