"""Figures from hand-written tables; curves and text are read back from matplotlib's artists."""

import itertools
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from helpers import FIRST
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from PIL import Image

from gcov import tables
from gcov.analysis import histogram as bins
from gcov.analysis.summary import Summary
from gcov.cautions import cautions
from gcov.figures import maps, movies, style
from gcov.figures.histogram import histogram
from gcov.figures.land import land_rings
from gcov.figures.series import mean_series
from gcov.figures.style import date_axis


def table(mean_db, *, step=12, **columns) -> pd.DataFrame:
    """A mean series of dates 12 days apart; NaN is a date without a valid sample."""
    mean_db = np.array(mean_db, float)
    valid = np.isfinite(mean_db) * 900
    facts = {
        "time": [pd.Timestamp(FIRST) + pd.Timedelta(days=step * i) for i in range(len(mean_db))],
        "granule": "g",
        "crid": "X05009",
        "maturity": "PROVISIONAL",
        "n_pixels": 1000,
        "n_valid": valid,
        "valid_fraction": valid / 1000,
        "mean_power": 10 ** (mean_db / 10),
        "mean_db": mean_db,
        "polarizations": "DHDH",
        "why_empty": "",
        **dict.fromkeys((*tables.SPREAD, "noise_db", "rain_mm"), np.nan),
    }
    return pd.DataFrame({**facts, **columns})


def drawn(series: pd.DataFrame, **options) -> Figure:
    shown = {"term": "HHHH", "frequency": "A", "title": "x, HHHH", "min_valid_fraction": 0.5}
    figure = mean_series(series, **(shown | options))
    FigureCanvasAgg(figure).draw()
    return figure


def words(figure: Figure) -> str:
    """Every text of a figure that is seen."""
    return "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def curve(axes, label: str) -> np.ndarray:
    """The ordinates of a line by its label."""
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return np.array(found.get_ydata(), float)


def labels(axes) -> list[str]:
    return axes.get_legend_handles_labels()[1]


@pytest.mark.parametrize("days", [0, 1, 12, 40, 200, 800, 1300, 4000])
@pytest.mark.parametrize("number", [6, 60])
@pytest.mark.parametrize(("most", "width"), [(8, 6), (4, 2.8)])
@pytest.mark.filterwarnings("error::UserWarning")
def test_date_labels_are_few_and_apart(days, number, most, width):
    """From one date to eleven years; matplotlib's warnings of an awkward range are errors here."""
    figure = Figure(figsize=(width, 4))
    axes = figure.subplots()
    dates = [FIRST + timedelta(days=days / (number - 1) * i) for i in range(number if days else 1)]
    axes.plot(dates, range(len(dates)))
    date_axis(axes, dates, most=most)
    axes.tick_params(labelsize=10 if most == 8 else 8)
    FigureCanvasAgg(figure).draw()
    low, high = axes.get_xlim()
    shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert (2 if days else 1) <= len(shown) <= most + 1
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def tick_labels(dates: list[datetime]) -> list[str]:
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    axes.plot(dates, range(len(dates)))
    date_axis(axes, dates)
    FigureCanvasAgg(figure).draw()
    low, high = axes.get_xlim()
    return [label.get_text() for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]


def test_few_dates_are_labelled_themselves_and_the_year_stands_where_it_changes():
    dates = [datetime(2025, 12, 17), datetime(2025, 12, 29), datetime(2026, 1, 10), datetime(2026, 1, 22)]
    assert tick_labels(dates) == ["17 Dec\n2025", "29 Dec", "10 Jan\n2026", "22 Jan"]
    assert tick_labels([datetime(2025, 11, 23, 23, 47)]) == ["23 Nov\n2025"]


def test_a_curve_has_gaps_hollow_markers_and_marks_at_its_foot():
    series = table([-10, -10.2, np.nan, -9, -10.1, -10.3])
    series.loc[3, "n_valid"] = 200
    axes = drawn(series).axes[0]
    np.testing.assert_array_equal(curve(axes, "mean"), [-10, -10.2, np.nan, np.nan, -10.1, -10.3])
    assert curve(axes, "less than 50 % of the best date's samples").tolist() == [-9]
    (cross,) = [line for line in axes.get_lines() if line.get_label() == "no valid sample"]
    assert date2num(cross.get_xdata()) == pytest.approx(date2num(series["time"][2:3]))
    assert "less than 20 %" not in words(drawn(series, min_valid_fraction=0.2))


def test_a_step_longer_than_usual_breaks_the_curve():
    series = table([-10, -10.2, -10.1, -10]).drop(index=1)
    later = table([-10, -10, -10]).assign(time=series["time"].max() + pd.to_timedelta([12, 24, 36], "D"))
    assert np.isnan(curve(drawn(pd.concat([series, later])).axes[0], "mean")).sum() == 1


def test_a_mean_that_is_not_positive_is_told_from_a_date_without_a_sample():
    series = table([-10, np.nan, -10])
    series.loc[1, "n_valid"] = 900
    assert labels(drawn(series).axes[0]) == ["mean", "mean not positive: no dB"]


@pytest.mark.parametrize("means", [[-10], [-10, -10], [-10.1, -10, -10.2], [-12, -9]])
def test_the_axis_spans_a_decibel_at_least(means):
    low, high = drawn(table(means)).axes[0].get_ylim()
    assert high - low >= max(1, max(means) - min(means))
    assert low < min(means) and max(means) < high


def test_power_is_a_second_scale_of_the_same_curve():
    left, _, right = drawn(table([-12, -9])).axes
    assert right.get_ylim() == left.get_ylim() and not right.get_lines()
    for place, text in zip(right.get_yticks(), right.get_yticklabels()):
        assert 10 ** (place / 10) == pytest.approx(float(text.get_text()), rel=0.01)


def test_a_dotted_line_marks_where_the_release_changes():
    series = table([-10] * 6, crid=["X05009"] * 3 + ["P05010"] * 2 + ["P05023"])
    figure = drawn(series)
    lines = [line for line in figure.axes[0].get_lines() if line.get_label() in ("release changes", "_release")]
    middles = (date2num(series["time"][[2, 4]]) + date2num(series["time"][[3, 5]])) / 2
    assert [line.get_xdata()[0] for line in lines] == pytest.approx(middles)
    assert "P05010" in words(figure) and "P05023" in words(figure)


def test_errors_are_95_percent_and_go_before_the_band():
    series = table([-10, -11], se_db=[0.1, np.nan], p05_db=-16.0, p95_db=-5.0, p50_db=-10.0)
    axes = drawn(series).axes[0]
    (bars,) = [found for found in axes.containers if found.get_label() == "_bars"]
    (segments,) = bars.lines[2]
    np.testing.assert_allclose([segment[:, 1] for segment in segments.get_segments()], [[-10.196, -9.804], [-11, -11]])
    assert not [one for one in axes.collections if one is not segments]
    band = drawn(series.assign(se_db=np.nan)).axes[0]
    (filled,) = band.collections
    ordinates = filled.get_paths()[0].vertices[:, 1]
    assert (ordinates.min(), ordinates.max()) == (-16, -5) and band.get_ylim()[0] < -16


@pytest.mark.parametrize(("noise", "shown", "marked"), [(-25.0, False, 0), (-19.0, True, 0), (-13.0, True, 2)])
def test_noise_is_drawn_where_the_series_comes_near(noise, shown, marked):
    figure = drawn(table([-10.2, -10.1, -8], noise_db=noise))
    assert ("noise floor" in labels(figure.axes[0])) == shown
    assert ("within 3 dB of the noise floor" in labels(figure.axes[0])) == bool(marked)
    if marked:
        assert len(curve(figure.axes[0], "within 3 dB of the noise floor")) == marked
    assert (figure.axes[0].get_ylim()[0] < noise) == shown


def test_bars_below_are_the_valid_share_and_the_rain():
    series = table([-10, -10, np.nan], rain_mm=[np.nan, 12.5, np.nan])
    _, valid, rain, *_ = drawn(series).axes
    assert [bar.get_height() for bar in valid.patches] == pytest.approx([90, 90, 0])
    assert rain.patches[0].get_height() == 12.5 and np.isnan(rain.patches[1].get_height())
    left, right = rain.patches[0].get_window_extent().intervalx
    ends = rain.transData.transform([[number, 0] for number in date2num(series["time"][:2])])[:, 0]
    assert (left, right) == pytest.approx(ends)
    assert len(rain.get_lines()[0].get_xdata()) == 1  # not known
    assert len(drawn(table([-10, -10])).axes) == 3  # curve, its power scale, valid share


@pytest.mark.parametrize("series", [table([np.nan]), table([-10]), table([-10], polarizations="SVNA")])
def test_a_figure_of_one_date_whatever_is_on_it(series):
    assert "1 date" in words(drawn(series)) and "1 dates" not in words(drawn(series))


def test_title_and_warnings_are_on_lines_of_their_own():
    series = table([-10] * 4, maturity=["BETA", "BETA", "PROVISIONAL", "VALIDATED"], crid=["X05009"] * 3 + ["V1"])
    figure = drawn(series)
    boxes = [text.get_window_extent() for text in figure.texts if text.get_text()]
    assert len(boxes) == 3
    assert all(not one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    axes = [box for axes in figure.axes if (box := axes.get_tightbbox())]
    assert all(not text.overlaps(box) for text in boxes for box in axes)
    assert all(box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_cautions_are_all_said():
    series = table([-10, np.nan, -10, -10.5, -10], crid=["X1", "X1", "X1", "X1", "P2"], noise_db=-12.0)
    series["maturity"] = ["BETA", "BETA", "BETA", "BETA", "PROVISIONAL"]
    series.loc[3, "n_valid"] = 100
    series.loc[2, "polarizations"] = "SVNA"
    said = cautions(series, term="HHHH", frequency="A", min_valid_fraction=0.5)
    assert said == [
        "mixes maturities (4 BETA, 1 PROVISIONAL dates): a step between them may be processing, not change",
        "1 date without HHHH",
        "no valid sample on 2025-12-05",
        "less than 50 % of the best date's samples on 2025-12-29: a different area",
        "processed with different releases (X1, P2): a step between them may be processing",
        "within 3 dB of the noise floor on 2025-11-23, 2025-12-29, 2026-01-10",
    ]
    assert cautions(table([-10, -10]), term="HHHH", frequency="A", min_valid_fraction=0.5) == []


@pytest.fixture
def counted():
    """Samples of three dates, the last without any, their tables and stretch.json's content."""
    rng = np.random.default_rng(7)
    samples = [(level * rng.gamma(9, 1 / 9, size)).astype("f4") for level, size in ((0.1, 50_000), (0.05, 30_000))]
    summary = Summary(3)
    for date, power in enumerate([*samples, np.empty(0, "f4")]):
        before = summary.in_db.copy()
        summary.add(date, power)
        summary.end_date(summary.in_db - before)
    tables = {"db": bins.DB.table(bins.coarse_db(summary.in_db)), "power": bins.POWER.table(summary.in_power)}
    tables = {name: one.astype({"bin_left": float, "bin_right": float}) for name, one in tables.items()}
    stretch = {**summary.stretch("HHHH"), "histogram": summary.distribution()}
    series = table([-10, -13, np.nan]).assign(n_valid=[50_000, 30_000, 0])
    return samples, tables, json.loads(json.dumps(stretch)), series


SHOWN = {"term": "HHHH", "frequency": "A", "title": "x", "limits": (-15, -5)}


@pytest.mark.parametrize(("quantity", "unit"), [("db", 1), ("power", 0.001)])
def test_bars_and_outlines_of_a_histogram_are_numpys_in_the_same_bins(counted, quantity, unit):
    samples, tables, stretch, series = counted
    axes = histogram(tables[quantity], stretch, series, quantity=quantity, **SHOWN).axes[0]
    steps = {patch.get_label(): patch.get_data() for patch in axes.patches}
    assert set(steps) == {"all dates", "first: 2025-11-23", "last: 2025-12-05"}
    for label, power in zip(steps, (np.concatenate(samples), *samples)):
        edges = steps[label].edges
        assert np.diff(edges if quantity == "db" else 10 * np.log10(edges)) == pytest.approx(0.25)
        np.testing.assert_array_equal(edges, steps["all dates"].edges)
        values = 10 * np.log10(power) if quantity == "db" else power
        wanted, _ = np.histogram(values, bins=edges)
        np.testing.assert_allclose(
            steps[label].values, 100 * wanted / power.size / np.diff(edges) * unit, rtol=0.02, atol=0.01
        )


@pytest.mark.parametrize("quantity", ["db", "power"])
def test_samples_that_a_histogram_cannot_show_are_counted(counted, quantity):
    """Samples of 0 or below have no dB; a date without the term has no samples at all."""
    _, tables, stretch, series = counted
    series = pd.concat([series.assign(n_valid=[50_007, 30_000, 0]), table([np.nan], polarizations="SVNA")])
    seen = words(histogram(tables[quantity], stretch, series, quantity=quantity, **SHOWN)).replace("\n", " ")
    assert "80,007 samples on 3 dates, 1 of them without a valid one" in seen and "7 not positive" in seen
    assert "Warning: 1 date without HHHH" in seen


@pytest.mark.parametrize("white", [99.995, 385, -99.995])
@pytest.mark.parametrize("quantity", ["db", "power"])
def test_a_grey_scale_beyond_the_axis_is_no_picture_too_large_to_draw(counted, quantity, white):
    """Where power is 1e30, on dates of which the axis shows others."""
    _, tables, stretch, series = counted
    figure = histogram(tables[quantity], stretch, series, quantity=quantity, **SHOWN | {"limits": (-100, white)})
    FigureCanvasAgg(figure).draw()
    assert "white" not in words(figure).split("\n")


@pytest.mark.parametrize(("quantity", "left", "right"), [("db", 0.001, 0.001), ("power", 0, 0.005)])
def test_tails_are_cropped_and_counted(counted, quantity, left, right):
    samples, tables, stretch, series = counted
    figure = histogram(tables[quantity], stretch, series, quantity=quantity, **SHOWN)
    low, high = figure.axes[0].get_xlim()
    values = np.concatenate(samples)
    values = 10 * np.log10(values) if quantity == "db" else values
    assert (values < low).mean() <= left and (values > high).mean() <= right
    assert low > values.min() - 0.01 and high < values.max()
    beyond = int(((values < low) | (values > high)).sum())
    assert f"80,000 samples on 3 dates, 1 of them without a valid one; {beyond} beyond this axis, 0 outside" in words(
        figure
    )


def test_the_limits_of_the_grey_scale_are_marked(counted):
    _, tables, stretch, series = counted
    for quantity, of in (("db", float), ("power", lambda db: 10 ** (db / 10))):
        lines = histogram(tables[quantity], stretch, series, quantity=quantity, **SHOWN).axes[0].get_lines()
        assert [line.get_xdata()[0] for line in lines] == [of(-15), of(-5)]


def test_one_date_has_no_outlines(counted):
    _, tables, stretch, series = counted
    axes = histogram(tables["db"], stretch, series[:1], quantity="db", **SHOWN).axes[0]
    assert [patch.get_label() for patch in axes.patches] == ["all dates"]


def feature(shape: shapely.Geometry, **properties) -> dict:
    return {"properties": properties, "geometry": json.loads(shapely.to_geojson(shape))}


@pytest.fixture
def features() -> list[dict]:
    """An AOI, ten passes of one frame that differ by a little, and two of the next."""
    shapes = [shapely.box(83 + 0.003 * i, 27, 85.2, 29) for i in range(10)] + [shapely.box(82.7, 28.9, 85, 31)] * 2
    granules = [feature(shape, maturity="PROVISIONAL", frame=16 + (i > 9)) for i, shape in enumerate(shapes)]
    return [feature(shapely.box(83.9, 28.1, 84.1, 28.3), name="x"), *granules]


def test_each_footprint_is_drawn_once(features):
    figure = maps.location(features, None)
    assert [len(group) for group in maps.distinct(features[1:])] == [10, 2]
    assert len(figure.axes[0].collections[0].get_paths()) == 2
    assert "10 granules of frame 16, 2 granules of frame 17" in words(figure)
    assert "x: AOI and 12 granules" in words(figure)


def test_the_map_counts_granules_of_a_maturity_not_dates(features):
    """A pass of two granules is one date."""
    pair = [feature(shapely.box(83, 27, 85, 29), maturity="BETA", frame=frame) for frame in (16, 17)]
    assert "BETA data (2 granules): not validated" in words(maps.location([features[0], *pair], None))
    mixed = maps.location([features[0], *pair, features[1]], None)
    assert "mixes maturities (2 BETA, 1 PROVISIONAL granules)" in words(mixed)


def test_the_map_names_what_is_on_it_and_where_on_earth(features):
    zones = [feature(shapely.box(83.92 + 0.01 * i, 28.15, 83.925 + 0.01 * i, 28.2), name=str(i)) for i in range(12)]
    _, world, near = maps.location(features, None, zones).axes
    assert [text.get_text() for text in near.get_legend().get_texts()] == ["2 footprints", "AOI x", "12 zones"]
    (mark,) = world.get_lines()
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == pytest.approx((84.0, 28.2), abs=0.1)
    assert len(near.get_lines()) == 1 + 12 + 1  # AOI, zones, scale bar


HOLE = shapely.box(84.0, 28.0, 84.2, 28.2)
RINGED = shapely.box(83.8, 27.8, 84.4, 28.4) - HOLE
REVERSED = shapely.Polygon(RINGED.exterior, [RINGED.interiors[0].reverse()])


@pytest.mark.parametrize(
    "shape",
    [RINGED, REVERSED, RINGED | shapely.box(84.5, 27.8, 84.6, 28), shapely.box(84.05, 28.05, 84.1, 28.1) | RINGED],
    ids=["polygon", "the other way round", "two parts", "an island"],
)
def test_holes_of_an_aoi_and_of_zones_are_holes_on_the_map(shape):
    """Every ring is drawn, and what lies in a hole but not in the shape is not filled."""
    aoi, footprint = feature(shape, name="x"), feature(shapely.box(83, 27, 85, 29), maturity="BETA")
    whole, *_ = maps.location([aoi, footprint], None, [feature(shape, name="z")]).axes
    places = [(84.19, 28.19), (84.07, 28.07), (83.9, 28)]
    inside = shapely.contains_xy(shape, places).tolist()
    for patch, line in zip(whole.patches, whole.get_lines(), strict=False):
        drawn = [shapely.Polygon(ring) for ring in patch.get_path().to_polygons()]
        turns = [np.where(shapely.contains_xy(one, places), 2 * one.exterior.is_ccw - 1, 0) for one in drawn]
        assert (np.sum(turns, axis=0) != 0).tolist() == inside  # matplotlib fills where the winding number is not 0
        rings = [1 + len(part.interiors) for part in shapely.get_parts(shape)]
        assert np.isnan(line.get_xdata()).sum() == len(drawn) == sum(rings)
    assert len(whole.patches) == 2


@pytest.mark.parametrize(
    ("latitude", "width", "height"),
    [(0, 2, 2), (60, 2, 2), (75, 0.01, 0.01), (28, 1e-6, 1e-6), (28, 1e-6, 0.1), (-89.95, 3, 1e-6), (89.5, 0, 0.01)],
)
def test_the_scale_bar_is_as_long_as_it_says(latitude, width, height):
    """Of an AOI of one sample, one column and one row, too; the map is never a line."""
    aoi = shapely.box(10, latitude, 10 + width, latitude + height)
    near = maps.location([feature(aoi, name="x"), feature(aoi, maturity="BETA")], None).axes[2]
    (bar,) = [line for line in near.get_lines() if len(line.get_xdata()) == 2]
    number, unit = near.texts[0].get_text().split()
    middle = np.mean(near.get_ylim())
    _, _, metres = pyproj.Geod(ellps="WGS84").inv(bar.get_xdata()[0], middle, bar.get_xdata()[1], middle)
    assert metres == pytest.approx(float(number) * {"km": 1000, "m": 1}[unit], rel=0.001)
    FigureCanvasAgg(near.figure).draw()
    for axes in near.figure.axes[::2]:  # the layout may have changed the limits
        bar = axes.get_lines()[-1]
        (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
        assert west < min(bar.get_xdata()) and max(bar.get_xdata()) < east and south < bar.get_ydata()[0] < north
    (west, east), (south, north) = near.get_xlim(), near.get_ylim()
    assert west < 10 and east > 10 + width and south < latitude and north > latitude + height
    assert 0.3 < (east - west) * np.cos(np.radians(middle)) / (north - south) < 3.4


def test_the_land_is_that_of_the_earth():
    land = shapely.union_all([shapely.make_valid(shapely.Polygon(ring)) for ring in land_rings()])
    for place, on_land in (
        ((84, 28), True),
        ((-60, -10), True),
        ((25, 0), True),
        ((134, -25), True),
        ((-150, 0), False),
    ):
        assert land.contains(shapely.Point(place)) == on_land


def test_words_that_look_like_places_of_the_player_page_stay(tmp_path):
    with movies.page_writer(tmp_path / "a.html", "{{frames}}", {"{{title}}": "{{milliseconds}}"}):
        pass
    page = (tmp_path / "a.html").read_text()
    assert "<title>{{frames}}</title>" in page and "<dt>{{title}}<dd>{{milliseconds}}</dl>" in page


def test_a_figure_is_saved_in_all_formats_with_its_provenance_and_the_same_each_time(tmp_path):
    def saved(folder: Path) -> dict[str, bytes]:
        folder.mkdir()
        figure, facts = Figure(), {"Granules": "G1 G2", "Terms": "a"}
        figure.subplots().imshow(np.arange(12.0).reshape(3, 4))
        style.add_words(figure, "γ⁰ of valley", [])
        style.save(figure, [folder / f"x.{kind}" for kind in ("png", "pdf", "svg")], facts)
        return {path.suffix: path.read_bytes() for path in folder.iterdir()}

    first = saved(tmp_path / "one")
    assert first == saved(tmp_path / "two")
    with Image.open(tmp_path / "one" / "x.png") as picture:
        assert picture.text["Granules"] == "G1 G2"
    assert first[".pdf"].startswith(b"%PDF") and b"/Keywords (Granules: G1 G2; Terms: a)" in first[".pdf"]
    assert b"/Type3" not in first[".pdf"] and b"/CIDFontType2" in first[".pdf"]  # text is text
    assert b"<dc:description>Granules: G1 G2; Terms: a</dc:description>" in first[".svg"]
