"""What granules state of each date: in dates.csv, in the stack, and as cautions where dates differ."""

from datetime import timedelta

import h5py
import numpy as np
import pandas as pd
import pytest
from dates import dates
from helpers import FIRST
from products import fragment, stacked, summarized
from stack import stack

from gcov import cautions, tables
from gcov.stores import facts, store
from gcov.stores.provenance import metadata_of
from gcov.stores.stack import Stack

SCIENCE = "science/LSAR/"
PARAMETERS = f"{SCIENCE}GCOV/metadata/processingInformation/parameters/"
VERSION = f"{SCIENCE}GCOV/metadata/processingInformation/algorithms/softwareVersion"
LIKELIHOOD = f"{SCIENCE}GCOV/metadata/calibrationInformation/frequencyA/{{}}/rfiLikelihood"
COLUMNS = """time granules track direction frames mode crid maturity polarizations product_doi software_version
joint_observation diagnostic_mode noise_correction_applied rfi_mitigation_applied rfi_likelihood_HH rfi_likelihood_HV
""".split()  # noqa: SIM905


def restate(path, values: dict) -> None:
    """Replace what a granule states, or remove what is None."""
    with h5py.File(path, "a") as file:
        for name, value in values.items():
            if name in file:
                del file[name]
            if value is not None:
                file[name] = np.bytes_(value) if isinstance(value, str) else value


@pytest.fixture
def series(band, write):
    """A function that writes granules 12 days apart that state these facts."""

    def of(*stated: dict, **name) -> list:
        paths = []
        for n, values in enumerate(stated):
            start = FIRST + timedelta(days=12 * n)
            paths.append(write(band(), start=start, **{"cycle": 6 + n, **name}))
            restate(paths[-1], values)
        return paths

    return of


def test_a_row_holds_what_its_granules_state(series, tmp_path):
    paths = series(
        {
            VERSION: "0.25.7",
            f"{PARAMETERS}noiseCorrectionApplied": "True",
            f"{PARAMETERS}rfiMitigationApplied": "False",
            LIKELIHOOD.format("HH"): 0.125,
            LIKELIHOOD.format("HV"): np.float32("nan"),
            f"{SCIENCE}identification/isJointObservation": "True",
            f"{SCIENCE}identification/diagnosticModeFlag": np.uint8(2),
            f"{SCIENCE}identification/productDoi": "10.5067/NIL2GCOV-P1",
        },
        {
            f"{SCIENCE}identification/isJointObservation": None,
            f"{SCIENCE}identification/diagnosticModeFlag": [1, 2],  # not a scalar
            f"{SCIENCE}identification/productDoi": "(NOT SPECIFIED)",
        },
    )
    data = stacked(tmp_path, paths, terms=("HHHH", "HVHV"))
    counted = Stack(tmp_path / "stack.zarr", valid_samples_only=True)
    made = summarized(tmp_path, counted, "HHHH")
    of_terms = {"series": {"HHHH": made.mean_series}, "no_echo": {"HHHH": made.no_echo}}
    dates(data=counted.data, **of_terms, table=tmp_path / "dates.csv")
    first, second = tables.read(tmp_path / "dates.csv", dtype=str).to_dict("records")
    assert list(first) == [*COLUMNS, "n_no_echo_HHHH", "valid_fraction", "incidence_mean_deg"]
    assert first | {
        "time": "2025-11-23T23:47:39", "granules": paths[0].stem, "track": "26", "direction": "A", "frames": "16",
        "mode": "2005", "crid": "X05009", "maturity": "PROVISIONAL", "polarizations": "DHDH",
        "product_doi": "10.5067/NIL2GCOV-P1", "software_version": "0.25.7", "joint_observation": "True",
        "diagnostic_mode": "2", "noise_correction_applied": "True", "rfi_mitigation_applied": "False",
        "rfi_likelihood_HH": "0.125", "rfi_likelihood_HV": "",
    } == first  # fmt: skip
    assert float(first["valid_fraction"]) == np.isin(data["mask"][0], range(1, 255)).mean()
    assert {second[name] for name in COLUMNS[9:]} == {""}
    assert data["joint_observation"].values.tolist() == ["True", ""]
    np.testing.assert_array_equal(data["rfi_likelihood_HH"], [0.125, np.nan])
    assert set(COLUMNS[9:]) < set(data["HHHH"].coords)


def test_granules_of_one_pass_share_a_row(band, write, tmp_path):
    north, south = write(band(), frame=16), write(band(), frame=17, start=FIRST + timedelta(seconds=34))
    for path, doi, likelihood in ((north, "a", 0.25), (south, "b", 0.75)):
        restate(path, {f"{SCIENCE}identification/productDoi": doi, LIKELIHOOD.format("HH"): likelihood})
    dates(data=stacked(tmp_path, [north, south]), series={}, no_echo={}, table=tmp_path / "dates.csv")
    (row,) = tables.read(tmp_path / "dates.csv", dtype=str).to_dict("records")
    assert row["granules"] == f"{north.stem} {south.stem}" and row["frames"] == "16 17" and row["track"] == "26"
    assert (row["product_doi"], row["rfi_likelihood_HH"], row["mode"]) == ("a b", "0.5", "2005")


JOINT, NOISE, RFI, MODE = (
    f"{SCIENCE}identification/isJointObservation",
    f"{PARAMETERS}noiseCorrectionApplied",
    f"{PARAMETERS}rfiMitigationApplied",
    f"{SCIENCE}identification/diagnosticModeFlag",
)
FREQUENCY = f"{SCIENCE}GCOV/metadata/sourceData/swaths/frequencyA/centerFrequency"


@pytest.mark.parametrize(
    ("stated", "name", "wanted"),
    [
        ([{JOINT: "False"}, {JOINT: "True"}, {JOINT: "False"}], {}, "together with the S band on 2025-12-05, unlike 2"),
        ([{NOISE: "True"}, {NOISE: "True"}, {NOISE: "False"}], {}, "noise not subtracted on 2025-12-17, unlike 2"),
        ([{RFI: "True"}, {RFI: "False"}], {}, "interference filtered on 2025-11-23, unlike 1 other date"),
        ([{MODE: np.uint8(0)}, {MODE: np.uint8(1)}], {}, "in a diagnostic mode of the radar on 2025-12-05"),
        ([{FREQUENCY: 1.229e9}, {FREQUENCY: 1.229e9}, {FREQUENCY: 1.2215e9}], {}, "1221.5 MHz on 2025-12-17, 1229 MHz"),
        ([{}], {"track": 161, "frame": 174}, "not usable before August 2026, on 2025-11-23"),
        ([{JOINT: "True"}, {JOINT: "True"}], {}, ""),
        ([{JOINT: "True"}, {JOINT: None}], {}, ""),  # nothing to compare with
        ([{}], {"track": 161, "frame": 173}, ""),
    ],
)  # fmt: skip
def test_dates_that_differ_in_what_changes_levels_are_named(stated, name, wanted, series, tmp_path):
    fragments = [fragment(tmp_path, path) for path in series(*stated, **name)]
    stack(fragments=fragments, output=tmp_path / "stack.zarr")
    said = cautions.of_stack(metadata_of(tmp_path / "stack.zarr")["attributes"])
    assert wanted in "".join(said) and len(said) == bool(wanted)
    table = pd.DataFrame({"time": [], "polarizations": [], "maturity": [], "crid": [], "n_valid": []})
    table = table.assign(mean_db=[], noise_db=[])
    assert cautions.cautions(table, term="HHHH", frequency="A", min_valid_fraction=0.5, stated=said) == said


def test_dates_of_an_earlier_version_have_empty_fields(newest, tmp_path, caplog):
    """The fragment does not hold what its granule states; it is not fetched again."""
    fragments = [fragment(tmp_path, path) for path in newest[:2]]
    document = (fragments[0] / "zarr.json").read_text()
    (fragments[0] / "zarr.json").write_text(document.replace(f'"{facts.NOTE}"', '"another"'))
    stack(fragments=fragments, output=tmp_path / "stack.zarr")
    with caplog.at_level("WARNING"):
        dates(data=store.open_store(tmp_path / "stack.zarr"), series={}, no_echo={}, table=tmp_path / "dates.csv")
    found = tables.read(tmp_path / "dates.csv", dtype=str)
    assert found["product_doi"].tolist() == ["", "10.5067/NIL2GCOV-B1"]
    assert "fields of 2025-11-23 are empty" in caplog.text
