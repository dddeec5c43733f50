"""A simulated year: what patches find of fellings in a forest beside fields with a season, and rain.

Samples of 20 m with 9.3 looks on 31 dates; HH and HV are independent. The truth is known by sample.
"""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from helpers import rectangle, zone_file
from test_change_products import Made, day, made  # noqa: F401  (a fixture)

from gcov.analysis.multilook import summed

SIDE, DATES, LOOKS, CELL, HECTARE = 360, 31, 9.3, 3, 25  # samples, and samples of a hectare
FELLING_DB, SEASON_DB = -3.0, 1.0
SIZES = (10, 10, 10, 2, 2, 2, 2, 0.5)  # hectares
LEVEL_DB = {"HHHH": (-8, -11.5), "HVHV": (-13.5, -20)}  # forest, fields
WITH_KEYS = {"min_change_db": 2, "change_reference": {"zone": "forest"}}


@dataclass(frozen=True)
class Year:
    """Power (time, y, x) by term, and of each sample which felling it belongs to (-1: none); the fellings' dates."""

    power: dict[str, np.ndarray]
    felling: np.ndarray
    dates: list[int]

    def felled(self) -> np.ndarray:
        """The felled share of the cells."""
        return summed((self.felling >= 0).astype(float), CELL) / CELL**2


def simulated(seed: int, rain=((9, 0.8),), on_fields=()) -> Year:
    """Fields in the west, forest in the east; `rain`, and further rain `on_fields`, are pairs of date and dB."""
    rng = np.random.default_rng([24, seed])
    felling, dates = np.full((SIDE, SIDE), -1), []
    for number, hectares in enumerate(SIZES):
        height = round(np.sqrt(hectares * HECTARE) * rng.uniform(0.7, 1.4))
        width = round(hectares * HECTARE / height)
        alone = False
        while not alone:
            top, left = rng.integers(6, SIDE - height - 6), rng.integers(SIDE // 3 + 6, SIDE - width - 6)
            alone = (felling[top - 6 : top + height + 6, left - 6 : left + width + 6] < 0).all()
        felling[top : top + height, left : left + width] = number
        dates.append(int(rng.integers(3, DATES - 3)))
    fields = np.arange(SIDE) < SIDE // 3
    parcels = rng.normal(0, 1.5, (SIDE // 12, SIDE // 12)).repeat(12, axis=0).repeat(12, axis=1)
    phase = rng.uniform(0, 2 * np.pi)
    power = {term: np.empty((DATES, SIDE, SIDE), np.float32) for term in LEVEL_DB}
    for date in range(DATES):
        season = SEASON_DB * np.sin(2 * np.pi * 12 * date / 365 + phase) + dict(on_fields).get(date, 0)
        gone = FELLING_DB * np.isin(felling, [number for number, when in enumerate(dates) if when <= date])
        for term, (forest, bare) in LEVEL_DB.items():
            db = np.where(fields, bare + parcels + season, forest + gone) + dict(rain).get(date, 0)
            speckle = rng.standard_gamma(LOOKS, db.shape, np.float32) / LOOKS
            power[term][date] = 10 ** (db / 10) * speckle
    return Year(power, felling, dates)


def history_of(one: Made, **keys) -> np.ndarray:
    """Which cells have a change, after `change_history` has run with a zone in the forest."""
    path = zone_file(one.folder / "zones.gpkg", {"forest": rectangle(0, SIDE, SIDE // 2, SIDE)})
    changes = one.looks(multilook=CELL).history(multilook=CELL, zones=str(path), **keys)[0].n_changes.fillna(0).values
    return (changes > 0) & (changes < 255)


def patches_of(one: Made) -> tuple[pd.DataFrame, np.ndarray]:
    """The patches of a history, and of each cell which patch it belongs to (-1: none)."""
    files = one.patches(min_patch_ha=0.7)
    number = np.full((SIDE // CELL, SIDE // CELL), -1)
    for patch, known in enumerate(json.loads(files["ledger"].read_text())["patches"]):
        for row, first, stop in np.reshape(known["runs"], (-1, 3)):
            number[row, first:stop] = patch
    return pd.read_csv(files["csv"]), number


@pytest.mark.parametrize(
    ("seed", "rain", "on_fields"),
    [(2, [(9, 0.8), (20, 3)], []), (3, [(9, 0.8)], [(15, 3)])],
    ids=["rain", "rain on the fields"],
)
def test_patches_are_fellings(made, seed, rain, on_fields):  # noqa: F811
    """95 % of their area; all fellings of 10 ha with their dates, and half of those of 2 ha."""
    year = simulated(seed, rain, on_fields)
    one = made(year.power)
    history_of(one, **WITH_KEYS)
    found, number = patches_of(one)
    assert year.felled()[number >= 0].mean() >= 0.95
    assert not {*found["end"].str[:10]} & {day(date) for date, db in (*rain, *on_fields) if db == 3}
    centres = year.felling[1::CELL, 1::CELL]
    small = 0
    for felling, hectares in enumerate(SIZES):
        within = number[centres == felling]
        at = np.unique(within[within >= 0])
        small += hectares == 2 and at.size > 0
        if hectares == 10:
            assert {*found["end"].str[:10].iloc[at]} == {day(year.dates[felling])}
    assert small >= 2


def test_without_the_keys_most_of_what_changed_is_the_season(made):  # noqa: F811
    """As docs/analysis.md says: 1 to 4 % of the cells with a change were felled."""
    year = simulated(1)
    changed = history_of(made(year.power))
    assert changed[:, : SIDE // CELL // 3].mean() > 0.9, "fields"
    assert 0.005 < year.felled()[changed].mean() < 0.05
