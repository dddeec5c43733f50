"""Writing the tables, and reading the series with their types."""

from pathlib import Path
from typing import Any

import pandas as pd

from gcov.errors import GcovError
from gcov.files import DELETE, building, damage

TEXT = ("zone", "granule", "crid", "maturity", "polarizations", "why_empty")
SPREAD = ("std_power", "p05_db", "p50_db", "p95_db", "n_effective", "se_db")
ANOMALY = ("anomaly_db", "anomaly_se_db")
MEANS = (  # columns that may be empty
    "mean_power", "mean_db", *SPREAD, "noise_db", "rain_mm", *ANOMALY, "rain_3d_mm", "near_noise", "sigma0_db",
)  # fmt: skip


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file: times in ISO 8601, numbers at full precision, NaN as an empty field."""
    with building(path) as part:
        # line ends of RFC 4180, as written by Python's csv module
        table.to_csv(part, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\r\n")


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, with typed columns and without an index."""
    import fastparquet  # few jobs write Parquet

    with building(path) as part:
        fastparquet.write(str(part), table, write_index=False, compression="SNAPPY")


def read(path: Path, **options: Any) -> pd.DataFrame:
    """Read a CSV file that the workflow wrote; `options` are those of pandas.read_csv, and fields may say NA.

    Raises GcovError if the file is damaged: a power cut may leave it empty, short or full of zeros.
    """
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        raise GcovError(f"{path} is damaged: it is {damage(content)}; {DELETE}")
    return pd.read_csv(path, keep_default_na=False, **options)


def read_series(path: Path, no_echo: Path | None = None) -> pd.DataFrame:
    """Read mean_series.csv or zones.csv: time as datetime64 (UTC), granule facts as text, empty numbers as NaN.

    With `no_echo`, the path of no_echo.csv, the columns n_no_echo and why_no_limit are added to mean_series.csv.
    """
    series = read(path, parse_dates=["time"], dtype=dict.fromkeys(TEXT, str), na_values=dict.fromkeys(MEANS, ""))
    if no_echo is None:
        return series
    lost = read(no_echo, dtype={"why_no_limit": str}, na_values={"n_no_echo": ""})
    return series.assign(**{name: lost[name] for name in ("n_no_echo", "why_no_limit")})


def read_indices(path: Path) -> pd.DataFrame:
    """Read indices.csv: time as datetime64 (UTC), zone and index as text, an empty value or error as NaN."""
    types = {"zone": str, "index": str}
    return read(path, parse_dates=["time"], dtype=types, na_values=dict.fromkeys(("value", "se", "near_noise"), ""))


def read_zone_changes(path: Path) -> pd.DataFrame:
    """Read zone_changes.csv: names as text, times as datetime64 (UTC), empty times and numbers as NaT and NaN."""
    text = dict.fromkeys(("zone", "change", "term"), str)
    numbers = dict.fromkeys(("before_db", "after_db", "step_db", "se_db", "p", "changed"), float)
    empty = dict.fromkeys(("start", "end", *numbers), "")
    return read(path, parse_dates=["start", "end"], dtype={**text, **numbers}, na_values=empty)


def read_granules(path: Path) -> pd.DataFrame:
    """Read granules.csv as text."""
    return read(path, dtype=str)
