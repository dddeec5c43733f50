"""Points from a CSV file with the columns name, lon and lat: longitude and latitude in degrees (EPSG:4326)."""

import re
from pathlib import Path

import geopandas

from gcov.errors import GcovError
from gcov.inputs.rows import naming_line, read_rows
from gcov.words import shortened

SUFFIXES = (".csv", ".tsv", ".txt")  # of files that are read here; others hold geometries
DEGREES = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"
LARGEST = {"lon": 180, "lat": 90}


def read_points(path: str | Path, name: str, where: str) -> tuple[list[str], geopandas.GeoSeries]:
    """Names, from the column `name`, and points of a CSV file.

    Raises GcovError, beginning with `where` and naming the line, as `read_rows` does, or if a number is none or beyond
    the globe.
    """
    names, places = [], []
    for number, row in read_rows(path, (name, *LARGEST), where):
        with naming_line(path, number, where):
            places.append([_degrees(axis, row) for axis in LARGEST])
            names.append(row[name])
    if not names:
        raise GcovError(f"{where}: {path} holds no point")
    return names, geopandas.GeoSeries.from_xy(*zip(*places), crs=4326)


def _degrees(axis: str, row: dict[str, str]) -> float:
    """A longitude or latitude. A comma is refused: no guess is safe."""
    text, largest = row[axis], LARGEST[axis]
    if not re.fullmatch(DEGREES, text):
        hint = ": write it with a decimal point" if "," in text else ""
        raise ValueError(f"{axis} is {shortened(text)!r}, not a number of degrees such as -99.9{hint}")
    if not abs(float(text)) <= largest:
        exchanged = axis == "lat" and abs(float(text)) <= 180 and abs(float(row["lon"])) <= 90
        hint = ": lon and lat may be exchanged" if exchanged else ""
        raise ValueError(f"{axis} is {shortened(text)}, not from -{largest} to {largest} degrees{hint}")
    return float(text)
