"""Searching the archive, with a catalogue on loopback that answers like CMR, and the estimated download."""

import csv
import json
import logging
import os
from datetime import datetime, timedelta

import pytest
import shapely
from helpers import BBOX
from search import search
from servers.cmr import ARCHIVE_URL, BUCKET, CmrServer, umm_item
from servers.tls import session_tls, trust

from gcov.archive import catalog
from gcov.errors import GcovError
from gcov.inputs.config import read_config
from gcov.inputs.settings import Archive
from gcov.testing.synthetic import granule_name, partial_frame

BETA, PROVISIONAL, VALIDATED = "NISAR_L2_GCOV_BETA_V1", "NISAR_L2_GCOV_PROVISIONAL_V1", "NISAR_L2_GCOV_V1"
FOOTPRINT = [(83.5, 27.5), (85.0, 27.5), (85.0, 29.0), (83.5, 29.0)]
ELSEWHERE = [(10.0, 50.0), (12.0, 50.0), (12.0, 52.0), (10.0, 52.0)]
FIRST = datetime(2025, 11, 23, 23, 47, 39)
EVERYTHING = {
    "start": "2025-11-22T00:00:00",
    "end": "2026-02-01T23:59:59",
    "relative_orbit": 26,
    "frame": 16,
    "flight_direction": "ASCENDING",
    "mode": "2005",
    "polarizations": "DHDH",
    "maturity": ["BETA", "PROVISIONAL"],
}


def name(index: int = 0, **facts) -> str:
    return granule_name(**{"cycle": 6 + index, "start": FIRST + timedelta(days=12 * index), **facts})


def item(granule: str, collection=BETA, footprint=FOOTPRINT, **facts) -> dict:
    return umm_item(granule, collection, footprint, **facts)


# one take in both collections, another with a second counter, and what other searches are for
TAKES = {
    "first": name(0),
    "second beta": name(1, crid="X05010"),
    "second provisional": name(1, crid="P05023", accuracy="P"),
    "third": name(2, crid="P05023"),
    "third again": name(2, crid="P05023", counter=2),
    "late": name(9, crid="P05023"),
    "urgent": name(3, kind="UR"),
    "other track": name(0, track=99),
    "other frame": name(0, frame=17, start=FIRST + timedelta(seconds=35)),
    "descending": name(0, direction="D", start=FIRST + timedelta(hours=12)),
    "other mode": name(0, mode="4005"),
    "other polarizations": name(0, pols="SHSH"),
    "validated": name(4, crid="P06001"),
}
SINGLE = ["first", "second beta", "second provisional", "third", "third again"]


@pytest.fixture(autouse=True)
def loopback(monkeypatch):
    """Clients trust the test's authority and use no proxy."""
    for key, value in trust(session_tls().ca_pem).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def cmr():
    """A catalogue of TAKES, each where its CRID belongs, and of a granule elsewhere."""
    collections = {"X": BETA, "P": PROVISIONAL}
    items = [item(take, collections[take.split("_")[13][0]]) for key, take in TAKES.items() if key != "validated"]
    items += [item(TAKES["validated"], VALIDATED), item(name(5), footprint=ELSEWHERE)]
    with CmrServer(items) as server:
        yield server


def find(server, asked=EVERYTHING) -> list[str]:
    found, _ = catalog.search_archive("POLYGON ((84 28, 84.1 28, 84.1 28.1, 84 28.1, 84 28))", asked, server.host)
    return sorted(granule.name for granule in found)


def names(*keys: str) -> list[str]:
    return sorted(TAKES[key] for key in keys)


def settings_of(server) -> Archive:
    """The default archive, but for its catalogue."""
    return read_config({"aois": {"a": {"bbox": BBOX}}, "archive": {"cmr_host": server.host}})[1].archive


def run(server, folder, asked=EVERYTHING, polygon=None, listed=()) -> list[dict]:
    """The rows of granules.csv of a search, or of the `listed` granules."""
    search(
        bbox=tuple(BBOX),
        polygon=polygon,
        listed=listed,
        query=asked,
        archive=settings_of(server) if server else None,
        frequency="A",
        terms=("HHHH",),
        records=folder / "granules",
        table=folder / "granules.csv",
    )
    with open(folder / "granules.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_every_key_reaches_the_catalogue(cmr):
    assert find(cmr) == names(*SINGLE)
    (request,) = {json.dumps(request.form, sort_keys=True) for request in cmr.requests}
    form, said = json.loads(request), cmr.requests[0].attributes()
    assert form["temporal"] == ["2025-11-22T00:00:00Z,2026-02-01T23:59:59Z,"]
    assert form["bounding_box"] == ["84.0,28.0,84.1,28.1"]
    collections = {collection for collection in form["shortName"] if "GCOV" in collection}
    assert collections == {BETA, PROVISIONAL}
    wanted = {
        "int,TRACK_NUMBER,26",
        "int,FRAME_NUMBER,16",
        "string,ASCENDING_DESCENDING,ASCENDING",
        "string,RANGE_BANDWIDTH_CONCAT,20+5",
        "string,FREQUENCY_A_POLARIZATION_CONCAT,HH+HV",
        "string,FREQUENCY_B_POLARIZATION_CONCAT,HH+HV",
        "string,PRODUCTION_PIPELINE,PR",
        "string,PRODUCT_TYPE,GCOV",
    }
    assert set(said) == wanted


def test_granules_csv_tells_each_ones_fate(cmr, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = {row["name"]: row for row in run(cmr, tmp_path)}
    assert sorted(rows) == names(*SINGLE)
    kept = [key for key in SINGLE if rows[TAKES[key]]["kept"] == "true"]
    assert kept == ["first", "second provisional", "third again"]
    assert rows[TAKES["second beta"]]["reason"] == f"superseded by {TAKES['second provisional']} (PROVISIONAL P05023)"
    assert rows[TAKES["third"]]["reason"] == f"superseded by {TAKES['third again']} (PROVISIONAL P05023)"
    assert sorted(path.stem for path in (tmp_path / "granules").iterdir()) == names(*kept)
    assert "this stack mixes maturities (1 BETA, 2 PROVISIONAL dates)" in caplog.text
    assert "3 granules kept (3 dates), 2 dropped; in full they are 5100 MB" in caplog.text


def test_records_say_where_the_granule_is_never_its_qa_file(cmr, tmp_path):
    run(cmr, tmp_path)
    take = TAKES["second provisional"]
    record = json.loads((tmp_path / "granules" / f"{take}.json").read_text())
    assert record == {
        "name": take,
        "url": f"{ARCHIVE_URL}/NISAR/{PROVISIONAL}/{take}/{take}.h5",
        "s3_url": f"s3://{BUCKET}/{PROVISIONAL}/{take}/{take}.h5",
        "path": None,
        "size": 1_700_000_000,
        "start": "2025-12-05T23:47:39",
        "end": "2025-12-05T23:48:14",
        "cycle": 7,
        "track": 26,
        "direction": "A",
        "frame": 16,
        "mode": "2005",
        "polarizations": "DHDH",
        "crid": "P05023",
        "maturity": "PROVISIONAL",
        "counter": 1,
        "coverage": "F",
        "accuracy": "P",
        "has_input_data_exception": None,
    }
    assert "QA_STATS" not in (tmp_path / "granules.csv").read_text()


def test_a_qa_file_listed_first_is_not_taken(tmp_path):
    odd = item(name())
    odd["umm"]["RelatedUrls"].sort(key=lambda url: "QA_STATS" not in url["URL"])
    odd["umm"]["DataGranule"]["ArchiveAndDistributionInformation"].reverse()
    with CmrServer([odd]) as server:
        (row,) = run(server, tmp_path, {})
    assert row["url"].endswith(f"/{name()}.h5") and row["s3_url"].endswith(f"/{name()}.h5")
    assert row["size"] == "1700000000"


def test_what_lies_between_the_parts_of_an_aoi_is_dropped_with_the_reason(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    parts = shapely.MultiPolygon([shapely.box(84, 28, 84.1, 28.1), shapely.box(87, 28, 87.1, 28.1)])
    between = [(85.5, 27), (86.5, 27), (86.5, 29), (85.5, 29)]
    other = name(frame=17, start=FIRST + timedelta(seconds=35))
    with CmrServer([item(name()), item(other, footprint=between)]) as server:
        rows = {row["name"]: row for row in run(server, tmp_path, {}, parts.wkt)}
    assert (rows[name()]["kept"], rows[other]["kept"]) == ("true", "false")
    assert rows[other]["reason"] == "its footprint does not meet the area searched for"
    assert "1 granule dropped, whose footprints do not meet the area" in caplog.text
    assert "1 granules kept (1 dates), 1 dropped" in caplog.text


@pytest.mark.parametrize(
    ("known", "said"),
    [([True, True], "they are 3400 MB"), ([True, False], "at least 1700 MB"), ([False] * 2, "unknown")],
)
def test_sizes_that_the_catalogue_does_not_give_are_unknown(known, said, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    items = [item(name(number)) for number in range(2)]
    for one, size in zip(items, known):
        for file in one["umm"]["DataGranule"]["ArchiveAndDistributionInformation"] * (not size):
            file.update(Size=file.pop("SizeInBytes") / 1e6, SizeUnit="MB")
    with CmrServer(items) as server:
        rows = run(server, tmp_path, {})
    assert [row["size"] for row in rows] == ["1700000000" if size else "" for size in known]
    assert said in caplog.text


def test_a_newer_release_of_part_of_a_frame_does_not_replace_the_whole_frame(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    full, part = name(), name(crid="X05010", coverage="P", end=FIRST + timedelta(seconds=4))
    provisional = name(1, crid="P05023", coverage="P", start=FIRST + timedelta(days=12, seconds=31))
    with CmrServer([item(full), item(part), item(name(1)), item(provisional, PROVISIONAL)]) as server:
        rows = {row["name"]: row for row in run(server, tmp_path, {})}
    assert {granule for granule in rows if rows[granule]["kept"] == "true"} == {full, provisional}
    assert rows[part]["reason"] == f"newer, but covers too little: 11 % of {full}"
    assert rows[name(1)]["reason"].endswith("(PROVISIONAL P05023), only 11 % of its interval")
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"what is kept covers only 11 % of {name(1)}, which is dropped" in warnings


def test_local_files_of_one_name_are_one_granule_or_refused(band, write, tmp_path, caplog):
    """A partial frame of a newer release, a copy, and a file of the same name with other samples."""
    caplog.set_level(logging.INFO)
    full, copy = write(band(0)), write(band(0), folder="copies")
    seconds = FIRST + timedelta(seconds=4)
    part = write(partial_frame(band(0)), crid="X05010", coverage="P", end=seconds)
    address = f"{ARCHIVE_URL}/NISAR/{BETA}/{full.stem}/{full.name}"
    (tmp_path / "search").mkdir()
    rows = run(None, tmp_path / "search", listed=(address, f"{tmp_path}/granules/*.h5", f"{tmp_path}/copies/*.h5"))
    assert [(row["path"] or row["url"], row["kept"]) for row in rows if row["kept"] == "true"] == [(str(full), "true")]
    reasons = {row["path"] or row["url"]: row["reason"] for row in rows if row["kept"] == "false"}
    twice = "the same granule, found twice"
    assert reasons == {
        str(copy): twice,
        address: twice,
        str(part): f"newer, but covers too little: 11 % of {full.stem}",
    }
    assert f"found twice: {full.stem} ({full}) is used, not {address}" in caplog.text
    other = write(band(12), folder="copies")
    with pytest.raises(GcovError) as caught:
        run(None, tmp_path / "copies", listed=(str(full), str(other)))
    assert str(full) in str(caught.value) and str(other) in str(caught.value)
    assert [path.name for path in (tmp_path / "copies").iterdir()] == [other.name]


def test_maturity_is_the_collections(tmp_path):
    """A granule of the validated collection with a CRID that begins with P."""
    with CmrServer([item(name(crid="P06001"), VALIDATED), item(name(crid="P05023"), PROVISIONAL)]) as server:
        rows = run(server, tmp_path, {})
    assert [(row["crid"], row["maturity"], row["kept"]) for row in rows] == [
        ("P05023", "PROVISIONAL", "false"),
        ("P06001", "VALIDATED", "true"),
    ]


def test_nothing_found_says_what_was_asked(cmr, tmp_path):
    with pytest.raises(GcovError) as caught:
        run(cmr, tmp_path, {**EVERYTHING, "relative_orbit": 5})
    assert str(caught.value).startswith("no granules found; asked for")
    for fact in (
        *map(str, BBOX),
        "are latitude and longitude exchanged?",
        "'relative_orbit': 5",
        "2025-11-22",
        "ASCENDING",
    ):
        assert fact in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_several_series_are_refused_with_nothing_written(cmr, tmp_path):
    asked = {key: value for key, value in EVERYTHING.items() if key not in ("mode", "polarizations")}
    with pytest.raises(GcovError, match=r"(?s)26 +A +2005 .*26 +A +4005 .*set mode under"):
        run(cmr, tmp_path, asked)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_the_workflow_searches(cmr, analysis):
    """`snakemake results/x/granules.csv`, and nothing more than that."""
    search_keys = {
        "start": "2025-11-22",
        "end": "2026-02-01",
        "relative_orbit": 26,
        "frame": 16,
        "flight_direction": "ASCENDING",
        "mode": "2005",
        "polarizations": "DHDH",
    }
    config = {"aois": {"x": {"bbox": BBOX, "search": search_keys}}, "archive": {"cmr_host": cmr.host}}
    env = {key: value for key, value in os.environ.items() if not key.startswith("EARTHDATA")}
    output = analysis.configure(config).run("results/x/granules.csv", env={**env, "HOME": str(analysis.folder)})
    assert analysis.results("x/*") == ["x/granules", "x/granules.csv"]
    kept = names("first", "second provisional", "third again", "validated")
    assert analysis.results("x/granules/*.json") == [f"x/granules/{take}.json" for take in kept]
    assert "WARNING [x] no Earthdata token for the fetch that follows" in output
    analysis.configure({**config, "aois": {"x": {"bbox": BBOX, "search": {**search_keys, "frame": 3}}}})
    done = analysis.snakemake("results/x/granules.csv", env=env)
    assert done.returncode and "ERROR [x] no granules found; asked for" in done.output
    assert "Traceback" not in done.output
