"""From granule to figures, function by function, compared with the notebook's own calls and plain numpy."""

import base64
import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
import zarr
from animation import animation
from clip import clip
from compliance_checker.runner import CheckSuite, ComplianceChecker
from helpers import (
    BBOX,
    EPSG,
    FIRST,
    REPO,
    SERIES,
    notebook_db,
    notebook_granule,
    notebook_stack,
    zone_file,
)
from location import location
from matplotlib.colors import to_rgb
from PIL import Image
from plot_series import plot_series
from products import fragment, stacked, summarized
from search import search
from stack import stack
from stack_db import stack_db

from gcov.analysis.multilook import LARGEST, LONGEST, cells_of, side_for
from gcov.archive.catalog import listed_granules
from gcov.errors import GcovError
from gcov.figures import movies
from gcov.figures.palette import QUANTITIES
from gcov.granules import NOT_COMPARED, write_records
from gcov.headings import view
from gcov.identification import granule_of_file
from gcov.stores.provenance import provenance
from gcov.stores.stack import Stack
from gcov.testing.synthetic import OUTSIDE, Band, block_average


def tables_of(folder: Path) -> SimpleNamespace:
    """Tables of HHHH of the stack in a folder: their paths."""
    return summarized(folder, Stack(folder / "stack.zarr", valid_samples_only=True), "HHHH")


def products(folder: Path, term="HHHH", valid_samples_only=True) -> SimpleNamespace:
    """dB stack, tables and movies of the stack in a folder: paths, and their contents."""
    counted = Stack(folder / "stack.zarr", valid_samples_only=valid_samples_only)
    made = summarized(folder, counted, term)
    made.stack, made.db = folder / "stack.zarr", folder / "stack_db.zarr"
    stack_db(stack=counted, output=made.db)
    made.animation, made.animation_means = folder / "animation.gif", folder / "animation_means.gif"
    for ending in (".gif", ".html"):
        animate(made, counted, made.animation.with_suffix(ending), made.animation_means.with_suffix(ending), term)
    return made


def animate(made, stack: Stack, alone: Path, with_means: Path, term: str = "HVHV", **other) -> None:
    """Both movies of a term, from the tables in `made`."""
    tables = {name: getattr(made, name) for name in ("no_echo", "stretch")}
    settings = {"series": made.mean_series, "shown_db": None, "min_valid_fraction": 0.5, **other}
    animation(stack=stack, term=term, **tables, **settings, alone=alone, with_means=with_means)


def draw_series(made, folder: Path, term: str) -> None:
    """series.png, db.png and power.png of a term, from the tables in `made`."""
    plot_series(
        series=made.mean_series,
        no_echo=made.no_echo,
        counts={"db": made.histogram_db, "power": made.histogram_power},
        stretch=made.stretch,
        shown_db=None,
        stack=made.stack,
        origin=provenance(made.stack, True),
        min_valid_fraction=0.5,
        term=term,
        output=[folder / "series.png"],
        histograms={quantity: [folder / f"{quantity}.png"] for quantity in ("db", "power")},
    )


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def frames(page: Path) -> list[tuple[str, Image.Image]]:
    """Captions and pictures of a player page."""
    content = page.read_text()
    listed = json.loads(content[content.index("const frames = [") + 15 : content.index("];")].rstrip(",\n") + "]")
    return [(caption, Image.open(io.BytesIO(base64.b64decode(png)))) for caption, png in listed]


@pytest.fixture(scope="module")
def made(newest, tmp_path_factory):
    """Products of the four dates, and the notebook's stack: of valid samples, and of all."""
    reference = notebook_stack(newest, BBOX)
    both = {}
    for valid in (True, False):
        folder = tmp_path_factory.mktemp(f"valid_{valid}")
        data = stacked(folder, newest, terms=("HHHH", "HVHV"))
        both[valid] = SimpleNamespace(data=data, reference=reference, **vars(products(folder, "HVHV", valid)))
    return both


def counted(one, valid: bool) -> np.ndarray:
    """HVHV power (time, y, x) in double precision; NaN where a sample does not count."""
    power = one.reference["HVHV"].values.astype("f8")
    mask = one.reference["mask"].fillna(OUTSIDE).values
    return np.where((mask >= 1) & (mask <= 254), power, np.nan) if valid else power


def test_the_aoi_of_these_tests_holds_every_kind_of_sample(made):
    mask = made[True].reference["mask"].fillna(OUTSIDE).values
    assert set(np.unique(mask)) == {0, 1, 2, OUTSIDE}


def test_stack_is_the_notebooks_bit_for_bit(made):
    data, reference = made[True].data, made[True].reference
    for axis in ("x", "y"):
        assert data[axis].values.tobytes() == reference[axis].values.tobytes()
    np.testing.assert_array_equal(data["time"].values, reference["time"].values)
    for term in ("HHHH", "HVHV"):
        assert data[term].dtype == np.float32
        np.testing.assert_array_equal(data[term].values, reference[term].values)
    np.testing.assert_array_equal(data["mask"].values, reference["mask"].fillna(OUTSIDE).values)
    assert data.rio.crs == reference.rio.crs
    assert data.rio.transform() == reference.rio.transform(recalc=True)
    assert data.rio.bounds() == reference.rio.bounds()


def test_stack_holds_the_same_samples_whichever_are_valid(made):
    assert made[True].data.identical(made[False].data)


# Recommendations beyond the conventions' musts, names of GeoZarr's attributes among them; and the unit of all
# backscatter, which UDUNITS has under other names.
EXCUSED = (
    "spatial_ref",
    "history should exist",
    "units_metadata",
    '"dB" are not recognized',
    "should begin with a letter",
)


def test_stores_saved_as_netcdf_follow_cf(made, tmp_path):
    """What a user gets from `to_netcdf`; the checker knows no Zarr."""
    CheckSuite.load_all_available_checkers()
    for store_path in (made[True].stack, made[True].db, *made[True].stack.parent.glob("fragments/*.zarr")):
        netcdf, found = tmp_path / "saved.nc", tmp_path / "found.json"
        data = xr.open_zarr(store_path, chunks=None)
        del data.attrs["zarr_conventions"]  # GeoZarr's: NetCDF has no lists of mappings
        data.to_netcdf(netcdf, engine="h5netcdf", encoding={axis: {"_FillValue": None} for axis in ("x", "y")})
        ComplianceChecker.run_checker(
            str(netcdf), ["cf:1.11"], 2, "strict", output_filename=str(found), output_format="json"
        )
        checked = json.loads(found.read_text())["cf:1.11"]
        told = [
            text
            for level in ("high", "medium", "low")
            for check in checked[f"{level}_priorities"]
            for text in check["msgs"]
        ]
        assert [text for text in told if not any(words in text for words in EXCUSED)] == []


def test_the_stack_shares_no_file_with_its_fragments(made):
    files = [path for path in made[True].stack.rglob("*") if path.is_file()]
    assert len(files) > 10 and {path.stat().st_nlink for path in files} == {1}


def test_a_fragment_that_has_lost_samples_is_refused(newest, tmp_path):
    one = fragment(tmp_path, newest[0])
    (one / "HHHH" / "c" / "0" / "0" / "0").unlink()
    with pytest.raises(GcovError, match=re.escape(f"{one} is damaged: it lacks HHHH/c/0/0/0")):
        stack(fragments=[one], output=tmp_path / "stack.zarr")
    assert not (tmp_path / "stack.zarr").exists()


def test_provenance_is_in_the_stack(made, newest):
    data, attributes = made[True].data, made[True].data.attrs
    assert data["granule"].values.tolist() == [path.stem for path in newest]
    assert data["crid"].values.tolist() == ["X05009", "X05010", "X05009", "X05009"]
    assert data["maturity"].values.tolist() == ["BETA"] * 4
    assert [record["path"] for record in json.loads(attributes["granule_records"])] == [str(path) for path in newest]
    assert (attributes["aoi"], attributes["aoi_bbox"], attributes["frequency"]) == ("x", BBOX, "A")
    assert attributes["maturity_note"] == "BETA data (4 dates): not validated"
    assert re.match("nisar-gcov-timeseries .*zarr.*numpy", attributes["software"])


@pytest.mark.parametrize("valid", [True, False])
def test_db_is_the_notebooks(made, valid):
    one = made[valid]
    wanted = notebook_db(one.reference["HVHV"])
    if valid:
        wanted = np.where(np.isnan(counted(one, True)), np.nan, wanted)
    found = xr.open_zarr(one.db)["HVHV"]
    np.testing.assert_allclose(found.values, wanted, atol=1e-4, rtol=0)
    assert np.isnan(wanted).any() and found.attrs["units"] == "dB"
    assert "mask" not in xr.open_zarr(one.db)


@pytest.mark.parametrize("valid", [True, False])
def test_means_are_averaged_in_power(made, valid):
    power, series = counted(made[valid], valid), rows(made[valid].mean_series)
    assert list(series[0]) == SERIES
    assert len(series) == 4
    for row, image in zip(series, power):
        mean = np.nanmean(image)
        assert float(row["mean_power"]) == pytest.approx(mean, rel=1e-6)
        assert float(row["mean_db"]) == pytest.approx(10 * np.log10(mean), abs=1e-5)
        assert int(row["n_pixels"]) == image.size
        assert int(row["n_valid"]) == np.isfinite(image).sum()
        assert float(row["valid_fraction"]) == pytest.approx(np.isfinite(image).mean())
    assert [row["time"] for row in series] == [
        (FIRST + timedelta(days=12 * i)).strftime("%Y-%m-%dT%H:%M:%S") for i in range(4)
    ]


@pytest.mark.parametrize("movie", ["animation", "animation_means"])
def test_movies_have_a_frame_for_each_date(made, movie):
    path = getattr(made[True], movie)
    pictures = frames(path.with_suffix(".html"))
    with Image.open(path) as gif:
        assert gif.n_frames == len(pictures) == 4
        assert gif.info["loop"] == 0 and gif.info["duration"] > 0
        seen = set()
        for index, (caption, picture) in enumerate(pictures):
            gif.seek(index)
            frame = np.asarray(gif.convert("RGB"))
            np.testing.assert_array_equal(frame, np.asarray(picture.convert("RGB")))
            seen.add(frame.tobytes())
            day = (FIRST + timedelta(days=12 * index)).strftime("%Y-%m-%d %H:%M:%S")
            assert caption.startswith(f"{day} UTC") and caption.endswith(f"{index + 1} of 4")
        assert len(seen) == 4


@pytest.mark.parametrize("movie", ["animation", "animation_means"])
def test_pages_need_no_network(made, movie):
    content = getattr(made[True], movie).with_suffix(".html").read_text()
    assert "{{" not in content
    assert " ".join(made[True].data["granule"].values) in content
    assert not re.search(r"https?://|src=[\"'][^\"'d]|<link|@import|fetch\(|XMLHttpRequest", content)


@pytest.mark.parametrize("shown_db", [None, [-31.0, -4.0]])
def test_frames_show_the_valid_samples_in_the_stretch(made, shown_db, tmp_path):
    """Grey levels of a frame of the plain movie rise with dB; invalid pixels have the no-data colour."""
    one, page = made[True], tmp_path / "animation.html"
    db, limits = xr.open_zarr(one.db)["HVHV"][0].values, json.loads(one.stretch.read_text())
    if shown_db:
        limits = dict(zip(("q05", "q95"), shown_db))
    animate(one, Stack(one.stack, valid_samples_only=True), page, tmp_path / "means.html", shown_db=shown_db)
    zoom = movies.zoom_for(db.shape)
    picture = np.asarray(frames(page)[0][1].convert("RGB")).astype(int)
    layout = movies.Layout.of(db.shape, view(xr.open_zarr(one.stack).attrs))
    assert (picture.shape[1], picture.shape[0]) == layout.alone
    block = picture[layout.top : layout.top + db.shape[0] * zoom, layout.left : layout.left + db.shape[1] * zoom]
    middles = block[zoom // 2 :: zoom, zoom // 2 :: zoom]
    wanted = np.clip((db - limits["q05"]) / (limits["q95"] - limits["q05"]), 0, 1) * 255
    valid = np.isfinite(db)
    valid[:2] = valid[-2:] = False  # the frame around the image
    valid[:, :2] = valid[:, -2:] = False
    assert np.abs(middles[valid].mean(axis=1) - wanted[valid]).max() < 20
    blank = np.isnan(db)
    blank[:2] = blank[-2:] = False
    blank[:, :2] = blank[:, -2:] = False
    assert blank.any() and np.ptp(middles[blank], axis=0).max() == 0
    assert np.ptp(middles[blank][0]) > 10  # no grey


@pytest.mark.parametrize(
    "shape",
    [
        (2851, 1901),
        (1425, 949),
        (1000, 700),
        (16000, 16000),
        (470, 480),
        (20000, 500),
        (500, 20000),
        (610, 590),
        (40, 40),
    ],
)
def test_any_aoi_makes_an_image_of_a_readable_size(shape):
    looks = side_for(shape)
    rows, columns = cells_of(shape, looks)
    assert rows * columns <= LARGEST and max(rows, columns) <= LONGEST
    fewer = cells_of(shape, looks - 1) if looks > 1 else (LARGEST, LARGEST)
    assert math.prod(fewer) > LARGEST or max(fewer) > LONGEST
    zoom = movies.zoom_for((rows, columns))
    assert zoom**2 * rows * columns <= 2 * LARGEST and zoom * max(rows, columns) <= LONGEST
    if max(shape) < 2 * min(shape):
        assert zoom * columns >= 445


def test_the_mean_series_grows_beside_the_image(made):
    """Pixels of the curve's colour: more from date to date, none beside the plain image."""
    curve = np.round(255 * np.array(to_rgb(QUANTITIES["db"]))).astype(int)

    def drawn(picture):
        return (np.abs(np.asarray(picture.convert("RGB")).astype(int) - curve).sum(axis=2) < 20).sum()

    lengths = [drawn(picture) for _, picture in frames(made[True].animation_means.with_suffix(".html"))]
    assert lengths[0] > 10 and np.diff(lengths).min() > 20
    assert drawn(frames(made[True].animation.with_suffix(".html"))[3][1]) == 0


def test_the_movie_without_the_series_shows_nothing_of_its_axis(made, tmp_path):
    """However long its labels are: the image is cut from the frame that has both."""
    series = pd.read_csv(made[True].mean_series, dtype=str)
    series["mean_db"] = ["-119.31", "-119.85", "-120.4", "-120.96"]  # labels such as -119.25
    series.to_csv(tmp_path / "series.csv", index=False)
    page, counted = tmp_path / "alone.html", Stack(made[True].stack, valid_samples_only=True)
    animate(made[True], counted, page, tmp_path / "both.html", series=tmp_path / "series.csv")
    assert all((np.asarray(picture.convert("RGB"))[:, -6:] == 255).all() for _, picture in frames(page))


def test_location_has_the_aoi_and_every_footprint(newest, tmp_path):
    fragments = [fragment(tmp_path, path) for path in newest[:2]]
    zone_file(tmp_path / "zones.geojson", {"west": shapely.box(*BBOX[:2], 83.88, 28.27)}, 4326)
    for zones, picture in ((None, "plain.png"), (tmp_path / "zones.geojson", "a.png")):
        location(
            fragments=fragments,
            zones=zones,
            zone_name="name",
            basemap=None,
            geojson=tmp_path / "a.geojson",
            picture=[tmp_path / picture],
        )
    plain, with_zones = (np.asarray(Image.open(tmp_path / name).convert("RGB")) for name in ("plain.png", "a.png"))
    assert plain.shape != with_zones.shape or (plain != with_zones).any()
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert [feature["properties"]["kind"] for feature in features] == ["aoi", "granule", "granule"]
    assert shapely.geometry.shape(features[0]["geometry"]).equals(shapely.box(*BBOX))
    for feature, path in zip(features[1:], newest):
        with h5py.File(path) as file:
            wanted = file["science/LSAR/identification/boundingPolygon"][()].decode()
        assert feature["properties"]["name"] == path.stem
        footprint = shapely.geometry.shape(feature["geometry"])
        assert footprint.equals(shapely.force_2d(shapely.from_wkt(wanted))) and not footprint.has_z


# ---- areas and granules that are not plain


def test_an_aoi_partly_off_the_granule(newest, tmp_path):
    """The grid extends beyond the granule on the granule's lattice, with NaN there."""
    bbox = [83.84, 28.27, 83.87, 28.29]
    data = stacked(tmp_path, newest[:1], bbox=bbox)
    inside = notebook_granule(newest[0], bbox)  # clip_box stops at the granule's edge
    part = data.sel(x=inside.x, y=inside.y).isel(time=0)
    np.testing.assert_array_equal(part["HHHH"], inside["HHHH"])
    assert np.isfinite(data["HHHH"]).sum() == np.isfinite(inside["HHHH"]).sum()
    assert (data["mask"] == OUTSIDE).sum() == data["mask"].size - (inside["mask"].notnull()).sum()
    np.testing.assert_allclose(np.diff(data.x), 20)
    np.testing.assert_allclose(np.diff(data.y), -20)
    assert data.sizes["x"] > inside.sizes["x"] and data.sizes["y"] > inside.sizes["y"]
    (row,) = rows(tables_of(tmp_path).mean_series)
    assert int(row["n_pixels"]) == data["HHHH"].size
    valid = (inside["mask"] >= 1) & (inside["mask"] <= 254)
    assert int(row["n_valid"]) == int(valid.sum())


def test_a_polygon_is_the_aoi(newest, tmp_path):
    west, south, east, north = BBOX
    polygon = f"POLYGON (({west} {south}, {east} {south}, {west} {north}, {west} {south}))"
    data = stacked(tmp_path, newest[:2], polygon=polygon, terms=("HHHH", "HVHV"))
    whole = notebook_stack(newest[:2], BBOX)
    np.testing.assert_array_equal(data.x, whole.x)
    import pyproj

    to_degrees = pyproj.Transformer.from_crs(EPSG, 4326, always_xy=True)
    inside = shapely.contains_xy(shapely.from_wkt(polygon), *to_degrees.transform(*np.meshgrid(data.x, data.y)))
    differing = np.isfinite(data["HVHV"].values) != (np.isfinite(whole["HVHV"].values) & inside)
    assert differing.sum() <= 2  # on the edge
    assert (data["mask"].values[:, ~inside] == OUTSIDE).mean() > 0.999
    samples = np.isfinite(data["HHHH"].values)
    np.testing.assert_array_equal(data["HHHH"].values[samples], whole["HHHH"].values[samples])
    row = rows(tables_of(tmp_path).mean_series)[0]
    assert int(row["n_pixels"]) == pytest.approx(inside.sum(), abs=1)
    valid = inside & (whole["mask"][0] >= 1).values
    assert float(row["mean_power"]) == pytest.approx(whole["HHHH"].values[0][valid].mean(dtype="f8"), rel=1e-3)
    assert float(row["valid_fraction"]) == pytest.approx(valid.sum() / inside.sum(), abs=1e-3)


@pytest.mark.parametrize("kind", ["invalid", "outside"])
def test_a_date_without_a_valid_sample_is_a_result(kind, band, write, newest, tmp_path):
    """The first: finite rubbish under a mask of 0. The second: nothing at all, as where a granule does not reach."""
    one = band(48)
    terms = {"HHHH": np.full(one.mask.shape, 1e-17 if kind == "invalid" else np.nan, np.float32)}
    empty = Band(one.epsg, one.x, one.y, terms, np.full_like(one.mask, 0 if kind == "invalid" else OUTSIDE))
    paths = [*newest[:2], write(empty, start=FIRST + timedelta(days=48), cycle=10)]
    data = stacked(tmp_path, paths)
    assert data.sizes["time"] == 3
    np.testing.assert_array_equal(data["HHHH"][2], notebook_granule(paths[2], BBOX)["HHHH"])
    made = products(tmp_path)
    assert np.isnan(xr.open_zarr(made.db)["HHHH"][2]).all()
    last = rows(made.mean_series)[2]
    assert (last["n_valid"], last["mean_power"], last["mean_db"]) == ("0", "", "")
    assert float(last["valid_fraction"]) == 0
    draw_series(made, tmp_path, "HHHH")
    location(
        fragments=sorted((tmp_path / "fragments").iterdir()),
        zones=None,
        zone_name="name",
        basemap=None,
        geojson=tmp_path / "a.geojson",
        picture=[tmp_path / "a.png"],
    )
    with Image.open(made.animation) as gif:
        assert gif.n_frames == 3
        gif.seek(2)
        picture = np.asarray(gif.convert("RGB")).astype(int)
    colours, counts = np.unique(picture[70:-70, 80:-110].reshape(-1, 3), axis=0, return_counts=True)
    assert np.ptp(colours[counts.argmax()]) > 10  # the no-data colour ...
    assert (picture[70:-70, 80:-110].sum(axis=2) < 150).sum() > 100  # ... and dark words on it


def test_dates_that_look_alike_are_frames_all_the_same(band, write, newest, tmp_path):
    """They differ in the date that is written on them."""
    one = band()
    nothing = np.full(one.mask.shape, np.nan, np.float32)
    empty = Band(one.epsg, one.x, one.y, {"HHHH": nothing}, np.full_like(one.mask, OUTSIDE))
    dates = [write(empty, start=FIRST + timedelta(days=12 * i), cycle=6 + i) for i in (4, 5, 6)]
    stacked(tmp_path, [newest[0], *dates])
    made = products(tmp_path)
    with Image.open(made.animation) as gif:
        assert gif.n_frames == 4
    pictures = [np.asarray(picture.convert("RGB")) for _, picture in frames(made.animation.with_suffix(".html"))]
    differing = np.nonzero((pictures[1] != pictures[2]).any(axis=(1, 2)))[0]
    assert differing.size and differing.max() < movies.Layout.of((1, 1), "view").top


def merged_by_hand(parts) -> tuple[np.ndarray, np.ndarray]:
    """Samples and mask of granules of one pass, pixel by pixel: valid beats 0 beats 255, then the first in time."""
    values, masks = (np.stack([part[key] for part in parts]) for key in ("HHHH", "mask"))
    power, mask = np.empty_like(values[0]), np.empty_like(masks[0])
    for pixel in np.ndindex(mask.shape):
        column = masks[(slice(None), *pixel)]
        order = sorted(range(len(parts)), key=lambda i: (0 if 1 <= column[i] <= 254 else 1 if column[i] == 0 else 2, i))
        power[pixel], mask[pixel] = values[(order[0], *pixel)], column[order[0]]
    return power, mask


def test_granules_of_one_pass_are_one_date(band, write, newest, tmp_path):
    """A partial pair whose masks overlap in every way, the later one listed first."""
    one, rng = band(48), np.random.default_rng(8)
    pair = []
    for index in range(2):
        mask = rng.choice([0, 1, 2, OUTSIDE], one.mask.shape).astype(np.uint8)
        power = np.where(mask == OUTSIDE, np.nan, rng.gamma(2, 0.1, mask.shape)).astype(np.float32)
        start = FIRST + timedelta(days=48, seconds=20 * index)
        pair.append(
            write(
                Band(one.epsg, one.x, one.y, {"HHHH": power}, mask),
                start=start,
                end=start + timedelta(seconds=15),
                cycle=10,
                coverage="P",
                counter=index + 1,
            )
        )
    data = stacked(tmp_path, [pair[1], newest[0], pair[0]])
    assert data["granule"].values.tolist() == [newest[0].stem, f"{pair[0].stem} {pair[1].stem}"]
    assert str(data["time"].values[1]).startswith("2026-01-10T23:47:39")
    recorded = [record["name"] for record in json.loads(data.attrs["granule_records"])]
    assert recorded == [newest[0].stem, pair[0].stem, pair[1].stem]
    parts = []
    for path in pair:
        clipped = notebook_granule(path, BBOX)
        parts.append({"HHHH": clipped["HHHH"].values, "mask": clipped["mask"].fillna(OUTSIDE).values.astype("u1")})
    power, mask = merged_by_hand(parts)
    np.testing.assert_array_equal(data["HHHH"][1], power)
    np.testing.assert_array_equal(data["mask"][1], mask)


def test_adjacent_frames_are_one_image(band, newest, write, tmp_path):
    """Two frames on one lattice, each with a part of the AOI, give the result of one large frame."""
    one = band()
    frames_of_pass = []
    for index, lines in enumerate((slice(0, 70), slice(60, 120))):
        terms = {term: values[lines] for term, values in one.terms.items()}
        start = FIRST + timedelta(seconds=30 * index)
        part = Band(one.epsg, one.x, one.y[lines], terms, one.mask[lines])
        frames_of_pass.append(write(part, start=start, frame=16 + index))
    data = stacked(tmp_path, frames_of_pass)
    whole = notebook_granule(newest[0], BBOX)
    assert data.sizes["time"] == 1
    np.testing.assert_array_equal(data["HHHH"][0], whole["HHHH"])
    np.testing.assert_array_equal(data["mask"][0], whole["mask"].fillna(OUTSIDE))
    assert data.x.values.tobytes() == whole.x.values.tobytes()


def test_a_frame_that_the_aoi_does_not_touch_changes_nothing(band, newest, write, tmp_path):
    one = band()
    away = Band(one.epsg, one.x, one.y - 20 * 500, one.terms, one.mask)
    beside = write(away, start=FIRST + timedelta(seconds=30), frame=17)
    data = stacked(tmp_path, [newest[0], beside])
    np.testing.assert_array_equal(data["HHHH"][0], notebook_granule(newest[0], BBOX)["HHHH"])
    later = write(away, start=FIRST + timedelta(days=60), cycle=11)
    data = stacked(tmp_path / "later", [newest[0], later])
    assert data.sizes["time"] == 2 and (data["mask"][1] == OUTSIDE).all() and np.isnan(data["HHHH"][1]).all()


def test_frequency_b(newest, tmp_path):
    data, reference = stacked(tmp_path, newest, frequency="B"), notebook_stack(newest, BBOX, "B")
    np.testing.assert_array_equal(data["HHHH"], reference["HHHH"])
    assert data.x.values.tobytes() == reference.x.values.tobytes()
    assert data.rio.resolution() == (80, -80)


def test_a_granule_that_has_only_frequency_b(band, write, tmp_path):
    path = write({"B": block_average(band(), 4)}, mode="0005", pols="NADH")
    with pytest.raises(GcovError, match=f"{path.stem}.*no frequencyA; it holds frequency B: set `frequency: B`"):
        fragment(tmp_path, path)
    assert not list(tmp_path.glob("fragments/*"))
    data = stacked(tmp_path, [path], frequency="B")
    np.testing.assert_array_equal(data["HHHH"][0], notebook_granule(path, BBOX, "B")["HHHH"])


@pytest.fixture
def quad(band, write) -> Path:
    """A quad-pol granule near the pole with an off-diagonal term."""
    one, rng = band(), np.random.default_rng(3)
    cross = (one.terms["HHHH"] * np.exp(1j * rng.uniform(0, 6, one.mask.shape))).astype(np.complex64)
    terms = {"HHHH": one.terms["HHHH"], "HHHV": cross, "HVHV": one.terms["HVHV"]}
    polar = Band(3413, one.x - 2_000_000, one.y - 3_132_240 - 400_000, terms, one.mask)
    return write(polar, mode="2000", pols="QPNA")


def test_complex_terms_near_the_pole(quad, tmp_path):
    bbox = [-122.49, 73.03, -122.47, 73.04]
    reference = notebook_granule(quad, bbox)
    assert min(reference["HHHV"].shape) > 10
    data = stacked(tmp_path, [quad], bbox=bbox, terms=("HHHV", "HHHH"))
    assert data["HHHV"].dtype == np.complex64
    np.testing.assert_array_equal(data["HHHV"][0], reference["HHHV"])
    assert data.x.values.tobytes() == reference.x.values.tobytes()
    assert data.rio.crs.to_epsg() == 3413
    stack_db(stack=Stack(tmp_path / "stack.zarr", valid_samples_only=True), output=tmp_path / "db.zarr")
    assert set(xr.open_zarr(tmp_path / "db.zarr").data_vars) == {"HHHH"}


def test_a_missing_term_lists_what_there_is(quad, tmp_path):
    with pytest.raises(GcovError, match="no term VVVV in frequencyA; it holds HHHH, HHHV, HVHV"):
        fragment(tmp_path, quad, terms=("HHHH", "VVVV"))
    assert not list(tmp_path.glob("fragments/*"))


def shifted(one: Band, *, epsg=None, x=0.0, posting=1) -> Band:
    if posting > 1:
        one = block_average(one, posting)
    return Band(epsg or one.epsg, one.x + x, one.y, one.terms, one.mask)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": 5}, "x coordinates off by up to (5|15) m"),
        ({"x": 1e-6}, "x coordinates off by up to"),
        ({"posting": 2}, r"posting \(40.0, -40.0\) m instead of \(20.0, -20.0\) m"),
        ({"epsg": 32644}, "CRS EPSG:32644 instead of EPSG:32645"),
    ],
)
def test_granules_on_other_grids_are_refused(change, words, band, write, newest, tmp_path):
    other = write(shifted(band(12), **change), start=FIRST + timedelta(days=48), cycle=10)
    fragments = [fragment(tmp_path, path) for path in (newest[0], other)]
    with pytest.raises(GcovError, match=f"{other.stem} cannot be stacked with {newest[0].stem}: {words}"):
        stack(fragments=fragments, output=tmp_path / "stack.zarr")
    assert not list(tmp_path.glob("stack*"))


def test_frames_on_two_grids_are_refused_by_the_search(band, write, newest, tmp_path):
    """Before a granule is fetched: the second frame of a pass is in another UTM zone."""
    words = "CRS EPSG:32644 instead of EPSG:32645"
    beside = write(shifted(band(), epsg=32644), start=FIRST + timedelta(seconds=35), frame=17)
    listed = {"listed": tuple(map(str, [*newest, beside])), "query": {}, "archive": None}
    results = {"records": tmp_path / "records", "table": tmp_path / "granules.csv"}
    with pytest.raises(GcovError, match=f"{beside.stem} cannot be stacked with {newest[0].stem}: {words}"):
        search(bbox=BBOX, polygon=None, frequency="A", terms=("HHHH",), **listed, **results)
    assert not any(path.exists() for path in results.values())


def recorded(folder: Path, *paths: Path) -> Path:
    """A folder with the records of granules."""
    write_records(folder / "records", listed_granules(tuple(map(str, paths)), None))
    return folder / "records"


def test_a_granule_on_another_grid_is_refused_before_its_samples_are_read(band, write, newest, tmp_path):
    """By comparison with a fragment on disk: one frame, so that the search opens no granule."""
    words = "x coordinates off by 5 m"
    other = write(shifted(band(48), x=5), start=FIRST + timedelta(days=48), cycle=10)
    records = recorded(tmp_path, newest[0], other)
    first = fragment(tmp_path, newest[0], records=records)
    with pytest.raises(GcovError, match=f"{other.stem} cannot be stacked with {newest[0].stem}: {words}"):
        fragment(tmp_path, other, records=records)
    assert list((tmp_path / "fragments").iterdir()) == [first]


def test_a_granule_on_the_lattice_of_a_fragment_is_read(band, write, newest, tmp_path):
    other = write(shifted(band(48), x=-20 * 30), start=FIRST + timedelta(days=48), cycle=10)
    records = recorded(tmp_path, newest[0], other)
    assert all(fragment(tmp_path, path, records=records).exists() for path in (newest[0], other))


@pytest.mark.parametrize(
    "beside",
    ["of another bbox", "of a polygon", "of band B", "not kept", "replaced", "without a note", "damaged", "cut"],
)
def test_fragments_that_are_not_of_this_run_are_not_compared(beside, band, write, newest, tmp_path):
    """They are on another grid, and about to be made again."""
    bands = {"A": shifted(band(), x=5), "B": shifted(block_average(band(), 4), x=5)}
    old = write(bands, start=FIRST + timedelta(days=48), cycle=10)
    west, south, east, north = BBOX
    area = {
        "of another bbox": {"bbox": (west, south, east, north - 0.001)},
        "of a polygon": {"polygon": shapely.box(*BBOX).wkt},
        "of band B": {"frequency": "B"},
    }
    path = fragment(tmp_path, old, **area.get(beside, {}))
    metadata = json.loads((path / "zarr.json").read_text())
    if beside == "replaced":
        os.utime(old, (0, 0))
    elif beside == "without a note":
        del metadata["attributes"]["granule_record_file"]
        (path / "zarr.json").write_text(json.dumps(metadata))
    elif beside == "damaged":
        shutil.rmtree(path / "HHHH")
    elif beside == "cut":
        (path / "zarr.json").write_text("")
    records = recorded(tmp_path, newest[0], *([] if beside == "not kept" else [old]))
    assert fragment(tmp_path, newest[0], records=records).exists()


@pytest.mark.parametrize("epsg", [32644, None])
def test_a_clip_compares_the_frames_that_the_search_has_not(epsg, band, write, newest, tmp_path):
    beside = write(shifted(band(), epsg=epsg), start=FIRST + timedelta(seconds=35), frame=17)
    records = recorded(tmp_path, newest[0], newest[1], beside)
    (records / NOT_COMPARED).touch()
    if epsg:
        with pytest.raises(GcovError, match=f"{beside.stem} cannot be stacked with {newest[0].stem}: CRS"):
            fragment(tmp_path, newest[1], records=records)
    assert fragment(tmp_path, newest[1], records=None if epsg else records).exists()
    assert (records / NOT_COMPARED).exists() == bool(epsg)


def test_fragments_of_other_terms_are_refused(newest, tmp_path):
    fragments = [fragment(tmp_path, newest[0]), fragment(tmp_path, newest[1], terms=("HVHV",))]
    with pytest.raises(GcovError, match=r"terms HVHV \(float32\) instead of HHHH \(float32\)"):
        stack(fragments=fragments, output=tmp_path / "stack.zarr")


def test_an_aoi_outside_of_every_granule_is_refused(newest, tmp_path):
    with pytest.raises(GcovError, match=rf"(?s)AOI \[84.5, .* lies outside of every granule.*{newest[0].stem}"):
        stacked(tmp_path, newest[:2], bbox=[84.5, 28.2, 84.52, 28.22])
    assert not list(tmp_path.glob("stack*"))


def test_not_one_valid_sample_anywhere_is_refused(band, write, tmp_path):
    one = band()
    spoilt = Band(one.epsg, one.x, one.y, one.terms, np.zeros_like(one.mask))
    with pytest.raises(GcovError, match=r"(?s)not one valid sample \(mask 1..254\) in the AOI .* in any granule"):
        stacked(tmp_path, [write(spoilt)])
    assert not list(tmp_path.glob("stack*"))


# ---- files that are not what their name says


@pytest.mark.parametrize("content", ["<html>login</html>", ""])
def test_a_file_that_is_no_hdf5(content, newest, tmp_path):
    path = tmp_path / newest[0].name
    path.write_text(content)
    with pytest.raises(GcovError, match=f"{path.stem}.*not an HDF5 file, or one cut short"):
        fragment(tmp_path, path)
    assert not list(tmp_path.glob("fragments/*"))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_cut_short(share, newest, tmp_path):
    path = tmp_path / newest[0].name
    content = newest[0].read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(GcovError, match=path.stem):
        fragment(tmp_path, path)
    assert not list(tmp_path.glob("fragments/*"))


def test_an_hdf5_file_that_is_no_granule(newest, tmp_path):
    path = tmp_path / newest[0].name
    with h5py.File(path, "w") as file:
        file["a"] = 1
    with pytest.raises(GcovError, match=f"{path.stem}.*not an L-band GCOV granule"):
        fragment(tmp_path, path)


def test_a_renamed_file_is_known_by_its_granule_id(newest, tmp_path):
    shutil.copy(newest[1], tmp_path / "december.h5")
    (found,) = listed_granules((str(tmp_path / "*.h5"),), None)
    assert found.name == newest[1].stem
    assert (found.cycle, found.crid, found.path) == (7, "X05010", str(tmp_path / "december.h5"))


def test_a_file_without_any_name_is_known_by_its_identification(newest, tmp_path):
    path = tmp_path / "my granule.h5"
    shutil.copy(newest[1], path)
    with h5py.File(path, "a") as file:
        del file["science/LSAR/identification/granuleId"]
        file["science/LSAR/identification/granuleId"] = np.bytes_("None")
    (found,) = listed_granules((str(path),), None)
    assert found.name == "my_granule"
    assert (found.start, found.end) == ("2025-12-05T23:47:39", "2025-12-05T23:48:14")
    assert (found.track, found.direction, found.frame, found.crid) == (26, "A", 16, "X05010")
    assert (found.maturity, found.coverage) == ("BETA", "F")
    assert found.size == path.stat().st_size
    np.testing.assert_array_equal(stacked(tmp_path, [path])["HHHH"][0], notebook_granule(path, BBOX)["HHHH"])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("none/*.h5", "'none/[*].h5' matches no file"),
        (".", "is a folder; name the files in it"),
        ("https://x/y.h5", "does not end in the name of a NISAR L2 GCOV granule"),
    ],
)
def test_entries_that_are_no_granules(entry, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GcovError, match=message):
        listed_granules((entry,), None)


def test_side_files_are_no_granules(newest, tmp_path):
    for name in (newest[0].name, newest[0].stem + "_QA_STATS.h5"):
        shutil.copy(newest[0], tmp_path / name)
    (found,) = listed_granules((str(tmp_path / "*.h5"),), None)
    assert found.name == newest[0].stem


def test_names_with_brackets_are_names(newest, tmp_path):
    folder = tmp_path / "data [1]"
    folder.mkdir()
    shutil.copy(newest[0], folder)
    (found,) = listed_granules((str(folder / newest[0].name),), None)
    assert found.name == newest[0].stem


STORES = {"xarray", "zarr", "rasterio"}
FIGURES = {"matplotlib.axes", "contextily"}
NETWORK = {"asf_search", "gcov.archive.transport"}
NOT_IMPORTED = {
    "gcov.inputs.config, gcov.granules": {"numpy", "h5py", "shapely", *STORES, "matplotlib", *NETWORK},  # by each start
    "gcov.inputs.zones": STORES,
    "clip": {"geopandas", "scipy", *FIGURES, *NETWORK},
    "looks": {"pandas", "scipy", *STORES},
    **dict.fromkeys(["caption", "methods", "plot_series", "plot_zones", "plot_indices", "location"], STORES),
    "index": {"rasterio", "matplotlib", "geopandas", *FIGURES},
    "explore": {"geopandas", "scipy", *FIGURES},
}


@pytest.mark.parametrize("modules", NOT_IMPORTED)
def test_a_job_imports_only_what_it_uses(modules):
    """Most jobs are short: what they import costs more than what they do."""
    path = "import sys; sys.path.insert(0, 'scripts'); sys.modules['dask'] = None"  # users do not have dask
    code = f"{path}; import {modules}; print({NOT_IMPORTED[modules]} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_renamed_file_that_says_nothing_is_refused_and_one_without_footprint_gets_its_grids(band, write, tmp_path):
    path = write(band(), file_name="mine.h5")
    with h5py.File(path, "r+") as file:
        identification = file["science/LSAR/identification"]
        del identification["granuleId"], identification["boundingPolygon"]
    granule = granule_of_file(str(path))
    fragment_path = tmp_path / "mine.zarr"
    facts = {"aoi": "x", "bbox": BBOX, "polygon": None, "frequency": "A", "terms": ("HHHH",), "archive": {}}
    clip(granule=granule, fragment=fragment_path, **facts)
    footprint = shapely.from_wkt(zarr.open_group(fragment_path).attrs["bounding_polygon"])
    assert footprint.contains(shapely.box(*BBOX))
    assert footprint.area < 0.001  # square degrees: 3 x 2.4 km
    with h5py.File(path, "r+") as file:
        del file["science/LSAR/identification/trackNumber"]
    with pytest.raises(GcovError, match="no trackNumber"):
        granule_of_file(str(path))
