"""The Zarr stores: fragments, stacks and dB stacks share one layout, so that a shard file can move between them.

Dims (time, y, x); one date per shard, inner chunks of 512 x 512 in shards of at most 4096 x 4096; lossless, with a
crc32c per chunk so that a flipped byte is an error and not a sample. Floats are NaN where there is no data. `mask`
is uint8 (1..254 valid sample and number of its sub-swath, 0 partly focused or invalid, 255 outside) and carries no
CF _FillValue, with which xarray would turn it into float32.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyproj
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.errors import ZarrUserWarning

from gcov import __version__
from gcov.granules import is_diagonal
from gcov.grid import Grid

# Every shard exists, so that a lost one can be told from an empty one. For the process, because an array that is
# taken from its group has forgotten what it was created with.
zarr.config.set({"array.write_empty_chunks": True})
# Jobs are the unit of parallelism, and every thread keeps memory of its own.
zarr.config.set({"threading.max_workers": 1})

CHUNK = 512
SHARD = 4096  # a shard is encoded in memory as a whole: 64 MB of float32
MASK_ATTRIBUTES = {
    "long_name": "Valid samples subswath mask",
    "comment": "1..254 valid sample, number of its sub-swath; 0 partly focused or invalid; 255 outside of the swath,"
    " the granule or the AOI. Not a layover or shadow mask.",
}


@dataclass(frozen=True)
class Date:
    """One step of the time axis: `time` is ISO 8601 in UTC; of a pass of several granules the names stand in a row."""

    time: str
    granule: str
    crid: str
    maturity: str


def cf_attributes(name: str) -> dict[str, str]:
    """CF attributes of a covariance term (linear gamma0) or of the mask."""
    if name == "mask":
        return MASK_ATTRIBUTES
    attributes = {"units": "1", "long_name": f"Geocoded polarimetric covariance term {name}"}
    if is_diagonal(name):  # off-diagonal terms have no CF name
        attributes["standard_name"] = "surface_backwards_scattering_coefficient_of_radar_wave"
        attributes["comment"] = "gamma0, terrain-corrected, linear power"
    return attributes


def create(
    path: Path,
    *,
    grid: Grid,
    dates: Sequence[Date],
    types: dict[str, np.dtype],
    attributes: dict,
    cf: Callable[[str], dict] = cf_attributes,
) -> zarr.Group:
    """An empty store with its coordinates; the caller fills the variables (time, y, x).

    `types` gives the dtype of each variable by name, `attributes` those of the whole store (provenance), `cf` the
    attributes of a variable.
    """
    group = zarr.create_group(path, zarr_format=3, attributes={"Conventions": "CF-1.11", **attributes})
    _coordinates(group, grid, dates)
    for name, dtype in types.items():
        dtype = np.dtype(dtype)
        group.create_array(
            name,
            shape=(len(dates), *grid.shape),
            dtype=dtype,
            chunks=(1, CHUNK, CHUNK),
            shards=(1, *(min(SHARD, -(-n // CHUNK) * CHUNK) for n in grid.shape)),
            # zstd after bitshuffle: 0.80 of raw at 600 MB/s, zarr's default 0.87
            compressors=[
                BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=dtype.itemsize),
                Crc32cCodec(),
            ],
            fill_value=255 if dtype == np.uint8 else np.nan,
            dimension_names=("time", "y", "x"),
            attributes={
                **cf(name),
                "grid_mapping": "spatial_ref",
                "coordinates": "spatial_ref granule crid maturity",
            },
        )
    return group


def _coordinates(group: zarr.Group, grid: Grid, dates: Sequence[Date]) -> None:
    times = [int(datetime.fromisoformat(date.time).replace(tzinfo=UTC).timestamp()) for date in dates]
    metres = {
        "units": "m",
        "axis": "X",
        "standard_name": "projection_x_coordinate",
        "long_name": "x, pixel centres",
    }
    clock = {
        "units": "seconds since 1970-01-01",
        "calendar": "proleptic_gregorian",
        "standard_name": "time",
        "axis": "T",
    }
    _coordinate(group, "time", np.array(times, "i8"), ["time"], {**clock, "long_name": "start of acquisition, UTC"})
    _coordinate(group, "x", grid.x, ["x"], metres)
    upward = {"axis": "Y", "standard_name": "projection_y_coordinate", "long_name": "y, pixel centres"}
    _coordinate(group, "y", grid.y, ["y"], {**metres, **upward})
    crs = pyproj.CRS.from_epsg(grid.epsg)
    mapping = {
        **crs.to_cf(),
        "spatial_ref": crs.to_wkt("WKT1_GDAL"),
        "GeoTransform": " ".join(map(repr, grid.transform)),
    }
    _coordinate(group, "spatial_ref", np.array(grid.epsg, "i8"), [], mapping)
    for name, meaning in (
        ("granule", "granules of this date"),
        ("crid", "composite release identifier"),
        ("maturity", "maturity of the release"),
    ):
        words = np.array([getattr(date, name) for date in dates], np.dtypes.StringDType())
        _coordinate(group, name, words, ["time"], {"long_name": meaning})


def _coordinate(group: zarr.Group, name: str, values: np.ndarray, dims: list[str], attributes: dict) -> None:
    group.create_array(
        name,
        data=values,
        compressors=[Crc32cCodec()],
        dimension_names=dims,
        attributes=attributes,
    )


def consolidate(path: Path) -> None:
    """Gather the metadata of all arrays: one read opens the store, and no stray file is taken for an array."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ZarrUserWarning
        )  # "not part of the v3 specification": every zarr 3 reader knows it
        zarr.consolidate_metadata(path)


def blocks(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of one shard after another: the unit that is read and written at once."""
    for top in range(0, shape[0], SHARD):
        for left in range(0, shape[1], SHARD):
            yield slice(top, min(top + SHARD, shape[0])), slice(left, min(left + SHARD, shape[1]))


def bands(shape: tuple[int, int]) -> Iterator[slice]:
    """Rows of one row of chunks after another, full width: the unit of jobs that only read, for a small footprint."""
    for top in range(0, shape[0], CHUNK):
        yield slice(top, min(top + CHUNK, shape[0]))


def grid_of(group: zarr.Group) -> Grid:
    """The grid of a store."""
    return Grid(int(group["spatial_ref"][()]), group["x"][:], group["y"][:])


def variables_of(group: zarr.Group) -> list[str]:
    """Names of the variables with dims (time, y, x)."""
    return sorted(name for name, array in group.arrays() if array.metadata.dimension_names == ("time", "y", "x"))


def software() -> str:
    """What wrote a store: kept in its attributes."""
    return f"nisar-gcov-timeseries {__version__}, zarr {zarr.__version__}, numpy {np.__version__}"


def same_axes(one: Path, other: Path) -> bool:
    """Whether x, y and CRS of two stores are the same bytes on disk; False where they must be read to tell."""
    for name in ("x", "y", "spatial_ref"):
        files = [sorted(path for path in (store / name).rglob("*") if path.is_file()) for store in (one, other)]
        if [path.read_bytes() for path in files[0]] != [path.read_bytes() for path in files[1]]:
            return False
    return True


def copy_date(source: Path, target: Path, variable: str, index: int) -> bool:
    """Copy the shards of a store of one date into a stack as date `index`, without decoding them.

    Returns False, and does nothing, where the two are laid out differently. Copying costs 20 times less CPU than
    decoding and writing again; a copy, not a hard link, so that damage in one is not damage in the other.
    """
    layouts = [json.loads((store / variable / "zarr.json").read_text()) for store in (source, target)]
    for layout in layouts:
        layout["shape"] = layout["shape"][1:]
        layout.pop("attributes")
    if layouts[0] != layouts[1]:
        return False
    shutil.copytree(source / variable / "c" / "0", target / variable / "c" / str(index), copy_function=shutil.copyfile)
    return True


def dates_of(group: zarr.Group) -> list[Date]:
    """The steps of a store's time axis."""
    times = [datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None).isoformat() for seconds in group["time"][:]]
    words = ([str(word) for word in group[name][:]] for name in ("granule", "crid", "maturity"))
    return [Date(*facts) for facts in zip(times, *words)]
