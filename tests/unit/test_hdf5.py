"""Granules from anybody: nothing outside of the file is read, and no lock is needed."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers import REPO
from products import fragment

from gcov.archive.catalog import listed_granules
from gcov.errors import GcovError
from gcov.hdf5 import find, open_hdf5
from gcov.identification import granule_of_file
from gcov.inputs.rain import read_rain

BAND = "/science/LSAR/GCOV/grids/frequencyA"
NOISE = "/science/LSAR/GCOV/metadata/calibrationInformation/frequencyA/noiseEquivalentBackscatter"
IDENTIFICATION = "/science/LSAR/identification"


def clipped(path: Path, folder: Path) -> dict[str, bytes]:
    """The chunks of a granule's fragment."""
    made = fragment(folder, path, terms=("HHHH", "HVHV"))
    return {str(file.relative_to(made)): file.read_bytes() for file in made.rglob("c/**/*") if file.is_file()}


@pytest.fixture
def granule(granules, tmp_path) -> Path:
    """A granule of one's own, and beside it a file with the same objects and other samples."""
    own, other = tmp_path / granules[0].name, tmp_path / "other.h5"
    shutil.copyfile(granules[0], own)
    shutil.copyfile(granules[0], other)
    with h5py.File(other, "r+") as file:
        file[BAND]["HVHV"][:] = 7
    (tmp_path / "bytes").write_bytes(bytes(1 << 20))
    return own


def external_link(file, path):
    del file[path]
    file[path] = h5py.ExternalLink("other.h5", path)


def soft_link_to_an_external_one(file, path):
    del file[path]
    file["elsewhere"] = h5py.ExternalLink("other.h5", "/")
    file["step"] = h5py.SoftLink("./elsewhere")
    file[path] = h5py.SoftLink(f"/step{path}")


def virtual(file, path, source="other.h5"):
    old = file[path]
    shape, dtype = old.shape, old.dtype
    del file[path]
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource(source, path, shape)
    file.create_virtual_dataset(path, layout)


def virtual_without_a_source(file, path):
    virtual(file, path, "gone.h5")


def external_storage(file, path):
    old = file[path]
    shape, dtype = old.shape, old.dtype
    del file[path]
    file.create_dataset(path, shape, dtype, external=[("bytes", 0, h5py.h5f.UNLIMITED)])


LINKED = [f"{BAND}/{name}" for name in ("HVHV", "mask", "xCoordinates", "projection", "numberOfLooks")]
LINKED += [BAND, "/science", "/science/LSAR/GCOV/grids", "/science/LSAR/GCOV/metadata", NOISE, f"{NOISE}/HH"]
LINKED += [IDENTIFICATION, f"{IDENTIFICATION}/boundingPolygon", "/science/LSAR/GCOV/grids/frequencyB"]
STORED = [f"{BAND}/HVHV", f"{BAND}/mask", f"{BAND}/yCoordinates", f"{NOISE}/HV"]


@pytest.mark.parametrize(
    ("outside", "path"),
    [*((external_link, path) for path in LINKED), *((soft_link_to_an_external_one, path) for path in LINKED[::3])]
    + [(kind, path) for kind in (virtual, virtual_without_a_source, external_storage) for path in STORED],
)
def test_what_lies_outside_of_the_file_is_refused_by_name(granule, tmp_path, outside, path):
    with h5py.File(granule, "r+") as file:
        outside(file, path)
    with pytest.raises(GcovError) as error:
        clipped(granule, tmp_path / "f")
    named = "/elsewhere is a link" if outside is soft_link_to_an_external_one else f"{path} "
    assert str(error.value).startswith(f"{granule.stem} ({granule}): {named}")
    assert "nothing out of a granule" in str(error.value)
    assert not list((tmp_path / "f").glob("**/*.zarr"))


@pytest.mark.parametrize("path", [f"{IDENTIFICATION}/granuleId", f"{IDENTIFICATION}/trackNumber", IDENTIFICATION])
def test_a_file_without_a_standard_name_is_not_described_by_another(granule, path):
    with h5py.File(granule, "r+") as file:
        del file[f"{IDENTIFICATION}/granuleId"]
        file[f"{IDENTIFICATION}/granuleId"] = b"mine"
        external_link(file, path)
    with pytest.raises(GcovError, match=rf"{path} is a link to another file"):
        granule_of_file(str(granule.rename(granule.with_name("mine.h5"))))


def test_links_inside_the_file_and_objects_that_nobody_reads(granule, granules, tmp_path):
    wanted = clipped(granules[0], tmp_path / "wanted")
    with h5py.File(granule, "r+") as file:
        file.move(f"{BAND}/HVHV", "/moved")
        file[f"{BAND}/HVHV"] = h5py.SoftLink("../ignored/by/HDF5")
        del file[f"{BAND}/HVHV"]
        file["/one/more"] = h5py.SoftLink("/moved")
        file[f"{BAND}/HVHV"] = h5py.SoftLink("/one/more")
        file.move(NOISE, "/noise")
        file[NOISE] = h5py.SoftLink("/noise")
        file["/science/LSAR/unread/deep"] = h5py.ExternalLink("other.h5", "/")
        file.create_dataset(f"{BAND}/../x/y", (4,), "u1", external=[("bytes", 0, 4)])
        layout = h5py.VirtualLayout((4,), "u1")
        file.create_group("/science/LSAR/unread/more").create_virtual_dataset("v", layout)
    assert clipped(granule, tmp_path / "f") == wanted


def test_soft_links_in_a_ring_lead_nowhere(granule):
    with h5py.File(granule, "r+") as file:
        file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("a")
        file["c"] = h5py.SoftLink("c/c/c")
    with open_hdf5(str(granule), "label") as file:
        assert [find(file, name) for name in ("a", "/b", "c", "nothing", "science/nothing", "a/b")] == [None] * 6
        assert find(file, f".{BAND}//HHHH").name == f"{BAND}/HHHH"


def test_a_file_that_somebody_has_locked_is_read(granule, granules, tmp_path):
    wanted = clipped(granules[0], tmp_path / "wanted")
    with open(granule, "rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert clipped(granule, tmp_path / "f") == wanted


def test_a_lock_that_the_user_asks_for_has_its_own_message(granule):
    """HDF5 reads the variable once, so this needs a process of its own."""
    code = f"from gcov.hdf5 import open_hdf5\nwith open_hdf5({str(granule)!r}, 'label'): pass"
    environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts"), "HDF5_USE_FILE_LOCKING": "TRUE"}
    with open(granule, "rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "label: HDF5 cannot lock the file on this file system: set the environment variable HDF5_USE_" in done.stderr
    assert "fetch it again" not in done.stderr


def test_an_entry_of_granules_that_is_a_dangling_link_or_nobodys_home(tmp_path):
    path = str(special(tmp_path, "dangling"))
    for entry, message in {path: "a symbolic", f"{tmp_path}/*": "a symbolic", "~nobody/x": "no file"}.items():
        with pytest.raises(GcovError, match=message):
            listed_granules((entry,), None)


def special(folder: Path, kind: str) -> Path:
    """Something that is no file."""
    path = folder / "NISAR.h5"
    match kind:
        case "dangling":
            path.symlink_to(folder / "gone.h5")
        case "ring":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
        case "link to a pipe":
            os.mkfifo(folder / "pipe")
            path.symlink_to("pipe")
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "below a file":
            (folder / "file").touch()
            path = folder / "file" / "NISAR.h5"
    return path


KINDS = {
    "dangling": "a symbolic link to .*gone.h5: No such file",
    "ring": "a symbolic link to .*NISAR.h5: Too many levels",
    "pipe": "a pipe, a socket or a device; it should be a file",
    "link to a pipe": "a pipe, a socket or a device",
    "device": "a pipe, a socket or a device",
    "folder": "folder; ",
    "below a file": "cannot be read: Not a directory",
    "nothing": "[Nn]o such file",
}


@pytest.mark.parametrize(("kind", "message"), KINDS.items())
def test_what_is_no_file_has_one_message(tmp_path, kind, message):
    path = str(special(tmp_path, kind))
    for read in (granule_of_file, lambda path: open_hdf5(path, path).__enter__(), read_rain):
        with pytest.raises(GcovError, match=message) as error:
            read(path)
        assert path in str(error.value)


@pytest.mark.parametrize(
    ("name", "dtype"), [*(("mask", kind) for kind in ("u2", "u4", "i1", "f4", "?")), ("HHHH", "i2"), ("HVHV", "u1")]
)
def test_samples_of_another_type_may_be_of_a_newer_product(granule, tmp_path, name, dtype):
    with h5py.File(granule, "r+") as file:
        old = file[f"{BAND}/{name}"]
        values, chunks, attributes = np.nan_to_num(old[()]), old.chunks, dict(old.attrs)
        del file[f"{BAND}/{name}"]
        new = file.create_dataset(f"{BAND}/{name}", data=values.astype(dtype), chunks=chunks)
        new.attrs.update({key: attributes[key] for key in attributes.keys() - {"_FillValue", "DIMENSION_LIST"}})
        for axis, scale in enumerate(("yCoordinates", "xCoordinates")):
            new.dims[axis].attach_scale(file[f"{BAND}/{scale}"])
    with pytest.raises(GcovError) as error:
        clipped(granule, tmp_path / "f")
    what = "the mask holds" if name == "mask" else f"{name} holds"
    wanted = (
        rf"{granule.stem} \(.*\): {what} {np.dtype(dtype)} instead of (uint8|float32 or complex64); perhaps a newer"
    )
    assert re.fullmatch(f"{wanted} product specification: update the workflow", str(error.value))
    assert not list((tmp_path / "f").glob("**/*.zarr"))


def test_attributes_change_no_sample_and_no_coordinate(granule, granules, tmp_path):
    with h5py.File(granule, "r+") as file:
        file[BAND].attrs["grid_mapping"] = "mask"
        file[BAND]["HHHH"].attrs.update({"scale_factor": 2.0, "dtype": "bool", "units": "days since 2000-01-01"})
    assert clipped(granule, tmp_path / "f") == clipped(granules[0], tmp_path / "other")
