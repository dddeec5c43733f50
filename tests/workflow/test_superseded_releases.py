"""What a release changed: made when asked for by name, beside the series and without touching it."""

import pandas as pd
import pytest
from helpers import BBOX
from runtime import jobs_of

STEPS = "results/one/release_steps.csv"


def test_the_superseded_release_is_fetched_for_the_table_alone(analysis, granules):
    """No other target asks for it, and it is read by the job that reads the others, with its settings."""
    aoi = {"bbox": BBOX, "granules": [f"{granules[0].parent}/*.h5"], "terms": ["HHHH"]}
    analysis.configure({"aois": {"one": aoi}, "basemap": None})
    old, new = granules[1].stem, granules[2].stem
    analysis.run(STEPS)
    table = pd.read_csv(analysis.folder / STEPS)
    assert table[["zone", "term", "from_granule", "to_granule"]].values.tolist() == [["aoi", "HHHH", old, new]]
    assert table["step_db"][0] == pytest.approx(0, abs=1e-9) and table["n_valid"][0] > 0  # the same bytes, twice
    assert analysis.results("one/superseded/*") == [f"one/superseded/{old}.json", f"one/superseded/{old}.zarr"]
    assert analysis.results("one/fragments/*") == [f"one/fragments/{new}.zarr"]
    assert "Nothing to be done" in analysis.run("-n", STEPS)
    planned = jobs_of(analysis.run("-n", "results/one/stack.zarr"))
    assert planned == {"clip": 3, "stack": 1}  # the fourth is there, and no more is asked for
    refused = analysis.snakemake(f"results/one/superseded/{new}.zarr")
    assert f"{new} is not a superseded granule of one; these are {old}" in refused.output and refused.returncode
