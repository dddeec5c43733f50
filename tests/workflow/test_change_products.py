"""Change products: stores, tables and JSON compared with the arrays they are made from, on hand-written stacks."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from change import change
from change_history import change_history
from filtered import filtered
from helpers import EPSG, NORTH, WEST, cell_means, grid_of, rectangle, zone_file
from looks import looks as write_looks
from patches import patches
from scipy.stats import f
from temporal_statistics import temporal_statistics
from test_figures import words
from test_speckle import drawn

from gcov.analysis import multitemporal
from gcov.analysis.history import Dates, Rule
from gcov.analysis.history import change_history as history_of
from gcov.analysis.maps import NEVER, NO_COUNT, NO_DATA
from gcov.analysis.summary import Summary
from gcov.errors import GcovError
from gcov.figures.change import change as draw_change
from gcov.figures.change import change_history as draw_history
from gcov.pages.change import ChangeOnPage
from gcov.stores import store
from gcov.stores.stack import Stack
from gcov.testing.landscape import CLEARED_ON, landscape
from gcov.testing.synthetic import centres

FIRST = datetime(2025, 11, 23, 23, 47, 39)
KEYS = {"multilook": 1, "significance": 0.01, "min_change_db": 0, "min_valid_fraction": 0.5}


@dataclass(frozen=True)
class Made:
    """A folder with a stack, the mean series of its terms and looks.json, 12 days between dates."""

    folder: Path
    terms: list[str]

    def change(self, term: str, before: list[str], after: list[str], **keys) -> tuple[xr.Dataset, dict]:
        """The maps of a change between two periods, and their totals."""
        output, summary = self.folder / f"{term}.zarr", self.folder / f"{term}.json"
        series = self.folder / f"{term}.csv"
        change(
            **self.inputs, **{**KEYS, **keys}, series=series, term=term, output=output, summary=summary,
            days={"before": before, "after": after},
        )  # fmt: skip
        return xr.open_zarr(output), json.loads(summary.read_text())

    def history(self, **keys) -> tuple[xr.Dataset, pd.DataFrame]:
        """The maps of all dates, and the table."""
        output, table = self.folder / "history.zarr", self.folder / "history.csv"
        series = [self.folder / f"{term}.csv" for term in self.terms]
        options = {**KEYS, **keys, "series": series, "terms": self.terms, "output": output, "table": table}
        change_history(**self.inputs, **options)
        return xr.open_zarr(output), pd.read_csv(table, parse_dates=["start", "end"])

    def statistics(self, term="HHHH", multilook=1) -> xr.Dataset:
        """The statistics of a term over all dates."""
        stack, looks_json = self.inputs.values()
        paths = {"series": self.folder / f"{term}.csv", "looks_json": looks_json, "output": self.folder / "st.zarr"}
        temporal_statistics(stack=stack, term=term, multilook=multilook, min_valid_fraction=0.5, **paths)
        return xr.open_zarr(paths["output"])

    def patches(self, maps="history", series="HHHH", **keys) -> dict[str, Path]:
        """The files of patches of a history, or of a change of a term."""
        paths = {name: self.folder / f"patches.{name}" for name in ("geojson", "csv", "ledger")}
        history = {"series": self.folder / f"{series}.csv", "confirm_dates": 3} if maps == "history" else {}
        patches(maps=self.folder / f"{maps}.zarr", **{"terms": self.terms, **history, **keys}, **paths)
        return paths

    def looks(self, given=None, multilook=1) -> "Made":
        """Write looks.json: estimated, or as given."""
        stack, output = self.inputs.values()
        speckle = [self.folder / f"{term}_speckle.json" for term in self.terms]
        for term, path in zip(self.terms, speckle):
            path.write_text(json.dumps(Summary.of(stack, term).speckle))
        write_looks(speckle=speckle, terms=self.terms, looks=given, multilook=multilook, output=output)
        return self

    def independent(self) -> "Made":
        """As if the few blocks of so small a stack had shown no shared speckle."""
        path = self.inputs["looks"]
        path.write_text(re.sub(r'"shared": \[[^]]*\]', '"shared": []', path.read_text()))
        return self

    @property
    def without_patches(self) -> dict[str, Path]:
        """The files of patches, of which there are none, as figures take them."""
        paths = {"geojson": self.folder / "none.geojson", "csv": self.folder / "none.csv"}
        facts = {"type": "FeatureCollection", "min_patch_ha": 0.5, "expected_by_chance": 0.0}
        paths["geojson"].write_text(json.dumps(facts)[:-1] + ', "features": [\n]}\n')
        paths["csv"].write_text("area_ha,confirmed\n")
        return paths

    @property
    def inputs(self) -> dict[str, Any]:
        stack = Stack(self.folder / "stack.zarr", valid_samples_only=True)
        return {"stack": stack, "looks": self.folder / "looks.json"}


@pytest.fixture
def made(tmp_path):
    """A function that writes a stack of power (time, y, x) by term, and what the analysis reads beside it."""

    def write(power, mask=None, crids=None, codes=None, name="made") -> Made:
        dates, ny, nx = next(iter(power.values())).shape
        grid = grid_of(EPSG, centres(WEST, 20, nx), centres(NORTH, -20, ny))
        times = [(FIRST + timedelta(days=12 * date)).isoformat() for date in range(dates)]
        crids, codes = crids or ["X05009"] * dates, codes or ["DHDH"] * dates
        facts = [store.Date(time, time, crid, "BETA", code) for time, crid, code in zip(times, crids, codes)]
        attributes = {"frequency": "A", "n_pixels": ny * nx, "aoi_polygon": ""}
        folder = tmp_path / name
        folder.mkdir()
        path = folder / "stack.zarr"
        types = {**dict.fromkeys(power, "f4"), "mask": "u1"}
        store.create(path, grid=grid, dates=facts, types=types, attributes=attributes)
        region = {"time": slice(0, dates), "y": slice(0, ny), "x": slice(0, nx)}
        mask = np.ones((dates, ny, nx), np.uint8) if mask is None else mask
        store.write(path, region, {**{term: values.astype("f4") for term, values in power.items()}, "mask": mask})
        store.finish(path)
        for term, values in power.items():
            n_valid = (np.isfinite(values) & (mask >= 1) & (mask <= 254)).sum(axis=(1, 2))
            series = pd.DataFrame(map(vars, facts)).assign(n_valid=n_valid, mean_power=0.1, mean_db=-10.0)
            series.to_csv(folder / f"{term}.csv", index=False)
        return Made(folder, list(power))

    return write


def speckle(shape, looks=9.3, seed=1) -> np.ndarray:
    """Power (time, y, x) of mean 0.1."""
    return 0.1 * np.random.default_rng(seed).standard_gamma(looks, shape) / looks


def day(date: int) -> str:
    return f"{FIRST + timedelta(days=12 * date):%Y-%m-%d}"


def shares(power: np.ndarray, side: int, looks: float) -> np.ndarray:
    """The share of a cell's looks over texture, by the definition: power (time, y, x), independent dates."""
    rows, columns = (-(-size // side) for size in power.shape[1:])
    found = np.full((rows, columns), np.nan)
    for y, x in np.ndindex(rows, columns):
        cell = power[:, y * side : (y + 1) * side, x * side : (x + 1) * side]
        whole = np.isfinite(cell).all(axis=(1, 2)) & (cell.shape[1:] == (side, side))
        if whole.any():
            mean = cell[whole].mean(axis=0)
            found[y, x] = min(1, mean.sum() ** 2 / (side**2 * (mean**2).sum() / (1 + 1 / (looks * whole.sum()))))
    return found


def test_two_periods(made):
    """Multilooked cells with cut-off edges, masked samples, a date left out, a CRID that differs."""
    power, mask = speckle((5, 40, 43)), np.ones((5, 40, 43), np.uint8)
    power[3:, 10:20, 10:20] *= 0.1
    mask[:, :7, :7] = 0
    mask[2, 5:] = 255  # hardly anything left on the third date
    one = made({"HHHH": power}, mask, crids=["X05009", "X05010", "X05009", "X05009", "X05009"])
    one = one.looks(9.3, multilook=3).independent()
    maps, summary = one.change("HHHH", [day(0), day(2)], [day(3), day(4)], multilook=3)
    averaged = cell_means(np.where(mask == 1, power, np.nan), 3, whole=True)
    before, after = averaged[:2].mean(axis=0), averaged[3:].mean(axis=0)
    np.testing.assert_allclose(maps.log_ratio_db, 10 * np.log10(after / before), rtol=1e-4, atol=1e-4)
    of_cell = json.loads((one.folder / "looks.json").read_text())["HHHH"]["looks_multilooked"]
    looks = 2 * of_cell * shares(np.where(mask == 1, power, np.nan)[[0, 1, 3, 4]], 3, 9.3)
    freedom, ratio = 2 * looks, after / before
    law = f(freedom, freedom)
    np.testing.assert_allclose(maps.se_db, 4.342945 * np.sqrt(4 / freedom), rtol=1e-3)
    p = 2 * np.minimum(law.cdf(ratio), law.sf(ratio))
    np.testing.assert_allclose(maps.p_value, p, rtol=1e-3, atol=1e-30)
    change = np.where(np.isnan(p), NO_DATA, np.where(p < 0.01, np.sign(after - before), 0))
    np.testing.assert_array_equal(maps.change, change)
    assert maps.change.dtype == np.int8 and (change == NO_DATA).any()
    assert set(np.unique(maps.n_before)) == {0, 2} and set(np.unique(maps.n_after)) == {0, 2}
    assert (summary["pixels"], summary["up"]) == (np.isfinite(p).sum(), (change == 1).sum())
    assert summary["down"] == (change == -1).sum() > 8
    assert summary["expected_false_alarms"] == pytest.approx(0.01 * summary["pixels"])
    assert (summary["looks_before"], summary["looks_after"]) == pytest.approx((2 * of_cell, 2 * of_cell))
    assert summary["dates_left_out"] == day(2) and summary["significance"] == 0.01
    assert summary["crids_before"] == ["X05009", "X05010"] and summary["maturities_after"] == ["BETA"]
    assert "X05010 on 1 date before" in summary["warning"] and maps.attrs["warning"] == summary["warning"]
    assert maps.attrs["significant_after_bh"] == summary["significant_after_bh"] <= summary["up"] + summary["down"]


@pytest.mark.parametrize("shape", [(7, 900), (12, 900), (31, 400), (60, 300)])
def test_false_alarms_of_cells_in_small_areas(made, shape, caplog):
    """Looks are given, and neighbours share speckle: 1 % at most, also where no block tells the correlation."""
    rng = np.random.default_rng(21)
    power = 0.1 * drawn(rng, 9.3, (4, *shape), correlated=True)
    one = made({"HHHH": power}).looks(9.3, multilook=3)
    maps, summary = one.change("HHHH", [day(0), day(0)], [day(1), day(1)], multilook=3)
    assert (maps.change.values[maps.change.values != NO_DATA] != 0).mean() < 0.03
    history, _ = one.history(multilook=3)
    assert (history.p_value.values < 0.01).mean() < 0.03
    unknown = shape[0] < 8
    caution = "a cell of 3 x 3 samples counts with the looks of one"
    looks = json.loads((one.folder / "looks.json").read_text())["HHHH"]
    assert (looks["looks_multilooked"] == 9.3) == unknown
    for said in (looks["method"], summary["warning"], maps.attrs["warning"], history.attrs["warning"], caplog.text):
        assert (caution in said) == unknown


@pytest.mark.parametrize(("multilook", "cell_dates"), [(1, 14), (3, 1)])
def test_samples_that_are_not_positive(made, multilook, cell_dates, caplog):
    """Nine samples below 0 fill a cell and five do not; a masked one and a date left out do not matter."""
    caplog.set_level("INFO")
    power, mask = speckle((5, 60, 60)), np.ones((5, 60, 60), np.uint8)
    power[1, 3:6, 3:6] = -0.001
    power[3, 9, 9:14] = [-0.001, -0.001, -0.01, -0.02, -0.001]
    power[3, 30, 30], mask[3, 30, 30] = -0.001, 0
    power[4, 0], mask[4, :40] = -0.001, 0
    power[4, 50] = -0.001  # on the date left out
    one = made({"HHHH": power}, mask).looks(9.3, multilook=multilook).independent()
    maps, summary = one.change("HHHH", [day(0), day(1)], [day(2), day(4)], multilook=multilook)
    history, _ = one.history(multilook=multilook)
    averaged = cell_means(np.where(mask == 1, power, np.nan), multilook, whole=True)[:4]
    assert (averaged <= 0).sum() == cell_dates
    valid = np.where(averaged > 0, averaged, np.nan)
    ratio = np.nanmean(valid[2:], axis=0) / np.nanmean(valid[:2], axis=0)
    np.testing.assert_allclose(maps.log_ratio_db, 10 * np.log10(ratio), atol=1e-4)
    np.testing.assert_array_equal(maps.n_before, np.isfinite(valid[:2]).sum(axis=0))
    known = Dates({"HHHH": np.array(history.attrs["looks"]["HHHH"])})
    share = {
        "HHHH": np.ones(valid.shape[1:]) if multilook == 1 else shares(np.where(mask == 1, power, np.nan)[:4], 3, 9.3)
    }
    wanted = history_of({"HHHH": valid.astype("f4")}, known, Rule(0.01), share)
    np.testing.assert_allclose(history.p_value, wanted.p_value, rtol=1e-4)
    assert (summary["samples_not_positive"], summary["cell_dates_not_positive"]) == (14, cell_dates)
    assert history.attrs["samples_not_positive"] == {"HHHH": 14}
    assert history.attrs["cell_dates_not_positive"] == {"HHHH": cell_dates}
    said = (
        f"HHHH: 14 samples are 0 or below, and count in means; {cell_dates} means of a cell are, and count in no test"
    )
    assert caplog.text.count(said) == 2


def test_area_is_that_of_whole_cells(made):
    """Cells that the edge cuts off have fewer looks than the others: they are not tested."""
    power = speckle((2, 40, 43))
    power[1] *= 0.01
    one = made({"HHHH": power}).looks(9.3, multilook=3)
    _, summary = one.change("HHHH", [day(0), day(0)], [day(1), day(1)], multilook=3)
    assert (summary["pixels"], summary["down"]) == (13 * 14, 13 * 14)
    assert summary["down_km2"] == pytest.approx(13 * 14 * 0.06 * 0.06)


def test_a_last_day_is_included(made):
    """Dates are in the evening, in UTC."""
    one = made({"HHHH": speckle((3, 40, 40))}).looks(9.3)
    _, summary = one.change("HHHH", [day(0), day(1)], [day(2), day(2)])
    assert [time[:10] for time in summary["dates_before"]] == [day(0), day(1)]


FUTURE, PAST = ["2026-02-01", "2026-02-02"], ["2024-02-01", "2024-02-02"]


@pytest.mark.parametrize(
    ("before", "after", "dates", "named"),
    [
        ([day(0), day(1)], FUTURE, (2, 0), ["after (2026-02-01 to 2026-02-02)"]),
        (PAST, [day(2), day(2)], (0, 1), ["before (2024-02-01 to 2024-02-02)"]),
        (PAST, FUTURE, (0, 0), ["before", "after"]),
        ([day(0), day(0)], [day(3), day(3)], (1, 0), ["after"]),  # its date has no valid sample
    ],
)
@pytest.mark.parametrize("multilook", [1, 3])
def test_a_period_without_a_date_yet(made, before, after, dates, named, multilook, caplog):
    """Empty maps that say why, with figure and page; the looks may be unknown, as of a single date."""
    mask = np.ones((4, 20, 25), "u1")
    mask[3] = 0
    one = made({"HHHH": speckle((4, 20, 25))}, mask).looks(multilook=multilook)
    maps, summary = one.change("HHHH", before, after, multilook=multilook)
    assert (maps.change == NO_DATA).all() and maps.p_value.isnull().all() and maps.log_ratio_db.isnull().all()
    found = len(summary["dates_before"]), len(summary["dates_after"])
    assert found == dates and not maps.n_before.any() and not maps.n_after.any()
    assert (summary["pixels"], summary["up"], summary["expected_false_alarms"]) == (0, 0, 0)
    text = ChangeOnPage.of(one.folder / "HHHH.json").text
    figure = draw_change(maps, summary, **one.without_patches, title="x")
    for said in (caplog.text, summary["warning"], maps.attrs["warning"], text, " ".join(words(figure).split())):
        assert "no usable date" in said and f"usable are {day(0)}" in said and all(name in said for name in named)
    assert "differs" not in summary["warning"]  # nothing to compare releases with
    assert "no pixel could be tested" in text and "none could be tested" in " ".join(words(figure).split())


@pytest.mark.parametrize("valid", [[], [0], [2]])
def test_a_history_of_less_than_two_dates(made, valid, caplog):
    mask = np.zeros((3, 20, 25), "u1")
    mask[valid] = 1
    one = made({"HHHH": speckle((3, 20, 25)), "HVHV": speckle((3, 20, 25))}, mask).looks()
    maps, table = one.history()
    assert maps.p_value.isnull().all() and maps.n_changes.isnull().all() and maps.first_change.isnull().all()
    assert table.empty and maps.sizes["interval"] == 0 and maps.attrs["pixels"] == 0
    said = f"it takes two usable dates; of 3, {len(valid)} can be used"
    assert said in caplog.text and said in maps.attrs["warning"]
    assert said in " ".join(
        words(draw_history(store.open_store(one.folder / "history.zarr"), **one.without_patches, title="x")).split()
    )


def test_history_is_that_of_the_blocks(made, monkeypatch):
    """Polarizations that alternate; a date left out; several blocks."""
    monkeypatch.setattr("gcov.analysis.cube.BUDGET", 1 << 16)
    codes = ["DHDH", "SHSH", "DHDH", "SHSH", "DHDH", "DHDH"]
    power = {"HHHH": speckle((6, 70, 80)), "HVHV": speckle((6, 70, 80), seed=2)}
    power["HHHH"][3:, :20, :20] *= 4
    power["HVHV"][4:, :20, :20] *= 0.2
    power["HVHV"][[1, 3]] = np.nan
    mask = np.ones((6, 70, 80), np.uint8)
    mask[2, 10:] = 0
    mask[:, 60:] = 0
    given = {"DHDH": 9.3, "SHSH": 4.6}
    one = made(power, mask, ["X05009"] * 5 + ["X05010"], codes).looks(given).independent()
    maps, table = one.history()
    few = [0, 1, 3, 4, 5]
    power = {term: np.where(mask == 1, values, np.nan)[few] for term, values in power.items()}
    weights = np.array([given[codes[date]] for date in few])
    power = {term: values.astype("f4") for term, values in power.items()}
    wanted = history_of(power, Dates(dict.fromkeys(power, weights)), Rule(0.01))
    np.testing.assert_allclose(maps.p_value, wanted.p_value, rtol=1e-5)
    np.testing.assert_array_equal(maps.n_changes.fillna(NO_COUNT), wanted.n_changes)
    assert (wanted.n_changes == NO_COUNT).sum() == 10 * 80
    np.testing.assert_array_equal(maps.direction, wanted.direction)
    times = np.array([np.datetime64(FIRST + timedelta(days=12 * date)) for date in few], "datetime64[s]")
    for name, index in {"first": wanted.first, "last": wanted.last, "largest": wanted.largest}.items():
        dates = np.where(index == NEVER, np.datetime64("NaT"), times[index])
        np.testing.assert_array_equal(maps[f"{name}_change"].values.astype("datetime64[s]"), dates)
    assert maps.term.values.tolist() == ["HHHH", "HVHV"]
    np.testing.assert_array_equal(maps.interval.values, times[1:])
    np.testing.assert_array_equal(maps.interval_start.values, times[:-1])
    assert table["term"].tolist() == ["HHHH"] * 4 + ["HVHV"] * 4
    np.testing.assert_array_equal(table["start"][:4], times[:-1])
    np.testing.assert_array_equal(table["end"][4:], times[1:])
    for sign, name in ((1, "up_km2"), (-1, "down_km2")):
        np.testing.assert_allclose(table[name], (wanted.direction == sign).sum(axis=(2, 3)).ravel() * 4e-4)
    assert table["up_km2"][1] > 200 * 4e-4 and table["down_km2"][5] > 200 * 4e-4  # HVHV was not there in between
    assert maps.attrs["looks"]["HHHH"] == [9.3, 4.6, 4.6, 9.3, 9.3] and maps.attrs["looks"]["HVHV"] == [9.3, 9.3, 9.3]
    assert maps.attrs["expected_false_alarms"] == pytest.approx(0.01 * 60 * 80)
    assert maps.attrs["warning"].startswith("CRID changes within the series (X05009 on 4 dates, X05010 on 1 date)")
    assert maps.attrs["dates_left_out_HHHH"] == day(2)
    seen = words(draw_history(maps, **one.without_patches, title="x")).replace("\n", " ")
    assert f"left out for too few valid samples of HHHH, HVHV: 1 ({day(2)})" in seen
    assert f"left out because the granule has no HVHV: 2 ({day(1)}, {day(3)})" in seen


def test_a_change_names_the_dates_left_out_and_why(made):
    """Too few samples, and no such term; each also where it is the only reason."""
    power = {"HVHV": speckle((6, 40, 40))}
    power["HVHV"][[1, 4]] = np.nan
    power["HVHV"][2, 5:] = np.nan
    for codes, few, lacking in (
        (["DHDH", "SHSH", "DHDH", "DHDH", "SHSH", "DHDH"], day(2), f"{day(1)}, {day(4)}"),
        (["DHDH"] * 6, f"{day(1)}, {day(2)}, {day(4)}", ""),
        (["DHDH", "SHSH", "SHSH", "DHDH", "SHSH", "DHDH"], "", f"{day(1)}, {day(2)}, {day(4)}"),
    ):
        one = made(power, codes=codes, name=lacking or "none").looks({"DHDH": 9.3, "SHSH": 4.6})
        maps, summary = one.change("HVHV", [day(0), day(2)], [day(3), day(5)])
        seen = words(draw_change(maps, summary, **one.without_patches, title="x")).replace("\n", " ")
        assert (f"too few valid samples: {few.count('-') // 2} ({few})" in seen) == bool(few)
        assert (f"has no HVHV: {lacking.count('-') // 2} ({lacking})" in seen) == bool(lacking)
        assert summary.get("dates_without_HVHV", "") == lacking.replace(",", "")


def test_shared_speckle_is_refused_unless_looks_are_given(made):
    """One take scaled: its ratios do not vary. Statistics are made, without what needs looks."""
    take = speckle((1, 70, 70))
    one = made({"HHHH": take * np.array([1, 0.81, 1.21, 0.49])[:, None, None]}).looks()
    for product in (one.history, lambda: one.change("HHHH", [day(0), day(1)], [day(2), day(3)])):
        with pytest.raises(GcovError, match="looks:"):
            product()
    statistics = one.statistics()
    assert statistics.excess_cv.isnull().all() and statistics.cv.notnull().all()
    assert statistics.attrs["warning"].startswith("excess_cv is empty: no number of looks (the dates have one speckle")
    maps, _ = one.looks(9.3).history()
    assert np.isfinite(maps.p_value).all()


def test_the_felled_stand_is_found(made):
    """Between the third and the fourth date, at the right place and of the right size, by the landscape's truth."""
    valley = landscape((300, 300))
    scenes = [valley.scene(12 * date) for date in range(5)]
    power = {term: np.array([terms[term] for terms, _ in scenes]) for term in ("HHHH", "HVHV")}
    mask = np.array([mask for _, mask in scenes])
    one = made(power, mask).looks()
    maps, table = one.history()
    felled = valley.felled & np.isfinite(maps.p_value.values)
    assert felled.sum() > 1000
    after = np.datetime64(FIRST + timedelta(days=36))
    assert 24 < CLEARED_ON <= 36
    found = maps.first_change.values == after
    assert found[felled].mean() > 0.94
    assert found[~valley.felled].mean() < 0.01
    rows = table[table["end"] == after]
    hh, hv = rows["down_km2"]
    assert hv == pytest.approx(felled.sum() * 4e-4, rel=0.1) and 0.6 * hv < hh < hv, "HH fell by less"
    changed, summary = one.change("HVHV", [day(0), day(2)], [day(3), day(4)])
    assert (changed.change.values[felled] == -1).mean() > 0.99
    by_chance = summary["expected_false_alarms"] / 2 * 4e-4
    assert summary["down_km2"] - by_chance == pytest.approx(felled.sum() * 4e-4, rel=0.1)


def test_filtered(made, monkeypatch):
    """Samples as by the formula, tile by tile; the gain in its attributes; radiometry kept."""
    for name, size in (("gcov.stores.store.CHUNK", 50), ("gcov.stores.store.SHARD", 100), ("filtered.ROWS", 50)):
        monkeypatch.setattr(name, size)
    power, mask = speckle((6, 230, 250)), np.ones((6, 230, 250), np.uint8)
    mask[:, 200:, 200:] = 0
    mask[2, 20:40, 20:40] = 255
    one = made({"HHHH": power}, mask).looks()
    output = one.folder / "filtered.zarr"
    filtered(**one.inputs, window=5, output=output)
    got = xr.open_zarr(output)
    valid = np.where(mask == 1, power, np.nan).astype("f4")
    means = np.array([multitemporal.local_mean(image, 5) for image in valid])
    ratio = np.ma.masked_invalid(valid / means).mean(axis=0).filled(np.nan)
    np.testing.assert_allclose(got.HHHH, means * ratio, rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(got.HHHH), mask != 1)
    assert float(got.HHHH.mean()) == pytest.approx(np.nanmean(valid), rel=0.002)
    assert got.attrs["gain_predicted_HHHH"] == pytest.approx(6 * 25 / 30, rel=0.05)
    assert got.attrs["gain_measured_HHHH"] == pytest.approx(6 * 25 / 30, rel=0.15)


def test_the_workflow_makes_what_is_asked_for(analysis, aoi):
    """And nothing else of it."""
    changes = {"step": {"before": [day(0), day(1)], "after": [day(2), day(3)]}}
    asked = {"changes": changes, "change_history": True, "filter_window": 3, "looks": 9.3}
    listed = analysis.configure({"aois": {"a": {**aoi, **asked}, "b": aoi}, "basemap": None}).run("-n")
    rules = ["change", "change_history", "change_patches", "patches_of_change", "filtered"]
    made = [line.split() for line in listed.splitlines() if line.split()[:1] in [[rule] for rule in rules]]
    assert {line[0]: line[1] for line in made} == dict.fromkeys(rules, "1")


# ---- what is taken to have stayed the same


@pytest.fixture
def seasonal(made, tmp_path):
    """Six dates on which the whole scene moves by -2 to +3 dB, and a square that falls by 6 dB at the fourth."""
    moves = np.array([0, 3.0, -1, 1, -2, 2])
    power = speckle((6, 120, 120), looks=30) * 10 ** (moves / 10)[:, None, None]
    power[3:, 20:50, 20:50] *= 10**-0.6
    one = made({"HHHH": power}).looks(30, multilook=3).independent()
    shapes = {"forest": rectangle(60, 120, 60, 120), "shed": rectangle(60, 65, 60, 65)}
    return one, moves, str(zone_file(tmp_path / "zones.gpkg", shapes))


def test_a_season_is_not_change_with_a_reference(seasonal):
    one, moves, zones = seasonal
    plain, table = one.history(multilook=3)
    assert (plain.n_changes > 0).mean() > 0.9 and "the whole area moved by 5.0 dB" in plain.attrs["warning"]
    np.testing.assert_allclose(table["median_db"], np.diff(moves), atol=0.1)
    assert plain.attrs["median_range_db"]["HHHH"] == pytest.approx(5, abs=0.1)
    for reference, errors in (({"zone": "forest"}, 400), ("scene", 1600)):
        maps, _ = one.history(multilook=3, change_reference=reference, zones=zones)
        felled = (maps.largest_change.values == np.datetime64(FIRST + timedelta(days=36)))[7:16, 7:16]
        assert felled.mean() > 0.95 and (maps.n_changes.values[17:] > 0).mean() < 0.02
        step = maps.largest_step_db.values[0, 7:16, 7:16]
        assert np.nanmean(step) == pytest.approx(-6, abs=0.2)
        gains = np.array(maps.attrs["gain_db"]["HHHH"])
        np.testing.assert_allclose(gains, moves - moves.mean(), atol=0.1)
        of_cell = maps.attrs["looks"]["HHHH"][0]
        expected = 4.342945 * np.sqrt(np.pi / 2 / (errors * of_cell))
        assert maps.attrs["gain_se_db"]["HHHH"][0] == pytest.approx(expected, rel=0.05)
        assert "moved" not in maps.attrs["warning"]


def test_a_reference_needs_cells(seasonal):
    one, _, zones = seasonal
    with pytest.raises(GcovError, match=r"shed has \d+ cells of HHHH that count in full .* 100 or more. 20\d\d-"):
        one.history(multilook=1, change_reference={"zone": "shed"}, zones=zones)
    with pytest.raises(GcovError, match="there is no zone 'wood'; zones are forest, shed"):
        one.change("HHHH", [day(0), day(2)], [day(3), day(5)], change_reference={"zone": "wood"}, zones=zones)


def test_two_periods_with_a_reference_and_a_least_change(seasonal):
    one, _, zones = seasonal
    plain, summary = one.change("HHHH", [day(1), day(1)], [day(4), day(4)], multilook=3)
    assert summary["median_db"] == pytest.approx(-5, abs=0.1) and "the whole area fell by 5.0 dB" in summary["warning"]
    everywhere = (plain.change.values == -1).mean()
    options = {"multilook": 3, "change_reference": {"zone": "forest"}, "zones": zones}
    maps, summary = one.change("HHHH", [day(1), day(1)], [day(4), day(4)], **options)
    assert (maps.change.values[7:16, 7:16] == -1).mean() > 0.95 and abs(summary["median_db"]) < 0.1
    assert "fell" not in summary["warning"] and everywhere > 0.95
    maps.load()
    least, _ = one.change("HHHH", [day(1), day(1)], [day(4), day(4)], min_change_db=5.9, **options)
    np.testing.assert_array_equal(least.p_value, maps.p_value)
    assert (least.change.values[7:16, 7:16] == -1).mean() < 0.05


def test_what_is_not_used_is_stated(made):
    """Texture in the cells, and scattered invalid samples, which cost whole cells."""
    texture = np.where(np.arange(90) % 3, 0.5, 3)[None, None, :]
    mask = np.where(np.random.default_rng(4).random((5, 90, 90)) < 0.05, 0, 1).astype(np.uint8)
    one = made({"HHHH": speckle((5, 90, 90)) * texture}, mask).looks(9.3, multilook=3).independent()
    maps, summary = one.change("HHHH", [day(0), day(1)], [day(2), day(4)], multilook=3)
    assert summary["cell_dates_lost"] == pytest.approx(1 - 0.95**9, abs=0.03)
    expected = 4**2 / (3 * (9 + 0.25 + 0.25))  # (sum mu)^2 / (n sum mu^2) over a row of a cell
    assert summary["looks_share_median"] == pytest.approx(expected, rel=0.03)
    assert np.nanmedian(maps.looks_share) == pytest.approx(summary["looks_share_median"], rel=1e-3)
    assert summary["speckle"]["DHDH"]["from"] == "configuration" and summary["speckle"]["DHDH"]["looks"] == 9.3


def test_speckle_explains_the_variation_of_cells_over_texture(made):
    """Without change, half of the cells vary more than speckle explains and half less, texture or not."""
    texture = np.exp(np.random.default_rng(6).normal(0, 0.8, (1, 300, 300)))
    power = speckle((12, 300, 300)) * texture
    one = made({"HHHH": power}).looks(9.3, multilook=3).independent()
    excess = one.statistics(multilook=3).excess_cv.values
    assert 0.38 < (excess > 0).mean() < 0.5
