"""Estimate the cost of a run before any data is read, from the granules found and the measured cost of jobs.

CPU seconds are for one core of an AMD EPYC; memory is a job's peak. See docs/performance.md.
"""

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from gcov.cautions import long_steps
from gcov.granules import Granule, passes
from gcov.inputs.asked import asked
from gcov.inputs.settings import Aoi
from gcov.inputs.volume import in_full, needed_bytes, needed_requests, samples_of
from gcov.inputs.work import Work


def jobs(aoi: Aoi, work: Iterable[Work], granules: list[Granule]) -> pd.DataFrame:
    """One row per rule: number of jobs, cpu (seconds, summed over the jobs), megabytes (peak of one job)."""
    times = {"aoi": 1, "day": len(passes(granules)), "granule": len(granules)}
    samples = [math.prod(samples_of(aoi.bbox, aoi.frequency, granule)) for granule in granules]  # of one layer
    million = {"dates": sum(samples) / 1e6, "map": max(samples) / 1e6}
    rows = [
        (
            one.rule,
            one.jobs * times[one.each],
            one.jobs * (times[one.each] * one.cost.start + one.layers * million[one.cost.of] * one.cost.per_million),
            one.cost.megabytes,
        )
        for one in work
        if one.jobs
    ]
    table = pd.DataFrame(rows, columns=["rule", "jobs", "cpu", "megabytes"])
    return table.groupby("rule", sort=False, as_index=False).agg({"jobs": "sum", "cpu": "sum", "megabytes": "max"})


def gaps(granules: list[Granule]) -> list[str]:
    """Unusually long steps between dates, as text."""
    times = pd.Series([members[0].interval[0] for members in passes(granules)])
    return [
        f"{before:%Y-%m-%d} to {after:%Y-%m-%d} ({(after - before).days} days)"
        for before, after, long in zip(times.shift(), times, long_steps(times))
        if long
    ]


def explained(
    aoi: Aoi, table: pd.DataFrame, granules: list[Granule], work: Iterable[Work], cores: int
) -> Iterator[str]:
    """Lines stating what an AOI's run will read, keep and cost; `table` is granules.csv, `granules` the kept ones."""
    starts = [members[0].start for members in passes(granules)]
    yield f"{aoi.name}: {len(granules)} granules, {len(starts)} dates from {starts[0][:10]} to {starts[-1][:10]}"
    dropped = table.loc[table["kept"] == "false", "reason"].str.replace(r"( by |: ).*", "", regex=True).value_counts()
    reasons = ", ".join(f"{number} {reason}" for reason, number in dropped.items()) or "none"
    yield f"  left out  {reasons}; {len(table)} granules found"
    yield f"  gaps      {', '.join(gaps(granules)) or 'none'}"
    for label, words in asked(aoi, granules, starts):
        yield f"  {label:<9} {words}"
    need = sum(needed_bytes(aoi.bbox, aoi.frequency, granule, aoi.names) for granule in granules)
    requests = sum(needed_requests(aoi.bbox, aoi.frequency, granule, aoi.names) for granule in granules)
    yield f"  to read   {_size(need)} in about {requests} requests; the whole granules are {in_full(granules, _size)}"
    copies = 1 + len({"power", "db", "sigma0"} & {*aoi.geotiff}) + bool(aoi.filter_window)  # of the diagonal terms
    stores = 2 + copies * len(aoi.diagonal_terms) / max(len(aoi.names), 1)
    yield f"  on disk   {_size(need * stores)}: fragments, stack and everything with one image per date; maps are small"
    yield from counted(jobs(aoi, work, granules), need, cores)


def counted(costs: pd.DataFrame, need: float, cores: int) -> Iterator[str]:
    """Lines with the jobs of each rule, and in all; `costs` is what `jobs` returns, `need` the bytes to read."""
    for rule, number, cpu, megabytes in costs.itertuples(index=False, name=None):
        yield f"  {rule:<20} {number:>6} jobs  {_time(cpu):>8} CPU  {megabytes:>4} MB each"
    whole, largest = costs["cpu"].sum(), costs.iloc[int(costs["megabytes"].argmax())]
    yield f"  {'in all':<20} {costs['jobs'].sum():>6} jobs  {_time(whole):>8} CPU"
    yield f"  largest   {largest['rule']} with {largest['megabytes']} MB; keep that much free for each of {cores} cores"
    wall = whole / cores
    yield f"  time      {_time(wall)} on {cores} cores, if the network gives {need / 1e6 / wall:.1f} MB/s or more"


def _size(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
