"""Cells, statistics over time, ratios, rain and the noise floor, each compared with plain numpy."""

import json
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from helpers import EPSG, NORTH, WEST, cell_means, grid_of, memory_stack

from gcov.analysis import cube, ratios, selection, temporal
from gcov.cautions import noise_flags
from gcov.errors import GcovError
from gcov.indices import name_of_index, terms_of_index
from gcov.inputs.rain import rain_of, read_rain, since_date_before
from gcov.stores import noise
from gcov.stores.noise import Table
from gcov.stores.stack import Stack

SHAPE = (5, 1100, 700)


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    """Five dates of two terms with NaN, and a mask with a rim of 0 and 255."""
    rng = np.random.default_rng(1)
    power = rng.gamma(3, 0.05, (2, *SHAPE)).astype(np.float32)
    power[:, rng.random(SHAPE) < 0.3] = np.nan
    mask = rng.choice(np.array([0, 1, 2, 255], "u1"), SHAPE, p=[0.1, 0.5, 0.3, 0.1])
    mask[:, :40] = 255
    return memory_stack({"HHHH": power[0], "HVHV": power[1]}, mask)


def averaged(data: xr.Dataset, term: str, multilook: int) -> np.ndarray:
    """Power (time, y, x) averaged over cells of valid samples in double precision."""
    valid = data[term].where((data["mask"] >= 1) & (data["mask"] <= 254)).values.astype("f8")
    return cell_means(valid, multilook)


@pytest.mark.parametrize("multilook", [1, 3, 7])
@pytest.mark.parametrize("budget", [cube.BUDGET, 3_000_000])
def test_blocks_are_averages_over_cells(data, multilook, budget, monkeypatch):
    monkeypatch.setattr(cube, "BUDGET", budget)
    dates = [0, 2, 3, 4]  # consecutive ones are read at once
    grid = cube.multilooked_grid(data, multilook)
    found = np.zeros((2, 4, grid.sizes["y"], grid.sizes["x"]), np.float32)
    seen = np.zeros(found.shape[2:], int)
    options = {"dates": dates, "multilook": multilook}
    use = {"HHHH": np.ones(4, bool), "HVHV": np.array([True, True, False, True])}
    for block in cube.blocks(Stack(data, valid_samples_only=True), use, **options):
        region, power = block.region, block.power
        found[:, :, region["y"], region["x"]] = [power["HHHH"], power["HVHV"]]
        seen[region["y"], region["x"]] += 1
        held = [*power.values(), *block.sums.values(), *block.inverse.values()]
        assert sum(part.nbytes for part in held) <= budget
    assert (seen == 1).all()
    for term, one in zip(("HHHH", "HVHV"), found):
        wanted = averaged(data, term, multilook)[dates]
        wanted[~use[term]] = np.nan
        np.testing.assert_allclose(one, wanted, rtol=1e-6)


@pytest.mark.parametrize("multilook", [2, 5])
def test_whole_cells_and_what_is_lost(data, multilook, monkeypatch):
    """Sums of samples over the dates on which a cell counts in full, and the looks that the others have left."""
    monkeypatch.setattr(cube, "BUDGET", 3_000_000)
    counts, looks = cube.Counts(["HHHH"], 5), {"HHHH": np.array([80.0, 80, 40, 80, 80])}
    ny, nx = (-(-data.sizes[dim] // multilook) for dim in ("y", "x"))
    sums, inverse, power = np.zeros((ny, multilook, nx, multilook)), np.zeros((ny, nx)), np.zeros((5, ny, nx))
    options = {"dates": range(5), "multilook": multilook}
    for block in cube.blocks(
        Stack(data, valid_samples_only=True),
        {"HHHH": np.ones(5, bool)},
        whole_cells=True,
        looks=looks,
        counts=counts,
        **options,
    ):
        place = block.region["y"], block.region["x"]
        sums[place[0], :, place[1]], inverse[place] = block.sums["HHHH"], block.inverse["HHHH"]
        power[:, *place] = block.power["HHHH"]
    valid = np.where((data.mask >= 1) & (data.mask <= 254), data.HHHH, np.nan)
    padding = [(0, 0), (0, -valid.shape[1] % multilook), (0, -valid.shape[2] % multilook)]
    cells = np.pad(valid, padding, constant_values=np.nan).reshape(5, ny, multilook, nx, multilook).astype(float)
    number = np.isfinite(cells).sum(axis=(2, 4))
    whole = number == multilook**2
    np.testing.assert_allclose(power, np.where(whole, cells.mean(axis=(2, 4)), np.nan), rtol=1e-6)
    wanted = np.where(whole[:, :, None, :, None], cells, 0).sum(axis=0)
    np.testing.assert_allclose(sums, wanted, rtol=1e-6)
    share = np.where(number > 0, multilook**2 / np.maximum(number, 1), 0)
    np.testing.assert_allclose(inverse, np.tensordot(1 / looks["HHHH"], share, 1), rtol=1e-5)
    lost = ((number > 0) & ~whole).sum() / (number > 0).sum()
    assert 0 < counts.facts()["cell_dates_lost"]["HHHH"] == pytest.approx(lost, abs=1e-6)


def test_parts_of_a_stack_are_read_alone(data):
    within = {"y": slice(40, 90), "x": slice(7, 31)}
    options = {"dates": [1, 2], "multilook": 3, "within": within}
    (block,) = cube.blocks(Stack(data, valid_samples_only=True), {"HVHV": np.ones(2, bool)}, **options)
    assert block.region == within
    np.testing.assert_allclose(block.power["HVHV"], averaged(data, "HVHV", 3)[1:3, 40:90, 7:31], rtol=1e-6)


def test_the_grid_of_cells(data):
    grid = cube.multilooked_grid(data, 3)
    assert (grid.sizes["y"], grid.sizes["x"]) == (367, 234)
    assert grid.rio.transform() == Affine(60, 0, WEST, 0, -60, NORTH) and grid.rio.crs.to_epsg() == EPSG
    np.testing.assert_allclose(grid.x[:2], [WEST + 30, WEST + 90])
    np.testing.assert_allclose(grid.y[:2], [NORTH - 30, NORTH - 90])
    assert cube.multilooked_grid(data, 1).x.equals(data.x)


def test_no_chunk_is_read_twice_up_to_200_dates():
    scene = xr.Dataset(coords={"y": np.arange(2851), "x": np.arange(1901)})
    for dates in (1, 20, 100, 200):
        rows, columns = cube.tile(scene, dates=dates)
        assert rows % 512 == 0 and columns % 512 == 0 and (5 * dates + 88) * rows * columns <= cube.BUDGET
    assert cube.tile(scene, dates=1000) == (64, 512) and cube.shard(scene, dates=1000) == (512, 512)


# ---- statistics over time


def test_statistics_are_numpys(data):
    power = averaged(data, "HHHH", 1).astype(np.float32)[:, 30:150, :99]
    wide = power.astype("f8")
    looks = np.array([9, 9, 4, 9, 9.5])
    found = temporal.statistics(power, looks)
    with warnings.catch_warnings(action="ignore"):
        count, mean = np.isfinite(wide).sum(axis=0), np.nanmean(wide, axis=0)
        std = np.nanstd(wide, axis=0, ddof=1)
        wanted = {"mean": mean, "std": std, "cv": std / mean, "min": np.nanmin(wide, axis=0)}
        wanted |= {"max": np.nanmax(wide, axis=0)}
        wanted |= {name: np.nanpercentile(wide, q, axis=0) for name, q in (("p05", 5), ("p50", 50), ("p95", 95))}
        inverse = np.nanmean(np.where(np.isfinite(wide), 1 / looks[:, None, None], np.nan), axis=0)
    wanted["excess_cv"] = np.sqrt(np.maximum(((std / mean) ** 2 - inverse) / (1 + inverse), 0))
    np.testing.assert_array_equal(found["count"], count)
    assert found["count"].dtype == np.uint16 and set(count.ravel()) == {0, 1, 2, 3, 4, 5}
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-9, err_msg=name)
        assert found[name].dtype == np.float32
    assert np.isnan(temporal.statistics(power[:, 20:30], None)["excess_cv"]).all()


@pytest.mark.parametrize(("dates", "low", "middle"), [(5, 0.497, 0.305), (20, 0.415, 0.322)])
def test_speckle_alone_has_its_coefficient_of_variation(dates, low, middle):
    """Simulated speckle with about nine looks: the mean of cv, and the value that 95 % are below."""
    power = np.random.default_rng(2).gamma(9.3, 1 / 9.3, (dates, 200, 200)).astype(np.float32)
    cv = temporal.statistics(power, np.full(dates, 9.3))["cv"]
    assert cv.mean() == pytest.approx(middle, abs=0.005) and np.quantile(cv, 0.95) == pytest.approx(low, abs=0.005)


# ---- ratios


def test_indices_of_averages():
    power = {"HHHH": np.array([0.1, 0.2, np.nan, 0]), "HVHV": np.array([0.01, 0.05, 0.01, 0])}
    hh, hv = power["HHHH"], power["HVHV"]
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_allclose(ratios.value("HVHV/HHHH", power), 10 * np.log10(hv / hh))
        np.testing.assert_allclose(ratios.value("RVI", power), 4 * hv / (hh + hv))
        np.testing.assert_allclose(ratios.value("RFDI", power), (hh - hv) / (hh + hv))
    rvi, rfdi = ratios.value("RVI", power), ratios.value("RFDI", power)
    np.testing.assert_allclose(rvi, 2 * (1 - rfdi))
    vertical = {"VVVV": hh, "VHVH": hv}
    np.testing.assert_array_equal(ratios.value("RVI", vertical), rvi)
    np.testing.assert_array_equal(ratios.value("RFDI", vertical), rfdi)
    quad = ratios.value("RVI", {**power, "VVVV": hh})
    np.testing.assert_allclose(quad[:3], 8 * hv[:3] / (hh + hh + 2 * hv)[:3])
    assert terms_of_index("RVI", ["VVVV"]) == ("VVVV", "VHVH") and name_of_index("A/B") == "A_B"


@pytest.mark.parametrize(
    ("index", "power", "se_db", "value", "error"),
    [
        ("HVHV/HHHH", {"HHHH": 0.2, "HVHV": 0.02}, {"HHHH": 0.02, "HVHV": 0.03}, -10, 0.0360555),
        ("RVI", {"HHHH": 0.2, "HVHV": 0.02}, {"HHHH": 0.02, "HVHV": 0.03}, 0.3636364, 0.0027445),
        ("RFDI", {"VVVV": 0.3, "VHVH": 0.03}, {"VVVV": 0.03, "VHVH": 0.02}, 0.8181818, 0.0013722),
        ("VVVV/HHHH", {"HHHH": 0.1, "VVVV": 0.2}, {"HHHH": 0.3, "VVVV": 0.4}, 3.0103, 0.5),
        (
            "RVI",
            {"HHHH": 0.1, "HVHV": 0.02, "VVVV": 0.09},
            {"HHHH": 0.02, "HVHV": 0.03, "VVVV": 0.02},
            0.6956522,
            0.0043897,
        ),
    ],
)
def test_errors_of_indices(index, power, se_db, value, error):
    power = {term: np.array([mean, mean]) for term, mean in power.items()}
    se_db = {term: np.array([se, np.nan]) for term, se in se_db.items()}
    np.testing.assert_allclose(ratios.value(index, power), value, atol=5e-8, rtol=1e-6)
    np.testing.assert_allclose(ratios.standard_error(index, power, se_db), [error, np.nan], atol=5e-8)


@pytest.mark.parametrize("index", ["HVHV/HHHH", "RVI", "RFDI"])
@pytest.mark.parametrize("terms", [["HHHH", "HVHV"], ["HHHH", "HVHV", "VVVV"]])
def test_errors_of_indices_are_those_of_speckle(index, terms):
    """The spread of an index over simulated means of 4,000 looks, by its propagated error."""
    rng, truth = np.random.default_rng(3), dict(zip(terms, (0.1, 0.03, 0.08)))
    power = {term: mean * rng.gamma(4000, 1 / 4000, 40_000) for term, mean in truth.items()}
    errors = dict.fromkeys(terms, 10 / np.log(10) / np.sqrt(4000))
    predicted = ratios.standard_error(index, {term: np.array(mean) for term, mean in truth.items()}, errors)
    assert ratios.value(index, power).std() == pytest.approx(float(predicted), rel=0.02)


# ---- dates


def test_dates_with_few_valid_samples_are_left_out():
    time = pd.to_datetime(["2025-11-23", "2025-12-05", "2025-12-17", "2025-12-29"])
    codes = ["DHDH", "DHDH", "DHDH", "SHSH"]
    series = pd.DataFrame({"time": time, "n_valid": [100, 49, 50, 0], "polarizations": codes})
    use = selection.usable(series, 0.5)
    assert use.tolist() == [True, False, True, False]
    assert selection.usable(series, 0).tolist() == [True, True, True, False]
    known = {"min_valid_fraction": 0.5, "n_dates_left_out": 2, "dates_left_out": "2025-12-05 2025-12-29"}
    assert selection.left_out(series, use, "HHHH", "A", 0.5) == known
    facts = selection.left_out(series, use, "HVHV", "A", 0.5)
    assert facts == known | {"dates_without_HVHV": "2025-12-29"}


# ---- rain


def rain_file(folder, *lines):
    (folder / "rain.csv").write_text("\n".join(["date,mm", *lines]) + "\n")
    return folder / "rain.csv"


def test_rain_since_the_date_before(tmp_path):
    days = [f"2025-11-{day:02d},{day / 10}" for day in range(20, 31)]
    rain = read_rain(rain_file(tmp_path, *days))
    assert rain[date(2025, 11, 23)] == 2.3 and len(rain) == 11
    times = np.array(["2025-11-21T23:59", "2025-11-24T00:01", "2025-11-24T06:00", "2025-12-06T00:00"], "datetime64[s]")
    found = since_date_before(rain, times)
    assert np.isnan(found).tolist() == [True, False, False, True]
    assert found[1] == pytest.approx(2.2 + 2.3 + 2.4) and found[2] == 0


def test_rain_of_the_three_days_before(tmp_path):
    """Of the pass's own day, none; a day that the file lacks leaves the date empty."""
    path = rain_file(tmp_path, *(f"2025-11-{day:02d},{day / 10}" for day in range(20, 31)))
    times = ["2025-11-22T23:59", "2025-11-23T00:01", "2025-11-23T23:59", "2025-12-01T06:00", "2025-12-02T06:00"]
    data = xr.Dataset(coords={"time": np.array(times, "datetime64[s]")})
    found = rain_of(data, path).days_before
    np.testing.assert_allclose(found, [np.nan, 6.3, 6.3, 2.8 + 2.9 + 3.0, np.nan])
    assert np.isnan(rain_of(data, None)).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,mm\n2025-11-23,1,5\n", "line 2: has 3 fields, the header 2: write decimals with a point, 1.5"),
        ("gauge,date,mm\n2025-11-23,1.5\n", "line 2: '1.5' is not a day"),
        ("date;mm\n2025-11-23;1,5\n", "line 2: '1,5' is not a number of mm, .*: write it with a decimal point"),
        ("date,mm\n2025-11-20,1\n2025-11-20,2\n", "line 3: 2025-11-20 is there twice"),
        ("date,mm\n2025-11-20,1\n2025-11-22,1\n", "line 3: 2025-11-21 is missing"),
        ("date,mm\n2025-11-20,1\n2025-11-19,1\n", "line 3: 2025-11-19 comes after 2025-11-20"),
        ("date;mm\n2025-11-23;0\n2025-11-24,3\n", "line 3: '2025-11-24,3' is not a day"),
        ('date,mm\n2025-11-23,"1,234.5"\n', "line 2: '1,234.5' is not .* without thousands separator"),
        ("date,mm\n2025-11-23,1_000\n", "line 2: '1_000' is not"),
        ("date,mm\n2025-11-23,١٢\n", "line 2: '١٢' is not"),
        ("date,mm\n2025-11-23,1e999\n", "line 2: '1e999' is not"),
        ("date,mm,,\n2025-11-23,1,5,\n", "line 2: has a value in a column without a name: write decimals"),
        ("date,mm\n2025-11-23,-0.1\n", "line 2: '-0.1' is not"),
        ("date,mm\n2025-11-23,nan\n", "line 2: 'nan' is not"),
        ("date,mm\n2025-11-23,\n", "line 2: '' is not"),
        ("date,mm\n9999-12-31,0\n", "line 2: 9999-12-31 is not a day from"),
        ("date,mm\n23.11.2025,0\n", "line 2: '23.11.2025' is not a day such as"),
        (f"date,mm\n2025-11-23,{'1' * 200_000}\n", "line 2: field larger than field limit"),
        (f"date,mm\n2025-11-23,{'x' * 100_000}\n", r"line 2: 'x{60}\.\.\.' is not"),
        ('date,mm\n"2025-11-23,0\n2025-11-24,0\n', "line 2: unexpected end of data"),
        ("date,mm,mm\n2025-11-23,1,2\n", "line 1: holds the columns date,mm,mm; should hold date and mm, each once"),
        ("date,mm\n2025-11-23,0\n\ufeff2025-11-24,0\n", "line 3: .* is not a day"),
        ("date,mm\n2025-11-23,\x000\n", "line 2: "),
        (b"date,mm\n2025-11-23,0,\xe9\n", "line 2: .* is not UTF-8 text"),
        ("date,mm\n".encode("utf-16"), "line 1: .* is not UTF-8 text"),
        ("date,mm\n", "holds no day"),
    ],
)
def test_no_rain_is_read_wrongly(tmp_path, text, message):
    (tmp_path / "rain.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(GcovError, match=message) as caught:
        read_rain(tmp_path / "rain.csv")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "date,mm\n2025-11-23,1.5\n2025-11-24,0\n",
        "\ufeffdate,mm\r\n2025-11-23,1.5\r\n2025-11-24,-0.0\r\n,\r\n\r\n",
        "date;mm\n2025-11-23;1.5\n2025-11-24;.0",
        "mm\tdate\n15e-1\t2025-11-23\n0.\t2025-11-24\n",
        'gauge, date ,mm,\n"a, b",2025-11-23, 1.50 ,\n"",20251124,+0,\n',
    ],
)
def test_rain_as_spreadsheets_write_it(tmp_path, text):
    (tmp_path / "rain.csv").write_bytes(text.encode())
    assert read_rain(tmp_path / "rain.csv") == {date(2025, 11, 23): 1.5, date(2025, 11, 24): 0}


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(GcovError, match=r"aois\.x\.rainfall: .* cannot be read: No such file"):
        read_rain(tmp_path / "none.csv", "config: aois.x.rainfall")


# ---- noise floor


def table() -> Table:
    """A plane, falling from north to south and rising to the east, nodes every kilometre."""
    y, x = NORTH - 1000.0 * np.arange(6), WEST + 1000.0 * np.arange(5)
    return Table(y, x, 1e-3 + 1e-5 * np.arange(6)[:, None] + 1e-4 * np.arange(5))


def test_the_mean_of_a_plane_is_that_of_its_middle():
    grid = grid_of(EPSG, WEST + 20 * (np.arange(100) + 0.5), NORTH - 20 * (np.arange(60) + 0.5))
    inside = np.ones((60, 100), bool)
    y, x = noise.points(grid, slice(0, 60), slice(0, 100), inside)
    assert len(y) == 100
    found = table().mean(y, x)
    assert found == pytest.approx(1e-3 + 1e-8 * (NORTH - y).mean() + 1e-7 * (x - WEST).mean(), rel=1e-9)
    assert table().around(grid).power.shape == (3, 3)
    assert table().mean(np.array([NORTH + 300.0]), np.array([WEST - 300.0])) == pytest.approx(1e-3)


@pytest.mark.parametrize("share", [0.001, 0.5, 1])
def test_points_are_every_nth_sample_inside(share):
    grid = grid_of(EPSG, WEST + 20 * (np.arange(400) + 0.5), NORTH - 20 * (np.arange(700) + 0.5))
    inside = np.random.default_rng(1).random((300, 200)) < share
    y, x = noise.points(grid, slice(150, 450), slice(100, 300), inside)
    rows, columns = np.nonzero(inside)
    step = max(1, min(noise.STEP, rows.size // noise.FEWEST))
    np.testing.assert_array_equal(y, grid["y"].values[150 + rows[::step]])
    np.testing.assert_array_equal(x, grid["x"].values[100 + columns[::step]])


def test_nodes_without_a_value_are_left_out():
    one = table()
    one.power[0, 0] = np.nan
    y, x = np.array([NORTH - 10.0, NORTH - 1500]), np.array([WEST + 10.0, WEST + 1500])
    assert one.mean(y, x) == pytest.approx(table().mean(y[1:], x[1:]))
    assert np.isnan(one.mean(y[:1], x[:1]))


@pytest.mark.parametrize(("value", "flaw"), [(1.0, "not a linear"), (-28.2, "not a linear"), (0, "not a linear")])
def test_a_table_in_other_units_is_not_used(value, flaw):
    one = table()
    assert one.reason_unusable == ""
    one.power[2, 2] = value
    assert flaw in one.reason_unusable
    one.power[:] = np.nan
    assert one.reason_unusable == "holds no value"


def test_why_there_is_no_noise_floor():
    grid = grid_of(EPSG, WEST + 20 * (np.arange(100) + 0.5), NORTH - 20 * (np.arange(60) + 0.5))
    known = noise.described({"HHHH": table()}, grid, np.array([NORTH - 500.0]), np.array([WEST + 500.0]))
    members = [{"noise": known, "without_noise": ""}, {"noise": "{}", "without_noise": "the table of HH holds 3 to 4"}]
    data = xr.Dataset(coords={"time": range(3)}, attrs=noise.gathered([members, members[1:], [{}]]))
    here, none, untold = "the product's table has no value there", "the table of HH holds 3 to 4", noise.UNTOLD
    assert noise.missing(data, "HHHH") == [f"{here}; {none}", none, untold]
    assert noise.missing(data, "HVHV") == [f"the product has no table of it; {none}", none, untold]
    assert noise.missing(data.drop_attrs(), "HHHH") == [untold] * 3


def test_noise_of_a_pass_is_the_mean_of_its_granules():
    grid = grid_of(EPSG, WEST + 20 * (np.arange(100) + 0.5), NORTH - 20 * (np.arange(60) + 0.5))
    y, x = np.array([NORTH - 500.0]), np.array([WEST + 500.0])
    texts = [
        noise.described({"HHHH": Table(table().y, table().x, factor * table().power)}, grid, y, x) for factor in (1, 3)
    ]
    attributes = [[{"noise": texts[0]}, {"noise": texts[1]}], [{"noise": texts[0]}], [{}]]
    data = xr.Dataset(coords={"time": range(3)}, attrs=noise.gathered(attributes))
    mean = table().mean(y, x)
    np.testing.assert_allclose(noise.of_dates(data, "HHHH"), [2 * mean, mean, np.nan])
    np.testing.assert_allclose(noise.of_dates(data, "HHHH", (y, x)), [2 * mean, mean, np.nan], rtol=1e-4)
    assert np.isnan(noise.of_dates(data, "HVHV")).all() and np.isnan(
        noise.of_dates(xr.Dataset(coords={"time": [1]}), "HHHH")
    )
    assert json.loads(noise.described({}, grid, y, x)) == {}


def test_the_noise_floor_as_an_image_is_the_mean_at_each_place():
    """Over the dates that are used, each the mean of its granules; nothing is known beside an empty node."""
    grid = grid_of(EPSG, WEST + 20 * (np.arange(100) + 0.5), NORTH - 20 * (np.arange(60) + 0.5))
    y, x = grid["y"].values[::7], grid["x"].values[::9]
    tables = [Table(table().y, table().x, factor * table().power) for factor in (1, 3, 9)]
    texts = [noise.described({"HHHH": one}, grid, y[:1], x[:1]) for one in tables]
    attributes = [[{"noise": texts[0]}, {"noise": texts[1]}], [{"noise": texts[2]}], [{"noise": texts[0]}], [{}]]
    data = xr.Dataset(coords={"time": range(4)}, attrs=noise.gathered(attributes))
    found = noise.over_dates(data, "HHHH", [0, 2, 3], y, x)
    single = [[table().mean(np.array([row]), np.array([column])) for column in x] for row in y]
    np.testing.assert_allclose(found, (2 + 1) / 2 * np.array(single), rtol=1e-4)
    assert np.isnan(noise.over_dates(data, "HHHH", [3], y, x)).all()
    tables[0].power[0, 0] = np.nan
    assert np.isnan(tables[0].image(y, x)[0, 0]) and np.isfinite(tables[0].image(y, x)[-1, -1])


def test_less_than_3_db_above_the_noise_is_near_it():
    floor = np.full(6, 1e-3)
    mean = np.array([np.nan, 0.0, 1e-3, 1.99e-3, 2.0e-3, 1])
    assert temporal.near_noise(mean, floor).tolist() == [255, 1, 1, 1, 0, 0]
    assert temporal.near_noise(mean[3:], floor[3:] * np.nan).tolist() == [255] * 3
    flags = noise_flags(pd.Series([np.nan, -1, 2.9, 3.0]))
    assert flags.isna().tolist() == [True, False, False, False] and flags[1:].tolist() == [1, 1, 0]
