"""Change on the page: between two periods, over all dates, and patches of both."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr

from gcov import tables
from gcov.analysis.changed import dates_of
from gcov.analysis.multilook import Multilook, cells_of
from gcov.errors import GcovError
from gcov.files import DELETE, read_json
from gcov.stores import store
from gcov.words import number_of

MOST_PATCHES = 200  # of a file: rows of its table, and outlines
STEP_DB = 0.1  # of the bytes of a step
LARGEST_STEP = 12.6  # dB; larger ones are drawn and read as this
DATES_IN_A_BYTE = 254


@dataclass(frozen=True)
class ChangeOnPage:
    """A change between two periods: its JSON, and the map `change` (y, x) of its store, which is read in parts.

    A pixel of the map is 1, -1, 0 or -128 (no data), for a cell of `multilook` x `multilook` samples of the stack.
    """

    name: str
    term: str
    facts: dict
    maps: xr.Dataset

    @classmethod
    def of(cls, summary: Path) -> "ChangeOnPage":
        """A change from its JSON, results/{aoi}/{term}/change/{name}.json, and the store beside it."""
        facts = read_json(summary)
        maps = store.open_store(summary.with_suffix(".zarr"))
        return cls(summary.stem, summary.parents[1].name, facts, maps)

    @property
    def text(self) -> str:
        """The result, in one line."""
        facts = self.facts
        if not facts["pixels"]:
            return f"{self.name}, {self.term}: no pixel could be tested. {facts['warning']}".rstrip()
        return (
            f"{self.name}, {self.term}: {facts['down_km2']:.3g} km² lower, {facts['up_km2']:.3g} km² higher at a"
            f" significance of {facts['significance']:g}; by chance {facts['expected_false_alarms']:,.0f} samples"
        )

    def codes(self, shape: tuple[int, int], looks: int) -> np.ndarray:
        """One byte per cell of looks x looks samples of a stack (ny, nx).

        1 if at least half of the cell's samples with data are lower, 3 if higher, 2 if neither, 0 without data.
        """
        lower, higher = Multilook(looks, shape), Multilook(looks, shape)
        down, across = (np.arange(size) // self.facts["multilook"] for size in shape)  # the map's pixel of each sample
        for top in range(0, shape[0], store.CHUNK):
            rows = slice(top, min(top + store.CHUNK, shape[0]))
            first, last = down[rows][[0, -1]]
            part = store.samples(self.maps, "change", {"y": slice(first, last + 1)})[down[rows] - first][:, across]
            tested = np.abs(part, dtype=np.int16) <= 1
            lower.add(np.where(tested, part == -1, np.float32(np.nan)), rows)
            higher.add(np.where(tested, part == 1, np.float32(np.nan)), rows)
        shares = lower.mean, higher.mean
        return np.select([np.isnan(shares[0]), shares[0] >= 0.5, shares[1] >= 0.5], [0, 1, 3], 2).astype("u1")


@dataclass(frozen=True)
class HistoryOnPage:
    """The maps of change_history.zarr."""

    data: xr.Dataset

    @property
    def facts(self) -> dict[str, Any]:
        """Its dates as days, how many of them share a byte of `when`, and what was found, in one line."""
        days = np.datetime_as_string(dates_of(self.data), unit="D").tolist() if self.data.attrs["pixels"] else []
        attributes = self.data.attrs
        at_most = "at most " if attributes.get("min_change_db") else ""
        text = (
            f"{number_of(len(days), 'date')} at a significance of {attributes['significance']:g}; by chance {at_most}"
            f"{attributes['expected_false_alarms']:,.0f} of {number_of(attributes['pixels'], 'pixel')}"
            if days
            else attributes["warning"]
        )
        return {"days": days, "share": self._share, "text": text}

    @property
    def _share(self) -> int:
        return -(-(self.data.sizes["interval"] + 1) // DATES_IN_A_BYTE)

    def codes(self, shape: tuple[int, int], side: int) -> dict[str, np.ndarray]:
        """Bytes per cell of side x side samples of a stack (ny, nx), by map: number, when, and step of each term.

        A cell shows the map's pixel at its centre. 0 is no data and 1 no change; above, `number` is 1 + the number of
        changes, `when` 2 + the index of the date after the most significant one, and a step 128 + its tenths of a dB.
        """
        terms = [str(term) for term in self.data["term"].values]
        names = ["number", "when", *(f"step-{term}" for term in terms)]
        found = {name: np.zeros(cells_of(shape, side), np.uint8) for name in names}
        multilook = self.data.attrs["multilook"]
        y, x = (np.minimum(np.arange(0, n, side) + side // 2, n - 1) // multilook for n in shape)
        for region in store.regions(self.data[["y", "x"]]):
            rows = slice(*np.searchsorted(y, [region["y"].start, region["y"].stop]))
            part = self.data[["n_changes", "largest_change", "largest_step_db"]].isel(y=region["y"])
            inside = y[rows] - region["y"].start
            values = {str(name): store.samples(part, str(name))[..., inside, :][..., x] for name in part}
            number, when = values["n_changes"], values["largest_change"]
            found["number"][rows] = np.where(np.isnan(number), 0, 1 + np.minimum(number, 254))
            dates = np.searchsorted(dates_of(self.data), when.astype("datetime64[s]")) // self._share
            found["when"][rows] = np.where(np.isnan(number), 0, np.where(np.isnat(when), 1, 2 + dates))
            for term, step in zip(terms, values["largest_step_db"]):
                tenths = np.round(np.clip(step, -LARGEST_STEP, LARGEST_STEP) / STEP_DB)
                changed = np.where(np.isnan(step), 0, 128 + tenths)
                found[f"step-{term}"][rows] = np.where(np.isnan(number), 0, np.where(np.isnat(when), 1, changed))
        return found


@dataclass(frozen=True)
class PatchesOnPage:
    """The largest patches of a GeoJSON file, and how many there are in all.

    `mode` is that of the change between two periods that they are of, as on the page; None for the history.
    """

    name: str
    path: Path
    mode: int | None = None

    def facts(self, data: xr.Dataset, room: float) -> dict[str, Any]:
        """What the page shows, of at most `room` bytes: rows of the table, with outlines in samples of a stack.

        Raises GcovError if a file is damaged.
        """
        number = len(tables.read(self.path.with_suffix(".csv"), usecols=["id"]))
        rows, size = [], 0
        degrees = pyproj.Transformer.from_crs(4326, data.rio.crs, always_xy=True)
        with self.path.open(encoding="utf-8") as file:  # a feature a line, the largest first
            try:
                about = json.loads(next(file) + "]}")
                for line in islice(file, min(number, MOST_PATCHES)):
                    about_it, _, shape = line.rstrip().rstrip(",")[:-1].rpartition(', "geometry": ')
                    outline = shapely.transform(
                        shapely.from_geojson(shape), lambda xy: np.column_stack(degrees.transform(*xy.T))
                    )
                    row = self._row(json.loads(about_it + "}")["properties"])
                    row["rings"] = few_corners(outline, data, most=int(room / 200))
                    size += len(json.dumps(row, ensure_ascii=False).encode())
                    if size > room:
                        break
                    rows.append(row)
            except (ValueError, StopIteration, shapely.errors.ShapelyError):
                raise GcovError(f"{self.path} is damaged: {DELETE}") from None
        name = "/".join(self.path.parts[-1 if self.mode is None else -3 :])
        text = self._text(number, len(rows), about, name)
        return {"name": self.name, "mode": self.mode, "file": name, "text": text, "rows": rows}

    def _text(self, number: int, shown: int, about: dict[str, Any], file: str) -> str:
        words = f"{number_of(number, 'patch')} of at least {about['min_patch_ha']:g} ha"
        more = f" The {shown:,} largest are shown, {number - shown:,} more are in {file}." if shown < number else ""
        return f"{words}; by chance alone at most {about['expected_by_chance']:g}.{more}"

    def _row(self, facts: dict[str, Any]) -> dict[str, Any]:
        terms = [name.removeprefix("step_db_") for name in facts if name.startswith("step_db_")]
        steps = [[term, facts[f"step_db_{term}"], facts[f"se_db_{term}"]] for term in terms]
        said = {"id": facts["id"], "when": [facts["start"][:10], facts["end"][:10]], "ha": facts["area_ha"]}
        said |= {"sign": facts["direction"], "steps": [step for step in steps if step[1] is not None]}
        return said | {"sure": sure(facts), "zones": ", ".join(facts["zones"])}


def few_corners(shape: shapely.Geometry, data: xr.Dataset, most: int) -> list[list[list[int]]]:
    """The outline of a patch in whole samples of a stack, as `rings`; simplified if it has more than `most` corners."""
    tolerance = 0.1
    while True:
        found = rings(shape, data, tolerance)
        large = [ring for ring in found if shapely.Polygon(ring).area >= tolerance**2]
        if sum(map(len, large)) <= max(most, 5):
            return [np.round(ring).astype(int).tolist() for ring in large]
        tolerance *= 2


def sure(facts: dict[str, Any]) -> str:
    """How sure a patch is, in words."""
    confirmed = "newly confirmed" if facts.get("newly_confirmed") else "confirmed"
    words = [confirmed if facts["confirmed"] else "not confirmed yet"] if "confirmed" in facts else []
    return ", ".join([*words, f"p {probability(facts['p_min'])}", *["releases differ"][: facts["releases_differ"]]])


def probability(p: float) -> str:
    """A probability with one digit; the smallest ones are beyond what the tests know."""
    return f"{p:.1g}" if p >= 1e-10 else "< 1e-10"


@dataclass(frozen=True)
class Changed:
    """All that the page shows of change; `zones` is zone_changes.csv, `gain` what its errors take the gain to be."""

    between: Sequence[ChangeOnPage] = ()
    history: HistoryOnPage | None = None
    patches: Sequence[PatchesOnPage] = ()
    zones: pd.DataFrame | None = None
    gain: str = ""

    @property
    def warnings(self) -> list[str]:
        """The warnings of the tests."""
        said = {f"change {one.name}, {one.term}": one.facts.get("warning") for one in self.between}
        if self.history:
            said["change over all dates"] = self.history.data.attrs["warning"]
        return [f"{of}: {warning}" for of, warning in said.items() if warning]

    def facts(self, data: xr.Dataset, room: float) -> dict[str, Any]:
        """The facts for the page's script; patches take at most `room` bytes."""
        return {
            "changes": [{"name": f"{one.name} ({one.term})", "text": one.text} for one in self.between],
            "history": self.history.facts if self.history else None,
            "patches": [one.facts(data, room / len(self.patches)) for one in self.patches],
        }

    def layers(self, shape: tuple[int, int], side: int) -> dict[str, np.ndarray]:
        """Bytes per cell of side x side samples of a stack (ny, nx), by mode of the page."""
        between = {str(number): one.codes(shape, side) for number, one in enumerate(self.between)}
        return between | (self.history.codes(shape, side) if self.history else {})


def rings(shape: shapely.Geometry, data: xr.Dataset, tolerance: float = 0.1) -> list[list[list[float]]]:
    """Polygon rings as (column, row) in samples from the stack's north-west corner, rounded to 0.1.

    `shape` is in the stack's CRS. Corners are left out that move the outline by less than `tolerance` samples.
    """
    dx, _, left, _, dy, top = data.rio.transform()[:6]
    placed = shapely.simplify(shapely.transform(shape, lambda xy: (xy - (left, top)) / (dx, dy)), tolerance)
    outer = [ring for part in shapely.get_parts(placed) for ring in (part.exterior, *part.interiors)]
    return [np.round(ring.coords, 1).tolist() for ring in outer]
