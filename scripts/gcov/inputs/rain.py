"""Daily rainfall at an AOI, from a CSV file with the columns date and mm."""

import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from gcov.errors import GcovError
from gcov.inputs.rows import naming_line, read_rows
from gcov.words import shortened

AMOUNT = r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|-0+(\.0*)?"
YEARS = range(1900, 2101)
MOST = 5_000  # mm; the most that was ever measured in a day is 1,825
DAYS_BEFORE = (1, 2, 3)  # of a pass: their rain is still in the soil, and none of it fell after the image was taken


class Rain(NamedTuple):
    """Rain in mm for dates (dates,): since the date before, and on the three days before; NaN where unknown."""

    since: np.ndarray
    days_before: np.ndarray


def read_rain(path: str | Path, where: str = "rainfall") -> dict[date, float]:
    """Rain in mm by day.

    Raises GcovError, beginning with `where` and naming the line, as `read_rows` does, or if a date or an amount is
    invalid or out of range, or days are duplicated, out of order or missing.
    """
    rain: dict[date, float] = {}
    for number, row in read_rows(path, ("date", "mm"), where):
        with naming_line(path, number, where):
            day, amount = _checked(row, rain)
            rain[day] = amount
    if not rain:
        raise GcovError(f"{where}: {path}: holds no day")
    return rain


def _checked(row: dict[str, str], earlier: dict[date, float]) -> tuple[date, float]:
    """The day and the amount (mm) of a row. Raises ValueError with a text for the user."""
    day, amount = _day(row["date"]), _amount(row["mm"])
    if day in earlier:
        raise ValueError(f"{day} is there twice")
    if earlier and day != (expected := next(reversed(earlier)) + timedelta(days=1)):
        late = day < expected
        raise ValueError(f"{day} comes after {next(reversed(earlier))}" if late else f"{expected} is missing")
    return day, amount


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shortened(text)!r} is not a day such as 2025-11-23") from None
    if day.year not in YEARS:
        raise ValueError(f"{text} is not a day from {YEARS.start} to {YEARS.stop - 1}")
    return day


def _amount(text: str) -> float:
    """Rain in mm. A comma, a thousands separator or other digits than 0 to 9 are refused: no guess is safe."""
    amount = float(text) if re.fullmatch(AMOUNT, text) else np.nan
    if not amount <= MOST:
        hint = ": write it with a decimal point, without thousands separator" if re.search("[,'_ ]", text) else ""
        raise ValueError(f"{shortened(text)!r} is not a number of mm, from 0 to {MOST}{hint}")
    return amount


def since_date_before(rain: dict[date, float], times: np.ndarray) -> np.ndarray:
    """Rain in mm (dates,) since the previous date: from the day after it to the day of each date, inclusive (UTC).

    NaN for the first date, and where `rain` lacks a day of the interval.
    """
    days = _days(times)
    found = np.full(len(days), np.nan)
    for number, (before, day) in enumerate(pairwise(days), start=1):
        interval = [before + timedelta(days=offset) for offset in range(1, (day - before).days + 1)]
        if all(one in rain for one in interval):
            found[number] = sum(rain[one] for one in interval)
    return found


def _days(times: np.ndarray) -> list[date]:
    return [date.fromisoformat(text[:10]) for text in np.datetime_as_string(times, unit="D")]


def of_days_before(rain: dict[date, float], times: np.ndarray) -> np.ndarray:
    """Rain in mm (dates,) on the three days (UTC) before that of each date; NaN where `rain` lacks one of them."""
    before = [[rain.get(day - timedelta(days=back), np.nan) for back in DAYS_BEFORE] for day in _days(times)]
    return np.array(before).sum(axis=1)


def rain_of(data: xr.Dataset, path: str | Path | None) -> Rain:
    """The rain on the dates of a stack; NaN where unknown."""
    if not path:
        return Rain(*np.full((2, data.sizes["time"]), np.nan))
    rain, times = read_rain(path), data["time"].values
    return Rain(since_date_before(rain, times), of_days_before(rain, times))
