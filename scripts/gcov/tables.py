"""The tables: how they are written, and the mean series read with its types."""

from pathlib import Path

import pandas as pd

from gcov.files import building

TEXT = ("granule", "crid", "maturity", "polarizations")
MEANS = ("mean_power", "mean_db")  # empty where no sample counts


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file: times in ISO 8601, numbers with every digit, empty where NaN."""
    with building(path) as part:
        # the line ends of RFC 4180, as Python's csv module writes them
        table.to_csv(part, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\r\n")


def read_series(path: Path) -> pd.DataFrame:
    """mean_series.csv: time as datetime64 (UTC), facts of the granules as text, means NaN where no sample counts.

    Tables of version 0.1 say nothing of polarizations: empty text.
    """
    table = pd.read_csv(
        path,
        parse_dates=["time"],
        dtype=dict.fromkeys(TEXT, str),
        keep_default_na=False,  # a granule may be called NA
        na_values=dict.fromkeys(MEANS, ""),
    )
    return table if "polarizations" in table else table.assign(polarizations="")
