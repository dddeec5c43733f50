"""What rules do for an AOI and what a job costs, as they declare it. Without pandas: Snakemake starts often.

CPU seconds are for one core of an AMD EPYC; memory is a job's peak. See docs/performance.md.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measured:
    """Measured cost of a job: CPU seconds to start, CPU seconds per million samples of a layer, peak memory in MB.

    The samples are those of all dates that the job reads, or those `of` one map.
    """

    start: float
    per_million: float
    megabytes: int
    of: Literal["dates", "map"] = "dates"


@dataclass(frozen=True)
class Work:
    """What a rule does for an AOI: its jobs, and the layers that each of them reads.

    `jobs` is their number in all, or for each day or granule.
    """

    rule: str
    jobs: int
    layers: int
    each: Literal["aoi", "day", "granule"]
    cost: Measured
