"""Patches of change, outlined on maps."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
import pandas as pd
import pyproj
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from gcov import tables
from gcov.analysis.areas import cell_km2
from gcov.figures.palette import OUTLINE
from gcov.words import number_of

MOST = 2000  # patches outlined; more would hide the map
LONGEST = 10_000_000  # characters of a patch in the file; one with more corners than that would be a blot


class Outlines(NamedTuple):
    """Rings (n, 2) in km of the map, and what to say about them."""

    rings: list[np.ndarray]
    note: str

    def draw(self, axes: Axes) -> None:
        """Draw the rings on a map in km."""
        axes.add_collection(LineCollection(self.rings, colors=OUTLINE, linewidths=0.5), autolim=False)


def read(geojson: Path, csv: Path, maps: xr.Dataset, looks: int) -> Outlines:
    """The outlines of the largest patches found in `maps`, to be drawn in cells of looks x looks of their pixels.

    Holes are left out if they are smaller than the smallest patch.
    """
    table = tables.read(csv, usecols=lambda name: name in ("area_ha", "confirmed"))
    to_map = pyproj.Transformer.from_crs(4326, maps.rio.crs, always_xy=True)
    corner = looks * np.sqrt(cell_km2(maps, 1)) / 4
    rings: list[np.ndarray] = []
    drawn = 0
    with geojson.open(encoding="utf-8") as file:
        facts = json.loads(file.readline().rstrip() + "]}")
        for shape in _shapes(file):
            km = shapely.transform(shape, lambda xy: np.column_stack(to_map.transform(*xy.T)) / 1000)
            rings += _rings(shapely.simplify(km, corner), facts["min_patch_ha"] / 100)
            drawn += 1
    return Outlines(rings, _note(table, drawn, facts, maps))


def _shapes(file: TextIO) -> Iterator[shapely.Geometry]:
    """The first patches of a file that has a line for each, without those that have too many corners."""
    for _ in range(MOST):
        line = file.readline(LONGEST)
        if not line.startswith("{"):
            return
        if line.endswith("\n"):
            yield shapely.from_geojson(line.rstrip(",\n"))
        while line and not line.endswith("\n"):
            line = file.readline(LONGEST)


def _rings(shape: shapely.Geometry, smallest_km2: float) -> Iterator[np.ndarray]:
    """The outer rings of a shape, and those around holes of at least this area."""
    for part in shapely.get_parts(shape):
        holes = [ring for ring in part.interiors if shapely.Polygon(ring).area >= smallest_km2]
        yield from map(shapely.get_coordinates, (part.exterior, *holes))


def _note(table: pd.DataFrame, drawn: int, facts: dict[str, Any], maps: xr.Dataset) -> str:
    """How many patches there are, how many are confirmed, and how many speckle alone would make."""
    chance = f"{facts['expected_by_chance']:.2g}"
    if chance == "0":
        chance = "none"
    elif maps.attrs.get("multilook") == 1:
        chance += " or more, as neighbouring pixels are correlated"
    elif "confirm_dates" in facts or maps.attrs.get("min_change_db"):
        chance = f"at most {chance}"
    if not len(table):
        return f"No patch of {facts['min_patch_ha']:g} ha or more; speckle alone would make {chance}."
    confirmed = ""
    if "confirm_dates" in facts:
        number = f"{table['confirmed'].sum():,}" if table["confirmed"].any() else "none"
        confirmed = f", {number} confirmed by {number_of(facts['confirm_dates'], 'date')} on both sides"
    some = "" if drawn == len(table) else f"{drawn:,} of "
    patches = f"{number_of(len(table), 'patch')} of {facts['min_patch_ha']:g} ha or more"
    area = f"{table['area_ha'].sum():,.1f} ha in all"
    return f"Outlined: {some}{patches}, {area}{confirmed}. Speckle alone would make {chance}."
