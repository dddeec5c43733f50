"""Searching the archive, with a catalogue on loopback that answers like CMR, and the estimated download."""

import csv
import logging
import os
from datetime import timedelta

import pytest
import shapely
from helpers import BBOX, FIRST
from search import search
from servers.cmr import ARCHIVE_URL, CmrServer, umm_item
from servers.field import FOOTPRINT
from servers.tls import session_tls, trust

from gcov.archive import login
from gcov.errors import GcovError
from gcov.granules import NOT_COMPARED
from gcov.inputs.config import read_config
from gcov.inputs.settings import Archive
from gcov.testing.synthetic import granule_name, partial_frame

BETA, PROVISIONAL = "NISAR_L2_GCOV_BETA_V1", "NISAR_L2_GCOV_PROVISIONAL_V1"
ASKED = {"relative_orbit": 26, "frame": 16}


def name(index: int = 0, **facts) -> str:
    return granule_name(**{"cycle": 6 + index, "start": FIRST + timedelta(days=12 * index), **facts})


def item(granule: str, collection=BETA, footprint=FOOTPRINT, **facts) -> dict:
    return umm_item(granule, collection, footprint, **facts)


TAKES = {
    "first": name(0),
    "second beta": name(1, crid="X05010"),
    "second provisional": name(1, crid="P05023", accuracy="P"),
    "third": name(2, crid="P05023"),
    "third again": name(2, crid="P05023", counter=2),
}


@pytest.fixture(autouse=True)
def loopback(monkeypatch):
    """Clients trust the test's authority and use no proxy."""
    for key, value in trust(session_tls().ca_pem).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def cmr():
    """A catalogue of TAKES, each where its CRID belongs, and of another mode."""
    items = [item(take, PROVISIONAL if "_P05023_" in take else BETA) for take in TAKES.values()]
    with CmrServer([*items, item(name(0, mode="4005"))]) as server:
        yield server


def settings_of(server) -> Archive:
    """The default archive, but for its catalogue."""
    return read_config({"aois": {"a": {"bbox": BBOX}}, "archive": {"cmr_host": server.host}})[1].archive


def run(server, folder, asked=ASKED | {"mode": "2005"}, polygon=None, listed=()) -> list[dict]:
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


def test_granules_csv_tells_each_ones_fate(cmr, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = {row["name"]: row for row in run(cmr, tmp_path)}
    assert set(rows) == set(TAKES.values())
    kept = [key for key, take in TAKES.items() if rows[take]["kept"] == "true"]
    assert kept == ["first", "second provisional", "third again"]
    assert rows[TAKES["second beta"]]["reason"] == f"superseded by {TAKES['second provisional']} (PROVISIONAL P05023)"
    assert rows[TAKES["third"]]["reason"] == f"superseded by {TAKES['third again']} (PROVISIONAL P05023)"
    assert sorted(path.stem for path in (tmp_path / "granules").iterdir()) == sorted(TAKES[key] for key in kept)
    assert "this stack mixes maturities (1 BETA, 2 PROVISIONAL dates)" in caplog.text
    assert "3 granules kept (3 dates), 2 dropped; in full they are 5100 MB" in caplog.text
    assert "QA_STATS" not in (tmp_path / "granules.csv").read_text()


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


def test_frames_that_a_search_without_a_token_cannot_compare(tmp_path, caplog, monkeypatch):
    """The clips do so, which find a file beside the records."""
    monkeypatch.setattr(login, "token_source", lambda: None)
    beside = name(frame=17, start=FIRST + timedelta(seconds=35))
    with CmrServer([item(name()), item(beside)]) as server:
        run(server, tmp_path, {})
    assert {path.stem for path in (tmp_path / "granules").iterdir()} == {name(), beside, NOT_COMPARED}
    assert "the grids of the frames are not compared yet" in caplog.text


def test_nothing_found_says_what_was_asked(cmr, tmp_path):
    with pytest.raises(GcovError) as caught:
        run(cmr, tmp_path, {**ASKED, "relative_orbit": 5, "start": "2025-11-22T00:00:00"})
    assert str(caught.value).startswith("no granules found; asked for")
    for fact in (*map(str, BBOX), "are latitude and longitude exchanged?", "'relative_orbit': 5", "2025-11-22"):
        assert fact in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_several_series_are_refused_with_nothing_written(cmr, tmp_path):
    with pytest.raises(GcovError, match=r"(?s)26 +A +2005 .*26 +A +4005 .*set mode under"):
        run(cmr, tmp_path, ASKED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_the_workflow_searches(cmr, analysis):
    """`snakemake results/x/granules.csv`, and nothing more than that."""
    keys = {**ASKED, "mode": "2005"}
    config = {"aois": {"x": {"bbox": BBOX, "search": keys}}, "archive": {"cmr_host": cmr.host}}
    env = {key: value for key, value in os.environ.items() if not key.startswith("EARTHDATA")}
    output = analysis.configure(config).run("results/x/granules.csv", env={**env, "HOME": str(analysis.folder)})
    assert analysis.results("x/*") == ["x/granules", "x/granules.csv"]
    kept = sorted(TAKES[key] for key in ("first", "second provisional", "third again"))
    assert analysis.results("x/granules/*.json") == [f"x/granules/{take}.json" for take in kept]
    said = "WARNING [x] no Earthdata token for the fetch that follows: get one at https://urs.earthdata.nasa.gov"
    assert said in output
    analysis.configure({**config, "aois": {"x": {"bbox": BBOX, "search": {**keys, "frame": 3}}}})
    done = analysis.snakemake("results/x/granules.csv", env=env)
    assert done.returncode and "ERROR [x] no granules found; asked for" in done.output
    assert "Traceback" not in done.output
