"""Where a granule's bytes come from: a local file, the archive over HTTPS (anywhere), or S3 (inside us-west-2 only)."""

import json
import logging
import threading
from urllib.parse import urljoin, urlsplit

from gcov.archive import login, transport
from gcov.archive.ranges import RangeFile, Refused, explain
from gcov.errors import GcovError
from gcov.granules import Granule
from gcov.settings import Archive

log = logging.getLogger(__name__)


REGION = "us-west-2"
REDIRECTS = 5


def open_bytes(granule: Granule, archive: Archive) -> str | RangeFile:
    """What HDF5 opens for a granule: the path of a local file, or a file object that reads ranges over the network.

    With `access: auto` it tries S3 with the first block that is
    needed anyway, and goes on over HTTPS where S3 refuses. Raises GcovError where neither can be read.
    """
    if granule.path:
        return granule.path
    archive_host = urlsplit(archive.credentials_url).netloc
    if granule.s3_url and archive.access != "https":
        may_fall_back = archive.access == "auto" and granule.url is not None
        s3_object = S3Object(granule.s3_url, archive.credentials_url, archive.s3_endpoint)
        try:
            file = RangeFile(s3_object, probe=may_fall_back)
            log.info("%s: reading from S3", granule.name)
            return file
        except (Refused, transport.Unanswered) as error:
            if not may_fall_back:
                raise GcovError(
                    f"{granule.s3_url}: cannot be read from S3 ({error}). S3 works only inside AWS {REGION};"
                    " elsewhere set `access: https`"
                ) from None
            log.info("%s: reading over HTTPS, as S3 does not work here (%s)", granule.name, error)
    elif granule.url is None:
        raise GcovError(f"{granule.name} has no https address, only {granule.s3_url}: set `access: s3` or `auto`")
    try:
        return RangeFile(HttpsFile(granule.url, archive_host))
    except Refused as refused:
        raise GcovError(f"{granule.url}: cannot be read ({refused})") from None


class HttpsFile:
    """A file behind an address that redirects to a signed, expiring one: resolved once, and again when refused."""

    def __init__(self, url: str, archive_host: str):
        self.name = url
        self._archive_host = archive_host
        self._lock = threading.Lock()
        self._signed = None

    def target(self) -> tuple[str, dict[str, str], object]:
        """The address to read from, the headers it wants, and a ticket to renew it with."""
        with self._lock:
            if self._signed is None:
                self._signed = self._resolve()
            return self._signed, login.bearer(self._signed, self._archive_host), self._signed

    def renew(self, ticket: object) -> None:
        """Forget a signed address that was refused, unless another thread already has."""
        with self._lock:
            if self._signed is ticket:
                self._signed = None

    def _resolve(self) -> str:
        """Follow the redirects; the token goes to the archive's own host only."""
        url = self.name
        for _ in range(REDIRECTS):
            headers = login.bearer(url, self._archive_host)
            answer = transport.request("GET", url, headers, span=(0, 1))
            location = answer.headers.get("Location", "")
            to_login = urlsplit(location).path.endswith("/oauth/authorize")
            if answer.status == 206:
                return url
            if answer.status in (401, 403) or to_login:
                if headers:
                    raise login.refusal(answer, self.name)
                raise Refused(f"{urlsplit(url).netloc} answered {answer.status}")
            if answer.status not in (301, 302, 303, 307, 308):
                raise GcovError(f"{self.name}: {explain(answer.status)}")
            url = urljoin(url, location)
            if urlsplit(url).netloc != self._archive_host:
                return url
        raise GcovError(f"{self.name}: more than {REDIRECTS} redirects")


class S3Object:
    """An object in S3, read with temporary credentials that are asked for again when they are refused."""

    def __init__(self, s3_url: str, credentials_url: str, endpoint: str | None):
        self.name = s3_url
        bucket, _, key = s3_url.removeprefix("s3://").partition("/")
        host = f"{endpoint.rstrip('/')}/{bucket}" if endpoint else f"https://{bucket}.s3.{REGION}.amazonaws.com"
        self._url = f"{host}/{key}"
        self._credentials_url = credentials_url
        self._lock = threading.Lock()
        self._signer = None

    def target(self) -> tuple[str, dict[str, str], object]:
        """The address to read from, freshly signed headers, and a ticket to renew them with."""
        from botocore.awsrequest import AWSRequest  # only the signer: a client costs half a second to build

        with self._lock:
            if self._signer is None:
                self._signer = self._fetch_credentials()
            request = AWSRequest("GET", self._url)
            self._signer.add_auth(request)
            return self._url, dict(request.headers), self._signer

    def renew(self, ticket: object) -> None:
        """Forget credentials that were refused, unless another thread already has."""
        with self._lock:
            if self._signer is ticket:
                self._signer = None

    def _fetch_credentials(self):
        from botocore.auth import S3SigV4Auth
        from botocore.credentials import Credentials

        headers = login.bearer(self._credentials_url, urlsplit(self._credentials_url).netloc)
        answer = transport.request("GET", self._credentials_url, headers)
        if answer.status in (301, 302, 303, 307, 401, 403):
            raise login.refusal(answer, self._credentials_url)
        if answer.status != 200:
            raise Refused(f"{self._credentials_url} answered {answer.status}")
        try:
            keys = json.loads(answer.data)
            credentials = Credentials(keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"])
        except (ValueError, KeyError):
            raise Refused(f"{self._credentials_url} gave no credentials") from None
        return S3SigV4Auth(credentials, "s3", REGION)
