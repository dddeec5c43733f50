"""The figure of zone changes, from hand-written tables; tiles and words are read back from matplotlib's artists."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.text import Text
from plot_zone_changes import plot_zone_changes
from test_figures import table as series_of
from test_figures import words
from zarr import create_group

from gcov import tables
from gcov.figures import palette, ramps
from gcov.figures.zone_changes import OfTerm, Rule, zone_changes

GAIN = "Assumed, not known: the gain."
RULE = Rule(["felling"], True, 0.01, 0, GAIN)
MEANS = series_of([-8.0] * 6)
TIMES = MEANS["time"]


def row(zone: str, change: str, step_db: float, se_db=0.2, *, changed=0.0, term="HHHH", date=3, **facts) -> dict:
    """A row of zone_changes.csv: a step before `date`."""
    times = {"start": TIMES[date - 1], "end": TIMES[date]}
    numbers = {"step_db": step_db, "se_db": se_db, "p": 1e-5 if changed else 0.3, "changed": changed}
    return {"zone": zone, "change": change, "term": term, **times, **numbers, "releases_differ": False, **facts}


def table(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(row("", "", 0)))


def draw(rows: pd.DataFrame, zones, rule=RULE, terms=("HHHH",), means=MEANS, dates=None) -> Figure:
    dates = means["time"] if dates is None else dates
    tested = {term: OfTerm(means, dict.fromkeys(zones, dates)) for term in terms}
    figure = zone_changes(rows, tested, rule, title="x", warnings=[])
    FigureCanvasAgg(figure).draw()
    return figure


def tiles(axes) -> list[tuple]:
    """Left, right, height in rows, row, colour and width of the frame of every tile, sorted by row, then place."""
    (drawn,) = [each for each in axes.collections if type(each).__name__ == "PatchCollection"]
    boxes = [path.get_extents() for path in drawn.get_paths()]
    looks = zip(boxes, drawn.get_facecolor(), drawn.get_linewidth())
    found = [
        (*box.intervalx, abs(box.height), round(box.intervaly.mean()), tuple(colour), width)
        for box, colour, width in looks
    ]
    return sorted(found, key=lambda tile: (tile[3], tile[0]))


def test_a_tile_is_a_step_by_its_colour_its_dates_and_its_error():
    rows = table(
        row("wood", "history", -6.5, 0.3, changed=-1.0), row("wood", "felling", -3.0, 0.5, changed=-1.0),
        row("lake", "history", 1.0, 0.6, date=1), row("lake", "felling", 8.0, 0.0, changed=1.0),
    )  # fmt: skip
    history, felling = draw(rows, ["wood", "lake"]).axes[:2]
    fell, still = tiles(history)
    assert fell[:2] == tuple(date2num(TIMES[2:4])) and still[:2] == tuple(date2num(TIMES[:2]))
    assert fell[2:4] == (pytest.approx(0.84 * (1 - 1.96 * 0.3 / 6.5)), 0) and fell[4] == to_rgba(palette.FELL)
    assert still[2:4] == (pytest.approx(0.84 * 0.12), 1) and fell[5] > 2 * still[5]
    assert still[4] == pytest.approx(ramps.CHANGE(3.5 / 6))
    wood, lake = tiles(felling)
    assert wood[4] == pytest.approx(ramps.CHANGE(0.25)) and lake[4] == to_rgba(palette.ROSE)
    assert (wood[2], lake[2]) == pytest.approx((0.84 * (1 - 0.98 / 3), 0.84))
    for axes, said in ((history, ["−6.5 ±0.6", "+1.0 ±1.2"]), (felling, ["−3.0 ±1.0", "+8.0 ±0.0"])):
        texts = [text for text in axes.texts if "±" in text.get_text()]
        assert [text.get_text() for text in texts] == said
        assert texts[0].get_weight() == "bold" and axes.texts[0].get_color() == "black"


def test_what_is_not_tested_is_violet_and_said():
    rows = table(row("wood", "felling", np.nan, np.nan, changed=np.nan, p=np.nan))
    figure = draw(rows, ["wood"], dates=TIMES[:1])
    history, felling = figure.axes[:2]
    assert tiles(felling)[0][4] == to_rgba(palette.NO_DATA)
    assert [to_rgba(patch.get_facecolor()) for patch in history.patches] == [to_rgba(palette.NO_DATA)]
    assert "Violet: not tested" in words(figure) and "Nothing could be tested." in words(figure)
    tested = draw(table(row("wood", "felling", 0.1)), ["wood"])
    assert "Violet" not in words(tested) and not tested.axes[0].patches


def test_it_says_how_many_changes_chance_explains_and_what_is_assumed():
    """Two zones, two terms; named changes are four tests, the histories of zones four more."""
    rows = table(
        *[row(zone, "felling", 3, changed=1.0 * (zone == "wood"), term=term) for zone in ("wood", "lake")
          for term in ("HHHH", "HVHV")],
        row("wood", "history", -3, changed=-1.0, date=1), row("wood", "history", 3, changed=1.0, date=4),
    )  # fmt: skip
    text = words(draw(rows, ["wood", "lake"], terms=("HHHH", "HVHV"))).replace("\n", " ")
    assert "3 of 8 tests (of a zone, a term, and a change or all dates) found a change" in text
    assert f"speckle and gain alone would give at most 0.08. {GAIN}" in text
    least = words(draw(rows, ["wood", "lake"], RULE._replace(min_change_db=2.0), terms=("HHHH", "HVHV")))
    assert "Changes up to 2 dB do not count." in least


def test_dates_tested_are_ticks_and_releases_are_dotted():
    means = MEANS.assign(crid=["X1"] * 3 + ["P2"] * 3)
    rows = table(row("wood", "history", -6.5, changed=-1.0, releases_differ=True))
    figure = draw(rows, ["wood"], means=means, dates=TIMES[[0, 2, 3, 5]])
    dotted, ticks = figure.axes[0].get_lines()
    np.testing.assert_array_equal(date2num(ticks.get_xdata()), date2num(TIMES[[0, 2, 3, 5]]))
    assert dotted.get_xdata()[0] == date2num(TIMES[2] + pd.Timedelta(6, "D"))
    assert "1 significant step between different releases may be processing" in words(figure)


def test_of_too_many_zones_those_that_change_most_are_drawn_and_it_is_said():
    zones = [f"zone {number}" for number in range(70)]
    rows = [row(zone, "felling", 2, changed=1.0, p=1e-3) for zone in zones[:30]]
    rows += [row(zone, "history", 2, changed=1.0, date=2, p=1e-3) for zone in zones[40:45]]
    rows += [row(zone, "felling", 0.1, p=0.2 + number / 100) for number, zone in enumerate(zones[30:])]
    figure = draw(table(*rows), zones)
    names = [text.get_text() for text in figure.axes[0].texts if text.get_text().startswith("zone")]
    assert names == [*zones[:30], *zones[30:60]]
    assert "changes of the 60 of 70 zones with the most changes" in words(figure)
    rows[-1] |= {"p": 0.01}
    figure = draw(table(*rows), zones)
    assert names[-1] not in words(figure) and zones[-1] in words(figure)


LONG = "the stand of the community behind the old saw mill, parcel {} of the northern slope"


@pytest.mark.parametrize(
    ("number", "terms", "changes", "history"),
    [
        (1, 1, ["felling"], True),
        (1, 2, [], True),
        (3, 1, ["felling", "a_very_long_name_of_a_change_2026"], False),
        (60, 2, ["felling", "flood", "fire"], True),
        (4, 3, ["felling"], True),
    ],
)
@pytest.mark.filterwarnings("error::UserWarning")
def test_words_of_few_and_many_zones_do_not_overlap(number, terms, changes, history, monkeypatch):
    zones, names = [LONG.format(zone) for zone in range(number)], ["HHHH", "HVHV", "VVVV"][:terms]
    rng = np.random.default_rng(number)
    rows = [row(zone, name, -4.2, 0.4, changed=-1.0, term=term) for zone in zones for name in changes for term in names]
    for zone, term in itertools.product(zones, names):
        dates = np.sort(rng.choice(np.arange(1, 6), rng.integers(4), replace=False)) if history else []
        rows += [row(zone, "history", -14.2, 0.6, changed=-1.0, term=term, date=date) for date in dates]
    figure = draw(table(*rows), zones, Rule(changes, history, 0.01, 0, GAIN), names)
    width, height = figure.get_size_inches()
    assert width < 19 and height < 16
    seen = {}
    monkeypatch.setattr(Text, "draw", lambda text, pen: seen.update({text: text.get_window_extent(pen)}))
    FigureCanvasAgg(figure).draw()
    drawn = {text: box for text, box in seen.items() if text.get_text() and text.get_visible()}
    named = [text.get_text() for text in drawn if "slope" in text.get_text()]
    assert len(set(named)) == number and len(named) == number * -(-terms // 2)
    for box in drawn.values():
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    assert not any(one.overlaps(other) for one, other in itertools.combinations(drawn.values(), 2))


# ---- the script


@pytest.fixture
def files(tmp_path):
    """Arguments of the script. The third date has too few samples; on the second, the lake has no error."""
    means = MEANS.assign(n_valid=[900, 900, 100, 900, 900, 900], se_db=0.1)
    zones = pd.concat([means.assign(zone="wood"), means.assign(zone="lake", se_db=[0.1, np.nan, *[0.1] * 4])])
    rows = [row(zone, "felling", -3, changed=-1.0) for zone in ("wood", "lake", "field")]
    rows.append(row("wood", "felling", np.nan, np.nan, p=np.nan, changed=np.nan, term="HVHV"))
    zones = pd.concat([zones, means.assign(zone="field")])
    tables.write(tmp_path / "series.csv", means)
    tables.write(tmp_path / "zones.csv", zones)
    tables.write(tmp_path / "changes.csv", table(*rows).assign(before_db=-8.0, after_db=np.nan))
    facts = {"aoi": "x", "frequency": "A", "proj:code": "EPSG:32645"}
    create_group(tmp_path / "stack.zarr", attributes=facts)
    paths = {name: [tmp_path / f"{name}.csv"] * 2 for name in ("series", "zones")}
    rule = {"changes": ["felling"], "change_history": True, "significance": 0.01, "min_change_db": 0}
    known = {"calibration_db": 0.25, "change_reference": None, "min_valid_fraction": 0.5, "terms": ["HHHH", "HVHV"]}
    made = {"table": tmp_path / "changes.csv", "stack": tmp_path / "stack.zarr", "output": [tmp_path / "x.png"]}
    return {**paths, **rule, **known, **made, "origin": {}}


def test_the_script_says_what_is_left_out_and_assumed(files, monkeypatch):
    figures = []
    monkeypatch.setattr("gcov.figures.style.save", lambda figure, path, origin: figures.append(figure))
    for reference in (None, {"zone": "wood"}):
        plot_zone_changes(**{**files, "change_reference": reference})
    text, by_reference = (words(figure).replace("\n", " ") for figure in figures)
    assert "left out for too few valid samples of HHHH, HVHV: 1 (2025-12-17)" in text
    assert "the gain of dates differs by 0.25 dB, one standard deviation (calibration_db)" in text
    assert "EPSG:32645" in text
    assert "HHHH, felling: 3 of 3 zones fell by 2025-12-29" in text and "set change_reference" in text
    assert "Dates are corrected by wood" in by_reference and "set change_reference" not in by_reference
    ticks = [len(line.get_xdata()) for line in figures[0].axes[0].get_lines()]
    assert ticks == [5, 4, 5]
    assert tiles(figures[0].axes[3])[0][4] == to_rgba(palette.NO_DATA)
