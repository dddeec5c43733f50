"""The loopback archive refuses what NASA's refuses: one test of each contract that no test of the workflow would miss.

That queries, pages, tokens, signed addresses and faults work is what test_archive, test_buckets and
test_archive_search rely on.
"""

import random
import time
from types import SimpleNamespace

import pytest
import requests
import s3fs
from servers import archive as archive_server
from servers.archive import TOKEN, Archive
from servers.cmr import BUCKET

BETA, PROVISIONAL = "NISAR_L2_GCOV_BETA_V1", "NISAR_L2_GCOV_PROVISIONAL_V1"
NAME = "NISAR_L2_PR_GCOV_006_026_A_016_4005_DHDH_A_20251123T234739_20251123T234814_X05009_N_F_J_001"
SECOND = "NISAR_L2_PR_GCOV_007_026_A_016_4005_DHDH_A_20251205T234739_20251205T234814_P05023_P_F_J_001"
SIZE = 300_000


@pytest.fixture
def archive(user, tmp_path):
    """The archive holding two granules, whose content is irrelevant to the servers."""
    for name, seed in ((NAME, 7), (SECOND, 11)):
        (tmp_path / f"{name}.h5").write_bytes(random.Random(seed).randbytes(SIZE))
    with Archive(tmp_path) as archive:
        yield archive


def fetch(archive, **headers):
    """One HTTPS request by the user, following redirects."""
    return requests.get(archive.https_url(NAME), headers={**archive.bearer, **headers}, timeout=10)


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
