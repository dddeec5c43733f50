"""Print what a run will read, keep and cost, before any sample is read."""

from gcov.log import job_log

from pathlib import Path

from gcov import tables
from gcov.granules import kept_names, read_record
from gcov.inputs.config import read_config
from gcov.inputs.costs import explained
from gcov.inputs.settings import Aoi


def explain(*, aois: list[Aoi], results: Path, cores: int) -> str:
    """One paragraph per AOI, from its granules.csv and granule records."""
    lines = []
    for aoi in aois:
        table = tables.read_granules(results / aoi.name / "granules.csv")
        records = results / aoi.name / "granules"
        granules = [read_record(records / f"{name}.json") for name in kept_names(records)]
        lines += [*explained(aoi, table, granules, cores), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    with job_log(snakemake.log[0], "explain"):
        aois = list(read_config(snakemake.config)[1].aois.values())
        results = Path(snakemake.log[0]).parents[1] / "results"  # beside logs/, also as a module with a prefix
        print(explain(aois=aois, results=results, cores=snakemake.params.cores))
