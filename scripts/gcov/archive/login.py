"""Earthdata Login: where the token comes from, where it is sent, and what each refusal means for the user.

A token is kept in memory only. It is sent to the archive's host (that of `archive.credentials_url`) and to no other. It
is not sent to hosts that the archive redirects to, and never written to a message or a file. The host must belong to
NASA or ASF, or be named in the environment, because the configuration may come from somebody else.
"""

import base64
import json
import netrc
import os
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from gcov.archive import transport
from gcov.errors import GcovError

LOGIN = "https://urs.earthdata.nasa.gov"
HOW = f"get one at {LOGIN} (Generate Token) and put it into the environment variable EARTHDATA_TOKEN"
ARCHIVES = re.compile(r"([a-z0-9-]+\.)+(nasa\.gov|alaska\.edu)(:[0-9]+)?", re.IGNORECASE)
TRUST = "GCOV_TRUST_HOST"  # host:port
LICENCE = f"accept the licence once, at {LOGIN} > EULAs > Accept New EULAs > Alaska Satellite Facility Data Access"
HELP = "uso@asf.alaska.edu"
PROFILE = f"fill in the field Study Area of your profile at {LOGIN}"


def token_source() -> str | None:
    """The first source of a token or login that exists, in order of precedence; None if there is none."""
    if os.environ.get("EARTHDATA_TOKEN", "").strip():
        return "EARTHDATA_TOKEN"
    if os.environ.get("EARTHDATA_USERNAME") and os.environ.get("EARTHDATA_PASSWORD"):
        return "EARTHDATA_USERNAME and EARTHDATA_PASSWORD"
    try:
        return "~/.netrc" if _netrc_login() else None
    except GcovError:
        return "~/.netrc"  # the fetch will report what is wrong with it


@cache
def token() -> str:
    """The bearer token: EARTHDATA_TOKEN, otherwise the token that Earthdata Login returns for a name and password.

    Raises GcovError, with instructions, if there is neither or if the login is refused.
    """
    if given := os.environ.get("EARTHDATA_TOKEN", "").strip():
        if not _fits_a_header(given):
            raise GcovError(f"EARTHDATA_TOKEN is not a token: it holds spaces, line breaks or the like: {HOW}")
        return given
    login = os.environ.get("EARTHDATA_USERNAME"), os.environ.get("EARTHDATA_PASSWORD")
    pair = login if all(login) else _netrc_login()
    if pair is None:
        raise GcovError(f"no Earthdata token: {HOW}")
    name, password = pair
    headers = {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}
    answer = transport.request("POST", f"{LOGIN}/api/users/find_or_create_token", headers)
    if answer.status in (400, 401, 403):
        raise GcovError(f"Earthdata Login refused the name and password from {token_source()}: correct them, or {HOW}")
    found = transport.document(answer).get("access_token")
    if answer.status != 200 or not _fits_a_header(found):
        page = " with a page" if answer.status == 200 else ""
        raise GcovError(f"Earthdata Login answered {answer.status}{page} instead of a token: {HOW}")
    return str(found)


def _fits_a_header(given: object) -> bool:
    """Whether something can be a token; one that fits no header would appear in a traceback."""
    return isinstance(given, str) and bool(re.fullmatch(r"[!-~]+", given))


def _netrc_login() -> tuple[str, str] | None:
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        entry = netrc.netrc(path).hosts.get(urlsplit(LOGIN).hostname or "")  # never the default entry
    except FileNotFoundError:
        return None
    except netrc.NetrcParseError as error:
        raise GcovError(f"{path} cannot be read: line {error.lineno}") from None
    except UnicodeDecodeError:
        raise GcovError(f"{path} cannot be read: it is not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise GcovError(f"{path} cannot be read: {error.strerror}") from None
    return (entry[0], entry[2]) if entry else None


def bearer(url: str, archive_host: str) -> dict[str, str]:
    """The Authorization header for a URL of the archive; empty for any other host or port, or without TLS.

    Raises GcovError if the archive's host is not trusted with a token.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.netloc != archive_host:
        return {}
    if not _is_trusted(archive_host):
        raise GcovError(
            f"the Earthdata token is not sent to {archive_host}, the host of archive.credentials_url: it goes to hosts"
            f" below nasa.gov and alaska.edu. If you trust this one, set the environment variable {TRUST} to it"
        )
    return {"Authorization": f"Bearer {token()}"}


def _is_trusted(host: str) -> bool:
    named = os.environ.get(TRUST, "").strip()
    return bool(ARCHIVES.fullmatch(host)) or host.removesuffix(":443") == named.removesuffix(":443")


def refusal(answer: transport.Answer, what: str) -> GcovError:
    """The error to show the user when the archive refuses (401, 403, or a redirect to the login page)."""
    if answer.status == 403:
        return GcovError(f"{what}: {_forbidden(answer)}")
    expired = _expiry(token())
    if expired is not None and expired < datetime.now(UTC):
        return GcovError(f"{what}: the Earthdata token expired on {expired.date()}: {HOW}")
    if b"expired" in answer.data.lower():
        return GcovError(f"{what}: the Earthdata token has expired: {HOW}")
    return GcovError(f"{what}: the archive rejected the Earthdata token: {HOW}")


def _forbidden(answer: transport.Answer) -> str:
    """What a 403 means: the archive answers in one way without the licence, and in others without permission."""
    body = answer.data.lower()
    if b"eula" in body:
        where = _own_link(transport.document(answer).get("resolution_url")) or LICENCE
        return f"this account has not accepted the licence (403): {where}"
    if b"not currently available" in body:
        return f"this account is not among those that may read this collection (403): ask ASF ({HELP})"
    if b"<html" in body:
        return f"this account has no permission to read from the archive (403): {PROFILE}, then {LICENCE}"
    return f"this account may not read it (403): {LICENCE}, and {PROFILE}"


def _own_link(url: object) -> str:
    """Where to accept the licence, if it is a page of Earthdata Login; else empty."""
    page = re.escape(f"{LOGIN}/") + r"[!#-;=?-~]{1,500}"  # printable, without quotes and brackets
    return f"accept it at {url}" if isinstance(url, str) and re.fullmatch(page, url) else ""


def _expiry(text: str) -> datetime | None:
    """When a token expires, from the `exp` (seconds since 1970) of the JSON web token; None if it does not say."""
    try:
        payload = text.split(".")[1]
        return datetime.fromtimestamp(json.loads(base64.urlsafe_b64decode(payload + "=="))["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError):
        return None
