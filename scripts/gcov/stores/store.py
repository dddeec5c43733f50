"""The Zarr stores. Fragments, stacks and products share one layout on disk, so that shard files can be copied.

Dims are (time, y, x), or (y, x) for maps. A shard holds one date, with inner chunks of 512 x 512 in shards of at most
4096 x 4096. Compression is lossless; a CRC32C per chunk turns a flipped byte into an error. Attributes follow CF and
GeoZarr. Terms are linear gamma0, and floats are NaN where there is no data. `mask` is uint8: 1..254 valid sample
(sub-swath number), 0 partly focused or invalid, 255 outside. It has no CF _FillValue, because xarray would then convert
it to float32. On disk (Zarr v3):

    stack.zarr/zarr.json                attributes, and a copy of the metadata of every array
    stack.zarr/HHHH/zarr.json           shape, chunks, codecs
    stack.zarr/HHHH/c/{date}/{row}/{column}   one shard: the file that `copy_date` copies
    stack.zarr/x/c/0, .../time/c/0, .../spatial_ref/c
"""

import itertools
import json
import math
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import xarray as xr
import zarr
from xarray.backends.zarr import ZarrBackendEntrypoint
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.errors import ZarrUserWarning

from gcov import __version__
from gcov.errors import GcovError
from gcov.granules import LAYERS, LOCAL_INCIDENCE, Granule, holds, is_diagonal
from gcov.stores import geozarr
from gcov.stores.provenance import VERIFY, metadata_of
from gcov.stores.radiometry import OUTSIDE, fill_value

DIMS = ("time", "y", "x")
CHUNK = 512
AT_ONCE = 8_000_000  # samples read, a row of chunks of a whole frame
SHARD = 4096  # a whole shard is encoded in memory: 64 MB of float32
MASK_ATTRIBUTES = {
    "long_name": "Valid samples subswath mask",
    "comment": "1..254 valid sample, number of its sub-swath; 0 partly focused or invalid; 255 outside of the swath,"
    " the granule or the AOI. Not a layover or shadow mask.",
}
TIME_ATTRIBUTES = {"standard_name": "time", "axis": "T", "long_name": "start of acquisition, UTC"}
DATE_ATTRIBUTES = {
    "granule": "granules of this date",
    "crid": "composite release identifier",
    "maturity": "maturity of the release",
    "polarizations": "codes of bands A and B",
}
SECONDS = "seconds since 1970-01-01"
VALID = "_valid"  # suffix of the layer that tells where a term's samples count
# Every shard is written, so that a missing one can be told from an empty one.
WRITE: dict[str, Any] = {"consolidated": False, "write_empty_chunks": True}


@dataclass(frozen=True)
class Date:
    """One step of the time axis: `time` is ISO 8601 in UTC; values of several granules are separated by spaces."""

    time: str
    granule: str
    crid: str
    maturity: str
    polarizations: str


@dataclass(frozen=True)
class Fragment:
    """The metadata of one granule's fragment; reading 100 of them costs less than opening 10 stores."""

    path: Path
    granule: Granule
    attributes: dict
    types: dict[str, str]  # dtypes of the variables by name, the mask last


# ---- reading


def open_store(path: str | Path) -> xr.Dataset:
    """Open any store, such as a stack, a dB stack or a fragment: (time, y, x) or (y, x), lazy, with a CRS for `.rio`.

    Raises GcovError, naming store and file, if a shard is missing (its samples would otherwise read as NaN), or if the
    metadata or a coordinate is missing or damaged.
    """
    chunks = shard_files(_complete(Path(path)), codec="crc32c")
    if damaged := next((key for key in chunks if not _is_whole(Path(path, key))), None):
        raise GcovError(f"{path} is damaged: {damaged} has a wrong checksum; {VERIFY}")
    try:
        # given a name, xarray would search every installed plugin
        return xr.open_dataset(path, engine=ZarrBackendEntrypoint, consolidated=True)
    except (ValueError, RuntimeError) as error:  # xarray reads a sample of each map of dates
        raise GcovError(f"{path} is damaged: it cannot be decoded ({error}); {VERIFY}") from error


def regions(
    data: xr.Dataset, *, rows: int | None = None, columns: int | None = None, date: int | None = None
) -> Iterator[dict[str, slice]]:
    """The regions in which a stack is read or written, date by date: slices by dim, for `isel` and `write`.

    `data` may be a grid, which counts as one date. Without `columns`, regions have full width; without `rows`, as many
    rows of chunks as make 8 million samples: few large reads are the cheapest. With `date`, they are those of one date.
    """
    height, width = data.sizes["y"], data.sizes["x"]
    rows = rows or max(AT_ONCE // (CHUNK * (columns or width)), 1) * CHUNK
    dates = range(data.sizes.get("time", 1)) if date is None else [date]
    for number, top, left in itertools.product(dates, range(0, height, rows), range(0, width, columns or width)):
        yield {
            "time": slice(number, number + 1),
            "y": slice(top, min(top + rows, height)),
            "x": slice(left, min(left + (columns or width), width)),
        }


def variables_of(data: xr.Dataset) -> list[str]:
    """Names of the variables with dims (time, y, x), sorted."""
    return sorted(str(name) for name, variable in data.data_vars.items() if variable.dims == DIMS)


def dates_of(data: xr.Dataset) -> list[Date]:
    """The steps of a store's time axis."""
    times = np.datetime_as_string(data["time"].values, unit="s")
    return [Date(*map(str, date)) for date in zip(times, *(data[name].values for name in DATE_ATTRIBUTES))]


def codes_of(data: xr.Dataset, term: str) -> list[str | None]:
    """The polarization code of each date of a stack, as in granule names; None where a date lacks the term."""
    codes = (date.polarizations for date in dates_of(data))
    return [code if holds(code, term, data.attrs["frequency"]) else None for code in codes]


def samples(data: xr.Dataset, name: str, region: Mapping[str, slice | np.ndarray] | None = None) -> np.ndarray:
    """The samples (time, y, x) of a layer, or those of a map, as stored; `region` has slices or indices by dim.

    Raises GcovError, naming store, layer and date, if a chunk cannot be decoded.
    """
    variable = data.variables[name].isel(region) if region else data.variables[name]
    try:
        return variable.values
    except (ValueError, RuntimeError) as error:  # a wrong checksum, or bytes that cannot be decompressed
        part = data[[name]].isel(region or {})
        if (dates := part.sizes.get("time", 0)) > 1:  # the damaged one raises
            return np.concatenate([samples(part, name, {"time": slice(n, n + 1)}) for n in range(dates)])
        date = f" of {np.datetime_as_string(part['time'].values[0], unit='s')}" if dates else ""
        raise GcovError(
            f"{part.encoding['source']} is damaged: {name}{date} cannot be decoded ({error}); {VERIFY}"
        ) from error


def mask_of(data: xr.Dataset, term: str, region: Mapping[str, slice] | None = None) -> np.ndarray:
    """The mask (time, y, x) of a term: the product's mask, set to 0 where the exception mask excludes a sample."""
    mask = samples(data, "mask", region)
    if (layer := term + VALID) in data:
        mask = np.where((mask != OUTSIDE) & (samples(data, layer, region) != 1), np.uint8(0), mask)
    return mask


def bounds(data: xr.Dataset) -> tuple[float, float, float, float]:
    """Outer edges of a store's pixels in metres: left, bottom, right, top."""
    dx, _, left, _, dy, top = geozarr.transform(data["spatial_ref"].attrs)[:6]
    return left, top + dy * data.sizes["y"], left + dx * data.sizes["x"], top


def fragment_info(path: Path) -> Fragment:
    """A fragment's metadata, without its samples. Raises GcovError if a shard is missing."""
    metadata = _complete(path)
    arrays = metadata["consolidated_metadata"]["metadata"]
    names = [name for name in arrays if len(arrays[name]["shape"]) == 3]
    types = {name: arrays[name]["data_type"] for name in sorted(names, key=lambda name: (name == "mask", name))}
    attributes = metadata["attributes"]
    return Fragment(path, Granule(**json.loads(attributes["granule_record"])), attributes, types)


def _complete(path: Path) -> dict:
    """The metadata of a store. Raises GcovError, naming store and files, if shards are missing or empty.

    Every shard is written, even if all its samples are NaN.
    """
    metadata = metadata_of(path)
    if missing := [key for key in shard_files(metadata) if not _holds_bytes(path / key)]:
        raise GcovError(f"{path} is damaged: it lacks {', '.join(missing[:3])}; {VERIFY}")
    return metadata


def shard_files(metadata: dict, codec: str = "") -> Iterator[str]:
    """The paths, within a store of this metadata, of the shard files that it must hold, and of its coordinates' chunks.

    With `codec`, only those of arrays that are encoded with it at last: crc32c for coordinates.
    """
    for name, array in metadata["consolidated_metadata"]["metadata"].items():
        if not codec or array["codecs"][-1]["name"] == codec:
            shards = array["chunk_grid"]["configuration"]["chunk_shape"]
            counts = [range(math.ceil(size / max(shard, 1))) for size, shard in zip(array["shape"], shards)]
            # no file if a size is 0, as without an interval
            yield from ("/".join([name, "c", *map(str, key)]) for key in itertools.product(*counts))


def _holds_bytes(path: Path) -> bool:
    """Whether a file exists and is not empty; a power cut may leave empty files."""
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_whole(path: Path) -> bool:
    """Whether the chunk of a coordinate has the checksum at its end."""
    content = path.read_bytes()
    return google_crc32c.value(content[:-4]) == int.from_bytes(content[-4:], "little")


# ---- writing


def cf_attributes(name: str) -> dict[str, str]:
    """CF attributes of a covariance term (linear gamma0), a further layer, a `{term}_valid` layer or the mask."""
    if name == "mask":
        return MASK_ATTRIBUTES
    if name.endswith(VALID):
        return {"long_name": f"1 where samples of {name.removesuffix(VALID)} count, as far as exceptions tell"}
    if name in LAYERS:
        return {"units": "degrees" if name == LOCAL_INCIDENCE else "1", "long_name": LAYERS[name]}
    attributes = {"units": "1", "long_name": f"Geocoded polarimetric covariance term {name}"}
    if is_diagonal(name):  # off-diagonal terms have no CF name
        attributes["comment"] = "gamma0, terrain-corrected, linear power"
    return attributes


def db_attributes(term: str) -> dict[str, str]:
    """CF attributes of a term in dB."""
    return {"units": "dB", "long_name": f"gamma0 {term}, 10 log10 of linear power"}


def create(
    path: Path,
    *,
    grid: xr.Dataset,
    dates: Sequence[Date] = (),
    types: Mapping[str, np.dtype | str],
    attributes: dict,
    cf: Callable[[str], Mapping[str, Any]] = cf_attributes,
    coords: Mapping[str, Any] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    shard: tuple[int, int] = (SHARD, SHARD),
) -> None:
    """Create an empty store with its coordinates, to be filled with `write`.

    - `grid` has the coordinates y, x and spatial_ref.
    - Without `dates`, variables are maps (y, x).
    - `types` gives the dtype of each variable. datetime64 is stored as int64 seconds since 1970, with the smallest
      int64 for NaT.
    - `attributes` are those of the whole store (provenance); `cf` gives the attributes of a variable.
    - `coords` are further coordinates, as xarray takes them, of the dates or of further dims; `dims` gives the dims of
      variables that use the latter.
    - `shard` is the size of the blocks written at once, if less than 4096 x 4096.
    """
    every: dict[Any, Any] = {name: grid[name] for name in ("y", "x", "spatial_ref")} | dict(coords or {})
    words = DATE_ATTRIBUTES if dates else {}
    if dates:
        every["time"] = ("time", np.array([date.time for date in dates], "datetime64[s]"), TIME_ATTRIBUTES)
    for name, text in words.items():
        values = np.array([getattr(date, name) for date in dates], np.dtypes.StringDType())
        every[name] = ("time", values, {"long_name": text})
    empty = xr.Dataset(coords=every, attrs={"Conventions": "CF-1.11", **attributes}).drop_encoding()
    encoding: dict[Any, dict[str, Any]] = {name: {"compressors": [Crc32cCodec()]} for name in empty.coords}
    for coordinate in empty.coords.values():
        if coordinate.dtype.kind == "M":
            encoding[coordinate.name] |= {"units": SECONDS, "dtype": "int64"}
    for name in ("x", "y"):
        encoding[name] |= {"_FillValue": None, "fill_value": 0.0}
    empty.to_zarr(path, encoding=encoding, zarr_format=3, **WRITE)
    # created with zarr: for variables without data, to_zarr needs dask, which costs each job 0.2 s
    group = zarr.open_group(path, mode="r+")
    named = (str(name) for name, one in empty.coords.items() if one.dims in ((), ("time",)) and name != "time")
    links = {"grid_mapping": "spatial_ref", "coordinates": " ".join(named)}
    for variable, kind in types.items():
        dtype, own = np.dtype(kind), (dims or {}).get(variable, DIMS if dates else DIMS[1:])
        times = {}
        if dtype.kind == "M":
            dtype = np.dtype(np.int64)
            times = {"units": SECONDS, "calendar": "proleptic_gregorian", "_FillValue": fill_value(dtype)}
        sizes = {dim: empty.sizes[dim] for dim in own}
        group.create_array(variable, **layout(sizes, dtype, shard), attributes={**cf(variable), **times, **links})


def layout(sizes: Mapping[str, int], dtype: np.dtype, shard: tuple[int, int] = (SHARD, SHARD)) -> dict[str, Any]:
    """The layout on disk of a variable with these sizes by dim (y and x last), as arguments of zarr's create_array.

    A shard holds one date and, along other dims than time, y and x, all values.
    """
    shape = tuple(sizes.values())
    single = (1,) * (len(shape) - 2)
    whole = (1 if dim == "time" else max(size, 1) for dim, size in list(sizes.items())[:-2])
    return {
        "shape": shape,
        "dtype": dtype,
        "dimension_names": tuple(sizes),
        "chunks": (*single, CHUNK, CHUNK),
        "shards": (*whole, *(min(most, math.ceil(n / CHUNK) * CHUNK) for n, most in zip(shape[-2:], shard))),
        # zstd after bitshuffle: 0.80 of the raw size at 600 MB/s; zarr's default gives 0.87
        "compressors": [
            BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=dtype.itemsize),
            Crc32cCodec(),
        ],
        "fill_value": fill_value(dtype),
    }


def write(path: Path, region: dict[str, slice], samples: Mapping[str, np.ndarray]) -> None:
    """Write samples, by variable, into a region of a store, which has slices by dim in the order of their axes.

    With zarr: xarray would read the metadata of all variables for each of many small regions.
    """
    with zarr.config.set({"array.write_empty_chunks": True}):
        for name, values in samples.items():
            array = zarr.open_array(path / name, mode="r+")
            if values.dtype.kind == "M":
                values = values.astype("datetime64[s]").astype(array.dtype)  # NaT is the smallest int64
            array[tuple(region.values())] = values


def write_no_data(path: Path) -> None:
    """Fill the maps of a store in which nothing can be tested yet: numbers of dates with 0, all else with no data."""
    with zarr.config.set({"array.write_empty_chunks": True}):
        for _, array in zarr.open_group(path, mode="r+").arrays():
            if array.shards is None:  # a coordinate
                continue
            counts = array.dtype.kind == "u" and "_FillValue" not in array.attrs
            steps = (range(0, size, step) for size, step in zip(array.shape, array.shards))
            for corner in itertools.product(*steps):
                part = tuple(slice(at, min(at + step, n)) for at, step, n in zip(corner, array.shards, array.shape))
                array[part] = 0 if counts else array.fill_value


def finish(path: Path, **attributes: Any) -> None:
    """Add attributes to a complete store and consolidate its metadata, so that one read opens the store."""
    zarr.open_group(path, mode="r+").attrs.update({**geozarr.attributes(path), **attributes})
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ZarrUserWarning
        )  # "not part of the v3 specification", but every zarr 3 reader knows it
        zarr.consolidate_metadata(path)


def software() -> str:
    """The software that wrote a store, for its attributes."""
    return f"nisar-gcov-timeseries {__version__}, zarr {zarr.__version__}, numpy {np.__version__}"


# ---- moving shards


def same_axes(one: Path, other: Path) -> bool:
    """Whether x, y and CRS of two stores are identical files; if False, they may still hold equal values."""
    for name in ("x", "y", "spatial_ref"):
        files = [sorted(path for path in (store / name).rglob("*") if path.is_file()) for store in (one, other)]
        if [path.read_bytes() for path in files[0]] != [path.read_bytes() for path in files[1]]:
            return False
    return True


def copy_date(source: Path, target: Path, variable: str, index: int) -> bool:
    """Copy the shards of a store with one date into a stack as date `index`, without decoding them.

    Returns False, without copying, if the layouts differ. Copying takes 20 times less CPU than decoding and encoding.
    Files are copied and not hard-linked, so that damage to one does not affect the other.
    """
    layouts = [metadata_of(store / variable) for store in (source, target)]
    for described in layouts:
        described["shape"] = described["shape"][1:]
        described.pop("attributes")
    if layouts[0] != layouts[1]:
        return False
    shutil.copytree(source / variable / "c" / "0", target / variable / "c" / str(index), copy_function=shutil.copyfile)
    return True


def damage(path: Path) -> str | None:
    """The damage to a store, as text; None if every shard is present and every chunk decodes.

    Raises OSError or MemoryError on a machine fault, which is no evidence of damage.
    """
    try:
        for name in _complete(path)["consolidated_metadata"]["metadata"]:
            metadata_of(path / name)  # read when shards are copied
        data = open_store(path)
        for variable in data.variables.values():
            for region in regions(data, rows=CHUNK) if variable.ndim > 1 else [{}]:
                part = variable.isel(region, missing_dims="ignore")
                for index in np.ndindex(part.shape[:-2]):  # maps of terms and intervals one by one: they may be many
                    _ = part[index].values
    except GcovError as error:
        return str(error).removeprefix(f"{path} is damaged: ").removesuffix(f"; {VERIFY}")
    except (FileNotFoundError, NotADirectoryError) as error:
        return f"{type(error).__name__}: {error}"
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever a codec or parser raises on damaged bytes
        return f"{type(error).__name__}: {error}"
    return None
