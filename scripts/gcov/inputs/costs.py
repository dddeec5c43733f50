"""Estimate the cost of a run before any data is read, from the granules found and the measured cost of jobs.

CPU seconds are for one core of an AMD EPYC; memory is a job's peak. See docs/performance.md.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from gcov.cautions import long_steps
from gcov.granules import Granule, passes
from gcov.inputs.settings import Aoi
from gcov.inputs.volume import in_full, needed_bytes, needed_requests, samples_of


@dataclass(frozen=True)
class Measured:
    """Measured cost of a job: CPU seconds to start, CPU seconds per million samples, peak memory in MB."""

    start: float
    per_million: float
    megabytes: int


JOBS = {
    "clip": Measured(1.1, 0.07, 260),
    "stack": Measured(0.8, 0.003, 150),
    "stack_db": Measured(0.9, 0.047, 220),
    "summarize": Measured(0.9, 0.065, 160),
    "looks": Measured(0.8, 0, 130),
    "zones": Measured(2.5, 0.03, 420),
    "temporal_statistics": Measured(2.0, 0.045, 400),
    "indices": Measured(1.5, 0.12, 400),
    "change": Measured(1.0, 0.042, 600),
    "change_history": Measured(1.0, 0.07, 600),
    "filtered": Measured(1.0, 0.18, 600),
    "figures": Measured(1.5, 0.06, 350),
    "explore": Measured(2.0, 0.25, 350),
    "geotiff": Measured(1.8, 0.22, 330),
}


def jobs(aoi: Aoi, granules: list[Granule]) -> pd.DataFrame:
    """One row per rule: number of jobs, cpu (seconds, summed over the jobs), megabytes (peak of one job)."""
    terms, dates = len(aoi.diagonal_terms), len(passes(granules))
    history, filtered, indices, explored = map(
        bool, (aoi.change_history, aoi.filter_window, aoi.indices, aoi.explore_megabytes)
    )
    tiffs = terms * len(daily_geotiffs(aoi))
    million = (
        sum(math.prod(samples_of(aoi.bbox, aoi.frequency, granule)) for granule in granules) / 1e6
    )  # samples of one layer over all dates
    counts = {
        "clip": (len(granules), len(aoi.names)),  # number of jobs, layers processed by them in total
        "stack": (1, len(aoi.names) + 1),
        "stack_db": (1, terms),
        "summarize": (terms, terms),
        "looks": (int(aoi.needs_looks), terms * aoi.needs_looks),
        "zones": (terms * bool(aoi.zones), terms * bool(aoi.zones)),
        "temporal_statistics": (terms * aoi.statistics, terms * aoi.statistics),
        "indices": (int(indices), terms * indices),
        "change": (terms * len(aoi.changes), terms * len(aoi.changes)),
        "change_history": (int(history), terms * history),
        "filtered": (int(filtered), terms * filtered),
        "figures": (5 * terms + 1, 2 * terms),
        "explore": (int(explored and terms > 0), terms * explored),
        "geotiff": (tiffs * dates, tiffs),
    }
    rows = [
        (rule, number, number * JOBS[rule].start + layers * million * JOBS[rule].per_million, JOBS[rule].megabytes)
        for rule, (number, layers) in counts.items()
        if number
    ]
    return pd.DataFrame(rows, columns=["rule", "jobs", "cpu", "megabytes"])


def daily_geotiffs(aoi: Aoi) -> list[str]:
    """The quantities that are written as one GeoTIFF per date and term."""
    return [quantity for quantity in ("power", "db") if quantity in aoi.geotiff]


def gaps(granules: list[Granule]) -> list[str]:
    """Unusually long steps between dates, as text."""
    times = pd.Series([members[0].interval[0] for members in passes(granules)])
    return [
        f"{before:%Y-%m-%d} to {after:%Y-%m-%d} ({(after - before).days} days)"
        for before, after, long in zip(times.shift(), times, long_steps(times))
        if long
    ]


def explained(aoi: Aoi, table: pd.DataFrame, granules: list[Granule], cores: int) -> Iterator[str]:
    """Lines stating what an AOI's run will read, keep and cost; `table` is granules.csv, `granules` the kept ones."""
    days = [members[0].start[:10] for members in passes(granules)]
    yield f"{aoi.name}: {len(granules)} granules, {len(days)} dates from {days[0]} to {days[-1]}"
    dropped = table.loc[table["kept"] == "false", "reason"].str.replace(r"( by |: ).*", "", regex=True).value_counts()
    yield f"  left out  {', '.join(f'{number} {reason}' for reason, number in dropped.items()) or 'none'}"
    yield f"  gaps      {', '.join(gaps(granules)) or 'none'}"
    need = sum(needed_bytes(aoi.bbox, aoi.frequency, granule, aoi.names) for granule in granules)
    requests = sum(needed_requests(aoi.bbox, aoi.frequency, granule, aoi.names) for granule in granules)
    yield f"  to read   {_size(need)} in about {requests} requests; the whole granules are {in_full(granules, _size)}"
    copies = 1 + len(daily_geotiffs(aoi)) + bool(aoi.filter_window)  # of the diagonal terms
    stores = 2 + copies * len(aoi.diagonal_terms) / max(len(aoi.names), 1)
    yield f"  on disk   {_size(need * stores)}: fragments, stack and everything with one image per date; maps are small"
    costs = jobs(aoi, granules)
    for rule, number, cpu, megabytes in costs.itertuples(index=False, name=None):
        yield f"  {rule:<20} {number:>6} jobs  {_time(cpu):>8} CPU  {megabytes:>4} MB each"
    wall = costs["cpu"].sum() / cores
    yield f"  in all    {_time(wall)} on {cores} cores, if the network gives {need / 1e6 / wall:.1f} MB/s or more"


def _size(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
