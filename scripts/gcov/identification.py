"""Reading the identification group of a granule's file, for what its name does not tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gcov.errors import GcovError
from gcov.granules import Granule, from_name, maturity_of, name_of_file

GRIDS = "science/LSAR/GCOV/grids"
IDENTIFICATION = "science/LSAR/identification"
EXCEPTION = "hasInputDataException"


@contextmanager
def open_hdf5(source, label: str) -> Iterator[h5py.File]:
    """Open a granule's HDF5 file from a path or a file object.

    Raises GcovError if the file is missing, may not be read, is damaged, or is not HDF5 (a truncated download, a login
    page).
    """
    try:
        file = h5py.File(source, "r")
    except FileNotFoundError:
        raise GcovError(f"{label}: there is no such file") from None
    except PermissionError:
        raise GcovError(f"{label}: the file may not be read: change its permissions") from None
    except OSError as error:
        raise GcovError(f"{label}: not an HDF5 file, or one cut short: fetch it again ({error})") from None
    with file:
        yield file


def text(group: h5py.Group, key: str) -> str:
    """A dataset as text; empty if it is missing or not text."""
    node = group.get(key)
    value = node[()] if isinstance(node, h5py.Dataset) else b""
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def granule_of_file(path: str) -> Granule:
    """The granule in a local file, described by its file name, otherwise by its identification group.

    In the group, granuleId (the original granule name) is used if present, otherwise the single fields. Maturity comes
    from the product's DOI if there is one. Raises GcovError if neither name nor group identifies the granule.
    """
    if Path(path).is_dir():
        raise GcovError(f"granules: {path} is a folder; name the files in it: {path.rstrip('/')}/*.h5")
    where: dict[str, Any] = {"path": path, "size": Path(path).stat().st_size}
    stem = Path(path).name.removesuffix(".h5")
    named = from_name(stem, **where)
    try:
        with open_hdf5(path, path) as file:
            return _identified(file, stem, named, where)
    except GcovError:
        if named is None:
            raise
        return named  # reading the file will report what is wrong with it


def _identified(file: h5py.File, stem: str, named: Granule | None, where: dict[str, Any]) -> Granule:
    label = where["path"]
    if IDENTIFICATION not in file or GRIDS not in file:
        raise GcovError(f"{label}: not an L-band GCOV granule: no group /{IDENTIFICATION} or /{GRIDS}")
    facts = file[IDENTIFICATION]
    granule = named or from_name(text(facts, "granuleId").removesuffix(".h5"), **where) or _described(file, stem, where)
    doi = text(facts, "productDoi")
    flag = facts[EXCEPTION][()] if EXCEPTION in facts else None
    exception = bool(flag) if isinstance(flag, np.integer) else None
    return replace(granule, maturity=maturity_of(granule.crid, doi=doi), has_input_data_exception=exception)


def _described(file: h5py.File, stem: str, where: dict[str, Any]) -> Granule:
    """The granule in a file without a standard name, from the fields of its identification group."""
    facts = file[IDENTIFICATION]
    needed = ("trackNumber", "frameNumber", "orbitPassDirection", "zeroDopplerStartTime", "zeroDopplerEndTime")
    if missing := [key for key in needed if key not in facts]:
        raise GcovError(
            f"{where['path']}: neither its name nor its identification group identifies it: no {', '.join(missing)}"
        )
    bands = file[GRIDS].values()
    return Granule(
        name=name_of_file(stem),
        **where,
        start=text(facts, "zeroDopplerStartTime")[:19],
        end=text(facts, "zeroDopplerEndTime")[:19],
        track=int(facts["trackNumber"][()]),
        direction=text(facts, "orbitPassDirection")[:1].upper(),
        frame=int(facts["frameNumber"][()]),
        mode="+".join(f"{abs(float(band['xCoordinateSpacing'][()])):g}m" for band in bands),
        polarizations="+".join(_polarizations(band) for band in bands),
        crid=text(facts, "compositeReleaseId"),
        maturity="",
        coverage="F" if text(facts, "isFullFrame") == "True" else "P",
    )


def _polarizations(band: h5py.Group) -> str:
    return "".join(code.decode() for code in band["listOfPolarizations"][()]) if "listOfPolarizations" in band else ""
