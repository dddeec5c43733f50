"""What the headings of figures say of the view."""

import json

from gcov import headings

RECORDS = [{"track": 26, "direction": "D"}, {"track": 26, "direction": "D"}]
GRID = {"proj:code": "EPSG:32645", "spatial:transform": [20.0, 0.0, 0.0, 0.0, -20.0, 0.0]}


def test_the_view_is_said_as_far_as_it_is_known():
    known = {
        "granule_records": json.dumps(RECORDS),
        "view": json.dumps({"look": "left", "incidence_deg": 36.84}),
        **GRID,
    }
    assert headings.view(known) == "track 26 descending, looking left, incidence 36.8°, 20 m, EPSG:32645"
    nothing = {"view": json.dumps({"look": "", "incidence_deg": None})}
    assert headings.view(known | nothing) == "track 26 descending, 20 m, EPSG:32645"
    assert headings.view(GRID | {"granule_records": "[]"}) == "20 m, EPSG:32645"


def test_terms_are_said_in_words():
    assert headings.title({"aoi": "valley"}, "HVHV") == "valley, HVHV (HV, cross-polarized)"
    assert headings.title({"aoi": "valley"}, "RHRH") == "valley, RHRH (right circular to H)"
