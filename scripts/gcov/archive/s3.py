"""S3 through s3fs: the archive's buckets with Earthdata's temporary credentials, other buckets with the user's own.

Neither kind of credentials is used for the other kind of bucket. s3fs and botocore do not retry; `transport` does, as
over HTTPS.
"""

import logging
import os
import re
from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPHeaderDict

from gcov.addresses import host_of
from gcov.archive import login, renewal, transport
from gcov.archive.ranges import CONNECTIONS, Piece, Refused
from gcov.archive.transport import Answer, Interrupted
from gcov.errors import GcovError
from gcov.inputs.settings import Archive, Bucket

# ASF's NISAR guide, "Direct AWS S3 Access": buckets of the products in the catalogue, and of urgent responses
ARCHIVE_BUCKETS = ("sds-n-cumulus-prod-nisar-products", "sds-n-cumulus-prod-nisar-ur-products")
REGION = "us-west-2"
PROBES = 3  # attempts if HTTPS is available as well
NOTHING_OF_THE_USERS = {  # botocore's variables, set so that it reads no profile and no files of the user's
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
CREDENTIALS = {"key": "accessKeyId", "secret": "secretAccessKey", "token": "sessionToken"}  # s3fs's: the answer's

for _library in ("botocore", "aiobotocore", "aiohttp", "s3fs"):
    logging.getLogger(_library).setLevel(logging.ERROR)  # messages below that level show signatures


def split(s3_url: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URL."""
    bucket, _, key = s3_url.removeprefix("s3://").partition("/")
    return bucket, key


def is_own(s3_url: str) -> bool:
    """Whether an object is in one of the user's own buckets, that is, in none of the archive's."""
    return split(s3_url)[0] not in ARCHIVE_BUCKETS


class S3Object:
    """An object in S3. With `probe`, the first read gives up early, raising Refused or Unanswered."""

    def __init__(self, s3_url: str, archive: Archive, *, probe: bool = False):
        self.name = s3_url
        self._bucket, self._key = split(s3_url)
        self._address = _address(s3_url, archive)
        self._filesystem = renewal.Renewed(lambda: filesystem(self._bucket, archive))
        self._probing = probe

    def read(self, start: int, stop: int) -> Piece:
        """Implements Source.read."""
        attempts = PROBES if self._probing else None
        tries = 1 if self._probing or is_own(self.name) else renewal.TRIES

        def ask(fs):
            return transport.retry(
                lambda: _call(fs, _get, self._bucket, self._key, start, stop), self._address, attempts
            )

        piece = renewal.read(self.name, self._filesystem, ask, tries)
        self._probing = False
        return piece


def size_of(s3_url: str, archive: Archive) -> int:
    """The size of an object in bytes. Raises GcovError if it cannot be read."""
    try:
        return S3Object(s3_url, archive).read(0, 1).size
    except (Refused, transport.Unanswered) as error:
        raise unreadable(s3_url, error, archive) from None


def listing(pattern: str, archive: Archive) -> dict[str, int]:
    """The sizes in bytes of the objects that a glob matches, by s3:// URL, sorted by name.

    Raises GcovError if the bucket cannot be listed.
    """
    from fsspec.utils import glob_translate

    bucket, key = split(pattern)
    prefix = re.split(r"[*?\[]", key)[0]
    sizes: dict[str, int] = {}

    async def list_all(fs):
        found = await fs._find(bucket, prefix=prefix, detail=True)
        sizes.update({f"s3://{name}": entry["size"] for name, entry in found.items()})
        return Answer(200, {}, b"")

    fs = filesystem(bucket, archive)
    try:
        answer = transport.retry(lambda: _call(fs, list_all), _address(pattern, archive))
        if answer.status in renewal.REFUSALS:
            raise renewal.refusal(answer)
    except Refused as refused:
        raise unreadable(pattern, refused, archive) from None
    if answer.status != 200:
        raise GcovError(f"{pattern}: {renewal.explain(answer)}")
    matches = re.compile(glob_translate(f"s3://{bucket}/{key}")).match
    return {name: size for name, size in sorted(sizes.items()) if matches(name)}


def unreadable(s3_url: str, error: Refused | transport.Unanswered, archive: Archive) -> GcovError:
    """The error to show the user when S3 refuses or does not answer, with what to do about it."""
    bucket, _ = split(s3_url)
    if is_own(s3_url) and isinstance(error, transport.Unanswered):
        return error  # its text is complete
    if not is_own(s3_url):
        advice = f"S3 works only inside AWS {REGION}; elsewhere set `access: https`"
    elif _own(bucket, archive).anon:
        advice = f"The bucket is not public: name an AWS profile, `archive.buckets: {{{bucket}: {{profile: ...}}}}`"
    else:
        advice = (
            f"Name an AWS profile that may read it, `archive.buckets: {{{bucket}: {{profile: ...}}}}`,"
            f" or `{{{bucket}: {{anon: true}}}}` if it is public"
        )
    return GcovError(f"{s3_url}: cannot be read from S3 ({error}). {advice}")


def _address(s3_url: str, archive: Archive) -> str:
    """The URL of an object for messages, at the endpoint in the configuration if there is one."""
    bucket, key = split(s3_url)
    endpoint = _own(bucket, archive).endpoint_url if is_own(s3_url) else archive.s3_endpoint
    return f"{endpoint.rstrip('/')}/{bucket}/{key}" if endpoint else s3_url


def _own(bucket: str, archive: Archive) -> Bucket:
    return archive.buckets.get(bucket, Bucket())


def filesystem(bucket: str, archive: Archive):
    """An s3fs.S3FileSystem for one bucket, with the credentials for that bucket and no others."""
    import s3fs  # takes 0.3 s and is not needed by other jobs
    from aiobotocore.session import AioSession

    config: dict[str, Any] = {
        "connect_timeout": transport.TIMEOUT.connect_timeout,
        "read_timeout": transport.TIMEOUT.read_timeout,
        "max_pool_connections": CONNECTIONS,
        "retries": {"total_max_attempts": 1},  # botocore's own attempts
        "response_checksum_validation": "when_required",  # a range has no checksum
    }
    client: dict[str, Any] = {}
    access: dict[str, Any]
    if bucket in ARCHIVE_BUCKETS:
        access = {**_earthdata_credentials(archive.credentials_url), "endpoint_url": archive.s3_endpoint, "anon": False}
        session = AioSession(session_vars=NOTHING_OF_THE_USERS)
        config["ignore_configured_endpoint_urls"] = True  # such as AWS_ENDPOINT_URL
        client["region_name"] = REGION
    else:
        own = _own(bucket, archive)
        access = {"endpoint_url": own.endpoint_url, "anon": own.anon}
        session = AioSession(profile=own.profile)
    if certificates := os.environ.get("AWS_CA_BUNDLE") or transport.given_certificates():
        client["verify"] = certificates
    fs = s3fs.S3FileSystem(
        session=session, config_kwargs=config, client_kwargs=client, skip_instance_cache=True, **access
    )
    fs.retries = 1  # s3fs's own attempts
    return fs


def _earthdata_credentials(url: str) -> dict[str, str]:
    """Temporary credentials for the archive's buckets, as arguments of S3FileSystem."""
    answer = transport.request("GET", url, login.bearer(url, urlsplit(url).netloc))
    if answer.status in (*transport.REDIRECTED, 401, 403):
        raise login.refusal(answer, url)
    if answer.status != 200:
        raise Refused(f"{url} answered {answer.status}")
    page = transport.document(answer)
    keys: dict[str, Any] = {name: page.get(theirs) for name, theirs in CREDENTIALS.items()}
    if not all(isinstance(key, str) and key for key in keys.values()):  # if one is missing, s3fs would use the user's
        raise Refused(f"{url} gave no credentials")
    return keys


async def _get(fs, bucket: str, key: str, start: int, stop: int) -> Answer:
    """Request a range of an object; the single answer also gives size and ETag."""
    response = await fs._call_s3("get_object", Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}")
    meta = response["ResponseMetadata"]
    data = bytearray()
    async with response["Body"]:
        while meta["HTTPStatusCode"] == 206 and len(data) <= stop - start:  # otherwise it is the whole object
            if not (more := await response["Body"].read(stop - start + 1 - len(data))):
                break
            data += more
    return transport.checked(_answer(meta, bytes(data)), start, stop)


def _answer(meta: dict, data: bytes, code: str = "") -> Answer:
    return Answer(meta["HTTPStatusCode"], HTTPHeaderDict(meta["HTTPHeaders"]), data, code)


def _call(fs, coroutine, *arguments) -> Answer:
    """S3's answer, even if it is a refusal.

    Raises Interrupted on network faults, Refused if credentials are missing or AWS settings are invalid, and GcovError
    if a certificate is not trusted.
    """
    from fsspec.asyn import sync

    return sync(fs.loop, _answered, coroutine, fs, *arguments)


async def _answered(coroutine, fs, *arguments) -> Answer:
    import aiohttp
    from botocore import exceptions as aws
    from s3fs.core import S3_RETRYABLE_ERRORS

    try:
        return await coroutine(fs, *arguments)
    except (aws.BotoCoreError, aiohttp.ClientError, OSError, ValueError, *S3_RETRYABLE_ERRORS) as error:
        if isinstance(error.__cause__, aws.ClientError):  # s3fs turns S3's errors into Python's own
            response = error.__cause__.response
            return _answer(response["ResponseMetadata"], b"", response["Error"].get("Code", ""))
        raise _fault(error) from None


def _fault(error: Exception) -> Exception:
    """Translate an error of s3fs, botocore or aiohttp to Refused, Interrupted or GcovError."""
    import aiohttp
    from botocore import exceptions as aws

    details = getattr(error, "kwargs", {})  # of botocore's errors
    host = host_of(str(details.get("endpoint_url", "")))
    cause = details.get("error", error)
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError)):
        return Refused("no AWS credentials found")
    if isinstance(error, aws.ProfileNotFound):
        return Refused(f"there is no AWS profile {details['profile']!r} in ~/.aws/config or ~/.aws/credentials")
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return transport.untrusted(host, getattr(cause.certificate_error, "verify_message", cause.certificate_error))
    if isinstance(cause, (FileNotFoundError, IsADirectoryError)):  # the file of certificate authorities
        return transport.untrusted("S3", cause)
    kind = type(error).__name__
    network = (aws.ConnectionError, aws.HTTPClientError, aws.IncompleteReadError)
    if isinstance(error, (aws.BotoCoreError, ValueError)) and not isinstance(error, network):
        return Refused(f"these AWS settings cannot be used: {kind}")
    unreached = isinstance(cause, aiohttp.ClientConnectorError) or isinstance(error, aws.ConnectTimeoutError)
    return Interrupted(f"{kind} at {host}" if host else kind, reached=not unreached)
