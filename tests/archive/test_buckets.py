"""Granules in the user's own buckets: which keys are used where, what globs match, and the refusal messages."""

import logging
import os
import re
import socket
import subprocess
import sys

import pytest
from helpers import BBOX, REPO
from servers.archive import Archive
from servers.buckets import Buckets
from servers.cmr import BUCKET
from servers.field import archive_settings
from servers.tls import make_tls, session_tls

from gcov.archive import remote, s3
from gcov.archive.catalog import listed_granules
from gcov.archive.sources import open_bytes
from gcov.errors import GcovError
from gcov.granules import from_name, from_url
from gcov.inputs.config import read_config

NAMES = [
    f"NISAR_L2_PR_GCOV_{cycle:03d}_026_A_016_4005_DHDH_A_2025{day}T234739_2025{day}T234814_X05009_N_F_J_001"
    for cycle, day in ((6, "1123"), (7, "1205"))
]
SIZE = 1_500_000


@pytest.fixture(scope="module")
def data():
    """The content of every object, which is arbitrary."""
    return bytes(range(256)) * (SIZE // 256) + bytes(SIZE % 256)


@pytest.fixture
def store(user):
    """Buckets that open to AKIAUSER and AKIALAB."""
    with Buckets("AKIAUSER", "AKIALAB") as buckets:
        yield buckets


@pytest.fixture
def environ(monkeypatch, store):
    """The user's AWS environment: keys, and the endpoint of their buckets."""
    given = {
        "AWS_ACCESS_KEY_ID": "AKIAUSER",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-user",
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def lab(environ, tmp_path):
    """A profile, in a file of its own."""
    path = tmp_path / "aws"
    path.write_text("[profile lab]\naws_access_key_id = AKIALAB\naws_secret_access_key = a-secret-of-the-lab\n")
    environ.setenv("AWS_CONFIG_FILE", str(path))
    return path


def settings(access="auto", **buckets):
    """The configuration's `archive` section as a job gets it; bucket names with _ for -."""
    named = {name.replace("_", "-"): entry for name, entry in buckets.items()}
    return read_config({"aois": {"a": {"bbox": BBOX}}, "archive": {"access": access, "buckets": named}})[1].archive


def opened(url, **section):
    """The object behind an address, opened as a granule."""
    return open_bytes(from_url(url), settings(**section))


def read_all(file):
    """An object's bytes, in concurrent ranges."""
    file.prefetch([(start, start + 1000) for start in range(0, SIZE, 100_000)])
    return file.readall()


# ---- whose keys go where


@pytest.mark.parametrize("access", ["auto", "s3", "https"])
def test_the_environments_keys_read_an_own_bucket(environ, store, data, access, caplog):
    url = store.put(store.new(), f"nisar/{NAMES[0]}.h5", data)
    with caplog.at_level(logging.INFO):
        assert read_all(opened(url, access=access)) == data
    assert store.seen == {"AKIAUSER"}
    assert {method for method, *_ in store.requests} == {"GET"}
    assert "reading from S3" in caplog.text


def test_a_range_is_a_request(environ, store, data):
    file = opened(store.put(store.new(), f"{NAMES[0]}.h5", data))
    assert (file.size, len(store.requests)) == (SIZE, 1)
    file.prefetch([(600_000, 600_010), (1_300_000, 1_300_020)])
    assert len(store.requests) == len(file.received) == 2
    assert file.received[1] == 700_020  # near ones are one request


def test_a_profile_comes_before_the_environments_keys(lab, store, data):
    bucket = store.new()
    url = store.put(bucket, f"{NAMES[0]}.h5", data)
    assert read_all(opened(url, **{bucket: {"profile": "lab"}})) == data
    assert store.seen == {"AKIALAB"}


def test_the_profile_of_the_environment(lab, store, data, environ):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        environ.delenv(name)
    lab.write_text(f"{lab.read_text()}endpoint_url = {store.endpoint}\n")
    environ.setenv("AWS_PROFILE", "lab")
    assert read_all(opened(store.put(store.new(), f"{NAMES[0]}.h5", data))) == data
    assert store.seen == {"AKIALAB"}


def test_anon_sends_no_signature(environ, store, data):
    bucket = store.new()
    store.public.add(bucket)
    url = store.put(bucket, f"{NAMES[0]}.h5", data)
    assert read_all(opened(url, **{bucket: {"anon": True}})) == data
    assert [granule.size for granule in listed_granules((f"s3://{bucket}/*.h5",), settings(**{bucket: {"anon": True}}))]
    assert store.seen == {None}
    assert set(store.authorizations) == {""}


def test_each_bucket_has_its_endpoint(environ, store, data):
    """The configuration's comes before that of the environment."""
    with Buckets("AKIAUSER") as other:
        here, there = store.new(), other.new()
        urls = [store.put(here, f"{NAMES[0]}.h5", data), other.put(there, f"{NAMES[0]}.h5", data)]
        for url in urls:
            assert read_all(opened(url, **{there: {"endpoint_url": other.endpoint}})) == data
        for server, bucket in ((store, here), (other, there)):
            assert {path.split("/")[1] for _, path, _ in server.requests} == {bucket}


@pytest.fixture
def archive(user, monkeypatch, tmp_path, data):
    """The archive with two granules in it."""
    (tmp_path / "granules").mkdir()
    for name in NAMES:
        (tmp_path / "granules" / f"{name}.h5").write_bytes(data)
    with Archive(tmp_path / "granules") as archive:
        monkeypatch.setenv("GCOV_TRUST_HOST", archive.host)
        archive.seen, record = [], archive.record

        def recording(way, method, path, headers):
            archive.seen.append((way, headers.get("Authorization") or ""))
            return record(way, method, path, headers)

        archive.record = recording
        yield archive


@pytest.mark.parametrize("profile", ["lab", "no-such-profile"])
def test_keys_are_never_mixed(lab, archive, store, data, environ, profile):
    """The archive's bucket sees Earthdata's keys alone, whatever AWS settings the user has; own ones never see them."""
    environ.setenv("AWS_PROFILE", profile)
    environ.setenv("AWS_SESSION_TOKEN", "a-session-of-the-user")
    section = archive_settings(archive, access="s3", buckets={BUCKET: {"profile": "lab"}})
    assert read_all(open_bytes(from_url(archive.s3_url(NAMES[0])), section)) == data
    assert len(listed_granules((f"s3://{BUCKET}/*/*/*.h5",), section)) == 2
    signatures = [text for way, text in archive.seen if way == "s3"]
    assert len(signatures) > 3
    assert all("Credential=ASIA" in text for text in signatures)
    assert store.requests == []  # AWS_ENDPOINT_URL is not for the archive
    environ.setenv("AWS_PROFILE", "lab")
    archive.seen.clear()
    assert read_all(open_bytes(from_url(store.put(store.new(), f"{NAMES[0]}.h5", data)), section)) == data
    assert not any("ASIA" in text for text in store.authorizations)
    assert archive.seen == []  # no credentials were asked for


def test_half_credentials_are_none(environ, archive):
    """If a key is missing, s3fs would use the user's."""
    archive.issue_credentials = lambda: {"accessKeyId": None, "secretAccessKey": None, "sessionToken": None}
    with pytest.raises(GcovError, match="s3credentials gave no credentials"):
        open_bytes(from_url(archive.s3_url(NAMES[0])), archive_settings(archive, access="s3"))
    assert [way for way, _ in archive.seen] == ["https"]


def test_the_archives_real_bucket_is_asked_at_aws_in_its_region(environ, archive):
    """With no `s3_endpoint`, and whatever AWS_ENDPOINT_URL says."""
    section = archive_settings(archive, access="s3", s3_endpoint=None)
    fs = s3.filesystem(BUCKET, section)
    fs.connect()
    assert fs.s3.meta.endpoint_url == "https://s3.us-west-2.amazonaws.com"


def test_other_buckets_in_a_search_result_are_read_over_https(environ, archive, store, data):
    """Neither Earthdata's credentials nor the user's are for them."""
    url = store.put(store.new(), f"{NAMES[0]}.h5", data)
    granule = from_name(NAMES[0], url=archive.https_url(NAMES[0]), s3_url=url)
    assert read_all(open_bytes(granule, archive_settings(archive, access="auto"))) == data
    assert store.requests == []


def test_a_token_is_wanted_where_the_archive_is_read():
    own, archives = f"s3://lab/{NAMES[0]}.h5", f"s3://{BUCKET}/{NAMES[0]}.h5"
    assert remote.wants_token(from_url(archives))
    assert remote.wants_token(from_url(f"https://archive.example/{NAMES[0]}.h5"))
    assert not remote.wants_token(from_url(own))
    assert not remote.wants_token(from_name(NAMES[0], path="here.h5"))


# ---- what is found


def test_globs_and_objects_with_their_sizes(environ, store, data):
    bucket = store.new()
    urls = [store.put(bucket, f"nisar/2025/{name}.h5", data[: 1000 * (i + 1)]) for i, name in enumerate(NAMES)]
    for key in (f"nisar/2025/{NAMES[0]}_QA_STATS.h5", "nisar/2025/notes.txt", f"nisar/{NAMES[0]}.h5", "nisar/"):
        store.put(bucket, key, b"")
    found = listed_granules((f"s3://{bucket}/nisar/2025/*.h5",), settings())
    assert [(granule.s3_url, granule.size) for granule in found] == [(urls[0], 1000), (urls[1], 2000)]
    assert [(granule.url, granule.path) for granule in found] == [(None, None)] * 2
    assert found[0] == from_name(NAMES[0], s3_url=urls[0], size=1000)
    assert [granule.s3_url for granule in listed_granules((f"s3://{bucket}/**/*_007_*.h5",), settings())] == [urls[1]]
    assert [granule.size for granule in listed_granules((urls[1], urls[0]), settings())] == [2000, 1000]
    assert listed_granules((urls[0].replace(".h5", "_QA_STATS.h5"),), settings()) == []


def test_a_listing_of_many_pages(environ, store):
    bucket = store.new()
    for number in range(1002):
        store.put(bucket, f"{number:04d}/{NAMES[0]}.h5", b"")
    assert len(s3.listing(f"s3://{bucket}/*/*.h5", settings())) == 1002


def test_an_object_in_the_archives_bucket_is_not_asked_for_at_search(user):
    url = f"s3://{BUCKET}/NISAR_L2_GCOV_BETA_V1/{NAMES[0]}/{NAMES[0]}.h5"
    assert listed_granules((url,), settings()) == [from_url(url)]


# ---- messages


def message(entry, **section):
    """The messages shown when granules are listed; they must not contain secrets."""
    with pytest.raises(GcovError) as error:
        listed_granules((entry,), settings(**section))
    assert "secret" not in str(error.value) and "AKIA" not in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


GLOB, OBJECT = "*.h5", f"{NAMES[0]}.h5"


@pytest.mark.parametrize("key", [GLOB, OBJECT])
def test_no_such_bucket(environ, store, key):
    assert message(f"s3://nowhere-at-all/{key}") == f"s3://nowhere-at-all/{key}: there is no such bucket (404)"


def test_no_such_object(environ, store):
    bucket = store.new()
    assert message(f"s3://{bucket}/{OBJECT}").startswith(f"s3://{bucket}/{OBJECT}: there is no such granule (404)")
    assert message(f"s3://{bucket}/{GLOB}") == f"granules: 's3://{bucket}/*.h5' matches no object"


def test_an_object_that_is_no_granule(environ, store):
    bucket = store.new()
    store.put(bucket, "notes.h5", b"x")
    for key in ("notes.h5", "*.h5"):
        assert f"s3://{bucket}/notes.h5 does not end in the name of a NISAR L2 GCOV granule" in message(
            f"s3://{bucket}/{key}"
        )


@pytest.mark.parametrize("key", [GLOB, OBJECT])
def test_denied(environ, store, key):
    bucket = store.new()
    store.access_keys.clear()
    text = message(f"s3://{bucket}/{key}")
    assert text.startswith(f"s3://{bucket}/{key}: cannot be read from S3 (it answered 403 InvalidAccessKeyId). ")
    assert f"`archive.buckets: {{{bucket}: {{profile: ...}}}}`, or `{{{bucket}: {{anon: true}}}}`" in text
    text = message(f"s3://{bucket}/{key}", **{bucket: {"anon": True}})
    assert "(it answered 403 AccessDenied). The bucket is not public: name an AWS profile" in text


def test_a_bucket_that_may_be_read_but_not_listed(environ, store):
    bucket = store.new()
    store.unlisted.add(bucket)
    url = store.put(bucket, OBJECT, b"xyz")
    assert [granule.size for granule in listed_granules((url,), settings())] == [3]
    assert "cannot be read from S3 (it answered 403 AccessDenied)" in message(f"s3://{bucket}/{GLOB}")


@pytest.mark.parametrize("key", [GLOB, OBJECT])
def test_no_credentials(environ, store, key):
    environ.delenv("AWS_ACCESS_KEY_ID")
    text = message(f"s3://lab/{key}")
    assert text.startswith(f"s3://lab/{key}: cannot be read from S3 (no AWS credentials found). Name an AWS profile")
    assert "{lab: {anon: true}}" in text
    assert store.requests == []


@pytest.mark.parametrize("key", [GLOB, OBJECT])
def test_no_such_profile(environ, store, key):
    reason = "there is no AWS profile 'labb' in ~/.aws/config or ~/.aws/credentials"
    text = message(f"s3://lab/{key}", lab={"profile": "labb"})
    assert text.startswith(f"s3://lab/{key}: cannot be read from S3 ({reason}). Name an AWS profile")


@pytest.mark.parametrize("key", [GLOB, OBJECT])
def test_an_endpoint_that_cannot_be_reached(environ, store, pauses, key):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    environ.setenv("AWS_ENDPOINT_URL", f"http://{host}")
    text = message(f"s3://lab/{key}")
    assert text.startswith(f"s3://lab/{key} failed (EndpointConnectionError at {host}) (attempt 8 of 8): try again")
    assert "compute nodes may have no internet" in text
    assert len(pauses) == 7
    text = message(f"s3://lab/{key}", lab={"endpoint_url": f"http://{host}"})
    assert text.startswith(f"http://{host}/lab/{key} failed")


@pytest.mark.parametrize("endpoint", ["s3.example.org", "http://", "http://[::1"])
def test_an_endpoint_that_is_no_address(environ, store, endpoint):
    environ.setenv("AWS_ENDPOINT_URL", endpoint)
    assert "(these AWS settings cannot be used: ValueError)" in message("s3://lab/*.h5")


def test_a_certificate_that_is_not_trusted(environ, pauses, tmp_path):
    with Buckets("AKIAUSER", tls=make_tls(tmp_path)) as strange:
        environ.setenv("AWS_ENDPOINT_URL", strange.endpoint)
        assert "its certificate is not trusted" in message("s3://lab/*.h5")
    with Buckets("AKIAUSER", tls=session_tls()) as trusted:
        environ.setenv("AWS_ENDPOINT_URL", trusted.endpoint)
        for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            environ.delenv(name)  # the next one is enough, as over HTTPS
            assert listed_granules((trusted.put(trusted.new(), OBJECT, b"x"),), settings())[0].size == 1
        environ.setenv("AWS_CA_BUNDLE", "/no/such/file")
        assert "its certificate is not trusted" in message("s3://lab/*.h5")
    assert pauses == []


# ---- faults


def test_a_busy_store_is_asked_again(environ, store, pauses, data, caplog):
    url = store.put(store.new(), OBJECT, data)
    store.busy = 2
    with caplog.at_level(logging.INFO):
        assert read_all(opened(url)) == data
    store.busy = 1
    assert len(listed_granules((url.replace(OBJECT, GLOB),), settings())) == 1
    assert len(pauses) == 3
    assert "answered 503; trying again in" in caplog.text


def test_an_endless_503_ends_in_a_minute_or_two(environ, store, pauses):
    store.busy = 99
    assert "answered 503 (attempt 8 of 8): try again later" in message(f"s3://{store.new()}/{GLOB}")
    assert len(store.requests) == 8  # s3fs and botocore add none of their own
    assert 25 < sum(pauses) < 100


def test_a_changed_object(environ, store, data):
    bucket = store.new()
    file = opened(store.put(bucket, OBJECT, data))
    store.put(bucket, OBJECT, data[::-1])  # as long as before
    with pytest.raises(GcovError, match=rf"{OBJECT} changed in the archive while it was read: run again"):
        file.prefetch([(1_000_000, 1_000_010)])


def test_denied_in_mid_file(environ, store, data):
    file = opened(store.put(store.new(), OBJECT, data))
    store.access_keys.clear()
    with pytest.raises(GcovError, match=r"refused in mid-file \(it answered 403 InvalidAccessKeyId\): run again"):
        file.prefetch([(1_000_000, 1_000_010)])
    assert len(store.requests) == 2  # the user's keys do not get better


# ---- what it costs


def test_s3fs_is_imported_only_where_s3_is_read():
    code = "import sys, gcov.archive.catalog, gcov.archive.remote; print({'s3fs', 'aiohttp'} & {*sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(REPO / "scripts")}, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr


def test_nothing_is_left_open(environ, store, data, tmp_path):
    """No connection is left open, and none is reported when the process ends."""
    url = store.put(store.new(), OBJECT, data)
    code = f"""
import logging, sys, warnings
warnings.simplefilter("always")
logging.basicConfig()
from test_buckets import opened
file = opened({url!r})
file.prefetch([(1_000_000, 1_000_010)])
"""
    env = {**os.environ, "PYTHONPATH": f"{REPO / 'scripts'}:{REPO / 'tests'}:{REPO / 'tests' / 'archive'}"}
    run = subprocess.run([sys.executable, "-X", "dev", "-c", code], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not re.search("nclosed|ResourceWarning|Traceback|Error", run.stderr), run.stderr
