"""Kill jobs and snakemake itself at random moments, run again, and compare with an undisturbed run.

`make soak` runs many rounds and prints a table; CI runs a few through test_interruptions.py.
"""

import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from helpers import BBOX, EPSG, FIRST, NORTH, REPO, SHAPE, WEST
from runtime import as_installed

from gcov.testing.landscape import landscape
from gcov.testing.synthetic import Band, centres, granule_name, write_granule

COMMAND = [sys.executable, "-m", "snakemake", "-s", str(REPO / "Snakefile"), "--cores", "2"]
KINDS = ("a job", "snakemake alone", "snakemake and its jobs")
LONGEST = 300  # seconds


def start(folder: Path, *targets: str) -> subprocess.Popen:
    """Start the workflow in a process group of its own; its output goes to out.txt."""
    command = [*COMMAND, "-d", str(folder), *targets]
    with open(folder / "out.txt", "w") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True, env=as_installed())


def run(folder: Path, *targets: str) -> tuple[int, str]:
    """Run the workflow to its end; returns exit status and output."""
    status = start(folder, *targets).wait(LONGEST)
    return status, (folder / "out.txt").read_text()


def recover(folder: Path, *targets: str) -> list[str]:
    """Do what a user does after an interruption, until the workflow succeeds; return the commands used."""
    typed = []
    for _ in range(3):
        status, output = run(folder, *targets)
        typed.append("snakemake")
        if status == 0:
            return typed
        if "--unlock" in output:
            subprocess.run([*COMMAND, "-d", str(folder), "--unlock"], check=True, capture_output=True)
            typed.append("snakemake --unlock")
    raise AssertionError(f"not recovered by {typed}:\n{output}")


def jobs_of(process: subprocess.Popen) -> dict[int, str]:
    """Process ids of the running jobs, and the rule each belongs to."""
    jobs = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        script = next((word for word in words if "/.snakemake/scripts/" in word and not word.startswith("-")), "")
        if session == process.pid and script and not words[0].endswith("sh"):
            jobs[int(entry.name)] = script.rpartition(".")[0].rpartition(".")[2]
    return jobs


def disturb(folder: Path, kind: str, wait: float) -> str:
    """Start the workflow, kill something by SIGKILL after `wait` seconds; returns what was hit."""
    process = start(folder)
    began = time.monotonic()
    while time.monotonic() - began < wait and process.poll() is None:
        time.sleep(0.02)
    while kind == "a job" and process.poll() is None and not jobs_of(process):
        time.sleep(0.01)
    running = jobs_of(process)
    if process.poll() is not None:
        return "nothing: it had ended"
    if kind == "a job":
        victim = random.choice(sorted(running))
        os.kill(victim, signal.SIGKILL)
        hit = running[victim]
    elif kind == "snakemake alone":
        os.kill(process.pid, signal.SIGKILL)
        hit = "snakemake, leaving " + (", ".join(sorted(running.values())) or "no job")
    else:
        os.killpg(process.pid, signal.SIGKILL)
        hit = "snakemake with " + (", ".join(sorted(running.values())) or "no job")
    process.wait(LONGEST)
    return hit


def differences(one: Path, other: Path, pattern: str = "*") -> list[str]:
    """Files below results/ that differ or are in one folder only; snakemake's time stamps are not results."""
    trees = [
        {path.relative_to(root) for path in (root / "results").rglob(pattern) if path.is_file()}
        for root in (one, other)
    ]
    trees = [{path for path in tree if path.name != ".snakemake_timestamp"} for tree in trees]
    alone = [str(path) for path in trees[0] ^ trees[1]]
    return alone + [str(p) for p in trees[0] & trees[1] if not filecmp.cmp(one / p, other / p, shallow=False)]


def prepare(folder: Path, granules: list[Path], bbox: list[float]) -> Path:
    """An analysis folder whose granules lie in data/, so that two folders give equal bytes."""
    (folder / "config").mkdir(parents=True)
    (folder / "data").mkdir()
    for granule in granules:
        shutil.copy2(granule, folder / "data")  # fragments note the time stamp
    lines = ["aois:", "  one:", f"    bbox: {bbox}", "    granules: [data/*.h5]", "basemap: null", ""]
    (folder / "config" / "config.yaml").write_text("\n".join(lines))
    return folder


def soak(rounds: int, seed: int) -> None:
    """Many rounds on four dates; print what was killed, the commands used, and whether the results are the same."""
    random.seed(seed)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        (root / "granules").mkdir()
        scene = landscape(SHAPE).scene
        axes = centres(WEST, 20, SHAPE[1]), centres(NORTH, -20, SHAPE[0])
        granules = []
        for index in range(4):
            name = granule_name(cycle=6 + index, start=FIRST + timedelta(days=12 * index))
            granules.append(write_granule(root / "granules", name, {"A": Band(EPSG, *axes, *scene(12 * index))}))
        calm = prepare(root / "calm", granules, BBOX)
        began = time.monotonic()
        assert run(calm)[0] == 0
        length = time.monotonic() - began
        print(f"undisturbed: {length:.0f} s; {rounds} rounds, seed {seed}")
        table = Counter()
        for number in range(rounds):
            kind = KINDS[number % len(KINDS)]
            folder = prepare(root / f"round{number}", granules, BBOX)
            wait = random.uniform(0, 0.9 * length)
            hit = disturb(folder, kind, wait)
            typed = recover(folder)
            wrong = differences(calm, folder)
            result = "identical" if not wrong else f"DIFFERENT: {wrong[:3]}"
            print(f"{number + 1:3d}  after {wait:5.1f} s  {hit:60s} {' ; '.join(typed):50s} {result}", flush=True)
            table[kind, " ; ".join(typed), "identical" if not wrong else "DIFFERENT"] += 1
            shutil.rmtree(folder)
        print("\nkilled | typed | results | rounds")
        for (kind, typed, result), count in sorted(table.items()):
            print(f"{kind} | {typed} | {result} | {count}")
        sys.exit(any(result != "identical" for _, _, result in table))


if __name__ == "__main__":
    soak(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time()))
