"""HTTP requests that outlive the faults of a long run: 429 and 5xx, dropped connections, stalls.

Messages name an address without its query: a signed address is a secret.
"""

import os
import random
import re
import time
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

from gcov.errors import GcovError
from gcov.log import log

ATTEMPTS = 8
CONNECTIONS = 16  # towards one host, by one job
TIMEOUT = urllib3.Timeout(connect=10, read=30)
BUSY = {408, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: dict
    data: bytes


class Interrupted(Exception):
    """An answer that broke off, came short or did not come; worth asking again."""


def request(method: str, url: str, headers: dict[str, str], *, span: tuple[int, int] | None = None) -> Answer:
    """Ask once, and again with growing pauses while the server is busy or the connection breaks.

    Redirects are not followed. `span` asks for the bytes [start, stop), or what there is of them; an answer that
    holds less is a broken one, and an answer with the whole file is not read. Raises GcovError, without the query
    of the address, when the attempts are used up.
    """
    if span:
        headers = {**headers, "Range": f"bytes={span[0]}-{span[1] - 1}"}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = _once(method, url, headers, span)
            if answer.status not in BUSY:
                return answer
            reason, pause = f"answered {answer.status}", _retry_after(answer)
        except (urllib3.exceptions.HTTPError, Interrupted) as error:
            reason, pause = f"failed ({type(error).__name__})", None
        if attempt < ATTEMPTS:
            pause = pause if pause is not None else min(30, 0.5 * 2**attempt) * random.uniform(0.5, 1)
            log.info(
                "%s %s; trying again in %.1f s (%d of %d)", urlsplit(url).netloc, reason, pause, attempt, ATTEMPTS - 1
            )
            time.sleep(pause)
    raise GcovError(f"{bare(url)} {reason}, {ATTEMPTS} times in a row: try again later")


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
    first, last, size = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers["Content-Range"]).groups())
    return first == start and last + 1 == min(stop, size) and len(answer.data) == last + 1 - first


@cache
def _pool(proxy: str | None) -> urllib3.PoolManager:
    certificates = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or certifi.where()
    options = {"maxsize": CONNECTIONS, "ca_certs": certificates}
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


def _retry_after(answer: Answer) -> float | None:
    """Seconds that the server asks to wait, from seconds or a date; None where it does not say."""
    value = answer.headers.get("Retry-After")
    try:
        return urllib3.Retry().parse_retry_after(value) if value else None
    except urllib3.exceptions.InvalidHeader:
        return None


def bare(url: str) -> str:
    """An address fit to be shown: without its query."""
    return url.split("?")[0]
