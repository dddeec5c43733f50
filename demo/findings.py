"""Print what the demo's products show, and where; every number is read from the results."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gcov import tables
from gcov.analysis import changed
from gcov.stores import store

TERM, CHANGE, FIELDS = "HVHV", "felling", "fields in the east"


def findings(results: Path) -> Iterator[tuple[str, str]]:
    """What was found in the results of the demo's AOI, and the files that show it."""
    patches = pd.read_csv(results / "change_patches.csv", parse_dates=["start", "end"])
    for largest in patches.head(1).to_dict("records"):
        step = largest[f"step_db_{TERM}"]
        yield (
            f"The largest patch of change ({largest['zones']}, {largest['area_ha']:.0f} ha)"
            f" {'fell' if step < 0 else 'rose'} by {abs(step):.1f} dB in {TERM} between {largest['start']:%Y-%m-%d} and"
            f" {largest['end']:%Y-%m-%d}; {len(patches) - 1} smaller patches changed, too",
            "explore.html, change_history.png, change_patches.csv",
        )
    year = json.loads((results / TERM / "change" / f"{CHANGE}.json").read_text())
    yield (
        f"The same season a year apart: {TERM} fell by more than {year['min_change_db']:g} dB on"
        f" {year['down_km2']:.1f} km2 and rose on {year['up_km2']:.1f} km2",
        f"{TERM}/change/{CHANGE}.png",
    )
    zones = pd.read_csv(results / TERM / "zones.csv").query("zone == @FIELDS")
    steps = pd.read_csv(results / "zone_changes.csv").query("zone == @FIELDS and term == @TERM and change == @CHANGE")
    yield (
        f"The {FIELDS} vary by {np.ptp(zones['mean_db'].dropna()):.1f} dB within the year, and by"
        f" {abs(steps['step_db'].iloc[0]):.1f} dB between the same season of both years",
        f"{TERM}/zones.png, zone_changes.csv",
    )
    history = store.open_store(results / "change_history.zarr")
    gain = np.array(history.attrs["gain_db"][TERM], float)
    reference = history.attrs["change_reference"]["zone"]
    wettest = changed.dates_of(history)[np.nanargmax(gain)]
    series = tables.read_series(results / TERM / "mean_series.csv").set_index("time")
    yield (
        f"{series['rain_mm'].loc[wettest]:.0f} mm of rain before {np.datetime_as_string(wettest, unit='D')} raised"
        f" {TERM} by {np.nanmax(gain):.1f} dB; the reference ({reference}) takes this out",
        f"{TERM}/mean_series.png",
    )
    granules = pd.read_csv(results / "granules.csv", dtype={"mode": str})
    left_out = history.attrs[f"dates_left_out_{TERM}"]
    yield (
        f"{len(granules)} granules make {len(series)} dates, because newer releases supersede"
        f" {granules['reason'].str.startswith('superseded').sum()}; {left_out} covers too little of the area for tests",
        "granules.csv, location.png",
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print("\nWhat the demo shows:")
    for text, files in findings(folder):
        print(f"- {text}: see {files}")
    print(f"These files are in {folder}. Open {folder.parent / 'index.html'}")
