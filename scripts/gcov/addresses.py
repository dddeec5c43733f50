"""URLs of granules, and which parts of them may be shown or written. A query may be a signature, and so a secret."""

import re
from typing import Any
from urllib.parse import urlsplit

from gcov.errors import GcovError

HOW = (
    "for the archive set EARTHDATA_TOKEN, for S3 an AWS profile; from any other host download the file, or give a"
    " signed address (...h5?...)"
)


def bare(url: str) -> str:
    """A URL without its query, which is safe to show."""
    return url.split("?")[0]


def redacted(text: str) -> str:
    """A text with the credentials and queries of its URLs replaced by dots."""
    text = re.sub(r"(\w+://)[^/\s\"']*@", r"\1...@", text)
    return re.sub(r"(\w+://[^?\s\"']*\?)[^\s\"']*", r"\1...", text)


def is_web(entry: str) -> bool:
    """Whether an entry of `granules:` is a web URL; otherwise it is a file, an s3:// object or a glob."""
    return "://" in entry and not entry.startswith("s3://")


def checked(entry: str, where: str) -> str:
    """An entry of `granules:` in a form that is safe to store: a web URL without its query, anything else unchanged.

    Raises GcovError, beginning with `where`, if a URL is invalid or contains credentials.
    """
    if "://" not in entry:
        return entry
    shown = redacted(entry)
    try:
        parts = urlsplit(entry)
    except ValueError as error:
        raise GcovError(f"{where}: {shown} is not a valid address: {error}") from None
    if "@" in parts.netloc:
        raise GcovError(f"{where}: {shown}: an address must not hold a user name or password: {HOW}")
    if not is_web(entry):
        return entry
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise GcovError(f"{where}: {shown} is not a valid address: should be https://HOST/....h5 (or s3://, or a file)")
    return bare(entry)


def signed(config: dict[str, Any]) -> dict[str, str]:
    """The signed URLs under `granules:` in a configuration, keyed by the URL without its query."""
    entries = [entry for aoi in config["aois"].values() for entry in aoi.get("granules", ())]
    return {bare(entry): entry for entry in entries if is_web(entry) and "?" in entry}
