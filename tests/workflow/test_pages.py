"""The pages without a browser: encoded images, warnings, sizes, and when pages are made."""

import base64
import json
import re
import tracemalloc
import zlib
from collections import Counter

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
import xarray as xr
from explore import explore as explore_aoi
from helpers import BBOX, EPSG, NORTH, WEST, cell_means, memory_stack, summary_of

from gcov.analysis.multilook import image_of
from gcov.cautions import empty_values
from gcov.errors import GcovError
from gcov.figures.series import mean_series
from gcov.figures.zones import zones as draw_zones
from gcov.pages import explore, index, notes, pixels
from gcov.pages.change import Changed, ChangeOnPage, HistoryOnPage, PatchesOnPage, few_corners, rings
from gcov.pages.charts import Tables, charts
from gcov.stores import store
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack
from gcov.tables import read_zone_changes

DAYS = pd.to_datetime(["2025-11-23", "2025-12-05", "2025-12-17", "2025-12-29"])


def speckle(dates: int = 3, ny: int = 37, nx: int = 50, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Power (time, y, x) with NaN and zero in it, and a mask of valid and other samples."""
    rng = np.random.default_rng(seed)
    power = rng.gamma(4, 0.02, (dates, ny, nx)).astype("f4")
    power[:, :3] = np.nan
    power[:, 5, :4] = 0
    mask = np.ones((dates, ny, nx), "u1")
    mask[:, :, -9:] = 0
    mask[:, :, -5:] = 255
    return power, mask


def averaged(power: np.ndarray, mask: np.ndarray, looks: int) -> np.ndarray:
    """Cell by cell, in float64."""
    return cell_means(np.where((mask >= 1) & (mask <= 254), power, np.nan), looks)


def series_of(stack, terms) -> dict[str, pd.DataFrame]:
    tables = {term: summary_of(stack, term) for term in terms}
    return {term: table.assign(time=pd.to_datetime(table["time"])) for term, table in tables.items()}


def page_of(stack, terms, **options) -> str:
    granules = pd.DataFrame({"name": ["A", "B"], "kept": ["true", "false"], "reason": ["", "superseded by A"]})
    given = {"zones": (), "changed": Changed(), "products": [], "origin": {}, "megabytes": 24, "shown_db": {}}
    return explore.page(
        Stack(stack, valid_samples_only=True),
        Tables(series_of(stack, terms), {}, None, 0.5),
        granules,
        **(given | options),
    )


def test_names_stand_on_the_page_as_written():
    """Those of zones, and what else comes from files; none ends the script or a tag."""
    names = ["<b>x</b>", "</script><script>alert(1)", "<!--", "{{images}}", "a & \"b\" 'c'", "甲 🌾", "&lt;", "\u2028"]
    power, mask = speckle()
    stack = memory_stack({"HHHH": power}, mask, crid=["</script><b>"] * 3, granule=["<i>G"] * 3)
    series = series_of(stack, ["HHHH"])
    rows = {"HHHH": pd.concat([series["HHHH"].assign(zone=name) for name in names], ignore_index=True)}
    zones = [(name, shapely.box(0, 0, 1, 1)) for name in names]
    more = {"products": [("{{facts}}", "w<o", ['{{facts}}"b<c'])], "origin": {}, "changed": Changed(), "shown_db": {}}
    granules = pd.DataFrame({"name": ["{{facts}}"], "kept": ["false"], "reason": ["<i>"]})
    tables = Tables(series, rows, None, 0.5)
    page = explore.page(Stack(stack, valid_samples_only=True), tables, granules, zones=zones, megabytes=24, **more)
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', page)[1])
    assert [zone["name"] for zone in facts["zones"]] == names
    assert [line["name"].partition(" (zone, ")[0] for line in facts["charts"]["HHHH"]["lines"][1:]] == names
    assert page.count("{{facts}}") == 4  # a product, its file twice, a granule
    assert not any(raw in page for raw in ("<b>x", "<!--", "</script><b>", "<i>G", "b<c", "w<o"))


@pytest.mark.parametrize(
    ("power", "reason"),
    [
        (np.full((1, 40, 40), 0.1), "no n_effective and no se_db (one date alone: there is nothing to compare"),
        (np.random.default_rng(1).gamma(4, 0.02, (2, 7, 40)), "no n_effective and no se_db (no block of 8 x 8 samples"),
        (np.full((3, 40, 40), 0.1), "no n_effective and no se_db (the dates have one speckle: their ratios do"),
        (np.random.default_rng(2).gamma(4, 0.02, (2, 40, 40)) - 9 * (np.indices((2, 40, 40))[1] > 34),
         "no se_db (the mean is 0 or below)"),
    ],
)  # fmt: skip
def test_why_values_are_empty_is_in_the_table_the_figures_and_the_page(power, reason):
    stack = memory_stack({"HHHH": power.astype("f4")}, np.ones(power.shape, "u1"))
    series = series_of(stack, ["HHHH"])
    assert series["HHHH"][["se_db", "noise_db"]].isna().all(axis=None)
    options = {"term": "HHHH", "frequency": "A", "title": "", "min_valid_fraction": 0.5}
    drawn = (
        mean_series(series["HHHH"], **options),
        draw_zones(series["HHHH"].assign(zone="field"), posting=20, **options),
    )
    notes = [" ".join(text.get_text() for text in figure.texts).replace("\n", " ") for figure in drawn]
    for said in (series["HHHH"]["why_empty"][0], *notes, page_of(stack, ["HHHH"])):
        assert reason in said and "no noise_db (the fragment does not say why)" in said


def test_reasons_are_counted_and_not_repeated():
    words = ["a", "", "b", "a", "c", "d", "e"]
    zones = [pd.DataFrame({"time": range(7), "why_empty": words, "zone": zone}) for zone in ("x", "y")]
    said = ["2 of 7 dates: a", "1 of 7 dates: b", "1 of 7 dates: c", "2 further reasons in the column why_empty"]
    assert empty_values(pd.concat(zones)) == said
    assert empty_values(zones[0].assign(why_empty="a")) == ["a"]


@pytest.mark.parametrize("looks", [1, 2, 3, 5, 64])
def test_cells_are_averages_of_whole_looks_in_power(looks):
    power, mask = speckle()
    found = image_of(Stack(memory_stack({"HHHH": power}, mask), valid_samples_only=True), "HHHH", 1, looks)[0]
    np.testing.assert_allclose(found, averaged(power[1], mask[1], looks), rtol=1e-5)


def test_cells_of_a_stack_larger_than_a_band_of_rows():
    """Bands of rows end where cells do, whatever the looks: 1100 rows are read in three bands."""
    power, mask = speckle(1, 1100, 20)
    found = image_of(Stack(memory_stack({"HHHH": power}, mask), valid_samples_only=True), "HHHH", 0, 3)[0]
    np.testing.assert_allclose(found, averaged(power[0], mask[0], 3), rtol=1e-5)


def unpacked(text: str, shape: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "u1").reshape(shape).astype(int)


@pytest.mark.parametrize("looks", [1, 2])
def test_the_page_holds_every_cell_to_an_eighth_of_a_db(looks):
    power, mask = speckle()
    stack = Stack(memory_stack({"HHHH": power}, mask), valid_samples_only=True)
    images = pixels.encoded_term(stack, "HHHH", looks)
    wanted = np.array([averaged(power[date], mask[date], looks) for date in range(3)])
    shape = wanted.shape[1:]
    base = unpacked(images.texts["mean"], shape)
    for date in range(3):
        apart = unpacked(images.texts[date], shape)
        byte = (base + apart - 1) % 255  # 0 stands for 255
        db = images.low + 0.25 * (np.where(byte == 0, 255, byte) - 1)
        seen = apart > 0
        np.testing.assert_array_equal(seen, np.isfinite(wanted[date]))
        positive = seen & (wanted[date] > 0)
        np.testing.assert_allclose(db[positive], 10 * np.log10(wanted[date][positive]), atol=0.1251)
        assert (db[seen & (wanted[date] == 0)] == images.low).all()
    positive = wanted[wanted > 0]
    assert images.low == pytest.approx(10 * np.log10(np.quantile(positive, 0.0005)) - 2, abs=0.3)
    assert images.stretch == pytest.approx(10 * np.log10(np.quantile(positive, [0.05, 0.95])), abs=0.1)


def test_bytes_at_the_ends_of_the_scale():
    power = np.array([[np.nan, 0.0, 1e-9, 1e9, 10**-2.0]], "f4")
    assert pixels.codes(pixels.steps_of(power, to_db(power)), -30.0).tolist() == [[0, 1, 1, 255, 41]]
    image, base = np.array([[0, 1, 255, 3]], "u1"), np.array([[9, 255, 1, 3]], "u1")
    assert pixels.difference(image, base).tolist() == [[0, 2, 255, 1]]


def test_the_page_is_within_its_budget_with_the_fewest_looks():
    power, mask = speckle(6, 400, 500)
    stack = memory_stack({"HHHH": power, "HVHV": power / 8}, mask)
    page = page_of(stack, ["HHHH", "HVHV"], megabytes=0.5)
    assert len(page.encode()) <= 500_000
    looks = json.loads(re.search(r'id="facts">(.*?)</script>', page)[1])["grid"]["looks"]
    assert looks > 1

    def size(looks: int) -> int:
        counted = Stack(stack, valid_samples_only=True)
        return sum(pixels.encoded_term(counted, term, looks).size for term in ("HHHH", "HVHV"))

    assert len(page.encode()) - size(looks) + size(looks - 1) + 10_000 > 500_000  # 10 kB are in reserve
    assert f"cells of {looks} x {looks} samples ({20 * looks} m)" in page


def test_each_date_is_read_once(monkeypatch):
    power, mask = speckle(6, 400, 500)
    stack = memory_stack({"HHHH": power, "HVHV": power / 8}, mask)
    read = Counter()

    def counted(self, term, region, one=Stack.power_and_lost):
        read[term, int(region["time"].start)] += 1
        return one(self, term, region)

    monkeypatch.setattr(Stack, "power_and_lost", counted)
    pixels.encoded(Stack(stack, valid_samples_only=True), ["HHHH", "HVHV"], lambda side: {}, room=24e6)
    assert read == {(term, date): 1 for term in ("HHHH", "HVHV") for date in range(6)}


def test_a_budget_that_holds_nothing_is_named():
    stack = memory_stack({"HHHH": speckle()[0]}, speckle()[1])
    with pytest.raises(GcovError, match="explore_megabytes"):
        page_of(stack, ["HHHH"], megabytes=0.01)


def test_holes_are_part_of_the_outline():
    """Those of the AOI and of its zones, in samples from the north-west corner."""
    power, mask = speckle()
    stack = memory_stack({"HHHH": power}, mask)
    left, bottom, right, top = store.bounds(stack)
    shape = shapely.box(left, bottom, right, top) - shapely.box(left + 100, bottom + 100, left + 200, bottom + 200)
    outer, hole = rings(shape, stack)
    assert (len(outer), len(hole)) == (5, 5) and np.ptp(hole, axis=0).tolist() == [5, 5]


def series(**columns) -> pd.DataFrame:
    facts = {"granule": "G", "crid": "P05023", "maturity": "PROVISIONAL", "n_valid": 100, "polarizations": "DHDH"}
    facts |= {"noise_db": np.nan, "why_empty": ""}
    return pd.DataFrame({"time": DAYS, **facts, "mean_db": -10.0, **columns})


def test_nothing_is_warned_of_where_nothing_is_wrong():
    assert notes.warnings({"HHHH": series()}, {"frequency": "A"}, 0.5) == []


def test_warnings_name_the_term_where_terms_differ():
    few, none = series(n_valid=[100, 49, 100, 100]), series(n_valid=[100, 50, 0, 100])
    assert notes.warnings({"HHHH": few, "HVHV": none}, {"frequency": "A"}, 0.5) == [
        "HHHH: less than 50 % of the best date's samples on 2025-12-05: a different area",
        "HVHV: no valid sample on 2025-12-17",
    ]


def test_the_known_gap_is_named():
    days = pd.to_datetime(["2026-07-03", "2026-07-15", "2026-07-27", "2026-08-20", "2026-09-01"])
    found = series().reindex(range(5), method="ffill").assign(time=days)
    assert notes.warnings({"HHHH": found}, {"frequency": "A"}, 0.5) == [
        "no date between 2026-07-27 and 2026-08-20; the instrument was off from 2026-07-27 to 2026-08-10"
    ]


def test_dates_without_the_term_are_no_dates_without_samples():
    """HV every other pass, once without a valid sample."""
    table = series(polarizations=["DHDH", "SHSH"] * 2, n_valid=[100, 0, 0, 0])
    assert notes.warnings({"HVHV": table}, {"frequency": "A"}, 0.5) == [
        "2 dates without HVHV",
        "no valid sample on 2025-12-17",
    ]
    chart = charts(Tables({"HVHV": table}, {}, None, 0.5), [], "A")["HVHV"]
    assert (chart["held"], chart["gaps"]) == ([0, 2], [])


def test_a_ratio_is_that_of_the_means_and_is_named_by_its_terms():
    tables = {"VVVV": series(mean_db=[-9, -8, np.nan, -7]), "VHVH": series(mean_db=[-15.5, -16, -17, -18])}
    found = charts(Tables(tables, {}, None, 0.5), [], "A")
    assert list(found) == ["VVVV", "VHVH", "VHVH/VVVV"]
    assert found["VHVH/VVVV"]["lines"][0]["values"] == [-6.5, -8, None, -11]


def change_of(change: np.ndarray, multilook: int) -> ChangeOnPage:
    return ChangeOnPage("name", "HHHH", {"multilook": multilook}, xr.Dataset({"change": (("y", "x"), change)}))


@pytest.mark.parametrize("looks", [1, 2, 3, 20])
@pytest.mark.parametrize(
    ("shape", "multilook"),
    [
        ((41, 100), 10),
        ((16, 16), 5),
        ((1, 7), 3),
        ((9, 1), 2),
        ((1, 1), 4),
        ((23, 5), 7),
        ((1100, 3), 9),
        ((80, 81), 1),
    ],
)
def test_a_change_lies_over_the_samples_that_it_was_found_in(shape, multilook, looks):
    """Sample by sample, for areas of few samples, not a multiple of the multilook, or of several bands of rows."""
    size = [-(-side // multilook) for side in shape]
    change = np.random.default_rng(3).choice(np.array([-1, 0, 1, -128], "i1"), size)
    wanted = np.zeros([-(-side // looks) for side in shape], "u1")
    for row, col in np.ndindex(*wanted.shape):
        rows, cols = (range(n * looks, min((n + 1) * looks, side)) for n, side in zip((row, col), shape))
        found = [change[y // multilook, x // multilook] for y in rows for x in cols]
        tested = len(found) - found.count(-128)
        if tested:
            wanted[row, col] = 1 if 2 * found.count(-1) >= tested else 3 if 2 * found.count(1) >= tested else 2
    np.testing.assert_array_equal(change_of(change, multilook).codes(shape, looks), wanted)


def test_a_change_is_read_in_parts():
    """Of a frame of 16,000 x 16,000 samples, blown up to single samples, it took gigabytes."""
    change = change_of(np.zeros((3000, 2000), "i1"), 1)
    change.codes((10, 10), looks=2)  # imports
    tracemalloc.start()
    change.codes((3000, 2000), looks=8)
    assert tracemalloc.get_traced_memory()[1] < 3000 * 2000 * 4
    tracemalloc.stop()


def history_of(shape: tuple[int, int], multilook: int) -> tuple[HistoryOnPage, dict[str, np.ndarray]]:
    """Maps of 300 dates with every kind of pixel, and the same as numbers: NaN without data, -1 without a change."""
    rng = np.random.default_rng(4)
    size = [-(-side // multilook) for side in shape]
    number = rng.choice([np.nan, 0, 1, 3], size)
    date = np.where(number > 0, rng.integers(1, 300, size), -1)
    step = np.where(number > 0, rng.normal(0, 6, (2, *size)), np.nan)
    step[1, 0] = np.nan  # a term that has no date on a side
    dates = np.datetime64("2025-01-01T05:06:07") + np.arange(300) * np.timedelta64(12, "D")
    when = np.where(date > 0, dates[date], np.datetime64("NaT"))
    maps = {"n_changes": number.astype("f4"), "largest_change": when.astype("M8[ns]"), "largest_step_db": step}
    dims = {2: ("y", "x"), 3: ("term", "y", "x")}
    axes = {"y": np.arange(size[0]), "x": np.arange(size[1]), "term": ["HHHH", "HVHV"]}
    axes |= {"interval": ("interval", dates[1:]), "interval_start": ("interval", dates[:-1])}
    data = xr.Dataset({name: (dims[values.ndim], values) for name, values in maps.items()}, axes)
    facts = {"multilook": multilook, "pixels": 9, "significance": 0.01, "expected_false_alarms": 0.1, "warning": ""}
    return HistoryOnPage(data.assign_attrs(facts)), {"number": number, "when": date, "step": step}


@pytest.mark.parametrize(("shape", "multilook", "side"), [((11, 17), 1, 1), ((11, 17), 3, 2), ((1100, 7), 1, 4)])
def test_a_history_is_drawn_at_the_centre_of_each_cell(shape, multilook, side):
    history, known = history_of(shape, multilook)
    found = history.codes(shape, side)
    assert list(found) == ["number", "when", "step-HHHH", "step-HVHV"]
    share = history.facts["share"]
    assert share == 2 and history.facts["days"][1] == "2025-01-13"
    for row, col in np.ndindex(*found["when"].shape):
        at = tuple(min(n * side + side // 2, of - 1) // multilook for n, of in zip((row, col), shape))
        number, when, steps = known["number"][at], known["when"][at], known["step"][:, *at]
        byte = {name: int(values[row, col]) for name, values in found.items()}
        assert byte["number"] == (0 if np.isnan(number) else 1 + number)
        assert byte["when"] == (0 if np.isnan(number) else 1 if number == 0 else 2 + when // share)
        for name, step in zip(("step-HHHH", "step-HVHV"), steps):
            if number > 0 and np.isfinite(step):
                assert (byte[name] - 128) / 10 == pytest.approx(np.clip(step, -12.6, 12.6), abs=0.0501)
            else:
                assert byte[name] == (number == 0)


def patches_in(folder, number: int, corners: int = 4) -> PatchesOnPage:
    """Squares of some corners on the grid of `memory_stack`, the largest first."""
    to_degrees = pyproj.Transformer.from_crs(EPSG, 4326, always_xy=True).transform
    features, rows = [], []
    for n in range(number):
        box = shapely.segmentize(shapely.box(WEST + 40, NORTH - 160, WEST + 100, NORTH - 40), 240 / corners)
        shape = shapely.transform(box, lambda xy: np.column_stack(to_degrees(*xy.T)))
        facts = {"id": f"20251205-{n}-1", "start": "2025-11-23T23:47:39", "end": "2025-12-05T23:47:39"}
        facts |= {"confirmed": n > 0, "newly_confirmed": n == 1, "releases_differ": n == 2, "direction": -1}
        facts |= {"area_ha": float(number - n), "step_db_HHHH": -3.0, "se_db_HHHH": 0.2, "step_db_HVHV": None}
        facts |= {"se_db_HVHV": None, "p_min": 1e-5, "zones": ["甲 <b>"]}
        geometry = json.loads(shapely.to_geojson(shape))
        features.append(json.dumps({"type": "Feature", "properties": facts, "geometry": geometry}))
        rows.append(facts["id"])
    head = json.dumps({"type": "FeatureCollection", "expected_by_chance": 0.2, "min_patch_ha": 1})[:-1]
    path = folder / "change_patches.geojson"
    path.write_text(head + ', "features": [\n' + ",\n".join(features) + "\n]}\n")
    path.with_suffix(".csv").write_text("id\r\n" + "".join(f"{row}\r\n" for row in rows))
    return PatchesOnPage("all dates", path)


def test_the_largest_patches_are_shown_and_the_others_counted(tmp_path):
    power, mask = speckle()
    stack = memory_stack({"HHHH": power}, mask)
    facts = patches_in(tmp_path, 10_000).facts(stack, 1e6)
    assert len(facts["rows"]) == 200
    assert facts["text"].endswith("The 200 largest are shown, 9,800 more are in change_patches.geojson.")
    assert facts["text"].startswith("10,000 patches of at least 1 ha; by chance alone at most 0.2.")
    first = facts["rows"][0]
    assert (first["id"], first["ha"], first["steps"]) == ("20251205-0-1", 10_000, [["HHHH", -3.0, 0.2]])
    assert np.ptp(first["rings"][0], axis=0).tolist() == [3, 6] and np.min(first["rings"][0], axis=0).tolist() == [2, 2]
    said = [row["sure"] for row in facts["rows"][:4]]
    assert said == ["not confirmed yet, p 1e-05", "newly confirmed, p 1e-05", "confirmed, p 1e-05, releases differ",
                    "confirmed, p 1e-05"]  # fmt: skip
    few = patches_in(tmp_path, 40).facts(stack, 3000)
    assert 5 < len(few["rows"]) < 20 and len(json.dumps(few["rows"], ensure_ascii=False).encode()) <= 3000


def test_the_outline_of_a_huge_patch_is_simplified():
    """A comb of 500 teeth, with a hole of one sample."""
    data = memory_stack({"HHHH": speckle()[0]}, speckle()[1])
    left, top = store.bounds(data)[0], store.bounds(data)[3]
    teeth = [(x, y) for n in range(500) for x, y in ((2 * n, 0), (2 * n, 3), (2 * n + 1, 3), (2 * n + 1, 0))]
    comb = shapely.Polygon([*teeth, (1000, -500), (0, -500)], [[(5, -9), (6, -9), (6, -8), (5, -8)]])
    shape = shapely.transform(comb, lambda xy: xy * 20 + (left, top))
    whole, hole = few_corners(shape, data, most=10_000)
    assert shapely.Polygon(whole, [hole]).area == pytest.approx(comb.area, rel=1e-5)
    (ring,) = few_corners(shape, data, most=100)
    assert len(ring) <= 100
    assert shapely.Polygon(ring).area == pytest.approx(comb.area, rel=0.01)


def test_a_page_of_many_patches_is_within_its_budget(tmp_path):
    power, mask = speckle()
    stack = memory_stack({"HHHH": power}, mask)
    page = page_of(stack, ["HHHH"], changed=Changed(patches=[patches_in(tmp_path, 300)] * 3), megabytes=1)
    assert len(page.encode()) <= 1_000_000
    shown = json.loads(re.search(r'id="facts">(.*?)</script>', page)[1])["patches"]
    assert len(shown) == 3 and all(0 < len(one["rows"]) <= 200 for one in shown)
    assert len(json.dumps(shown)) < 130_000 and "甲 <b>" not in page


def test_damaged_patches_are_named(tmp_path):
    one = patches_in(tmp_path, 3)
    power, mask = speckle()
    for content in (one.path.read_text()[:400], ""):
        one.path.write_text(content)
        with pytest.raises(GcovError, match=r"change_patches.geojson is damaged: delete it"):
            one.facts(memory_stack({"HHHH": power}, mask), 1e6)


def test_anomalies_have_a_chart_where_there_is_a_baseline():
    table = series(anomaly_db=[np.nan, 0.5, -0.25, 1], anomaly_se_db=[np.nan, 0.1, 0.2, 0.3])
    found = charts(Tables({"HHHH": table, "HVHV": series(anomaly_db=np.nan)}, {}, None, 0.5), [], "A")
    assert [name for name, chart in found.items() if not chart["terms"]] == ["HHHH anomaly"]
    (line,) = found["HHHH anomaly"]["lines"]
    assert (line["values"], line["errors"]) == ([None, 0.5, -0.25, 1], [None, 0.1, 0.2, 0.3])


def test_significant_changes_of_zones_are_listed(tmp_path):
    known = "zone,change,term,start,end,before_db,after_db,step_db,se_db,p,changed,n_before,n_after,releases_differ\r\n"
    rows = ["<i>,felling,HHHH,2025-11-23T23:47:39,2025-12-05T23:47:39,-9,-12,-3.004,0.25,2e-12,-1,1,3,True",
            "<i>,felling,HVHV,2025-11-23T23:47:39,2025-12-05T23:47:39,-9,-9,0.1,0.25,0.6,0,1,3,False",
            "NA,felling,HVHV,,,,,,,,,0,0,False"]  # fmt: skip
    (tmp_path / "zone_changes.csv").write_text(known + "".join(f"{row}\r\n" for row in rows))
    words = explore.zone_changes(read_zone_changes(tmp_path / "zone_changes.csv"), "Corrected by <i>.")
    assert "1 of 2 steps are significant" in words and words.count("<tr><td>") == 1
    assert (
        "<td>&lt;i&gt;<td>felling<td>HHHH<td>2025-11-23 to 2025-12-05<td>-3.00 ± 0.25<td>&lt; 1e-10, releases" in words
    )
    assert "Corrected by &lt;i&gt;." in words and explore.zone_changes(None, "") == ""


def test_the_index_shows_each_area(tmp_path):
    power, mask = speckle()
    mask[-1] = 255
    stack = memory_stack({"HHHH": power}, mask)
    granules = pd.DataFrame({"track": ["26"], "direction": ["A"], "kept": ["true"]})
    shown = {"min_valid_fraction": 0.5, "shown_db": {}}
    whole = index.Area(
        Stack(stack, valid_samples_only=True), series_of(stack, ["HHHH"]), granules, explored=True, **shown
    )
    other = stack.assign_attrs(aoi="phases")
    plain = index.Area(Stack(other, valid_samples_only=True), {}, granules, explored=False, **shown)
    page = index.page([whole, plain])
    assert 'href="aoi/explore.html"' in page and 'href="phases/explore.html"' not in page
    assert "on 2025-12-05, the latest date with valid samples" in page
    assert page.count("<article") == 2 and page.count("<img") == 1
    x, y = map(float, re.search(r'href="#aoi"><circle cx="([\d.]+)" cy="-([\d.]+)"', page).groups())
    assert BBOX[0] < x < BBOX[2] and BBOX[1] < y < BBOX[3]


def test_asked_for_by_name_it_says_what_to_set(tmp_path):
    names = ("series", "no_echo", "zone_series", "granules", "zones", "indices", "changes", "products", "history",
             "patches", "zone_changes", "methods", "change_reference")  # fmt: skip
    settings = {"zone_name": "name", "point_size": 60, "min_valid_fraction": 0.5, "megabytes": None, "shown_db": {}}
    settings |= {"calibration_db": 0.3}
    with pytest.raises(GcovError, match="explore_megabytes is null"):
        explore_aoi(stack=None, output=tmp_path / "explore.html", **dict.fromkeys(names), **settings)
