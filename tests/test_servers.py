"""The loopback archive behaves like NASA's, as seen by the clients that the workflow uses."""

import asyncio
import importlib
import json
import random
import socket
import ssl
import time
from types import SimpleNamespace

import aiohttp
import asf_search as asf
import pytest
import requests
import s3fs
from asf_search.constants import INTERNAL
from asf_search.exceptions import ASFSearch4xxError, ASFSearch5xxError, ASFSearchError
from servers import archive as archive_server
from servers.archive import (
    EXPIRED_TOKEN,
    OUTSIDER_TOKEN,
    PASSWORD,
    POWERLESS_TOKEN,
    TOKEN,
    UNLICENSED_TOKEN,
    USERNAME,
    Archive,
    parse_range,
)
from servers.cmr import BUCKET, CmrServer, umm_item
from servers.tls import make_tls, session_tls, trust
from tenacity import wait_none

# the function of that name hides the module from a plain import
SEARCH = importlib.import_module("asf_search.search.search_generator")
POKHARA = [(83.5, 27.5), (85.0, 27.5), (85.0, 29.0), (83.5, 29.0)]
BETA, PROVISIONAL = "NISAR_L2_GCOV_BETA_V1", "NISAR_L2_GCOV_PROVISIONAL_V1"
NAME = "NISAR_L2_PR_GCOV_006_026_A_016_4005_DHDH_A_20251123T234739_20251123T234814_X05009_N_F_J_001"
SECOND = "NISAR_L2_PR_GCOV_007_026_A_016_4005_DHDH_A_20251205T234739_20251205T234814_P05023_P_F_J_001"
SIZE = 300_000


@pytest.fixture(autouse=True)
def loopback(monkeypatch):
    """Clients trust the test authority and go through no proxy; asf_search reports nothing to anyone."""
    for name, value in trust(session_tls().ca_pem).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(asf, "REPORT_ERRORS", False)
    monkeypatch.setattr(SEARCH.get_page.retry, "wait", wait_none())


# ---- TLS


def test_other_authorities_are_not_trusted(tmp_path):
    with CmrServer(tls=make_tls(tmp_path)) as cmr, pytest.raises(requests.exceptions.SSLError):
        requests.post(f"{cmr.url}/search/granules.umm_json")


def test_stop_frees_the_port_and_cuts_kept_connections():
    cmr = CmrServer().start()
    session = requests.Session()
    assert session.post(f"{cmr.url}/search/granules.umm_json").status_code == 200
    cmr.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", cmr.port), timeout=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        session.post(f"{cmr.url}/search/granules.umm_json")


# ---- CMR


def granule(cycle=6, track=26, frame=16, mode="4005", pols="DHDH", direction="A", crid="X05009", day=23, c="F"):
    """A granule's name."""
    place = f"{cycle:03d}_{track:03d}_{direction}_{frame:03d}"
    times = f"202511{day:02d}T234739_202511{day:02d}T234814"
    return f"NISAR_L2_PR_GCOV_{place}_{mode}_{pols}_A_{times}_{crid}_N_{c}_J_001"


def search(cmr, **options):
    """All granules asf_search finds; in a session of its own: the default one keeps a failed run's cursor."""
    defaults = {"dataset": "NISAR", "processingLevel": "GCOV"}
    if "product_list" in options or "shortName" in options:
        defaults = {}
    opts = asf.ASFSearchOptions(host=cmr.host, session=asf.ASFSession(), **defaults | options)
    return asf.search(opts=opts)


@pytest.fixture
def many():
    """More granules than fit on a page."""
    names = [granule(cycle=1 + i // 100, frame=1 + i % 100) for i in range(300)]
    with CmrServer([umm_item(name, BETA, POKHARA) for name in names]) as cmr:
        yield cmr


VARIED = {
    "base": (granule(), BETA),
    "track": (granule(track=27), BETA),
    "frame": (granule(frame=17), BETA),
    "far_frame": (granule(frame=60), BETA),
    "descending": (granule(direction="D"), BETA),
    "mode": (granule(mode="2005"), BETA),
    "one_band": (granule(mode="7700", pols="SHNA"), BETA),
    "only_b": (granule(mode="0005", pols="NADV"), BETA),
    "day": (granule(day=11), BETA),
    "partial": (granule(c="P"), BETA),
    "provisional": (granule(crid="P05023"), PROVISIONAL),
}


@pytest.fixture
def varied():
    """One granule for each thing a search can tell apart."""
    with CmrServer([umm_item(*which, POKHARA) for which in VARIED.values()]) as cmr:
        yield cmr


def test_two_pages(many):
    found = search(many)
    assert len({product.properties["sceneName"] for product in found}) == 300
    assert found.searchComplete
    first, second = many.requests
    assert (first.status, second.status) == (200, 200)
    assert first.form["page_size"] == ["250"]
    assert "CMR-Search-After" not in first.headers
    assert second.headers["CMR-Search-After"] == '["asf", 250]'


def test_the_product_asf_search_makes(varied):
    properties = search(varied, product_list=[VARIED["base"][0]])[0].properties
    name = VARIED["base"][0]
    key = f"{BETA}/{name}/{name}"
    assert properties["url"] == f"https://nisar.asf.earthdatacloud.nasa.gov/NISAR/{key}.h5"
    assert f"s3://{BUCKET}/{key}.h5" in properties["s3Urls"]
    assert f"s3://{BUCKET}/{key}_QA_STATS.h5" in properties["s3Urls"]
    assert properties["bytes"][f"{name}.h5"] == {"bytes": 1_700_000_000, "format": "HDF5"}
    expected = {
        "crid": "X05009",
        "collectionName": BETA,
        "pathNumber": 26,
        "frameNumber": 16,
        "flightDirection": "ASCENDING",
        "mainBandPolarization": ["HH", "HV"],
        "rangeBandwidth": ["40+5"],
        "frameCoverage": "Full",
        "jointObservation": False,
        "productionConfiguration": "PR",
        "processingLevel": "GCOV",
        "startTime": "2025-11-23T23:47:39Z",
        "stopTime": "2025-11-23T23:48:14Z",
        "platform": "NISAR",
        "sensor": "L-SAR",
        "orbit": 5 * 173 + 26 + 791,
        "orbitType": "MOE",
    }
    assert {key: properties[key] for key in expected} == expected


def test_side_files_match_an_h5_filter(varied):
    product = search(varied, product_list=[VARIED["base"][0]])[0]
    assert [url.rsplit("_", 1)[1] for url in product.find_urls(extension=".h5")] == ["001.h5", "STATS.h5"]
    assert product.properties["browse"][0].endswith(".png")


ALL = set(VARIED)
SLANTED = "POLYGON((84 28, 84.4 28, 84.5 28.4, 84 28.3, 84 28))"


FILTERS = [
    ({}, ALL),
    ({"relativeOrbit": 27}, {"track"}),
    ({"relativeOrbit": [26, 27], "frame": 16}, ALL - {"frame", "far_frame"}),
    ({"frame": [17, 60]}, {"frame", "far_frame"}),
    ({"frame": [(17, 60)]}, {"frame", "far_frame"}),
    ({"frame": [(17, 59)]}, {"frame"}),
    ({"flightDirection": "DESCENDING"}, {"descending"}),
    ({"dataMaturity": "PROVISIONAL"}, {"provisional"}),
    ({"dataMaturity": ["BETA"]}, ALL - {"provisional"}),
    ({"shortName": [PROVISIONAL]}, {"provisional"}),
    ({"rangeBandwidth": "20+5"}, {"mode"}),
    ({"rangeBandwidth": ["77", "5"]}, {"one_band", "only_b"}),
    ({"mainBandPolarization": "HH"}, {"one_band"}),
    ({"mainBandPolarization": "HH+HV"}, ALL - {"one_band", "only_b"}),
    ({"sideBandPolarization": "VV+VH"}, {"only_b"}),
    ({"frameCoverage": "PARTIAL"}, {"partial"}),
    ({"jointObservation": True}, set()),
    ({"productionConfiguration": "UR"}, set()),
    ({"processingLevel": "GSLC"}, set()),
    ({"start": "2025-11-20", "end": "2025-11-24"}, ALL - {"day"}),
    ({"end": "2025-11-11T23:48:00Z"}, {"day"}),
    ({"start": "2025-11-24"}, set()),
    ({"intersectsWith": "POLYGON((84 28, 84.4 28, 84.4 28.4, 84 28.4, 84 28))"}, ALL),
    ({"intersectsWith": SLANTED}, ALL),
    ({"intersectsWith": "POINT(84 28)"}, ALL),
    ({"intersectsWith": "POINT(80 28)"}, set()),
    ({"intersectsWith": "POLYGON((10 28, 11 28, 11 29, 10 29, 10 28))"}, set()),
    ({"granule_list": ["NISAR_L2_PR_GCOV_006_027*"]}, {"track"}),
    (
        {"relativeOrbit": 26, "frame": 16, "flightDirection": "ASCENDING", "rangeBandwidth": "20+5"},
        {"mode"},
    ),
]


@pytest.mark.parametrize(("options", "expected"), FILTERS, ids=[str(options) for options, _ in FILTERS])
def test_filters(varied, options, expected):
    wanted = {VARIED[key][0] for key in expected}
    assert {product.properties["sceneName"] for product in search(varied, **options)} == wanted


def test_results_come_latest_first(varied):
    stops = [product.properties["stopTime"] for product in search(varied)]
    assert stops == sorted(stops, reverse=True)
    assert len(set(stops)) == 2


def test_a_footprint_across_the_antimeridian():
    fiji = [(179.0, -18.0), (181.0, -18.0), (181.0, -16.0), (179.0, -16.0)]
    with CmrServer([umm_item(NAME, BETA, fiji)]) as cmr:
        for lon, hits in ((179.5, 1), (-179.5, 1), (178.0, 0), (-178.0, 0)):
            assert len(search(cmr, intersectsWith=f"POINT({lon} -17)")) == hits


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"frame": "16"}, "Parameter [frame] was not recognized."),
        ({"options[spatial][or]": "true"}, "Parameter [options[spatial][or]] was not recognized."),
        ({"attribute[]": "integer,TRACK_NUMBER,26"}, "[integer] is an invalid type"),
        ({"attribute[]": "int,TRACK_NUMBER,x"}, "[x] is an invalid value for type [int]"),
        ({"temporal": "yesterday,"}, "[yesterday] is not a valid datetime"),
        ({"polygon": "0,0,0,1,1,1,1,0,0,0"}, "(clockwise)"),
        ({"polygon": "0,0,1,0,1,1,0,1"}, "not closed"),
        ({"bounding_box": "0,5,1,4"}, "north [4.0] was less than south [5.0]"),
        ({"page_size": "5000"}, "page_size must be a number between 0 and 2000"),
        ({"sort_key[]": "size"}, "The sort key [size] is not a valid field"),
    ],
)
def test_a_wrong_query_is_refused(varied, form, message):
    answer = requests.post(f"{varied.url}/search/granules.umm_json", data=form)
    assert answer.status_code == 400
    assert message in answer.json()["errors"][0]
    assert varied.requests[-1].status == 400


def test_asf_search_raises_on_a_refused_query(varied):
    with pytest.raises(ASFSearch4xxError, match=r"Parameter \[bogus\] was not recognized"):
        search(varied, cmr_keywords=[("bogus", "1")])


def test_an_attribute_asked_for_as_another_type_is_not_found(varied):
    for kind, hits in (("int", "1"), ("string", "0")):
        form = {"attribute[]": f"{kind},TRACK_NUMBER,27"}
        answer = requests.post(f"{varied.url}/search/granules.umm_json", data=form)
        assert answer.headers["CMR-Hits"] == hits


def test_cmr_503_is_retried(many):
    many.fail_next(503, times=2)
    assert len(search(many)) == 300
    assert [request.status for request in many.requests] == [503, 503, 200, 200]


def test_cmr_503_for_good(many):
    many.fail_next(503, times=3)
    with pytest.raises(ASFSearch5xxError, match="HTTP 503"):
        search(many)
    assert len(many.requests) == 3


def test_a_load_balancers_html_is_no_search_error(many):
    many.fail_next(502, body="<html><body>Bad Gateway</body></html>")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        search(many)


@pytest.mark.parametrize(("then", "found"), [("lost", 295), ("resume", 300), ("end", 245)])
def test_short_page(many, then, found):
    many.short_page(5, then=then)
    results = search(many)
    assert (len(results), results.searchComplete) == (found, found == 300)


def test_cmr_drops_the_second_page(many):
    many.pass_next()
    many.drop_next()
    with pytest.raises(requests.exceptions.ConnectionError):
        search(many)
    assert [request.status for request in many.requests] == [200, None]


def test_cmr_stalls(many, monkeypatch):
    many.stall(60)
    with monkeypatch.context() as patch, pytest.raises(ASFSearchError, match="took too long"):
        patch.setattr(INTERNAL, "CMR_TIMEOUT", 0.3)
        search(many)
    assert len(search(many)) == 300


# ---- the archive


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two granule files; their content is irrelevant to the servers."""
    root = tmp_path_factory.mktemp("granules")
    for name, seed in ((NAME, 7), (SECOND, 11)):
        (root / f"{name}.h5").write_bytes(random.Random(seed).randbytes(SIZE))
    return root


@pytest.fixture(scope="module")
def content(folder):
    """The first granule's bytes."""
    return (folder / f"{NAME}.h5").read_bytes()


@pytest.fixture
def archive(folder):
    """The archive holding both granules."""
    with Archive(folder) as archive:
        yield archive


def fetch(archive, name=NAME, token=TOKEN, method="GET", **headers):
    """One HTTPS request by the user, following redirects."""
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return requests.request(method, archive.https_url(name), headers=headers, timeout=10)


def credentials(archive, token=TOKEN):
    """S3 credentials as the credentials page gives them."""
    answer = requests.get(archive.credentials_url, headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    return answer.json()


def filesystem(archive, issued=None):
    """s3fs with the user's credentials."""
    issued = issued or credentials(archive)
    return s3fs.S3FileSystem(
        key=issued["accessKeyId"],
        secret=issued["secretAccessKey"],
        token=issued["sessionToken"],
        endpoint_url=archive.s3_endpoint,
        skip_instance_cache=True,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 10)),
        ("bytes=90-500", (90, 10)),
        ("bytes=-7", (93, 7)),
        ("bytes=-500", (0, 100)),
        ("bytes=0-1,5-6", None),
        ("bytes=9-5", None),
        ("lines=1-2", None),
    ],
)
def test_ranges(text, expected):
    assert parse_range(text, 100) == expected


@pytest.mark.parametrize("text", ["bytes=100-", "bytes=200-300", "bytes=-0"])
def test_ranges_out_of_reach(text):
    with pytest.raises(ValueError, match="bytes"):
        parse_range(text, 100)


def test_https_redirects_to_a_signed_url(archive, content):
    answer = fetch(archive)
    assert answer.content == content
    assert [step.status_code for step in answer.history] == [303]
    assert answer.url.startswith(f"{archive.cdn_url}/{BUCKET}/{BETA}/{NAME}/{NAME}.h5?")
    assert all(f"{key}=" in answer.url for key in ("Expires", "Signature", "Key-Pair-Id"))
    assert archive.leaked_authorizations == []
    assert archive.count(way="https") == archive.count(way="cdn", status=200) == 1
    assert archive.bytes_sent(way="cdn", match=NAME) == SIZE


def test_https_range(archive, content):
    answer = fetch(archive, Range="bytes=1000-1999")
    assert answer.status_code == 206
    assert answer.content == content[1000:2000]
    assert answer.headers["Content-Range"] == f"bytes 1000-1999/{SIZE}"
    assert archive.entries(way="cdn")[0].range == "bytes=1000-1999"


def test_https_head_and_impossible_range(archive):
    head = fetch(archive, method="HEAD")
    assert [step.status_code for step in [*head.history, head]] == [303, 200]
    assert head.history[0].headers["Cache-Control"].startswith("private, max-age=")
    assert head.headers["ETag"].endswith('-14"')
    assert (head.headers["Content-Length"], head.content) == (str(SIZE), b"")
    assert head.headers["Accept-Ranges"] == "bytes"
    beyond = fetch(archive, Range=f"bytes={SIZE}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
    assert fetch(archive, If_Match='"other"').status_code == 412


@pytest.mark.parametrize("token", [None, "no such token"])
def test_without_a_token_the_request_ends_at_the_login_page(archive, token):
    answer = fetch(archive, token=token)
    assert answer.status_code == 401
    assert answer.url.startswith(f"{archive.login_url}/oauth/authorize?")
    assert [step.status_code for step in answer.history] == [302]
    assert "<html>" in answer.text


def test_expired_token_and_missing_licence(archive):
    assert fetch(archive, token=EXPIRED_TOKEN).status_code == 401
    refused = fetch(archive, token=UNLICENSED_TOKEN)
    assert refused.status_code == 403
    assert refused.json()["error_description"] == "EULA Acceptance Failure"
    for stranger in (OUTSIDER_TOKEN, POWERLESS_TOKEN):
        refused = fetch(archive, token=stranger)
        assert (refused.status_code, refused.headers["Content-Type"]) == (403, "text/html")
    for token, status in ((EXPIRED_TOKEN, 401), (UNLICENSED_TOKEN, 403), ("unknown", 401)):
        with pytest.raises(requests.HTTPError) as error:
            credentials(archive, token)
        assert error.value.response.status_code == status


def test_the_login_gives_a_token_for_a_password(archive):
    url = f"{archive.login_url}/api/users/find_or_create_token"
    assert requests.post(url, auth=(USERNAME, "wrong")).status_code == 401
    assert requests.post(url, auth=(USERNAME, PASSWORD)).json()["access_token"] == TOKEN
    assert archive.leaked_authorizations == []


def test_unknown_file(archive):
    url = archive.https_url(NAME).replace("_001.h5", "_009.h5")
    assert requests.get(url, headers=archive.bearer).status_code == 404


def later(monkeypatch, seconds):
    """The archive's clock is ahead from now on."""
    ahead = SimpleNamespace(time=lambda: time.time() + seconds, monotonic=time.monotonic)
    monkeypatch.setattr(archive_server, "time", ahead)


def test_signed_urls_expire_and_cannot_be_altered(archive, monkeypatch):
    url = fetch(archive).url
    assert requests.get(url.replace(NAME, SECOND).replace(BETA, PROVISIONAL)).status_code == 403
    assert requests.get(url.replace("Expires=", "Expires=9")).status_code == 403
    later(monkeypatch, archive.url_seconds)
    expired = requests.get(url)
    assert expired.status_code == 403
    assert "<Code>AccessDenied</Code>" in expired.text
    url = fetch(archive).url
    archive.expire_signed_urls()
    assert requests.get(url).status_code == 403
    assert fetch(archive).status_code == 200


def test_a_token_sent_on_to_the_signed_url_is_refused_and_recorded(archive):
    url = fetch(archive, Range="bytes=0-0").url
    assert requests.get(url, headers=archive.bearer).status_code == 400
    ((way, path, value),) = archive.leaked_authorizations
    assert (way, value) == ("cdn", f"Bearer {TOKEN}")
    assert path.endswith(f"{NAME}.h5")


def test_aiohttp_follows_without_the_token(archive, content):
    async def get():
        trusted = ssl.create_default_context(cafile=archive.ca_pem)
        async with aiohttp.ClientSession(headers=archive.bearer) as session:
            url, part = archive.https_url(NAME), {"Range": "bytes=5-104"}
            async with session.get(url, headers=part, ssl=trusted) as answer:
                return answer.status, await answer.read()

    assert asyncio.run(get()) == (206, content[5:105])
    assert archive.leaked_authorizations == []


def test_the_archive_makes_its_cmr_items(archive):
    with CmrServer(archive.umm_items(POKHARA)) as cmr:
        found = {product.properties["sceneName"]: product.properties for product in search(cmr)}
    assert set(found) == {NAME, SECOND}
    assert found[NAME]["url"] == archive.https_url(NAME)
    assert archive.s3_url(SECOND) in found[SECOND]["s3Urls"]
    assert found[SECOND]["collectionName"] == PROVISIONAL
    assert found[NAME]["bytes"][f"{NAME}.h5"]["bytes"] == SIZE


# ---- S3


def test_s3_credentials_page(archive):
    archive.credential_seconds = 3600
    page = credentials(archive)
    assert set(page) == {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}
    when = time.strptime(page["expiration"], "%Y-%m-%d %H:%M:%S+00:00")
    assert time.mktime(when) - time.mktime(time.gmtime()) == pytest.approx(3600, abs=5)


def test_s3_reads(archive, content):
    s3, url = filesystem(archive), archive.s3_url(NAME)
    assert s3.cat_file(url) == content
    assert s3.info(url)["size"] == SIZE
    assert s3.ls(url.rsplit("/", 1)[0]) == [url.removeprefix("s3://")]
    starts = [0, 1000, 200_000]
    parts = s3.cat_ranges([url] * 3, starts, [start + 50 for start in starts])
    assert parts == [content[start : start + 50] for start in starts]
    assert archive.count(way="s3", status=206) == 3
    with s3.open(url, block_size=4096) as file:
        file.seek(-10, 2)
        assert file.read() == content[-10:]
    with pytest.raises(FileNotFoundError):
        s3.cat_file(f"{url}.md5")


def test_s3_is_read_only(archive):
    with pytest.raises(PermissionError):
        filesystem(archive).pipe_file(archive.s3_url(NAME), b"")


def test_s3_credentials_expire(archive, monkeypatch):
    s3, url = filesystem(archive), archive.s3_url(NAME)
    assert len(s3.cat_file(url, start=0, end=10)) == 10
    later(monkeypatch, archive.credential_seconds)
    with pytest.raises(PermissionError, match="token has expired"):
        s3.cat_file(url, start=0, end=10)
    s3.invalidate_cache()
    # a HEAD's error has no body to say why
    with pytest.raises(OSError, match="Bad Request"):
        s3.info(url)
    assert {entry.status for entry in archive.entries(way="s3", method="HEAD")} == {400}


def test_s3_refuses_unknown_keys_wrong_tokens_and_strangers(archive):
    issued, url = credentials(archive), archive.s3_url(NAME)
    part = {"start": 0, "end": 10}
    with pytest.raises(PermissionError, match="does not exist in our records"):
        filesystem(archive, issued | {"accessKeyId": "ASIAUNKNOWN"}).cat_file(url, **part)
    with pytest.raises(OSError, match="malformed or otherwise invalid"):
        filesystem(archive, issued | {"sessionToken": "x"}).cat_file(url, **part)
    answer = requests.get(f"{archive.s3_endpoint}/{BUCKET}/{archive.key_of(NAME)}")
    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)


def test_s3_outside_the_region(archive):
    archive.in_region = False
    s3, url = filesystem(archive), archive.s3_url(NAME)
    with pytest.raises(PermissionError, match="Access Denied"):
        s3.cat_file(url, start=0, end=10)
    with pytest.raises(PermissionError):
        s3.info(url)


def test_two_archives_do_not_share_their_buckets(archive, folder, tmp_path):
    (tmp_path / f"{NAME}.h5").write_bytes(b"other")
    with Archive(tmp_path) as other:
        assert filesystem(other).cat_file(other.s3_url(NAME)) == b"other"
        assert filesystem(archive).info(archive.s3_url(NAME))["size"] == SIZE
        assert len(filesystem(other).find(f"s3://{BUCKET}")) == 1


# ---- faults


def test_server_errors_by_https(archive):
    archive.faults.add("503", times=2, match=NAME, way="cdn")
    archive.faults.add(500, way="https", skip=3)
    archive.faults.add("429", way="cdn", seconds=7, skip=1, match=SECOND)
    assert [fetch(archive).status_code for _ in range(4)] == [503, 503, 200, 500]
    assert fetch(archive, SECOND).status_code == 200
    limited = fetch(archive, SECOND)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    assert archive.faults.pending() == 0


def test_s3fs_outlives_server_errors_and_cuts(archive, content):
    s3, url = filesystem(archive), archive.s3_url(NAME)
    for kind in ("503", "500", "drop", "truncate"):
        archive.faults.add(kind, match=NAME, way="s3")
        assert s3.cat_file(url, start=0, end=SIZE) == content
        assert archive.faults.pending() == 0
    assert archive.count(way="s3", status=503) == 1


def test_dropped_connections_by_https(archive):
    archive.faults.add("drop", way="cdn")
    with pytest.raises(requests.exceptions.ConnectionError):
        fetch(archive)
    for kind in ("drop", "truncate"):
        archive.reset_log()
        archive.faults.add(kind, way="cdn", after_bytes=100_000)
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
            fetch(archive)
        assert archive.bytes_sent(way="cdn") == 100_000


def test_short_answers_look_valid(archive, content):
    archive.faults.add("short", way="cdn", after_bytes=10)
    answer = fetch(archive, Range="bytes=100-199")
    assert (answer.status_code, answer.content) == (206, content[100:110])
    assert answer.headers["Content-Range"] == f"bytes 100-109/{SIZE}"
    archive.faults.add("short", way="s3", after_bytes=10)
    assert filesystem(archive).cat_file(archive.s3_url(NAME), start=100, end=200) == content[100:110]


def test_stalls(archive):
    archive.faults.add("stall", way="cdn", seconds=60)
    archive.faults.add("stall", way="cdn", seconds=0.3, after_bytes=1000)
    url = archive.sign(archive.key_of(NAME))
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(url, timeout=(30, 0.3))
    began = time.monotonic()
    assert len(requests.get(url).content) == SIZE
    assert 0.3 <= time.monotonic() - began < 30


def test_corrupted_bytes(archive, content):
    archive.faults.add("corrupt", way="cdn", after_bytes=70_000)
    archive.faults.add("corrupt", way="s3", after_bytes=3)
    spoiled = fetch(archive).content
    assert [i for i in range(SIZE) if spoiled[i] != content[i]] == [70_000]
    part = filesystem(archive).cat_file(archive.s3_url(NAME), start=100, end=110)
    assert [i for i in range(10) if part[i] != content[100 + i]] == [3]


def test_credentials_expire_in_mid_file(archive, content):
    s3, url = filesystem(archive), archive.s3_url(NAME)
    archive.faults.add("expire", way="s3", skip=2, match=NAME)
    for start in (0, 1000):
        assert s3.cat_file(url, start=start, end=start + 9) == content[start : start + 9]
    for _ in range(2):
        with pytest.raises(PermissionError, match="token has expired"):
            s3.cat_file(url, start=0, end=9)
    assert filesystem(archive).cat_file(url, start=0, end=9) == content[:9]
    signed = fetch(archive).url
    archive.faults.add("expire", way="cdn")
    assert [requests.get(signed).status_code for _ in range(2)] == [403, 403]


def test_an_object_changes(archive):
    url, s3 = archive.sign(archive.key_of(NAME)), filesystem(archive)
    before = requests.head(url).headers
    with s3.open(archive.s3_url(NAME), block_size=4096, cache_type="readahead") as file:
        assert len(file.read(10)) == 10
        archive.faults.add("changed", way="s3")
        file.seek(200_000)
        with pytest.raises(s3fs.utils.FileExpired):
            file.read(10)
    after = requests.head(url).headers
    assert int(after["Content-Length"]) == SIZE + 4096
    assert after["ETag"] != before["ETag"]


def test_unknown_faults_are_refused(archive):
    for wrong in ({"kind": "flood"}, {"kind": "drop", "way": "ftp"}):
        with pytest.raises(ValueError, match="one of"):
            archive.faults.add(**wrong)


# ---- the record and the cost model


def test_totals(archive):
    fetch(archive, Range="bytes=0-99")
    fetch(archive, Range="bytes=100-299")
    key = archive.key_of(NAME)
    assert archive.totals() == {("https", f"/NISAR/{key}"): (2, 0), ("cdn", f"/{BUCKET}/{key}"): (2, 300)}
    assert TOKEN not in json.dumps([entry.headers for entry in archive.log])
    archive.reset_log()
    assert archive.count() == 0


def test_latency_and_bandwidth(folder):
    with Archive(folder, latency=0.1, bandwidth=1_000_000) as slow:
        url = slow.sign(slow.key_of(NAME))
        began = time.monotonic()
        requests.get(url)
        whole = time.monotonic() - began
        parts = []
        for _ in range(3):
            began = time.monotonic()
            requests.get(url, headers={"Range": "bytes=0-99"})
            parts.append(time.monotonic() - began)
    assert whole >= 0.1 + SIZE / 1e6
    assert 0.1 <= min(parts) < whole
