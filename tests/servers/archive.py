"""The granule archive on loopback: HTTPS with a login and signed redirects, and S3 with expiring credentials.

Four servers stand in for NASA's hosts:

- `https`: the archive host (TLS). Wants a Bearer token, redirects to a signed URL, gives S3 credentials.
- `login`: Earthdata Login (TLS), where requests without a valid token end.
- `cdn`:   the content delivery network (TLS), which serves signed, expiring URLs and takes byte ranges.
- `s3`:    S3 (plain HTTP): checks keys, session token and expiry, then lets moto answer.
"""

import base64
import functools
import hashlib
import hmac
import html
import http.client
import json
import logging
import re
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from .cmr import BUCKET, GRANULE_NAME, umm_item
from .tls import Handler, LoopbackServer, session_tls

# made up, but shaped like Earthdata Login's tokens
TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJ1aWQiOiJ0ZXN0ZXIifQ.valid"
EXPIRED_TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJ1aWQiOiJ0ZXN0ZXIifQ.expired"
UNLICENSED_TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJ1aWQiOiJub2JvZHkifQ.unlicensed"
OUTSIDER_TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJ1aWQiOiJub2JvZHkifQ.outsider"  # not in the collection's group
POWERLESS_TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJ1aWQiOiJub2JvZHkifQ.powerless"  # may read nothing at all
REFUSED = {
    "outsider": "This data is not currently available.",
    "powerless": "You do not have permission to access data.",
}
USERNAME, PASSWORD = "tester", "correct horse"

REGION = "us-west-2"
BLOCK = 1 << 16
WAYS = ("https", "login", "cdn", "s3")
FAULT_KINDS = ("none", "500", "503", "429", "drop", "truncate", "short", "stall", "expire", "changed", "longer", "page")
# these spoil the bytes of an object, so only an answer that carries some can use one up
BODY_KINDS = ("truncate", "short", "longer")


# ---- what happened, and what shall go wrong


@dataclass
class Entry:
    """One request as a server saw it, at `at` s of the monotonic clock; `sent` counts the bytes of its body."""

    way: str
    method: str
    path: str
    headers: dict
    status: int | None = None
    sent: int = 0
    at: float = field(default_factory=time.monotonic)

    @property
    def range(self):
        """The Range header, or None."""
        return self.headers.get("Range")


@dataclass
class Fault:
    """One fault, `times` times, after `skip` requests, for those of a `way` (None: of any).

    kind: 500, 503, 429 (Retry-After `seconds`); "drop" (connection reset); "truncate" (fewer bytes than Content-Length
    said); "short" (a valid answer with fewer bytes than asked for); "stall" (wait `seconds`); "expire" (all S3
    credentials or all signed URLs become invalid); "changed" (the object gets another size and ETag); "longer" (a body
    that goes on for a terabyte behind its range); "page" (a page for people, status 200). `after_bytes` of the body are
    sent before it strikes; without it, "drop" and "stall" strike before the answer, the others in the middle.
    """

    kind: str
    times: int = 1
    way: str | None = None
    after_bytes: int | None = None
    seconds: float = 1.0
    skip: int = 0

    def __post_init__(self):
        assert self.kind in FAULT_KINDS and self.way in (None, *WAYS), self

    def hits(self, entry, has_body):
        """Whether this fault is meant for a request."""
        needs_body = self.kind in BODY_KINDS or self.after_bytes is not None
        return self.way in (None, entry.way) and (has_body or not needs_body)

    def cut(self, length):
        """How many bytes of a body of `length` go out before it is cut, or None for all of them."""
        if self.kind in ("drop", "truncate") or (self.kind == "stall" and self.after_bytes is not None):
            return min(length // 2 if self.after_bytes is None else self.after_bytes, length)
        return None


NO_FAULT = Fault("none")


class Faults:
    """The faults still to come; each request uses up at most one."""

    def __init__(self):
        self._pending = []
        self._lock = threading.Lock()

    def add(self, kind, **how):
        with self._lock:
            self._pending.append(Fault(kind, **how))

    def clear(self):
        with self._lock:
            self._pending.clear()

    def pending(self):
        with self._lock:
            return sum(fault.times for fault in self._pending)

    def take(self, entry, has_body):
        """The fault for a request, used up once."""
        with self._lock:
            for fault in [f for f in self._pending if f.hits(entry, has_body)]:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if not fault.times:
                    self._pending.remove(fault)
                return fault
        return NO_FAULT


class Span(NamedTuple):
    """The part of a file that an answer carries."""

    path: Path
    start: int
    length: int


def parse_range(text, size):
    """(start, length) of a range of bytes, None without one; ValueError for 416."""
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", text or "")
    if not match:
        return None
    start, last = map(int, match.groups())
    if start >= size:
        raise ValueError(text)
    return start, min(last, size - 1) - start + 1


def multipart_etag(stat):
    """An ETag as S3 gives it to a file that was uploaded in parts: not the MD5 of its bytes."""
    return f'"{hashlib.md5(f"{stat.st_mtime_ns} {stat.st_size}".encode()).hexdigest()}-14"'


def _blocks(span):
    """The bytes of a span in blocks."""
    with open(span.path, "rb") as file:
        file.seek(span.start)
        for offset in range(0, span.length, BLOCK):
            yield file.read(min(BLOCK, span.length - offset))


# ---- handlers


def _error_xml(code, message):
    """An error as S3 and the content delivery network write it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>"
        f"<RequestId>{secrets.token_hex(8).upper()}</RequestId><HostId>loopback</HostId></Error>"
    )


class _ArchiveHandler(Handler):
    """Shared by the four servers: the record, the cost model, the faults. Each answers by its own `respond(fault)`."""

    way = ""

    @property
    def archive(self):
        return self.server.archive

    @property
    def route(self):
        """The request's decoded path, without the query."""
        return unquote(urlsplit(self.path).path)

    def serve(self):
        """Record a request, apply what strikes before the answer, then answer."""
        self.body()
        self.entry = self.archive.record(self.way, self.command, self.route, self.headers)
        fault = self.archive.faults.take(self.entry, self.has_body())
        self.server.stopping.wait(self.archive.latency)
        if fault.kind == "drop" and fault.after_bytes is None:
            return self.drop(reset=True)
        if fault.kind == "stall" and fault.after_bytes is None:
            self.server.stopping.wait(fault.seconds)
        if fault.kind.isdigit():
            return self.fail(int(fault.kind), fault)
        if fault.kind == "expire":
            self.archive.expire(self.way)
        if fault.kind == "changed":
            self.archive.change(self.key())
        if fault.kind == "page":
            return self.html(200, "Please log in")
        return self.respond(fault)

    do_GET = do_HEAD = do_POST = serve

    def has_body(self):
        """Whether this request may be answered with an object's bytes."""
        return False

    def key(self):
        """The object's key in the bucket, or None."""
        return None

    def answer(self, status, body=b"", content_type="text/plain", headers=None):
        """Note status and size before sending: a client that has its answer must find them recorded."""
        self.entry.status = status
        self.entry.sent = 0 if self.command == "HEAD" else len(body)
        super().answer(status, body, content_type, headers)

    def html(self, status, text, headers=None):
        self.answer(status, f"<html><body><h1>{html.escape(text)}</h1></body></html>", "text/html", headers)

    def xml(self, status, code, message, headers=None):
        self.answer(status, _error_xml(code, message), "application/xml", headers)

    def fail(self, status, fault):
        """A server error, with S3's codes where S3 would answer."""
        headers = {"Retry-After": f"{fault.seconds:g}"} if status == 429 else {}
        if self.way in ("https", "login"):
            return self.html(status, http.client.responses[status], headers)
        code = {500: "InternalError", 503: "SlowDown", 429: "TooManyRequests"}[status]
        return self.xml(status, code, "Please reduce your request rate.", headers)

    def send_span(self, status, headers, span, fault):
        """Send part of a file at the pace of the cost model, spoiled as the fault says."""
        if fault.kind == "short":
            span, headers = _shorten(span, headers, fault)
        if fault.kind == "longer":
            headers = headers | {"Content-Length": str(10**12)}
        self.entry.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = fault.cut(span.length)
        began = time.monotonic()
        for block in _blocks(span._replace(length=span.length if cut is None else cut)):
            self._send_block(block, began)
        while fault.kind == "longer" and not self.server.stopping.is_set():
            self._send_block(bytes(BLOCK), began)
        if cut is None:
            return
        if fault.kind != "stall":
            return self.drop(reset=fault.kind == "drop")
        self.server.stopping.wait(fault.seconds)
        for block in _blocks(Span(span.path, span.start + cut, span.length - cut)):
            self._send_block(block, began)

    def _send_block(self, block, began):
        """Count, wait until the connection's bandwidth would have carried all so far, send."""
        self.entry.sent += len(block)
        if self.archive.bandwidth:
            due = began + self.entry.sent / self.archive.bandwidth
            self.server.stopping.wait(max(0, due - time.monotonic()))
        self.wfile.write(block)


def _shorten(span, headers, fault):
    """The same answer over fewer bytes, consistent in itself."""
    length = span.length // 2 if fault.after_bytes is None else min(fault.after_bytes, span.length)
    headers = {name.title(): value for name, value in headers.items()} | {"Content-Length": str(length)}
    if "Content-Range" in headers:
        size = headers["Content-Range"].split("/")[1]
        headers["Content-Range"] = f"bytes {span.start}-{span.start + length - 1}/{size}"
    return span._replace(length=length), headers


class _HttpsHandler(_ArchiveHandler):
    """The archive host: files by redirect, and S3 credentials; both want a token."""

    way = "https"

    def key(self):
        return self.route.removeprefix("/NISAR/") if self.route.startswith("/NISAR/") else None

    def respond(self, fault):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        account = self.archive.tokens.get(token)
        if account is None:
            return self._to_login()
        if account == "expired":
            return self._json(401, {"error": "invalid_token", "error_description": "The token has expired"})
        if account == "unlicensed":
            return self._json(403, self._eula())
        if account in REFUSED:
            return self.html(403, REFUSED[account])
        if self.route == "/s3credentials":
            return self._json(200, self.archive.issue_credentials())
        if self.archive.path_of(self.key()) is None:
            return self.html(404, "Could not find file")
        location = self.archive.sign(self.key())
        kept = f"private, max-age={self.archive.url_seconds:.0f}"
        headers = {"Location": location, "Cache-Control": kept}
        return self.answer(303, headers=headers)

    def _json(self, status, content):
        self.answer(status, json.dumps(content), "application/json")

    def _to_login(self):
        """Where a browser would be sent to log in."""
        query = {"client_id": "loopback", "response_type": "code", "redirect_uri": f"{self.server.url}/login"}
        query["state"] = self.path
        self.answer(302, headers={"Location": f"{self.archive.login_url}/oauth/authorize?{urlencode(query)}"})

    def _eula(self):
        """The refusal of an account that has not accepted the licence."""
        return {
            "status_code": 403,
            "error_description": "EULA Acceptance Failure",
            "resolution_url": self.archive.resolution_url,
        }


class _LoginHandler(_ArchiveHandler):
    """Earthdata Login: its page for people, and its token service."""

    way = "login"

    def respond(self, fault):
        basic = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        realm = {"WWW-Authenticate": 'Basic realm="Please enter your Earthdata Login credentials."'}
        if self.route != "/api/users/find_or_create_token":
            return self.html(401, "Earthdata Login", realm)
        if self.headers.get("Authorization") != f"Basic {basic}":
            return self.answer(401, '{"error": "invalid_credentials"}', "application/json", realm)
        token = {"access_token": TOKEN, "token_type": "Bearer", "expiration_date": "12/31/2099"}
        return self.answer(200, json.dumps(token), "application/json")


class _CdnHandler(_ArchiveHandler):
    """The content delivery network: signed URLs, byte ranges."""

    way = "cdn"

    def has_body(self):
        return self.command == "GET"

    def key(self):
        return self.route.removeprefix(f"/{BUCKET}/")

    def respond(self, fault):
        if "Authorization" in self.headers:
            message = "Only one auth mechanism allowed"
            return self.xml(400, "InvalidArgument", message)
        if not self.archive.signature_holds(self.path):
            return self.xml(403, "AccessDenied", "Access denied")
        path = self.archive.path_of(self.key())
        if path is None:
            return self.xml(403, "AccessDenied", "Access Denied")
        return self._send_file(path, fault)

    def _send_file(self, path, fault):
        """A file, or the range of it that was asked for."""
        stat = path.stat()
        size, etag = stat.st_size, multipart_etag(stat)
        if self.headers.get("If-Match", etag) != etag:
            return self.xml(412, "PreconditionFailed", "At least one of the pre-conditions did not hold")
        try:
            part = parse_range(self.headers.get("Range"), size)
        except ValueError:
            message = "The requested range is not satisfiable"
            return self.xml(416, "InvalidRange", message, {"Content-Range": f"bytes */{size}"})
        start, length = part or (0, size)
        headers = {
            "Content-Type": "binary/octet-stream",
            "Content-Length": str(length),
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Last-Modified": formatdate(stat.st_mtime, usegmt=True),
        }
        if part:
            headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
        return self.send_span(206 if part else 200, headers, Span(path, start, length), fault)


class _S3Handler(_ArchiveHandler):
    """S3: keys, session token, expiry and region are checked here, moto answers the rest."""

    way = "s3"

    def has_body(self):
        return self.command == "GET" and self.key() is not None

    def key(self):
        bucket, _, key = self.route.lstrip("/").partition("/")
        return key if bucket == BUCKET and key else None

    def respond(self, fault):
        refusal = self.archive.refuse(self.headers, self.command)
        if refusal:
            return self.xml(*refusal)
        if self.archive.path_of(self.key()) is None or self.command == "HEAD":
            return self._forward(self.command)
        status, headers, _ = self.archive.ask_moto("HEAD", self.path, self.headers)
        if status not in (200, 206):
            return self._forward("GET")
        # moto says what is to be sent, the bytes come from the file: moto would read all of it for any range
        span = Span(self.archive.path_of(self.key()), _range_start(headers), int(headers["Content-Length"]))
        return self.send_span(status, headers, span, fault)

    def _forward(self, method):
        status, headers, body = self.archive.ask_moto(method, self.path, self.headers)
        content_type = headers.pop("Content-Type", "application/xml")
        self.answer(status, body, content_type, headers)


def _range_start(headers):
    """First byte of an answer, from its Content-Range."""
    match = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(match[1]) if match else 0


# ---- moto


@functools.cache
def _moto_address():
    """Host and port of this process's moto server, started when first needed, ended with the process."""
    # imported here: half a second that tests without S3 need not wait
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    return server.get_host_and_port()


def ask_moto(method, path, headers=None, body=None):
    """(status, headers, body) of an answer of moto's, which knows no access keys."""
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential=moto/20250101/{REGION}/s3/aws4_request"}
    connection = http.client.HTTPConnection(*_moto_address())
    try:
        connection.request(method, path, body, signed | (headers or {}))
        response = connection.getresponse()
        content = response.read()
        kept = {name.title(): value for name, value in response.getheaders()}
        kept = {name: value for name, value in kept.items() if name not in ("Connection", "Server", "Date")}
        return response.status, kept, content
    finally:
        connection.close()


class _Moto:
    """A bucket of its own in moto, which is shared by all archives of a process."""

    def __init__(self):
        # as long as the real name, so that renaming it in an answer keeps Content-Length
        self.bucket = f"{BUCKET[:-8]}{secrets.token_hex(4)}"
        self.stored = {}
        self.lock = threading.Lock()

    def request(self, method, path, headers=None, body=None):
        """(status, headers, body) of one request."""
        status, kept, content = ask_moto(method, path.replace(BUCKET, self.bucket, 1), headers, body)
        return status, kept, content.replace(self.bucket.encode(), BUCKET.encode())

    def stock(self, objects):
        """Bring moto's bucket up to date with `objects` (key -> path)."""
        with self.lock:
            if not self.stored:
                place = f"<LocationConstraint>{REGION}</LocationConstraint>"
                body = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>"
                self._must("PUT", f"/{BUCKET}", body=body)
            for key, path in objects.items():
                stat = path.stat()
                version = (path, stat.st_mtime_ns, stat.st_size)
                if self.stored.get(key) != version:
                    with open(path, "rb") as file:
                        size = {"Content-Length": str(stat.st_size)}
                        self._must("PUT", f"/{BUCKET}/{quote(key)}", size, file)
                    self.stored[key] = version

    def empty(self):
        """Free moto's memory."""
        with self.lock:
            for key in self.stored:
                self._must("DELETE", f"/{BUCKET}/{quote(key)}")
            if self.stored:
                self._must("DELETE", f"/{BUCKET}")
            self.stored.clear()

    def _must(self, method, path, headers=None, body=None):
        status, _, answer = self.request(method, path, headers, body)
        if status >= 300:
            raise RuntimeError(f"moto: {method} {path}: {status} {answer[:200]!r}")


# ---- the archive


class Archive:
    """The archive's servers around a folder of granules; start and stop them by `with`.

    Files lie in `root` as `<collection>/<granule>/<granule>.h5`, or flat: then the collection follows from
    the name's CRID (X: BETA, P: PROVISIONAL). `latency` (seconds to the first byte of every answer: 0.3 in
    the archive's region, 1 to 2.6 elsewhere) and `bandwidth` (bytes/s of a connection; 3 to 7 MB/s there) make up the
    cost model. `url_seconds` says how long signed URLs live, S3 credentials live for an hour; `in_region=False` is a
    client outside us-west-2, to whom S3 denies everything. Settings are attributes and may be changed while it runs.

    >>> with Archive(folder) as archive:
    ...     requests.get(archive.https_url(name), headers=archive.bearer, verify=archive.ca_pem)
    """

    def __init__(self, root, *, latency=0):
        self.latency, self.bandwidth = latency, None
        self.url_seconds, self.in_region = 3600, True
        self.resolution_url = "https://urs.earthdata.nasa.gov/approve_app?client_id=loopback"
        self.tokens = {TOKEN: "valid", EXPIRED_TOKEN: "expired", UNLICENSED_TOKEN: "unlicensed"}
        self.tokens |= {OUTSIDER_TOKEN: "outsider", POWERLESS_TOKEN: "powerless"}
        self.faults = Faults()
        self.log = []
        self.leaked_authorizations = []
        self.tls = session_tls()
        self._objects = {}
        for path in sorted(Path(root).rglob("*.h5")):
            self._add_under(Path(root), path)
        self._url_key, self._credentials = secrets.token_bytes(32), {}  # by access key: session token, end
        self._moto = _Moto()
        self._stack = ExitStack()
        self._servers = {
            "https": LoopbackServer(_HttpsHandler, self.tls),
            "login": LoopbackServer(_LoginHandler, self.tls),
            "cdn": LoopbackServer(_CdnHandler, self.tls),
            "s3": LoopbackServer(_S3Handler),
        }
        for server in self._servers.values():
            server.archive = self

    def __enter__(self):
        self._changed = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="changed-")))
        self._stack.callback(self._moto.empty)
        for server in self._servers.values():
            self._stack.enter_context(server)
        return self

    def __exit__(self, *exc_info):
        """Stop all servers, then empty moto."""
        self._stack.close()

    # -- addresses

    @property
    def url(self):
        return self._servers["https"].url

    @property
    def host(self):
        """The archive host and its port, as GCOV_TRUST_HOST must name it."""
        return self._servers["https"].host

    @property
    def credentials_url(self):
        return f"{self.url}/s3credentials"

    @property
    def login_url(self):
        """Earthdata Login, under another host name than the archive's."""
        return self._servers["login"].url.replace("127.0.0.1", "localhost")

    @property
    def cdn_url(self):
        """The signed URLs' host, under another host name than the archive's."""
        return self._servers["cdn"].url.replace("127.0.0.1", "localhost")

    @property
    def s3_endpoint(self):
        """`endpoint_url` for s3fs and botocore (an IP address: they use path-style URLs then)."""
        return self._servers["s3"].url

    @property
    def ca_pem(self):
        return self.tls.ca_pem

    @property
    def bearer(self):
        return {"Authorization": f"Bearer {TOKEN}"}

    def https_url(self, name):
        """The HTTPS URL of a file by its name (`.h5` may be left out)."""
        return f"{self.url}/NISAR/{self.key_of(name)}"

    def s3_url(self, name):
        return f"s3://{BUCKET}/{self.key_of(name)}"

    # -- objects

    def _add_under(self, root, path):
        """A file of the root folder under its own place, or its name's if it lies flat."""
        parts = path.relative_to(root).parts
        self.add(path, collection=parts[0] if len(parts) == 3 else None)

    def add(self, path, collection=None):
        """Take a file into the archive; gives its key."""
        path = Path(path)
        granule = GRANULE_NAME.match(path.name)
        if granule is None:
            raise ValueError(f"not a GCOV granule name: {path.name}")
        maturity = {"X": "BETA", "P": "PROVISIONAL"}.get(granule["crid"][0], "BETA")
        key = f"{collection or f'NISAR_L2_GCOV_{maturity}_V1'}/{granule[0]}/{path.name}"
        self._objects[key] = path
        return key

    def key_of(self, name):
        wanted = name if name.endswith(".h5") else f"{name}.h5"
        found = [key for key in self._objects if key.endswith(f"/{wanted}")]
        if not found:
            raise KeyError(f"{wanted} is not among {sorted(self._objects)}")
        return found[-1]

    def path_of(self, key):
        """The file behind a key, None if there is none."""
        return self._objects.get(key)

    def replace(self, name, path):
        """Put other content under a file's name: size and ETag change on every way."""
        self._objects[self.key_of(name)] = Path(path)

    def change(self, key):
        """Make an object longer by 4 KiB of zeros, in a copy."""
        if key not in self._objects:
            return
        copy = self._changed / f"{secrets.token_hex(8)}.h5"
        shutil.copyfile(self._objects[key], copy)
        with open(copy, "ab") as file:
            file.write(bytes(4096))
        self._objects[key] = copy

    def umm_items(self, footprint):
        """CMR items of every granule held; `footprint` is a list of (lon, lat) or a dict of them by name."""
        items = []
        for key, path in self._objects.items():
            collection, name, file = key.split("/")
            if file == f"{name}.h5":
                outline = footprint[name] if isinstance(footprint, dict) else footprint
                items.append(umm_item(name, collection, outline, path.stat().st_size, self.url))
        return items

    # -- credentials and signatures

    def issue_credentials(self):
        """New temporary credentials, as the credentials page shows them."""
        access_key, session_token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(180)
        expires = time.time() + 3600
        self._credentials[access_key] = session_token, expires
        return {
            "accessKeyId": access_key,
            "secretAccessKey": secrets.token_urlsafe(30),
            "sessionToken": session_token,
            "expiration": datetime.fromtimestamp(int(expires), UTC).isoformat(sep=" "),
        }

    def refuse(self, headers, method):
        """(status, code, message) if S3 would turn a request away for its credentials, else None."""
        denied = (403, "AccessDenied", "Access Denied")
        match = re.search(r"Credential=([^/]+)/", headers.get("Authorization") or "")
        if match is None or not self.in_region:
            return denied
        session_token, expires = self._credentials.get(match[1], (None, 0))
        if session_token is None:
            message = "The AWS Access Key Id you provided does not exist in our records."
            return 403, "InvalidAccessKeyId", message
        if headers.get("x-amz-security-token") != session_token:
            return 400, "InvalidToken", "The provided token is malformed or otherwise invalid."
        if expires <= time.time():
            return 400, "ExpiredToken", "The provided token has expired."
        return None if method in ("GET", "HEAD") else denied

    def expire(self, way):
        """Expire now what a way has issued: S3 credentials, or signed URLs."""
        if way == "s3":
            self._credentials = {key: (token, 0) for key, (token, _) in self._credentials.items()}
        else:
            self._url_key = secrets.token_bytes(32)

    def _signature(self, path, expires):
        text = f"{path}?Expires={expires}".encode()
        return hmac.new(self._url_key, text, hashlib.sha256).hexdigest()

    def sign(self, key):
        """A URL on the content delivery network that works for `url_seconds`."""
        path, expires = f"/{BUCKET}/{quote(key)}", time.time() + self.url_seconds
        query = {"A-userid": USERNAME, "Expires": f"{expires:.3f}"}
        query |= {"Signature": self._signature(path, query["Expires"]), "Key-Pair-Id": "KLOOPBACK"}
        return f"{self.cdn_url}{path}?{urlencode(query)}"

    def signature_holds(self, target):
        """Whether a request target carries a signature that is right and has not expired."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        expires, signature = query.get("Expires", "0"), query.get("Signature", "")
        right = hmac.compare_digest(signature.encode(), self._signature(parts.path, expires).encode())
        return right and "Key-Pair-Id" in query and float(expires) > time.time()

    def ask_moto(self, method, target, headers):
        """moto's answer to a request, in this archive's bucket."""
        self._moto.stock(dict(self._objects))
        passed = {name: value for name, value in headers.items() if name.lower() in MOTO_HEADERS}
        return self._moto.request(method, target, passed)

    # -- the record

    def record(self, way, method, path, headers):
        """Record a request, and any token sent to the wrong host."""
        kept = {name: headers[name] for name in ("Range", "If-Match", "User-Agent") if name in headers}
        entry = Entry(way, method, path, kept)
        authorization = headers.get("Authorization", "")
        if authorization and (way == "cdn" or (way != "https" and authorization.startswith("Bearer"))):
            self.leaked_authorizations.append((way, path, authorization))
        self.log.append(entry)
        return entry

    def entries(self, way=None, match="", status=None, method=None):
        return [
            entry
            for entry in list(self.log)
            if way in (None, entry.way)
            and match in entry.path
            and status in (None, entry.status)
            and method in (None, entry.method)
        ]

    def count(self, **which):
        """How many requests fit (as in `entries`)."""
        return len(self.entries(**which))

    def bytes_sent(self, **which):
        return sum(entry.sent for entry in self.entries(**which))

    def reset_log(self):
        self.log.clear()
        self.leaked_authorizations.clear()


# what decides an answer of S3's; the client's own signature is checked before
MOTO_HEADERS = {"range", "if-match", "x-amz-checksum-mode", "x-amz-request-payer"}
