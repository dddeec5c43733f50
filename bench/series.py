"""Time series of 5, 100 and 200 dates of one AOI: stack, an added date, products, animations, peak memory."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from bench import analysis, frames, measure, notebook
from bench.table import Row, at_least, at_most, note
from gcov import radiometry
from gcov.figures.movies import averaged_shape

DATES = (5, 100, 200)
TERM = "results/aoi/HHHH"
JOBS = {
    "clip": ("clip", ""),
    "stack": ("stack", ""),
    "stack_db": ("stack_db", ""),
    "summarize": ("summarize", ""),
    "animation": ("animation", "animation.gif"),
    "animation_means": ("animation", "animation_means.gif"),
    "search": ("search", ""),
    "location": ("location", ""),
    "plot_histogram": ("plot_histogram", ""),
    "plot_mean_series": ("plot_mean_series", ""),
}


def rows(cache: Path) -> Iterator[Row]:
    """Every row on series of local granules."""
    runs = {}
    for dates in DATES:
        folder, runs[dates] = analysis.local_series(cache, dates)
        yield note(f"snakemake --cores 2, {dates} local granules, all products", "", cost_text(runs[dates].whole))
        if dates == 5:
            yield from limits(folder, runs[dates])
        if dates == 100:
            yield from stacking(folder)
            yield from products(folder, runs[dates])
            yield from animations(folder, runs[dates])
            yield from access(folder)
            yield from added(cache)
        remove_inputs(folder)
    yield from memory(runs)


def cost_text(cost: measure.Cost) -> str:
    """Wall and CPU seconds."""
    return f"{cost.wall:.0f} s wall, {cost.cpu_all:.0f} s CPU"


def remove_inputs(folder: Path) -> None:
    """Free the disk of stores that nothing below measures."""
    for store in ("fragments", "stack_db.zarr"):
        shutil.rmtree(folder / "results" / "aoi" / store, ignore_errors=True)


def limits(folder: Path, run: analysis.Run) -> Iterator[Row]:
    """The stretch of the animations beside xarray's quantile: on samples in memory, and as a whole."""
    stack = str(folder / analysis.STACK)
    theirs, ours = (measure.call(function, stack) for function in ("bench.notebook:quantiles", "bench.series:counted"))
    alone, counting, reading_off = theirs.value["cpu"], ours.value["counting"], ours.value["limits"]
    what = "animation limits, CPU, five dates in memory"
    yield at_least(what, 15, f"{alone:.2f} s", f"{counting + reading_off:.2f} s", alone / (counting + reading_off))
    text = f"{1000 * reading_off:.1f} ms"
    yield note(
        "... the counts are the histogram's: the limits alone", f"{alone:.2f} s", text, f"{alone / reading_off:.0f} x"
    )
    text = f"{run.cpu('summarize'):.1f} s, {run.peak('summarize'):.0f} MB: histograms and means too"
    yield note("... the whole process", f"{theirs.cpu_all:.1f} s, {theirs.peak:.0f} MB", text)
    found = json.loads((folder / TERM / "stretch.json").read_text())
    difference = max(abs(found[name] - value) for name, value in zip(("q05", "q95"), theirs.value["values"]))
    yield at_most("... difference", 0.01, "", "", difference, " dB")


def counted(stack: str) -> dict:
    """CPU seconds of counting a stack's valid samples in dB as summarize does, and of the limits from the counts."""
    data = xr.open_zarr(stack)
    counting, counts = 0.0, 0
    for date in range(data.sizes["time"]):
        db = notebook.valid_db(data.isel(time=date)).values
        began = time.process_time()
        counts += radiometry.count_db(db[np.isfinite(db)])
        counting += time.process_time() - began
    began = time.process_time()
    for q in (0.05, 0.95):
        radiometry.quantile_db(counts, q)
    return {"counting": counting, "limits": time.process_time() - began}


def stacking(folder: Path) -> Iterator[Row]:
    """The stack job beside lazy concatenation, the best of three each: new pages of memory cost seconds or nothing."""
    fragments = sorted(str(path) for path in (folder / "results/aoi/fragments").glob("*.zarr"))
    output = folder / "reference.zarr"
    theirs, ours = [], []
    for _ in range(3):
        theirs.append(measure.call("bench.notebook:lazy_stack", fragments, str(output)))
        shutil.rmtree(output)
        ours += analysis.snakemake(folder, "--forcerun", "stack", "--", analysis.STACK).of("stack")
    theirs, ours = min(theirs, key=lambda cost: cost.cpu), min(ours, key=lambda job: job["cpu"])
    reference = f"{theirs.cpu:.1f} s, {theirs.wall:.0f} s wall, {theirs.peak:.0f} MB"
    text = f"whole job {ours['cpu']:.2f} s, {ours['wall']:.1f} s wall, {ours['peak']:.0f} MB"
    yield at_least("stack of 100 dates, CPU, beside lazy xr.concat", 10, reference, text, theirs.cpu / ours["cpu"])


def products(folder: Path, run: analysis.Run) -> Iterator[Row]:
    """dB store, histograms, means and quantiles beside plainly reading the stack."""
    stack = str(folder / analysis.STACK)
    reading = min(measure.call("bench.notebook:plain_reading", stack).cpu for _ in range(3))
    db, summary = run.cpu("stack_db"), run.cpu("summarize")
    reference = f"reading {reading:.1f} s"
    what = "dB store, histograms, means, quantiles at 100 dates, CPU of the jobs / reading"
    yield at_most(what, 14, reference, f"{db:.1f} + {summary:.1f} s", (db + summary) / reading)
    yield at_most("... without the dB store", 8, reference, f"{summary:.1f} s", summary / reading)


def animations(folder: Path, run: analysis.Run) -> Iterator[Row]:
    """Size and CPU of the animations of 100 dates."""
    for movie in ("animation", "animation_means"):
        gif = folder / TERM / f"{movie}.gif"
        page = gif.with_suffix(".html").stat().st_size / 1e6
        with Image.open(gif) as image:
            shown = " x ".join(map(str, reversed(averaged_shape((2851, 1901)))))
            size = f"{image.width} x {image.height}, of which {shown} are the image"
            text = f"{image.n_frames} frames of {size}; page {page:.0f} MB"
        yield at_most(f"{movie}.gif of 100 dates", 20, "", text, gif.stat().st_size / 1e6, " MB")
        cpu = run.cpu("animation", f"{movie}.gif")
        yield at_most("... CPU a frame, GIF and page, whole job", 0.35, "", f"{cpu:.1f} s", cpu / 100, " s")


def access(folder: Path) -> Iterator[Row]:
    """How long users wait for a pixel's series and for an image."""
    for what, function, bound in (
        ("one pixel's series over 100 dates", "pixel_series", 0.5),
        ("one whole image", "one_image", 0.3),
    ):
        cost = measure.best(
            [measure.call(f"bench.notebook:{function}", str(folder / analysis.STACK)) for _ in range(3)]
        )
        yield at_most(f"{what}, xarray.open_zarr and read", bound, "", f"{cost.cpu:.2f} s CPU", cost.wall, " s")


def added(cache: Path) -> Iterator[Row]:
    """The 101st granule arrives: which jobs run, and what the stack job decodes."""
    folder = cache / "dates_100"
    frames.series(frames.frame("paged", cache), cache / "granules_100", 101)
    run = analysis.snakemake(folder, "-R", "search", "--", analysis.STACK, count_codecs=True)
    (cache / "granules_100" / f"{frames.name_of(100)}.h5").unlink()
    (stack,) = run.of("stack")
    calls = stack["codec"]["decode"] + stack["codec"]["encode"]
    yield at_most("the 101st date: codec calls of the stack job", 0, "", f"{stack['cpu']:.2f} s CPU", calls)
    (clip,) = run.of("clip")
    yield note("... of its clip job, as a check of the counter", "", f"{clip['codec']['encode']} encoded")
    yield at_most("... granules read", 1, "", cost_text(run.whole), len(run.of("clip")))


def memory(runs: dict[int, analysis.Run]) -> Iterator[Row]:
    """Peak memory of each job by number of dates."""
    for name, (rule, match) in JOBS.items():
        peaks = [run.peak(rule, match) for run in runs.values()]
        growth = max(peaks) / min(peaks) - 1
        text = " / ".join(f"{peak:.0f}" for peak in peaks) + " MB"
        yield at_most(f"peak memory at {' / '.join(map(str, runs))} dates: {name}", 600, "", text, max(peaks), " MB")
        if name != "clip":
            grown = max(peaks) - peaks[0]
            yield at_most(f"... grows by ({grown:.0f} MB)", 10, "", "", 100 * growth, " %")
