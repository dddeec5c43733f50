"""What a run will cost, before a byte of it is read: from the granules found, and from what jobs were measured to take.

CPU seconds are those of one core of an AMD EPYC, memory is the peak of a job: docs/performance.md. Bytes and requests
follow from the size of the AOI's box and the granule's posting.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from gcov.granules import BANDWIDTHS, LAYERS, Granule, is_diagonal, passes
from gcov.settings import Aoi

BYTES = {True: 4 * 0.85, False: 8 * 0.9}  # compressed size of a sample of a real layer, of a complex one
GAP = 1.5  # steps of more than so many median ones


@dataclass(frozen=True)
class Measured:
    """What a job takes: CPU seconds to start, and for each million samples; MB."""

    start: float
    per_million: float
    megabytes: int


JOBS = {
    "clip": Measured(1.1, 0.07, 260),
    "stack": Measured(0.8, 0.003, 150),
    "stack_db": Measured(0.9, 0.047, 220),
    "summarize": Measured(0.9, 0.065, 160),
    "temporal_statistics": Measured(1.0, 0.12, 400),
    "change_history": Measured(1.0, 0.15, 600),
    "figures": Measured(1.5, 0.06, 200),
}


def samples_of(aoi: Aoi, granule: Granule) -> tuple[float, float]:
    """Rows and columns of the AOI's box on a granule's grid, roughly: from the posting that belongs to its mode."""
    west, south, east, north = aoi.bbox
    posting = BANDWIDTHS.get(granule.bandwidth(aoi.frequency)[:2], 20)
    width = (east - west) * 111_000 * math.cos(math.radians((south + north) / 2))
    return (north - south) * 111_000 / posting, width / posting


def needed_bytes(aoi: Aoi, granule: Granule, names: Iterable[str]) -> float:
    """Rough compressed size of the 512 x 512 chunks that the AOI's box touches, of these layers and the mask.

    Never more than the granule itself.
    """
    chunks = math.prod(side / 512 + 1 for side in samples_of(aoi, granule))
    per_sample = sum(BYTES[is_diagonal(name) or name in LAYERS] for name in names) + 0.02
    return min(chunks * 512 * 512 * per_sample, granule.size or math.inf)


def needed_requests(aoi: Aoi, granule: Granule) -> int:
    """Rough number of requests: eight to open, ten for the mask, and one for each row of chunks of every layer."""
    rows, _ = samples_of(aoi, granule)
    return math.ceil(18 + len(aoi.names) * (rows / 512 + 1))


def jobs(aoi: Aoi, granules: list[Granule]) -> pd.DataFrame:
    """A row per rule: jobs, cpu (seconds, all of them), megabytes (peak of one)."""
    terms = len(aoi.diagonal_terms)
    million = sum(math.prod(samples_of(aoi, granule)) for granule in granules) / 1e6  # of one layer, all dates
    counts = {
        "clip": (len(granules), len(aoi.names)),  # jobs, layers they go through in all
        "stack": (1, len(aoi.names) + 1),
        "stack_db": (1, terms),
        "summarize": (terms, terms),
        "temporal_statistics": (terms * aoi.statistics, terms * aoi.statistics),
        "change_history": (int(aoi.change_history), terms * aoi.change_history),
        "figures": (5 * terms + 1, 2 * terms),
    }
    rows = [
        (rule, number, number * JOBS[rule].start + layers * million * JOBS[rule].per_million, JOBS[rule].megabytes)
        for rule, (number, layers) in counts.items()
        if number
    ]
    return pd.DataFrame(rows, columns=["rule", "jobs", "cpu", "megabytes"])


def gaps(granules: list[Granule]) -> list[str]:
    """Steps between dates that are longer than usual, in words."""
    times = pd.Series([members[0].interval[0] for members in passes(granules)])
    steps = times.diff()
    return [
        f"{before:%Y-%m-%d} to {after:%Y-%m-%d} ({step.days} days)"
        for before, after, step in zip(times.shift(), times, steps)
        if step > GAP * steps.median()
    ]


def explained(aoi: Aoi, table: pd.DataFrame, granules: list[Granule], cores: int) -> Iterator[str]:
    """Lines that say what an AOI's run will read, keep and take; `table` is granules.csv, `granules` the kept ones."""
    days = [members[0].start[:10] for members in passes(granules)]
    yield f"{aoi.name}: {len(granules)} granules, {len(days)} dates from {days[0]} to {days[-1]}"
    dropped = table.loc[table["kept"] == "false", "reason"].str.replace(r" by .*", "", regex=True).value_counts()
    yield f"  left out  {', '.join(f'{number} {reason}' for reason, number in dropped.items()) or 'none'}"
    yield f"  gaps      {', '.join(gaps(granules)) or 'none'}"
    need = sum(needed_bytes(aoi, granule, aoi.names) for granule in granules)
    requests = sum(needed_requests(aoi, granule) for granule in granules)
    whole = sum(granule.size or 0 for granule in granules)
    yield f"  to read   {_size(need)} in about {requests} requests; whole, the granules are {_size(whole)}"
    stores = 2 + len(aoi.diagonal_terms) / max(len(aoi.names), 1)
    yield f"  on disk   {_size(need * stores)}: fragments, stack, dB stack"
    costs = jobs(aoi, granules)
    for rule, number, cpu, megabytes in costs.itertuples(index=False, name=None):
        yield f"  {rule:<20} {number:>6} jobs  {_time(cpu):>8} CPU  {megabytes:>4} MB each"
    wall = costs["cpu"].sum() / cores
    yield f"  in all    {_time(wall)} on {cores} cores, where the network gives {need / 1e6 / wall:.1f} MB/s or more"


def _size(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
