"""Local granules that are replaced are read again, whatever their time stamps say; copies are used as they are."""

import json
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import Analysis
from helpers import BBOX, FIRST, notebook_stack

from gcov.testing.synthetic import granule_name, write_granule

pytestmark = pytest.mark.long

STACK = "results/one/stack.zarr"
NAMES = [granule_name(cycle=6 + index, start=FIRST + timedelta(days=12 * index)) for index in range(3)]
PLACES = [f"granules/{NAMES[0]}.h5", f"d{{1}} ü/{NAMES[1]}.h5", f"linked/{NAMES[2]}.h5"]


def placed(root: Path, band, day: int) -> list[Path]:
    """The three granules as of a day, the last one as a symbolic link."""
    files = []
    for index, place in enumerate(PLACES):
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        files.append(write_granule(path.parent, path.stem, {"A": band(12 * index + day)}, chunks=(64, 64)))
    files[2].rename(root / "target.h5")
    files[2].symlink_to("../target.h5")
    return files


@pytest.fixture(scope="module")
def first_run(band, tmp_path_factory):
    """An analysis folder with its stack, and a folder of other values in files of the same names."""
    folder, others = tmp_path_factory.mktemp("analysis"), tmp_path_factory.mktemp("others")
    placed(folder, band, 0)
    placed(others, band, 5)
    aoi = {"bbox": BBOX, "granules": [f"{Path(place).parent}/*.h5" for place in PLACES]}
    analysis = Analysis(folder).configure({"aois": {"one": aoi}, "basemap": None})
    analysis.run(STACK)
    return analysis, others


@pytest.fixture
def copy(first_run, tmp_path) -> Analysis:
    """The analysis folder copied with its granules, as `rsync -a` does it."""
    shutil.copytree(first_run[0].folder, tmp_path / "copy", symlinks=True)
    return Analysis(tmp_path / "copy")


def read_again(analysis: Analysis) -> list[str]:
    """The granules that a run would read."""
    return re.findall(r"rule clip:\n(?:.+\n)*? +wildcards: aoi=one, granule=(\S+)", analysis.run("-n", STACK))


def replace(path: Path, other: Path, time: int, link: bool = False) -> None:
    """Put another file, changed at a time in ns, in a file's place, or what a link leads to."""
    if link:
        path.unlink()
        path.symlink_to(other)
    else:
        shutil.copy(other, path)
    os.utime(path, ns=(time, time))


SECOND = 10**9


@pytest.mark.parametrize(
    ("number", "later", "link", "noted"),
    [
        (0, -SECOND, False, True),
        (0, SECOND, False, False),
        (1, -1000, False, False),
        (2, -(10**6) * SECOND, True, True),
        (0, None, False, False),
    ],
)
def test_a_replaced_file_is_read_again(number, later, link, noted, copy, first_run):
    """Changed earlier or later than the one that was read, or in 1970; also without what Snakemake noted."""
    if not noted:
        shutil.rmtree(copy.folder / ".snakemake")
    path, other = copy.folder / PLACES[number], first_run[1] / PLACES[number]
    replace(path, other, 0 if later is None else path.stat().st_mtime_ns + later, link)
    assert read_again(copy) == [NAMES[number]]


def test_a_file_of_another_size_is_read_again(copy):
    path = copy.folder / PLACES[0]
    times = path.stat()
    with open(path, "ab") as file:
        file.write(bytes(100))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read_again(copy) == NAMES[:1]


@pytest.mark.parametrize("again", [[], ["-R", "search"]])
def test_the_stack_gets_the_new_samples_once(again, copy, first_run):
    for place in PLACES[:2]:
        replace(copy.folder / place, first_run[1] / place, 10**6 * SECOND)
    copy.run(STACK, *again)
    wanted = notebook_stack([copy.folder / place for place in PLACES], BBOX)
    with xr.open_zarr(copy.folder / STACK) as found:
        np.testing.assert_array_equal(found["HHHH"], wanted["HHHH"])
    assert read_again(copy) == []
    assert "Nothing to be done" in copy.run(STACK)


@pytest.mark.parametrize(("unit", "noted"), [(1, True), (1000, False), (SECOND, True)])
def test_copies_with_their_time_stamps_are_not_read_again(unit, noted, copy):
    """Some tools and disks cut times to microseconds or seconds."""
    if not noted:
        shutil.rmtree(copy.folder / ".snakemake")
    for path in copy.folder.rglob("*.h5"):
        time = path.stat().st_mtime_ns // unit * unit
        os.utime(path, ns=(time, time))
    assert read_again(copy) == []


def test_a_folder_that_the_configuration_names_in_full_may_be_copied(copy, tmp_path):
    def configured(folder: Path) -> Analysis:
        aoi = {"bbox": BBOX, "granules": [str(folder / "granules" / "*.h5")]}
        return Analysis(folder).configure({"aois": {"one": aoi}, "basemap": None})

    configured(copy.folder).run(STACK)
    shutil.copytree(copy.folder, tmp_path / "second")
    assert "rule clip" not in configured(tmp_path / "second").run(STACK, "-R", "search")


@pytest.mark.parametrize("noted", [True, False])
def test_a_fragment_that_notes_no_file_is_believed(noted, copy, first_run):
    """As one of an earlier version, of which Snakemake knows the path as well."""
    if not noted:
        shutil.rmtree(copy.folder / ".snakemake")
    metadata = copy.folder / f"results/one/fragments/{NAMES[0]}.zarr" / "zarr.json"
    content = json.loads(metadata.read_text())
    del content["attributes"]["granule_record_file"]
    metadata.write_text(json.dumps(content))
    replace(copy.folder / PLACES[0], first_run[1] / PLACES[0], 10**6 * SECOND)
    assert read_again(copy) == []


def test_a_file_that_is_gone_is_named(copy):
    """Where its fragment is to be made."""
    (copy.folder / PLACES[0]).unlink()
    shutil.rmtree(copy.folder / f"results/one/fragments/{NAMES[0]}.zarr")
    done = copy.snakemake(STACK)
    assert done.returncode and "Missing input files for rule clip" in done.output and PLACES[0] in done.output
