"""HTTP requests that outlive the faults of a long run: 429 and 5xx, dropped connections, stalls.

Messages name an address without its query: a signed address is a secret.
"""

import logging
import os
import random
import re
import ssl
import time
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

from gcov.errors import GcovError

log = logging.getLogger(__name__)


ATTEMPTS = 8
CONNECTIONS = 16  # towards one host, by one job
TIMEOUT = urllib3.Timeout(connect=10, read=30)
UNREACHED = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
NO_NETWORK = "; compute nodes may have no internet: then set archive.fetch_on_submit_host: true"
BUSY = {408, 429, 500, 502, 503, 504}
PATIENCE = 600  # seconds; a server that asks for a longer pause is asked another day

logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings show addresses with their signatures


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: dict
    data: bytes


class Unanswered(GcovError):
    """The attempts are used up: the server is busy, or cannot be reached."""


class Interrupted(Exception):
    """An answer that broke off, came short or did not come; worth asking again."""


def request(
    method: str,
    url: str,
    headers: dict[str, str],
    *,
    span: tuple[int, int] | None = None,
    attempts: int | None = None,
) -> Answer:
    """Ask once, and again with growing pauses while the server is busy or the connection breaks.

    Redirects are not followed. `span` asks for the bytes [start, stop), or what there is of them; an answer that
    holds less is a broken one, and an answer with the whole file is not read. Raises Unanswered, without the query
    of the address, when the attempts are used up, and GcovError where the server's certificate is not trusted.
    """
    attempts = attempts or ATTEMPTS
    if span:
        headers = {**headers, "Range": f"bytes={span[0]}-{span[1] - 1}"}
    for attempt in range(1, attempts + 1):
        try:
            answer = _once(method, url, headers, span)
            if answer.status not in BUSY:
                return answer
            reason, asked, hint = f"answered {answer.status}", _retry_after(answer), ""
        except (urllib3.exceptions.HTTPError, Interrupted) as error:
            _check_trust(error, url)
            reason, asked = f"failed ({type(error).__name__})", 0
            hint = NO_NETWORK if isinstance(error, UNREACHED) else ""
        if asked > PATIENCE:
            reason += f", wants to be asked again in {asked / 60:.0f} minutes"
            break
        if attempt < attempts:
            pause = max(min(30, 0.5 * 2**attempt) * random.uniform(0.5, 1), asked)
            log.info(
                "%s %s; trying again in %.1f s (%d of %d)", urlsplit(url).netloc, reason, pause, attempt, attempts - 1
            )
            time.sleep(pause)
    raise Unanswered(f"{bare(url)} {reason} (attempt {attempt} of {attempts}): try again later{hint}")


def _once(method: str, url: str, headers: dict[str, str], span: tuple[int, int] | None) -> Answer:
    response = _pool(_proxy(url)).request(
        method, url, headers=headers, redirect=False, retries=False, timeout=TIMEOUT, preload_content=False
    )
    try:
        if span and response.status == 200:
            response.close()  # the whole file is on its way
            return Answer(200, response.headers, b"")
        answer = Answer(response.status, response.headers, response.read())
    finally:
        response.release_conn()
    if span and answer.status == 206 and not _complete(answer, *span):
        raise Interrupted
    return answer


def _complete(answer: Answer, start: int, stop: int) -> bool:
    """Whether a 206 answer holds the bytes [start, stop), or those up to the end of the file."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
    if match is None:
        return False
    first, last, size = map(int, match.groups())
    return first == start and last + 1 == min(stop, size) and len(answer.data) == last + 1 - first


@cache
def _pool(proxy: str | None) -> urllib3.PoolManager:
    certificates = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or certifi.where()
    kind = "ca_cert_dir" if os.path.isdir(certificates) else "ca_certs"
    options = {"maxsize": CONNECTIONS, kind: certificates}
    if proxy is None:
        return urllib3.PoolManager(**options)
    login = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


def _check_trust(error: Exception, url: str) -> None:
    """A certificate that is not trusted today will not be in a minute."""
    cause = error.args[0] if isinstance(error, urllib3.exceptions.SSLError) else None
    if isinstance(cause, ssl.SSLCertVerificationError) or isinstance(error.__cause__, FileNotFoundError):
        reason = getattr(cause, "verify_message", None) or cause
        raise GcovError(
            f"{urlsplit(url).netloc}: its certificate is not trusted ({reason}): where a proxy opens encrypted"
            " connections, set the environment variable REQUESTS_CA_BUNDLE to the file of its authority"
        ) from None


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


def _retry_after(answer: Answer) -> float:
    """Seconds that the server asks to wait, from seconds or a date; 0 where it does not say."""
    try:
        return urllib3.Retry().parse_retry_after(answer.headers.get("Retry-After", "0"))
    except urllib3.exceptions.InvalidHeader:
        return 0


def bare(url: str) -> str:
    """An address fit to be shown: without its query."""
    return url.split("?")[0]
