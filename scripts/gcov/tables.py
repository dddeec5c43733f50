"""The tables: how they are written, and the series read with their types."""

from pathlib import Path

import numpy as np
import pandas as pd

from gcov.files import building

TEXT = ("zone", "granule", "crid", "maturity", "polarizations")
ADDED = ("std_power", "p05_db", "p50_db", "p95_db", "n_effective", "se_db", "noise_db", "rain_mm")  # since version 0.1
MEANS = ("mean_power", "mean_db", *ADDED)  # empty where nothing can be said


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file: times in ISO 8601, numbers with every digit, empty where NaN."""
    with building(path) as part:
        # the line ends of RFC 4180, as Python's csv module writes them
        table.to_csv(part, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\r\n")


def read_series(path: Path) -> pd.DataFrame:
    """mean_series.csv or zones.csv: time as datetime64 (UTC), facts of the granules as text, numbers NaN where empty.

    Tables of version 0.1 say nothing of polarizations, and lack the columns from std_power on: empty text, NaN.
    """
    table = pd.read_csv(
        path,
        parse_dates=["time"],
        dtype=dict.fromkeys(TEXT, str),
        keep_default_na=False,  # a granule may be called NA
        na_values=dict.fromkeys(MEANS, ""),
    )
    absent = {name: np.nan for name in ADDED if name not in table}
    return table.assign(**({} if "polarizations" in table else {"polarizations": ""}), **absent)


def read_indices(path: Path) -> pd.DataFrame:
    """indices.csv: time as datetime64 (UTC), zone and index as text, the value NaN where there is none."""
    types = {"zone": str, "index": str}
    return pd.read_csv(path, parse_dates=["time"], dtype=types, keep_default_na=False, na_values={"value": ""})
