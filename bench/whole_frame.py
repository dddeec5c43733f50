"""An AOI of a whole 16000 x 16000 frame: peak memory of every job."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench import analysis, frames
from bench.checkouts import Checkout, each, in_turn
from bench.series import JOBS
from bench.server import FREE, Server
from bench.table import Row, at_most

DATES = 2
CLIP_MB, OTHER_MB = 450, 2000


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Two dates from local files through every product, and one clip over HTTPS."""
    granules = frames.series(frames.frame("paged", cache), cache / "granules_frame", DATES)
    folder = cache / "frame"
    yield from products(folder, granules, checkouts)
    yield from https(folder, granules[0], checkouts)
    shutil.rmtree(folder)


def products(folder: Path, granules: list[Path], checkouts: list[Checkout]) -> Iterator[Row]:
    """Every job's memory."""
    analysis.configure(folder, [f"{granules[0].parent}/*.h5"], bbox=frames.bbox_of(frames.FRAME))
    taken = in_turn(checkouts, lambda checkout: analysis.fresh(folder, checkout=checkout), 1)
    for name, (rule, match) in JOBS.items():
        largest = each(taken, lambda runs: max(runs[0].of(rule, match), key=lambda job: job["peak"]))  # noqa: B023
        bound = CLIP_MB if name == "clip" else OTHER_MB
        peak = largest["after"]["peak"]
        yield at_most(f"AOI of a whole frame, peak memory: {name}", bound, "", each(largest, text), peak, " MB")


def https(folder: Path, granule: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """One clip job's memory over HTTPS."""
    target = f"results/aoi/fragments/{granule.stem}.zarr"
    with Server(granule.parent) as server:
        urls, archive = server.urls([granule.stem], "https"), server.config("https")
        analysis.configure(folder, urls, bbox=frames.bbox_of(frames.FRAME), archive=archive)

        def run(checkout):
            return server.during(FREE, lambda: analysis.fresh(folder, target, checkout=checkout, env=server.env))

        taken = each(in_turn(checkouts, run, 1), lambda runs: (runs[0][0].of("clip")[0], runs[0][1]))
    texts = each(taken, lambda one: f"{text(one[0])}, {one[1]['requests']} requests, {one[1]['bytes'] / 1e6:.0f} MB")
    yield at_most("... clip over HTTPS", CLIP_MB, "", texts, taken["after"][0]["peak"], " MB")


def text(job: dict) -> str:
    """Cost of a job."""
    return f"{job['peak']:.0f} MB, {job['wall']:.0f} s wall, {job['cpu']:.0f} s CPU"
