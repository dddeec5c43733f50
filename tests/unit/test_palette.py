"""Colours and texts of figures: what colour-blind readers can tell apart, and names drawn as they are written."""

import itertools
import logging

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from test_analysis_figures import index_table, zone_table

from gcov.figures import palette, ramps, style
from gcov.figures.indices import indices
from gcov.figures.text import distinct_names
from gcov.figures.zones import zones

# Machado, Oliveira and Fernandes 2009, severity 1, for linear RGB
SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(rgb, sight: str) -> np.ndarray:
    """CIE L*a*b* (n, 3) of sRGB colours (n, 3) as seen by these eyes."""
    rgb = np.asarray(rgb, float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    ratio = np.clip(linear @ np.transpose(SIGHT[sight]), 0, 1) @ XYZ.T / XYZ.sum(axis=1)
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def delta_e(one, other) -> np.ndarray:
    """CIEDE2000 between L*a*b* colours (..., 3), after Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(c7 / (c7 + 25**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, stretch * a1)), np.degrees(np.arctan2(b2, stretch * a2))
    turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + 180) % 360 - 180)
    light, chroma, hue = (l1 + l2) / 2, (c1 + c2) / 2, h1 + turn / 2
    t = 1 + sum(k * np.cos(np.radians(n * hue + a)) for k, n, a in zip((-0.17, 0.24, 0.32, -0.2), (1, 2, 3, 4), TURNS))
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    around = np.exp(-((((hue % 360) - 275) / 25) ** 2))
    twist = -2 * np.sqrt(chroma**7 / (chroma**7 + 25**7)) * np.sin(np.radians(60 * around))
    return np.sqrt(dl**2 + dc**2 + dh**2 + twist * dc * dh)


TURNS = (-30, 0, 6, -63)  # degrees


def nearest(colours, others) -> float:
    """The smallest distance between two lists of colours, over all kinds of sight."""
    pairs = ([to_rgb(colour) for colour in colours], [to_rgb(colour) for colour in others])
    seen = [(lab(pairs[0], sight)[:, None], lab(pairs[1], sight)[None]) for sight in SIGHT]
    return min(float(delta_e(*np.broadcast_arrays(*pair)).min()) for pair in seen)


@pytest.mark.parametrize(
    ("one", "other", "apart"),  # of the table of Sharma, Wu and Dalal
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_distances_are_those_of_the_paper(one, other, apart):
    assert delta_e(np.array(one), np.array(other)) == pytest.approx(apart, abs=1e-4)


def test_zones_and_the_area_are_told_apart_whatever_the_eyes():
    lines = [*palette.ZONES, palette.AOI, "white"]
    assert min(nearest([one], [other]) for one, other in itertools.combinations(lines, 2)) > 15
    styles = [palette.AREA, *map(palette.zone, range(palette.DISTINCT))]
    assert len({(each.colour, each.dashes) for each in styles}) == len({each.marker for each in styles}) == 13
    assert len({each.outline for each in styles}) == 13


def test_fell_rose_and_no_data_are_told_apart_whatever_the_eyes():
    seen = [ramp(np.linspace(0, 1, 256)) for ramp in (ramps.LEVEL, ramps.AMOUNT, ramps.CHANGE)]
    for colour in (palette.NO_DATA, palette.NO_ECHO):
        assert nearest([colour], [palette.UNCHANGED, *itertools.chain(*seen)]) > 15
    assert nearest([palette.NO_DATA], [palette.NO_ECHO]) > 15
    assert nearest([palette.FELL, palette.ROSE], seen[0]) > 15  # painted over grey images
    assert nearest([palette.FELL], [palette.ROSE]) > 30
    assert [to_rgb(ramps.CHANGE(end)) for end in (0.0, 1.0)] == [to_rgb(palette.FELL), to_rgb(palette.ROSE)]


def test_a_zone_has_one_colour_in_every_figure():
    """In the order of the table, also where only those zones are drawn that move."""
    drawn = indices(index_table(7), title="x", min_valid_fraction=0.5, warnings=[]).axes[0].get_lines()
    assert [line.get_color() for line in drawn] == [*(palette.zone(n).colour for n in range(7)), palette.AOI]
    rows = zone_table(70)
    still = rows["zone"].isin([f"zone {n}" for n in range(1, 11)])
    rows["mean_db"] += np.where(still, 0, rows.groupby("zone").cumcount())
    panels = [axes for axes in zones(rows, posting=20, **SHOWN).axes if axes.get_title(loc="left")]
    assert len(panels) == 60 and panels[1].get_title(loc="left") == "zone 11"
    for axes in panels:
        (line,) = [line for line in axes.get_lines() if line.get_label() == "mean"]
        assert line.get_color() == palette.zone(int(axes.get_title(loc="left")[5:])).colour


# ---- names

SHOWN = {"term": "HHHH", "frequency": "A", "title": "x", "min_valid_fraction": 0.5}
NAMES = ["$5 or $6", r"$\frac$", r"C:\$x$\a", "_nolegend_", "2025-01-01", "%s {0} <b>", "é ü Ж γ"]


def draw_both(names) -> tuple[list[Text], list[Text]]:
    """The texts with these names in zones.png and indices.png."""

    def named(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(zone=rows["zone"].replace({f"zone {n}": name for n, name in enumerate(names)}))

    panels = zones(named(zone_table(len(names))), posting=20, **SHOWN)
    lines = indices(named(index_table(len(names))), title="x", min_valid_fraction=0.5, warnings=[])
    for figure in (panels, lines):
        FigureCanvasAgg(figure).draw()
    titles = [axes._left_title for axes in panels.axes if axes.get_title(loc="left")]
    return titles, lines.axes[0].get_legend().get_texts()[:-1]


@pytest.mark.filterwarnings("error::UserWarning")
def test_names_are_text_and_no_mathematics():
    for texts in draw_both(NAMES):
        assert [text.get_text() for text in texts] == NAMES
        assert not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize("words", NAMES)
def test_every_text_of_a_figure_is_verbatim(words):
    """Titles, warnings, notes, labels."""
    figure = Figure()
    axes = figure.subplots()
    axes.set(xlabel=words, ylabel=words, title=words)
    axes.annotate(words, (0, 0))
    style.add_words(figure, words, [words], [words])
    FigureCanvasAgg(figure).draw()
    texts = [text for text in figure.findobj(Text) if words in text.get_text()]
    assert len(texts) == 7 and not any(text.get_parse_math() for text in texts)


@pytest.fixture
def few_fonts(monkeypatch):
    """A machine with no fonts but matplotlib's own."""
    own = [font for font in fontManager.ttflist if "mpl-data" in str(font.fname)]
    monkeypatch.setattr(fontManager, "ttflist", own)


ABSENT = {"a\U0010fffdb": r"a\U0010fffdb", "a林b": r"a\u6797b", "a🌲b": r"a\U0001f332b", "a\tb": r"a\tb"}


@pytest.mark.filterwarnings("error::UserWarning")
def test_characters_without_a_glyph_are_escapes_and_one_warning(few_fonts, caplog):
    with caplog.at_level(logging.WARNING, "gcov"):
        titles, labels = draw_both(list(ABSENT))
    assert [text.get_text() for text in titles] == [text.get_text() for text in labels] == [*ABSENT.values()]
    assert len(caplog.records) == 2  # one for each figure
    assert r"\u6797" in caplog.text and r"\U0001f332" in caplog.text


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_glyph_that_another_font_has_is_drawn(few_fonts, caplog):
    """STIX, which comes with matplotlib, has letters that the usual font lacks."""
    titles, labels = draw_both(["a\u1d81b", "both \u1d81 林"])
    assert [text.get_text() for text in titles] == ["a\u1d81b", "both \u1d81 \\u6797"]
    assert "STIX" in " ".join(labels[0].get_fontfamily())
    assert len(caplog.records) == 2


def test_long_names_are_cut_as_they_are_drawn(few_fonts):
    titles, labels = draw_both(["林" * 30, "a" * 50, "b" * 19])
    tree = r"\u6797"
    shown = [f"{2 * tree}…{tree}", f"{'a' * 12}…{'a' * 6}", "b" * 19]
    assert [text.get_text() for text in titles] == shown
    shown = [f"{4 * tree}…{2 * tree}", f"{'a' * 26}…{'a' * 13}", "b" * 19]
    assert [text.get_text() for text in labels] == shown


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["north", "south"], ["north", "south"]),
        (
            ["stand behind the mill, north", "stand behind the mill, south"],
            ["stand behind…north", "stand behind…south"],
        ),
        (["the old parcel 1 of the wood", "the old parcel 22 of the wood"], ["…1 of the wood", "…22 of the wood"]),
        (["parcel 1 of the old wood"] * 2, ["parcel 1 of … wood"] * 2),
        (["a" * 30, "a" * 29], ["…a", "…"]),
    ],
)
def test_long_names_are_told_apart(names, expected):
    assert distinct_names(names, 18) == expected
