"""The rows of the user's own CSV files: rain and points."""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gcov.errors import GcovError
from gcov.files import check_file
from gcov.words import shortened


def read_rows(path: str | Path, columns: Sequence[str], where: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The line number and the fields by column of each row that is not empty; spaces around fields are left out.

    Fields are separated by commas, or by semicolons or tabs if the header has some. Columns are found whatever their
    case; others are left out. Raises GcovError, beginning with `where` and naming the line, if the file cannot be read,
    a column is missing or there twice, or a row has fields for which the header has no name.
    """
    lines = _lines(path, where)
    separator = next((mark for mark in ";\t" if mark in lines[0]), ",")
    header: list[str] = []
    for number, line in enumerate(lines, start=1):
        with naming_line(path, number, where):
            fields = [field.strip() for field in next(csv.reader([line], delimiter=separator, strict=True), [])]
            if number == 1:
                header = _header(fields, columns, line)
                continue
            if not any(fields):
                continue
            _check(header, fields)
            row = dict(zip(header, fields))
        yield number, {column: row.get(column, "") for column in columns}


@contextmanager
def naming_line(path: str | Path, number: int, where: str) -> Iterator[None]:
    """Turn what is wrong with a line into a GcovError that names it."""
    try:
        yield
    except (ValueError, csv.Error) as error:
        raise GcovError(f"{where}: {path}, line {number}: {error}") from None


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


def _header(names: list[str], columns: Sequence[str], line: str) -> list[str]:
    """The header, with the columns as they are asked for. Raises ValueError if one is missing or there twice."""
    asked = {column.casefold(): column for column in columns}
    found = [asked.get(name.casefold(), name) for name in names]
    if any(found.count(column) != 1 for column in columns):
        wanted = f"{', '.join(columns[:-1])} and {columns[-1]}"
        raise ValueError(f"holds the columns {shortened(line)}; should hold {wanted}, each once")
    return found


def _check(header: list[str], fields: list[str]) -> None:
    if len(fields) > len(header):
        raise ValueError(f"has {len(fields)} fields, the header {len(header)}: write decimals with a point, 1.5")
    if any(field for name, field in zip(header, fields) if not name):
        raise ValueError("has a value in a column without a name: write decimals with a point, 1.5")
