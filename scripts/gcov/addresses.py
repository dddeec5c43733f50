"""Addresses in the configuration, and which parts of them may be shown or written: scheme, host and path.

Everything else (user name and password, query, parameters, fragment) may be a secret.
"""

import re
from collections.abc import Iterator
from typing import Any

from gcov.errors import GcovError

HOW = (
    "for the archive set EARTHDATA_TOKEN, for S3 an AWS profile; from any other host download the file, or give a"
    " signed address (...h5?...)"
)
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:/+)([^/?#;]*)([^?#;]*)(.*)", re.DOTALL)  # scheme, authority, path, rest
SHOWN_HOST = re.compile(r"\[[0-9A-Fa-f:.]*\](:\d*)?|[^:@]*(:\d*)?")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?")
SECRET_IN_S3 = re.compile(r"\.h5[?#;]|[?#;&][^/]*=[^/]*$")  # elsewhere ? is a wildcard of a glob


def without_query(url: str) -> str:
    """A URL without its query: the form that is stored. Use `shown` in messages."""
    return url.split("?")[0]


def shown(text: str) -> str:
    """A text that may be shown: of an address in it only scheme, host and path, with dots in place of the rest."""
    return ADDRESS.sub(_shown, text)


def _shown(match: re.Match) -> str:
    scheme, authority, path, rest = match.groups()
    _, user, host = authority.rpartition("@")
    if (":" in authority and "@" in path) or not SHOWN_HOST.fullmatch(host):  # a password with / or ?
        return f"{scheme}..."
    return scheme + ("...@" if user else "") + host + path + (f"{rest[0]}..." if rest else "")


def host_of(url: str) -> str:
    """Host and port of a URL, for messages; empty if it has none."""
    match = ADDRESS.match(url)
    return match[2].rpartition("@")[2] if match else ""


def is_web(entry: str) -> bool:
    """Whether an entry of `granules:` is a web URL; otherwise it is a file, an s3:// object or a glob."""
    return ADDRESS.match(entry.lstrip()) is not None and not entry.startswith("s3://")


def checked(entry: str, where: str) -> str:
    """An entry of `granules:` in a form that is safe to store: a web URL without its query, anything else unchanged.

    Raises GcovError, beginning with `where`, if a URL is invalid or contains credentials.
    """
    match = ADDRESS.match(entry.lstrip())
    if match is None:
        return entry
    scheme, authority, path, rest = match.groups()
    if "@" in authority or ("@" in path and (":" in authority or is_web(entry))):
        raise GcovError(f"{where}: {shown(entry)}: an address must not hold a user name or password: {HOW}")
    if not is_web(entry):
        if SECRET_IN_S3.search(entry):
            raise GcovError(f"{where}: {shown(entry)}: an s3:// object has no query, `#` or `;`: {HOW}")
        return entry
    if rest.startswith((";", "#")) or "#" in rest:
        raise GcovError(f"{where}: {shown(entry)}: an address must not hold `#` or `;`: {HOW}")
    web = scheme.lower() in ("https://", "http://")
    if not web or not path or not HOST.fullmatch(authority) or re.search(r"\s", entry):
        wanted = "Invalid IPv6 URL" if "[" in authority else "should be https://HOST/....h5 (or s3://, or a file)"
        raise GcovError(f"{where}: {shown(entry)} is not a valid address: {wanted}")
    return without_query(entry)


def check_others(config: dict[str, Any]) -> None:
    """Refuse addresses in a configuration that hold more than scheme, host and path, except under `granules:`.

    Jobs' parameters, metadata and messages contain them. Raises GcovError naming the keys.
    """
    for where, text in _texts(config):
        if ADDRESS.match(text.lstrip()) and shown(text) != text:
            raise GcovError(
                f"config: {where}: {shown(text)}: an address here must not hold a user name, a password, `?`, `#` or"
                " `;`, because it would be written to logs and records"
            )


def _texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a configuration, and the path of keys to each; without those of lists called `granules`."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "granules":
                yield from _texts(item, f"{where}.{shown(str(key))}".removeprefix("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, f"{where}.{number}")
    elif isinstance(value, str):
        yield where, value


def signed(config: dict[str, Any]) -> dict[str, str]:
    """The signed URLs under `granules:` in a configuration, keyed by the URL without its query."""
    entries = [entry for aoi in config["aois"].values() for entry in aoi.get("granules", ())]
    return {without_query(entry): entry for entry in entries if is_web(entry) and "?" in entry}
