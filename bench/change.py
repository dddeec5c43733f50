"""Change over 5 and 100 dates of one AOI: CPU beside plainly reading the stack, peak memory; peaks on a whole frame.

The stacks are simulated speckle of 9.3 looks; a quarter of the pixels is 3 dB darker from the middle of the series on.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from change import change
from change_history import change_history
from helpers import grid_of

from bench import frames, measure
from bench.checkouts import Checkout
from bench.table import Row, at_most, note
from gcov.stores import store
from gcov.stores.stack import Stack
from gcov.testing.synthetic import centres

TERMS = ["HHHH", "HVHV"]
CASES = ((1, 1), (2, 3))  # number of terms, multilook
DATES = (5, 100)
AREA, FRAME = (2851, 1901), (frames.SIZE, frames.SIZE)
LOOKS = 9.3
MEGABYTES = 600
REPEATS = 3


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Every row, of this tree alone."""
    for dates in DATES:
        folder = made(cache / f"change_{dates}", dates, AREA)
        reading = min(measure.call("notebook:plain_reading", str(folder / "stack.zarr")).cpu for _ in range(REPEATS))
        for terms, multilook in CASES:
            for job in ("periods", "history"):
                cost = measure.call(f"change:{job}", str(folder), terms, multilook)
                what = f"{job}, {dates} dates x {terms} terms, multilook {multilook}"
                texts = {"after": f"{cost.cpu:.1f} s"}
                yield note(f"{what}: CPU / reading", f"reading {reading:.1f} s", texts, f"{cost.cpu / reading:.3g}")
                yield peak(what, cost)
    folder = made(cache / "change_frame", DATES[0], FRAME)
    for job in ("periods", "history"):
        what = f"{job}, whole frame, {DATES[0]} dates x {len(TERMS)} terms, multilook 3"
        yield peak(what, measure.call(f"change:{job}", str(folder), len(TERMS), 3))


def peak(what: str, cost: measure.Cost) -> Row:
    """Peak memory of a job."""
    texts = {"after": f"{cost.wall:.0f} s wall, {cost.cpu:.0f} s CPU"}
    return at_most(f"{what}: peak memory", MEGABYTES, "", texts, cost.peak, " MB")


def made(folder: Path, dates: int, shape: tuple[int, int]) -> Path:
    """A folder with a stack, the mean series of its terms and looks.json, written when it is first asked for."""
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        times = [frames.FIRST + timedelta(days=12 * date) for date in range(dates)]
        facts = [store.Date(time.isoformat(), "", "X05009", "BETA", "DHDH") for time in times]
        write_stack(part / "stack.zarr", facts, shape)
        series = pd.DataFrame(map(vars, facts)).assign(n_valid=np.prod(shape), mean_power=0.1, mean_db=-10.0)
        series.to_csv(part / "series.csv", index=False)
        for multilook in (1, 3):
            entry = {"looks": LOOKS, "looks_multilooked": LOOKS * multilook**2, "multilook": multilook, "given": None}
            entry |= {"rho": [[0.0], [0.0]], "shared": [], "coherence": 0.0, "method": "simulated"}
            (part / f"looks_{multilook}.json").write_text(json.dumps(dict.fromkeys(TERMS, entry)))
        part.rename(folder)
    return folder


def write_stack(path: Path, dates: list[store.Date], shape: tuple[int, int]) -> None:
    """The simulated stack."""
    rng = np.random.default_rng(1)
    grid = grid_of(frames.EPSG, centres(frames.WEST, 20, shape[1]), centres(frames.NORTH, -20, shape[0]))
    attributes = {"frequency": "A", "granule_records": "[]", "n_pixels": int(np.prod(shape)), "aoi_polygon": ""}
    store.create(
        path, grid=grid, dates=dates, types={**dict.fromkeys(TERMS, "f4"), "mask": "u1"}, attributes=attributes
    )
    for region in store.regions(xr.open_zarr(path, chunks=None, consolidated=False), rows=store.SHARD):
        rows = region["y"].stop - region["y"].start
        layers = {"mask": np.ones((1, rows, shape[1]), np.uint8)}
        for term in TERMS:
            layers[term] = np.float32(0.1 / LOOKS) * rng.standard_gamma(LOOKS, (1, rows, shape[1]), np.float32)
            if region["time"].start >= len(dates) // 2 and region["y"].start < shape[0] // 2:
                layers[term][:, :, : shape[1] // 2] /= 2
        store.write(path, region, layers)
    store.finish(path)


def settings(folder: str, multilook: int) -> dict:
    """What both jobs are told."""
    stack = Stack(Path(folder, "stack.zarr"), valid_samples_only=True)
    files = {"stack": stack, "looks": Path(folder, f"looks_{multilook}.json")}
    rule = {"significance": 0.01, "min_change_db": 0, "min_valid_fraction": 0.5}
    return {**files, **rule, "multilook": multilook, "output": Path(folder, "product.zarr")}


def periods(folder: str, terms: int, multilook: int) -> None:
    """The first half of the series against the second, term by term."""
    series = Path(folder, "series.csv")
    days = [str(time)[:10] for time in pd.read_csv(series)["time"]]
    half = len(days) // 2
    sides = {"before": [days[0], days[half - 1]], "after": [days[half], days[-1]]}
    for term in TERMS[:terms]:
        options = settings(folder, multilook) | {"series": series, "summary": Path(folder, "product.json")}
        change(**options, term=term, days=sides)


def history(folder: str, terms: int, multilook: int) -> None:
    """The sequential omnibus test of all dates."""
    tables = {"series": [Path(folder, "series.csv")] * terms, "table": Path(folder, "product.csv")}
    change_history(**settings(folder, multilook), **tables, terms=TERMS[:terms])
