"""An AOI of a whole 16000 x 16000 frame: peak memory of every job."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench import analysis, frames
from bench.series import JOBS
from bench.server import FREE, Server
from bench.table import Row, at_most

DATES = 2


def rows(cache: Path) -> Iterator[Row]:
    """Two dates from local files through every product, and one clip over HTTPS."""
    granules = frames.series(frames.frame("paged", cache), cache / "granules_frame", DATES)
    bbox = frames.bbox_of(frames.FRAME)
    folder = cache / "frame"
    shutil.rmtree(folder, ignore_errors=True)
    analysis.configure(folder, [f"{granules[0].parent}/*.h5"], bbox=bbox)
    run = analysis.snakemake(folder)
    for name, (rule, match) in JOBS.items():
        job = max(run.of(rule, match), key=lambda job: job["peak"])
        text = f"{job['wall']:.0f} s wall, {job['cpu']:.0f} s CPU"
        yield at_most(f"AOI of a whole frame, peak memory: {name}", 2000, "", text, job["peak"], " MB")
    shutil.rmtree(folder)
    with Server(granules[0].parent) as server:
        server.ask(FREE)
        analysis.configure(folder, server.urls([granules[0].stem], "https"), bbox=bbox, archive=server.config("https"))
        (job,) = analysis.snakemake(folder, f"results/aoi/fragments/{granules[0].stem}.zarr", env=server.env).of("clip")
        seen = server.ask()
    text = (
        f"{job['wall']:.0f} s wall, {job['cpu']:.0f} s CPU, {seen['requests']} requests, {seen['bytes'] / 1e6:.0f} MB"
    )
    yield at_most("... clip over HTTPS", 2000, "", text, job["peak"], " MB")
    shutil.rmtree(folder)
