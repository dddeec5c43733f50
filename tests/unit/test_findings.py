"""What the end of `make demo` says of the results."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from findings import findings

TIMES = np.array(["2026-02-03T23:47:39", "2026-02-15T23:47:39", "2026-02-27T23:47:39"], "M8[s]")


@pytest.fixture
def results(tmp_path):
    """Results written by hand, with as much as the findings read."""
    series = pd.DataFrame({"time": TIMES, "rain_mm": [0, 41.2, 3], "mean_db": [-20.0, -19.4, -20.6]})
    (tmp_path / "HVHV" / "change").mkdir(parents=True)
    series.assign(granule="g", crid="X", maturity="BETA").to_csv(tmp_path / "HVHV" / "mean_series.csv", index=False)
    series.assign(zone="fields in the east").to_csv(tmp_path / "HVHV" / "zones.csv", index=False)
    step = {"zone": "fields in the east", "term": "HVHV", "change": "felling", "step_db": -0.31}
    pd.DataFrame([step]).to_csv(tmp_path / "zone_changes.csv", index=False)
    totals = {"min_change_db": 2, "down_km2": 4.25, "up_km2": 0.0}
    (tmp_path / "HVHV" / "change" / "felling.json").write_text(json.dumps(totals))
    reasons = ["superseded by g2", "", "", ""]
    pd.DataFrame({"name": list("abcd"), "mode": "2005", "reason": reasons}).to_csv(tmp_path / "granules.csv")
    attributes = {"gain_db": {"HVHV": [-0.4, 0.76, -0.4]}, "change_reference": {"zone": "wood"}}
    attributes |= {"dates_left_out_HVHV": "2026-02-27", "complete": True}
    history = xr.Dataset(coords={"interval": TIMES[1:], "interval_start": ("interval", TIMES[:-1])}, attrs=attributes)
    history.to_zarr(tmp_path / "change_history.zarr", zarr_format=3)
    return tmp_path


def write_patches(results, number):
    patch = {"zones": "stand", "area_ha": 417.3, "step_db_HVHV": -6.24, "start": "2026-02-03", "end": "2026-02-15"}
    pd.DataFrame([patch] * number, columns=[*patch]).to_csv(results / "change_patches.csv", index=False)


def test_every_number_is_from_the_results(results):
    write_patches(results, 3)
    patch, year, fields, rain, granules = (text for text, _ in findings(results))
    assert "stand, 417 ha" in patch and "fell by 6.2 dB" in patch and "2026-02-03 and 2026-02-15; 2 smaller" in patch
    assert "more than 2 dB on 4.2 km2 and rose on 0.0" in year
    assert "1.2 dB within the year, and by 0.3 dB" in fields
    assert "41 mm of rain before 2026-02-15 raised HVHV by 0.8 dB; the reference (wood)" in rain
    assert "4 granules make 3 dates, because newer releases supersede 1; 2026-02-27 covers" in granules
