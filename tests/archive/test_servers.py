"""The loopback archive refuses what NASA's refuses: one test of each contract that no test of the workflow would miss.

That queries, pages, tokens, signed addresses and faults work is what test_archive, test_buckets and
test_archive_search rely on.
"""

import random
import time
from types import SimpleNamespace

import asf_search as asf
import pytest
import requests
import s3fs
from servers import archive as archive_server
from servers.archive import TOKEN, Archive
from servers.cmr import BUCKET, CmrServer, umm_item
from servers.tls import session_tls, trust

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


def test_a_footprint_across_the_antimeridian():
    fiji = [(179.0, -18.0), (181.0, -18.0), (181.0, -16.0), (179.0, -16.0)]
    with CmrServer([umm_item(NAME, BETA, fiji)]) as cmr:
        for lon, hits in ((179.5, 1), (-179.5, 1), (178.0, 0), (-178.0, 0)):
            options = {"dataset": "NISAR", "intersectsWith": f"POINT({lon} -17)"}
            asked = asf.ASFSearchOptions(host=cmr.host, session=asf.ASFSession(), **options)
            assert len(asf.search(opts=asked)) == hits


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"frame": "16"}, "Parameter [frame] was not recognized."),
        ({"attribute[]": "integer,TRACK_NUMBER,26"}, "[integer] is an invalid type"),
        ({"temporal": "yesterday,"}, "[yesterday] is not a valid datetime"),
    ],
)
def test_a_wrong_query_is_refused(form, message):
    with CmrServer() as cmr:
        answer = requests.post(f"{cmr.url}/search/granules.umm_json", data=form)
    assert answer.status_code == cmr.requests[-1].status == 400
    assert message in answer.json()["errors"][0]


@pytest.fixture
def archive(tmp_path):
    """The archive holding two granules, whose content is irrelevant to the servers."""
    for name, seed in ((NAME, 7), (SECOND, 11)):
        (tmp_path / f"{name}.h5").write_bytes(random.Random(seed).randbytes(SIZE))
    with Archive(tmp_path) as archive:
        yield archive


def fetch(archive, **headers):
    """One HTTPS request by the user, following redirects."""
    return requests.get(archive.https_url(NAME), headers={**archive.bearer, **headers}, timeout=10)


def test_https_redirects_to_a_signed_url(archive, tmp_path):
    answer = fetch(archive)
    assert answer.content == (tmp_path / f"{NAME}.h5").read_bytes()
    assert [step.status_code for step in answer.history] == [303]
    assert answer.url.startswith(f"{archive.cdn_url}/{BUCKET}/{BETA}/{NAME}/{NAME}.h5?")
    assert all(f"{key}=" in answer.url for key in ("Expires", "Signature", "Key-Pair-Id"))
    assert archive.leaked_authorizations == []
    assert archive.count(way="https") == archive.count(way="cdn", status=200) == 1
    assert archive.bytes_sent(way="cdn", match=NAME) == SIZE


def test_signed_urls_expire_and_cannot_be_altered(archive, monkeypatch):
    url = fetch(archive).url
    assert requests.get(url.replace(NAME, SECOND).replace(BETA, PROVISIONAL)).status_code == 403
    assert requests.get(url.replace("Expires=", "Expires=9")).status_code == 403
    ahead = SimpleNamespace(time=lambda: time.time() + archive.url_seconds, monotonic=time.monotonic)
    monkeypatch.setattr(archive_server, "time", ahead)
    expired = requests.get(url)
    assert expired.status_code == 403
    assert "<Code>AccessDenied</Code>" in expired.text


def test_a_token_sent_on_to_the_signed_url_is_refused_and_recorded(archive):
    url = fetch(archive, Range="bytes=0-0").url
    assert requests.get(url, headers=archive.bearer).status_code == 400
    ((way, path, value),) = archive.leaked_authorizations
    assert (way, value) == ("cdn", f"Bearer {TOKEN}")
    assert path.endswith(f"{NAME}.h5")


def test_s3_refuses_unknown_keys_wrong_tokens_and_strangers(archive):
    issued, url = requests.get(archive.credentials_url, headers=archive.bearer).json(), archive.s3_url(NAME)

    def read(**other):
        key, secret, token = ({**issued, **other}[name] for name in ("accessKeyId", "secretAccessKey", "sessionToken"))
        options = {"endpoint_url": archive.s3_endpoint, "skip_instance_cache": True}
        return s3fs.S3FileSystem(key=key, secret=secret, token=token, **options).cat_file(url, start=0, end=10)

    assert len(read()) == 10
    with pytest.raises(PermissionError, match="does not exist in our records"):
        read(accessKeyId="ASIAUNKNOWN")
    with pytest.raises(OSError, match="malformed or otherwise invalid"):
        read(sessionToken="x")
    answer = requests.get(f"{archive.s3_endpoint}/{BUCKET}/{archive.key_of(NAME)}")
    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)
