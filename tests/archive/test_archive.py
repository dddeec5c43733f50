"""Reading from a faulty archive: every fault, over HTTPS and S3, and how many granules at a time."""

import base64
import gc
import json
import logging
import os
import random
import select
import shutil
import socket
import threading
from datetime import timedelta
from pathlib import Path

import certifi
import h5py
import pytest
import urllib3
from clip import clip
from helpers import FIRST, patience
from servers.archive import (
    EXPIRED_TOKEN,
    OUTSIDER_TOKEN,
    PASSWORD,
    POWERLESS_TOKEN,
    TOKEN,
    UNLICENSED_TOKEN,
    USERNAME,
    Archive,
)
from servers.cmr import CmrServer
from servers.field import FOOTPRINT, TERMS, WINDOW, aoi_bbox, archive_settings, configuration, environment
from servers.tls import Handler, LoopbackServer, session_tls

from gcov.archive import login, ranges, transport
from gcov.archive.ranges import Piece, RangeFile
from gcov.archive.remote import HttpsFile
from gcov.archive.s3 import S3Object
from gcov.errors import GcovError
from gcov.granules import from_name
from gcov.testing.synthetic import granule_name

SERVER = {"https": "cdn", "s3": "s3"}  # who sends a granule's bytes
GENERATE = "https://urs.earthdata.nasa.gov (Generate Token)"


# ---- one granule, in this process


@pytest.fixture(scope="module")
def scene(scenes):
    """One granule."""
    return scenes[0]


@pytest.fixture
def many_ranges(monkeypatch):
    """Join only adjacent chunks: about twenty requests at a time instead of four."""
    monkeypatch.setattr(ranges, "GAP", 0)


def granule_of(archive, scene, **where):
    """The granule as a search finds it."""
    urls = {"url": archive.https_url(scene.stem), "s3_url": archive.s3_url(scene.stem)}
    return from_name(scene.stem, **{**urls, **where})


def fetch(archive, scene, fragment, access="https", config=None, **where):
    """Clip a granule from the archive."""
    section = archive_settings(archive, access=access, **(config or {}))
    return clip_to(fragment, granule_of(archive, scene, **where), section)


def clip_to(fragment, granule, section=None):
    """Clip a granule."""
    clip(
        granule=granule,
        aoi="a",
        bbox=aoi_bbox(),
        polygon=None,
        frequency="A",
        terms=tuple(TERMS),
        archive=section,
        fragment=Path(fragment),
    )
    return contents(fragment)


def contents(store):
    """Every file of a store; in the metadata, where granules came from is left out."""
    files = {}
    for path in sorted(Path(store).rglob("*")):
        if path.name == "zarr.json":
            files[str(path.relative_to(store))] = _without_sources(json.loads(path.read_text()))
        elif path.is_file():
            files[str(path.relative_to(store))] = path.read_bytes()
    assert len(files) > 10
    return files


def _without_sources(node):
    if isinstance(node, dict):
        return {key: _without_sources(value) for key, value in node.items() if not key.startswith("granule_record")}
    return [_without_sources(value) for value in node] if isinstance(node, list) else node


@pytest.fixture(scope="module")
def wanted(scene, tmp_path_factory):
    """The fragment made from the local file."""
    fragment = tmp_path_factory.mktemp("local") / "fragment.zarr"
    return clip_to(fragment, from_name(scene.stem, path=str(scene)))


@pytest.mark.parametrize("way", SERVER)
def test_a_fragment_is_bit_identical_to_the_local_one(user, many_ranges, archive, scene, wanted, tmp_path, way):
    assert fetch(archive, scene, tmp_path / "f.zarr", way) == wanted
    # the signed address, or the credentials, once; then blocks and ranges of what is needed
    assert archive.count(way="https") == 1
    assert 3 <= archive.count(way=SERVER[way]) <= 30
    assert archive.bytes_sent() < 0.7 * scene.stat().st_size
    assert archive.leaked_authorizations == []


def stalls_are_noticed(monkeypatch, archive, scene):
    """Soon; on a busy machine an ordinary answer may be taken for a stall now and then, and is asked for again."""
    one_answer = patience(lambda: source_of(archive, scene, "https").read(0, 1000), 1)
    monkeypatch.setattr(transport, "TIMEOUT", urllib3.Timeout(connect=30, read=one_answer))
    archive.reset_log()


FAULTS = {
    "503 burst": {"kind": "503", "times": 3},
    "500": {"kind": "500"},
    "429 with Retry-After": {"kind": "429", "seconds": 7},
    "dropped before the answer": {"kind": "drop", "times": 2},
    "dropped in mid-body": {"kind": "drop", "after_bytes": 5, "times": 2},
    "body shorter than announced": {"kind": "truncate", "times": 2},
    "valid answer with too few bytes": {"kind": "short", "times": 2},
    "stall before the answer": {"kind": "stall", "seconds": 600},
    "stall in mid-body": {"kind": "stall", "seconds": 600, "after_bytes": 5},
    "expired in mid-file": {"kind": "expire"},
}


@pytest.mark.parametrize("way", SERVER)
@pytest.mark.parametrize("fault", FAULTS)
def test_outlived(user, pauses, many_ranges, monkeypatch, archive, scene, wanted, tmp_path, fault, way):
    """The fault strikes at the first block, then at metadata, then among concurrent ranges."""
    if fault.startswith("stall"):
        stalls_are_noticed(monkeypatch, archive, scene)
    for answered in (0, 1, 4):
        archive.faults.add(**FAULTS[fault], way=SERVER[way], skip=answered)
    assert fetch(archive, scene, tmp_path / "f.zarr", way) == wanted
    assert archive.faults.pending() == 0
    expired = fault.startswith("expired")
    asked_again = 0 if expired else 3 * FAULTS[fault].get("times", 1)
    if fault.startswith("dropped") and way == "s3":
        assert len(pauses) <= asked_again  # aiohttp asks again by itself, once, where a kept connection was closed
    elif fault.startswith("stall"):
        assert len(pauses) >= asked_again
    else:
        assert len(pauses) == asked_again
    assert archive.count(way="https") == (4 if expired else 1) or fault.startswith("stall")


@pytest.mark.parametrize("way", SERVER)
@pytest.mark.parametrize("kind", ["503", "drop", "truncate", "stall"])
def test_outlived_where_address_and_credentials_are_given(
    user, pauses, monkeypatch, archive, scene, wanted, tmp_path, kind, way
):
    if kind == "stall":
        stalls_are_noticed(monkeypatch, archive, scene)
    archive.faults.add("drop" if kind == "truncate" else kind, times=2, way="https", seconds=600)
    assert fetch(archive, scene, tmp_path / "f.zarr", way) == wanted
    assert archive.faults.pending() == 0
    assert len(pauses) >= 2 if kind == "stall" else len(pauses) == 2


@pytest.mark.parametrize("way", SERVER)
def test_an_endless_503_ends_with_a_message(user, pauses, archive, scene, tmp_path, way, caplog):
    archive.faults.add("503", times=99, way=SERVER[way], skip=1)
    with pytest.raises(GcovError) as error, caplog.at_level(logging.INFO):
        fetch(archive, scene, tmp_path / "f.zarr", way)
    assert scene.name in str(error.value)
    assert "answered 503 (attempt 8 of 8): try again later" in str(error.value)
    assert "?" not in str(error.value)
    assert len(pauses) == 7
    assert 0.5 <= pauses[0] <= 1 and 15 <= pauses[-1] <= 30  # longer and longer, each by chance
    assert 25 < sum(pauses) < 100
    assert "answered 503; trying again in" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_retry_after_is_honoured_but_never_shortens_the_pause(user, pauses, archive, scene, tmp_path):
    for seconds in (41, 0, 0, 0):
        archive.faults.add("429", way="cdn", seconds=seconds)
    fetch(archive, scene, tmp_path / "f.zarr")
    assert pauses[0] == 41
    assert pauses[1] >= 1 and pauses[2] >= 2 and pauses[3] >= 4


def test_a_server_that_wants_hours_is_asked_another_day(user, pauses, archive, scene, tmp_path):
    archive.faults.add("429", way="cdn", seconds=7200)
    with pytest.raises(GcovError, match=r"answered 429, asks for a pause of 120 minutes.*try again later"):
        fetch(archive, scene, tmp_path / "f.zarr")
    assert pauses == []


@pytest.mark.parametrize(
    "value",
    [
        *("soon", "Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 999999 23:59:59 GMT"),
        *("-5", "9" * 5000, "nan", "1e30", ""),
    ],
)
def test_a_retry_after_without_sense_is_none(value):
    assert transport._retry_after(transport.Answer(429, {"Retry-After": value}, b"")) == 0


@pytest.mark.parametrize("way", SERVER)
def test_one_renewal_serves_all_concurrent_reads(user, many_ranges, archive, scene, way):
    archive.latency = 0.02
    source = source_of(archive, scene, way)
    file = RangeFile(source)
    spans = [(start, start + 1000) for start in range(ranges.BLOCK, scene.stat().st_size, 1 << 17)]
    for skip in (2, 12):
        archive.faults.add("expire", way=SERVER[way], skip=skip)
    file.prefetch(spans)
    assert archive.faults.pending() == 0
    assert 2 <= archive.count(way="https") <= 3  # the first, and one for each expiry (both may strike at once)
    data = scene.read_bytes()
    for start, stop in spans:
        file.seek(start)
        assert file.read(stop - start) == data[start:stop]


@pytest.mark.parametrize("way", SERVER)
def test_ranges_that_wait_are_given_up_with_the_first(user, pauses, many_ranges, archive, scene, way):
    """Requesting them would be in vain and take as long again."""
    file = RangeFile(source_of(archive, scene, way))
    archive.faults.add("503", times=9999, way=SERVER[way])
    with pytest.raises(GcovError, match="try again later"):
        file.prefetch([(start, start + 10) for start in range(ranges.BLOCK, scene.stat().st_size, 1 << 16)])
    asked = {entry.range for entry in archive.entries(way=SERVER[way], status=503)}
    assert len(asked) <= ranges.CONNECTIONS  # of 92: those that had begun


def source_of(archive, scene, way):
    """What a RangeFile reads from."""
    if way == "https":
        return HttpsFile(archive.https_url(scene.stem), archive.url.removeprefix("https://"))
    return S3Object(archive.s3_url(scene.stem), archive_settings(archive))


@pytest.mark.parametrize("skip", [1, 3], ids=["metadata", "concurrent ranges"])
@pytest.mark.parametrize("way", SERVER)
def test_a_changed_object_is_refused(user, archive, scene, tmp_path, way, skip):
    archive.faults.add("changed", way=SERVER[way], skip=skip)
    with pytest.raises(GcovError, match=rf"{scene.name} changed in the archive while it was read: run again"):
        fetch(archive, scene, tmp_path / "f.zarr", way)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", SERVER)
def test_an_object_replaced_by_a_shorter_one_is_refused(user, archive, scene, tmp_path, way):
    file = RangeFile(source_of(archive, scene, way))
    short = tmp_path / "short.h5"
    short.write_bytes(scene.read_bytes()[:1000])
    archive.replace(scene.stem, short)
    with pytest.raises(GcovError, match="changed in the archive"):
        file.prefetch([(2 * ranges.BLOCK, 2 * ranges.BLOCK + 10)])


@pytest.mark.parametrize("way", SERVER)
def test_a_corrupt_chunk_is_damage_and_named(user, many_ranges, archive, scene, tmp_path, way):
    archive.replace(scene.stem, damaged_copy(scene, tmp_path / "bad.h5"))
    with pytest.raises(GcovError) as error:
        fetch(archive, scene, tmp_path / "f.zarr", way)
    assert str(error.value).startswith(f"{scene.stem} ({archive.https_url(scene.stem)}): ")
    assert "HVHV is damaged" in str(error.value)
    assert not (tmp_path / "f.zarr").exists() and not (tmp_path / "f.zarr.part").exists()


def damaged_copy(scene, path):
    """The granule with one byte changed in a chunk that the AOI needs."""
    shutil.copyfile(scene, path)
    with h5py.File(path) as file:
        terms = file["science/LSAR/GCOV/grids/frequencyA/HVHV"]
        chunk = terms.id.get_chunk_info_by_coord((WINDOW[0] // 64 * 64 + 64, WINDOW[2] // 64 * 64))
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset + chunk.size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0xFF]))
    return path


@pytest.mark.parametrize("way", SERVER)
@pytest.mark.parametrize(
    ("size", "message"),
    [(0, "the file is empty"), (100, "not an HDF5 file, or one cut short"), (1_500_000, "one cut short")],
)
def test_a_truncated_object_is_named(user, archive, scene, tmp_path, way, size, message):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(scene.read_bytes()[:size])
    archive.replace(scene.stem, cut)
    with pytest.raises(GcovError, match=message) as error:
        fetch(archive, scene, tmp_path / "f.zarr", way)
    assert scene.name in str(error.value)


def test_ranges_beyond_the_end_are_damage_too(user, archive, scene, tmp_path):
    file = RangeFile(source_of(archive, scene, "https"))
    size = scene.stat().st_size
    file.prefetch([(size - 10, size + 10), (size + 200_000, size + 300_000)])
    file.seek(-10, os.SEEK_END)
    assert file.read() == scene.read_bytes()[-10:]


@pytest.mark.parametrize("way", SERVER)
def test_a_refusal_in_mid_file_is_no_broken_file(user, archive, scene, tmp_path, way):
    """Errors below HDF5's own calls reach the user as our messages."""
    archive.faults.add("expire", way=SERVER[way], skip=1)
    issue, sign = archive.issue_credentials, archive.sign

    def once(answer):
        def wrapped(*args):
            archive.tokens.clear()
            return answer(*args)

        return wrapped

    archive.issue_credentials, archive.sign = once(issue), once(sign)
    with pytest.raises(GcovError, match=r"the archive rejected the Earthdata token: get one at https://urs"):
        fetch(archive, scene, tmp_path / "f.zarr", way)
    assert list(tmp_path.iterdir()) == []


def test_s3_that_closes_in_mid_file(user, archive, scene):
    file = RangeFile(source_of(archive, scene, "s3"))
    archive.in_region = False
    message = r"s3://.*refused in mid-file \(it answered 403 AccessDenied\): run again"
    with pytest.raises(GcovError, match=message):
        file.prefetch([(2 * ranges.BLOCK, 2 * ranges.BLOCK + 10)])
    file.seek(3 * ranges.BLOCK)
    with pytest.raises(GcovError, match=message):
        file.read(1)


def test_a_granule_withdrawn_in_mid_file(user, archive, scene, tmp_path):
    archive.faults.add("expire", way="cdn", skip=1)
    path_of = archive.path_of
    archive.path_of = lambda key: path_of(key) if archive.count(way="https") < 2 else None
    with pytest.raises(GcovError, match="there is no such granule"):
        fetch(archive, scene, tmp_path / "f.zarr")


def test_a_granule_that_was_withdrawn(user, archive, scene, tmp_path):
    elsewhere = archive.https_url(scene.stem).replace("_001.h5", "_009.h5")
    with pytest.raises(GcovError, match=r"_009\.h5: there is no such granule \(404\).*-R search"):
        fetch(archive, scene, tmp_path / "f.zarr", url=elsewhere)
    with pytest.raises(GcovError, match=r"_009\.h5: there is no such granule \(404\)"):
        fetch(
            archive, scene, tmp_path / "f.zarr", "s3", s3_url=archive.s3_url(scene.stem).replace("_001.h5", "_009.h5")
        )


# ---- the token


@pytest.fixture
def login_server(monkeypatch, archive):
    """Earthdata Login is the loopback one; nothing is at hand."""
    monkeypatch.setattr(login, "LOGIN", archive.login_url)
    monkeypatch.delenv("EARTHDATA_TOKEN")


def netrc(path, password=PASSWORD, machine="localhost"):
    """A ~/.netrc of mode 600."""
    path.write_text(f'machine {machine} login {USERNAME} password "{password}"\n')
    path.chmod(0o600)


def test_token_sources_in_their_order(user, login_server, monkeypatch, tmp_path):
    assert login.token_source() is None
    with pytest.raises(GcovError, match=r"no Earthdata token: get one at https://urs\.earthdata\.nasa\.gov"):
        login.token()
    netrc(tmp_path / ".netrc")
    assert (login.token_source(), login.token()) == ("~/.netrc", TOKEN)
    login.token.cache_clear()
    monkeypatch.setenv("EARTHDATA_USERNAME", USERNAME)
    assert login.token_source() == "~/.netrc"  # half a login is none
    monkeypatch.setenv("EARTHDATA_PASSWORD", "wrong")
    assert login.token_source() == "EARTHDATA_USERNAME and EARTHDATA_PASSWORD"
    with pytest.raises(GcovError, match=r"refused the name and password from EARTHDATA_USERNAME and EARTHDATA_PASSW"):
        login.token()
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    assert login.token() == TOKEN
    login.token.cache_clear()
    monkeypatch.setenv("EARTHDATA_TOKEN", " given\n")
    assert (login.token_source(), login.token()) == ("EARTHDATA_TOKEN", "given")


@pytest.mark.parametrize("way", SERVER)
@pytest.mark.parametrize("source", ["password", "netrc", "NETRC"])
def test_a_fetch_by_name_and_password(user, login_server, archive, scene, wanted, tmp_path, monkeypatch, way, source):
    if source == "password":
        monkeypatch.setenv("EARTHDATA_USERNAME", USERNAME)
        monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    else:
        netrc(tmp_path / (".netrc" if source == "netrc" else "other"))
        if source == "NETRC":
            monkeypatch.setenv("NETRC", str(tmp_path / "other"))
    assert fetch(archive, scene, tmp_path / "f.zarr", way) == wanted
    assert archive.count(way="login") == 1
    assert archive.leaked_authorizations == []


@pytest.mark.parametrize("way", SERVER)
def test_netrc_never_overrides_a_given_token(user, archive, scene, wanted, tmp_path, way):
    lines = [f"machine {host} login somebody password wrong\n" for host in ("127.0.0.1", "localhost")]
    (tmp_path / ".netrc").write_text("".join(lines) + "default login somebody password wrong\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert fetch(archive, scene, tmp_path / "f.zarr", way) == wanted
    assert archive.count(way="login") == 0
    assert archive.leaked_authorizations == []


def test_a_wrong_netrc(user, login_server, monkeypatch, tmp_path, archive):
    netrc(tmp_path / ".netrc", "wrong")
    with pytest.raises(GcovError, match=r"refused the name and password from ~/\.netrc: correct them, or get one at"):
        login.token()
    (tmp_path / ".netrc").write_text("machine\nnonsense nonsense")
    assert login.token_source() == "~/.netrc"  # a search goes on
    with pytest.raises(GcovError, match=r"\.netrc cannot be read: line 2"):
        login.token()
    netrc(tmp_path / ".netrc", machine="elsewhere.example")
    assert login.token_source() is None
    monkeypatch.setenv("EARTHDATA_TOKEN", " \n")  # as an unset secret of a batch system looks
    assert login.token_source() is None
    with pytest.raises(GcovError, match="no Earthdata token"):
        login.token()


def test_a_netrcs_default_entry_is_for_other_machines(user, login_server, tmp_path, archive):
    (tmp_path / ".netrc").write_text(f"machine elsewhere login a password b\ndefault login {USERNAME} password x\n")
    assert login.token_source() is None
    with pytest.raises(GcovError, match="no Earthdata token"):
        login.token()
    assert archive.count() == 0
    with open(tmp_path / ".netrc", "a") as file:
        file.write(f'machine localhost login {USERNAME} password "{PASSWORD}"\n')
    assert login.token() == TOKEN


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("machine localhost login jos\xe9 password x\n".encode("latin-1"), "it is not UTF-8 text: save it as UTF-8"),
        (b"# \x80\nmachine localhost login me password x\n", "it is not UTF-8 text"),
        (None, "cannot be read: Is a directory"),
    ],
    ids=["login", "comment", "folder"],
)
def test_a_netrc_that_cannot_be_read(user, login_server, tmp_path, content, message):
    (tmp_path / ".netrc").mkdir() if content is None else (tmp_path / ".netrc").write_bytes(content)
    assert login.token_source() == "~/.netrc"
    with pytest.raises(GcovError, match=rf"\.netrc cannot be read: .*{message.removeprefix('cannot be read: ')}"):
        login.token()


def test_a_password_beyond_latin_letters(user, login_server, monkeypatch):
    monkeypatch.setenv("EARTHDATA_USERNAME", "łukasz")
    monkeypatch.setenv("EARTHDATA_PASSWORD", "zażółć")
    with pytest.raises(GcovError, match="refused the name and password"):
        login.token()


def test_a_login_service_out_of_order(user, login_server, pauses, archive, monkeypatch, tmp_path):
    netrc(tmp_path / ".netrc")
    archive.faults.add("503", times=2, way="login")
    assert login.token() == TOKEN
    login.token.cache_clear()
    monkeypatch.setattr(login, "LOGIN", archive.url.replace("127.0.0.1", "localhost"))  # which redirects
    with pytest.raises(GcovError, match="Earthdata Login answered 302 instead of a token: get one at"):
        login.token()


@pytest.mark.parametrize("token", [f"{TOKEN} {TOKEN}", f"Bearer {TOKEN}", f"{TOKEN[:9]}\r\n{TOKEN[9:]}", "täuschend"])
def test_what_cannot_be_a_token_is_refused_and_not_shown(user, monkeypatch, token):
    monkeypatch.setenv("EARTHDATA_TOKEN", token)
    with pytest.raises(GcovError, match="EARTHDATA_TOKEN is not a token") as error:
        login.token()
    assert TOKEN[:9] not in str(error.value) and "täuschend" not in str(error.value)


def jwt(expires):
    """A token that states its own expiry, as Earthdata Login's do."""
    part = base64.urlsafe_b64encode(json.dumps({"uid": "tester", "exp": expires}).encode()).decode().rstrip("=")
    return f"eyJ0eXAiOiJKV1QifQ.{part}.signature"


@pytest.mark.parametrize("way", SERVER)
@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, f"no Earthdata token: get one at {GENERATE} and put it into the environment variable EARTHDATA_TOKEN"),
        ("unknown", f"the archive rejected the Earthdata token: get one at {GENERATE}"),
        ("un.kno.wn", f"the archive rejected the Earthdata token: get one at {GENERATE}"),
        (jwt(4e9), f"the archive rejected the Earthdata token: get one at {GENERATE}"),
        (jwt(1767225600), f"the Earthdata token expired on 2026-01-01: get one at {GENERATE}"),
        (EXPIRED_TOKEN, f"the Earthdata token has expired: get one at {GENERATE}"),
        (jwt(10**400), "the archive rejected the Earthdata token: get one at"),
        (jwt(float("nan")), "the archive rejected the Earthdata token: get one at"),
        (jwt([0]), "the archive rejected the Earthdata token: get one at"),
        (
            UNLICENSED_TOKEN,
            "this account has not accepted the licence (403): accept it at https://urs.earthdata.nasa.gov/approve_app?",
        ),
        (OUTSIDER_TOKEN, "this account is not among those that may read this collection (403): ask ASF (uso@asf.alask"),
        (POWERLESS_TOKEN, "has no permission to read from the archive (403): fill in the field Study Area of your pro"),
    ],
    ids=[
        *("missing", "wrong", "no JSON", "unknown to the archive", "past its own date", "expired"),
        *("without end", "no number", "a list"),
        *("licence", "not in the group", "no permission"),
    ],
)
def test_each_refusal_has_its_own_message(user, archive, scene, tmp_path, monkeypatch, way, token, message):
    monkeypatch.delenv("EARTHDATA_TOKEN") if token is None else monkeypatch.setenv("EARTHDATA_TOKEN", token)
    with pytest.raises(GcovError) as error:
        fetch(archive, scene, tmp_path / "f.zarr", way)
    assert message in str(error.value)
    assert token is None or token not in str(error.value)
    # nothing is tried in vain, and nothing is left to go stale
    assert archive.count() <= 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/approve_app?client_id=1",
        "https://urs.earthdata.nasa.gov.evil.example/approve_app",
        "https://urs.earthdata.nasa.gov@evil.example/approve_app",
        "http://urs.earthdata.nasa.gov/approve_app",
        "https://urs.earthdata.nasa.gov/approve_app\n\x1b[31mdo this",
        "https://urs.earthdata.nasa.gov/" + 1000 * "a",
        ["https://urs.earthdata.nasa.gov/approve_app"],
        None,
    ],
)
def test_another_hosts_link_to_the_licence_is_not_shown(user, archive, scene, tmp_path, monkeypatch, url):
    monkeypatch.setenv("EARTHDATA_TOKEN", UNLICENSED_TOKEN)
    archive.resolution_url = url
    with pytest.raises(GcovError, match=r"licence \(403\): accept the licence once, at https://urs.earthdata") as error:
        fetch(archive, scene, tmp_path / "f.zarr")
    assert "evil" not in str(error.value) and "approve_app" not in str(error.value)


PAGES = [b"<html>please log in</html>", b"[" * 60_000, b'["access_token"]', b'{"access_token": "a\\nb"}', b"\xff{}"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page[:20].decode(errors="replace"))
def test_a_login_service_that_gives_a_page_instead_of_a_token(user, plain, monkeypatch, page):
    server = plain(session_tls(), data=page, ranges=None)
    monkeypatch.setattr(Plain, "do_POST", Plain.do_GET, raising=False)
    monkeypatch.setattr(login, "LOGIN", server.url)
    monkeypatch.delenv("EARTHDATA_TOKEN")
    monkeypatch.setenv("EARTHDATA_USERNAME", USERNAME)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    with pytest.raises(GcovError, match="Earthdata Login answered 200 with a page instead of a token: get one at"):
        login.token()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page[:20].decode(errors="replace"))
def test_a_page_instead_of_s3_credentials(user, archive, scene, tmp_path, plain, monkeypatch, page):
    server = plain(session_tls(), data=page, ranges=None)
    monkeypatch.setenv("GCOV_TRUST_HOST", server.host)
    with pytest.raises(GcovError, match="s3credentials gave no credentials"):
        fetch(archive, scene, tmp_path / "f.zarr", "s3", {"credentials_url": f"{server.url}/s3credentials"})


# ---- which way


def test_auto_takes_s3_where_it_works(user, archive, scene, wanted, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        assert fetch(archive, scene, tmp_path / "f.zarr", "auto") == wanted
    assert f"{scene.stem}: reading from S3" in caplog.text
    assert (archive.count(way="cdn"), archive.count(way="https")) == (0, 1)


def test_auto_goes_over_https_outside_the_region_and_says_why(user, pauses, archive, scene, wanted, tmp_path, caplog):
    archive.in_region = False
    with caplog.at_level(logging.INFO):
        assert fetch(archive, scene, tmp_path / "f.zarr", "auto") == wanted
    assert "reading over HTTPS, as S3 does not work here (it answered 403 AccessDenied)" in caplog.text
    # the probe: the credentials and one request
    assert archive.count(way="s3") == archive.count(way="https", match="s3credentials") == 1
    assert pauses == []


def test_auto_goes_over_https_where_s3_cannot_be_reached(user, pauses, archive, scene, wanted, tmp_path, caplog):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with caplog.at_level(logging.INFO):
        assert fetch(archive, scene, tmp_path / "f.zarr", "auto", {"s3_endpoint": endpoint}) == wanted
    assert "reading over HTTPS, as S3 does not work here (http://127.0.0.1" in caplog.text
    assert len(pauses) == 2  # not worth a long wait


@pytest.mark.parametrize("page", ["/nothing", "/NISAR/nothing"])
def test_auto_goes_over_https_where_there_are_no_credentials(user, archive, scene, wanted, tmp_path, caplog, page):
    config = {"credentials_url": f"{archive.url}{page}"}
    with caplog.at_level(logging.INFO):
        assert fetch(archive, scene, tmp_path / "f.zarr", "auto", config) == wanted
    assert f"as S3 does not work here ({archive.url}{page} answered 404)" in caplog.text


def test_auto_asks_s3_as_long_as_it_is_only_busy(user, pauses, archive, scene, wanted, tmp_path):
    archive.faults.add("503", times=2, way="s3")
    assert fetch(archive, scene, tmp_path / "f.zarr", "auto") == wanted
    assert archive.count(way="cdn") == 0


def test_s3_outside_the_region(user, archive, scene, tmp_path):
    archive.in_region = False
    with pytest.raises(GcovError) as error:
        fetch(archive, scene, tmp_path / "f.zarr", "s3")
    assert str(error.value) == (
        f"{archive.s3_url(scene.stem)}: cannot be read from S3 (it answered 403 AccessDenied). S3 works only inside AWS"
        " us-west-2; elsewhere set `access: https`"
    )


def test_addresses_that_a_granule_lacks(user, archive, scene, wanted, tmp_path):
    with pytest.raises(GcovError, match=r"has no https address, only s3://.*set `access: s3` or `auto`"):
        fetch(archive, scene, tmp_path / "f.zarr", "https", url=None)
    assert fetch(archive, scene, tmp_path / "f.zarr", "auto", url=None) == wanted
    assert fetch(archive, scene, tmp_path / "g.zarr", "s3", s3_url=None) == wanted  # nothing else to read
    archive.in_region = False
    with pytest.raises(GcovError, match="cannot be read from S3"):
        fetch(archive, scene, tmp_path / "f.zarr", "auto", url=None)


# ---- other servers


class Plain(Handler):
    """A web server without redirects; it takes ranges or ignores them."""

    def do_GET(self):
        self.server.authorizations.append(self.headers.get("Authorization"))
        data, status, headers = self.server.data, 200, {}
        if self.server.wants and self.headers.get("Authorization") != self.server.wants:
            return self.answer(401, "who are you?")
        if self.server.ranges:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            part = data[int(first) : int(last) + 1]
            headers["Content-Range"] = self.server.ranges.format(first, int(first) + len(part) - 1, len(data))
            data, status = part, 206
        return self.answer(status, data, "application/octet-stream", headers)


@pytest.fixture
def plain(serve, scene):
    """A function that starts such a server with the granule on it."""

    def start(tls=None, data=None, ranges="bytes {}-{}/{}", wants=None):
        return serve(Plain, tls, data=data or scene.read_bytes(), ranges=ranges, wants=wants, authorizations=[])

    return start


@pytest.mark.parametrize("tls", [False, True])
def test_a_server_without_redirects(user, archive, scene, wanted, tmp_path, plain, tls):
    server = plain(session_tls() if tls else None)
    url = f"{server.url}/{scene.name}"
    assert fetch(archive, scene, tmp_path / "f.zarr", url=url, s3_url=None) == wanted
    assert set(server.authorizations) == {None}


def test_an_archive_that_sends_the_bytes_itself(user, archive, scene, wanted, tmp_path, plain, monkeypatch):
    server = plain(session_tls(), wants=f"Bearer {TOKEN}")
    monkeypatch.setenv("GCOV_TRUST_HOST", server.host)
    config = {"credentials_url": f"{server.url}/s3credentials"}
    assert fetch(archive, scene, tmp_path / "f.zarr", config=config, url=f"{server.url}/{scene.name}") == wanted


def test_a_foreign_server_that_wants_a_login(user, archive, scene, tmp_path, plain):
    server = plain(session_tls(), wants="Basic secret")
    with pytest.raises(GcovError, match=r"cannot be read \(127\.0\.0\.1:\d+ answered 401\)"):
        fetch(archive, scene, tmp_path / "f.zarr", url=f"{server.url}/{scene.name}", s3_url=None)


@pytest.mark.parametrize(
    "location", ["http://[::1", "https://[bad]/x?Signature=secret", "https://h:99999/x", "file:/etc"]
)
def test_a_redirect_to_no_address(user, pauses, archive, scene, tmp_path, location):
    archive.sign = lambda key: location
    with pytest.raises(GcovError, match=r"is not a valid address|more than 5 redirects") as error:
        fetch(archive, scene, tmp_path / "f.zarr", s3_url=None)
    assert "secret" not in str(error.value)
    assert pauses == []


def test_a_page_for_people_instead_of_a_granule(user, archive, scene, tmp_path, monkeypatch):
    archive.faults.add("page", times=99, way="cdn")
    with pytest.raises(GcovError, match="the server answered with a page for people instead of data: open the address"):
        fetch(archive, scene, tmp_path / "f.zarr")


class Endless(Handler):
    """An answer whose body has no end."""

    def do_GET(self):
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while not self.server.stopping.is_set():
            self.wfile.write(bytes(1 << 16))
            self.server.sent += 1 << 16


@pytest.mark.parametrize("length", [None, str(10**12)], ids=["unknown length", "a terabyte"])
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (200, "ignores range requests: download the file and name it under `granules:`"),
        (206, r"failed \(Interrupted\)"),
        (302, "more than 5 redirects"),
        (401, "cannot be read"),
        (403, "cannot be read"),
        (404, "there is no such granule"),
        (500, "answered 500"),
    ],
)
def test_no_more_is_read_than_was_asked_for(user, pauses, archive, scene, tmp_path, status, message, length):
    with LoopbackServer(Endless) as server:
        server.status, server.sent = status, 0
        server.headers = {"Content-Range": "bytes 0-0/1000000", "Location": "/again"}
        server.headers |= {"Content-Length": length} if length else {}
        with pytest.raises(GcovError, match=message):
            fetch(archive, scene, tmp_path / "f.zarr", url=f"{server.url}/{scene.name}", s3_url=None)
        assert server.sent < 8 * 8_000_000  # what fits into the buffers of eight connections


def test_s3_reads_no_further_either(user, pauses, archive, scene):
    """Of an object that goes on behind its range, no more than one byte is read."""
    source = source_of(archive, scene, "s3")
    archive.faults.add("longer", times=99, way="s3")
    with pytest.raises(GcovError, match=r"failed \(Interrupted"):
        source.read(0, 1000)
    assert archive.bytes_sent(way="s3") < 8 * 8_000_000


@pytest.mark.parametrize("ranges", ["bytes {}-{}/*", "nonsense", "bytes {}-{}/" + "9" * 5000, "bytes 7-{}/{}"])
def test_a_server_with_ranges_of_its_own_kind(user, pauses, archive, scene, tmp_path, plain, ranges):
    server = plain(ranges=ranges)
    with pytest.raises(GcovError, match=r"failed \(Interrupted\) \(attempt 8 of 8\): try again later"):
        fetch(archive, scene, tmp_path / "f.zarr", url=f"{server.url}/{scene.name}", s3_url=None)


def test_a_ring_of_redirects(user, archive, scene, tmp_path):
    archive.sign = lambda key: f"/NISAR/{key}"
    with pytest.raises(GcovError, match="more than 5 redirects"):
        fetch(archive, scene, tmp_path / "f.zarr", s3_url=None)


def test_a_certificate_that_is_not_trusted(user, pauses, archive, scene, tmp_path, monkeypatch):
    for bundle, reason in ((certifi.where(), "unable to get local issuer certificate"), ("/no/such", "No such file")):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
        transport._pool.cache_clear()
        with pytest.raises(GcovError, match=rf"certificate is not trusted .*{reason}.*REQUESTS_CA_BUNDLE"):
            fetch(archive, scene, tmp_path / "f.zarr")
    assert pauses == []


class Proxy:
    """A CONNECT proxy with a password, on loopback."""

    def __enter__(self):
        self.heads = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info):
        self._server.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.heads.append(head.decode())
        if base64.b64encode(b"user:p@ss") not in head:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return client.close()
        host, _, port = head.split()[1].decode().partition(":")
        with client, socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return None
                    (server if ready is client else client).sendall(data)


def test_through_a_proxy_with_a_password(user, pauses, archive, scene, wanted, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_PROXY")
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss@{proxy.address}")
        assert fetch(archive, scene, tmp_path / "f.zarr") == wanted
        assert {head.split()[1].split(":")[0] for head in proxy.heads} == {"127.0.0.1", "localhost"}
        assert not any(TOKEN in head for head in proxy.heads)
        transport._pool.cache_clear()
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with pytest.raises(GcovError, match=r"failed \(ProxyError\)"):
            fetch(archive, scene, tmp_path / "g.zarr")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        assert fetch(archive, scene, tmp_path / "h.zarr") == wanted


# ---- RangeFile reads as a local file does


class Bytes:
    """A source that serves ranges from memory and counts the requests."""

    name = "memory"

    def __init__(self, data):
        self.data = data
        self.spans = []

    def read(self, start, stop):
        self.spans.append((start, stop))
        return Piece(self.data[start:stop], len(self.data), "etag")


@pytest.fixture
def memory(monkeypatch):
    """Blocks are small."""
    monkeypatch.setattr(ranges, "BLOCK", 100)
    monkeypatch.setattr(ranges, "GAP", 10)


@pytest.mark.parametrize("size", [1, 99, 100, 101, 1234])
def test_random_reads_seeks_and_prefetches(memory, tmp_path, size):
    chance = random.Random(size)
    data = chance.randbytes(size)
    (tmp_path / "local").write_bytes(data)
    remote = RangeFile(Bytes(data))
    with open(tmp_path / "local", "rb", buffering=0) as local:
        for _ in range(500):
            match chance.randrange(5):
                case 0:
                    spans = [chance.randrange(size + 50) for _ in range(chance.randrange(6))]
                    remote.prefetch([(start, start + chance.randrange(1, 150)) for start in spans])
                case 1:
                    where = chance.randrange(size + 50), os.SEEK_SET
                    assert remote.seek(*where) == local.seek(*where)
                case 2:
                    where = chance.randrange(-size, 50), os.SEEK_END
                    assert remote.seek(*where) == local.seek(*where)
                case 3:
                    where = chance.randrange(-local.tell(), 50), os.SEEK_CUR
                    assert remote.seek(*where) == local.seek(*where)
                case 4:
                    length = chance.choice([-1, 0, 1, 10, 100, 1000])
                    assert remote.read(length) == local.read(length)
            assert remote.tell() == local.tell()


def test_what_was_fetched_ahead_is_not_fetched_again(memory):
    data = random.Random(0).randbytes(1000)
    source = Bytes(data)
    file = RangeFile(source)
    file.prefetch([(500, 520), (505, 512), (525, 530), (541, 550), (20, 60), (990, 1100)])
    # overlapping and near ones together, none of what is there already, nothing beyond the end
    assert sorted(source.spans[1:]) == [(500, 530), (541, 550), (990, 1000)]
    for start, stop in ((500, 530), (541, 550), (0, 100), (990, 1000)):
        file.seek(start)
        assert file.read(stop - start) == data[start:stop]
    assert len(source.spans) == 4
    file.seek(525)
    assert file.read(20) == data[525:545]  # across the hole, which costs a block
    assert source.spans[4:] == [(500, 600)]
    file.prefetch([(510, 590)])
    assert len(source.spans) == 5


def test_bytes_may_come_from_a_thread_while_hdf5_waits(monkeypatch, scene):
    """A thread that collects an h5py object waits for h5py's lock, which is held until the bytes are there."""
    monkeypatch.setattr(ranges, "BLOCK", 4096)

    class Threaded(Bytes):
        def read(self, start, stop):
            garbage = [h5py.File(f"{start}.h5", "w", driver="core", backing_store=False)]
            garbage.append(garbage)
            del garbage
            thread = threading.Thread(target=lambda: [[] for _ in range(100_000)], daemon=True)
            thread.start()
            thread.join(5)
            assert not thread.is_alive()
            return super().read(start, stop)

    with h5py.File(RangeFile(Threaded(scene.read_bytes()))) as file, h5py.File(scene) as local:
        name = "science/LSAR/GCOV/grids/frequencyA/xCoordinates"
        assert file[name][:].tolist() == local[name][:].tolist()
    assert gc.isenabled()


# ---- the whole workflow


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "count", "bound"),
    [(("--workflow-profile", "none"), 5, 4), (("--resources", "archive=1"), 2, 1)],
    ids=["no profile", "one"],
)
def test_granules_at_a_time_are_bounded_whatever_the_cores(
    analysis, scene, tmp_path, tmp_path_factory, arguments, count, bound
):
    folder = tmp_path_factory.mktemp("copies")
    names = [granule_name(cycle=6 + i, start=FIRST + timedelta(days=12 * i)) for i in range(count)]
    for name in names:
        (folder / f"{name}.h5").hardlink_to(scene)
    with Archive(folder, latency=0.3) as archive, CmrServer(archive.umm_items(FOOTPRINT)) as cmr:
        analysis.configure(configuration(archive, cmr))
        targets = [f"results/a/fragments/{name}.zarr" for name in names]
        env = environment(tmp_path, archive.ca_pem, trusted=archive.host)
        run = analysis.snakemake("--cores", "8", *targets, *arguments, env=env)
    assert run.returncode == 0, run.output
    busy = most_at_a_time(archive)
    assert busy <= bound
    assert busy > 1 or bound == 1


def most_at_a_time(archive):
    """How many granules were being read at once."""
    marks = []
    for path in {entry.path.split("/")[-1] for entry in archive.log}:
        times = [entry.at for entry in archive.log if entry.path.endswith(path)]
        marks += [(min(times), 1), (max(times), -1)]
    busy = most = 0
    for _, step in sorted(marks):
        busy += step
        most = max(most, busy)
    return most
