"""Many small areas: what Snakemake itself costs at 50 AOIs x 20 dates."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench import analysis, frames
from bench.table import Row, note
from gcov.testing.landscape import landscape
from gcov.testing.synthetic import Band, centres, write_granule

AOIS, DATES = 50, 20
SIZE = 1_000  # pixels of the small granules
SIDE = 40  # pixels of an AOI


def rows(cache: Path) -> Iterator[Row]:
    """DAG time, jobs, overhead and memory, step by step."""
    folder = cache / "scale"
    shutil.rmtree(folder, ignore_errors=True)
    granules = frames.series(small_granule(cache), cache / f"granules_small_{DATES}", DATES)
    aois = {f"a{index:02d}": {"bbox": box(index), "granules": [f"{granules[0].parent}/*.h5"]} for index in range(AOIS)}
    analysis.write_config(folder, {"aois": aois, "basemap": None})
    size = f"{AOIS} AOIs x {DATES} dates"
    yield note(f"{size}: `snakemake -n` before the search", "", dry(folder))
    search = analysis.snakemake(folder, "--until", "search")
    yield note(f"{size}: search", "", text(search), overhead(search))
    yield note(f"{size}: `snakemake -n` of everything", "", dry(folder))
    everything = analysis.snakemake(folder)
    yield note(f"{size}: everything", "", text(everything), overhead(everything))
    for rule in sorted({job["rule"] for job in everything.jobs if job["rule"]}):
        jobs = everything.of(rule)
        mean = everything.cpu(rule) / len(jobs)
        yield note(f"... {rule}: {len(jobs)} jobs", "", f"{mean:.2f} s CPU each, {everything.peak(rule):.0f} MB")
    yield note(f"{size}: `snakemake -n`, nothing to do", "", dry(folder))
    count = sum(1 for path in (folder / "results").rglob("*") if path.is_file())
    size_mb = sum(path.stat().st_size for path in (folder / "results").rglob("*") if path.is_file()) / 1e6
    yield note(f"{size}: files", "", f"{count} files, {size_mb:.0f} MB")


def small_granule(cache: Path) -> Path:
    """A granule of 1000 x 1000 pixels."""
    folder = cache / "small"
    path = folder / f"{frames.name_of(0)}.h5"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        terms, mask = landscape((SIZE, SIZE)).scene(0)
        x, y = centres(frames.WEST, frames.POSTING, SIZE), centres(frames.NORTH, -frames.POSTING, SIZE)
        write_granule(folder, path.stem, {"A": Band(frames.EPSG, x, y, terms, mask)}, page_size=65536)
    return path


def box(index: int) -> list[float]:
    """The bbox of one of the AOIs, side by side on the small granules."""
    top, left = 50 + 90 * (index // 10), 50 + 60 * (index % 10)
    return frames.bbox_of((top, top + SIDE, left, left + SIDE))


def dry(folder: Path) -> str:
    """Cost of a dry run."""
    run = analysis.snakemake(folder, "-n", "--quiet")
    return f"{run.whole.wall:.1f} s wall, {run.whole.cpu_all:.1f} s CPU, {run.snakemake['peak']:.0f} MB"


def text(run: analysis.Run) -> str:
    """Cost of a run."""
    jobs = [job for job in run.jobs if job["rule"]]
    main = run.snakemake
    itself = f"snakemake itself {main['cpu']:.0f} s CPU, {main['peak']:.0f} MB"
    return f"{len(jobs)} jobs, {run.whole.wall:.0f} s wall; {itself}; jobs {sum(job['cpu'] for job in jobs):.0f} s CPU"


def overhead(run: analysis.Run) -> str:
    """What Snakemake adds to a job."""
    jobs = sum(job["rule"] is not None for job in run.jobs)
    return f"{run.snakemake['cpu'] / jobs:.2f} s CPU a job"
