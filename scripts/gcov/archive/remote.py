"""Granules that are not on this machine: the archive over HTTPS (from anywhere), or S3."""

import logging
from urllib.parse import urljoin, urlsplit

from gcov.addresses import host_of, shown, without_query
from gcov.archive import login, renewal, s3, transport
from gcov.archive.ranges import Piece, RangeFile, Refused
from gcov.errors import GcovError
from gcov.granules import Granule
from gcov.inputs.settings import Archive

log = logging.getLogger(__name__)


REDIRECTS = 5


def open_remote(granule: Granule, archive: Archive) -> RangeFile:
    """A file object that reads byte ranges of a granule.

    With `access: auto`, the first block is requested from S3, with a fallback to HTTPS if S3 refuses or does not
    answer. Objects in the user's own buckets are read from S3 only. Raises GcovError if the granule cannot be read.
    """
    if s3_url := _s3_address(granule, archive.access):
        may_fall_back = archive.access == "auto" and granule.url is not None
        try:
            file = RangeFile(s3.S3Object(s3_url, archive, probe=may_fall_back))
            log.info("%s: reading from S3", granule.name)
            return file
        except (Refused, transport.Unanswered) as error:
            if not may_fall_back:
                raise s3.unreadable(s3_url, error, archive) from None
            log.info("%s: reading over HTTPS, as S3 does not work here (%s)", granule.name, error)
    if granule.url is None:
        raise GcovError(
            f"{granule.name} has no https address, only {shown(granule.s3_url or '')}: set `access: s3` or `auto`"
        )
    try:
        return RangeFile(
            HttpsFile(archive.signed.get(granule.url, granule.url), urlsplit(archive.credentials_url).netloc)
        )
    except Refused as refused:
        raise GcovError(f"{shown(granule.url)}: cannot be read ({refused})") from None


def wants_token(granule: Granule) -> bool:
    """Whether reading a granule needs an Earthdata token, judging by its URLs."""
    return granule.path is None and not (granule.url is None and granule.s3_url and s3.is_own(granule.s3_url))


def _s3_address(granule: Granule, access: str) -> str | None:
    """The S3 URL to try, or None: for the archive's buckets by `access`, for others if there is no https URL."""
    if granule.s3_url and s3.is_own(granule.s3_url):
        return granule.s3_url if granule.url is None else None
    return granule.s3_url if access != "https" else None


class HttpsFile:
    """A file behind a URL that redirects to a signed, expiring one, which is resolved once and again when refused."""

    def __init__(self, url: str, archive_host: str):
        self.name = shown(without_query(url))
        self._url = url
        self._archive_host = archive_host
        self._signed = renewal.Renewed(self._resolve)

    def read(self, start: int, stop: int) -> Piece:
        """Implements Source.read."""
        return renewal.read(self.name, self._signed, lambda url: self._ask(url, start, stop))

    def _ask(self, url: str, start: int, stop: int) -> transport.Answer:
        """Request a range from a resolved URL, which may redirect again, even to another host."""
        for _ in range(REDIRECTS):
            answer = transport.request("GET", url, login.bearer(url, self._archive_host), span=(start, stop))
            if answer.status not in transport.REDIRECTED:
                return answer
            url = self._followed(url, answer)
        raise GcovError(f"{self.name}: more than {REDIRECTS} redirects")

    def _resolve(self) -> str:
        """Follow the redirects and return the final URL; the token is sent to the archive's host only."""
        url = self._url
        for _ in range(REDIRECTS):
            headers = login.bearer(url, self._archive_host)
            answer = transport.request("GET", url, headers, span=(0, 1))
            if answer.status in (206, 416):  # 416: an empty file has no first byte
                return url
            following = self._followed(url, answer) if answer.status in transport.REDIRECTED else ""
            to_login = urlsplit(following).path.endswith("/oauth/authorize")
            if answer.status in (401, 403) or to_login:
                if headers:
                    raise login.refusal(answer, self.name)
                raise Refused(f"{host_of(url)} answered {answer.status}")
            if not following:
                raise GcovError(f"{self.name}: {renewal.explain(answer)}")
            url = following
            if urlsplit(url).netloc != self._archive_host:
                return url
        raise GcovError(f"{self.name}: more than {REDIRECTS} redirects")

    def _followed(self, url: str, answer: transport.Answer) -> str:
        """The address that an answer redirects to. Raises GcovError if it is none."""
        try:
            following = urljoin(url, answer.headers.get("Location", ""))
            urlsplit(following)
        except ValueError:
            raise GcovError(f"{self.name}: redirected to something that is not a valid address") from None
        return following
