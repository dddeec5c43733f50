"""Time series of 5, 100 and 200 dates of one AOI: stack, an added date, products, animations, peak memory."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from bench import analysis, frames, measure, notebook
from bench.checkouts import HERE, Checkout, each, in_turn
from bench.table import Row, against_before, at_least, at_most, note
from gcov.analysis import histogram
from gcov.analysis.multilook import cells_of, looks_for

DATES = (5, 100, 200)
TERM = "results/aoi/HHHH"
PRODUCTS = ["results/aoi/stack_db.zarr", f"{TERM}/mean_series.csv"]
JOBS = {  # name: rule, part of an output's path
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
MEGABYTES = {"clip": 260, "stack_db": 300, "summarize": 300}  # the others 600
REPEATS = 3


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Every row on series of local granules; what is measured beside a reference, of this tree alone."""
    runs = {}
    for dates in DATES:
        series = Series(cache, dates)
        runs[dates] = taken = {checkout.name: series.make(checkout) for checkout in checkouts}
        folder, run = series.folder(HERE), taken["after"]
        yield note(f"snakemake --cores 2, {dates} local granules, all products", "", each(taken, whole_text))
        if dates == 5:
            yield from limits(folder, run)
        if dates == 100:
            yield from stacking(folder)
            yield from products(series, checkouts, taken)
            yield from animations(folder, run)
            yield from access(folder)
            yield from added(series, checkouts)
        for checkout in checkouts:
            remove_inputs(series.folder(checkout))
    yield from memory(runs)


@dataclass(frozen=True)
class Series:
    """Local granules of the paged kind, and a folder with all products of them for each checkout."""

    cache: Path
    dates: int

    def folder(self, checkout: Checkout) -> Path:
        """The checkout's analysis."""
        return self.cache / f"dates_{self.dates}" / checkout.name

    def granules(self, more: int = 0) -> list[Path]:
        """The granules, and some that come later."""
        source = frames.frame("paged", self.cache)
        return frames.series(source, self.cache / f"granules_{self.dates}", self.dates + more)

    def make(self, checkout: Checkout) -> analysis.Run:
        """The run that makes every product."""
        folder = self.folder(checkout)
        analysis.configure(folder, [f"{self.granules()[0].parent}/*.h5"], bbox=frames.area())
        return analysis.fresh(folder, checkout=checkout)


def whole_text(run: analysis.Run) -> str:
    """Wall and CPU seconds."""
    return f"{run.whole.wall:.0f} s wall, {run.whole.cpu_all:.0f} s CPU"


def remove_inputs(folder: Path) -> None:
    """Free the disk of stores that nothing below measures."""
    for store in ("fragments", "stack_db.zarr"):
        shutil.rmtree(folder / "results" / "aoi" / store, ignore_errors=True)


def limits(folder: Path, run: analysis.Run) -> Iterator[Row]:
    """The stretch of the animations beside xarray's quantile: on samples in memory, and as a whole."""
    stack = str(folder / analysis.STACK)
    theirs, ours = (measure.call(function, stack) for function in ("notebook:quantiles", "series:counted"))
    alone, reading_off = theirs.value["cpu"], ours.value["limits"]
    counting = ours.value["counting"] + reading_off
    reference = f"{alone:.2f} s"
    what = "animation limits, CPU, five dates in memory"
    yield at_least(what, 15, reference, {"after": f"{counting:.2f} s"}, alone / counting)
    texts = {"after": f"{1000 * reading_off:.1f} ms"}
    what = "... the counts are the histogram's: the limits alone"
    yield note(what, reference, texts, f"{alone / reading_off:.0f} x")
    texts = {"after": f"{run.cpu('summarize'):.1f} s, {run.peak('summarize'):.0f} MB: histograms and means too"}
    yield note("... the whole process", f"{theirs.cpu_all:.1f} s, {theirs.peak:.0f} MB", texts)
    difference = max(abs(one - other) for one, other in zip(ours.value["values"], theirs.value["values"]))
    what = "... difference, of samples that are not averaged"
    yield at_most(what, 0.01, "", {"after": f"{difference:.4f} dB"}, difference, " dB")


def counted(stack: str) -> dict:
    """The limits from counting valid samples in dB as summarize does; CPU seconds of counting and of the limits."""
    data = xr.open_zarr(stack)
    counting, counts = 0.0, 0
    for date in range(data.sizes["time"]):
        db = notebook.valid_db(data.isel(time=date)).values
        began = time.process_time()
        counts += histogram.count_db(db[np.isfinite(db)])
        counting += time.process_time() - began
    began = time.process_time()
    values = [histogram.FINE_DB.quantile(counts, q) for q in (0.05, 0.95)]
    return {"counting": counting, "limits": time.process_time() - began, "values": values}


def stacking(folder: Path) -> Iterator[Row]:
    """The stack job beside lazy concatenation, the best of three each: new pages of memory cost seconds or nothing."""
    fragments = sorted(str(path) for path in (folder / "results/aoi/fragments").glob("*.zarr"))
    output = folder / "reference.zarr"
    theirs, ours = [], []
    for _ in range(REPEATS):
        theirs.append(measure.call("notebook:lazy_stack", fragments, str(output)))
        shutil.rmtree(output)
        ours += analysis.snakemake(folder, "--forcerun", "stack", "--", analysis.STACK).of("stack")
    theirs, ours = min(theirs, key=lambda cost: cost.cpu), min(ours, key=lambda job: job["cpu"])
    reference = f"{theirs.cpu:.1f} s, {theirs.wall:.0f} s wall, {theirs.peak:.0f} MB"
    texts = {"after": f"whole job {ours['cpu']:.2f} s, {ours['wall']:.1f} s wall, {ours['peak']:.0f} MB"}
    yield at_least("stack of 100 dates, CPU, beside lazy xr.concat", 10, reference, texts, theirs.cpu / ours["cpu"])


def products(series: Series, checkouts: list[Checkout], taken: dict[str, analysis.Run]) -> Iterator[Row]:
    """dB store, histograms, means and quantiles beside plainly reading the stack, and beside what they cost before."""
    rules = "stack_db", "summarize"

    def again(checkout):
        return analysis.snakemake(series.folder(checkout), "--forcerun", *rules, "--", *PRODUCTS, checkout=checkout)

    runs = in_turn(checkouts, again, 1)
    cpu = {name: {rule: min(run.cpu(rule) for run in (taken[name], *runs[name])) for rule in rules} for name in taken}
    stack = str(series.folder(HERE) / analysis.STACK)
    reading = min(measure.call("notebook:plain_reading", stack).cpu for _ in range(REPEATS))
    reference = f"reading {reading:.1f} s"
    db, summary = (cpu["after"][rule] for rule in rules)
    what = "dB store, histograms, means, quantiles at 100 dates, CPU of the jobs / reading"
    texts = each(cpu, lambda one: f"{one['stack_db']:.1f} + {one['summarize']:.1f} s")
    yield at_most(what, 14, reference, texts, (db + summary) / reading)
    texts = each(cpu, lambda one: f"{one['summarize']:.1f} s")
    yield at_most("... without the dB store", 8, reference, texts, summary / reading)
    for rule in rules:
        yield against_before(f"{rule} at 100 dates, CPU", 1.1, each(cpu, lambda one: one[rule]), " s")  # noqa: B023


def animations(folder: Path, run: analysis.Run) -> Iterator[Row]:
    """Size and CPU of the animations of 100 dates."""
    shape = 2851, 1901
    shown = " x ".join(map(str, reversed(cells_of(shape, looks_for(shape)))))
    for movie in ("animation", "animation_means"):
        gif = folder / TERM / f"{movie}.gif"
        with Image.open(gif) as image:
            size = f"{image.width} x {image.height}, of {shown} cells"
            texts = {"after": f"{image.n_frames} frames of {size}"}
        yield at_most(f"{movie}.gif of 100 dates", 20, "", texts, gif.stat().st_size / 1e6, " MB")
        cpu = run.cpu("animation", f"{movie}.gif")
        yield at_most("... CPU a frame, whole job", 0.35, "", {"after": f"{cpu:.1f} s"}, cpu / 100, " s")


def access(folder: Path) -> Iterator[Row]:
    """How long users wait for a pixel's series and for an image."""
    stack = str(folder / analysis.STACK)
    for what, function, bound in (
        ("one pixel's series over 100 dates", "pixel_series", 0.5),
        ("one whole image", "one_image", 0.3),
    ):
        costs = [measure.call(f"notebook:{function}", stack) for _ in range(REPEATS)]
        cost = min(costs, key=lambda cost: cost.wall)
        texts = {"after": f"{cost.cpu:.2f} s CPU"}
        yield at_most(f"{what}, xarray.open_zarr and read", bound, "", texts, cost.wall, " s")


def added(series: Series, checkouts: list[Checkout]) -> Iterator[Row]:
    """The 101st granule arrives: which jobs run, and what the stack job decodes."""
    newest = series.granules(more=1)[-1]

    def search_again(checkout):
        arguments = "-R", "search", "--", analysis.STACK
        return analysis.snakemake(series.folder(checkout), *arguments, checkout=checkout, count_codecs=True)

    try:
        runs = {checkout.name: search_again(checkout) for checkout in checkouts}
    finally:
        newest.unlink()  # a next run of the benchmark begins with 100 again
    stacks = each(runs, lambda run: run.of("stack")[0])
    calls = each(stacks, lambda job: sum(job["codec"].values()))
    texts = {name: f"{calls[name]} calls, {job['cpu']:.2f} s CPU" for name, job in stacks.items()}
    yield at_most("the 101st date: codec calls of the stack job", 0, "", texts, calls["after"])
    texts = each(runs, lambda run: f"{run.of('clip')[0]['codec']['encode']} encoded")
    yield note("... of its clip job, as a check of the counter", "", texts)
    yield at_most("... granules read", 1, "", each(runs, whole_text), len(runs["after"].of("clip")))


def memory(runs: dict[int, dict[str, analysis.Run]]) -> Iterator[Row]:
    """Peak memory of each job by number of dates."""
    for name, (rule, match) in JOBS.items():
        peaks = {side: [taken[side].peak(rule, match) for taken in runs.values()] for side in runs[DATES[0]]}
        what = f"peak memory at {' / '.join(map(str, runs))} dates: {name}"
        texts = each(peaks, lambda values: " / ".join(f"{peak:.0f}" for peak in values) + " MB")
        yield at_most(what, MEGABYTES.get(name, 600), "", texts, max(peaks["after"]), " MB")
        if name != "clip":
            texts = each(peaks, lambda values: f"{max(values) - values[0]:.0f} MB")
            growth = max(peaks["after"]) / min(peaks["after"]) - 1
            yield at_most("... grows by", 10, "", texts, 100 * growth, " %")
