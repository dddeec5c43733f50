"""Time series of 5, 100 and 200 dates of one AOI: whole runs, the stack, an added date, summaries, peak memory."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import analysis, frames, measure
from bench.checkouts import HERE, Checkout, each, in_turn
from bench.table import Row, against_before, at_least, at_most, note

DATES = (5, 100, 200)
PRODUCTS = ["results/aoi/stack_db.zarr", "results/aoi/HHHH/mean_series.csv"]
MEGABYTES = {"clip": 260, "stack_db": 300, "summarize": 300}  # the others 600
REPEATS = 3


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Every row on series of local granules; what is measured beside a reference, of this tree alone."""
    runs = {}
    for dates in DATES:
        series = Series(cache, dates)
        runs[dates] = taken = {checkout.name: series.make(checkout) for checkout in checkouts}
        yield note(f"snakemake --cores 2, {dates} local granules, all products", "", each(taken, whole_text))
        if dates == 100:
            yield from stacking(series.folder(HERE))
            yield from products(series, checkouts, taken)
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
    stack = str(series.folder(HERE) / analysis.STACK)
    reading = min(measure.call("notebook:plain_reading", stack).cpu for _ in range(REPEATS))
    for rule, bound in zip(rules, (6, 8)):
        cpu = {name: min(run.cpu(rule) for run in (taken[name], *runs[name])) for name in taken}
        what, texts = f"{rule} at 100 dates, CPU", each(cpu, lambda seconds: f"{seconds:.1f} s")
        yield at_most(f"{what} / reading", bound, f"reading {reading:.1f} s", texts, cpu["after"] / reading)
        yield against_before(what, 1.1, cpu, " s")


def added(series: Series, checkouts: list[Checkout]) -> Iterator[Row]:
    """The 101st granule arrives: which jobs run, and what stacking it costs."""
    newest = series.granules(more=1)[-1]

    def search_again(checkout):
        arguments = "-R", "search", "--", analysis.STACK
        return analysis.snakemake(series.folder(checkout), *arguments, checkout=checkout)

    try:
        runs = {checkout.name: search_again(checkout) for checkout in checkouts}
    finally:
        newest.unlink()  # a next run of the benchmark begins with 100 again
    yield against_before("the 101st date: CPU of the stack job", 1.1, each(runs, lambda run: run.cpu("stack")), " s")
    yield at_most("... granules read", 1, "", each(runs, whole_text), len(runs["after"].of("clip")))


def memory(runs: dict[int, dict[str, analysis.Run]]) -> Iterator[Row]:
    """Peak memory of the jobs of each rule by number of dates."""
    first = runs[DATES[0]]
    for rule in sorted({job["rule"] for job in first["after"].rule_jobs}):
        peaks = {side: [taken[side].peak(rule) for taken in runs.values()] for side in first}
        what = f"peak memory at {' / '.join(map(str, runs))} dates: {rule}"
        texts = each(peaks, lambda values: " / ".join(f"{peak:.0f}" for peak in values) + " MB")
        yield at_most(what, MEGABYTES.get(rule, 600), "", texts, max(peaks["after"]), " MB")
