"""After any interruption, the next run ends with the results of an undisturbed one."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import interruptions
import pytest
import zarr
from conftest import Analysis
from helpers import BBOX, REPO
from PIL import Image
from verify import verify

from gcov.errors import GcovError
from gcov.stores import store

pytestmark = pytest.mark.long

STORES = "results/one/stack_db.zarr"  # a target: every granule, and what is made of them


@pytest.fixture(scope="module")
def calm(newest, tmp_path_factory) -> Path:
    """The folder of an undisturbed run, and how long it took."""
    folder = interruptions.prepare(tmp_path_factory.mktemp("calm") / "run", newest[:2], BBOX)
    began = time.monotonic()
    status, output = interruptions.run(folder)
    assert status == 0, output
    (folder / "seconds").write_text(str(time.monotonic() - began))
    return folder


@pytest.fixture
def folder(newest, tmp_path) -> Path:
    """A folder of the same analysis."""
    return interruptions.prepare(tmp_path / "run", newest[:2], BBOX)


def stores_that_differ(one: Path, other: Path) -> list[str]:
    """Files of fragments and stacks that differ between two folders or are in one only."""
    names = ("fragments", "stack.zarr", "stack_db.zarr")
    return [path for name in names for path in interruptions.differences(one, other, f"one/{name}/**/*")]


# `make soak` kills snakemake as well, and many times
@pytest.mark.parametrize("kind", interruptions.KINDS[:1])
def test_a_kill_at_a_random_moment(kind, calm, folder):
    wait = random.uniform(2, 0.8 * float((calm / "seconds").read_text()))
    hit = interruptions.disturb(folder, kind, wait)
    interruptions.recover(folder)
    assert interruptions.differences(calm, folder) == [], f"after {wait:.1f} s hit {hit}"


@contextmanager
def small_disk(path: Path, options: str):
    """A file system of its own at `path`."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_and_a_folder_that_cannot_be_written(calm, newest, tmp_path):
    with small_disk(tmp_path / "disk", "size=6m") as disk:
        folder = interruptions.prepare(disk / "run", newest[:2], BBOX)
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        os.truncate(filler, filler.stat().st_size - 250_000)
        status, output = interruptions.run(folder, STORES)
        assert status != 0
        assert "No space left on device" in output or "disk is full" in output, output[-3000:]
        assert not list(folder.glob("results/**/*.part*"))
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        status = subprocess.run([*interruptions.COMMAND, "-d", str(folder), STORES], capture_output=True, text=True)
        assert status.returncode != 0
        assert "Read-only file system" in status.stdout + status.stderr
        subprocess.run(["mount", "-o", "remount,rw,size=60m", str(disk)], check=True)
        interruptions.recover(folder, STORES)
        assert stores_that_differ(calm, folder) == []


def test_two_runs_at_once(calm, folder):
    first = interruptions.start(folder, STORES)
    while not (folder / "results").exists() and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGSTOP)  # or it might have ended before the second looks
    second = subprocess.run([*interruptions.COMMAND, "-d", str(folder), STORES], capture_output=True, text=True)
    first.send_signal(signal.SIGCONT)
    assert second.returncode != 0
    assert "--unlock" in second.stdout + second.stderr
    assert first.wait(interruptions.LONGEST) == 0
    assert stores_that_differ(calm, folder) == []


def test_a_clock_that_jumped(calm, folder, tmp_path):
    # a fragment that is gone is made again only if it is asked for, or if what is made of it is out of date
    targets = STORES, *(str(path.relative_to(calm)) for path in calm.glob("results/one/fragments/*.zarr"))
    for name in ("results", ".snakemake"):
        shutil.copytree(calm / name, folder / name)
    tomorrow = time.time() + 86_400
    for path in folder.glob("results/**/*"):  # made while the clock was a day ahead
        os.utime(path, (tomorrow, tomorrow))
    victim = sorted(folder.glob("results/one/fragments/*.zarr"))[1]
    shutil.rmtree(victim)
    status, output = interruptions.run(folder, *targets)
    assert status != 0 and "clock skew" in output
    command = next(line for line in (REPO / "docs" / "rerun.md").read_text().splitlines() if "newermt" in line)
    subprocess.run(command.strip(" `"), shell=True, cwd=folder, check=True)
    interruptions.recover(folder, *targets)
    assert interruptions.differences(calm, folder) == []
    assert "Nothing to be done" in interruptions.run(folder, *targets)[1]


def flip_a_byte(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


def test_damage_is_named_and_remade(calm, tmp_path):
    shutil.copytree(calm / "results", tmp_path / "results")
    analysis = Analysis(calm)
    assert "good" in analysis.run("verify")
    results = analysis.folder / "results" / "one"
    flip_a_byte(results / "stack.zarr/HHHH/c/1/0/0")
    (results / "stack_db.zarr/HHHH/c/1/0/0").unlink()
    fragment = sorted(results.glob("fragments/*.zarr"))[1]
    shutil.rmtree(fragment / "mask")
    output = analysis.snakemake("verify").output
    for bad in ("results/one/stack.zarr", "results/one/stack_db.zarr", f"results/one/fragments/{fragment.name}"):
        assert f"  {bad}.damaged: " in output
        assert not (analysis.folder / bad).exists()
        shutil.rmtree(analysis.folder / f"{bad}.damaged")
    assert len(list(results.glob("fragments/*.zarr"))) == 1
    output = analysis.run(STORES)
    assert output.count("rule clip:") == 1
    assert interruptions.differences(tmp_path, calm) == []


def test_trouble_of_the_machine_is_no_damage(calm, monkeypatch):
    """A single I/O error must not remove a store."""
    stack = calm / "results" / "one" / "stack.zarr"
    assert store.damage(stack) is None
    for error in (OSError(5, "Input/output error"), MemoryError()):
        with monkeypatch.context() as patch:
            patch.setattr(store, "open_store", lambda _, error=error: (_ for _ in ()).throw(error))
            with pytest.raises(type(error)):
                store.damage(stack)
            with pytest.raises(GcovError, match=r"not touched:\n"):
                verify(results=calm / "results")
            assert stack.exists()


def test_products_say_where_they_come_from(calm):
    results = calm / "results" / "one"
    names = sorted(path.stem for path in (results / "granules").glob("*.json"))
    stack = zarr.open_group(results / "stack.zarr", mode="r")
    assert [record["name"] for record in json.loads(stack.attrs["granule_records"])] == names
    assert stack.attrs["aoi_bbox"] == BBOX
    for picture in ("HHHH/histogram_db.png", "HHHH/histogram_power.png", "HHHH/mean_series.png", "location.png"):
        with Image.open(results / picture) as image:
            assert image.text["Granules"].split() == names
            assert "zarr" in image.text["Software"]
    with Image.open(results / "HHHH/mean_series.png") as image:
        assert json.loads(image.text["Settings"])["valid_samples_only"] is True
    with Image.open(results / "HHHH/animation.gif") as image:
        assert json.loads(image.info["comment"])["Granules"].split() == names
