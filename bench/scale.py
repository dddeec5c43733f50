"""Many small areas: what Snakemake itself costs at 50 AOIs x 20 dates."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench import analysis, frames
from bench.checkouts import Checkout, each, in_turn, least
from bench.table import Row, against_before, note

AOIS, DATES = 50, 20
SIZE = 1_000  # pixels of the small granules
SIDE = 40  # pixels of an AOI


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """DAG time, jobs, overhead and memory, step by step."""
    granules = frames.series(frames.small(cache, (SIZE, SIZE)), cache / f"granules_small_{DATES}", DATES)
    aois = {f"a{index:02d}": {"bbox": box(index), "granules": [f"{granules[0].parent}/*.h5"]} for index in range(AOIS)}
    repeats = 2 if len(checkouts) > 1 else 1  # minutes each: twice only where times are compared
    taken = in_turn(checkouts, lambda checkout: steps(cache / "scale" / checkout.name, aois, checkout), repeats)
    taken = least(taken, lambda runs: runs["everything"].whole.wall)
    size = f"{AOIS} AOIs x {DATES} dates"
    walls = each(taken, lambda runs: runs["everything"].whole.wall)
    yield against_before(f"{size}: wall of everything", 1.6, walls, " s")
    for step in taken["after"]:
        yield step_row(f"{size}: {step}", each(taken, lambda runs: runs[step]))  # noqa: B023


def steps(folder: Path, aois: dict, checkout: Checkout) -> dict[str, analysis.Run]:
    """The runs of one checkout, from nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    analysis.write_config(folder, {"aois": aois, "basemap": None})

    def run(*arguments):
        return analysis.snakemake(folder, *arguments, checkout=checkout)

    return {
        "`snakemake -n` before the search": run("-n", "--quiet"),
        "search": run("--until", "search"),
        "`snakemake -n` of everything": run("-n", "--quiet"),
        "everything": run(),
        "`snakemake -n`, nothing to do": run("-n", "--quiet"),
    }


def box(index: int) -> list[float]:
    """The bbox of one of the AOIs, side by side on the small granules."""
    top, left = 50 + 90 * (index // 10), 50 + 60 * (index % 10)
    return frames.bbox_of((top, top + SIDE, left, left + SIDE))


def step_row(what: str, runs: dict[str, analysis.Run]) -> Row:
    """Cost of a step, and where it has jobs what Snakemake adds to each."""
    run = runs["after"]
    jobs = len(run.rule_jobs)
    return note(what, "", each(runs, step_text), f"{run.snakemake['cpu'] / jobs:.2f} s CPU a job" if jobs else "")


def step_text(run: analysis.Run) -> str:
    """Cost of a run."""
    itself = f"snakemake itself {run.snakemake['cpu']:.1f} s CPU, {run.snakemake['peak']:.0f} MB"
    jobs = run.rule_jobs
    cpu = sum(job["cpu"] for job in jobs)
    return f"{run.whole.wall:.1f} s wall; {itself}" + (f"; {len(jobs)} jobs {cpu:.0f} s CPU" if jobs else "")
