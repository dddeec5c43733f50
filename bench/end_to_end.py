"""CPU of whole runs on one core, Snakemake and all jobs together: what a user's machine pays."""

from collections.abc import Iterator
from pathlib import Path

from bench import analysis, frames
from bench.checkouts import Checkout, in_turn, least
from bench.table import Row, against_before

SHAPE = (1_200, 1_100)
SERIES = ["stack.zarr", "stack_db.zarr", "HHHH/mean_series.csv", "HVHV/mean_series.csv"]
REPEATS = 2


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """One large granule to the stack, three small ones to the series."""
    folder = cache / "end_to_end"
    frame, small = frames.frame("paged", cache), frames.small(cache, SHAPE)
    analysis.configure(folder, [str(frame)], bbox=frames.area())
    yield whole("one granule of 16000 x 16000 to the stack", 1.6, folder, checkouts, ["stack.zarr"])
    granules = frames.series(small, cache / "granules_small_3", 3)
    bbox = frames.bbox_of((0, SHAPE[0], 0, SHAPE[1]))
    analysis.configure(folder, [str(path) for path in granules], bbox=bbox, terms=["HHHH", "HVHV"])
    what = "three granules of 1200 x 1100, two terms, to stack, dB store and both mean series"
    yield whole(what, 1.8, folder, checkouts, SERIES)


def whole(what: str, bound: float, folder: Path, checkouts: list[Checkout], products: list[str]) -> Row:
    """CPU of the process tree of one run from nothing to some products."""
    targets = [f"results/aoi/{product}" for product in products]

    def cpu(checkout):
        return analysis.fresh(folder, *targets, checkout=checkout, cores=1).whole.cpu

    taken = least(in_turn(checkouts, cpu, REPEATS), key=float)
    return against_before(f"CPU of `snakemake --cores 1` whole: {what}", bound, taken, " s")
