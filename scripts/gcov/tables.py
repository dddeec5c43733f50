"""Writing the tables, and reading the series with their types."""

from pathlib import Path

import pandas as pd

from gcov.files import building

TEXT = ("zone", "granule", "crid", "maturity", "polarizations", "why_empty")
SPREAD = ("std_power", "p05_db", "p50_db", "p95_db", "n_effective", "se_db")
MEANS = ("mean_power", "mean_db", *SPREAD, "noise_db", "rain_mm")  # columns that may be empty


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file: times in ISO 8601, numbers at full precision, NaN as an empty field."""
    with building(path) as part:
        # line ends of RFC 4180, as written by Python's csv module
        table.to_csv(part, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\r\n")


def read_series(path: Path) -> pd.DataFrame:
    """Read mean_series.csv or zones.csv: time as datetime64 (UTC), granule facts as text, empty numbers as NaN."""
    return pd.read_csv(
        path,
        parse_dates=["time"],
        dtype=dict.fromkeys(TEXT, str),
        keep_default_na=False,  # a granule may be called NA
        na_values=dict.fromkeys(MEANS, ""),
    )


def read_indices(path: Path) -> pd.DataFrame:
    """Read indices.csv: time as datetime64 (UTC), zone and index as text, an empty value as NaN."""
    types = {"zone": str, "index": str}
    return pd.read_csv(path, parse_dates=["time"], dtype=types, keep_default_na=False, na_values={"value": ""})
