"""The configuration: what is refused and with which message, and which defaults are filled in."""

import datetime
import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import shapely
import yaml
from helpers import REPO
from pyproj import Transformer

from gcov.errors import GcovError
from gcov.inputs import schema
from gcov.inputs.config import check_yaml, read_config, read_polygon
from gcov.inputs.settings import entry_of

BOX = [83.9, 28.1, 84.0, 28.2]
SQUARE = "POLYGON ((83.9 28.1, 84 28.1, 84 28.2, 83.9 28.2, 83.9 28.1))"


def read(entry=None, **top) -> dict:
    """The areas of interest of a configuration of one, `x`."""
    return read_config({"aois": {"x": {"bbox": BOX} if entry is None else entry}, **top})[1].aois


def refusal(config: dict) -> str:
    with pytest.raises(GcovError) as caught:
        read_config(config)
    return str(caught.value)


def yaml_refusal(tmp_path, text: str | bytes) -> str:
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(GcovError) as caught:
        check_yaml(path)
    return str(caught.value)


SEARCH = "aois.x.search"
CHANGE = {"before": ["2025-11-01", "2025-12-10"], "after": ["2025-12-11", "2026-01-31"]}
BAD_ENTRIES = [
    ({"bbox": BOX, "filter_window": 4}, "aois.x.filter_window: holds 4; should be odd"),
    ({"bbox": BOX, "indices": ["NDVI"]}, 'aois.x.indices.0: holds "NDVI"; should be RVI, RFDI or a ratio of two'),
    ({"bbox": BOX, "indices": ["HHHH/HHHH"]}, "aois.x.indices: HHHH/HHHH is 1 everywhere"),
    ({"bbox": BOX, "indices": ["RVI"]}, "aois.x.indices: RVI needs HVHV; terms are HHHH"),
    ({"bbox": BOX, "changes": {"a b": CHANGE}}, "aois.x.changes.a b: a change becomes the name of files"),
    ({"bbox": BOX, "changes": {"c": {"before": CHANGE["before"]}}}, "aois.x.changes.c.after: missing"),
    ({"bbox": BOX, "changes": {"c": {**CHANGE, "after": ["2025-12-10", "2025-12-30"]}}}, "without a day in common"),
    ({"bbox": BOX, "changes": {"c": {"before": CHANGE["after"], "after": CHANGE["before"]}}}, "one after the other"),
    ({"bbox": BOX, "changes": {"c": {**CHANGE, "before": ["2025-12-01", "2025-11-30"]}}}, "c.before: holds no day"),
    ({"bbox": BOX, "changes": {"c": {**CHANGE, "after": ["2026-01-01", "2026-02-30"]}}}, "2026-02-30 is not a date"),
    # what is wrong, where it is said to be, what it should be
    ({"box": BOX}, "aois.x.box: unknown key; did you mean 'bbox'?"),
    ({"bbox": BOX, "search": {"strat": "2025-11-22"}}, "aois.x.search.strat: unknown key; did you mean 'start'?"),
    ({"bbox": BOX, "search": {"xyz": 1}}, "aois.x.search.xyz: unknown key; known keys here: start, end,"),
    ({"bbox": [84, 28, 83, 29]}, "aois.x.bbox: west 84.0 is not less than east 83.0"),
    ({"bbox": [179, -17, -179, -16]}, "antimeridian must be split into two AOIs"),
    ({"bbox": [83, 29, 84, 28]}, "aois.x.bbox: south 29.0 is not less than north 28.0"),
    ({"bbox": [28, 83, 29, 98]}, "aois.x.bbox: [28.0, 83.0, 29.0, 98.0] is out of range"),
    ({"bbox": [200_000, 3_100_000, 210_000, 3_110_000]}, "should be [west, south, east, north] in degrees"),
    ({"bbox": "83, 28, 84, 29"}, 'aois.x.bbox: holds "83, 28, 84, 29"; should be [west, south, east, north]'),
    (
        {"bbox": BOX, "search": {"start": "2025-12-01", "end": "2025-11-30"}},
        f"{SEARCH}: end 2025-11-30 is before start 2025-12-01",
    ),
    ({"bbox": BOX, "search": {"start": "2025-02-30"}}, f"{SEARCH}.start: 2025-02-30 is not a date"),
    ({"bbox": BOX, "search": {"start": "22.11.2025"}}, f'{SEARCH}.start: holds "22.11.2025"; should be a date'),
    ({"bbox": BOX, "search": {"relative_orbit": 174}}, "holds 174; should be the track, a whole number from 1 to 173"),
    ({"bbox": BOX, "search": {"frame": [16, 177]}}, f"{SEARCH}.frame: holds [16, 177]; should be a whole number"),
    ({"bbox": BOX, "search": {"flight_direction": "up"}}, 'holds "up"; should be ASCENDING or DESCENDING'),
    ({"bbox": BOX, "search": {"mode": "20"}}, 'holds "20"; should be four digits as in the granule name'),
    ({"bbox": BOX, "search": {"polarizations": "HH"}}, "should be four letters as in the granule name"),
    ({"bbox": BOX, "search": {"maturity": "BETA"}}, "should be a list of BETA, PROVISIONAL, VALIDATED"),
    ({"bbox": BOX, "search": {"intersects": "POINT(84.1, 28)"}}, f"{SEARCH}.intersects: not WKT"),
    ({"bbox": BOX, "search": {"intersects": "MULTIPOINT(84 28)"}}, "should be POLYGON, LINESTRING or POINT"),
    ({"bbox": BOX, "search": {"intersects": "POINT EMPTY"}}, "intersects: not a valid Point: it is empty"),
    (
        {"bbox": BOX, "search": {"intersects": "POLYGON ((84 28, 85 29, 85 28, 84 29, 84 28))"}},
        "intersects: not a valid Polygon: Self-intersection",
    ),
    ({"bbox": BOX, "terms": "HHHH"}, 'aois.x.terms: holds "HHHH"; should be a list of covariance terms'),
    ({"bbox": BOX, "terms": ["HH"]}, 'aois.x.terms.0: holds "HH"; should be a covariance term such as HHHH'),
    ({"bbox": BOX, "valid_samples_only": "no"}, 'aois.x.valid_samples_only: holds "no"; should be true or false'),
    ({"bbox": BOX, "geotiff": ["dB"]}, 'aois.x.geotiff.0: holds "dB"; should be power, db, sigma0, statistics'),
    (
        {"bbox": BOX, "terms": ["HHVV"], "change_history": True, "geotiff": ["power"]},
        "aois.x: change_history, geotiff would make nothing, because HHVV are off-diagonal terms; add a diagonal one",
    ),
    ({"bbox": BOX, "geotiff": ["filtered"]}, "aois.x.geotiff: filtered are not made: set filter_window as well"),
    ({"bbox": BOX, "geotiff": ["sigma0"]}, "sigma0 are not made: set layers: [rtcGammaToSigmaFactor] as well"),
    ({"bbox": BOX, "baseline": "2025-11-01"}, 'aois.x.baseline: holds "2025-11-01"; should be [first day, last day]'),
    ({"bbox": BOX, "baseline": ["2025-11-01", "2025-11-31"]}, "aois.x.baseline: 2025-11-31 is not a date"),
    ({"bbox": BOX, "baseline": ["2026-11-01", "2025-11-01"]}, "baseline: holds no day, because 2026-11-01 is after"),
    (
        {"bbox": BOX, "zones": "z.gpkg", "change_history": True, "changes": {"history": CHANGE}},
        "aois.x.changes.history: zone_changes.csv calls",
    ),
    ({"bbox": BOX, "granules": "data/*.h5"}, 'aois.x.granules: holds "data/*.h5"; should be a list of local files'),
    (
        {"bbox": BOX, "granules": ["https:///x.h5?SECRET"]},
        "https:///x.h5?... is not a valid address: should be https://HOST/",
    ),
    ({"bbox": BOX, "granules": ["https://[host/x.h5"]}, "https://[host/x.h5 is not a valid address: Invalid IPv6 URL"),
    (
        {"bbox": BOX, "granules": ["a.h5"], "search": {"frame": 16}},
        "give either granules (files, s3:// objects, URLs) or",
    ),
    ({}, "aois.x: give either bbox: [west, south, east, north] or polygon: a file or WKT"),
    ({"bbox": BOX, "polygon": SQUARE}, "aois.x: give either bbox"),
    ({"polygon": "aoi.geojson"}, "aois.x.polygon: 'aoi.geojson' is neither a file (in "),
    ({"polygon": "POLIGON" + SQUARE[7:] * 20}, "nor WKT beginning with POLYGON"),  # longer than a file name may be
    ({"polygon": "POLYGON ((83 28, 84 28, 84 29"}, "cannot be read as WKT or GeoJSON"),
    ({"polygon": "POLYGON EMPTY"}, "should hold one or more polygons"),
    ({"polygon": "POLYGON ((83 28, 84 29, 84 28, 83 29, 83 28))"}, "is not a valid polygon: Self-intersection"),
    ({"polygon": "POLYGON ((2e5 3e6, 3e5 3e6, 3e5 4e6, 2e5 3e6))"}, "aois.x.polygon: [200000.0"),
]


@pytest.mark.parametrize(("entry", "message"), BAD_ENTRIES)
def test_bad_entry(entry, message):
    found = refusal({"aois": {"x": entry}})
    assert found.startswith("config: aois.x")
    assert message in found
    assert "SECRET" not in found


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "config: aois: missing"),
        ({"aois": {}}, "config: aois: holds {}; should be one entry per area of interest"),
        ({"aois": {"x": {"bbox": BOX}}, "trems": ["HHHH"]}, "config: trems: unknown key; did you mean 'terms'?"),
        ({"aois": {"x": {"bbox": BOX}}, "archive": {"cmr_host": "https://cmr"}}, "should be a host name"),
        ({"aois": {"x": {"bbox": BOX}}, "archive": {"credentials_url": "http://x"}}, "should be the https address"),
        ({"aois": {"x": {"bbox": BOX}}, "stretch": {"HVHV": [-20, 0]}}, "stretch.HVHV: no AOI shows this term"),
        ({"aois": {"x": {"bbox": BOX}}, "stretch": {"HHHH": [0, -20]}}, "stretch.HHHH: 0 is not below -20"),
        ({"aois": {"x": {"bbox": BOX}}, "stretch": {"HHHH": [-20]}}, "lowest and highest level in dB"),
        ({"aois": {"x": {"bbox": BOX, "stretch": {}}}}, "it belongs at the top level"),
    ],
)
def test_bad_configuration(config, message):
    assert message in refusal(config)


HTTPS = [
    "https://joe:SECRET@host/X.h5",
    "https://SECRET@host/X.h5",
    "https://joe:SEC/RET@host/X.h5",
    "HTTPS://joe:SECRET@host/X.h5",
    "https:/joe:SECRET@host/X.h5",
    " https://joe:SECRET@host/X.h5",
    "https://host/X.h5#tok=SECRET",
    "https://host/X.h5;tok=SECRET",
    "https://host/X.h5?a=SECRET#SECRET",
    "https://host?tok=SECRET",
    "https://host:SECRET/X.h5",
    "https://[::1]/X.h5?tok=SECRET#SECRET",
    "s3://key:SECRET@bucket/X.h5",
    "s3://bucket/X.h5?tok=SECRET",
    "s3://bucket/*.h5#SECRET",
    "ftp://joe:SECRET@host/X.h5",
]


@pytest.mark.parametrize("address", HTTPS)
def test_addresses_of_granules_that_hold_secrets_are_refused(address):
    for granules in ([address], address, {address: 1}, [[address]]):
        found = refusal({"aois": {"x": {"bbox": BOX, "granules": granules}}})
        assert found.startswith("config: aois.x.granules") and not re.search("SEC|RET|tok", found)


@pytest.mark.parametrize(
    "address",
    ["https://key:SECRET@host/a", "https://host/a?tok=SECRET", "https://host/a#SECRET", "https://host/a;tok=SECRET"],
)
@pytest.mark.parametrize(
    "config",
    [
        lambda address: {"archive": {"s3_endpoint": address}},
        lambda address: {"archive": {"credentials_url": address}},
        lambda address: {"archive": {"buckets": {"mine": {"endpoint_url": address}}}},
        lambda address: {"archive": {"buckets": {"mine": {"profile": address}}}},
        lambda address: {"archive": {"cmr_host": address}},
        lambda address: {"archive": {address: 1}},
        lambda address: {"basemap": f"{address}/{{z}}/{{x}}/{{y}}.png"},
        lambda address: {"aois": {"x": {"polygon": address}}},
        lambda address: {"aois": {"x": {"bbox": BOX, "zones": address}}},
        lambda address: {"aois": {"x": {"bbox": BOX, "rainfall": address}}},
        lambda address: {"aois": {address: {"bbox": BOX}}},
        lambda address: {"aois": {"x": {"bbox": BOX, "search": {"intersects": address}}}},
        lambda address: {"zone_name": address},
    ],
)
def test_secrets_in_any_other_address_are_refused(config, address):
    found = refusal({"aois": {"x": {"bbox": BOX}}, **config(address)})
    assert not re.search("SECRET|tok|key:", found) and "host/a" in found


def test_addresses_without_secrets_pass():
    buckets = {"mine": {"endpoint_url": "http://127.0.0.1:9000/s3"}}
    archive = {"s3_endpoint": "https://[::1]:9000", "buckets": buckets}
    granules = [
        "s3://bucket/a@b/y?ar=2025/*/NISAR_[1].h5",
        "https://host:8443/a%20b/X.h5?Signature=a@b;c",
        "data/x#1;2@home?.h5",
    ]
    config = {"aois": {"x": {"bbox": BOX, "granules": granules}}, "archive": archive}
    found = read_config({**config, "basemap": "https://tiles/{z}/{x}/{y}@2x.png"})[1]
    assert found.aois["x"].granules == (granules[0], "https://host:8443/a%20b/X.h5", granules[2])
    assert found.archive.signed == {"https://host:8443/a%20b/X.h5": granules[1]}


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a b", "", "é", "a.b", "~", "{aoi}", "a\\b"])
def test_names_that_are_no_folder_are_refused(name):
    found = refusal({"aois": {name: {"bbox": BOX}}})
    assert found == f"config: aois.{name}: an AOI becomes a folder under results/: use letters, digits, _ and - only"


@pytest.mark.parametrize("name", ["a\n", "\n", "a\nb"])
def test_names_with_a_line_break_are_refused(name):
    found = refusal({"aois": {name: {"bbox": BOX}}})
    assert f"config: aois.{name!r}: an AOI becomes a folder" in found and "\n" not in found


@pytest.mark.parametrize(
    "entry", [{"terms": ["HHHH\n"]}, {"search": {"mode": "2005\n"}}, {"search": {"polarizations": "DHDH\n"}}]
)
def test_texts_that_end_in_a_line_break_are_refused(entry):
    assert "should be" in refusal({"aois": {"x": {"bbox": BOX, **entry}}})


def test_names_that_differ_only_in_case_are_refused():
    found = refusal({"aois": {"Lake": {"bbox": BOX}, "lake": {"bbox": BOX}}})
    assert found == "config: aois.Lake and aois.lake: would be one folder on some computers; rename one"


@pytest.mark.parametrize("names", [("c", "C"), ("felling", "burn", "Felling"), ("a-B", "A-b")])
@pytest.mark.parametrize("everywhere", [True, False])
def test_names_of_changes_that_differ_only_in_case_are_refused(names, everywhere):
    key = {"changes": dict.fromkeys(names, CHANGE)}
    config = {"aois": {"x": {"bbox": BOX, **({} if everywhere else key)}}, **(key if everywhere else {})}
    one, other = names[0], names[-1]
    wanted = (
        f"config: aois.x.changes.{one} and aois.x.changes.{other}: would be one folder on some computers; rename one"
    )
    assert refusal(config) == wanted


@pytest.mark.parametrize("name", ["con", "NUL", "Com1", "lpt9"])
def test_names_that_windows_reserves_are_refused(name):
    wanted = f"{name}: no folder or file can have this name on Windows; rename it"
    assert refusal({"aois": {name: {"bbox": BOX}}}) == f"config: aois.{wanted}"
    found = refusal({"aois": {"x": {"bbox": BOX, "changes": {name: CHANGE}}}})
    assert found == f"config: aois.x.changes.{wanted}"
    assert read_config({"aois": {f"{name}0a": {"bbox": BOX}}})


def numeric_keys() -> list[str]:
    """The keys of the schema that hold a number, so that a new one is tested as well."""
    known = schema.schema()["$defs"]
    return [
        key
        for key, entry in known.items()
        if key in known["aoi"]["properties"] and re.search("number|integer", str(entry))
    ]


BEYOND = {  # values beyond the limits of keys
    "point_size": (0, 100_001), "min_valid_fraction": (-0.01, 50), "multilook": (0, 101), "significance": (0, 1),
    "looks": (0, 1001, {"DH": 9.3}, {"DHDH": 0}), "min_change_db": (-0.1, 20.1), "min_patch_ha": (-1,),
    "confirm_dates": (0,), "calibration_db": (-0.1, 20.1), "filter_window": (1, 53), "explore_megabytes": (0.9,),
}  # fmt: skip


def test_every_key_that_holds_a_number_has_a_limit():
    known = schema.schema()["$defs"]
    assert {key for key in numeric_keys() if not re.search("imum", str(known[key]))} <= {"layers"}


@pytest.mark.parametrize("key", BEYOND)
def test_limits_of_numbers(key):
    for value in BEYOND[key]:
        found = refusal({"aois": {"x": {"bbox": BOX, key: value}}})
        assert found.startswith(f"config: aois.x.{key}: holds {json.dumps(value)}; should be "), value


@pytest.mark.parametrize("value", [float("nan"), -float("inf")])
@pytest.mark.parametrize("key", numeric_keys())
def test_numbers_are_finite(key, value):
    for config in ({"aois": {"x": {"bbox": BOX, key: value}}}, {"aois": {"x": {"bbox": BOX}}, key: value}):
        found = refusal(config)
        assert f"{key}: holds" in found and ".nan and .inf are out of range" in found


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_in_lists_and_mappings_are_finite(value):
    entries = [{"looks": {"DHDH": value}}, {"search": {"relative_orbit": value}}, {"search": {"frame": [value]}}]
    for entry in [*entries, {"bbox": [1, 2, 3, value]}, {"bbox": [value, 2, 3, 4]}]:
        assert "should be" in refusal({"aois": {"x": {"bbox": BOX, **entry}}})


@pytest.mark.parametrize("entry", [{"multilook": 3.0}, {"filter_window": 5.0}, {"search": {"relative_orbit": 26.0}}])
def test_whole_numbers_have_no_decimal_point(entry):
    """Snakemake would take 3.0 for another setting than 3, and Python does not count rows with it."""
    assert refusal({"aois": {"x": {"bbox": BOX, **entry}}}).endswith("(without a decimal point)")
    assert "holds [16.0, 17]" in refusal({"aois": {"x": {"bbox": BOX, "search": {"frame": [16.0, 17]}}}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("looks", 9),
        ("looks", 9.0),
        ("looks", {"SHSH": 4, "DHDH": 9.5}),
        ("multilook", 3),
        ("significance", 0.05),
        ("min_valid_fraction", 1),
        ("min_change_db", 0.0),
        ("explore_megabytes", 30),
        ("changes", {"z": {"after": CHANGE["after"], "before": CHANGE["before"]}, "a": CHANGE}),
        ("change_reference", "scene"),
        ("indices", ["HVHV/HHHH", "RVI"]),
    ],
)
def test_values_stay_as_they_are_written(key, value):
    """Snakemake compares the text of parameters: 9.0 in place of 9, or another order of keys, makes products again."""
    bands = {"terms": ["HHHH", "HVHV"]}
    for config in (
        {"aois": {"x": {"bbox": BOX, **bands, key: value}}},
        {"aois": {"x": {"bbox": BOX}}, **bands, key: value},
        {
            "aois": {"x": {"bbox": BOX, key: value}},
            **bands,
            key: None if key in ("looks", "change_reference") else value,
        },
    ):
        completed, settings = read_config(config)
        written = repr(tuple(value) if isinstance(value, list) else value)
        assert repr(getattr(settings.aois["x"], key)) == written
        assert repr(entry_of(completed, "x")[key]) == repr(value)  # what clip looks up


def test_keys_that_are_no_text_are_refused():
    """Whatever file they come from."""
    assert "a key is False" in refusal({"aois": {False: {"bbox": BOX}}})


def test_what_holds_itself_or_is_huge_is_refused():
    circle = []
    circle.append(circle)
    deep = []
    for _ in range(2000):
        deep = [deep]
    for bbox in (circle, deep):
        assert "nested too deeply" in refusal({"aois": {"x": {"bbox": bbox}}})
    assert "aois.x.bbox.0: holds 1111" in refusal({"aois": {"x": {"bbox": [int("1" * 400), 2, 3, 4]}}})


def test_every_problem_is_told_at_once():
    found = refusal({"aois": {"x": {"bbox": [1, 2], "frequency": "C"}}, "trems": []})
    assert [line.split(":")[1].strip() for line in found.splitlines()] == ["trems", "aois.x.bbox", "aois.x.frequency"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aois:\n  x:\n    search: {relative_orbit: 026}\n", 'line 3: 026 has a leading zero, .* write 26, or "026"'),
        ("frame: 089", "line 1: 089 has a leading zero"),  # not octal: YAML would make it text
        ("aois:\n  007: {}\n", "line 2: 007 has a leading zero"),
        ("aois:\n  x: 1\n  x: 2\n", "line 3: 'x' is given twice"),
        ("aois:\n  NO: {bbox: [5, 58, 6, 59]}\n", 'line 2: NO is read as False by YAML: write "NO"'),
        ("aois:\n  12_3: {bbox: [5, 58, 6, 59]}\n", "line 2: 12_3 is read as 123 by YAML"),
        ("search:\n  end: 2025-11-31\n", "line 2: 2025-11-31 is not a date: day is out of range for month"),
        ("aois: {x: {bbox: [1, 2, 3}}", "line 1: not valid YAML"),
        ("aois: {x: {bbox: {{ bbox }}}}", "line 1: a key must be text"),
        ("", "no keys; it should hold at least `aois:`"),
        (b"aois: {x: 1} # caf\xe9\n", "not UTF-8 text"),
        ("aois:\n  x: &x\n    bbox: [1, *x]\n", r"line 2: this contains itself"),
        ("aois: " + "[" * 2000 + "]" * 2000, "nested too deeply"),
        (f"aois:\n  x: {{bbox: [{'1' * 400}, 2, 3, 4]}}", r"line 2: 1111111111\.\.\. is a number of 400 digits"),
        ("aois:\n  x: {bbox: [1:30, 2, 3, 4]}", 'line 2: 1:30 is read as 90 by YAML .*write "1:30" as text'),
    ],
)
def test_yaml_traps(tmp_path, text, message):
    assert re.search(f"config.yaml.*{message}", yaml_refusal(tmp_path, text), re.DOTALL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aois:\n\tx: 1\n", "line 2: not valid YAML: a tab: indent with spaces$"),
        ("aois:\n  x:\n  \tbbox: [1]\n", "line 3: .* a tab: indent with spaces"),
        ("aois:\n  x:\n    bbox: [1]\n      terms: [2]\n", "line 4: .* is not indented like those"),
        (" aois:\n  x: 1\nterms: [2]\n", "line 3: .* is not indented like those"),
        ("aois:\n  x:\n    bbox:[1]\n    terms: [2]\n", "line 4: .* write a blank after each `key:`.* the line above"),
        ("a: b: c\n", "line 1: .* put a text with a colon in quotes"),
        ("aois:\n  x:\n    bbox: [1, 2\n    terms: [2]\n", "line 4: .* that begins in line 3 is not closed"),
        ('aois:\n  x: "abc\n  y: 1\n', "line 4: .* that begins in line 2 has no closing quote"),
        ("granules:\n  - *.h5\n", "line 2: .* in quotes: .\\*\\.h5"),
        ("a: @x\n", "line 1: .* in quotes"),
        ("a: 'x'y\n", "line 1: .* something follows a text"),
        ('a: "\\d"\n', "line 1: .* a backslash"),
        ("a: 1\n---\nb: 2\n", "line 2: .* a second document"),
        ("a: 1\nb: \x07\n", "line 2: .* a control character, #x07"),
    ],
)
def test_broken_yaml_in_plain_words(tmp_path, text, message):
    found = yaml_refusal(tmp_path, text)
    assert re.search(f"config.yaml, {message}", found) and "block" not in found and "\n" not in found


@pytest.mark.parametrize("key", ["mode", "zone_name", "zone", "rainfall", "profile"])
def test_a_text_with_leading_zeros_is_to_be_quoted(tmp_path, key):
    assert yaml_refusal(tmp_path, f"a:\n  {key}: 0005\n").endswith('which YAML reads as octal: write "0005"')
    path = tmp_path / "config.yaml"
    path.write_text(f'{key}: "0005"\n')
    check_yaml(path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"valid_samples_only": "false"}, "holds .false.; .* command line: --config valid_samples_only=False"),
        ({"statistics": "yes"}, "statistics: holds .yes.; .* --config statistics=True"),
        ({"explore_megabytes": "null"}, r"explore_megabytes: holds .*without quotes.* --config explore_megabytes=\)$"),
        ({"looks": "~"}, "looks: holds .*without quotes"),
        ({"multilook": "3"}, "multilook: holds .3.; .*this is text: write it without quotes"),
        ({"aois": {"x": {"bbox": [1, 2, "3", 4]}}}, "bbox.2: holds .3.; .*this is text"),
        ({"aois": {"x": None}, "bbox": BOX}, "bbox: unknown key; it belongs under an area of interest: check"),
        ({"aois": {"x": {"bbox": BOX, "relative_orbit": 26}}}, "aois.x.relative_orbit: .* it belongs under search"),
        ({"aois": {"x": {"bbox": BOX, "basemap": None}}}, "aois.x.basemap: .* it belongs at the top level"),
        ({"endpoint": 1, "buckets": {}}, "unknown key"),
    ],
)
def test_texts_and_misplaced_keys_have_a_hint(config, message):
    assert re.search(message, refusal({"aois": {"x": {"bbox": BOX}}, **config}))


@pytest.mark.parametrize("bbox", [[28.1, 83.9, 28.2, 98.2], [60, 120, 61, 121], [-35, 148, -34, 149]])
def test_exchanged_coordinates_are_called_so(bbox):
    shape = shapely.box(*bbox).wkt
    for entry in ({"bbox": bbox}, {"polygon": shape}):
        assert "Latitude and longitude may be exchanged." in refusal({"aois": {"x": entry}})
    assert "exchanged" not in refusal({"aois": {"x": {"bbox": [179, -17, -179, -16]}}})


@pytest.mark.parametrize(
    "polygon",
    [
        "POLYGON ((179 -17, -179 -17, -179 -16, 179 -16, 179 -17))",
        "MULTIPOLYGON (((179 -17, 180 -17, 180 -16, 179 -17)), ((-180 -17, -179 -17, -180 -16, -180 -17)))",
    ],
)
def test_a_polygon_across_180_degrees_is_refused_as_a_box_is(tmp_path, polygon):
    for text in (polygon, str(tmp_path / "aoi.geojson")):
        (tmp_path / "aoi.geojson").write_text(json.dumps(shapely.geometry.mapping(shapely.from_wkt(polygon))))
        assert "antimeridian must be split into two AOIs, one on" in refusal({"aois": {"x": {"polygon": text}}})
    assert read({"polygon": "POLYGON ((179 -17, 180 -17, 180 -16, 179 -17))"})["x"].bbox == (179, -17, 180, -16)


def test_a_projected_polygon_across_180_degrees_is_refused(tmp_path):
    outline = shapely.box(5.5e5, 8e6, 7e5, 8.1e6)
    (tmp_path / "aoi.geojson").write_bytes(geojson("EPSG:32660", shapely.geometry.mapping(outline)))
    assert "antimeridian" in refusal({"aois": {"x": {"polygon": str(tmp_path / "aoi.geojson")}}})


def test_of_another_workflows_file_only_our_sections_are_checked(tmp_path):
    path = tmp_path / "theirs.yaml"
    path.write_text("code: 026\nsamples: {NO: 1}\ngcov: {aois: {x: {bbox: [1, 2, 3, 4]}}}\n")
    check_yaml(path, ours=False)
    path.write_text("code: 026\nsar:\n  gcov:\n    aois: {}\n    search: {relative_orbit: 026}\n")
    with pytest.raises(GcovError, match=r"^[^\n]*theirs.yaml, line 5: 026 has a leading zero[^\n]*$"):
        check_yaml(path, ours=False)


def test_numbers_that_yaml_reads_as_written_pass(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text('a: 0\nb: 0.05\nc: -0.5\nd: "026"\ne: 2025-11-22\nf: 10\n2005: x\n2025-11-22: y\n')
    check_yaml(path)
    check_yaml(tmp_path / "missing.yaml")  # snakemake's to name


def test_an_aoi_overrides_what_holds_for_all():
    days = [datetime.date(2025, 11, 1), datetime.date(2026, 10, 31)]  # as YAML reads them
    top = {"frequency": "B", "terms": ["HHHH", "HVHV"], "valid_samples_only": False, "geotiff": ["db"], "multilook": 3}
    top |= {"indices": ["RVI"], "looks": {"DHDH": 9.3}, "changes": {"c": CHANGE}}
    own = {"frequency": "A", "terms": ["VVVV"], "valid_samples_only": True, "geotiff": ["power"], "multilook": 5}
    own |= {"indices": [], "looks": 4, "zones": "z.gpkg", "calibration_db": 0, "baseline": days}
    own |= {"explore_megabytes": None}
    aois = read_config({"aois": {"x": {"bbox": BOX}, "y": {"bbox": BOX, **own}}, **top})[1].aois
    wanted = {key: tuple(value) if isinstance(value, list) else value for key, value in top.items()}
    wanted |= {"zones": None, "calibration_db": 0.3, "baseline": None, "explore_megabytes": 24}
    assert {key: getattr(aois["x"], key) for key in wanted} == wanted and hash(aois["x"])
    wanted = {key: tuple(value) if isinstance(value, list) else value for key, value in own.items()}
    wanted |= {"baseline": ("2025-11-01", "2026-10-31"), "changes": {"c": CHANGE}}
    assert {key: getattr(aois["y"], key) for key in wanted} == wanted
    quad = {"bbox": BOX, "terms": ["HHHH", "HVHV", "VVVV"], "indices": ["RVI", "VVVV/HHHH"]}
    assert read(quad)["x"].indices == ("RVI", "VVVV/HHHH")


@pytest.mark.parametrize(
    ("layers", "read_from_granules"),
    [
        (["localIncidenceAngle"], ("HHHH", "rtcGammaToSigmaFactor")),
        (["rtcGammaToSigmaFactor", "localIncidenceAngle"], ("HHHH", "rtcGammaToSigmaFactor")),
        (["localIncidenceAngle", "numberOfLooks"], ("HHHH", "rtcGammaToSigmaFactor", "numberOfLooks")),
    ],
)
def test_the_local_incidence_angle_is_computed_from_the_factor(layers, read_from_granules):
    """It changes what is read only where the factor is not read already, so that nothing is fetched again."""
    aoi = read({"bbox": BOX, "layers": layers, "geotiff": ["sigma0"]})["x"]
    assert aoi.names == read_from_granules and aoi.computed_layers == ["localIncidenceAngle"]


def test_searches_are_merged_key_by_key():
    own = {"bbox": BOX, "search": {"end": "2025-11-22", "frame": [16, 17]}}  # one day is a whole day
    found = read(own, search={"start": "2025-11-22", "frame": 3, "flight_direction": "ASCENDING"})["x"].search
    assert found == {
        "start": "2025-11-22T00:00:00",
        "end": "2025-11-22T23:59:59",
        "frame": [16, 17],
        "flight_direction": "ASCENDING",
    }


def test_a_merged_search_is_checked_as_a_whole():
    own = {"bbox": BOX, "search": {"end": "2025-01-01"}}
    assert "aois.x.search: end 2025-01-01 is before start 2025-11-22" in refusal(
        {"aois": {"x": own}, "search": {"start": "2025-11-22"}}
    )


def test_unquoted_dates_and_mode_are_taken_as_text():
    text = "{start: 2025-11-22, end: 2025-11-23 10:00:00, mode: 4005}"
    found = read({"bbox": BOX, "search": yaml.safe_load(text)})["x"].search
    assert found == {"start": "2025-11-22T00:00:00", "end": "2025-11-23T10:00:00", "mode": "4005"}


def test_diagonal_terms_are_those_with_pictures():
    aoi = read({"bbox": BOX, "terms": ["HHHH", "HHHV", "RHRH", "HVVH"]})["x"]
    assert aoi.diagonal_terms == ["HHHH", "RHRH"]


FEATURE = {
    "type": "Feature",
    "properties": {},
    "geometry": {"type": "Polygon", "coordinates": [[[83.9, 28.1, 5], [84, 28.1, 5], [84, 28.2, 5], [83.9, 28.1, 5]]]},
}
MALFORMED = ["null", "[[[83]]]", '[[["a", "b"], [1, 2], [1, 3], [1, 2]]]', "[" * 3000 + "]" * 3000]
MALFORMED += ["[[[83, 28], [84, null], [84, 29], [83, 28]]]", f"[[[{'1' * 400}, 28], [84, 28], [84, 29], [83, 28]]]"]
NOWHERE = {"type": "Feature", "properties": {}, "geometry": None}


def geojson(crs: str, geometry: dict = FEATURE["geometry"]) -> bytes:
    """A feature collection with a `crs` member, as QGIS and ogr2ogr write it."""
    member = {"type": "name", "properties": {"name": crs}}
    feature = {**FEATURE, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "crs": member, "features": [feature]}).encode()


@pytest.mark.parametrize(
    "content",
    [
        FEATURE,
        FEATURE["geometry"],
        {"type": "FeatureCollection", "features": [FEATURE, NOWHERE]},
        "POLYGON Z ((83.9 28.1 5, 84 28.1 5, 84 28.2 5, 83.9 28.1 5))\n",
        " polygon ((83.9 28.1, 84 28.1, 84 28.2, 83.9 28.1))",
    ],
)
def test_polygon_files(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aoi.txt").write_text(content if isinstance(content, str) else "\ufeff" + json.dumps(content))
    aoi = read({"polygon": "aoi.txt"})["x"]
    assert aoi.bbox == (83.9, 28.1, 84, 28.2)
    found = read_polygon(aoi.polygon, "")
    assert found.area == pytest.approx(0.005) and not found.has_z


def test_several_features_are_one_area(tmp_path):
    other = json.loads(json.dumps(FEATURE).replace("84", "85").replace("83.9", "84.9"))
    path = tmp_path / "aoi.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [FEATURE, other]}))
    found = read_polygon(str(path), "")
    assert (found.geom_type, found.area) == ("MultiPolygon", pytest.approx(0.01))
    assert found.bounds == (83.9, 28.1, 85, 28.2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x00\x27\x0a\xff\xfe", "is no text file; save the area as GeoJSON or WKT"),  # a shapefile
        (b'{"type": "FeatureCollection"}', "cannot be read as WKT or GeoJSON"),
        (json.dumps(NOWHERE).encode(), "should hold one or more polygons"),
        (b'{"type": "Point", "coordinates": [84, 28]}', "holds Point; should hold one or more polygons"),
        (b"LINESTRING (84 28, 85 28)", "holds LineString; should hold one or more polygons"),
        (b'{"type": "Polygon",\n"coordinates": [}', "cannot be read as WKT or GeoJSON: Expecting value: line 2"),
        *((f'{{"type": "Polygon", "coordinates": {bad}}}'.encode(), "config: aois.x.polygon: ") for bad in MALFORMED),
        (b'{"type": "FeatureCollection", "features": [1]}', "cannot be read as WKT or GeoJSON: not in GeoJSON's form"),
        (b'{"type": "Feature", "geometry": 5}', "cannot be read as WKT or GeoJSON"),
        (
            geojson("EPSG:999999"),
            'has a CRS that is not known: {"type": "name", "properties": {"name": "EPSG:999999"}}',
        ),
        (json.dumps({**FEATURE, "crs": {"type": "link", "properties": {"href": "x"}}}).encode(), "has a CRS that is"),
        (json.dumps({**FEATURE, "crs": "EPSG:32645"}).encode(), "has a CRS that is not known"),
    ],
)
def test_bad_polygon_files(tmp_path, content, message):
    path = tmp_path / "aoi"
    path.write_bytes(content)
    assert message in refusal({"aois": {"x": {"polygon": str(path)}}})


@pytest.mark.parametrize(
    "crs", ["urn:ogc:def:crs:EPSG::32645", "EPSG:32645", "urn:ogc:def:crs:EPSG::3857", "EPSG:4269", "ESRI:54009"]
)
def test_the_crs_of_a_geojson_is_honoured(tmp_path, crs):
    """The area of a large box is that of one with a thousand points on each edge, whatever CRS its edges are of."""
    forth = Transformer.from_crs(4326, crs, always_xy=True)
    left, bottom, right, top = forth.transform_bounds(83, 27, 85, 29)
    path = tmp_path / "aoi.geojson"
    path.write_bytes(geojson(crs, shapely.geometry.mapping(shapely.box(left, bottom, right, top))))
    found = read_polygon(str(path), "x")
    dense = shapely.segmentize(shapely.box(left, bottom, right, top), max(right - left, top - bottom) / 1000)
    back = Transformer.from_crs(crs, 4326, always_xy=True)
    wanted = shapely.transform(dense, lambda xy: np.column_stack(back.transform(*xy.T)))
    assert found.symmetric_difference(wanted).area < 1e-5 * wanted.area
    assert found.bounds == pytest.approx(wanted.bounds, abs=1e-5)


@pytest.mark.parametrize("crs", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326", None])
def test_degrees_stay_what_they_are(tmp_path, crs):
    path = tmp_path / "aoi.geojson"
    path.write_bytes(geojson(crs) if crs else json.dumps({**FEATURE, "crs": None}).encode())
    assert read_polygon(str(path), "x").bounds == (83.9, 28.1, 84, 28.2)


def test_a_polygon_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "aoi.geojson"
    path.write_bytes(geojson("EPSG:4326"))
    monkeypatch.setattr(
        Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    with pytest.raises(GcovError, match="cannot be read: Permission denied"):
        read_polygon(str(path), "x")


@pytest.mark.parametrize(
    "name", ["config/config.yaml", "demo/config/config.yaml", "examples/pokhara/config/config.yaml"]
)
def test_the_configurations_in_the_repository_are_valid(name):
    check_yaml(REPO / name)
    assert read_config(yaml.safe_load((REPO / name).read_text()))[1].aois


def test_the_config_shows_the_defaults():
    """The values at the top level of config.yaml are the defaults for keys that are left out, and of their type."""
    shown = yaml.safe_load((REPO / "config" / "config.yaml").read_text())
    filled, _ = read_config({"aois": {"x": {"bbox": BOX}}})
    for values in (shown, filled):
        del values["aois"]
    assert json.dumps(shown, sort_keys=True) == json.dumps(filled, sort_keys=True)


def test_the_config_explains_every_key():
    text = (REPO / "config" / "config.yaml").read_text()
    known = {key for part in schema.parts(schema.schema()) for key in part.get("properties", ())}
    assert {"aois", "bbox", "relative_orbit", "cmr_host", "endpoint_url", "before"} <= known
    assert [key for key in known if not re.search(rf"^[ #]*{key}:|[{{ ]{key}: ", text, re.MULTILINE)] == []


def test_the_schema_file_is_made_from_the_declared_keys():
    assert schema.FILE.read_text(encoding="utf-8") == schema.text(), "`make schema` writes it"
    assert yaml.safe_load(schema.text()) == schema.schema()
    jsonschema.Draft202012Validator.check_schema(schema.schema())


def test_every_key_and_item_says_what_it_should_hold():
    for part in schema.parts(schema.schema()):
        inner = {**part.get("properties", {}), **part.get("$defs", {})}
        inner |= {name: part[name] for name in ("items", "propertyNames", "additionalProperties") if part.get(name)}
        assert [name for name, entry in inner.items() if not {"description", "$ref"} & set(entry)] == []
        assert part.get("type") != "object" or "additionalProperties" in part
