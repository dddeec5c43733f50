"""Write the table of granules with typed columns."""

from gcov.log import job_log

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from gcov import granules, tables


def granules_parquet(*, table: Path, output: Path) -> None:
    """Write the rows and columns of granules.csv as Parquet: times, whole numbers, booleans; empty is null.

    `mode` and the other codes stay text: 0505 is no number.
    """
    kept, dropped = granules.read_table(table)
    rows = [asdict(granule) | {"kept": True, "reason": None} for granule in kept]
    rows += [asdict(granule) | {"kept": False, "reason": reason} for granule, reason in dropped]
    rows.sort(key=lambda row: (row["start"], row["name"]))  # as in the CSV
    tables.write_parquet(output, pd.DataFrame(rows).astype(granules.column_types()))


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        granules_parquet(table=Path(snakemake.input[0]), output=Path(snakemake.output[0]))
