"""The pages in a real browser: explore.html compared with the store and the tables, and the index."""

import re
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
import xarray as xr
from helpers import EPSG, NORTH, WEST, memory_stack, summary_of
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.support.ui import WebDriverWait

from browser.chromium import DESK, PHONE
from gcov.figures import palette
from gcov.pages import explore
from gcov.pages.change import Changed, ChangeOnPage
from gcov.pages.charts import Tables
from gcov.stores.stack import Stack

ROUNDING = 0.13  # dB: half a step of 0.25, and the digits that are shown


@pytest.fixture(scope="module")
def stack(results):
    return xr.open_zarr(results / "valley" / "stack.zarr").load()


@pytest.fixture
def page(browser, results):
    return browser.open(results / "valley" / "explore.html")


def number(text: str) -> float:
    return float(re.match(r"[−\d.]+", text)[0].replace("−", "-"))


def click(page, across: float, down: float) -> None:
    """Click the image at shares of its width and height."""
    canvas = page.element("canvas")
    width, height = canvas.size["width"], canvas.size["height"]
    offset = round((across - 0.5) * width), round((down - 0.5) * height)
    ActionChains(page.driver).move_to_element_with_offset(canvas, *offset).click().perform()


def place(page) -> tuple[float, float]:
    """Easting and northing of the place in the address."""
    return tuple(map(float, re.search(r"at=([\d.]+),([\d.]+)", page.driver.current_url).groups()))


def expected(stack, term: str, easting: float, northing: float, around: int) -> np.ndarray:
    """dB on each date: the valid samples around a place, averaged in power by xarray."""
    valid = stack[term].where((stack["mask"] >= 1) & (stack["mask"] <= 254))
    half = around // 2 * 20 + 1
    near = valid.sel(x=slice(easting - half, easting + half), y=slice(northing + half, northing - half))
    return (10 * np.log10(near.mean(("x", "y")))).values


def download(page) -> pd.DataFrame:
    """The series as the page saves them."""
    for old in page.downloads.iterdir():
        old.unlink()
    page.element("csv").click()
    WebDriverWait(page.driver, 20).until(lambda _: list(page.downloads.glob("*.csv")))
    return pd.read_csv(next(page.downloads.glob("*.csv")))


@pytest.mark.parametrize(("around", "term"), [(1, "HVHV"), (3, "HHHH"), (7, "HVHV")])
def test_a_clicked_place_is_that_of_the_store(page, stack, around, term):
    page.choose("show", term)
    page.choose("average", str(around))
    click(page, 0.3, 0.4)
    wanted = expected(stack, term, *place(page), around)
    assert np.isfinite(wanted).all()
    (name,) = set(page.lines()) - {"mean of the area"}
    assert number(page.lines()[name][0]) == pytest.approx(wanted[-1], abs=ROUNDING)
    saved = download(page)
    np.testing.assert_allclose(saved[f"{name}, {term} dB"], wanted, atol=0.126)
    reading = page.element("reading").text
    assert number(reading.split(f"{term} ")[1]) == pytest.approx(wanted[-1], abs=ROUNDING)
    lon, lat = pyproj.Transformer.from_crs(EPSG, 4326, always_xy=True).transform(*place(page))
    shown = re.search(r"at ([\d.]+)°, ([\d.]+)°", reading).groups()
    assert list(map(float, shown)) == pytest.approx([lat, lon], abs=6e-6)


def test_the_python_of_a_place_gives_its_series(page, results, monkeypatch):
    click(page, 0.6, 0.3)
    monkeypatch.chdir(results / "valley")
    names = {}
    exec(page.element("python").text, names)
    (line,) = set(page.lines()) - {"mean of the area"}
    np.testing.assert_allclose(download(page)[f"{line}, HHHH dB"], names["db"], atol=0.126)


def test_means_are_those_of_the_tables(page, results):
    means = {term: pd.read_csv(results / "valley" / term / "mean_series.csv")["mean_db"] for term in ("HHHH", "HVHV")}
    np.testing.assert_allclose(download(page).iloc[:, 1], means["HHHH"], atol=1e-4)
    page.choose("show", "HVHV/HHHH")
    np.testing.assert_allclose(download(page).iloc[:, 1], means["HVHV"] - means["HHHH"], atol=2e-4)


def test_a_click_on_a_place_removes_it(page):
    click(page, 0.3, 0.4)
    click(page, 0.6, 0.4)
    assert len(page.lines()) == 3
    click(page, 0.3, 0.4)
    assert len(page.lines()) == 2
    page.element("clear").click()
    assert len(page.lines()) == 1
    assert "at=" not in page.driver.current_url


def test_keys_move_in_time_wherever_the_focus_is(page):
    def date():
        return int(page.element("slider").get_attribute("value"))

    def press(key):
        ActionChains(page.driver).send_keys(key).perform()

    assert date() == 3
    for focus in ("body", "slider", "on", "scroll"):
        page.run("(document.getElementById(arguments[0]) ?? document.activeElement).focus()", focus)
        press(Keys.ARROW_LEFT)
        assert date() == 2, focus
        press(Keys.ARROW_RIGHT)
        assert date() == 3, focus
    assert page.element("slider").get_attribute("aria-valuetext").startswith("2025-12-29, 4 of 4, ")
    page.element("on").click()  # around to the first
    assert date() == 0
    press(Keys.SPACE)
    assert page.element("play").get_attribute("aria-pressed") == "true"
    WebDriverWait(page.driver, 10).until(lambda _: date() == 2)
    press(Keys.SPACE)
    assert page.element("play").get_attribute("aria-pressed") == "false"
    stopped = date()
    page.element("low").click()
    press(Keys.ARROW_LEFT)
    press(Keys.SPACE)
    assert date() == stopped and page.element("play").get_attribute("aria-pressed") == "false"


def test_a_place_is_kept_by_keys_alone(page):
    page.element("scroll").send_keys(Keys.SHIFT + Keys.ARROW_RIGHT + Keys.ARROW_DOWN)
    page.element("scroll").send_keys(Keys.ENTER)
    assert len(page.lines()) == 2


def test_a_patch_from_the_table_to_the_picture_to_its_series(browser, page, results, stack, monkeypatch):
    """A row zooms to its patch and plots its series, which is that of the store within the outline, and is kept."""
    patches = geopandas.read_file(results / "valley" / "change_patches.geojson")
    rows = page.driver.find_elements("css selector", "#patches tbody tr")
    assert len(rows) == len(patches) > 2
    patch = patches.iloc[1]
    when, area, steps, sure, _ = (cell.text for cell in rows[1].find_elements("tag name", "td"))
    assert when == f"{patch['start']:%Y-%m-%d} to {patch['end']:%m-%d}"
    assert float(area) == pytest.approx(patch["area_ha"], abs=0.05)
    assert number(steps.splitlines()[1].split()[1].lstrip("+")) == pytest.approx(patch["step_db_HVHV"], abs=0.05)
    assert ("not confirmed" in sure) == (not patch["confirmed"])
    rows[1].find_element("tag name", "button").click()
    assert rows[1].get_attribute("aria-current") is not None
    inside = stack["HHHH"].rio.clip(patches.iloc[[1]].to_crs(EPSG).geometry)
    wanted = 10 * np.log10(inside.mean(("x", "y"))).values
    (name,) = set(page.lines()) - {"mean of the area"}
    assert name == f"patch {patch['id']} ({int(np.isfinite(inside[0]).sum())} cells)"
    np.testing.assert_allclose(download(page)[f"{name}, HHHH dB"], wanted, atol=0.126)
    sheet, shown = (
        page.run(f"return document.getElementById('{of}').getBoundingClientRect()") for of in ("sheet", "scroll")
    )
    assert sheet["width"] > 1.5 * shown["width"]
    outline = page.driver.find_elements("css selector", "#outlines path")[-1].get_attribute("d")
    x, y = np.array(re.findall(r"[\d.]+", outline), float).reshape(-1, 2).T * 20
    x, y = stack["x"].values[0] - 10 + x, stack["y"].values[0] + 10 - y
    bounds = patches.to_crs(EPSG).geometry.iloc[1].bounds
    assert (x.min(), y.min(), x.max(), y.max()) == pytest.approx(bounds, abs=0.1)
    pin = page.run("return document.querySelector('.pin').getBoundingClientRect()")
    assert shown["left"] < pin["left"] < shown["right"] and shown["top"] < pin["top"] < shown["bottom"]
    monkeypatch.chdir(results / "valley")
    names = {}
    exec(page.element("python").text, names)
    np.testing.assert_allclose(names["db"], wanted, atol=1e-4)
    lines = page.lines()
    again = browser.open(results / "valley" / "explore.html", address="#" + page.driver.current_url.split("#")[1])
    assert again.lines() == lines
    page.element("clear").click()
    assert len(page.lines()) == 1 and "patch=" not in page.driver.current_url


def test_the_history_is_drawn(page, results):
    """Each map is that of the store, cell by cell: colours of no data, no change, and changes."""
    maps = xr.open_zarr(results / "valley" / "change_history.zarr", decode_coords="all").load()
    number = maps["n_changes"].values.repeat(2, axis=0).repeat(2, axis=1)
    step = maps["largest_step_db"].sel(term="HVHV").values.repeat(2, axis=0).repeat(2, axis=1)
    page.choose("show", "HVHV")
    script = (
        "const c = document.getElementById('canvas'), {height, width} = c;"
        "return [height, width, ...c.getContext('2d').getImageData(0, 0, width, height).data]"
    )
    seen, (none, white) = {}, ([*bytes.fromhex(colour[1:]), 255] for colour in (palette.NO_DATA, palette.UNCHANGED))
    for mode in ("number", "when", "step"):
        page.choose("mode", mode)
        rows, cols, *values = page.run(script)
        seen[mode] = np.array(values).reshape(rows, cols, 4)
        known = number[:rows, :cols]
        np.testing.assert_array_equal((seen[mode] == none).all(axis=2), np.isnan(known))
        np.testing.assert_array_equal((seen[mode] == white).all(axis=2), known == 0)
    far, fell = step[:rows, :cols] < -6.1, [*bytes.fromhex(palette.FELL[1:]), 255]
    assert far.any() and (seen["step"][far] == fell).all()
    assert not (seen["step"][step[:rows, :cols] > -5.8] == fell).all(axis=1).any()
    assert "Step of the largest change, HVHV" in page.element("caption").text


def test_every_mode_changes_the_picture(page):
    pictures = [page.picture()]
    for identifier, value in [
        ("show", "HVHV"), ("show", "HVHV/HHHH"), ("average", "7"),
        ("mode", "swipe"), ("mode", "change"), ("mode", "spread"),
        ("mode", "number"), ("mode", "when"), ("mode", "step"),
    ]:  # fmt: skip
        page.choose(identifier, value)
        pictures.append(page.picture())
    page.choose("mode", "one")
    assert page.picture() == pictures[3]
    page.choose("colours", "viridis")
    pictures.append(page.picture())
    page.element("this").click()
    page.choose("average", "1")
    pictures.append(page.picture())
    page.element("back").click()
    pictures.append(page.picture())
    assert len(set(pictures)) == len(pictures)


def test_change_is_the_difference_of_two_dates(page, stack):
    """The colours of the change are read where both dates are certain: white is no change, ends are the limits."""
    page.choose("average", "1")
    page.choose("mode", "change")
    for identifier, value in (("low", "-1"),):
        page.run(
            "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('change'))", identifier, value,
        )  # fmt: skip
    assert page.element("high").get_attribute("value") == "1"
    script = "return Array.from(document.getElementById('canvas').getContext('2d').getImageData(0, 0, {}, {}).data)"
    rows, cols = stack.sizes["y"], stack.sizes["x"]
    colours = np.array(page.run(script.format(cols, rows))).reshape(rows, cols, 4)
    valid = stack["HHHH"].where((stack["mask"] >= 1) & (stack["mask"] <= 254)).values
    change = 10 * np.log10(valid[-1] / valid[0])
    colours_of = (palette.ROSE, palette.FELL, palette.NO_DATA)
    higher, lower, none = ([*bytes.fromhex(colour[1:]), 255] for colour in colours_of)
    assert (change > 1.3).any() and (colours[change > 1.3] == higher).all()
    assert (change < -1.3).any() and (colours[change < -1.3] == lower).all()
    assert np.isnan(change).any() and (colours[np.isnan(change)] == none).all()


def test_the_address_says_what_is_shown(browser, page, results):
    click(page, 0.3, 0.4)
    page.choose("show", "HVHV")
    page.choose("mode", "change")
    page.element("back").click()
    address, picture, lines = page.driver.current_url, page.picture(), page.lines()
    assert "term=HVHV" in address and "date=2025-12-17" in address and "mode=change" in address
    again = browser.open(results / "valley" / "explore.html", address="#" + address.split("#")[1])
    assert again.picture() == picture
    assert again.lines() == lines
    browser.run("location.hash = 'term=HHHH&date=2025-11-23'")
    WebDriverWait(page.driver, 10).until(lambda _: browser.element("slider").get_attribute("value") == "0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_nothing_is_wrong_in_either_size(browser, results, size, scheme):
    """No violation found by axe, no console output, no request but for figures beside it, no horizontal scrolling."""
    path = results / "valley" / "explore.html"
    page = browser.open(path, size=size, scheme=scheme)
    back = page.run("return getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 19, 24)"}[scheme]
    click(page, 0.3, 0.4)
    for mode in ("swipe", "change", "spread", "number", "when", "step", "one"):
        page.choose("mode", mode)
        assert page.run("return document.documentElement.scrollWidth") <= size[0], mode
    assert page.violations() == []
    first, *figures = page.requests()
    assert first == path.as_uri() and all(url.startswith(path.parent.as_uri()) for url in figures)
    assert page.complaints() == []


def test_files_are_small_pictures_by_subject(browser, results):
    page = browser.open(results / "valley" / "explore.html")
    shown = page.run(
        "return [...document.querySelectorAll('#files article')].map(one => [one.querySelector('h3').textContent,"
        " [...one.querySelectorAll('a')].map(a => a.getAttribute('href')), one.querySelectorAll('img').length])"
    )
    by_name = {name: (set(files), pictures) for name, files, pictures in shown}
    terms = ("HHHH", "HVHV")
    names = ("mean_series.csv", "mean_series.png", "no_echo.csv")
    assert by_name["Mean series"] == ({f"{term}/{name}" for term in terms for name in names}, 2)
    movies = {f"{term}/{name}.gif" for term in terms for name in ("animation", "animation_means")}
    assert by_name["Animations"] == (movies, 0)  # many megabytes, and they move
    page.run("document.querySelector('#files').scrollIntoView()")
    drawn = "return [...document.querySelectorAll('#files img')].every(img => img.naturalWidth)"
    WebDriverWait(page.driver, 10).until(lambda driver: driver.execute_script(drawn))


def test_a_figure_that_is_not_there_leaves_its_name(browser, tmp_path):
    power, mask = speckle(1)
    products = [("Location", "Where it is.", ["location.png"])]
    page = browser.open(written(tmp_path, memory_stack({"VVVV": power}, mask), ["VVVV"], products=products))
    page.run("document.querySelector('#files').scrollIntoView()")
    gone = "return !document.querySelector('#files img')"
    WebDriverWait(page.driver, 10).until(lambda driver: driver.execute_script(gone))
    assert page.element("files").find_element("tag name", "a").text == "location.png"


def test_a_printed_page_is_light_and_has_whole_tables_and_no_buttons(browser, results):
    page = browser.open(results / "valley" / "explore.html", scheme="dark", media="print")
    assert page.run("return getComputedStyle(document.body).color") == "rgb(27, 31, 36)"
    hidden = "return [...document.querySelectorAll('.table')].some(box => box.scrollHeight > box.clientHeight + 1)"
    assert page.run(hidden) is False
    assert page.run("return document.getElementById('time').checkVisibility()") is False


def test_without_javascript_the_page_says_so(results):
    content = (results / "valley" / "explore.html").read_text()
    assert "need JavaScript" in content.split("<noscript>")[1].split("</noscript>")[0]


def test_a_phone_shows_image_and_dates_without_scrolling(browser, results):
    page = browser.open(results / "valley" / "explore.html", size=PHONE)
    bottom = page.run("return document.getElementById('time').getBoundingClientRect().bottom")
    assert bottom <= PHONE[1]


# ---- what the small granules do not have


def written(folder: Path, stack: xr.Dataset, terms, *, rain=None, zones=(), tables=None, indices=None, **more) -> Path:
    """The page of a stack in memory, and its mean series by term."""
    series = {term: summary_of(stack, term) for term in terms}
    for table in series.values():
        table["time"] = pd.to_datetime(table["time"])
        table["rain_mm"] = np.nan if rain is None else rain
    granules = pd.DataFrame({"name": ["G"], "kept": ["true"], "reason": [""]})
    options = {"changed": Changed(), "products": [], "origin": {}, "megabytes": 24, "shown_db": {}} | more
    page = explore.page(
        Stack(stack, valid_samples_only=True),
        Tables(series, tables or {}, indices, 0.5),
        granules,
        zones=zones,
        **options,
    )
    path = folder / "explore.html"
    path.write_text(page, encoding="utf-8")
    return path


def speckle(dates: int, ny: int = 40, nx: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Power (time, y, x) of five looks around 0.1, and a mask that is valid."""
    rng = np.random.default_rng(3)
    return rng.gamma(5, 0.02, (dates, ny, nx)).astype("f4"), np.ones((dates, ny, nx), "u1")


def test_the_first_view_has_the_limits_that_are_set(browser, results):
    page = browser.open(results / "valley" / "explore.html")
    shown = {}
    for term in ("HHHH", "HVHV"):
        page.choose("show", term)
        shown[term] = [float(page.element(end).get_attribute("value")) for end in ("low", "high")]
    assert shown["HVHV"] == [-31, -4.5] and shown["HHHH"] != [-31, -4.5]


def test_one_date_of_one_term(browser, tmp_path):
    power, mask = speckle(1)
    page = browser.open(written(tmp_path, memory_stack({"VVVV": power}, mask), ["VVVV"]))
    click(page, 0.5, 0.5)
    assert [option.text for option in page.element("mode").find_elements("tag name", "option")] == ["one date"]
    assert not page.element("time").is_displayed()
    assert len(page.lines()) == 2
    assert page.complaints() == [] and page.violations() == []


def test_no_valid_sample_at_all(browser, tmp_path):
    power, mask = speckle(2)
    page = browser.open(written(tmp_path, memory_stack({"HHHH": power}, np.full_like(mask, 255)), ["HHHH"]))
    click(page, 0.5, 0.5)
    assert "no valid sample on 2025-11-23, 2025-12-05" in page.driver.find_element("class name", "warnings").text
    assert page.complaints() == []


def test_dates_to_distrust_are_marked(browser, tmp_path):
    power, mask = speckle(9)
    mask[3] = 255
    mask[5, :, 15:] = 0
    times = np.datetime64("2025-11-23T23:47:39") + np.array([0, 12, 24, 36, 48, 60, 72, 108, 120]) * np.timedelta64(
        1, "D"
    )
    crids = ["X05009"] * 7 + ["P05023"] * 2
    maturities = ["BETA"] * 7 + ["PROVISIONAL"] * 2
    stack = memory_stack({"HHHH": power}, mask, time=times, crid=crids, maturity=maturities)
    page = browser.open(written(tmp_path, stack, ["HHHH"]))
    warnings = [item.text for item in page.driver.find_elements("css selector", ".warnings li")]
    assert warnings == [
        "mixes maturities (7 BETA, 2 PROVISIONAL dates): a step between them may be processing, not change",
        "no valid sample on 2025-12-29",
        "less than 50 % of the best date's samples on 2026-01-22: a different area",
        "processed with different releases (X05009, P05023): a step between them may be processing",
        "8 of 9 dates: no noise_db (the fragment does not say why)",
        "no date between 2026-02-03 and 2026-03-11",
    ]
    line = page.driver.find_element("css selector", "#chart path").get_attribute("d")
    pieces = [piece.count("L") + 1 for piece in line.split("M")[1:]]
    assert pieces == [3, 3, 2]  # broken at the date without a sample, and at the gap
    assert len(page.driver.find_elements("css selector", "#chart path[fill='#fff']")) == 1
    labels = [label.text for label in page.driver.find_elements("css selector", "#chart text")]
    assert labels.count("×") == 1 and labels.count("P05023") == 1


def test_cells_without_an_echo_have_their_colour_on_the_dates_that_are_shown(browser, tmp_path):
    power, mask = speckle(2)
    power[0, :, :8], power[1, :, -8:], mask[:, :3] = 0, 0, 0  # lost left on the first date, right on the second
    stack = memory_stack({"HHHH": power}, mask, noise_correction_applied=["False"] * 2)
    page = browser.open(written(tmp_path, stack, ["HHHH"]))
    rows, cols = power.shape[1:]
    script = f"return Array.from(canvas.getContext('2d').getImageData(0, 0, {cols}, {rows}).data)"
    without = {}
    for mode in ("one", "swipe", "change", "spread"):
        page.choose("mode", mode)
        colours = np.array(page.run(script), np.uint8).reshape(rows, cols, 4)[3:, :, :3]
        without[mode] = (colours == list(bytes.fromhex(palette.NO_ECHO[1:]))).all(axis=2)
    lost = power[:, 3:] == 0
    halves = np.concatenate([lost[0][:, : cols // 2], lost[1][:, cols // 2 :]], axis=1)
    expected = {"one": lost[1], "swipe": halves, "change": lost.any(axis=0), "spread": np.zeros_like(halves)}
    for mode, cells in expected.items():
        np.testing.assert_array_equal(without[mode], cells, err_msg=mode)


def test_zones_indices_rain_and_changes_are_drawn(browser, tmp_path):
    power, mask = speckle(4)
    stack = memory_stack({"HHHH": power, "HVHV": power / 8}, mask)
    zone = shapely.box(WEST + 200, NORTH - 600, WEST + 600, NORTH - 200)
    times = pd.Series(stack["time"].values)
    values = {"HHHH": [-9.5, -8.25, np.nan, -7.12], "HVHV": [-19.0, -18.5, np.nan, -17.25]}
    zones = {
        term: pd.DataFrame(
            {"zone": "stand <1>", "time": times, "n_pixels": 400, "n_valid": [400, 400, 0, 150], "mean_db": db}
        )
        for term, db in values.items()
    }
    indices = pd.DataFrame({"zone": ["aoi"] * 4, "time": times, "index": "RVI", "value": [0.5, 0.25, 0.75, 1.0]})
    sign = np.zeros(mask.shape[1:], "i1")
    sign[:20] = -1
    facts = {"up_km2": 0.0, "down_km2": 0.4, "significance": 0.01, "expected_false_alarms": 20.0, "warning": "mixed"}
    facts |= {"multilook": 1, "pixels": sign.size}
    path = written(
        tmp_path, stack, ["HHHH", "HVHV"], zones=[("stand <1>", zone)], tables=zones, indices=indices, rain=12.5,
        changed=Changed([ChangeOnPage("felling", "HHHH", facts, xr.Dataset({"change": (("y", "x"), sign)}))]),
    )  # fmt: skip
    page = browser.open(path)
    found, seen = page.lines()["stand <1> (zone, 400 samples)"], np.array(values["HHHH"])[[0, 1, 3]]
    wanted = [-7.12, 10 * np.log10(np.mean(10 ** (seen / 10))), seen.std(ddof=1), 2.38]
    assert list(map(number, found)) == pytest.approx(wanted, abs=0.006)
    saved = download(page)
    np.testing.assert_allclose(saved["stand <1> (zone, 400 samples), HHHH dB"], values["HHHH"])
    outline = page.driver.find_element("css selector", "#outlines path").get_attribute("d")
    assert sorted(set(map(float, re.findall(r"[\d.]+", outline)))) == [10, 30]  # samples from the corner
    assert len(page.driver.find_elements("css selector", "#chart rect")) == 4
    assert "change felling, HHHH: mixed" in page.driver.find_element("class name", "warnings").text
    before = page.picture()
    page.choose("mode", "0")
    assert page.picture() != before
    assert "0.4 km² lower" in page.element("caption").text
    page.choose("index", "RVI")
    assert page.lines()["mean of the area"][0] == "1.000"
    assert page.violations() == [] and page.complaints() == []


def test_names_of_releases_do_not_overlap(browser, tmp_path):
    power, mask = speckle(9)
    crids = ["X05009", "X05009", "X05010", "X05009", "X05009", "X05009", "X05009", "P05023", "P05024"]
    page = browser.open(written(tmp_path, memory_stack({"HHHH": power}, mask, crid=crids), ["HHHH"]), size=PHONE)
    names = [name for name in page.driver.find_elements("css selector", "#chart text") if name.text in crids]
    assert [name.text for name in names] == ["X05010", "X05009", "P05023", "P05024"]
    edges = "const {left, top, right, bottom} = arguments[0].getBoundingClientRect(); return [left, top, right, bottom]"
    boxes = [shapely.box(*page.run(edges, name)) for name in names]
    assert not [1 for n, box in enumerate(boxes) for other in boxes[:n] if box.intersection(other).area > 20]


def test_names_of_zones_at_the_edges_are_not_cut(browser, tmp_path):
    power, mask = speckle(2)
    stack = memory_stack({"HHHH": power}, mask)
    inside = shapely.box(WEST, NORTH - 800, WEST + 1000, NORTH)  # 40 x 50 samples
    corners = [(760, 100), (940, 10), (-40, 20), (700, 790)]
    boxes = [shapely.box(WEST + x, NORTH - y - 60, WEST + x + 60, NORTH - y) for x, y in corners]
    zones = [(f"a field with a long name {n}", box) for n, box in enumerate(boxes)]
    assert not all(inside.contains(box) for box in boxes)
    facts = {"time": pd.Series(stack["time"].values), "n_pixels": 9, "n_valid": 9, "mean_db": -10.0}
    table = pd.concat(pd.DataFrame({"zone": name, **facts}) for name, _ in zones)
    path = written(tmp_path, stack, ["HHHH"], zones=zones, tables={"HHHH": table})
    for size in (DESK, PHONE):
        edges = browser.open(path, size=size).run(
            "return ['#scroll', ...document.querySelectorAll('.name')].map(one => (one.nodeType ? one :"
            " document.querySelector(one)).getBoundingClientRect()).map(({left, top, right, bottom}) =>"
            " [left, top, -right, -bottom])"
        )
        assert len(edges) == 5
        assert np.all(np.array(edges[1:]) >= np.array(edges[0]) - 0.5)


def test_a_term_that_only_some_dates_have(browser, tmp_path):
    """HV every other pass: its line connects the dates that have it, without crosses or gaps."""
    power, mask = speckle(6)
    cross = power / 8
    cross[1::2] = np.nan
    codes = ["DHDH", "SHSH"] * 3
    stack = memory_stack({"HHHH": power, "HVHV": cross}, mask, polarizations=codes)
    page = browser.open(written(tmp_path, stack, ["HHHH", "HVHV"]))
    page.choose("show", "HVHV")
    line = page.driver.find_element("css selector", "#chart path").get_attribute("d")
    assert (line.count("M"), line.count("L")) == (1, 2)
    assert "×" not in [label.text for label in page.driver.find_elements("css selector", "#chart text")]
    assert "no valid sample" not in page.driver.page_source.split("<main>")[0]


# ---- index.html


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_nothing_is_wrong_with_the_index(browser, results, size, scheme):
    """One area has a card as wide as the page, with its image on the left where there is room."""
    path = results / "index.html"
    page = browser.open(path, size=size, scheme=scheme)
    wide, left = page.run(
        "const box = of => document.querySelector(of).getBoundingClientRect(), picture = box('article img');"
        " return [box('article').width / box('main').width, picture.right < box('article dl').left]"
    )
    assert wide == pytest.approx(1) and left == (size == DESK)
    assert page.violations() == []
    assert page.complaints() == []
    assert page.requests() == [path.as_uri()]
    assert page.run("return document.documentElement.scrollWidth") <= size[0]


def test_the_index_leads_to_the_page_of_each_area(browser, results):
    page = browser.open(results / "index.html")
    image = page.driver.find_element("css selector", "#valley img")
    assert page.run("return arguments[0].naturalWidth", image) > 0
    assert image.get_attribute("alt").startswith("HHHH of valley in dB on 2025-12-29")
    assert "4 used, 1 not" in page.driver.find_element("id", "valley").text
    page.driver.find_element("css selector", "#valley h2 a").click()
    assert page.driver.current_url.split("#")[0] == (results / "valley" / "explore.html").as_uri()
