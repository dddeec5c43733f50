"""Finding granules in the archive's catalogue (CMR, through asf_search), or among local files, URLs and S3 objects."""

import glob
import logging
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import shapely

from gcov.addresses import host_of, is_web, shown
from gcov.archive import records, s3, transport
from gcov.errors import GcovError
from gcov.granules import BANDWIDTHS, CHANNELS, Granule, from_url, is_standard
from gcov.identification import granule_of_file
from gcov.inputs.settings import Archive, Search
from gcov.words import number_of

log = logging.getLogger(__name__)


ATTEMPTS = 6  # one minute in total
POLARIZATIONS = {code: "+".join(names) for code, names in CHANNELS.items()}
MOST_POINTS = 300  # of a polygon that asf_search passes on
EMPTY = {  # a record that asf_search can read
    "meta": {},
    "umm": {"CollectionReference": {"ShortName": "NISAR"}, "DataGranule": {"ArchiveAndDistributionInformation": []}},
}
BESIDE = "its footprint does not meet the area searched for"


def search_archive(wkt: str, search: Search, cmr_host: str) -> tuple[list[Granule], list[tuple[Granule, str]]]:
    """Every GCOV granule in the catalogue for an AOI (WKT, EPSG:4326) and the search keys.

    The second list holds the granules left out, each with its reason: those that do not meet the AOI, those without an
    address, and those of other collections than the mission's own (early adopters', custom, urgent), unless
    `search.collections` names them. The query is repeated if the catalogue is busy, unreachable or returns an
    incomplete listing. Raises GcovError if repeating does not help or if the catalogue refuses the query, so that a
    stack is never built from an incomplete listing.
    """
    asked = query(wkt, search)
    frames = asked.get("frame")
    # for several frames in one query, asf_search reports only whether the last one's listing is complete
    questions = [{**asked, "frame": frame} for frame in frames] if isinstance(frames, list) else [asked]
    area = _area_to_check(asked["intersectsWith"])
    found, left_out = [], []
    for record in (record for question in questions for record in _listing(question, cmr_host)):
        granule = records.granule_of(record)
        if granule is None:
            log.warning("left out %s: not the name of a NISAR L2 GCOV granule", record["GranuleUR"])
        elif reason := _reason_against(record, granule, search, area):
            left_out.append((granule, reason))
        else:
            found.append(granule)
    if beside := sum(reason == BESIDE for _, reason in left_out):
        log.info(
            "%s dropped, whose footprints do not meet the area: the catalogue is asked for a simpler, larger one",
            number_of(beside, "granule"),
        )
    return found, left_out


def _area_to_check(wkt: str) -> shapely.Geometry | None:
    """The area if asf_search asks for a larger one: the hull of several parts, without holes, of 300 points at most."""
    area = shapely.from_wkt(wkt)
    rings = shapely.get_rings(shapely.get_parts(area))
    return area if len(rings) > 1 or shapely.get_num_coordinates(area) > MOST_POINTS else None


def _reason_against(record: dict, granule: Granule, search: Search, area: shapely.Geometry | None) -> str:
    """Why a granule that the catalogue found is left out; empty if it is not."""
    collection = records.collection_of(record)
    if collection and not is_standard(collection) and collection not in search.get("collections", []):
        return f"of {collection}, which search.collections does not name"
    if granule.url is None and granule.s3_url is None:
        return "the catalogue gives no address"
    if area is not None and not records.meets(records.footprint_of(record), area):
        return BESIDE
    return ""


def _listing(asked: dict, cmr_host: str) -> list[dict]:
    """The catalogue's records (UMM-G) for one query, which must not list several frames."""
    import asf_search  # takes 2 s and is not needed for local granules

    asf_search.REPORT_ERRORS = False  # otherwise it sends the query to a third party
    for attempt in range(1, ATTEMPTS + 1):
        session = asf_search.ASFSession()  # a new one, because one that failed in mid-listing would resume there
        session.auth = lambda request: request  # otherwise it sends the ~/.netrc login of any host
        listed: list[dict] = []
        # asf_search understands only errors in CMR's JSON, and only complete records
        session.hooks["response"] += [_check_status, partial(_take_records, listed)]
        try:
            found = asf_search.search(opts=asf_search.ASFSearchOptions(host=cmr_host, session=session, **asked))
            if found.searchComplete:
                return listed
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
    """The catalogue is busy or broken; the text says how it answered, beginning with the HTTP status."""


def _check_status(response, **_) -> None:
    if response.status_code in transport.BUSY:
        raise _Busy(response.status_code)
    if response.status_code >= 400:
        host = host_of(response.url)
        raise GcovError(f"{host} refused the search ({response.status_code}): {response.text[:300]}")


def _take_records(listed: list[dict], response, **_) -> None:
    """Keep the records of a page, and leave asf_search as many empty ones to count."""
    if response.status_code != 200:
        return
    page = response.json()
    if not isinstance(page, dict) or "items" not in page:
        raise _Busy("200 without a listing")
    listed += [item["umm"] for item in page["items"]]
    response.json = lambda: page | {"items": [EMPTY] * len(page["items"])}


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
    """Granules in S3 with their sizes, which are not asked of the archive's bucket: searching must not need a token.

    Raises GcovError if a glob matches no object, or as `s3.listing` and `s3.size_of` do.
    """
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
