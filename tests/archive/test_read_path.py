"""Windows equal what h5py reads from the file: any window and layout of the file, from disk or from the archive."""

import json
from collections.abc import Mapping
from itertools import pairwise

import h5py
import numpy as np
import pytest
import xarray as xr
from clip import clip
from helpers import EPSG, FIRST, NORTH, WEST
from pyproj import Transformer
from servers.archive import Archive
from servers.field import MOST_BYTES, MOST_REQUESTS, archive_settings

from gcov.archive import ranges
from gcov.archive.sources import open_bytes
from gcov.granule import product
from gcov.granules import from_name
from gcov.stores import store
from gcov.stores.grid import Window
from gcov.testing.landscape import landscape
from gcov.testing.synthetic import OUTSIDE, Band, centres, granule_name, repack, write_granule

SHAPE = (830, 700)
CHUNK = 64
PAGE = 1 << 16
ARRAYS = ["HHHH", "HVHV", "mask"]
WINDOWS = {
    "inside": Window(90, 500, 100, 300),
    "upper left corner": Window(0, 130, 0, 70),
    "lower right corner": Window(760, 830, 620, 700),
    "beyond the lower right corner": Window(760, 900, 620, 740),
    "beyond the upper left corner": Window(-20, 30, -5, 64),
    "one row": Window(128, 129, 0, 700),
    "one column": Window(0, 830, 699, 700),
    "one pixel": Window(63, 64, 64, 65),
    "everything": Window(0, 830, 0, 700),
    "nothing": Window(900, 910, 0, 10),
}


LAYOUTS = ["paged", "not paged", "end block", "repacked", "end block, repacked"]


@pytest.fixture(scope="module", params=LAYOUTS[:2])
def scene(request, tmp_path_factory):
    """A granule of many chunks, the last ones cut off by the grid's edge; pages and chunks are a 64th of real ones."""
    terms, mask = landscape(SHAPE).scene(0)
    band = Band(EPSG, centres(WEST, 20, SHAPE[1]), centres(NORTH, -20, SHAPE[0]), terms, mask)
    folder = tmp_path_factory.mktemp("scene")
    layout = {"page_size": None if request.param == "not paged" else PAGE, "end_block": "end block" in request.param}
    path = write_granule(folder, granule_name(start=FIRST), {"A": band}, chunks=(CHUNK, CHUNK), **layout)
    if layout["end_block"]:  # behind the samples
        with h5py.File(path) as file:
            samples, last = file["science/LSAR/GCOV/grids/frequencyA/HVHV"].id, file["science/LSAR/identification"]
            chunks = (samples.get_chunk_info(number).byte_offset for number in range(samples.get_num_chunks()))
            assert last["granuleId"].id.get_offset() > max(chunks)
    return repack(path, tmp_path_factory.mktemp("repacked") / path.name, PAGE) if "repacked" in request.param else path


@pytest.fixture(scope="module")
def holding(scene):
    """The archive that holds it."""
    with Archive(scene.parent) as archive:
        yield archive


@pytest.fixture
def archive(user, holding, monkeypatch):
    """The same, trusted by a user with a token."""
    monkeypatch.setenv("GCOV_TRUST_HOST", holding.host)
    return holding


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 128 pixels a side instead of 4096, so that every window is read in many."""
    monkeypatch.setattr(store, "SHARD", 128)


def read(scene, archive, access: str, window: Window) -> tuple[dict[str, np.ndarray], object]:
    """A window as clip reads it, and what it was read from."""
    urls = {"url": archive.https_url(scene.stem), "s3_url": archive.s3_url(scene.stem)}
    where = {"path": str(scene)} if access == "local" else urls
    granule = from_name(scene.stem, **where)
    source = open_bytes(granule, archive_settings(archive, access="auto" if access == "local" else access))
    with product.open_band(source, "granule", "A") as band:
        found = {name: np.zeros((1, *window.shape), band.data[name].dtype) for name in ARRAYS}
        regions = list(store.regions(template(window), rows=store.SHARD, columns=store.SHARD))
        pieces = [window.part(region["y"], region["x"]) for region in regions]
        for region, piece, following in zip(regions, pieces, [*pieces[1:], None]):
            for name, samples in band.read(ARRAYS, piece, following):
                found[name][0, region["y"], region["x"]] = samples
    return {name: values[0] for name, values in found.items()}, source


def template(window: Window) -> xr.DataArray:
    """The size of a fragment, which is all that `regions` needs."""
    return xr.DataArray(np.broadcast_to(0, (1, *window.shape)), dims=store.DIMS)


def plain(scene, name: str, window: Window) -> np.ndarray:
    """The window cut from the whole array in memory, which is laid into a larger one of fill values."""
    with h5py.File(scene) as file:
        whole = file["science/LSAR/GCOV/grids/frequencyA"][name][:]
    around = np.pad(whole, 100, constant_values=OUTSIDE if name == "mask" else np.nan)
    return around[window.row_start + 100 : window.row_stop + 100, window.col_start + 100 : window.col_stop + 100]


@pytest.mark.parametrize(
    ("access", "blocks"), [("local", "small"), ("local", "large"), ("https", "small"), ("s3", "large")]
)
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_the_samples_are_the_files_own_bytes(request, scene, archive, access, window, blocks):
    if blocks == "small":
        request.getfixturevalue("small_blocks")
    found, _ = read(scene, archive, access, window)
    for name, samples in found.items():
        wanted = plain(scene, name, window)
        assert (samples.dtype, samples.shape) == (wanted.dtype, wanted.shape)
        assert samples.tobytes() == wanted.tobytes()


@pytest.fixture
def no_gaps(monkeypatch):
    """Only what is needed is fetched: chunks that touch, and metadata in small blocks."""
    monkeypatch.setattr(ranges, "GAP", 0)
    monkeypatch.setattr(ranges, "BLOCK", 4096)


def test_arrays_too_large_to_fetch_together_are_fetched_one_by_one(monkeypatch, no_gaps, scene, archive):
    window, asked, prefetch = WINDOWS["inside"], [], ranges.RangeFile.prefetch
    monkeypatch.setattr(
        ranges.RangeFile, "prefetch", lambda file, spans: asked.append(len(spans)) or prefetch(file, spans)
    )
    wanted, together = read(scene, archive, "https", window)
    _, of_all = asked  # the first are the coordinates
    asked.clear()
    monkeypatch.setattr(product, "AT_ONCE", 0)
    found, apart = read(scene, archive, "https", window)
    assert sum(apart.received) == sum(together.received)
    assert len(asked[1:]) == len(ARRAYS) and sum(asked[1:]) == of_all
    assert apart._ahead == together._ahead == []  # memory is freed once the samples are read
    assert all(found[name].tobytes() == wanted[name].tobytes() for name in ARRAYS)


@pytest.fixture
def scaled(monkeypatch):
    """Distances in the file are a 64th of real ones, but the size of metadata is not."""
    monkeypatch.setattr(ranges, "GAP", ranges.GAP >> 6)
    monkeypatch.setattr(ranges, "LONGEST", ranges.LONGEST >> 6)
    monkeypatch.setattr(ranges, "BLOCK", PAGE)


@pytest.mark.parametrize("access", ["https", "s3"])
@pytest.mark.parametrize("scene", LAYOUTS, indirect=True)
def test_a_clip_asks_for_little_more_than_it_needs_and_finds_the_noise_floor(scaled, scene, archive, access, tmp_path):
    """In every layout: 7 x 5 chunks of one term, the mask, and the noise floor."""
    urls = {"url": archive.https_url(scene.stem), "s3_url": archive.s3_url(scene.stem)}
    edges = WEST + 20 * 170, NORTH - 20 * 680, WEST + 20 * 480, NORTH - 20 * 250
    bbox = Transformer.from_crs(EPSG, 4326, always_xy=True).transform_bounds(*edges)
    archive.reset_log()
    clip(
        granule=from_name(scene.stem, **urls), aoi="a", bbox=bbox, polygon=None, frequency="A", terms=("HHHH",),
        archive=archive_settings(archive, access=access), fragment=tmp_path / "f.zarr",
    )  # fmt: skip
    found = store.open_store(tmp_path / "f.zarr").isel(time=0)
    floor = json.loads(found.attrs["noise"])["HHHH"]
    with h5py.File(scene) as file:
        grid = file["science/LSAR/GCOV/grids/frequencyA"]
        within = inside(grid, found)
        needed = sum(size for name in ("HHHH", "mask") for size in sizes(grid[name], within))
        assert found["HHHH"].values.tobytes() == grid["HHHH"][:][np.ix_(*within)].tobytes()
        tables = file["science/LSAR/GCOV/metadata/calibrationInformation/frequencyA/noiseEquivalentBackscatter"]
        np.testing.assert_allclose(floor["power"], tables["HH"][:][np.ix_(*inside(tables, floor))], rtol=1e-4)
    sent = [entry.sent for entry in archive.entries(way="s3" if access == "s3" else "cdn")]
    blocks = sum(size // PAGE for size in sent if size in (PAGE, 2 * PAGE))
    assert len(sent) <= MOST_REQUESTS  # three of them for what the granule states and its incidence angle
    assert sum(sent) - blocks * PAGE <= MOST_BYTES * needed and blocks <= 14


def inside(group: h5py.Group, part: Mapping) -> list[np.ndarray]:
    """Which rows and columns of a group's grid belong to a part of it: booleans (y,) and (x,)."""
    return [np.isin(group[f"{axis}Coordinates"][:], part[axis]) for axis in "yx"]


def sizes(dataset: h5py.Dataset, within: list[np.ndarray]) -> list[int]:
    """The bytes of each chunk that holds one of these rows and columns."""
    chunks = (dataset.id.get_chunk_info(number) for number in range(dataset.id.get_num_chunks()))
    return [
        chunk.size
        for chunk in chunks
        if all(axis[start : start + CHUNK].any() for axis, start in zip(within, chunk.chunk_offset))
    ]


def test_a_chunk_that_two_blocks_share_is_fetched_once(no_gaps, small_blocks, scene, archive):
    """Blocks one below the other, their borders in the middle of chunks."""
    archive.reset_log()
    _, source = read(scene, archive, "https", Window(96, 96 + 5 * 128, 10, 130))
    texts = [entry.range.removeprefix("bytes=") for entry in archive.log if entry.way == "cdn"]
    asked = sorted(tuple(map(int, text.split("-"))) for text in texts)
    assert len(source.received) == len(asked)
    chunks = [(start, stop) for start, stop in asked if stop - start >= 4096]
    assert len(chunks) > 10
    assert all(one[1] < other[0] for one, other in pairwise(chunks))
