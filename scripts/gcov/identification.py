"""Reading the identification group of a granule's file, for what its name does not tell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gcov.errors import GcovError
from gcov.files import check_file
from gcov.granules import Granule, from_name, maturity_of, name_of_file
from gcov.hdf5 import find, open_hdf5, text

GRIDS = "science/LSAR/GCOV/grids"
IDENTIFICATION = "science/LSAR/identification"
EXCEPTION = "hasInputDataException"


def granule_of_file(path: str) -> Granule:
    """The granule in a local file, described by its file name, otherwise by its identification group.

    In the group, granuleId (the original granule name) is used if present, otherwise the single fields. Maturity comes
    from the product's DOI if there is one. Raises GcovError if neither name nor group identifies the granule.
    """
    if Path(path).is_dir():
        raise GcovError(f"granules: {path} is a folder; name the files in it: {path.rstrip('/')}/*.h5")
    check_file(path, f"granules: {path}")
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
    facts, grids = find(file, IDENTIFICATION), find(file, GRIDS)
    if not isinstance(facts, h5py.Group) or not isinstance(grids, h5py.Group):
        raise GcovError(f"{label}: not an L-band GCOV granule: no group /{IDENTIFICATION} or /{GRIDS}")
    granule = named or from_name(text(facts, "granuleId").removesuffix(".h5"), **where)
    granule = granule or _described(facts, grids, stem, where)
    doi = text(facts, "productDoi")
    node = find(facts, EXCEPTION)
    flag = node[()] if isinstance(node, h5py.Dataset) else None
    exception = bool(flag) if isinstance(flag, np.integer) else None
    return replace(granule, maturity=maturity_of(granule.crid, doi=doi), has_input_data_exception=exception)


def _described(facts: h5py.Group, grids: h5py.Group, stem: str, where: dict[str, Any]) -> Granule:
    """The granule in a file without a standard name, from the fields of its identification group."""
    needed = ("trackNumber", "frameNumber", "orbitPassDirection", "zeroDopplerStartTime", "zeroDopplerEndTime")
    if missing := [key for key in needed if find(facts, key) is None]:
        raise GcovError(
            f"{where['path']}: neither its name nor its identification group identifies it: no {', '.join(missing)}"
        )
    bands = [band for band in (find(grids, name) for name in grids) if isinstance(band, h5py.Group)]
    return Granule(
        name=name_of_file(stem),
        **where,
        start=text(facts, "zeroDopplerStartTime")[:19],
        end=text(facts, "zeroDopplerEndTime")[:19],
        track=int(find(facts, "trackNumber")[()]),
        direction=text(facts, "orbitPassDirection")[:1].upper(),
        frame=int(find(facts, "frameNumber")[()]),
        mode="+".join(f"{abs(float(find(band, 'xCoordinateSpacing')[()])):g}m" for band in bands),
        polarizations="+".join(_polarizations(band) for band in bands),
        crid=text(facts, "compositeReleaseId"),
        maturity="",
        coverage="F" if text(facts, "isFullFrame") == "True" else "P",
    )


def _polarizations(band: h5py.Group) -> str:
    codes = find(band, "listOfPolarizations")
    return "".join(code.decode() for code in codes[()]) if isinstance(codes, h5py.Dataset) else ""
