"""The whole workflow to stack.zarr on five granules beside the notebook as one script; what a clip job costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from servers.archive import TOKEN

from bench import REPO, analysis, frames, measure
from bench.checkouts import Checkout, each, in_turn, least
from bench.server import NEAR, WAN, Link, Server
from bench.table import Row, against_before, at_least, at_most

DATES = 5
ARRAYS = ["HHHH", "mask"]  # what the workflow reads
TIMES = {NEAR: (3.5, 2), WAN: (8, 5)}  # quicker than the notebook that reads both arrays, or HHHH alone
REPEATS = 2


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Every row on five granules."""
    granules = frames.series(frames.frame("paged", cache), cache / f"granules_{DATES}", DATES)
    with Server(granules[0].parent) as server:
        case = Case(server, granules, frames.area(), cache / "workflow", checkouts)
        for link in TIMES:
            runs = {access: case.served(link, access) for access in ("s3", "https")}
            yield from beside_notebook(case, link, runs)
            if link is NEAR:
                for access, taken in runs.items():
                    yield from as_before(access, each(taken, lambda one: one[1]))
                    yield from clip(access, each(taken, lambda one: one[0]))
        yield from clip("local", case.local())


@dataclass(frozen=True)
class Case:
    """Granules behind a server, the AOI, the folder of the analysis, and whose workflow runs in it."""

    server: Server
    granules: list[Path]
    bbox: list[float]
    folder: Path
    checkouts: list[Checkout]

    def urls(self, access: str) -> list[str]:
        """The granules' addresses."""
        return self.server.urls([path.stem for path in self.granules], access)

    def served(self, link: Link, access: str) -> dict[str, tuple]:
        """The workflow as a user starts it, by checkout, and what the server saw."""
        analysis.configure(self.folder, self.urls(access), bbox=self.bbox, archive=self.server.config(access))

        def run(checkout):
            return self.server.during(
                link, lambda: analysis.fresh(self.folder, analysis.STACK, checkout=checkout, env=self.server.env)
            )

        return least(in_turn(self.checkouts, run, REPEATS), lambda taken: taken[0].whole.wall)

    def local(self) -> dict[str, analysis.Run]:
        """The workflow on local files, by checkout."""
        analysis.configure(self.folder, [str(path) for path in self.granules], bbox=self.bbox)

        def run(checkout):
            return analysis.fresh(self.folder, analysis.STACK, checkout=checkout)

        return least(in_turn(self.checkouts, run, REPEATS), lambda taken: taken.whole.wall)

    def notebook(self, link: Link, arrays: list[str]) -> tuple:
        """The notebook's steps as one script, imports included, and what the server saw."""
        facts = {key: self.server.facts[key] for key in ("credentials_url", "s3_endpoint")}
        arguments = self.urls("s3"), arrays, self.bbox, facts, TOKEN, str(self.folder / "notebook.zarr")
        script = measure.command("notebook:workflow", *arguments)
        runs = [
            self.server.during(link, lambda: measure.run(script, cwd=REPO, env=self.server.env)) for _ in range(REPEATS)
        ]
        return min(runs, key=lambda taken: taken[0].wall)


def beside_notebook(case: Case, link: Link, runs: dict[str, dict]) -> Iterator[Row]:
    """Wall seconds from granules to the stack beside the notebook that reads as much, or HHHH alone."""
    for arrays, bound in zip((ARRAYS, ARRAYS[:1]), TIMES[link]):
        cost, seen = case.notebook(link, arrays)
        reference = cost_text(cost, cost.peak, seen)
        for access, taken in runs.items():
            texts = each(taken, lambda one: cost_text(one[0].whole, max(job["peak"] for job in one[0].jobs), one[1]))
            what = f"five granules to the stack, {link.name}, {access}; the notebook reads {' + '.join(arrays)}"
            yield at_least(what, bound, reference, texts, cost.wall / taken["after"][0].whole.wall)


def cost_text(cost: measure.Cost, peak: float, seen: dict) -> str:
    """What one side took."""
    fetched = f"{seen['bytes'] / 1e6:.0f} MB fetched in {seen['requests']} requests"
    return f"{cost.wall:.1f} s, {cost.cpu_all:.1f} s CPU, {peak:.0f} MB, {fetched}"


def as_before(access: str, seen: dict[str, dict]) -> Iterator[Row]:
    """Bytes and requests of the five clip jobs; an earlier commit may read less beside the samples."""
    yield against_before(f"five granules, {access}: fetched", 1.02, each(seen, lambda one: one["bytes"] / 1e6), " MB")
    yield against_before(f"five granules, {access}: requests", 1.1, each(seen, lambda one: one["requests"]), "")


def clip(access: str, runs: dict[str, analysis.Run]) -> Iterator[Row]:
    """CPU and memory of a clip job."""
    cpu = each(runs, lambda run: median(job["cpu"] for job in run.of("clip")))
    yield against_before(f"CPU of a clip job: {access}", 1.1, cpu, " s")
    peaks = each(runs, lambda run: run.peak("clip"))
    texts = each(peaks, lambda peak: f"{peak:.0f} MB")
    yield at_most(f"peak memory of a clip job: {access}", 260, "", texts, peaks["after"], " MB")
