"""Patches of change: grouped, measured and outlined, compared with hand-made maps, flood filling and the ellipsoid."""

import json
import shutil
from collections import deque
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from affine import Affine
from helpers import BBOX, EPSG, NORTH, WEST, grid_of, zone_file
from patches import patches
from scipy.ndimage import label
from test_change_products import FIRST, day, made  # noqa: F401  (a fixture)

from gcov.analysis.ground import GroundArea
from gcov.analysis.ledger import Ledger
from gcov.analysis.maps import DATES, DIMS, HISTORY, LAST, LASTS, NO_NUMBER, NUMBERS, STEPS, attributes_of
from gcov.analysis.patches import expected_by_chance
from gcov.errors import GcovError
from gcov.granules import write_table
from gcov.stores import store
from gcov.stores.grid import make_grid
from gcov.testing.synthetic import centres

GEOD = pyproj.Geod(ellps="WGS84")
TIMES = np.datetime64(FIRST, "s") + np.arange(12) * np.timedelta64(12, "D")


class Maps:
    """A change history written by hand, and the patches of it."""

    def __init__(self, folder):
        self.folder = folder

    def write(
        self, largest, step=-3.0, se=0.4, n=(5, 5), first=None, last=None, crids=None, place=(EPSG, WEST, NORTH),
        valid=11, lasts=1,
    ):  # fmt: skip
        """`largest`, `first`, `last` and `valid` (the last valid date) are indices of dates (y, x), 0 for none.

        Steps are (term, y, x), or alike everywhere.
        """
        epsg, west, north = place
        (ny, nx), step = largest.shape, step if np.ndim(step) == 3 else np.full((1, 1, 1), step)
        self.terms = ["HHHH", "HVHV"][: len(step)]
        axes = centres(west, 20, nx), centres(north, -20, ny)
        grid, dates = make_grid(epsg, *axes, Affine(20, 0, west, 0, -20, north)), len(TIMES)
        path, there = self.folder / "change_history.zarr", largest > 0
        shutil.rmtree(path, ignore_errors=True)
        coords = {
            "term": ("term", np.array(self.terms, np.dtypes.StringDType())),
            "interval": ("interval", TIMES[1:]),
            "interval_start": ("interval", TIMES[:-1]),
        }
        store.create(
            path, grid=grid, types=HISTORY, attributes={"aoi_polygon": ""}, cf=attributes_of, coords=coords, dims=DIMS
        )
        maps = {"n_changes": there.astype("u1"), "p_value": np.full((ny, nx), 1e-5, "f4")}
        for name, index in zip(DATES, (first, last, largest)):
            index = largest if index is None else index
            maps[name] = np.where(index > 0, TIMES[index], np.datetime64("NaT", "s"))
        maps[LASTS] = np.where(there, lasts, 255).astype("u1")
        maps[LAST] = np.broadcast_to(TIMES[valid], (ny, nx))
        for name, number in zip(NUMBERS, n):
            maps[name] = np.where(there, number, NO_NUMBER).astype("u2")
        region, terms = {"y": slice(0, ny), "x": slice(0, nx)}, {"term": slice(0, len(self.terms))}
        store.write(path, region, maps)
        shape = (len(self.terms), ny, nx)
        steps = {name: np.where(there, of, np.nan).astype("f4") for name, of in zip(STEPS, (step, se, 1e-6))}
        steps = {name: np.broadcast_to(of, shape) for name, of in steps.items()}
        store.write(path, {**terms, **region}, {**steps, "looks_share": np.ones(shape, "f4")})
        none = np.zeros((len(self.terms), dates - 1, ny, nx), "i1")
        store.write(path, {**terms, "interval": slice(0, dates - 1), **region}, {"direction": none})
        store.finish(path, pixels=ny * nx, significance=0.01, warning="")
        series = {"time": TIMES, "granule": "g", "crid": crids or "X05009", "maturity": "BETA"}
        pd.DataFrame({**series, "n_valid": 1, "mean_power": 0.1}).to_csv(self.folder / "series.csv", index=False)
        return self

    def patches(self, min_patch_ha=0.0, **keys):
        """The patches as read by geopandas, with their cells as sets of (row, column)."""
        paths = {name: self.folder / f"patches.{name}" for name in ("geojson", "csv", "ledger")}
        inputs = {"maps": self.folder / "change_history.zarr", "series": self.folder / "series.csv"}
        keys = {"terms": self.terms, "confirm_dates": 3, "min_patch_ha": min_patch_ha, **keys}
        patches(**inputs, **keys, **paths)
        found = geopandas.read_file(paths["geojson"])
        runs = [patch["runs"] for patch in json.loads(paths["ledger"].read_text())["patches"]]
        each = [zip(of[0::3], of[1::3], of[2::3]) for of in runs]
        found["where"] = [{(y, x) for y, first, stop in of for x in range(first, stop)} for of in each]
        return found


@pytest.fixture
def maps(tmp_path):
    return Maps(tmp_path)


def falls(shape, *cells):
    """Indices of dates (y, x): rows, columns (both counted from 1, last included) and the date of each."""
    image = np.zeros(shape, int)
    for (top, bottom), (left, right), date in cells:
        image[top - 1 : bottom, left - 1 : right] = date
    return image


EIGHT_BY_TEN = falls(
    (8, 10), ((2, 4), (2, 4), 3), ((4, 4), (5, 5), 4), ((2, 2), (8, 8), 3), ((5, 5), (5, 5), 9),
    ((6, 7), (7, 8), 5), ((7, 7), (2, 2), 2), ((8, 8), (1, 1), 2),
)  # fmt: skip


def test_cells_join_across_corners_and_one_interval(maps):
    found = maps.write(EIGHT_BY_TEN).patches()
    dates = [(f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}") for first, last in zip(found["first"], found["last"])]
    sizes = sorted(zip(found["cells"], dates))
    wanted = [(1, (3, 3)), (1, (9, 9)), (2, (2, 2)), (4, (5, 5)), (10, (3, 4))]
    assert sizes == [(cells, tuple(map(day, dates))) for cells, dates in wanted]
    assert found["cells"].tolist()[:3] == [10, 4, 2]
    largest = found.iloc[0]
    assert (f"{largest['start']:%Y-%m-%d}", f"{largest['end']:%Y-%m-%d}") == (day(2), day(3))
    assert largest["step_db_HHHH"] == -3 and largest["se_db_HHHH"] == pytest.approx(0.4 / np.sqrt(10), abs=1e-6)
    assert (largest["p_min"], largest["minus_log10_p"]) == (1e-6, 6)
    assert found["direction"].eq(-1).all() and found["confirmed"].all()
    assert len(found.geometry.iloc[2].geoms) == 2  # cells that share a corner only


def test_the_leading_term_decides_the_sign(maps):
    step = np.array([[[-3.0, -0.5, 1.8]], [[0.1, -2.8, -1.2]]])
    fell, rose = maps.write(np.array([[5, 6, 6]]), step).patches().to_dict("records")
    assert (fell["cells"], fell["direction"], rose["cells"], rose["direction"]) == (2, -1, 1, 1)
    assert (fell["step_db_HHHH"], fell["step_db_HVHV"], fell["se_db_HHHH"]) == (-1.75, -1.35, 0.282843)
    assert (f"{fell['end']:%Y-%m-%d}", f"{fell['last']:%Y-%m-%d}") == (day(5), day(6))  # the lower of two medians


def flooded(date, sign):
    """Sets of cells that join, by flood filling."""
    left, found = set(zip(*np.nonzero(date))), []
    while left:
        queue, cells = deque([left.pop()]), set()
        while queue:
            y, x = queue.popleft()
            cells.add((y, x))
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if near in left and sign[near] == sign[y, x] and abs(date[near] - date[y, x]) <= 1:
                    left.remove(near)
                    queue.append(near)
        found.append(cells)
    return found


@pytest.mark.parametrize("share", [0.02, 0.2, 0.35, 0.6])
def test_patches_are_those_of_flood_filling(maps, share):
    """On several blocks of rows, with patches that meet again further down, and shapes with holes."""
    rng = np.random.default_rng(int(100 * share))
    date = np.where(rng.random((150, 40)) < share, rng.integers(1, 4, (150, 40)) * 2, 0)
    date[:, 20:23] = 6  # from top to bottom
    step, se = rng.normal(0, 3, (2, 150, 40)), rng.uniform(0.2, 0.6, (2, 150, 40)).astype("f4")
    found = maps.write(date, step, se).patches(min_patch_ha=0.1)
    step, weight = step.astype("f4").astype(float), se.astype(float) ** -2
    leads = np.abs(step / se)[0] >= np.abs(step / se)[1]
    sign = np.sign(np.where(leads, *step))
    wanted = [cells for cells in flooded(date, sign) if len(cells) >= 3]
    assert {frozenset(cells) for cells in found["where"]} == {frozenset(cells) for cells in wanted}
    assert found["area_ha"].is_monotonic_decreasing and found.geometry.is_valid.all()
    for patch in found.to_dict("records"):
        y, x = np.array(sorted(patch["where"])).T
        dates = sorted(date[y, x])
        assert f"{patch['end']:%Y-%m-%d}" == day(int(dates[(len(dates) - 1) // 2]))
        for number, term in enumerate(("HHHH", "HVHV")):
            mean = np.average(step[number, y, x], weights=weight[number, y, x])
            assert patch[f"step_db_{term}"] == pytest.approx(mean, abs=1e-5)
            assert patch[f"se_db_{term}"] == pytest.approx(weight[number, y, x].sum() ** -0.5, abs=1e-5)
        image = np.zeros(date.shape, bool)
        image[y, x] = True
        assert len(patch["geometry"].geoms) == label(image)[1]  # parts whose cells share edges
        assert patch["area_ha"] == pytest.approx(0.04 * len(y), rel=3e-3)  # on this map, 0.16 % more than on the ground


@pytest.mark.parametrize(
    ("n", "first", "last", "wanted"),
    [
        ((3, 3), 6, 6, True),
        ((2, 5), 6, 6, False),  # too few dates since the start
        ((5, 2), 6, 6, False),
        ((2, 5), 4, 6, None),  # too few since another change: a date or two that stand out
        ((5, 2), 6, 8, None),
        ((3, 3), 3, 9, True),
        ((2, 2), 6, 6, False),
    ],
)
def test_dates_on_both_sides_confirm_a_change(maps, n, first, last, wanted):
    cell = np.array([[6]])
    maps.write(cell, n=n, first=np.array([[first]]), last=np.array([[last]])).patches()
    assert pd.read_csv(maps.folder / "patches.csv")["confirmed"].tolist() == ([] if wanted is None else [wanted])


@pytest.mark.parametrize(
    ("after", "confirmed", "newly"),
    [([3, 3, 3], True, True), ([3, 3, 2], True, True), ([4, 4, 2], True, False), ([3, 2, 2], False, False),
     ([4, 3, 2, 2], True, True), ([4, 4, 3], True, False)],
)  # fmt: skip
def test_half_of_the_cells_confirm_a_patch(maps, after, confirmed, newly):
    (patch,) = maps.write(np.full((1, len(after)), 9), n=(5, np.array([after]))).patches().to_dict("records")
    assert (patch["confirmed"], patch["newly_confirmed"]) == (confirmed, newly)


@pytest.mark.parametrize(
    ("valid", "newly"), [([11, 11, 11, 11], True), ([10, 10, 10, 11], False), ([10, 10, 11, 11], False),
                         ([10, 11, 11, 11], True)],
)  # fmt: skip
def test_cells_without_the_newest_date_are_not_confirmed_by_it(maps, valid, newly):
    """All have three dates after the change; where the newest is missing, they were confirmed before."""
    (patch,) = maps.write(np.full((1, 4), 8), n=(5, 3), valid=np.array([valid])).patches().to_dict("records")
    assert (patch["confirmed"], patch["newly_confirmed"]) == (True, newly)


@pytest.mark.parametrize(
    ("felled", "confirmed", "newly"), [(5, [True, False], [True, False]), (4, [True] * 2, [False] * 2)]
)
def test_a_newest_date_that_covers_a_part_confirms_that_part(made, felled, confirmed, newly):  # noqa: F811
    """Of two felled areas, the newest of eight dates covers the one in the west."""
    power = np.full((8, 12, 30), 0.1) * np.random.default_rng(4).uniform(0.98, 1.02, (8, 12, 30))
    power[felled:, 2:8, 2:8] *= 0.3
    power[felled:, 2:8, 20:26] *= 0.3
    power[7, :, 16:] = np.nan
    one = made({"HHHH": power}).looks(40).independent()
    maps, _ = one.history()
    assert (maps.last_valid.values == np.where(np.arange(30) < 16, *TIMES[[7, 6]])).all()
    found = pd.read_csv(one.patches(min_patch_ha=0.5)["csv"]).sort_values("id")  # from west to east
    assert found["cells"].tolist() == [36, 36] and found["confirmed"].tolist() == confirmed
    assert found["newly_confirmed"].tolist() == newly


@pytest.mark.parametrize(
    ("cells", "wanted"), [(1, 100), (2, 2), (3, 0.05), (4, 1.375e-3), (6, 10_000 * 3832 * 2 * 0.005**6), (7, 0)]
)
def test_clusters_expected_by_chance(cells, wanted):
    assert expected_by_chance(10_000, 0.01, cells) == pytest.approx(wanted)


def test_as_many_clusters_as_expected_are_found_in_noise():
    noise = np.random.default_rng(3).random((2000, 2000))
    sizes = [np.bincount(label(side, np.ones((3, 3)))[0].ravel())[1:] for side in (noise < 0.005, noise > 0.995)]
    for cells in (1, 2, 3):
        found = sum(np.count_nonzero(of >= cells) for of in sizes)
        expected = expected_by_chance(noise.size, 0.01, cells)
        assert found == pytest.approx(expected, abs=0.06 * expected + 3 * np.sqrt(expected))


def test_expected_by_chance_stands_beside_what_was_found(maps):
    """25 cells of 0.04 ha are less than a hectare on this ground, which is larger on the map."""
    maps.write(EIGHT_BY_TEN).patches(min_patch_ha=0.07)
    written = json.loads((maps.folder / "patches.geojson").read_text())
    assert (written["expected_by_chance"], written["min_patch_ha"], written["confirm_dates"]) == (0.016, 0.07, 3)
    assert len(written["features"]) == 3


@pytest.mark.parametrize(
    ("epsg", "lonlat"),
    [(3413, (-38.0, 75.0)), (3413, (20.0, 84.0)), (3031, (100.0, -75.0)), (32645, (84.5, 28.2)), (32601, (-179.9, 66))],
)
@pytest.mark.parametrize("side", [20, 240])
def test_area_is_that_on_the_ellipsoid(epsg, lonlat, side):
    x, y = pyproj.Transformer.from_crs(4326, epsg, always_xy=True).transform(*lonlat)
    grid = grid_of(epsg, centres(x, side, 600), centres(y, -side, 400))
    rows, columns = np.array([0, 399, 123, 0]), np.array([0, 599, 321, 599])
    for row, column, area in zip(rows, columns, GroundArea(grid).ha(rows, columns)):
        left, top = x + side * column, y - side * row
        outline = shapely.segmentize(shapely.box(left, top - side, left + side, top), side / 20)
        lon, lat = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True).transform(
            *np.array(outline.exterior.coords).T
        )
        assert area == pytest.approx(abs(GEOD.polygon_area_perimeter(lon, lat)[0]) / 1e4, rel=1e-6)


@pytest.mark.parametrize("place", [(EPSG, WEST, NORTH), (3413, -600_000, -1_500_000), (3031, 2_000_000, 900_000)])
def test_outlines_follow_the_standard(maps, place):
    """Holes (one that touches the outer ring at a corner), right-hand rule, seven digits, true area."""
    ring = falls((9, 9), ((2, 8), (2, 8), 4), ((4, 5), (4, 5), 0), ((6, 6), (6, 6), 0), ((2, 2), (3, 3), 0))
    ring[2, 1], ring[1, 1] = 0, 4
    found = maps.write(ring, place=place).patches()
    assert found.crs == 4326 and found.geometry.is_valid.all() and set(found.geom_type) == {"MultiPolygon"}
    for patch in found.to_dict("records"):
        for part in patch["geometry"].geoms:
            assert part.exterior.is_ccw and not any(hole.is_ccw for hole in part.interiors)
        area = GEOD.geometry_area_perimeter(patch["geometry"])[0] / 1e4
        assert area == pytest.approx(patch["area_ha"], rel=1e-3)  # of a centimetre in 20 metres
    coordinates = np.array(shapely.get_coordinates(found.geometry))
    np.testing.assert_array_equal(coordinates, coordinates.round(7))


def test_outlines_are_cut_at_the_antimeridian(maps):
    to_map = pyproj.Transformer.from_crs(4326, 32601, always_xy=True)
    west, north = to_map.transform(-180, 66.0)
    found = maps.write(np.full((10, 40), 5), place=(32601, west - 400, north + 100)).patches()
    (shape,) = found.geometry
    assert shape.is_valid and len(shape.geoms) == 2
    longitudes = [part.bounds[0::2] for part in shape.geoms]
    assert {round(edge) for part in longitudes for edge in part} == {-180, 180}
    assert all(east - west < 1 for west, east in longitudes)
    assert GEOD.geometry_area_perimeter(shape)[0] / 1e4 == pytest.approx(found["area_ha"][0], rel=1e-4)


def test_zones_are_those_with_a_cell_centre(maps, tmp_path):
    """Of overlapping zones both; a zone without a cell and one beside a patch are no error."""
    boxes = {"a; b": (0, 0, 45, 60), "Wald Süd": (25, 0, 200, 160), "tiny": (1, 1, 3, 3), "beside": (0, 140, 60, 160)}
    shapes = {
        name: shapely.box(WEST + left, NORTH - low, WEST + right, NORTH - top)
        for name, (left, top, right, low) in boxes.items()
    }
    maps.write(EIGHT_BY_TEN).patches(zones=str(zone_file(tmp_path / "zones.gpkg", shapes)))
    written = json.loads((maps.folder / "patches.geojson").read_text())["features"]
    assert [one["properties"]["zones"] for one in written[:3]] == [
        ["a; b", "Wald Süd"],
        ["Wald Süd"],
        ["Wald Süd", "beside"],
    ]
    table = pd.read_csv(maps.folder / "patches.csv", parse_dates=["start", "end", "first", "last"])
    assert table["zones"][0] == "a; b; Wald Süd"
    read = geopandas.read_file(maps.folder / "patches.geojson").drop(columns=["geometry", "zones"])
    pd.testing.assert_frame_equal(read, table.drop(columns="zones"), check_dtype=False)


@pytest.mark.parametrize("boundary", [3, 4, 5, 8])
def test_patches_across_a_change_of_release(maps, boundary):
    """From the date before the first to the last: dates 2 to 4 here, of a patch that changed on dates 3 and 4."""
    crids = ["X05009"] * boundary + ["X05010"] * (12 - boundary)
    found = maps.write(np.array([[3, 4]]), crids=crids).patches()
    assert found["releases_differ"].tolist() == [boundary in (3, 4)]


def test_nothing_found(maps):
    assert len(maps.write(np.zeros((8, 10), int)).patches()) == 0
    table = pd.read_csv(maps.folder / "patches.csv")
    assert table.empty and "step_db_HHHH" in table and "confirmed" in table


# ---- ids


def test_ids_last(maps):
    """A patch that moves a little, one that splits, two that merge, one that vanishes, a new one."""
    shape = (12, 30)
    before = falls(
        shape, ((1, 3), (1, 4), 4), ((6, 7), (1, 9), 4), ((1, 4), (12, 15), 4), ((1, 2), (17, 18), 4),
        ((11, 12), (1, 2), 4),
    )  # fmt: skip
    first = maps.write(before).patches()
    moved, split, large, small, gone = (
        f"{day(4).replace('-', '')}-{row}-{column}" for row, column in [(0, 0), (5, 0), (0, 11), (0, 16), (10, 0)]
    )
    assert set(first["id"]) == {moved, split, large, small, gone}
    after = falls(
        shape,
        ((2, 4), (1, 4), 5),
        ((6, 7), (1, 3), 4),
        ((6, 7), (5, 9), 4),
        ((1, 4), (12, 18), 4),
        ((11, 12), (20, 22), 7),
    )
    second = maps.write(after).patches()
    ids = {min(of["where"]): of["id"] for of in second.to_dict("records")}
    assert ids == {
        (1, 0): moved, (5, 4): split, (5, 0): f"{split}-2", (0, 11): large, (10, 19): f"{day(7).replace('-', '')}-10-19"
    }  # fmt: skip
    again = maps.patches()
    assert again["id"].tolist() == second["id"].tolist()
    (maps.folder / "patches.ledger").unlink()
    anew = maps.patches()
    pd.testing.assert_frame_equal(anew.drop(columns="id"), second.drop(columns="id"))


@pytest.mark.parametrize(
    ("date", "step", "kept"), [(5, -3.0, True), (6, -1.0, True), (4, -3.0, True), (7, -3.0, False), (5, 3.0, False)]
)
def test_another_change_at_the_same_place_has_an_id_of_its_own(maps, date, step, kept):
    one = maps.write(np.array([[5, 5]])).patches()["id"][0]
    assert (maps.write(np.array([[date, date]]), step).patches()["id"][0] == one) == kept


@pytest.mark.parametrize("text", ["", "{", '{"patches": []}', '{"grid": {}, "patches": {}}x'])
def test_a_damaged_ledger_is_named(maps, text):
    maps.write(EIGHT_BY_TEN).patches()
    (maps.folder / "patches.ledger").write_text(text)
    with pytest.raises(GcovError, match=r"patches.ledger is damaged: remove it"):
        maps.patches()


def test_a_ledger_of_another_grid_is_not_used(maps):
    maps.write(EIGHT_BY_TEN).patches()
    found = maps.write(EIGHT_BY_TEN[:, 1:], place=(EPSG, WEST + 20, NORTH)).patches()
    assert found["id"][0] == f"{day(3).replace('-', '')}-1-0"
    ledger = Ledger.read(maps.folder / "patches.ledger", store.open_store(maps.folder / "change_history.zarr"))
    assert len(ledger.table) == len(found) and set(ledger.table["seen"]) == {str(TIMES[-1])}


@pytest.mark.long
def test_ids_outlast_a_run_of_the_workflow(maps, analysis):
    """Snakemake removes outputs before a job, but not the ledger; a job that fails leaves the ledger as it was."""
    aoi = {"bbox": BBOX, "search": {"start": day(0), "end": day(1), "relative_orbit": 26}}
    analysis.configure({"aois": {"one": aoi}, "terms": ["HHHH"], "change_history": True, "min_patch_ha": 0})
    results = analysis.folder / "results" / "one"
    target = Path("results/one/change_patches.csv")
    for folder in ("HHHH", "granules"):
        (results / folder).mkdir(parents=True)
    write_table(results / "granules.csv", [], [])  # as if the search had run

    def run() -> pd.DataFrame:
        shutil.rmtree(results / "change_history.zarr", ignore_errors=True)
        shutil.move(maps.folder / "change_history.zarr", results)
        shutil.move(maps.folder / "series.csv", results / "HHHH" / "mean_series.csv")
        analysis.run("--allowed-rules", "change_patches", "--", str(target))
        return pd.read_csv(analysis.folder / target)

    maps.folder = analysis.folder
    maps.write(EIGHT_BY_TEN)
    first = run()
    maps.write(np.roll(EIGHT_BY_TEN, 1, axis=1))
    moved = run()
    largest = {table["id"][0] for table in (first, moved)}
    assert len(largest) == 1 and len(moved) == len(first) == 5
    ledger = results / "change_patches.ids.json"
    before = ledger.read_bytes()
    shutil.rmtree(results / "change_history.zarr" / "largest_change" / "c")
    failed = analysis.snakemake("-R", "change_patches", "--allowed-rules", "change_patches", "--", str(target))
    assert failed.returncode and "change_history.zarr is damaged" in failed.output
    assert ledger.read_bytes() == before and not (analysis.folder / target).exists()


# ---- from stacks


def test_a_wet_date_makes_no_patch(made):  # noqa: F811
    """Its rise has two dates before it, and its fall one: that is no lasting change."""
    power = np.array([0.10, 0.10, 0.16, 0.10, 0.10, 0.10])[:, None, None] * np.ones((6, 12, 12))
    power[3:, 8:, 8:] *= 0.3
    one = made({"HHHH": power}).looks(220).independent()
    history, _ = one.history()
    assert (history.n_changes.values > 0).all()
    assert pd.read_csv(one.patches(min_patch_ha=0)["csv"])["cells"].tolist() == []


def test_a_wet_date_whose_end_does_not_count_makes_no_patch(made):  # noqa: F811
    """The rise of 3.3 dB is significantly more than 2 dB, the fall of 2.9 dB after it is not; the felling lasts."""
    power = np.array([0.1] * 6 + [0.1 * 10**0.33] + [0.1 * 10**0.04] * 5)[:, None, None] * np.ones((12, 12, 12))
    power[:, :4, :4] = np.array([0.1] * 6 + [0.05] * 6)[:, None, None]
    one = made({"HHHH": power}).looks(100).independent()
    history, _ = one.history(min_change_db=2)
    assert (history.n_changes.values == 1).all() and (history.largest_n_after.values == 6).all()
    assert history.largest_lasts.values[:4, :4].all() and history.largest_lasts.values.sum() == 16
    assert pd.read_csv(one.patches(min_patch_ha=0)["csv"])["cells"].tolist() == [16]


def test_patches_between_two_periods(made):  # noqa: F811
    power = np.full((4, 12, 12), 0.1)
    power[2:, 2:5, 3:9] = 0.03
    power[2:, 9:, 0] = 0.4
    power[:, 0] = np.nan
    one = made({"HVHV": power}, crids=["X05009", "X05009", "X05009", "X05010"]).looks(40).independent()
    maps, summary = one.change("HVHV", [day(0), day(1)], [day(2), day(3)])
    paths = one.patches("HVHV", min_patch_ha=0.1)
    fell, rose = geopandas.read_file(paths["geojson"]).to_dict("records")
    assert (fell["cells"], fell["direction"], rose["cells"], rose["direction"]) == (18, -1, 3, 1)
    assert fell["step_db_HVHV"] == pytest.approx(10 * np.log10(0.3), abs=1e-5)
    assert fell["se_db_HVHV"] == pytest.approx(float(maps.se_db[2, 3]) / np.sqrt(18), rel=1e-5)
    assert (f"{fell['start']:%Y-%m-%d}", f"{fell['end']:%Y-%m-%d}") == (day(1), day(2))
    assert fell["releases_differ"] and "confirmed" not in fell and "first" not in fell
    assert fell["p_min"] == pytest.approx(float(maps.p_value.values[2:5, 3:9].min()), rel=1e-5)
    written = json.loads(paths["geojson"].read_text())
    assert written["warning"] == summary["warning"] and "confirm_dates" not in written
    assert summary["pixels"] == 11 * 12
    assert written["expected_by_chance"] == pytest.approx(expected_by_chance(132, 0.01, 3), rel=1e-2)
