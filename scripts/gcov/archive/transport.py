"""HTTP requests that survive the transient faults of a long run: 429 and 5xx, dropped connections, stalls.

Messages show a URL without its query, because a signed URL is a secret.
"""

import json
import logging
import os
import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

from gcov.addresses import host_of, shown, without_query
from gcov.archive.ranges import CONNECTIONS
from gcov.errors import GcovError

log = logging.getLogger(__name__)


ATTEMPTS = 8
TIMEOUT = urllib3.Timeout(connect=10, read=30)
UNREACHED = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
NO_NETWORK = "; compute nodes may have no internet: then set archive.fetch_on_submit_host: true"
REDIRECTED = (301, 302, 303, 307, 308)
BUSY = {408, 429, 500, 502, 503, 504}
PATIENCE = 600  # seconds; give up if Retry-After asks for more
PAGE = 1 << 16  # bytes to read of an answer that is no range: a message, a redirect, credentials

logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings show signed URLs


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer; `code` is S3's error code, such as AccessDenied."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    code: str = ""


class Unanswered(GcovError):
    """All attempts failed: the server is busy or unreachable."""


class Interrupted(Exception):
    """An answer that was cut off, too short or missing; the request is worth repeating."""

    def __init__(self, reason: str = "Interrupted", *, reached: bool = True):
        super().__init__(reason)
        self.hint = "" if reached else NO_NETWORK


def request(method: str, url: str, headers: dict[str, str], *, span: tuple[int, int] | None = None) -> Answer:
    """Request a URL, repeated as in `retry`; redirects are not followed.

    `span` requests the bytes [start, stop), or those up to the end of the file. A shorter or longer answer counts as
    broken. Of an answer with the whole file nothing is read, of any other body 64 KiB. Raises Unanswered as `retry`
    does, and GcovError if the URL is invalid or the server's certificate is not trusted.
    """
    if span:
        headers = {**headers, "Range": f"bytes={span[0]}-{span[1] - 1}"}
    return retry(lambda: _once(method, url, headers, span), url)


def retry(ask: Callable[[], Answer], address: str, attempts: int | None = None) -> Answer:
    """Call `ask`, and repeat it with growing pauses while the server is busy or the connection breaks (Interrupted).

    Raises Unanswered, naming the address without its query, if all attempts fail or the server asks for too long a
    pause.
    """
    attempts = attempts or ATTEMPTS
    for attempt in range(1, attempts + 1):
        try:
            answer = ask()
            if answer.status not in BUSY:
                return answer
            reason, asked, hint = f"answered {answer.status}", _retry_after(answer), ""
        except Interrupted as broken:
            reason, asked, hint = f"failed ({broken})", 0, broken.hint
        if asked > PATIENCE:
            reason += f", asks for a pause of {asked / 60:.0f} minutes"
            break
        if attempt < attempts:
            pause = max(min(30, 0.5 * 2**attempt) * random.uniform(0.5, 1), asked)
            host = host_of(address)
            log.info("%s %s; trying again in %.1f s (%d of %d)", host, reason, pause, attempt, attempts - 1)
            time.sleep(pause)
    raise Unanswered(
        f"{shown(without_query(address))} {reason} (attempt {attempt} of {attempts}): try again later{hint}"
    )


def _once(method: str, url: str, headers: dict[str, str], span: tuple[int, int] | None) -> Answer:
    try:
        parts = urlsplit(url)
        proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
        response = _pool(proxy).request(
            method, url, headers=headers, redirect=False, retries=False, timeout=TIMEOUT, preload_content=False
        )
        data = _body(response, span)
    except urllib3.exceptions.LocationValueError:
        raise GcovError(f"{shown(without_query(url))} is not a valid address") from None
    except urllib3.exceptions.HTTPError as error:
        _check_trust(error, url)
        raise Interrupted(type(error).__name__, reached=not isinstance(error, UNREACHED)) from None
    code = re.search(rb"<Code>(\w+)</Code>", data) if response.status >= 400 else None
    answer = Answer(response.status, response.headers, data, code[1].decode() if code else "")
    return checked(answer, *span) if span else answer


def _body(response: urllib3.BaseHTTPResponse, span: tuple[int, int] | None) -> bytes:
    """The body of an answer, no further than was asked for; a range that goes on is one byte too long."""
    most = span[1] - span[0] if span and response.status == 206 else PAGE
    try:
        if span and response.status == 200:
            response.close()  # it is the whole file
            return b""
        data = response.read(most)
        if further := response.read(1):
            response.close()  # what follows must not be taken for the next answer
        return data + further if response.status == 206 else data
    finally:
        response.release_conn()


def document(answer: Answer) -> dict[str, Any]:
    """The JSON object in the body of an answer; empty if there is none, as in a page for people."""
    try:
        found = json.loads(answer.data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def checked(answer: Answer, start: int, stop: int) -> Answer:
    """The answer, checked to hold the bytes [start, stop), or those up to the end of the file.

    Answers other than 206 (partial content) are returned unchecked. Raises Interrupted if bytes are missing.
    """
    if answer.status != 206:
        return answer
    match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", answer.headers.get("Content-Range", ""))
    if match:
        first, last, size = map(int, match.groups())
        if first == start and last + 1 == min(stop, size) and len(answer.data) == last + 1 - first:
            return answer
    raise Interrupted


@cache
def _pool(proxy: str | None) -> urllib3.PoolManager:
    certificates = given_certificates() or certifi.where()
    kind = "ca_cert_dir" if os.path.isdir(certificates) else "ca_certs"
    options: dict[str, Any] = {"maxsize": CONNECTIONS, kind: certificates}
    if proxy is None:
        return urllib3.PoolManager(**options)
    login = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


def given_certificates() -> str | None:
    """The file or folder of certificate authorities named by the user; None if there is none."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")


def _check_trust(error: Exception, url: str) -> None:
    cause = error.args[0] if isinstance(error, urllib3.exceptions.SSLError) else None
    if isinstance(cause, ssl.SSLCertVerificationError) or isinstance(error.__cause__, FileNotFoundError):
        raise untrusted(host_of(url), getattr(cause, "verify_message", None) or cause) from None


def untrusted(host: str, reason: object) -> GcovError:
    """The error for a certificate that is not trusted; repeating the request would not help."""
    return GcovError(
        f"{host}: its certificate is not trusted ({reason}): where a proxy opens encrypted connections, set the"
        " environment variable REQUESTS_CA_BUNDLE to the file of its authority"
    )


def _retry_after(answer: Answer) -> float:
    """The pause in seconds that the server asks for (given as seconds or a date); 0 without one that makes sense."""
    try:
        return float(urllib3.Retry().parse_retry_after(answer.headers.get("Retry-After", "0")))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0
