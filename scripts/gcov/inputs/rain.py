"""Daily rainfall at an AOI, from a CSV file with the columns date and mm."""

import csv
import os
import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from gcov.errors import GcovError
from gcov.files import check_file
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
    """Rain in mm by day. Fields are separated by commas, or by semicolons or tabs if the header has some.

    Raises GcovError, beginning with `where` and naming the line, if the file or a column is missing, a row has fields
    for which the header has no name, a date or an amount is invalid or out of range, or days are duplicated, out of
    order or missing.
    """
    lines = _lines(path, where)
    rain: dict[date, float] = {}
    header: list[str] = []
    separator = next((mark for mark in ";\t" if mark in lines[0]), ",")
    for number, line in enumerate(lines, start=1):
        try:
            fields = [field.strip() for field in next(csv.reader([line], delimiter=separator, strict=True), [])]
            if number == 1:
                header = _header(fields, line)
            elif any(fields):
                day, amount = _checked(header, fields, rain)
                rain[day] = amount
        except (ValueError, csv.Error) as error:
            raise GcovError(f"{where}: {path}, line {number}: {error}") from None
    if not rain:
        raise GcovError(f"{where}: {path}: holds no day")
    return rain


def _lines(path: str | Path, where: str) -> list[str]:
    if os.path.lexists(path):
        check_file(str(path), f"{where}: {str(path)!r}")
    try:
        return Path(path).read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise GcovError(f"{where}: {str(path)!r} cannot be read: {error.strerror} (in {Path.cwd()})") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise GcovError(f"{where}: {path}, line {line}: {str(path)!r} is not UTF-8 text") from None


def _header(names: list[str], line: str) -> list[str]:
    """The names of the columns. Raises ValueError if one of the two is missing or there twice."""
    if names.count("date") != 1 or names.count("mm") != 1:
        raise ValueError(f"holds the columns {shortened(line)}; should hold date and mm, each once")
    return names


def _checked(header: list[str], fields: list[str], earlier: dict[date, float]) -> tuple[date, float]:
    """The day and the amount (mm) of a row. Raises ValueError with a text for the user."""
    if len(fields) > len(header):
        raise ValueError(f"has {len(fields)} fields, the header {len(header)}: write decimals with a point, 1.5")
    row = dict(zip(header, fields))
    if any(field for name, field in zip(header, fields) if not name):
        raise ValueError("has a value in a column without a name: write decimals with a point, 1.5")
    day, amount = _day(row.get("date")), _amount(row.get("mm"))
    if day in earlier:
        raise ValueError(f"{day} is there twice")
    if earlier and day != (expected := next(reversed(earlier)) + timedelta(days=1)):
        late = day < expected
        raise ValueError(f"{day} comes after {next(reversed(earlier))}" if late else f"{expected} is missing")
    return day, amount


def _day(text: str | None) -> date:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        raise ValueError(f"{shortened(text or '')!r} is not a day such as 2025-11-23") from None
    if day.year not in YEARS:
        raise ValueError(f"{text} is not a day from {YEARS.start} to {YEARS.stop - 1}")
    return day


def _amount(text: str | None) -> float:
    """Rain in mm. A comma, a thousands separator or other digits than 0 to 9 are refused: no guess is safe."""
    amount = float(text) if text and re.fullmatch(AMOUNT, text) else np.nan
    if not amount <= MOST:
        hint = ": write it with a decimal point, without thousands separator" if re.search("[,'_ ]", text or "") else ""
        raise ValueError(f"{shortened(text or '')!r} is not a number of mm, from 0 to {MOST}{hint}")
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
