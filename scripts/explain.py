"""Print what a run will read, keep and cost, before any sample is read."""

from gcov.log import job_log

from pathlib import Path

from gcov import tables
from gcov.granules import check_records, kept_names, read_record
from gcov.inputs.config import read_config
from gcov.inputs.costs import explained
from gcov.inputs.settings import Aoi
from gcov.inputs.work import Work


def explain(*, aois: list[Aoi], granules: list[Path], records: list[Path], work: list[list[Work]], cores: int) -> str:
    """One paragraph per AOI, from its granules.csv, its folder of granule records and its rules, in the same order."""
    lines = []
    for aoi, path, folder, rules in zip(aois, granules, records, work, strict=True):
        check_records(folder, path)
        kept = [read_record(folder / f"{name}.json") for name in kept_names(folder)]
        lines += [*explained(aoi, tables.read_granules(path), kept, rules, cores), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    with job_log(snakemake.log[0], "explain"):
        aois = list(read_config(snakemake.config)[1].aois.values())
        paths = {name: [Path(path) for path in snakemake.input[name]] for name in ("granules", "records")}
        print(explain(aois=aois, **paths, **snakemake.params))
