"""Finding granules in the archive's catalogue (CMR, through asf_search), or among local files, URLs and S3 objects."""

import glob
import logging
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gcov.addresses import host_of, is_web, shown
from gcov.archive import s3, transport
from gcov.errors import GcovError
from gcov.granules import BANDWIDTHS, Granule, from_name, from_url, is_standard, maturity_of
from gcov.identification import granule_of_file
from gcov.inputs.settings import Archive, Search

log = logging.getLogger(__name__)


ATTEMPTS = 6  # one minute in total
POLARIZATIONS = {
    "SH": "HH", "SV": "VV", "DH": "HH+HV", "DV": "VV+VH", "CL": "LH+LV", "CR": "RH+RV", "QP": "HH+HV+VH+VV", "NA": None,
}  # fmt: skip


def search_archive(wkt: str, search: Search, cmr_host: str) -> tuple[list[Granule], list[tuple[Granule, str]]]:
    """Every GCOV granule in the catalogue for an AOI (WKT, EPSG:4326) and the search keys.

    The second list holds the granules left out, each with its reason: those of other collections than the mission's
    own (early adopters', custom, urgent), unless `search.collections` names them. The query is repeated if the
    catalogue is busy, unreachable or returns an incomplete listing. Raises GcovError if repeating does not help or if
    the catalogue refuses the query, so that a stack is never built from an incomplete listing.
    """
    asked = query(wkt, search)
    frames = asked.get("frame")
    # for several frames in one query, asf_search reports only whether the last one's listing is complete
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
    """The properties of every product that asf_search finds for one query, which must not list several frames."""
    import asf_search  # takes 2 s and is not needed for local granules

    asf_search.REPORT_ERRORS = False  # otherwise it sends the query to a third party
    for attempt in range(1, ATTEMPTS + 1):
        session = asf_search.ASFSession()  # a new one, because one that failed in mid-listing would resume there
        session.auth = lambda request: request  # otherwise it sends the ~/.netrc login of any host
        session.hooks["response"].append(_check_status)  # asf_search understands only errors in CMR's JSON
        try:
            found = asf_search.search(opts=asf_search.ASFSearchOptions(host=cmr_host, session=session, **asked))
            if found.searchComplete:
                return [product.properties for product in found]
            reason = f"gave an incomplete list of {len(found)} granules"
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
    """The catalogue is busy or broken; the text is the HTTP status."""


def _check_status(response, **_) -> None:
    if response.status_code in transport.BUSY:
        raise _Busy(response.status_code)
    if response.status_code >= 400:
        host = host_of(response.url)
        raise GcovError(f"{host} refused the search ({response.status_code}): {response.text[:300]}")


def query(wkt: str, search: Search) -> dict:
    """The configuration's search keys, translated to asf_search's names."""
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
    """The granule in a product that asf_search found; None if it is not a GCOV granule (a QA file, a side product)."""
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
    """The granules named by local files, S3 objects, globs of both, and URLs; `_QA_STATS.h5` files are left out.

    Raises GcovError, naming the entry, if it matches nothing, or cannot be read or listed in S3.
    """
    granules = []
    for entry in entries:
        if entry.startswith("s3://"):
            granules += _in_s3(entry, archive)
            continue
        if is_web(entry):
            granules.append(from_url(entry))
            continue
        path = os.path.expanduser(entry)
        # "[1].h5" may be a file name
        paths = [path] if os.path.lexists(path) else sorted(glob.glob(path, recursive=True))
        if not paths:
            raise GcovError(f"granules: {shown(entry)!r} matches no file (looked in {Path.cwd()})")
        granules += [granule_of_file(path) for path in paths if not path.endswith("_QA_STATS.h5")]
    return granules


def _in_s3(entry: str, archive: Archive) -> list[Granule]:
    """Granules in S3 with their sizes; None in the archive's bucket, because searching must not need a token."""
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
