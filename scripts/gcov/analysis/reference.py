"""What is taken to have stayed the same: the gain of each date as a reference area shows it, or how the area drifts."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from gcov.analysis import cube
from gcov.analysis.assumed import Assumed, Subsample
from gcov.errors import GcovError
from gcov.stores.radiometry import DB
from gcov.stores.stack import Stack

if TYPE_CHECKING:  # imports geopandas, needed with a reference only
    from gcov.inputs.zones_on_grid import Zone

MOST_CELLS = 20_000  # of a reference, a subsample of it
FEWEST_CELLS = 100  # fewer are refused: their own speckle would be taken for the gain
FEW_CELLS = 400  # fewer make more false alarms: 100 cells make 1.0 % of a history of 30 dates 1.3 %
DRIFT_CELLS = 20_000  # all their dates are kept in memory; the median is good to 0.02 dB
DRIFT_DB = 0.5  # a median that moves further is said


class Gain(NamedTuple):
    """The gain of each date (dates,) relative to the mean of all, and its standard error, in dB; NaN if not used."""

    gain_db: np.ndarray
    gain_se_db: np.ndarray


def gain(power: np.ndarray, looks: np.ndarray) -> Gain:
    """The gain from the cells of a reference: linear power (dates, cells), all valid; looks (dates,) of a cell.

    It is the median over the cells of ln I less its mean over the dates. The error of a median of n values is that of
    their mean times sqrt(pi / 2).
    """
    logs = np.log(power)
    medians = np.median(logs - logs.mean(axis=0), axis=1)
    return Gain(DB * medians, DB * np.sqrt(np.pi / 2 / (power.shape[1] * looks)))


class Reference:
    """The gains of a product's dates, by term, from a zone or the whole scene."""

    def __init__(self, stack: Stack, zone: "Zone", *, dates: np.ndarray, **options):
        """`zone` is on the multilooked grid; `options` are those of `cube.blocks`."""
        self._zone, self._stack, self._options = zone, stack, {"dates": dates, "whole_cells": True, **options}
        self._days = np.datetime_as_string(stack.data["time"].values[dates], unit="D")

    def gain(self, assumed: Assumed) -> tuple[Gain, str]:
        """The gain of a term's dates, and a warning if the reference is small.

        Raises GcovError, naming the zone and the date that costs most cells, if there are fewer than 100.
        """
        use = assumed.use
        power, share = self._cells(assumed)
        there = power > 0
        complete = there.all(axis=0)
        if (n := int(complete.sum())) < FEWEST_CELLS:
            worst = self._days[use][np.argmin(there.sum(axis=1))]
            raise GcovError(
                f"change_reference: {self._zone.name} has {n} cells of {assumed.term} that count in full on all dates;"
                f" should be {FEWEST_CELLS} or more. {worst} costs most of them: draw a larger zone, or raise"
                " min_valid_fraction to leave such dates out"
            )
        looks = assumed.looks[use] * np.median(share[complete])
        found = gain(power[:, complete], looks)
        every = Gain(*np.full((2, use.size), np.nan))
        for one, values in zip(every, found):
            one[use] = values
        small = f"change_reference has {n} cells only: false alarms are more frequent" if n < FEW_CELLS else ""
        return every, small

    def _cells(self, assumed: Assumed) -> tuple[np.ndarray, np.ndarray]:
        """Linear power (used dates, cells) of the reference, and the cells' share of the looks."""
        zone, power, share = self._zone, [], []
        subsample = Subsample(zone.inside.shape, MOST_CELLS * math.prod(zone.inside.shape) // zone.n_pixels)
        window = {"y": zone.rows, "x": zone.columns}
        for block in cube.blocks(self._stack, {assumed.term: assumed.use}, within=window, **self._options):
            region = {
                dim: slice(part.start - window[dim].start, part.stop - window[dim].start)
                for dim, part in block.region.items()
            }
            inside = subsample.of(region, zone.inside[region["y"], region["x"]])
            power.append(subsample.of(region, block.power[assumed.term])[assumed.use][:, inside])
            share.append(subsample.of(region, assumed.looks_share(block))[inside])
        return np.concatenate(power, axis=1).astype(np.float64), np.concatenate(share)


def reference_of(
    setting: str | Mapping[str, str] | None,
    data: xr.Dataset,
    multilook: int,
    zones: str | None,
    zone_name: str,
    point_size: float,
) -> "Zone | None":
    """The zone that `change_reference` names, on the multilooked grid; None without the setting.

    Raises GcovError, listing the zones, if there is none of this name, or if it holds no centre of a cell.
    """
    if setting is None:
        return None
    from gcov.inputs.zones import read_zones  # geopandas, needed with a reference only
    from gcov.inputs.zones_on_grid import on_grid, whole

    grid = cube.multilooked_grid(data, multilook)
    if isinstance(setting, str):
        return whole(grid)
    frame = read_zones(zones or "", zone_name, "change_reference")
    if setting["zone"] not in frame.index:
        raise GcovError(f"change_reference: there is no zone {setting['zone']!r}; zones are {', '.join(frame.index)}")
    return on_grid(frame.loc[[setting["zone"]]], grid, data.attrs["aoi_polygon"] or None, point_size)[0]


class Drift:
    """Medians, over a subsample of cells, of how a term changes from each date to the next that the term has."""

    def __init__(self, shape: tuple[int, int], assumed: Mapping[str, Assumed]):
        self._subsample = Subsample(shape, DRIFT_CELLS)
        self._use = {term: one.use for term, one in assumed.items()}
        self._parts: dict[str, list[np.ndarray]] = {term: [] for term in assumed}

    def add(self, region: Mapping[str, slice], power: Mapping[str, np.ndarray]) -> None:
        """Add a part: linear power (dates, y, x) by term."""
        for term, parts in self._parts.items():
            parts.append(self._subsample.of(region, power[term]))

    def medians(self) -> dict[str, np.ndarray]:
        """The median step in dB (intervals,) by term, at the interval that ends at a date; NaN if no cell has both."""
        found = {}
        for term, parts in self._parts.items():
            cells, use = np.concatenate(parts, axis=1), np.flatnonzero(self._use[term])
            found[term] = np.full(len(cells) - 1, np.nan)
            for before, after in pairwise(use):
                both = (cells[before] > 0) & (cells[after] > 0)
                if both.any():
                    found[term][after - 1] = 10 * np.median(np.log10(cells[after][both] / cells[before][both]))
        return found


def range_db(medians: np.ndarray) -> float:
    """The largest less the smallest of the running sum of median steps (dB), which begins with 0."""
    running = np.append(0, np.nancumsum(medians))
    return float(running.max() - running.min())


def drift_caution(moved_db: Mapping[str, float], verb: str = "") -> str:
    """A warning if the whole area moved by more than 0.5 dB, by term; `verb` instead of rose or fell."""
    said = [
        f"{term}: the whole area {verb or ('rose' if db > 0 else 'fell')} by {abs(db):.1f} dB (season, rain or"
        " calibration): set change_reference to an area that stays the same"
        for term, db in moved_db.items()
        if abs(db) > DRIFT_DB
    ]
    return "; ".join(said)
