"""Reading a GCOV granule: its HDF5 groups, grid, identification and samples.

Layout after the NISAR L2 GCOV product specification (D-102274).
"""

from contextlib import contextmanager

import h5py
import numpy as np
import pyproj

from gcov.errors import GcovError
from gcov.granules import Granule, from_name, maturity_of
from gcov.grid import Grid, Window

GRIDS = "science/LSAR/GCOV/grids"
IDENTIFICATION = "science/LSAR/identification"
OUTSIDE = 255  # the mask's value outside of the swath, and ours outside of the granule or AOI


@contextmanager
def open_hdf5(source, name: str):
    """A granule's HDF5 file from a path or a file object.

    Raises GcovError where it is no HDF5 file (a cut download, a login page) or a damaged one.
    """
    try:
        file = h5py.File(source, "r")
    except FileNotFoundError:
        raise GcovError(f"{name}: there is no such file") from None
    except OSError as error:
        raise GcovError(f"{name}: not an HDF5 file, or one cut short: fetch it again ({error})") from None
    with file:
        yield file


def band(file: h5py.File, frequency: str, name: str) -> h5py.Group:
    """The group of one frequency band; GcovError listing the bands there are if it is missing."""
    grids = file.get(GRIDS)
    if grids is None:
        raise GcovError(f"{name}: no group /{GRIDS}: not an L-band GCOV granule")
    if f"frequency{frequency}" not in grids:
        there = ", ".join(key.removeprefix("frequency") for key in grids)
        raise GcovError(f"{name}: no frequency{frequency}; it holds frequency {there}: set `frequency: {there[:1]}`")
    return grids[f"frequency{frequency}"]


def term(group: h5py.Group, term_name: str, name: str) -> h5py.Dataset:
    """The dataset of a covariance term (or mask); GcovError listing the terms there are if it is missing."""
    if term_name not in group:
        there = ", ".join(terms_of(group))
        raise GcovError(f"{name}: no term {term_name} in {group.name.split('/')[-1]}; it holds {there}")
    return group[term_name]


def terms_of(group: h5py.Group) -> list[str]:
    """Names of the covariance terms in a band."""
    return [key for key in group if len(key) == 4 and key.isupper()]


def grid_of(group: h5py.Group, name: str) -> Grid:
    """The grid of a band. Raises GcovError if its coordinates are not evenly spaced."""
    grid = Grid(int(group["projection"][()]), group["xCoordinates"][:], group["yCoordinates"][:])
    for centres, posting in zip((grid.x, grid.y), grid.posting):
        if np.abs(np.diff(centres) - posting).max() > abs(posting) * 1e-3:
            raise GcovError(f"{name}: coordinates of {group.name} are not evenly spaced")
    return grid


@contextmanager
def _naming(dataset: h5py.Dataset, name: str):
    """Raises GcovError, naming granule and dataset, for what HDF5 says of a damaged file."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = str(error).partition("(")[2].rstrip(")") or error
        raise GcovError(f"{name}: {dataset.name} is damaged ({reason}); fetch or download the granule again") from None


def read_window(dataset: h5py.Dataset, window: Window, name: str) -> np.ndarray:
    """Samples of a window, as in the product; NaN (mask: 255) where the window leaves the granule.

    Raises GcovError if a chunk cannot be decoded.
    """
    with _naming(dataset, name):
        return _read_window(dataset, window)


def _read_window(dataset: h5py.Dataset, window: Window) -> np.ndarray:
    inside = window.within(dataset.shape)
    rows, cols = slice(inside.row_start, inside.row_stop), slice(inside.col_start, inside.col_stop)
    if inside == window:
        return dataset[rows, cols]
    samples = np.full(window.shape, OUTSIDE if dataset.dtype == np.uint8 else np.nan, dataset.dtype)
    if 0 not in inside.shape:
        top, left = inside.row_start - window.row_start, inside.col_start - window.col_start
        samples[top : top + inside.shape[0], left : left + inside.shape[1]] = dataset[rows, cols]
    return samples


def chunk_ranges(dataset: h5py.Dataset, window: Window, name: str) -> list[tuple[int, int]]:
    """Where in the file the chunks lie that a window touches: (start, stop) in bytes.

    Raises GcovError if the index of the chunks is damaged.
    """
    inside = window.within(dataset.shape)
    if dataset.chunks is None or 0 in inside.shape:
        return []
    height, width = dataset.chunks
    with _naming(dataset, name):
        chunks = [
            dataset.id.get_chunk_info_by_coord((row, col))
            for row in range(inside.row_start // height * height, inside.row_stop, height)
            for col in range(inside.col_start // width * width, inside.col_stop, width)
        ]
    return [(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in chunks if chunk.size]


def bounding_polygon(file: h5py.File, grid: Grid) -> str:
    """The granule's footprint as the product states it: WKT, longitude and latitude (and height); else its grid's."""
    if stated := _text(file[IDENTIFICATION], "boundingPolygon"):
        return stated
    left, bottom, right, top = grid.bounds
    to_degrees = pyproj.Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    corners = zip(*to_degrees.transform([left, right, right, left, left], [bottom, bottom, top, top, bottom]))
    return f"POLYGON(({', '.join(f'{lon} {lat}' for lon, lat in corners)}))"


def granule_from_identification(path: str, **where) -> Granule:
    """The granule in a file whose name says nothing, by its identification group.

    The name it was produced under (granuleId) says all; without one the single fields are taken, and the file's name.
    """
    with open_hdf5(path, path) as file:
        if IDENTIFICATION not in file or GRIDS not in file:
            raise GcovError(f"{path}: not an L-band GCOV granule: no group /{IDENTIFICATION} or /{GRIDS}")
        facts = file[IDENTIFICATION]
        named = from_name(_text(facts, "granuleId").removesuffix(".h5"), path=path, **where)
        if named is not None:
            return named
        needed = ("trackNumber", "frameNumber", "orbitPassDirection", "zeroDopplerStartTime", "zeroDopplerEndTime")
        if missing := [key for key in needed if key not in facts]:
            raise GcovError(f"{path}: neither its name nor its identification says what it is: no {', '.join(missing)}")
        crid = _text(facts, "compositeReleaseId")
        return Granule(
            name=path.rsplit("/", 1)[-1].removesuffix(".h5").replace(" ", "_"),
            path=path,
            **where,
            start=_text(facts, "zeroDopplerStartTime")[:19],
            end=_text(facts, "zeroDopplerEndTime")[:19],
            track=int(facts["trackNumber"][()]),
            direction=_text(facts, "orbitPassDirection")[:1].upper(),
            frame=int(facts["frameNumber"][()]),
            mode="+".join(_posting(group) for group in file[GRIDS].values()),
            polarizations="+".join(_polarizations(group) for group in file[GRIDS].values()),
            crid=crid,
            maturity=maturity_of(crid),
            coverage="F" if _text(facts, "isFullFrame") == "True" else "P",
        )


def _text(group: h5py.Group, key: str) -> str:
    value = group[key][()] if key in group else b""
    return value.decode() if isinstance(value, bytes) else str(value)


def _posting(group: h5py.Group) -> str:
    return f"{abs(float(group['xCoordinateSpacing'][()])):g}m"


def _polarizations(group: h5py.Group) -> str:
    return "".join(code.decode() for code in group["listOfPolarizations"][()]) if "listOfPolarizations" in group else ""
