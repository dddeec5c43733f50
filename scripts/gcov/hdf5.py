"""HDF5 files of granules: opened without locking, and nothing outside of the file is followed.

A granule may come from anybody. Links to other files, external storage and virtual datasets would bring other files of
this machine into a result, or zeros where such a file is missing. They are refused where they are met; a search through
the 340 objects of a granule would cost too many requests.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import h5py
from h5py import h5l

from gcov.errors import GcovError
from gcov.files import check_file

FAULTS = (OSError, RuntimeError, ValueError, KeyError, TypeError)  # raised by HDF5 and xarray on damaged files
MOST_LINKS = 16  # soft links in one path, as HDF5 allows


class Outside(Exception):
    """An object whose data are not in the file; the text names it."""


@contextmanager
def open_hdf5(source, label: str) -> Iterator[h5py.File]:
    """Open a granule's HDF5 file from a path or a file object.

    Raises GcovError if the file is missing, may not be read, is damaged, or is not HDF5 (a truncated download, a login
    page); and if one of the objects that `find` is asked for in it is not in the file.
    """
    if isinstance(source, str):
        check_file(source, label)
    try:
        file = h5py.File(source, "r", locking=False)  # network file systems often cannot lock
    except PermissionError:
        raise GcovError(f"{label}: the file may not be read: change its permissions") from None
    except OSError as error:
        if "unable to lock file" in str(error):
            hint = "set the environment variable HDF5_USE_FILE_LOCKING to FALSE"
            raise GcovError(f"{label}: HDF5 cannot lock the file on this file system: {hint}") from None
        raise GcovError(f"{label}: not an HDF5 file, or one cut short: fetch it again ({error})") from None
    with file:
        try:
            yield file
        except Outside as error:
            hint = "the workflow follows nothing out of a granule; get the granule from the archive"
            raise GcovError(f"{label}: {error}; {hint}") from None


def find(group: h5py.Group, path: str) -> Any:
    """The group, dataset or type at a path, relative to a group or absolute; None if there is none.

    Soft links are followed. Raises Outside if the path leads out of the file, or if the data of a dataset lie outside.
    """
    here = group["/"] if path.startswith("/") else group
    names, followed = _names(path), 0
    while names:
        name = names.pop(0)
        link = name.encode(errors="surrogateescape")
        if not isinstance(here, h5py.Group) or not here.id.links.exists(link):
            return None
        kind = here.id.links.get_info(link).type
        if kind == h5l.TYPE_HARD:
            here = here[name]
            continue
        if kind != h5l.TYPE_SOFT:
            raise Outside(f"{here.name.rstrip('/')}/{name} is a link to another file")
        followed += 1
        if followed > MOST_LINKS:
            return None  # they lead in a ring
        target = here.id.links.get_val(link).decode(errors="surrogateescape")
        here = here["/"] if target.startswith("/") else here
        names = _names(target) + names
    if isinstance(here, h5py.Dataset) and (here.is_virtual or here.external):
        kind = "is a virtual dataset" if here.is_virtual else "has external storage"
        raise Outside(f"{here.name} {kind}: its samples are in other files")
    return group[path] if followed else here  # under the name that was asked for


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def check_lineage(group: h5py.Group) -> None:
    """Check all that h5netcdf opens with a group: what is in it, and what is in each group above it.

    Raises Outside as `find` does.
    """
    here = group["/"]
    for name in [*_names(group.name), None]:
        for key in here:
            find(here, key)
        here = here[name] if name else here


def text(group: h5py.Group, key: str) -> str:
    """A dataset as text; empty if it is missing or not text."""
    node = find(group, key)
    value = node[()] if isinstance(node, h5py.Dataset) else b""
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def spans(file: h5py.File, path: str) -> list[tuple[int, int]]:
    """The byte ranges (start, stop) of a whole dataset: one per chunk if it is chunked, otherwise one.

    Empty if it is missing or damaged: whoever reads it reports that. Raises Outside as `find` does.
    """
    with suppress(*FAULTS):
        node = find(file, path)
        return _stored(node) if isinstance(node, h5py.Dataset) else []
    return []


def _stored(dataset: h5py.Dataset) -> list[tuple[int, int]]:
    if dataset.chunks is None:
        start = dataset.id.get_offset()
        return [] if start is None else [(start, start + dataset.id.get_storage_size())]
    chunks = (dataset.id.get_chunk_info(number) for number in range(dataset.id.get_num_chunks()))
    return [(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in chunks]
