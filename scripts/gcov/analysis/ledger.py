"""The ledger of patches: which cells an id stands for, so that a patch keeps it when a new date comes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from gcov.analysis.patches import Patches, Runs, spread
from gcov.errors import GcovError
from gcov.files import building


@dataclass(frozen=True)
class Ledger:
    """What was known of patches: `table` has a row per patch, in the order of `runs`.

    Its columns are id, seen (newest date of the run that first saw it), sign, first and last (dates, ISO 8601).
    """

    table: pd.DataFrame
    runs: Runs

    @classmethod
    def read(cls, path: Path, grid: xr.Dataset) -> "Ledger":
        """The ledger of an earlier run; empty if there is none, or if it is of another grid.

        Raises GcovError if the file is damaged.
        """
        columns = ["id", "seen", "sign", "first", "last"]
        patches: list[dict] = []
        if path.exists():
            try:
                content = json.loads(path.read_text())
                patches = content["patches"] if content["grid"] == _facts(grid) else []
                runs = [np.array(patch["runs"], np.int32).reshape(-1, 3) for patch in patches]
                table = pd.DataFrame([[patch[name] for name in columns] for patch in patches], columns=columns)
            except (ValueError, LookupError, TypeError):
                raise GcovError(f"{path} is damaged: remove it, and run again; patches then get new ids") from None
        if not patches:
            return cls(pd.DataFrame(columns=columns), Runs(*np.zeros((4, 0), np.int32)))
        number = np.repeat(np.arange(len(runs)), [len(of) for of in runs])
        return cls(table, Runs(number, *np.concatenate(runs).T))

    def write(self, path: Path, grid: xr.Dataset) -> None:
        """Write the ledger, a patch a line."""
        with building(path) as part, part.open("w") as file:
            file.write(f'{{"grid": {json.dumps(_facts(grid))}, "patches": [')
            runs = np.stack(self.runs[1:], axis=1)
            splits = np.searchsorted(self.runs.patch, np.arange(1, len(self.table)))
            for number, (facts, of) in enumerate(zip(self.table.to_dict("records"), np.split(runs, splits))):
                file.write(",\n" if number else "\n")
                file.write(json.dumps({**facts, "runs": of.ravel().tolist()}))
            file.write("\n]}\n")

    def renewed(self, found: Patches, dates: Sequence[str]) -> "Ledger":
        """The ledger of what is found now; `dates` are those by which patches count their dates, ISO 8601.

        A patch keeps the id of the one that it shares most cells with, if both changed in one direction and at most
        one interval apart. Each id is kept once. A new id is the date, row and column of the north-west cell.
        """
        kept, known = self._kept(found, np.array(dates)), self.table.to_dict("records")
        used, rows = set(self.table["id"]), []
        for number, patch in enumerate(found.table.to_dict("records")):
            if (old := kept.get(number)) is None:
                name, seen = _new_id(dates[patch["median"]], patch["row"], patch["column"], used), dates[-1]
            else:
                name, seen = known[old]["id"], known[old]["seen"]
            rows.append([name, seen, int(patch["sign"]), dates[patch["first"]], dates[patch["last"]]])
        return Ledger(pd.DataFrame(rows, columns=self.table.columns), found.runs)

    def _kept(self, found: Patches, dates: np.ndarray) -> dict[int, int]:
        """Which patch of the ledger, by number, each found one continues."""
        if not len(self.table) or not len(found.table):
            return {}
        pairs = overlaps(self.runs, found.runs)
        old, new = self.table.iloc[pairs["old"]], found.table.iloc[pairs["new"]]
        first, last = (np.searchsorted(dates, old[name].to_numpy(str)) for name in ("first", "last"))
        alike = (old["sign"].to_numpy() == new["sign"].to_numpy()) & (new["first"].to_numpy() <= last + 1)
        pairs = pairs[alike & (first <= new["last"].to_numpy() + 1)]
        kept: dict[int, int] = {}
        taken = set()
        for pair in pairs.sort_values(["cells", "size", "new"], ascending=[False, False, True]).itertuples():
            if pair.new not in kept and pair.old not in taken:
                kept[pair.new] = pair.old
                taken.add(pair.old)
        return kept


def overlaps(old: Runs, new: Runs) -> pd.DataFrame:
    """How many cells patches share: old, new, cells, and the size of the old one."""
    width = max(old.stop.max(), new.stop.max()) + 1
    spans = []
    for runs in (old, new):
        start, stop = (runs.row.astype(np.int64) * width + column for column in (runs.first, runs.stop))
        order = np.argsort(start)
        spans.append((start[order], stop[order], runs.patch[order]))
    (start, stop, patch), (begin, end, other) = spans
    which, of = spread(np.searchsorted(stop, begin, side="right"), np.searchsorted(start, end, side="left"))
    cells = np.minimum(stop[of], end[which]) - np.maximum(start[of], begin[which])
    pairs = pd.DataFrame({"old": patch[of], "new": other[which], "cells": cells})
    size = np.bincount(old.patch, old.stop - old.first)
    return pairs.groupby(["old", "new"], as_index=False).sum().assign(size=lambda pairs: size[pairs["old"]])


def _new_id(date: str, row: int, column: int, used: set[str]) -> str:
    """An id that is not used yet, which is then used."""
    name = f"{date[:10].replace('-', '')}-{row}-{column}"
    while name in used:
        name += "-2"
    used.add(name)
    return name


def _facts(grid: xr.Dataset) -> dict[str, Any]:
    return {
        "crs": f"EPSG:{int(grid['spatial_ref'])}",
        "transform": grid["spatial_ref"].attrs["GeoTransform"],
        "rows": grid.sizes["y"],
        "columns": grid.sizes["x"],
    }
