"""Change over 20, 100 and 200 dates of one AOI: CPU beside plainly reading the stack, peak memory, a plain reference.

The stacks are simulated speckle of 9.3 looks; a quarter of the pixels is 3 dB darker from the middle of the series on.
"""

import json
import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from change import change
from change_history import change_history
from filtered import filtered
from helpers import grid_of
from scipy.special import chdtrc

from bench import measure
from bench.checkouts import Checkout
from bench.table import Row, at_least, at_most, note
from gcov.analysis.change import change_history as history_of
from gcov.stores import store
from gcov.testing.synthetic import centres

DATES = (20, 100, 200)
SHAPE = (2851, 1901)
LOOKS, ALPHA = 9.3, 0.01
FIRST = datetime(2025, 11, 23)
SAMPLE = (64, 64, 100)  # rows, columns and dates given to the reference
REPEATS = 3


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Every row, of this tree alone."""
    costs = {}
    for dates in DATES:
        folder = made(cache / f"change_{dates}", dates)
        costs[dates] = {job: measure.call(f"change:{job}", str(folder)) for job in ("periods", "history", "speckle")}
        if dates == 100:
            yield from beside_reading(folder, costs[dates])
            yield from beside_reference()
    for job in costs[DATES[0]]:
        peaks = [costs[dates][job].peak for dates in DATES]
        what = f"peak memory at {' / '.join(map(str, DATES))} dates: {NAMES[job]}"
        yield at_most(what, 600, "", {"after": " / ".join(f"{peak:.0f}" for peak in peaks) + " MB"}, max(peaks), " MB")


NAMES = {"periods": "change", "history": "change_history", "speckle": "filtered"}
BOUNDS = {"history": 6}


def beside_reading(folder: Path, costs: dict[str, measure.Cost]) -> Iterator[Row]:
    """CPU of each job at 100 dates, in multiples of reading the stack."""
    stack = str(folder / "stack.zarr")
    reading = min(measure.call("notebook:plain_reading", stack).cpu for _ in range(REPEATS))
    for job, cost in costs.items():
        what, texts = f"{NAMES[job]} at 100 dates, CPU / reading the stack", {"after": f"{cost.cpu:.1f} s"}
        if job in BOUNDS:
            yield at_most(what, BOUNDS[job], f"reading {reading:.1f} s", texts, cost.cpu / reading)
        else:
            yield note(what, f"reading {reading:.1f} s", texts, f"{cost.cpu / reading:.3g}")


def beside_reference() -> Iterator[Row]:
    """The test alone, of a few pixels in memory, beside one that computes Q and R of every segment."""
    costs = [min((measure.call(f"change:{name}") for _ in range(REPEATS)), key=lambda cost: cost.value[0])
             for name in ("reference", "ours")]  # fmt: skip
    (theirs, found), (ours, same) = (cost.value for cost in costs)
    what = (
        f"sequential omnibus test of {SAMPLE[0]} x {SAMPLE[1]} x {SAMPLE[2]} samples, CPU, beside all segments in numpy"
    )
    yield at_least(what, 5, f"{theirs:.2f} s", {"after": f"{ours:.3f} s"}, theirs / ours)
    yield at_most(
        "... pixels with another number of changes", 0, "", {"after": ""}, int(np.sum(np.array(found) != same))
    )


def made(folder: Path, dates: int) -> Path:
    """A folder with a stack, its mean series and looks.json, written when it is first asked for."""
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        times = [FIRST + timedelta(days=12 * date) for date in range(dates)]
        write_stack(part / "stack.zarr", times)
        series = pd.DataFrame({"time": times, "granule": "", "crid": "", "maturity": "", "polarizations": "DHDH"})
        series.assign(n_valid=np.prod(SHAPE), mean_power=0.1, mean_db=-10.0).to_csv(part / "series.csv", index=False)
        known = {"looks": LOOKS, "looks_multilooked": LOOKS, "multilook": 1, "given": None, "rho": [[0.0], [0.0]]}
        entry = known | {"method": "simulated"}
        (part / "looks.json").write_text(json.dumps({"HHHH": entry}))
        part.rename(folder)
    return folder


def write_stack(path: Path, times: list[datetime]) -> None:
    """The simulated stack."""
    rng = np.random.default_rng(1)
    grid = grid_of(32645, centres(99_840, 20, SHAPE[1]), centres(3_240_000, -20, SHAPE[0]))
    dates = [store.Date(time.isoformat(), "", "X05009", "BETA", "DHDH") for time in times]
    attributes = {"frequency": "A", "granule_records": "[]", "n_pixels": int(np.prod(SHAPE))}
    store.create(path, grid=grid, dates=dates, types={"HHHH": "f4", "mask": "u1"}, attributes=attributes)
    mask = np.ones((1, *SHAPE), np.uint8)
    for date in range(len(dates)):
        power = np.float32(0.1 / LOOKS) * rng.standard_gamma(LOOKS, (1, *SHAPE), np.float32)
        if date >= len(dates) // 2:
            power[:, : SHAPE[0] // 2, : SHAPE[1] // 2] /= 2
        region = {"time": slice(date, date + 1), "y": slice(0, SHAPE[0]), "x": slice(0, SHAPE[1])}
        store.write(path, region, {"HHHH": power, "mask": mask})
    store.finish(path)


def settings(folder: str) -> dict:
    """What the jobs share."""
    made_of = {"stack": Path(folder, "stack.zarr"), "looks": Path(folder, "looks.json")}
    return {**made_of, "valid_samples_only": True, "output": Path(folder, "product.zarr")}


TEST = {"multilook": 1, "significance": ALPHA, "min_valid_fraction": 0.5}


def periods(folder: str) -> None:
    """The first half of the series against the second."""
    days = [str(time)[:10] for time in pd.read_csv(Path(folder, "series.csv"))["time"]]
    half = len(days) // 2
    sides = {"before": [days[0], days[half - 1]], "after": [days[half], days[-1]]}
    tables = {"series": Path(folder, "series.csv"), "summary": Path(folder, "product.json")}
    change(**settings(folder), **TEST, **tables, term="HHHH", days=sides)


def history(folder: str) -> None:
    """The sequential omnibus test of all dates."""
    tables = {"series": [Path(folder, "series.csv")], "table": Path(folder, "product.csv")}
    change_history(**settings(folder), **TEST, **tables, terms=["HHHH"])


def speckle(folder: str) -> None:
    """The speckle filter."""
    filtered(**settings(folder), window=5)


def sample() -> np.ndarray:
    """Power (time, y, x) with a step in half the pixels."""
    rows, columns, dates = SAMPLE
    power = np.random.default_rng(1).standard_gamma(LOOKS, (dates, rows, columns), np.float32) / np.float32(LOOKS)
    power[dates // 2 :, : rows // 2] /= 2
    return power


def ours() -> tuple[float, list]:
    """CPU seconds of the package's test, and the number of changes by pixel."""
    power = sample()
    began = time.process_time()
    found = history_of({"HHHH": power}, {"HHHH": np.full(len(power), LOOKS)}, ALPHA).n_changes
    return time.process_time() - began, found.ravel().tolist()


def reference() -> tuple[float, list]:
    """The same in plain numpy: p of Q and of every R for every date that a segment can begin with, then the choice."""
    power = sample().reshape(SAMPLE[2], -1).astype(np.float64)
    began = time.process_time()
    dates, pixels = power.shape
    logs = np.log(power)
    changes, start = np.zeros(pixels, int), np.zeros(pixels, int)
    for first in range(dates - 1):
        number = np.arange(1, dates - first + 1)[:, None]
        sums, products = np.cumsum(power[first:], axis=0), np.cumsum(logs[first:], axis=0)
        q = 2 * LOOKS * (number * np.log(sums / number) - products)
        correction = 1 - (1 + 1 / (number[1:] * (number[1:] - 1))) / (6 * LOOKS)
        p_r = chdtrc(1, np.maximum(correction * np.diff(q, axis=0), 0))
        k = dates - first
        p_q = chdtrc(k - 1, (1 - (k + 1) / (6 * LOOKS * k)) * q[-1])
        changed = (start == first) & (p_q < ALPHA) & (p_r < ALPHA).any(axis=0)
        changes[changed] += 1
        start[changed] = first + 1 + np.argmax(p_r < ALPHA, axis=0)[changed]
    return time.process_time() - began, changes.tolist()
