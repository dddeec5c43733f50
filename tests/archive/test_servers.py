"""The loopback archive behaves like NASA's, as seen by the clients that the workflow uses; one test of each contract.

How the workflow takes their faults is in test_archive, test_buckets and test_archive_search.
"""

import importlib
import random
import time
from types import SimpleNamespace

import asf_search as asf
import pytest
import requests
import s3fs
from servers import archive as archive_server
from servers.archive import (
    EXPIRED_TOKEN,
    OUTSIDER_TOKEN,
    POWERLESS_TOKEN,
    TOKEN,
    UNLICENSED_TOKEN,
    Archive,
)
from servers.cmr import BUCKET, CmrServer, umm_item
from servers.tls import session_tls, trust
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


ALL = set(VARIED)
FILTERS = [
    ({}, ALL),
    ({"relativeOrbit": 27}, {"track"}),
    ({"relativeOrbit": [26, 27], "frame": 16}, ALL - {"frame", "far_frame"}),
    ({"frame": [(17, 59)]}, {"frame"}),
    ({"flightDirection": "DESCENDING"}, {"descending"}),
    ({"dataMaturity": "PROVISIONAL"}, {"provisional"}),
    ({"shortName": [PROVISIONAL]}, {"provisional"}),
    ({"rangeBandwidth": "20+5"}, {"mode"}),
    ({"mainBandPolarization": "HH+HV"}, ALL - {"one_band", "only_b"}),
    ({"frameCoverage": "PARTIAL"}, {"partial"}),
    ({"start": "2025-11-20", "end": "2025-11-24"}, ALL - {"day"}),
    ({"end": "2025-11-11T23:48:00Z"}, {"day"}),
    ({"intersectsWith": "POLYGON((84 28, 84.4 28, 84.4 28.4, 84 28.4, 84 28))"}, ALL),
    ({"intersectsWith": "POLYGON((10 28, 11 28, 11 29, 10 29, 10 28))"}, set()),
    (
        {"relativeOrbit": 26, "frame": 16, "flightDirection": "ASCENDING", "rangeBandwidth": "20+5"},
        {"mode"},
    ),
]


@pytest.mark.parametrize(("options", "expected"), FILTERS, ids=[str(options) for options, _ in FILTERS])
def test_filters(varied, options, expected):
    wanted = {VARIED[key][0] for key in expected}
    assert {product.properties["sceneName"] for product in search(varied, **options)} == wanted


def test_a_footprint_across_the_antimeridian():
    fiji = [(179.0, -18.0), (181.0, -18.0), (181.0, -16.0), (179.0, -16.0)]
    with CmrServer([umm_item(NAME, BETA, fiji)]) as cmr:
        for lon, hits in ((179.5, 1), (-179.5, 1), (178.0, 0), (-178.0, 0)):
            assert len(search(cmr, intersectsWith=f"POINT({lon} -17)")) == hits


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"frame": "16"}, "Parameter [frame] was not recognized."),
        ({"attribute[]": "integer,TRACK_NUMBER,26"}, "[integer] is an invalid type"),
        ({"temporal": "yesterday,"}, "[yesterday] is not a valid datetime"),
    ],
)
def test_a_wrong_query_is_refused(varied, form, message):
    answer = requests.post(f"{varied.url}/search/granules.umm_json", data=form)
    assert answer.status_code == 400
    assert message in answer.json()["errors"][0]
    assert varied.requests[-1].status == 400


@pytest.mark.parametrize(("then", "found"), [("lost", 295), ("resume", 300), ("end", 245)])
def test_short_page(many, then, found):
    many.short_page(5, then=then)
    results = search(many)
    assert (len(results), results.searchComplete) == (found, found == 300)


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


# ---- S3


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


# ---- faults


def test_short_answers_look_valid(archive, content):
    archive.faults.add("short", way="cdn", after_bytes=10)
    answer = fetch(archive, Range="bytes=100-199")
    assert (answer.status_code, answer.content) == (206, content[100:110])
    assert answer.headers["Content-Range"] == f"bytes 100-109/{SIZE}"
    archive.faults.add("short", way="s3", after_bytes=10)
    assert filesystem(archive).cat_file(archive.s3_url(NAME), start=100, end=200) == content[100:110]


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
