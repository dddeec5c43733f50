"""Properties that hold for every input: windows, names, releases, configuration, counting.

Examples are the same in every run (a fixed seed); `make soak` draws new and more ones.
"""

import itertools
import math
import os
import random
from dataclasses import asdict
from datetime import datetime, timedelta

import numpy as np
import pyproj
import rioxarray  # noqa: F401
import xarray as xr
import yaml
from helpers import FIRST, grid_of
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rioxarray.exceptions import NoDataInBounds, OneDimensionalRaster

from gcov.analysis import histogram
from gcov.errors import GcovError
from gcov.granules import from_name, read_record, write_records
from gcov.inputs.config import read_config
from gcov.releases import newest_releases
from gcov.stores.grid import aoi_window, window_grid
from gcov.testing.synthetic import granule_name

settings.register_profile(
    "ci", derandomize=True, max_examples=60, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("soak", max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

CRS = [32601, 32645, 32660, 32701, 32721, 32760, 3413, 3031]  # UTM zones of both halves, and the polar grids
PLACES = {32: (500_000, 3_000_000), 3: (-600_000, 1_500_000)}


@st.composite
def lattices(draw):
    """A granule's grid in any CRS of the product, somewhere it is used."""
    epsg = draw(st.sampled_from(CRS))
    posting = draw(st.sampled_from([10, 20, 80]))
    if epsg in (3413, 3031):
        west, north = (240 * draw(st.integers(-8000, 8000)) for _ in range(2))
    else:
        west, north = 240 * draw(st.integers(700, 3200)), 240 * draw(st.integers(4000, 25_000))
    ny, nx = draw(st.integers(2, 300)), draw(st.integers(2, 300))
    return grid_of(epsg, west + posting * (np.arange(nx) + 0.5), north - posting * (np.arange(ny) + 0.5))


@st.composite
def boxes(draw, grid):
    """A box in degrees on the grid or across its edge."""
    left, bottom, right, top = grid.rio.bounds()
    along, up = draw(st.floats(-0.1, 1.1)), draw(st.floats(-0.1, 1.1))
    to_degrees = pyproj.Transformer.from_crs(grid.rio.crs, 4326, always_xy=True)
    lon, lat = to_degrees.transform(left + along * (right - left), bottom + up * (top - bottom))
    assume(math.isfinite(lon) and abs(lat) < 89.5)
    half = (top - bottom) / 111_000 * draw(st.floats(0.001, 0.6))
    width = half / math.cos(math.radians(lat))
    box = lon - width, lat - half, lon + width, lat + half
    assume(box[0] > -180 and box[2] < 180 and box[1] > -90 and box[3] < 90)
    return box


@given(st.data())
def test_a_window_is_clip_boxs_and_goes_on_beyond_the_grid(data):
    grid = data.draw(lattices())
    bbox = data.draw(boxes(grid))
    window = aoi_window(grid, bbox, "granule")
    inside = window.within(grid.rio.shape)
    pixels = xr.DataArray(np.zeros(grid.rio.shape, np.uint8), {"y": grid.y.values, "x": grid.x.values}, ("y", "x"))
    try:
        wanted = pixels.rio.write_crs(grid.rio.crs).rio.clip_box(*bbox, crs=4326)
    except (NoDataInBounds, OneDimensionalRaster):  # clip_box refuses what is thinner than two pixels
        assert min(inside.shape) < 2
        return
    np.testing.assert_array_equal(grid.x.values[inside.col_start : inside.col_stop], wanted.x)
    np.testing.assert_array_equal(grid.y.values[inside.row_start : inside.row_stop], wanted.y)
    found = window_grid(grid, window)
    dx, dy = grid.rio.resolution()
    assert found.sizes == {"y": window.shape[0], "x": window.shape[1]}
    np.testing.assert_allclose(found.x, grid.x.values[0] + dx * np.arange(window.col_start, window.col_stop), atol=1e-6)
    np.testing.assert_allclose(found.y, grid.y.values[0] + dy * np.arange(window.row_start, window.row_stop), atol=1e-6)


@st.composite
def names(draw):
    """The name of any GCOV granule."""
    start = datetime(2025, 10, 1) + timedelta(seconds=draw(st.integers(0, 10**8)))
    return granule_name(
        cycle=draw(st.integers(1, 999)),
        track=draw(st.integers(1, 173)),
        direction=draw(st.sampled_from("AD")),
        frame=draw(st.integers(1, 176)),
        mode=draw(st.sampled_from(["2005", "4005", "7700", "0005", "2020"])),
        pols=draw(st.sampled_from(["DHDH", "SHNA", "QPDH", "NADV", "CRNA"])),
        start=start,
        end=start + timedelta(seconds=draw(st.integers(1, 60))),
        crid=draw(st.sampled_from("XP")) + f"{draw(st.integers(0, 99_999)):05d}",
        coverage=draw(st.sampled_from("FP")),
        counter=draw(st.integers(1, 999)),
    )


@given(names(), st.integers(0, 10**10), st.sampled_from([None, True, False]))
def test_a_record_is_the_granule(tmp_path_factory, name, size, exception):
    granule = from_name(name, size=size, url=f"https://host/{name}.h5", has_input_data_exception=exception)
    fields = name.split("_")
    assert (granule.cycle, granule.track, granule.frame) == (int(fields[4]), int(fields[5]), int(fields[7]))
    assert granule.start.replace("-", "").replace(":", "") == fields[11]
    folder = tmp_path_factory.mktemp("records") / "granules"
    write_records(folder, [granule])
    assert read_record(folder / f"{name}.json") == granule
    assert asdict(granule)["crid"] == fields[13]


@given(st.lists(names(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_releases_do_not_depend_on_the_order(found, order: random.Random):
    """Several releases of each take, in any order: one answer, and of every take the highest rank."""
    granules = []
    for name in found:
        parts = name.split("_")
        for crid, counter in (("X05009", 1), ("X05009", 2), ("P05023", 1)):
            granules.append(from_name("_".join([*parts[:13], crid, *parts[14:17], f"{counter:03d}"])))
    kept, dropped = newest_releases(granules)
    order.shuffle(granules)
    assert newest_releases(granules) == (kept, dropped)
    assert sorted(g.name for g in [*kept, *(g for g, _ in dropped)]) == sorted(g.name for g in granules)
    for granule in granules:
        same = [other for other in kept if other.same_acquisition(granule)]
        assert same and max(other.rank for other in same) >= granule.rank


parts = st.builds(
    lambda crid, first, length, counter: granule_name(
        start=FIRST + timedelta(seconds=first),
        end=FIRST + timedelta(seconds=first + length),
        crid=crid,
        counter=counter,
    ),
    st.sampled_from(["X05007", "X05009", "X05010", "P05023"]),
    st.integers(0, 30),
    st.integers(1, 35),
    st.integers(1, 2),
)


@given(st.lists(parts, min_size=1, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_partial_releases_never_mix_and_cover_what_they_replace(found, order: random.Random):
    granules = [from_name(name) for name in found]
    kept, dropped = newest_releases(granules)
    order.shuffle(granules)
    assert newest_releases(granules) == (kept, dropped)
    for one, other in itertools.combinations(kept, 2):
        assert one.release == other.release or not one.same_acquisition(other)

    def seconds(granule):
        start, end = granule.interval
        return {start + timedelta(seconds=second) for second in range((end - start).seconds)}

    for granule, reason in dropped:
        newer = [g for g in kept if g.rank[:3] >= granule.rank[:3] and g.same_acquisition(granule)]
        ground = set().union(*map(seconds, newer)) & seconds(granule)
        assert (
            reason.startswith("newer, but covers too little")
            or any(g.maturity != granule.maturity for g in newer)
            or len(ground) >= 0.9 * len(seconds(granule))
        )


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates()
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
keys = ["bbox", "polygon", "granules", "search", "frequency", "terms", "valid_samples_only"]
entries = st.dictionaries(st.sampled_from(keys), trees, max_size=4)
sections = st.dictionaries(st.sampled_from(["search", "frequency", "terms", "archive", "basemap", "other"]), trees)


@given(st.dictionaries(st.text(max_size=6), entries | trees, max_size=2) | trees, sections)
def test_no_configuration_ends_in_anything_but_a_message(aois, others):
    text = yaml.safe_dump({"aois": aois, **others})
    try:
        read_config(yaml.safe_load(text))
    except GcovError as error:
        assert str(error)


@given(st.lists(st.floats(-60, 40, width=32), max_size=300), st.floats(0, 1))
def test_counts_and_quantiles_are_numpys(values, q):
    db = np.array(values, np.float32)
    fine = histogram.count_db(db)
    assert fine.sum() == db.size
    wanted, _ = np.histogram(db, bins=50, range=(-40, 20))
    assert np.abs(np.cumsum(histogram.coarse_db(fine)) - np.cumsum(wanted)).max() <= near_an_edge(db, 1.2)
    if db.size:
        assert abs(histogram.FINE_DB.quantile(fine, q) - np.quantile(db.astype(float), q)) <= 0.011


def near_an_edge(values: np.ndarray, step: float) -> int:
    """How many values lie within float32 rounding of an edge of bins that begin at -40."""
    places = (values.astype(float) + 40) / step
    return int((np.abs(places - np.round(places)) < 1e-4).sum())
