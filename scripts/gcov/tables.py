"""Writing the tables, and reading the series with their types."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gcov.files import building

TEXT = ("zone", "granule", "crid", "maturity", "polarizations", "why_empty")
ADDED = ("std_power", "p05_db", "p50_db", "p95_db", "n_effective", "se_db", "noise_db", "rain_mm")  # since version 0.1
MEANS = ("mean_power", "mean_db", *ADDED)  # columns that may be empty


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file: times in ISO 8601, numbers at full precision, NaN as an empty field."""
    with building(path) as part:
        # line ends of RFC 4180, as written by Python's csv module
        table.to_csv(part, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\r\n")


def read_series(path: Path) -> pd.DataFrame:
    """Read mean_series.csv or zones.csv: time as datetime64 (UTC), granule facts as text, empty numbers as NaN.

    Older tables lack why_empty and polarizations (read as empty text), and those of ADDED (read as NaN).
    """
    table = pd.read_csv(
        path,
        parse_dates=["time"],
        dtype=dict.fromkeys(TEXT, str),
        keep_default_na=False,  # a granule may be called NA
        na_values=dict.fromkeys(MEANS, ""),
    )
    absent: dict[str, Any] = {name: np.nan for name in ADDED if name not in table}
    absent |= {name: "" for name in ("polarizations", "why_empty") if name not in table}
    return table.assign(**absent)


def read_indices(path: Path) -> pd.DataFrame:
    """Read indices.csv: time as datetime64 (UTC), zone and index as text, an empty value as NaN."""
    types = {"zone": str, "index": str}
    return pd.read_csv(path, parse_dates=["time"], dtype=types, keep_default_na=False, na_values={"value": ""})
