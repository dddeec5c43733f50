"""Figures of zones, statistics, indices and change, made from small tables and stores written by hand."""

import itertools
import json

import numpy as np
import pandas as pd
import pyproj
import pytest
import xarray as xr
from helpers import grid_of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from plot_change import plot_change
from plot_change_history import plot_change_history
from plot_indices import plot_indices
from plot_statistics import plot_statistics
from plot_zones import plot_zones
from test_figures import curve, table, words

from gcov import tables
from gcov.figures import outlines, palette, ramps, rasters
from gcov.figures.change import change, change_history
from gcov.figures.indices import indices
from gcov.figures.statistics import statistics
from gcov.figures.style import add_words
from gcov.figures.zones import zones
from gcov.stores.provenance import provenance


def panels(figure: Figure) -> list:
    """The axes that show a zone, by the order of the table."""
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_title(loc="left")]


def zone_table(number: int, dates: int = 5, **columns) -> pd.DataFrame:
    """Zones at levels of their own; the first falls by 4.5 dB after two dates."""
    parts = []
    for zone in range(number):
        means = np.full(dates, -8.0 - zone % 7)
        means[2:] -= 4.5 * (zone == 0)
        parts.append(table(means, **columns).assign(zone=f"zone {zone}"))
    return pd.concat(parts, ignore_index=True)


def draw_zones(rows: pd.DataFrame) -> Figure:
    figure = zones(rows, term="HHHH", frequency="A", title="x, HHHH", min_valid_fraction=0.5, posting=20)
    FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize(("number", "dates"), [(1, 1), (8, 5), (12, 60), (40, 60)])
@pytest.mark.filterwarnings("error::UserWarning")
def test_every_zone_has_a_picture_that_is_legible(number, dates):
    figure = draw_zones(zone_table(number, dates))
    shown = panels(figure)
    assert [axes.get_title(loc="left") for axes in shown] == [f"zone {zone}" for zone in range(number)]
    np.testing.assert_array_equal(
        curve(shown[-1], "mean"), -8.0 - (number - 1) % 7 - 4.5 * (number == 1) * (np.arange(dates) > 1)
    )
    width, height = figure.get_size_inches()
    assert width < 13 and height < 15
    for axes in shown:
        box = axes.get_window_extent()
        assert box.width / figure.dpi > 1.3 and box.height / figure.dpi > 0.8
    labels = [label.get_window_extent() for label in shown[-1].get_xticklabels() if label.get_text()]
    assert all(not one.overlaps(other) for one, other in itertools.combinations(labels, 2))


def test_axes_of_zones_span_the_same_number_of_decibels():
    spans = {round(float(np.ptp(axes.get_ylim())), 6) for axes in panels(draw_zones(zone_table(8)))}
    assert len(spans) == 1 and spans.pop() > 4.5
    assert np.ptp(panels(draw_zones(zone_table(2, 1)))[0].get_ylim()) == pytest.approx(1)


def test_of_too_many_zones_those_that_move_are_drawn_and_it_is_said():
    rows = zone_table(70)
    rows.loc[rows["zone"] == "zone 69", "mean_db"] = [-20, -10, -20, -10, -20]
    figure = draw_zones(rows)
    names = [axes.get_title(loc="left") for axes in panels(figure)]
    assert len(names) == 60 and names[0] == "zone 0" and names[-1] == "zone 69"
    assert "the 60 of 70 zones with the largest range" in words(figure)


def test_zones_without_samples_and_with_long_names_are_shown_and_counted():
    rows = zone_table(3, crid=["X1", "X1", "P2", "P2", "P2"], maturity=["BETA"] * 2 + ["PROVISIONAL"] * 3)
    lost = rows["zone"] == "zone 1"
    rows.loc[lost, ["mean_db", "mean_power"]] = np.nan
    rows.loc[lost, "n_valid"] = 0
    rows.loc[rows["zone"] == "zone 2", "zone"] = "the stand behind the old saw mill"
    figure = draw_zones(rows)
    assert len(panels(figure)) == 3 and "the stand be…w mill" in words(figure)
    assert "1 of 3 zones without a valid sample" in words(figure)
    assert "mixes maturities" in words(figure) and "releases change" in words(figure)


def test_rain_stands_below_every_column_of_zones():
    figure = draw_zones(zone_table(8, rain_mm=[np.nan, 3, 4, 5, 6]))
    below = [axes for axes in figure.axes if axes not in panels(figure) and axes.patches]
    assert [[bar.get_height() for bar in axes.patches] for axes in below] == [[3, 4, 5, 6]] * 3


# ---- indices


def index_table(zones: int, dates: int = 5) -> pd.DataFrame:
    times = table([0.0] * dates)["time"]
    parts = []
    for index, level in (("HVHV_HHHH", -8.0), ("RVI", 0.5)):
        for number, zone in enumerate(["aoi", *(f"zone {zone}" for zone in range(zones))]):
            values = level + 0.01 * number + 0.001 * np.arange(dates)
            parts.append(pd.DataFrame({"zone": zone, "time": times, "index": index, "value": values, "n_valid": 10}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(("number", "dates"), [(0, 1), (3, 5), (12, 60)])
def test_indices_have_a_picture_each_and_a_line_for_each_zone(number, dates):
    figure = indices(index_table(number, dates), title="x", min_valid_fraction=0.5, warnings=[])
    FigureCanvasAgg(figure).draw()
    ratio, rvi = figure.axes
    assert (ratio.get_ylabel(), rvi.get_ylabel()) == ("HVHV/HHHH (dB)", "RVI")
    np.testing.assert_allclose(curve(rvi, "AOI"), 0.5 + 0.001 * np.arange(dates))
    lines = [line for line in ratio.get_lines() if line.get_label() != "AOI"]
    looks = {(line.get_linestyle(), line.get_marker(), line.get_color()) for line in lines}
    assert len(lines) == len(looks) == number  # none is told by its colour alone
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == number


def test_an_index_without_a_value_is_a_gap_and_said_and_many_zones_are_grey():
    rows = index_table(40)
    rows.loc[(rows["zone"] == "aoi") & (rows.index % 5 == 2), "value"] = np.nan
    figure = indices(rows, title="x", min_valid_fraction=0.5, warnings=["BETA data (5 dates): not validated"])
    assert np.isnan(curve(figure.axes[0], "AOI")).tolist() == [False, False, True, False, False]
    assert "RVI: no value on 1 date" in words(figure) and "BETA data" in words(figure)
    assert {line.get_color() for line in figure.axes[0].get_lines()} == {palette.MANY, palette.AOI}


def test_dates_of_an_index_with_few_samples_are_hollow_and_said():
    rows = index_table(1)
    partial = rows["time"] == rows["time"].iloc[3]
    rows.loc[partial & (rows["zone"] == "aoi"), "n_valid"] = 4
    figure = indices(rows, title="x", min_valid_fraction=0.5, warnings=[])
    for axes, value in zip(figure.axes, (-7.997, 0.503)):
        (hollow,) = (line for line in axes.get_lines() if line.get_markerfacecolor() == "white")
        np.testing.assert_allclose(hollow.get_ydata(), [value])
    day = f"{rows['time'].iloc[3]:%Y-%m-%d}"
    assert f"less than 50 % of the best date's samples (hollow) on {day}: a different area" in words(figure)


# ---- maps


def maps(attributes: dict, **variables) -> xr.Dataset:
    """A store's maps (y, x) at 20 m."""
    ny, nx = next(iter(variables.values())).shape
    grid = grid_of(32645, 191_770 + 20.0 * np.arange(nx), 3_132_230 - 20.0 * np.arange(ny))
    data = {name: (("y", "x"), values) for name, values in variables.items()}
    return xr.Dataset(data, coords=grid.coords, attrs={"aoi": "x", **attributes})


def image(axes) -> np.ma.MaskedArray:
    (picture,) = axes.get_images()
    return np.ma.masked_invalid(np.ma.getdata(picture.get_array()))


@pytest.fixture
def temporal() -> xr.Dataset:
    rng = np.random.default_rng(1)
    mean = rng.gamma(9, 0.01, (30, 40)).astype("f4")
    count = np.full(mean.shape, 5, "u2")
    mean[:, 35:], count[:, 35:] = np.nan, 0
    facts = {"maturity_note": "BETA data (5 dates): not validated", "looks": 9.0}
    facts |= {"n_dates_left_out": 2, "dates_left_out": "2025-12-05 2025-12-17"}
    return maps(facts, count=count, mean=mean, cv=mean * 2, p05=mean / 2, p95=mean * 2)


def test_statistics_are_four_maps(temporal):
    figure = statistics(temporal, title="x, HHHH")
    found = [image(axes) for axes in figure.axes[:4]]
    mean = temporal["mean"].values
    for values, wanted in zip(found, (10 * np.log10(mean), 2 * mean, 10 * np.log10(4) + 0 * mean, 5 + 0 * mean)):
        np.testing.assert_allclose(values.filled(np.nan), wanted, rtol=1e-5)
    for text in (
        "about 0.33 (9.0 looks)",
        "BETA data",
        "left out for too few valid samples: 2 (2025-12-05, 2025-12-17)",
    ):
        assert text in words(figure)


def test_large_maps_are_averaged_in_power_and_it_is_said(temporal, monkeypatch):
    monkeypatch.setattr(rasters, "side_for", lambda shape: 4)
    figure = statistics(temporal, title="x, HHHH")
    cell = temporal["mean"].values[4:8, 8:12]
    assert image(figure.axes[0])[1, 2] == pytest.approx(10 * np.log10(cell.mean()), abs=1e-4)
    assert figure.axes[0].get_images()[0].get_extent()[1] == pytest.approx(191.76 + 10 * 0.08)
    assert "cells of 4 x 4 pixels" in words(figure)


SPECKLE = {"DHDH": {"looks": 9.3, "from": "estimate", "coherence": 0.0, "shared_repeats": 0}}
FACTS = {
    "pixels": 1000, "up": 12, "down": 30, "up_km2": 0.0048, "down_km2": 0.012, "expected_false_alarms": 10.0,
    "significant_after_bh": 21, "looks_before": 27.9, "looks_after": 18.6, "significance": 0.01,
    "dates_before": ["2025-11-23T23:47:39", "2025-12-05T23:47:39"], "dates_after": ["2025-12-29T23:47:39"],
    "speckle": SPECKLE, "looks_share_median": 1.0, "cell_dates_lost": 0, "cell_dates_not_positive": 0,
}  # fmt: skip


def corners(rows: tuple[int, int], columns: tuple[int, int]) -> list[tuple[float, float]]:
    """A ring around cells of `maps` (first and last row, first and last column), in metres."""
    top, bottom = 3_132_240 - 20 * rows[0], 3_132_240 - 20 * (rows[1] + 1)
    left, right = 191_760 + 20 * columns[0], 191_760 + 20 * (columns[1] + 1)
    return [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]


def patch_files(folder, patches=(), confirmed=None, **facts) -> dict:
    """The GeoJSON and the table of patches; each is a list of rings in metres, of which the first is the outer one."""
    to_degrees = pyproj.Transformer.from_crs(32645, 4326, always_xy=True).transform
    lines = []
    for rings in patches:
        degrees = [[to_degrees(x, y) for x, y in ring] for ring in rings]
        geometry = {"type": "MultiPolygon", "coordinates": [degrees]}
        lines.append(json.dumps({"type": "Feature", "properties": {"zones": []}, "geometry": geometry}))
    known = {"expected_by_chance": 0.196, "min_patch_ha": 1, **facts}
    head = json.dumps({"type": "FeatureCollection", **known})[:-1] + ', "features": ['
    paths = {"geojson": folder / "patches.geojson", "csv": folder / "patches.csv"}
    paths["geojson"].write_text("\n".join([head, ",\n".join(lines), "]}", ""]))
    columns = {"id": range(len(patches)), "area_ha": 2.5, **({} if confirmed is None else {"confirmed": confirmed})}
    pd.DataFrame(columns).to_csv(paths["csv"], index=False)
    return paths


def outlined(axes) -> list[np.ndarray]:
    """The corners of the rings drawn on a map, in cells from its north-west corner."""
    (lines,) = axes.collections
    return [np.round((ring - (191.76, 3132.24)) / (0.02, -0.02), 3) for ring in lines.get_segments()]


@pytest.fixture
def periods() -> xr.Dataset:
    rng = np.random.default_rng(2)
    ratio = rng.normal(0, 1.5, (30, 40)).astype("f4")
    sign = np.where(ratio > 3, 1, np.where(ratio < -3, -1, 0)).astype("i1")
    ratio[:5], sign[:5] = np.nan, -128
    return maps({"maturity_note": "", "warning": "maturities differ"}, log_ratio_db=ratio, change=sign)


@pytest.fixture
def none_found(tmp_path) -> dict:
    return patch_files(tmp_path)


def test_change_is_on_a_fixed_scale_with_its_false_alarms_beside(periods, none_found):
    figure = change(periods, FACTS, **none_found, title="x, HHHH: change felling")
    everything, significant = figure.axes[:2]
    for axes in (everything, significant):
        norm = axes.get_images()[0].norm
        assert type(norm) is Normalize and (norm.vmin, norm.vmax) == (-6, 6)
        assert axes.get_images()[0].get_cmap().name.startswith("change")
    ratio, sign = periods["log_ratio_db"].values, periods["change"].values
    np.testing.assert_array_equal(image(everything).filled(np.nan), ratio)
    wanted = np.where(sign == -128, np.nan, np.where(sign == 0, 0, ratio))
    np.testing.assert_array_equal(image(significant).filled(np.nan), wanted)
    text = words(figure).replace("\n", " ")
    for part in (
        "42 pixels of 1,000 (4.20 %), 12 up (0.0048 km²) and 30 down (0.012 km²)",
        "Speckle alone would give 10 (1 %); 21 remain", "No patch of 1 ha or more; speckle alone would make 0.2.",
        "before: 2 dates, 2025-11-23 to 2025-12-05; after: 1 date, 2025-12-29", "Looks 27.9 before and 18.6 after",
        "Soil moisture, rain", "Warning: maturities differ", "significant at 1 %",
    ):  # fmt: skip
        assert part in text


def test_reduced_change_keeps_zero_where_nothing_changed(periods, none_found, monkeypatch):
    """Averaged in dB, because the mean of unchanged ratios is above 1."""
    monkeypatch.setattr(rasters, "side_for", lambda shape: 5)
    figure = change(periods, FACTS, **none_found, title="x")
    cell = periods["log_ratio_db"].values[5:10, :5]
    assert image(figure.axes[0])[1, 0] == pytest.approx(cell.mean(), abs=1e-5)
    assert image(figure.axes[1]).shape == (6, 8)


WITH_HOLES = [corners((8, 19), (10, 29)), corners((10, 15), (12, 17))[::-1], corners((10, 10), (20, 20))[::-1]]


def test_patches_are_outlined_with_holes_of_their_size(periods, tmp_path):
    """The hole of 6 x 6 cells (1.44 ha) is as large as a patch may be, that of one cell is not."""
    figure = change(periods, FACTS, **patch_files(tmp_path, [WITH_HOLES, [corners((25, 26), (0, 12))]]), title="x")
    for axes in figure.axes[:2]:
        rings = {tuple(map(tuple, [ring.min(axis=0), ring.max(axis=0)])) for ring in outlined(axes)}
        assert rings == {((10, 8), (30, 20)), ((12, 10), (18, 16)), ((0, 25), (13, 27))}
        assert axes.get_xlim() == pytest.approx((191.76, 192.56))
    assert "Outlined: 2 patches of 1 ha or more, 5.0 ha in all. Speckle alone would make 0.2." in words(figure)


def test_too_many_patches_and_too_intricate_ones_are_counted(periods, tmp_path, monkeypatch):
    paths = patch_files(tmp_path, [WITH_HOLES, *[[corners((row, row + 1), (0, 12))] for row in (0, 5, 10, 15)]])
    monkeypatch.setattr(outlines, "MOST", 4)
    monkeypatch.setattr(outlines, "LONGEST", 600)  # the first patch has more characters
    figure = change(periods, FACTS, **paths, title="x")
    assert sorted(ring[:, 1].min() for ring in outlined(figure.axes[0])) == [0, 5, 10]
    assert "Outlined: 3 of 5 patches of 1 ha or more, 12.5 ha" in words(figure)


@pytest.mark.parametrize(
    ("facts", "expected", "said"),
    [
        ({"min_change_db": 2}, 0.196, "make at most 0.2."),
        ({"multilook": 3}, 0.196, "make 0.2."),
        ({"multilook": 1}, 0.196, "make 0.2 or more, as neighbouring pixels are correlated."),
        ({}, 0.0, "make none."),
    ],
)
def test_the_number_of_patches_by_chance_is_no_better_than_it_is(periods, tmp_path, facts, expected, said):
    paths = patch_files(tmp_path, [WITH_HOLES], expected_by_chance=expected)
    assert words(change(periods.assign_attrs(facts), FACTS, **paths, title="x")).endswith(f"Speckle alone would {said}")


TIMES = np.array(["2025-12-05T23:47:39", "2025-12-29T23:47:39", "NaT"], "M8[s]")


@pytest.fixture
def history() -> xr.Dataset:
    """Two terms; the second changed significantly only where the first rose. The first rows have no data."""
    rng = np.random.default_rng(3)
    index = rng.integers(0, 3, (30, 40))
    counts = np.where(index == 2, 0, index + 1).astype("u1")
    counts[:5], index[:5] = 255, 2
    step = np.where(index == 2, np.nan, rng.normal(0, 3, (2, 30, 40))).astype("f4")
    p = np.where(np.isnan(step), np.nan, [1e-4 + 0 * step[0], np.where(step[0] > 0, 1e-3, 0.02)]).astype("f4")
    data = maps(
        {
            "significance": 0.01, "expected_false_alarms": 10.0, "cell_dates_lost": {}, "cell_dates_not_positive": {},
            "speckle": {"HHHH": SPECKLE, "HVHV": SPECKLE}, "looks_share_median": {"HHHH": 1.0, "HVHV": 1.0},
        },
        n_changes=counts, first_change=TIMES[np.where(index == 2, 2, 0)], largest_change=TIMES[index],
    )  # fmt: skip
    steps = {name: (("term", "y", "x"), values) for name, values in (("largest_step_db", step), ("largest_step_p", p))}
    return data.assign(steps).assign_coords(term=np.array(["HHHH", "HVHV"], np.dtypes.StringDType()))


def test_history_says_how_often_when_and_how_much(history, none_found):
    figure = change_history(history, **none_found, title="x")
    often, when, *steps = figure.axes[:4]
    bar = figure.axes[5]
    counts, largest = history["n_changes"].values, history["largest_change"].values
    np.testing.assert_array_equal(image(often).filled(255), counts)
    wanted = np.select([counts == 255, np.isnat(largest), largest == TIMES[0]], [np.nan, 0, 1], 2)
    np.testing.assert_array_equal(image(when).filled(np.nan), wanted)
    for axes, term in zip(steps, ("HHHH", "HVHV")):
        assert term in axes.get_title()
        of_term = history.sel(term=term)
        significant = np.where(of_term["largest_step_p"] < 0.01, of_term["largest_step_db"], 0)
        np.testing.assert_array_equal(image(axes).filled(99), np.where(counts == 255, 99, significant))
        norm = axes.get_images()[0].norm
        assert (norm.vmin, norm.vmax) == (-6, 6)
    FigureCanvasAgg(figure).draw()
    assert [label.get_text() for label in bar.get_yticklabels()] == ["none", "2025-12-05", "2025-12-29"]
    share = 100 * ((counts > 0) & (counts < 255)).sum() / (counts < 255).sum()
    text = words(figure).replace("\n", " ")
    assert f"{share:.2f} % of the pixels changed; at most 1 % would change by speckle alone" in text
    assert "Soil moisture" in text


def test_patches_of_a_history_are_outlined_on_every_map(history, tmp_path):
    rings = [[corners((8, 19), (10, 29))]] * 3
    paths = patch_files(tmp_path, rings, [True, True, False], confirm_dates=3, expected_by_chance=0.5)
    figure = change_history(history, **paths, title="x")
    assert [len(outlined(axes)) for axes in figure.axes[:4]] == [3] * 4
    said = "3 patches of 1 ha or more, 7.5 ha in all, 2 confirmed by 3 dates on both sides. Speckle alone would make at"
    assert f"{said} most 0.5." in words(figure).replace("\n", " ")


def test_a_history_without_a_change_and_one_without_data(history, none_found):
    still = history.copy(deep=True)
    still["n_changes"][:], still["largest_change"][:] = 0, np.datetime64("NaT", "s")
    still["largest_step_p"][:] = np.nan
    figure = change_history(still, **none_found, title="x")
    FigureCanvasAgg(figure).draw()
    assert "0.00 % of the pixels changed" in words(figure)
    still["n_changes"][:] = 255
    assert "No pixel could be tested." in words(change_history(still, **none_found, title="x"))


@pytest.mark.parametrize(("shape", "number"), [((80, 10), 4), ((10, 80), 4), ((5, 5), 3), ((2, 200), 2), ((200, 2), 3)])
def test_maps_of_any_shape_are_large_enough_and_their_words_do_not_overlap(shape, number, monkeypatch):
    data = maps({}, image=np.zeros(shape))
    figure, axes = rasters.panels(data, number)
    labels = {"title": "step of HHHH at the largest change", "label": "dB", "cmap": ramps.CHANGE}
    for each in axes:
        rasters.draw(each, data["image"].values, data, 1, **labels)
    add_words(figure, "title", [], ["note"], layout="compressed")
    FigureCanvasAgg(figure).draw()
    assert max(figure.get_size_inches()) < 16
    boxes = [each.get_window_extent() for each in axes]
    assert min(min(box.width, box.height) for box in boxes) / figure.dpi > 0.6
    assert max(max(box.width, box.height) for box in boxes) / figure.dpi > 2.5
    seen = {}
    monkeypatch.setattr(Text, "draw", lambda text, pen: seen.update({text: text.get_window_extent(pen)}))
    FigureCanvasAgg(figure).draw()
    words = [box for text, box in seen.items() if text.get_text() and text.get_visible()]
    assert len(words) > 5 * number
    assert not any(one.overlaps(other) for one, other in itertools.combinations(words, 2))


@pytest.mark.parametrize(("epsg", "x", "y"), [(32645, 191_770, 3_132_230), (3413, -200_000, -1_600_000)])
def test_the_scale_bar_is_as_long_on_the_ground_as_it_says(epsg, x, y):
    """The projection's scale is 1.0007 in the first place, and 0.976 in the second."""
    grid = grid_of(epsg, x + 80.0 * np.arange(110), y - 80.0 * np.arange(100))
    data = grid.assign(image=(("y", "x"), np.zeros((100, 110))))
    axes = rasters.panels(data, 2)[1][0]
    rasters.draw(axes, data["image"].values, data, 1, title="", label="", cmap=ramps.CHANGE)
    rasters.add_scale(axes, data)
    (line,) = axes.get_lines()
    ends = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True).transform(*(1000 * line.get_xydata().T))
    length = pyproj.Geod(ellps="WGS84").line_length(*ends)
    assert [text.get_text() for text in axes.texts] == ["2 km"] and length == pytest.approx(2000, rel=1e-4)


# ---- the scripts


def test_scripts_draw_from_files(temporal, periods, history, none_found, tmp_path):
    records = json.dumps([{"name": "g1"}, {"name": "g2"}])
    facts = {"granule_records": records, "aoi_bbox": [0, 0, 1, 1], "aoi_polygon": "", "frequency": "A", "software": "s"}
    facts["spatial:transform"] = [20.0, 0.0, 0.0, 0.0, -20.0, 0.0]
    for name, data in (("statistics", temporal), ("change", periods), ("history", history)):
        whole = data.assign_attrs({"maturity_note": "", **data.attrs, **facts})
        whole.to_zarr(tmp_path / f"{name}.zarr", zarr_format=3, consolidated=True)
    (tmp_path / "change.json").write_text(json.dumps(FACTS))
    tables.write(tmp_path / "zones.csv", zone_table(3))
    tables.write(tmp_path / "indices.csv", index_table(3))
    stack = tmp_path / "statistics.zarr"
    counted = {"origin": provenance(stack, True)}
    pictures = [tmp_path / f"{number}.png" for number in range(5)]
    named = {"stack": stack, "term": "HHHH", **counted}
    plot_zones(zones=tmp_path / "zones.csv", min_valid_fraction=0.5, **named, output=[pictures[0]])
    plot_indices(indices=tmp_path / "indices.csv", stack=stack, min_valid_fraction=0.5, **counted, output=[pictures[1]])
    warning = tmp_path / "warning.rst"
    plot_statistics(statistics=stack, term="HHHH", **counted, output=[pictures[2]], warning=warning)
    summary = tmp_path / "change.json"
    change_store = tmp_path / "change.zarr"
    counted |= {"warning": warning, **none_found}
    plot_change(change=change_store, summary=summary, term="HHHH", name="felling", **counted, output=[pictures[3]])
    plot_change_history(history=tmp_path / "history.zarr", **counted, output=[pictures[4]])
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.width > 600 and picture.text["Granules"] == "g1 g2"
            assert len(picture.convert("RGB").getcolors(1_000_000)) > 30
