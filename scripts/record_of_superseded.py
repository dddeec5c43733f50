"""The record of a granule that is superseded, as the search writes it for those that are used."""

from gcov.log import job_log

from pathlib import Path

from gcov import granules, releases
from gcov.files import building


def record_of_superseded(*, table: Path, name: str, output: Path) -> None:
    """Write the record of the granule `name` from granules.csv, `table`."""
    found = {granule.name: granule for granule, _ in releases.compared(*granules.read_table(table))}
    with building(output) as part:
        granules.write_record(part, found[name])


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        record_of_superseded(
            table=Path(snakemake.input.table), name=snakemake.wildcards.granule, output=Path(snakemake.output[0])
        )
