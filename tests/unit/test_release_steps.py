"""Two releases of one acquisition, compared with numpy on the granules, and the table of granules that is read back."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import BBOX, FIRST, notebook_granule
from products import fragment
from record_of_superseded import record_of_superseded
from release_steps import release_steps

from gcov import granules, releases
from gcov.errors import GcovError
from gcov.granules import from_name, read_record
from gcov.testing.synthetic import Band, granule_name

POINT = 83.8800, 28.2685
GAINS = {"HHHH": 1.02, "HVHV": 0.9}
TERMS = ("HHHH", "HVHV")


def released_again(band: Band, **changes) -> Band:
    """The second release: other gains, and a mask that holds less in the north and more in the south."""
    terms = {term: (values * np.float32(GAINS[term])).astype("f4") for term, values in band.terms.items()}
    mask = band.mask.copy()
    mask[:45], mask[70:] = 0, 1
    return Band(**{"epsg": band.epsg, "x": band.x, "y": band.y, "terms": terms, "mask": mask, **changes})


def compared(older: list[Path], newer: list[Path], folder: Path, **options) -> pd.DataFrame:
    settings = {
        "terms": ["HHHH", "HVHV"],
        "counting": {"valid_samples_only": True, "looks": None},
        "zones": None,
        "zone_name": "name",
    }
    release_steps(superseded=older, used=newer, point_size=100, output=folder / "s.csv", **{**settings, **options})
    return pd.read_csv(folder / "s.csv", parse_dates=["time"])


def test_a_step_is_the_ratio_of_means_over_the_samples_valid_in_both(band, write, tmp_path):
    one = band(0)
    paths = [write(one, crid="X05009"), write(released_again(one), crid="X05010")]
    other = write(band(12), start=FIRST + timedelta(days=12), cycle=7)  # of another date: compared with neither
    fragments = [fragment(tmp_path, path, terms=TERMS) for path in (*paths, other)]
    (tmp_path / "points.csv").write_text(f"name,lon,lat\np,{POINT[0]},{POINT[1]}\n")
    found = compared(fragments[:1], fragments[1:], tmp_path, zones=tmp_path / "points.csv")
    assert list(zip(found["zone"], found["term"])) == [("aoi", "HHHH"), ("p", "HHHH"), ("aoi", "HVHV"), ("p", "HVHV")]
    assert set(found["from_crid"]) == {"X05009"} and set(found["to_granule"]) == {paths[1].stem}
    data = [notebook_granule(path, BBOX) for path in paths]
    valid = [one["mask"].values >= 1 for one in data]
    assert 0 < (valid[0] & valid[1]).sum() < min(one.sum() for one in valid)
    for row in found[found["zone"] == "aoi"].itertuples():
        power = [one[row.term].values.astype("f8") for one in data]
        counts = [of & (one > 3e-6) for of, one in zip(valid, power)]  # a hundredth of the noise: no echo below
        both = counts[0] & counts[1]
        assert [row.from_n_valid, row.to_n_valid, row.n_valid] == [*(of.sum() for of in counts), both.sum()]
        assert row.from_db == pytest.approx(10 * np.log10(power[0][both].mean()), abs=1e-9)
        assert row.to_db == pytest.approx(10 * np.log10(power[1][both].mean()), abs=1e-9)
        assert row.step_db == pytest.approx(10 * np.log10(GAINS[row.term]), abs=1e-4)
        steps = 10 * np.log10(power[1][both] / power[0][both])
        assert row.spread_db == pytest.approx(steps.std(), abs=1e-7)
    assert (found[found["zone"] == "p"]["n_valid"] == 25).all()
    every = compared(fragments[:1], fragments[1:], tmp_path, counting={"valid_samples_only": False})
    assert (every["n_valid"] > found[found["zone"] == "aoi"]["n_valid"].to_numpy()).all()


def test_lost_echoes_of_a_release_are_not_compared(band, write, tmp_path):
    """The older release holds samples near 0 that its mask calls valid; they would pull its mean down."""
    one = band(0)
    lost = {
        term: np.where(np.arange(120)[:, None] < 60, np.float32(1e-7), values) for term, values in one.terms.items()
    }
    mask = np.ones_like(one.mask)
    older = Band(one.epsg, one.x, one.y, lost, mask)
    newer = Band(one.epsg, one.x, one.y, one.terms, mask)
    fragments = [
        fragment(tmp_path, write(of, crid=crid), terms=TERMS) for of, crid in ((older, "X05009"), (newer, "X05010"))
    ]
    found = compared(fragments[:1], fragments[1:], tmp_path, terms=["HHHH"])
    assert found["step_db"][0] == pytest.approx(0, abs=1e-9)
    assert 0 < found["n_valid"][0] == found["from_n_valid"][0] < found["to_n_valid"][0]


def test_releases_on_two_grids_are_not_compared_and_none_is_an_empty_table(band, write, tmp_path, caplog):
    one = band(0)
    older = fragment(tmp_path, write(one, crid="X05009"), terms=TERMS)
    newer = fragment(tmp_path, write(released_again(one, x=one.x + 5), crid="X05010"), terms=TERMS)
    with pytest.raises(GcovError, match=r"X05010\S* cannot be compared with \S*X05009\S*: .* off by .*"):
        compared([older], [newer], tmp_path)
    assert compared([], [], tmp_path).empty and "no acquisition is held by two releases" in caplog.text


def test_the_table_of_granules_is_read_back_as_it_was(tmp_path):
    full = from_name(granule_name(start=FIRST), url="https://x.nasa.gov/a.h5", size=5, has_input_data_exception=False)
    bare = granules.Granule(name="a", start="2025-11-23T23:47:39", end="2025-11-23T23:48:14", crid="", maturity="BETA")
    beside = from_name(granule_name(start=FIRST + timedelta(days=12)), has_input_data_exception=True, path='"x", y.h5')
    granules.write_table(tmp_path / "g.csv", [full, bare], [(beside, "superseded by a, b")])
    assert granules.read_table(tmp_path / "g.csv") == ([full, bare], [(beside, "superseded by a, b")])


def test_pairs_are_the_releases_of_one_acquisition(tmp_path):
    """Also the newer one that covers too little; not a date that the search left out."""
    older, newer = (from_name(granule_name(start=FIRST, crid=crid)) for crid in ("X05009", "X05010"))
    part = from_name(granule_name(start=FIRST, end=FIRST + timedelta(seconds=9), crid="X05011", counter=2))
    unasked = from_name(granule_name(start=FIRST, crid="X05007"))
    kept, dropped = releases.newest_releases([older, newer, part])
    dropped.append((unasked, "BETA is not among the maturities asked for"))
    granules.write_table(tmp_path / "g.csv", kept, dropped)
    pairs = releases.compared(*granules.read_table(tmp_path / "g.csv"))
    assert sorted((one.crid, other.crid) for one, other in pairs) == [("X05009", "X05010"), ("X05011", "X05010")]
    record_of_superseded(table=tmp_path / "g.csv", name=part.name, output=tmp_path / "r.json")
    assert read_record(tmp_path / "r.json") == part
