"""Daily rainfall at an AOI, from a CSV file with the columns date and mm."""

import csv
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray as xr

from gcov.errors import GcovError
from gcov.files import check_file


def read_rain(path: str | Path, where: str = "rainfall") -> dict[date, float]:
    """Rain in mm by day.

    Raises GcovError, beginning with `where` and naming the line, if the file or a column is missing, a date or an
    amount is invalid, an amount is negative, or days are duplicated, out of order or missing.
    """
    check_file(str(path), f"{where}: {str(path)!r} (in {Path.cwd()})")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise GcovError(f"{where}: {str(path)!r} cannot be read: {error.strerror} (in {Path.cwd()})") from None
    except UnicodeDecodeError:
        raise GcovError(f"{where}: {str(path)!r} is not UTF-8 text") from None
    rows = csv.reader(text.splitlines())
    header = [name.strip() for name in next(rows, [])]
    if not {"date", "mm"} <= set(header):
        raise GcovError(f"{where}: {path}, line 1: holds the columns {', '.join(header)}; should hold date and mm")
    rain: dict[date, float] = {}
    for row in rows:
        if row:
            try:
                day, amount = _checked(dict(zip(header, row)), rain)
            except ValueError as error:
                raise GcovError(f"{where}: {path}, line {rows.line_num}: {error}") from None
            rain[day] = amount
    if not rain:
        raise GcovError(f"{where}: {path}: holds no day")
    return rain


def _checked(row: dict[str, str], earlier: dict[date, float]) -> tuple[date, float]:
    """The day and the amount (mm) of a row. Raises ValueError with a text for the user."""
    try:
        day = date.fromisoformat(row.get("date", "").strip())
    except ValueError:
        raise ValueError(f"{row.get('date')!r} is not a day such as 2025-11-23") from None
    try:
        amount = float(row.get("mm", ""))
    except ValueError:
        amount = np.nan
    if not 0 <= amount < np.inf:
        raise ValueError(f"{row.get('mm')!r} is not a number of mm, 0 or more")
    if day in earlier:
        raise ValueError(f"{day} is there twice")
    if earlier and day != (expected := next(reversed(earlier)) + timedelta(days=1)):
        late = day < expected
        raise ValueError(f"{day} comes after {next(reversed(earlier))}" if late else f"{expected} is missing")
    return day, amount


def since_date_before(rain: dict[date, float], times: np.ndarray) -> np.ndarray:
    """Rain in mm (dates,) since the previous date: from the day after it to the day of each date, inclusive (UTC).

    NaN for the first date, and where `rain` lacks a day of the interval.
    """
    days = [date.fromisoformat(text[:10]) for text in np.datetime_as_string(times, unit="D")]
    found = np.full(len(days), np.nan)
    for number, (before, day) in enumerate(pairwise(days), start=1):
        interval = [before + timedelta(days=offset) for offset in range(1, (day - before).days + 1)]
        if all(one in rain for one in interval):
            found[number] = sum(rain[one] for one in interval)
    return found


def rain_of(data: xr.Dataset, path: str | Path | None) -> np.ndarray:
    """Rain in mm since the previous date, for the dates (dates,) of a stack; NaN where unknown."""
    return since_date_before(read_rain(path), data["time"].values) if path else np.full(data.sizes["time"], np.nan)
