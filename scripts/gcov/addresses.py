"""Addresses of granules: what of them may be shown and written. A query is a signature, and so a secret."""

import re
from typing import Any
from urllib.parse import urlsplit

from gcov.errors import GcovError

HOW = (
    "for the archive set EARTHDATA_TOKEN, for S3 an AWS profile; from any other host download the file, or give a"
    " signed address (...h5?...)"
)


def bare(url: str) -> str:
    """An address fit to be shown: without its query."""
    return url.split("?")[0]


def redacted(text: str) -> str:
    """A text with the credentials and queries of its addresses left out."""
    text = re.sub(r"(\w+://)[^/\s\"']*@", r"\1...@", text)
    return re.sub(r"(\w+://[^?\s\"']*\?)[^\s\"']*", r"\1...", text)


def is_web(entry: str) -> bool:
    """Whether an entry of `granules:` is a web address; else it is a file, an s3:// object or a glob."""
    return "://" in entry and not entry.startswith("s3://")


def checked(entry: str, where: str) -> str:
    """An entry of `granules:` as it may be written down: a web address without its query, anything else as it is.

    Raises GcovError, beginning with `where`, for credentials in an address and for what is no address.
    """
    if "://" not in entry:
        return entry
    shown = redacted(entry)
    try:
        parts = urlsplit(entry)
    except ValueError as error:
        raise GcovError(f"{where}: {shown} is no address: {error}") from None
    if "@" in parts.netloc:
        raise GcovError(f"{where}: {shown}: an address must not hold a user name or password: {HOW}")
    if not is_web(entry):
        return entry
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise GcovError(f"{where}: {shown} is no address: should be https://HOST/....h5 (or s3://, or a file)")
    return bare(entry)


def signed(config: dict[str, Any]) -> dict[str, str]:
    """The signed addresses under `granules:` in a configuration, each by the same without its query."""
    entries = [entry for aoi in config["aois"].values() for entry in aoi.get("granules", ())]
    return {bare(entry): entry for entry in entries if is_web(entry) and "?" in entry}
