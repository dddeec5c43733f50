"""Finding granules: in the archive's catalogue (CMR, through asf_search), or among local files, URLs and S3 objects."""

import glob
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gcov.archive import s3, transport
from gcov.errors import GcovError
from gcov.granules import BANDWIDTHS, Granule, from_name, from_url, is_standard, maturity_of
from gcov.identification import granule_of_file
from gcov.settings import Archive, Search

log = logging.getLogger(__name__)


ATTEMPTS = 6  # a minute in all
POLARIZATIONS = {
    "SH": "HH", "SV": "VV", "DH": "HH+HV", "DV": "VV+VH", "CL": "LH+LV", "CR": "RH+RV", "QP": "HH+HV+VH+VV", "NA": None,
}  # fmt: skip


def search_archive(wkt: str, search: Search, cmr_host: str) -> tuple[list[Granule], list[tuple[Granule, str]]]:
    """Every GCOV granule that the catalogue has for an AOI (WKT, EPSG:4326) and the search keys.

    Granules of other collections than the mission's own (early adopters', custom, urgent) that `search.collections`
    does not name come second, each with the reason for leaving it out. Asked again where the catalogue is
    busy, cannot be reached or gives half an answer. Raises GcovError when that does not help, or when the catalogue
    refuses the question: a stack is never built from half a listing.
    """
    asked = query(wkt, search)
    frames = asked.get("frame")
    # of several frames asked for at once, asf_search says only whether the last one's listing is complete
    questions = [{**asked, "frame": frame} for frame in frames] if isinstance(frames, list) else [asked]
    found, left_out = [], []
    for properties in (product for question in questions for product in _listing(question, cmr_host)):
        granule, collection = from_product(properties), properties["collectionName"] or ""
        if granule is None:
            continue
        if not collection or is_standard(collection) or collection in search.get("collections", []):
            found.append(granule)
        else:
            left_out.append((granule, f"of {collection}, which search.collections does not name"))
    return found, left_out


def _listing(asked: dict, cmr_host: str) -> list[dict]:
    """The properties of every product that asf_search finds for a question, which must not be of several parts."""
    import asf_search  # 2 s that local granules need not pay

    asf_search.REPORT_ERRORS = False  # it would send the query to a third party
    for attempt in range(1, ATTEMPTS + 1):
        session = asf_search.ASFSession()  # a new one: one that failed in mid-listing would go on where it stopped
        session.auth = lambda request: request  # or it would send what ~/.netrc holds for any host
        session.hooks["response"].append(_check_status)  # asf_search understands errors only if they are CMR's JSON
        try:
            found = asf_search.search(opts=asf_search.ASFSearchOptions(host=cmr_host, session=session, **asked))
            if found.searchComplete:
                return [product.properties for product in found]
            reason = f"gave only {len(found)} granules of more"
        except _Busy as busy:
            reason = f"answered {busy}"
        except (asf_search.ASFSearchError, OSError) as error:  # requests' errors are OSErrors
            reason = f"failed ({type(error).__name__})"
        if attempt < ATTEMPTS:
            log.info("the search at %s %s; trying again (%d of %d)", cmr_host, reason, attempt, ATTEMPTS - 1)
            time.sleep(min(30, 2**attempt))
    advice = "try again later" + (transport.NO_NETWORK if "Connect" in reason else "")
    raise GcovError(f"the search at {cmr_host} {reason}, {ATTEMPTS} times in a row: {advice}")


class _Busy(Exception):
    """The catalogue is too busy or broken; the text is its status."""


def _check_status(response, **_) -> None:
    if response.status_code in transport.BUSY:
        raise _Busy(response.status_code)
    if response.status_code >= 400:
        host = urlsplit(response.url).netloc
        raise GcovError(f"{host} refused the search ({response.status_code}): {response.text[:300]}")


def query(wkt: str, search: Search) -> dict:
    """The configuration's search keys as asf_search names them."""
    asked: dict[str, Any] = {
        "dataset": "NISAR",
        "processingLevel": "GCOV",
        "intersectsWith": search.get("intersects", wkt),
    }
    given: dict[str, Any] = dict(search)
    if "collections" not in given:
        asked["productionConfiguration"] = "PR"
    for key in ("start", "end"):
        if key in given:
            asked[key] = datetime.fromisoformat(given[key]).replace(tzinfo=UTC)
    for key, theirs in (
        ("relative_orbit", "relativeOrbit"),
        ("frame", "frame"),
        ("flight_direction", "flightDirection"),
        ("maturity", "dataMaturity"),
    ):
        if key in given:
            asked[theirs] = given[key]
    if "mode" in search:
        mode = search["mode"]
        megahertz = {"00": None, **{code: str(int(code)) for code in BANDWIDTHS}}
        asked["rangeBandwidth"] = _joined(megahertz, mode[:2], mode[2:], "+", "mode")
    if "polarizations" in search:
        codes = search["polarizations"]
        for theirs, code in (("mainBandPolarization", codes[:2]), ("sideBandPolarization", codes[2:])):
            if (value := _joined(POLARIZATIONS, code, "NA", "", "polarizations")) is not None:
                asked[theirs] = value
    return asked


def _joined(table: dict, first: str, second: str, separator: str, key: str) -> str | None:
    for code in (first, second):
        if code not in table:
            raise GcovError(f"search.{key}: unknown code {code}; known: {', '.join(table)}")
    return separator.join(filter(None, (table[first], table[second]))) or None


def from_product(properties: dict) -> Granule | None:
    """A granule from what asf_search found; None for anything that is no GCOV granule (a QA file, a side product)."""
    name = properties["sceneName"]
    granule = from_name(name)
    if granule is None:
        log.warning("left out %s: not the name of a NISAR L2 GCOV granule", name)
        return None
    size = properties["bytes"].get(f"{name}.h5", {}).get("bytes")
    return from_name(
        name,
        url=next(
            (url for url in [properties["url"], *properties["additionalUrls"]] if url.endswith(f"/{name}.h5")),
            None,
        ),
        s3_url=next((url for url in properties["s3Urls"] if url.endswith(f"/{name}.h5")), None),
        size=int(size) if size is not None else None,
        maturity=maturity_of(granule.crid, properties["collectionName"] or ""),
    )


def listed_granules(entries: tuple[str, ...], archive: Archive) -> list[Granule]:
    """The granules that local files, objects in S3, globs of both, and URLs name. `_QA_STATS.h5` files are no granules.

    Raises GcovError naming an entry that matches nothing, or that cannot be read or listed in S3.
    """
    granules = []
    for entry in entries:
        if entry.startswith("s3://"):
            granules += _in_s3(entry, archive)
            continue
        if "://" in entry:
            granules.append(from_url(entry))
            continue
        path = Path(entry).expanduser()
        paths = (
            [str(path)] if path.exists() else sorted(glob.glob(str(path), recursive=True))
        )  # "[1].h5" is a name, too
        if not paths:
            raise GcovError(f"granules: {entry!r} matches no file (looked in {Path.cwd()})")
        granules += [granule_of_file(path) for path in paths if not path.endswith("_QA_STATS.h5")]
    return granules


def _in_s3(entry: str, archive: Archive) -> list[Granule]:
    """Granules with their sizes. One in the archive's bucket has none: searching asks for no token."""
    sizes: dict[str, int | None]
    if glob.has_magic(entry):
        sizes = {**s3.listing(entry, archive)}
        if not sizes:
            raise GcovError(f"granules: {entry!r} matches no object")
    elif s3.is_own(entry):
        sizes = {entry: s3.size_of(entry, archive)}
    else:
        sizes = {entry: None}
    return [replace(from_url(url), size=size) for url, size in sizes.items() if not url.endswith("_QA_STATS.h5")]
