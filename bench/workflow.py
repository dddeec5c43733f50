"""The whole workflow to stack.zarr on five granules beside the notebook as one script; what a clip job costs."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from servers.archive import TOKEN

from bench import analysis, frames, measure
from bench.server import NEAR, WAN, Link, Server
from bench.table import Row, at_least, at_most

DATES = 5
ARRAYS = ["HHHH", "mask"]


def rows(cache: Path) -> Iterator[Row]:
    """Every row on five granules."""
    bbox = frames.bbox_of(frames.WINDOW)
    granules = frames.series(frames.frame("paged", cache), cache / f"granules_{DATES}", DATES)
    names = [path.stem for path in granules]
    folder = cache / "workflow"
    with Server(granules[0].parent) as server:
        for link, bound in ((NEAR, 2), (WAN, 5)):
            runs = {access: ours(server, link, names, access, bbox, folder) for access in ("s3", "https")}
            for arrays in (ARRAYS, ARRAYS[:1]):
                theirs, seen = notebook(server, link, names, arrays, bbox, folder)
                for access, (run, counted) in runs.items():
                    what = f"five granules to the stack, {link.name}, {access}; the notebook reads {' + '.join(arrays)}"
                    texts = (
                        cost_text(theirs.wall, theirs.cpu_all, theirs.peak, seen),
                        cost_text(run.whole.wall, run.whole.cpu_all, max(job["peak"] for job in run.jobs), counted),
                    )
                    yield at_least(what, bound, *texts, theirs.wall / run.whole.wall)
            if link is NEAR:
                for access, (run, _) in runs.items():
                    yield clip_row(access, 1.7 if access == "s3" else 1.3, run, reading(server, access, names[0], bbox))
    analysis.configure(folder, [str(path) for path in granules], bbox=bbox)
    local = measure.call("bench.readers:ours", str(granules[0]), ARRAYS, bbox, {})
    yield clip_row("local", 1.3, fresh(folder), local)


def cost_text(wall: float, cpu: float, peak: float, seen: dict) -> str:
    """What one side took."""
    return f"{wall:.1f} s, {cpu:.1f} s CPU, {peak:.0f} MB, {seen['bytes'] / 1e6:.0f} MB fetched"


def reading(server: Server, access: str, name: str, bbox: list[float]) -> measure.Cost:
    """The cost of reading alone what a clip job reads."""
    url = server.facts[access][name]
    return measure.call("bench.readers:ours", url, ARRAYS, bbox, server.config(access), env=server.env)


def clip_row(access: str, bound: float, run: analysis.Run, reading: measure.Cost) -> Row:
    """CPU of a clip job but for the reading itself."""
    whole = median(job["cpu"] for job in run.of("clip"))
    return at_most(
        f"CPU of a clip job beyond reading: {access}",
        bound,
        f"reading {reading.cpu:.2f} s",
        f"job {whole:.2f} s",
        whole - reading.cpu,
        " s",
    )


def fresh(folder: Path, env: dict | None = None) -> analysis.Run:
    """The workflow to the stack, from nothing."""
    for name in ("results", ".snakemake", "logs", "benchmarks"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return analysis.snakemake(folder, analysis.STACK, env=env)


def ours(server: Server, link: Link, names: list[str], access: str, bbox: list[float], folder: Path):
    """The workflow as a user starts it, and what the server counted."""
    analysis.configure(folder, server.urls(names, access), bbox=bbox, archive=server.config(access))
    runs = []
    for _ in range(2):
        server.ask(link)
        runs.append((fresh(folder, server.env), server.ask()))
    return min(runs, key=lambda run: run[0].whole.wall)


def notebook(server: Server, link: Link, names: list[str], arrays: list[str], bbox: list[float], folder: Path):
    """The notebook's steps as one script, imports included, and what the server counted."""
    output = str(folder / "notebook.zarr")
    facts = {key: server.facts[key] for key in ("credentials_url", "s3_endpoint")}
    script = measure.command("bench.notebook:workflow", server.urls(names, "s3"), arrays, bbox, facts, TOKEN, output)
    runs = []
    for _ in range(2):
        server.ask(link)
        runs.append((measure.run(script, cwd=analysis.REPO, env=server.env), server.ask()))
    return min(runs, key=lambda run: run[0].wall)
