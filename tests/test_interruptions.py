"""After any interruption, the next run ends with the results of an undisturbed one."""

import os
import random
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import interruptions
import pytest
from helpers import BBOX


@pytest.fixture(scope="module")
def calm(newest, tmp_path_factory) -> Path:
    """The folder of an undisturbed run, and how long it took."""
    folder = interruptions.prepare(tmp_path_factory.mktemp("calm") / "run", newest, BBOX)
    began = time.monotonic()
    status, output = interruptions.run(folder)
    assert status == 0, output
    (folder / "seconds").write_text(str(time.monotonic() - began))
    return folder


@pytest.fixture
def folder(newest, tmp_path) -> Path:
    """A folder of the same analysis."""
    return interruptions.prepare(tmp_path / "run", newest, BBOX)


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
        folder = interruptions.prepare(disk / "run", newest, BBOX)
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        os.truncate(filler, filler.stat().st_size - 250_000)
        status, output = interruptions.run(folder)
        assert status != 0
        assert "No space left on device" in output or "disk is full" in output, output[-3000:]
        assert not list(folder.glob("results/**/*.part*"))
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        status = subprocess.run([*interruptions.COMMAND, "-d", str(folder)], capture_output=True, text=True)
        assert status.returncode != 0
        assert "Read-only file system" in status.stdout + status.stderr
        subprocess.run(["mount", "-o", "remount,rw,size=60m", str(disk)], check=True)
        interruptions.recover(folder)
        assert interruptions.differences(calm, folder) == []


def test_two_runs_at_once(calm, folder):
    first = interruptions.start(folder)
    while not (folder / "results").exists() and first.poll() is None:
        time.sleep(0.05)
    second = subprocess.run([*interruptions.COMMAND, "-d", str(folder)], capture_output=True, text=True)
    assert second.returncode != 0
    assert "--unlock" in second.stdout + second.stderr
    assert first.wait(interruptions.LONGEST) == 0
    assert interruptions.differences(calm, folder) == []


def test_a_clock_that_jumped(calm, folder, tmp_path):
    shutil.copytree(calm / "results", folder / "results")
    shutil.copytree(calm / ".snakemake", folder / ".snakemake")
    tomorrow = time.time() + 86_400
    for path in folder.glob("results/**/*"):  # made while the clock was a day ahead
        os.utime(path, (tomorrow, tomorrow))
    victim = sorted(folder.glob("results/one/fragments/*.zarr"))[1]
    shutil.rmtree(victim)
    status, output = interruptions.run(folder)
    assert status != 0 and "clock skew" in output
    command = next(
        line for line in (interruptions.REPO / "docs" / "rerun.md").read_text().splitlines() if "newermt" in line
    )
    subprocess.run(command.strip(" `"), shell=True, cwd=folder, check=True)
    interruptions.recover(folder)
    assert interruptions.differences(calm, folder) == []
    assert "Nothing to be done" in interruptions.run(folder)[1]
