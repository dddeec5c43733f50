"""methods.txt: each number and name in it is that of the results; what is not known is not said."""

import json
import re

import pandas as pd

from gcov.export.methods import paragraph

DATES = pd.DataFrame(
    {
        "time": pd.to_datetime(["2025-11-23T23:47:39", "2025-12-05T23:47:39", "2025-12-17T23:47:39"]),
        "track": "26", "direction": "A", "frames": ["16", "16 17", "16"], "mode": "2005", "polarizations": "DHDH",
        "crid": ["X05009", "X05009 X05010", "P05023"], "maturity": ["BETA", "BETA", "PROVISIONAL"],
        "product_doi": ["10.5067/NIL2GCOV-B1", "10.5067/NIL2GCOV-B1", "10.5067/NIL2GCOV-P1"],
        "software_version": ["0.25.7", "0.25.7", "0.26.1"], "joint_observation": ["False", "True", "False"],
        "noise_correction_applied": ["", "False", "False"], "rfi_mitigation_applied": "",
        "valid_fraction": [0.93, 0.25, 0.5],
    }
)  # fmt: skip
GEOMETRY = {
    "incidence_deg": {"min": 33.14, "mean": 35.55, "max": 38.01}, "look": "left", "heading_deg": 348.04,
    "posting_m": 20.0, "epsg": 32645,
}  # fmt: skip
LOOKS = {
    "HHHH": {"looks": 9.13, "given": None, "looks_multilooked": 61.27, "multilook": 3},
    "HVHV": {
        "DHDH": {"looks": 8.1, "given": 7.77, "looks_multilooked": None, "multilook": 3},
        "SHSH": {"looks": None, "given": None, "looks_multilooked": None, "multilook": 3},
    },
}
ATTRIBUTES = {"frequency": "A", "aoi_bbox": [83.9, 28.1, 84.0, 28.2], "n_pixels": 378125, "software": "workflow 0.2.0"}
SETTINGS = {
    "terms": ["HHHH", "HVHV"], "valid_samples_only": True, "multilook": 3, "significance": 0.02, "min_change_db": 1.5,
    "changes": {"felling": {"before": ("2025-11-23", "2025-12-04"), "after": ("2025-12-05", "2025-12-18")}},
    "change_history": True, "baseline": ("2025-10-01", "2025-10-31"), "filter_window": 5,
    "min_valid_fraction": 0.6, "change_reference": {"zone": "forest"},
}  # fmt: skip
NOTHING = SETTINGS | {"changes": {}, "change_history": False, "baseline": None, "filter_window": None, "multilook": 1}


def numbers(text: str) -> set[str]:
    """Numbers in a text, without those in names."""
    return set(re.findall(r"(?<![\w.,/-])\d[\d,]*(?:\.\d+)?(?![\w/-])", text.replace(",", "")))


def test_every_number_is_of_the_results():
    text = paragraph(DATES, GEOMETRY, LOOKS, ATTRIBUTES, SETTINGS)
    for words in (
        "(doi:10.5067/NIL2GCOV-B1, 10.5067/NIL2GCOV-P1) of 3 dates, 2025-11-23 to 2025-12-17 (track 26 ascending, frame"
        " 16, 17; mode 2005, polarizations DHDH; frequency A)",
        "2 dates BETA, 1 date PROVISIONAL; composite release identifiers: X05009 (2 dates), X05010 (1 date), P05023 (1",
        "ISCE3 0.25.7, 0.26.1; noise subtracted on 0 of 2 dates; acquired together with the S band on 1 of 3 dates.",
        "HHHH, HVHV was taken for the area from 83.9 to 84 degrees east and 28.1 to 28.2 degrees north (378,125 samples"
        " of 20 m, EPSG:32645)",
        "looked to the left, its heading was 348.0 degrees from north, the incidence angle 33.1 to 38.0 degrees",
        "25.0 to 93.0 % of the area",
        "HHHH 9.13 (estimated from log-ratios of dates, 61.27 for cells), HVHV DHDH 7.77 (given). Cells are",
        "felling compares 2025-11-23 to 2025-12-04 with 2025-12-05 to 2025-12-18 by the F test of the ratio of means at"
        " a significance of 0.02, for changes beyond 1.5 dB.",
        "dates with less than 60 % of the best date's samples were left out, and each date was divided by its median"
        " over the zone forest.",
        "same season of 2025-10-01 to 2025-10-31",
        "windows of 5 x 5 samples",
        "Software: workflow 0.2.0.",
    ):
        assert words in text
    known = json.dumps([DATES.astype(str).to_dict(), GEOMETRY, LOOKS, ATTRIBUTES, SETTINGS])
    counted = {"0", "1", "2", "3", "16", "17", "254"}  # dates; the mask's values
    rounded = {"348.0", "33.1", "38.0", "35.5", "25.0", "93.0", "84", "20", "60"}
    assert {n for n in numbers(text) if n not in known} <= counted | rounded | {"2016", "2001"}


def test_what_is_not_known_or_not_made_is_not_said():
    dates = DATES.assign(product_doi="", software_version="", joint_observation="", noise_correction_applied="")
    view = {"incidence_deg": {"min": None, "mean": None, "max": None}, "look": None, "heading_deg": None}
    text = paragraph(dates, GEOMETRY | view, {}, ATTRIBUTES, NOTHING)
    absent = ("doi", "ISCE3", "They state", "noise", "S band", "radar looked", "incidence", "looks", "Change", "None")
    assert not [words for words in (*absent, "nan", "filter", "season") if words in text]
