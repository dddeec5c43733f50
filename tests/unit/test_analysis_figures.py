"""Figures of zones, statistics, indices and change, made from small tables and stores written by hand."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers import grid_of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image
from plot_change import plot_change
from plot_change_history import plot_change_history
from plot_indices import plot_indices
from plot_statistics import plot_statistics
from plot_zones import plot_zones
from test_figures import curve, table, words

from gcov import tables
from gcov.figures import palette, rasters
from gcov.figures.change import change, change_history
from gcov.figures.indices import indices
from gcov.figures.statistics import statistics
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
    figure = zones(rows, term="HHHH", frequency="A", title="x, HHHH", min_valid_fraction=0.5)
    FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize(("number", "dates"), [(1, 1), (1, 60), (8, 5), (12, 1), (12, 60), (40, 60)])
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
    assert len(panels(figure)) == 3 and "the stand behind t…" in words(figure)
    assert "1 of 3 zones without a valid sample" in words(figure)
    assert "mixes maturities" in words(figure) and "releases change" in words(figure)


def test_dates_without_the_term_are_said_of_zones():
    rows = zone_table(3)
    lacking = rows["time"] == rows["time"].iloc[1]
    rows.loc[lacking, ["mean_db", "n_valid", "polarizations"]] = [np.nan, 0, "SVSV"]
    said = words(draw_zones(rows))
    assert "1 date without HHHH" in said and "without a valid sample" not in said


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
    figure = indices(index_table(number, dates), title="x", warnings=[])
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
    figure = indices(rows, title="x", warnings=["BETA data (5 dates): not validated"])
    assert np.isnan(curve(figure.axes[0], "AOI")).tolist() == [False, False, True, False, False]
    assert "RVI: no value on 1 date" in words(figure) and "BETA data" in words(figure)
    assert {line.get_color() for line in figure.axes[0].get_lines()} == {palette.MANY, palette.AOI}


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


FACTS = {
    "pixels": 1000, "up": 12, "down": 30, "up_km2": 0.0048, "down_km2": 0.012, "expected_false_alarms": 10.0,
    "significant_after_bh": 21, "looks_before": 27.9, "looks_after": 18.6, "significance": 0.01,
    "dates_before": ["2025-11-23T23:47:39", "2025-12-05T23:47:39"], "dates_after": ["2025-12-29T23:47:39"],
    "warning": "maturities differ",
}  # fmt: skip


@pytest.fixture
def periods() -> xr.Dataset:
    rng = np.random.default_rng(2)
    ratio = rng.normal(0, 1.5, (30, 40)).astype("f4")
    sign = np.where(ratio > 3, 1, np.where(ratio < -3, -1, 0)).astype("i1")
    ratio[:5], sign[:5] = np.nan, -128
    return maps({"maturity_note": ""}, log_ratio_db=ratio, change=sign)


def test_change_is_on_a_symmetric_scale_with_its_false_alarms_beside(periods):
    figure = change(periods, FACTS, title="x, HHHH: change felling")
    everything, significant = figure.axes[:2]
    for axes in (everything, significant):
        norm = axes.get_images()[0].norm
        assert type(norm) is Normalize and norm.vmin == -norm.vmax
        assert axes.get_images()[0].get_cmap().name.startswith("change")
    ratio, sign = periods["log_ratio_db"].values, periods["change"].values
    np.testing.assert_array_equal(image(everything).filled(np.nan), ratio)
    wanted = np.where(sign == -128, np.nan, np.where(sign == 0, 0, ratio))
    np.testing.assert_array_equal(image(significant).filled(np.nan), wanted)
    text = words(figure).replace("\n", " ")
    for part in (
        "42 pixels of 1,000 (4.20 %), 12 up (0.0048 km²) and 30 down (0.012 km²)",
        "Speckle alone would give 10; 21 remain",
        "before: 2 dates, 2025-11-23 to 2025-12-05; after: 1 date, 2025-12-29", "Looks 27.9 before and 18.6 after",
        "Soil moisture, rain", "Warning: maturities differ", "significant at 1 %",
    ):  # fmt: skip
        assert part in text


def test_reduced_change_keeps_zero_where_nothing_changed(periods, monkeypatch):
    """Averaged in dB, because the mean of unchanged ratios is above 1."""
    monkeypatch.setattr(rasters, "side_for", lambda shape: 5)
    figure = change(periods, FACTS, title="x")
    cell = periods["log_ratio_db"].values[5:10, :5]
    assert image(figure.axes[0])[1, 0] == pytest.approx(cell.mean(), abs=1e-5)
    assert image(figure.axes[1]).shape == (6, 8)


def test_nothing_but_no_data_is_drawn_as_well(periods):
    nothing = periods.copy(deep=True)
    nothing["log_ratio_db"][:], nothing["change"][:] = np.nan, -128
    none_found = {**FACTS, "pixels": 0, "up": 0, "down": 0}
    assert "0 pixels of 0" in words(change(nothing, none_found, title="x"))


@pytest.fixture
def history() -> xr.Dataset:
    times = np.array(["2025-12-05T23:47:39", "2025-12-29T23:47:39", "NaT"], "M8[ns]")
    index = np.random.default_rng(3).integers(0, 3, (30, 40))
    counts = np.where(index == 2, 0, index + 1).astype("u1")
    counts[:5], index[:5] = 255, 2
    return maps({"significance": 0.01, "expected_false_alarms": 10.0}, n_changes=counts, first_change=times[index])


def test_history_says_when_and_how_often(history):
    figure = change_history(history, title="x")
    when, often, bar, _ = figure.axes
    counts, first = history["n_changes"].values, history["first_change"].values
    np.testing.assert_array_equal(image(often).filled(255), counts)
    wanted = np.select([counts == 255, np.isnat(first), first == first[~np.isnat(first)].min()], [np.nan, 0, 1], 2)
    np.testing.assert_array_equal(image(when).filled(np.nan), wanted)
    FigureCanvasAgg(figure).draw()
    assert [label.get_text() for label in bar.get_yticklabels()] == ["none", "2025-12-05", "2025-12-29"]
    share = 100 * ((counts > 0) & (counts < 255)).sum() / (counts < 255).sum()
    assert f"{share:.2f} % of the pixels changed; 1 % would change by speckle alone" in words(figure).replace("\n", " ")
    assert "Soil moisture" in words(figure)


def test_a_history_without_a_change(history):
    still = history.assign(n_changes=history["n_changes"] * 0, first_change=history["first_change"].copy())
    still["first_change"][:] = np.datetime64("NaT", "ns")
    figure = change_history(still, title="x")
    FigureCanvasAgg(figure).draw()
    assert "0.00 % of the pixels changed" in words(figure)


# ---- the scripts


def test_scripts_draw_from_files(temporal, periods, history, tmp_path):
    records = json.dumps([{"name": "g1"}, {"name": "g2"}])
    facts = {"granule_records": records, "aoi_bbox": [0, 0, 1, 1], "aoi_polygon": "", "frequency": "A", "software": "s"}
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
    plot_zones(zones=tmp_path / "zones.csv", min_valid_fraction=0.5, **named, output=pictures[0])
    plot_indices(indices=tmp_path / "indices.csv", stack=stack, **counted, output=pictures[1])
    warning = tmp_path / "warning.rst"
    plot_statistics(statistics=stack, term="HHHH", **counted, output=pictures[2], warning=warning)
    summary = tmp_path / "change.json"
    change_store = tmp_path / "change.zarr"
    counted |= {"warning": warning}
    plot_change(change=change_store, summary=summary, term="HHHH", name="felling", **counted, output=pictures[3])
    plot_change_history(history=tmp_path / "history.zarr", **counted, output=pictures[4])
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.width > 600 and picture.text["Granules"] == "g1 g2"
            assert len(picture.convert("RGB").getcolors(1_000_000)) > 30
