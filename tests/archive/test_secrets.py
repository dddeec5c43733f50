"""Tokens and session keys stay in memory, and are sent to the archive's host only."""

import re
import shutil
import sys
import threading
from pathlib import Path

import pytest
from servers.archive import PASSWORD, TOKEN, USERNAME, Archive
from servers.buckets import Buckets
from servers.cmr import BUCKET, CmrServer
from servers.field import FOOTPRINT, aoi_bbox, archive_settings, configuration, environment
from servers.tls import Handler, LoopbackServer, session_tls

from gcov.archive import login, ranges, transport
from gcov.archive.ranges import RangeFile, Refused
from gcov.archive.remote import HttpsFile
from gcov.archive.s3 import S3Object
from gcov.archive.sources import open_bytes
from gcov.errors import GcovError
from gcov.granules import from_name

TOKEN_OF_THIS_TEST = "eyJkaXN0aW5jdGl2ZSI6InllcyJ9.dG9rZW4tb2YtdGhpcy10ZXN0.c2lnbmF0dXJl"

# ---- whole runs


class Watched:
    """An archive that remembers every secret it gave out or was shown."""

    def __init__(self, archive):
        self.secrets = {TOKEN_OF_THIS_TEST}
        archive.tokens = {TOKEN_OF_THIS_TEST: "valid"}
        issue, sign, record = archive.issue_credentials, archive.sign, archive.record

        def issuing():
            issued = issue()
            self.secrets.update(issued[key] for key in ("accessKeyId", "secretAccessKey", "sessionToken"))
            return issued

        def signing(key):
            url = sign(key)
            self.secrets.add(re.search("Signature=([0-9a-f]+)", url)[1])
            return url

        def recording(way, method, path, headers):
            if match := re.search("Signature=([0-9a-f]+)", headers.get("Authorization") or ""):
                self.secrets.add(match[1])
            return record(way, method, path, headers)

        archive.issue_credentials, archive.sign, archive.record = issuing, signing, recording

    def found_in(self, data):
        """The secrets that occur in some bytes."""
        return [secret for secret in self.secrets if secret.encode() in data]


class Processes(threading.Thread):
    """Reads the arguments of all processes, again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = set()
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.1):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue  # it ended

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.done.set()
        self.join()


BREAKS = """
import gcov.archive.ranges
whole = gcov.archive.ranges.RangeFile.prefetch
def prefetch(self, spans):
    whole(self, spans)
    if "_20251205T" in self.source.name:
        raise RuntimeError("a mistake in the code")
gcov.archive.ranges.RangeFile.prefetch = prefetch
"""


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("access", ["https", "s3"])
def test_a_whole_run_tells_nobody(analysis, archive, scenes, access, tmp_path_factory):
    """Also where faults abound, one granule fails with a traceback, and reports are written."""
    watched = Watched(archive)
    for skip, kind in enumerate(("503", "drop", "expire", "truncate", "429", "expire")):
        archive.faults.add(kind, way="s3" if access == "s3" else "cdn", skip=skip)
    mistakes, home = tmp_path_factory.mktemp("mistakes"), tmp_path_factory.mktemp("home")
    patched = (Path(ranges.__file__).parents[2], mistakes)  # our mistake is made whenever Python starts
    (mistakes / "sitecustomize.py").write_text(f"import sys; sys.path.insert(0, {str(patched[0])!r})\n{BREAKS}")
    target = "results/a/HHHH/mean_series.png" if access == "https" else "results/a/stack.zarr"
    with CmrServer(archive.umm_items(FOOTPRINT)) as cmr, Processes() as processes:
        analysis.configure(configuration(archive, cmr, access))
        env = environment(home, archive.ca_pem, TOKEN_OF_THIS_TEST, archive.host)
        failing = analysis.snakemake(
            "--keep-going", "--show-failed-logs", target, env={**env, "PYTHONPATH": str(mistakes)}
        )
        fine = analysis.snakemake("--printshellcmds", "--verbose", target, env=env)
        runs = [failing, fine]
        if access == "https":  # once is enough for what the report is made of
            runs.append(analysis.snakemake(target, "--report", "report.html", env=env))
    assert failing.returncode != 0 and "Traceback" in failing.output and "a mistake in the code" in failing.output
    assert fine.returncode == 0, fine.output
    assert runs[-1].returncode == 0, runs[-1].output
    assert (analysis.folder / "report.html").exists() == (access == "https")
    assert archive.faults.pending() == 0
    # the token; signatures or S3's keys, of which there are several as some expired
    assert len(watched.secrets) > 4
    for run in runs:
        assert watched.found_in(run.output.encode()) == []
    files = [path for path in analysis.folder.rglob("*") if path.is_file()]
    assert {".snakemake", "logs", "results", "benchmarks"} <= {path.name for path in analysis.folder.iterdir()}
    assert [path for path in files if watched.found_in(path.read_bytes())] == []
    assert [path for path in home.rglob("*") if path.is_file() and watched.found_in(path.read_bytes())] == []
    assert any(b"clip.py" in arguments for arguments in processes.seen)
    assert [arguments for arguments in processes.seen if watched.found_in(arguments)] == []
    assert archive.leaked_authorizations == []


@pytest.mark.long
def test_superseded_granules_are_fetched_with_the_same_care(analysis, scenes, tmp_path_factory):
    """By an address and for a token that nothing on disk shows."""
    folder, home = tmp_path_factory.mktemp("twice"), tmp_path_factory.mktemp("home")
    names = [re.sub(r"_[A-Z]\d{5}_", f"_{crid}_", scenes[0].name) for crid in ("P05023", "P05024")]
    for name in names:
        shutil.copyfile(scenes[0], folder / name)
    with Archive(folder) as archive, CmrServer(archive.umm_items(FOOTPRINT)) as cmr:
        watched = Watched(archive)
        analysis.configure(configuration(archive, cmr, "https"))
        env = environment(home, archive.ca_pem, TOKEN_OF_THIS_TEST, archive.host)
        output = analysis.run("--verbose", "results/a/release_steps.csv", env=env)
    assert analysis.results("a/superseded/*.zarr") == [f"a/superseded/{Path(names[0]).stem}.zarr"]
    assert (analysis.folder / "results/a/release_steps.csv").read_text().count("P05023,P05024") > 0
    assert len(watched.secrets) > 2 and archive.leaked_authorizations == []  # a signature for each of the two
    files = [path for path in analysis.folder.rglob("*") if path.is_file()]
    assert watched.found_in(b"".join([output.encode(), *(path.read_bytes() for path in files)])) == []


@pytest.mark.long
def test_a_whole_run_on_an_own_bucket_tells_nobody(analysis, scenes, tmp_path_factory):
    """Nor where the store is busy, its keys are refused, or botocore is told to be talkative."""
    home = tmp_path_factory.mktemp("home")
    keys = {
        "AWS_ACCESS_KEY_ID": "AKIADISTINCTIVE",
        "AWS_SECRET_ACCESS_KEY": "distinctive-secret-of-the-user",
        "AWS_SESSION_TOKEN": "distinctive-session-of-the-user",
        "S3FS_LOGGING_LEVEL": "DEBUG",
    }
    with Buckets("AKIADISTINCTIVE") as buckets:
        bucket = buckets.new()
        for scene in scenes:
            buckets.put(bucket, f"nisar/{scene.name}", scene.read_bytes())
        analysis.configure(
            {
                "aois": {"a": {"bbox": aoi_bbox(), "granules": [f"s3://{bucket}/nisar/*.h5"]}},
                "archive": {"buckets": {bucket: {"endpoint_url": buckets.endpoint}}},
                "basemap": None,
            }
        )
        env = environment(home, session_tls().ca_pem, None, **keys)
        refused = analysis.snakemake("results/a/stack.zarr", env={**env, "AWS_ACCESS_KEY_ID": "AKIAOTHERDISTINCTIVE"})
        buckets.busy = 2
        fine = analysis.snakemake("--verbose", "results/a/stack.zarr", env=env)
        signatures = {re.search("Signature=([0-9a-f]+)", text)[1] for text in buckets.authorizations}
    assert "cannot be read from S3 (it answered 403 InvalidAccessKeyId)" in refused.output
    assert "Traceback" not in (analysis.folder / "logs/a/search.log").read_text()
    assert fine.returncode == 0, fine.output
    assert "Earthdata token" not in fine.output  # nobody needs one here
    assert any("answered 503; trying again" in path.read_text() for path in (analysis.folder / "logs").rglob("*.log"))
    said = [refused.output.encode(), fine.output.encode()]
    said += [path.read_bytes() for folder in (analysis.folder, home) for path in folder.rglob("*") if path.is_file()]
    assert len(signatures) > 4
    for secret in (*signatures, "DISTINCTIVE", "distinctive-secret", "distinctive-session"):
        assert not any(secret.encode() in text for text in said), secret


class Signed(Handler):
    """A host of somebody's own: granules for whoever has a signature."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        self.server.asked.append(path)
        if not query.startswith("Signature=DISTINCTIVE"):
            return self.answer(403)
        data = (self.server.folder / Path(path).name).read_bytes()
        start, stop = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        piece = data[start : stop + 1]
        span = f"bytes {start}-{start + len(piece) - 1}/{len(data)}"
        return self.answer(206, piece, headers={"Content-Range": span})


@pytest.fixture
def signed(serve, scenes):
    """Such a host, with the scenes."""
    return serve(Signed, session_tls(), asked=[], folder=scenes[0].parent)


def by_address(signed, scenes, query: str) -> dict:
    """A configuration of signed addresses."""
    urls = [f"{signed.url}/{scene.name}?{query}" for scene in scenes]
    return {"aois": {"a": {"bbox": aoi_bbox(), "granules": urls}}, "basemap": None}


@pytest.mark.long
def test_a_signed_address_is_written_nowhere(analysis, signed, scenes, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    env = environment(home, session_tls().ca_pem, None)
    target = "results/a/HHHH/mean_series.png"
    refused = analysis.configure(by_address(signed, scenes[:2], "Signature=EXPIREDISTINCTIVE")).snakemake(
        target, env=env
    )
    assert f"{signed.url}/{scenes[0].name}: cannot be read ({signed.host} answered 403)" in refused.output
    analysis.configure(by_address(signed, scenes[:2], "Signature=DISTINCTIVE1"))
    outputs = [refused.output, analysis.run("--verbose", "--printshellcmds", target, env=env)]
    outputs.append(analysis.run(target, "--report", "report.html", env=env))
    signed.asked.clear()
    analysis.configure(by_address(signed, scenes[:2], "Signature=DISTINCTIVE2"))
    outputs += [analysis.run(target, env=env), analysis.run("-R", "search", "--", target, env=env)]
    assert "Nothing to be done" in outputs[-2]
    assert signed.asked == []
    assert not any("DISTINCTIVE" in output for output in outputs)
    files = [path for path in analysis.folder.rglob("*") if path.is_file() and path.name != "config.yaml"]
    assert len(files) > 40
    assert [path for path in files if b"DISTINCTIVE" in path.read_bytes()] == []


@pytest.mark.parametrize(
    "config",
    [
        {"archive": {"buckets": {"mine": {"endpoint_url": "https://key:DISTINCTIVE@127.0.0.1"}}}},
        {"basemap": "https://127.0.0.1/{z}/{x}/{y}.png?key=DISTINCTIVE"},
        {"aois": {"a": {"bbox": [1, 2, 3, 4], "granules": ["https://127.0.0.1/X.h5#tok=DISTINCTIVE"]}}},
    ],
)
def test_a_secret_in_the_configuration_ends_the_run_before_any_job(analysis, config):
    aois = {"a": {"bbox": [1, 2, 3, 4], "granules": ["s3://mine/X.h5"]}}
    done = analysis.configure({"aois": aois, **config}).snakemake("--verbose")
    assert done.returncode and "an address" in done.output and "DISTINCTIVE" not in done.output
    files = [path for path in analysis.folder.rglob("*") if path.is_file() and path.name != "config.yaml"]
    assert [path for path in files if b"DISTINCTIVE" in path.read_bytes()] == [] and analysis.results() == []


# ---- who receives the token


class Ear(Handler):
    """Remembers what Authorization came, and redirects if told to where."""

    def do_GET(self):
        self.server.heard.append(self.headers.get("Authorization"))
        if self.server.target:
            return self.answer(307, headers={"Location": self.server.target})
        if "Range" not in self.headers:
            return self.answer(401)
        return self.answer(206, b"x", headers={"Content-Range": "bytes 0-0/1"})


@pytest.fixture
def ear(serve, monkeypatch):
    """A function that starts such a server; the last one is trusted with the token."""

    def start(tls=True, target=None):
        server = serve(Ear, session_tls() if tls else None, heard=[], target=target)
        monkeypatch.setenv("GCOV_TRUST_HOST", server.host)
        return server

    return start


BEARER = f"Bearer {TOKEN}"
ELSEWHERE = {
    "another port of the same host": lambda server: server.url,
    "another host": lambda server: server.url.replace("127.0.0.1", "localhost"),
    "without TLS": lambda server: server.url,
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_redirect_does_not_take_the_token_along(user, ear, where):
    other = ear(tls=where != "without TLS")
    archive = ear(target=f"{ELSEWHERE[where](other)}/signed?Signature=1")
    assert RangeFile(HttpsFile(f"{archive.url}/granule.h5", archive.host)).read() == b"x"
    assert archive.heard == [BEARER]
    assert other.heard == [None]


def test_redirects_from_host_to_host_are_followed_without_the_token(user, ear):
    last = ear()
    second = ear(target=f"{last.url}/there?Signature=2")
    archive = ear(target=f"{second.url}/signed?Signature=1")
    assert RangeFile(HttpsFile(f"{archive.url}/granule.h5", archive.host)).read() == b"x"
    assert (archive.heard, second.heard, last.heard) == ([BEARER], [None], [None])
    last.target = f"{second.url}/back"
    with pytest.raises(GcovError, match=rf"^{archive.url}/granule\.h5: more than 5 redirects$"):
        RangeFile(HttpsFile(f"{archive.url}/granule.h5", archive.host))


def test_no_address_is_not_asked_for_again(user):
    with pytest.raises(GcovError, match=r"^https:///x\.h5 is not a valid address$"):
        transport.request("GET", "https:///x.h5?Signature=1", {})


def test_a_redirect_to_the_archive_itself_without_tls(user, ear):
    """The same host and port, but in the clear: nothing is said there, so it fails."""
    archive = ear()
    archive.target = archive.url.replace("https:", "http:") + "/granule.h5"
    assert login.bearer(archive.target, archive.host) == {}
    assert login.bearer(archive.url, archive.host) == {"Authorization": BEARER}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_the_credentials_page_does_not_pass_the_token_on(user, ear, archive, where):
    other = ear(tls=where != "without TLS")
    page = ear(target=f"{ELSEWHERE[where](other)}/s3credentials")
    settings = archive_settings(archive, credentials_url=f"{page.url}/s3credentials", s3_endpoint="http://127.0.0.1:9")
    with pytest.raises(GcovError):
        S3Object(f"s3://{BUCKET}/key", settings).read(0, 1)
    assert page.heard == [BEARER]
    assert other.heard == []


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_granule_on_a_foreign_host_never_gets_the_token(user, ear, where, archive, scenes):
    foreign = ear(tls=where != "without TLS")
    granule = from_name(scenes[0].stem, url=f"{ELSEWHERE[where](foreign)}/{scenes[0].name}")
    open_bytes(granule, archive_settings(archive))
    assert foreign.heard == [None, None]
    foreign.target = f"{foreign.url}/again"
    with pytest.raises((GcovError, Refused)):
        open_bytes(granule, archive_settings(archive))
    assert set(foreign.heard) == {None}


@pytest.mark.parametrize(
    "address",
    [
        "https://archive.example:444/x",
        "https://archive.example.evil.org/x",
        "https://evil.org/archive.example",
        "https://evil.org#archive.example",
        "https://evil.org?https://archive.example/x",
        "https://archive.example@evil.org/x",
        "https://user@archive.example/x",
        "https://archive.example\\@evil.org/x",
        "https://archive.example%2f@evil.org/x",
        "http://archive.example/x",
        "//archive.example/x",
        "ftp://archive.example/x",
    ],
)
def test_only_the_archives_host_over_tls_is_told(user, monkeypatch, address):
    monkeypatch.setenv("GCOV_TRUST_HOST", "archive.example:443")
    assert login.bearer(address, "archive.example") == {}
    assert login.bearer("https://archive.example/x", "archive.example") == {"Authorization": BEARER}


ARCHIVES = ["nisar.asf.earthdatacloud.nasa.gov", "datapool.asf.alaska.edu", "NISAR.ASF.alaska.edu:8443"]
OTHERS = [
    "evil.org",
    "nasa.gov.evil.org",
    "evilnasa.gov",
    "evil.org:443",
    "nasa.gov@evil.org",
    "evil.org\\.nasa.gov",
    "evil.org#.nasa.gov",
    "evil.org%2f.nasa.gov",
    "x.nasa.gov:443@evil.org",
    "127.0.0.1:8443",
]


@pytest.mark.parametrize("host", ARCHIVES)
def test_the_archives_hosts_are_trusted(user, host):
    assert login.bearer(f"https://{host}/x", host) == {"Authorization": BEARER}


@pytest.mark.parametrize("host", OTHERS)
def test_a_configuration_cannot_send_the_token_elsewhere(user, monkeypatch, host):
    for trusted in ("", "evil.org:444", "other.org"):
        monkeypatch.setenv("GCOV_TRUST_HOST", trusted)
        try:
            assert login.bearer(f"https://{host}/x", host) == {}  # no such host
        except GcovError as error:
            assert f"is not sent to {host}" in str(error) and "GCOV_TRUST_HOST" in str(error)
            assert TOKEN not in str(error)


@pytest.mark.parametrize("access", ["https", "s3", "auto"])
def test_an_untrusted_archive_hears_nothing(user, monkeypatch, archive, scenes, access):
    monkeypatch.delenv("GCOV_TRUST_HOST")
    urls = {"url": archive.https_url(scenes[0].stem), "s3_url": archive.s3_url(scenes[0].stem)}
    with pytest.raises(GcovError, match=f"is not sent to {archive.host}.*GCOV_TRUST_HOST"):
        open_bytes(from_name(scenes[0].stem, **urls), archive_settings(archive, access=access))
    assert archive.log == []


def test_the_password_goes_to_the_login_host_alone(user, archive, scenes, monkeypatch):
    monkeypatch.delenv("EARTHDATA_TOKEN")
    monkeypatch.setenv("EARTHDATA_USERNAME", USERNAME)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    monkeypatch.setattr(login, "LOGIN", archive.login_url)
    heard, record = [], archive.record

    def recording(way, method, path, headers):
        heard.append((way, (headers.get("Authorization") or "").split(" ")[0]))
        return record(way, method, path, headers)

    archive.record = recording
    granule = from_name(scenes[0].stem, url=archive.https_url(scenes[0].stem))
    open_bytes(granule, archive_settings(archive))
    assert heard == [("login", "Basic"), ("https", "Bearer"), ("cdn", "")]


# ---- messages


class Broken(Handler):
    """Sends a header that is none, about which urllib3 would complain, with the whole address."""

    def do_GET(self):
        self.wfile.write(b"HTTP/1.1 206 Partial Content\r\nNo header at all\r\nContent-Range: bytes 0-0/1\r\n\r\nx")
        self.close_connection = True


def test_a_warning_does_not_show_a_signed_address(user, ear, caplog, monkeypatch):
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    with LoopbackServer(Broken, session_tls()) as cdn:
        archive = ear(target=f"{cdn.url}/granule.h5?Signature=DISTINCTIVE")
        with pytest.raises(GcovError) as error:
            RangeFile(HttpsFile(f"{archive.url}/granule.h5", archive.host))
    assert f"{cdn.url}/granule.h5 failed" in str(error.value)
    assert "DISTINCTIVE" not in str(error.value) + caplog.text


def test_no_message_shows_a_signed_address(user, archive, scenes, monkeypatch, caplog):
    monkeypatch.setattr(transport, "ATTEMPTS", 2)
    monkeypatch.setattr(transport.time, "sleep", lambda seconds: None)
    caplog.set_level("INFO", "gcov")
    watched = Watched(archive)
    monkeypatch.setenv("EARTHDATA_TOKEN", TOKEN_OF_THIS_TEST)
    url, s3_url = archive.https_url(scenes[0].stem), archive.s3_url(scenes[0].stem)
    for access in ("https", "s3"):
        for kind in ("503", "429", "drop", "truncate", "short", "changed"):
            archive.faults.add(kind, times=4, way="s3" if access == "s3" else "cdn", skip=kind == "changed")
            with pytest.raises(GcovError) as error:
                granule = from_name(scenes[0].stem, url=url, s3_url=s3_url)
                open_bytes(granule, archive_settings(archive, access=access)).prefetch([(3 << 20, 3 << 20 | 1)])
            chain = [error.value, error.value.__cause__, error.value.__context__]
            assert watched.found_in("\n".join(map(str, chain)).encode()) == []
            archive.faults.clear()
    assert len(watched.secrets) > 10
    assert watched.found_in(caplog.text.encode()) == []
