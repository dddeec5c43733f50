"""A Common Metadata Repository on loopback: the granule search that `asf_search` talks to."""

import json
import re
import threading
import zlib
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from shapely import affinity
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.polygon import orient
from shapely.ops import unary_union

from .tls import Handler, LoopbackServer, session_tls

BUCKET = "sds-n-cumulus-prod-nisar-products"
ARCHIVE_URL = "https://nisar.asf.earthdatacloud.nasa.gov"
SEARCH_PATH = "/search/granules.umm_json"

GRANULE_NAME = re.compile(
    r"NISAR_L2_(?P<pipeline>PR|UR|OD)_GCOV_(?P<cycle>\d{3})_(?P<track>\d{3})_(?P<direction>[AD])_(?P<frame>\d{3})"
    r"_(?P<mode>\d{4})_(?P<pols>[A-Z]{4})_(?P<observation>[AM])_(?P<start>\d{8}T\d{6})_(?P<end>\d{8}T\d{6})"
    r"_(?P<crid>[A-Z]\d{5})_(?P<accuracy>[PMNF])_(?P<coverage>[FP])_(?P<site>[A-Z])_(?P<counter>\d{3})"
)
POLARIZATIONS = {
    "SH": ["HH"], "SV": ["VV"], "DH": ["HH", "HV"], "DV": ["VV", "VH"], "CL": ["LH", "LV"], "CR": ["RH", "RV"],
    "QP": ["HH", "HV", "VH", "VV"], "NA": [],
}  # fmt: skip
# what the collections declare; every other additional attribute is a string
INTEGER_ATTRIBUTES = {"TRACK_NUMBER", "FRAME_NUMBER"}


# ---- granule records


def umm_item(name, collection, footprint, size=1_700_000_000, base_url=ARCHIVE_URL, bucket=BUCKET):
    """The UMM-JSON search item of a GCOV granule.

    `footprint` is a list of (lon, lat); longitudes beyond 180 cross the antimeridian and give two polygons.
    """
    parts = GRANULE_NAME.fullmatch(name)
    if parts is None:
        raise ValueError(f"not a GCOV granule name: {name}")
    # names hold whole seconds, and the end of another moment
    start, end = _iso(parts["start"], 0.000658), _iso(parts["end"], 0.999342)
    return {
        "meta": {
            "concept-type": "granule",
            "concept-id": f"G{zlib.crc32(name.encode())}-ASF",
            "collection-concept-id": f"C{zlib.crc32(collection.encode())}-ASF",
            "native-id": name,
            "provider-id": "ASF",
            "revision-id": 1,
            "revision-date": end,
            "format": "application/vnd.nasa.cmr.umm+json",
        },
        "umm": {
            "GranuleUR": name,
            "CollectionReference": {"ShortName": collection, "Version": "1"},
            "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": start, "EndingDateTime": end}},
            "SpatialExtent": _spatial_extent(footprint),
            "Platforms": [{"ShortName": "NISAR", "Instruments": [{"ShortName": "L-SAR"}]}],
            "PGEVersionClass": {"PGEVersion": "R05.00.9"},
            "DataGranule": {
                "DayNightFlag": "Unspecified",
                "ProductionDateTime": end,
                "Identifiers": [
                    {"IdentifierType": "ProducerGranuleId", "Identifier": name},
                    {"IdentifierType": "CRID", "Identifier": parts["crid"]},
                ],
                "ArchiveAndDistributionInformation": _files(name, size),
            },
            "AdditionalAttributes": _attributes(parts),
            "RelatedUrls": _related_urls(name, collection, base_url, bucket),
            "ProviderDates": [{"Date": end, "Type": "Insert"}],
            "MetadataSpecification": {
                "URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6",
                "Name": "UMM-G",
                "Version": "1.6.6",
            },
        },
    }


def _iso(stamp, seconds):
    """So many seconds after `20251123T234739`, as CMR writes it."""
    moment = datetime.strptime(stamp, "%Y%m%dT%H%M%S") + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _spatial_extent(footprint):
    """Counter-clockwise, closed polygons, cut at the antimeridian."""
    shape = Polygon(footprint)
    east = affinity.translate(shape.intersection(box(180, -90, 540, 90)), -360)
    pieces = [shape.intersection(box(-180, -90, 180, 90)), east]
    polygons = [
        {"Boundary": {"Points": [{"Longitude": x, "Latitude": y} for x, y in orient(piece).exterior.coords]}}
        for piece in pieces
        if piece.area > 0
    ]
    return {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": polygons}}}


def _attributes(parts):
    """The additional attributes, as far as they are known from real records."""
    widths = {band: str(int(parts["mode"][i : i + 2])) for band, i in (("A", 0), ("B", 2))}
    bands = {band: width for band, width in widths.items() if width != "0"}
    values = {
        "ASCENDING_DESCENDING": ["ASCENDING" if parts["direction"] == "A" else "DESCENDING"],
        "TRACK_NUMBER": [str(int(parts["track"]))],
        "FRAME_NUMBER": [str(int(parts["frame"]))],
        "RANGE_BANDWIDTH_CONCAT": ["+".join(bands.values())],
        "PRODUCTION_PIPELINE": [parts["pipeline"]],
        "PRODUCT_TYPE": ["GCOV"],
        "PROCESSING_LEVEL": ["L2"],
        "FREQUENCIES": list(bands),
        **{f"FREQUENCY_{band}_RANGE_BANDWIDTH": [width] for band, width in bands.items()},
    }
    for band, code in (("A", parts["pols"][:2]), ("B", parts["pols"][2:])):
        if POLARIZATIONS[code]:
            values[f"FREQUENCY_{band}_POLARIZATION"] = POLARIZATIONS[code]
            values[f"FREQUENCY_{band}_POLARIZATION_CONCAT"] = ["+".join(POLARIZATIONS[code])]
    return [{"Name": key, "Values": list(value)} for key, value in values.items()]


def _files(name, size):
    """Sizes of the granule's files."""
    sizes = {".h5": size, "_QA_STATS.h5": 2_400_000, ".h5.iso.xml": 42_000, ".png": 310_000}
    formats = {".h5": "HDF5", "_QA_STATS.h5": "HDF5", ".h5.iso.xml": "XML", ".png": "PNG"}
    return [
        {"Name": name + ending, "SizeInBytes": nbytes, "SizeUnit": "NA", "Format": formats[ending]}
        for ending, nbytes in sizes.items()
    ]


def _related_urls(name, collection, base_url, bucket):
    """Each file by HTTPS and by S3, as the archive lists them, a private one, and the credentials page."""
    kinds = {
        ".h5": ("GET DATA", "GET DATA VIA DIRECT ACCESS"),
        "_QA_STATS.h5": ("GET DATA", "GET DATA VIA DIRECT ACCESS"),
        ".h5.iso.xml": ("EXTENDED METADATA", "EXTENDED METADATA"),
        ".rc.yaml": ("EXTENDED METADATA", "EXTENDED METADATA"),
        "_QA_REPORT.pdf": ("EXTENDED METADATA", "EXTENDED METADATA"),
        "_QA_SUMMARY.csv": ("EXTENDED METADATA", "EXTENDED METADATA"),
    }
    key = f"{collection}/{name}/{name}"
    urls = []
    for ending, (https_type, s3_type) in kinds.items():
        urls.append({"URL": f"{base_url}/NISAR/{key}{ending}", "Type": https_type})
        urls.append({"URL": f"s3://{bucket}/{key}{ending}", "Type": s3_type})
    for ending in (".png", "_thumbnail.png"):
        urls.append({"URL": f"{base_url}/BROWSE/{key}{ending}", "Type": "GET RELATED VISUALIZATION"})
    urls.append({"URL": f"{base_url}/NISAR-JPL-PRIVATE-DATA/{key}.h5.log", "Type": "EXTENDED METADATA"})
    return [*urls, {"URL": f"{base_url}/s3credentials", "Type": "VIEW RELATED INFORMATION"}]


# ---- filters: one predicate per parameter CMR knows


class BadQuery(Exception):
    """A query that CMR refuses with status 400."""


def _attribute_values(umm, name):
    """Values of an additional attribute, none when the granule lacks it."""
    return [v for a in umm["AdditionalAttributes"] if a["Name"] == name for v in a["Values"]]


def _attribute_filter(text):
    """`type,name,value`."""
    kind, name, wanted = text.split(",")
    cast = {"string": str.casefold, "int": int}[kind]

    def matches(item):
        # CMR indexes an attribute under its declared type alone: asking for another finds nothing
        if kind != ("int" if name in INTEGER_ATTRIBUTES else "string"):
            return False
        return cast(wanted) in map(cast, _attribute_values(item["umm"], name))

    return matches


def _time(text):
    """An ISO time, UTC where no zone is given."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _temporal_filter(text):
    """`start,end,` with either end empty."""
    low, high = (_time(part) if part else None for part in text.split(",")[:2])

    def matches(item):
        extent = item["umm"]["TemporalExtent"]["RangeDateTime"]
        begins, ends = _time(extent["BeginningDateTime"]), _time(extent["EndingDateTime"])
        return (high is None or begins <= high) and (low is None or ends >= low)

    return matches


def _points(text):
    """Comma-separated coordinates as (lon, lat) pairs."""
    values = [float(part) for part in text.split(",")]
    return list(zip(values[::2], values[1::2], strict=True))


def _polygon(text):
    """A closed counter-clockwise ring; CMR refuses any other."""
    points = _points(text)
    if len(points) < 4 or points[0] != points[-1]:
        raise BadQuery("Polygon boundary was not closed. The first and last points must be equal.")
    shape = Polygon(points)
    if not shape.exterior.is_ccw:
        raise BadQuery("The polygon boundary points are listed in the wrong order (clockwise).")
    return shape


def _spatial_filter(make_shape):
    """A filter on the footprint from a function text -> geometry."""

    def make(text):
        shape = make_shape(text)
        return lambda item: shape.intersects(item_geometry(item))

    return make


def item_geometry(item):
    """The granule's footprint; without one it has its collection's, the world."""
    geometry = item["umm"].get("SpatialExtent", {}).get("HorizontalSpatialDomain", {}).get("Geometry", {})
    if "GPolygons" not in geometry:
        return box(-180, -90, 180, 90)
    polygons = geometry["GPolygons"]
    rings = [[(p["Longitude"], p["Latitude"]) for p in poly["Boundary"]["Points"]] for poly in polygons]
    return unary_union([Polygon(ring) for ring in rings])


def _value_filter(read):
    """A filter on one value of the item, compared as CMR does without regard to case."""
    return lambda text: lambda item: read(item).casefold() == text.casefold()


# parameter (brackets removed) -> value -> predicate; values of one parameter are alternatives ...
FILTERS = {
    "shortName": _value_filter(lambda item: item["umm"]["CollectionReference"]["ShortName"]),
    "provider": _value_filter(lambda item: item["meta"]["provider-id"]),
    "temporal": _temporal_filter,
    "attribute": _attribute_filter,
    "bounding_box": _spatial_filter(lambda text: box(*map(float, text.split(",")))),
    "polygon": _spatial_filter(_polygon),
    "point": _spatial_filter(lambda text: Point(_points(text)[0])),
    "line": _spatial_filter(lambda text: LineString(_points(text))),
}
# ... except these, of which every one must hold
CONJUNCTIVE = {"attribute", "temporal"}
OPTIONS = {"page_size", "sort_key", "options[temporal][and]", "options[platform][ignore_case]"}


def _predicate(name, values):
    """One parameter with all its values as a single test on an item."""
    tests = [FILTERS[name](value) for value in values]
    combine = all if name in CONJUNCTIVE else any
    return lambda item: combine(test(item) for test in tests)


def select(items, form):
    """The items a query asks for, as asf_search sorts them: from the latest; BadQuery for what CMR would refuse."""
    predicates = []
    for key, values in form.items():
        name = key.removesuffix("[]")
        if name in FILTERS:
            predicates.append(_predicate(name, values))
        elif name not in OPTIONS:
            raise BadQuery(f"Parameter [{name}] was not recognized.")
    assert form["sort_key[]"] == ["-end_date", "granule_ur"]
    found = [item for item in items if all(test(item) for test in predicates)]
    found.sort(key=lambda item: item["umm"]["GranuleUR"])
    found.sort(key=lambda item: item["umm"]["TemporalExtent"]["RangeDateTime"]["EndingDateTime"], reverse=True)
    return found


# ---- the server


@dataclass
class Request:
    """One query as it arrived, and the status it was answered with (None: connection cut)."""

    form: dict
    headers: dict
    status: int | None = None

    def attributes(self):
        return self.form.get("attribute[]", [])


@dataclass
class _Fault:
    """A fault for one coming request."""

    kind: str
    status: int = 0
    body: object = None
    seconds: float = 0
    missing: int = 0
    then: str = "lost"


class CmrServer(LoopbackServer):
    """CMR's granule search over TLS, with faults that tests queue: each is used up by one request.

    >>> with CmrServer([umm_item(name, collection, footprint)]) as cmr:
    ...     asf.search(opts=asf.ASFSearchOptions(host=cmr.host, dataset="NISAR"))
    """

    def __init__(self, items=()):
        super().__init__(_CmrHandler, session_tls())
        self.items = list(items)
        self.requests = []
        self._faults = deque()
        self._lock = threading.Lock()

    def fail_next(self, status=503, times=1, body=None):
        """Answer with an error: CMR's JSON (default, or a dict), or a load balancer's HTML (a string)."""
        body = {"errors": [f"fault: status {status}"]} if body is None else body
        self._queue(times, kind="fail", status=status, body=body)

    def short_page(self, missing, times=1, then="lost"):
        """Leave `missing` items out of a page while `hits` counts them.

        `then` says what the cursor does: "lost" goes on behind the missing ones, "end" gives no cursor at all.
        """
        self._queue(times, kind="short", missing=missing, then=then)

    def stall(self, seconds, times=1):
        self._queue(times, kind="stall", seconds=seconds)

    def drop_next(self, times=1):
        """Close the connection without an answer."""
        self._queue(times, kind="drop")

    def pass_next(self, times=1):
        """Answer normally, so that the faults queued after it hit a later page."""
        self._queue(times, kind="pass")

    def _queue(self, times, **fault):
        with self._lock:
            self._faults.extend(_Fault(**fault) for _ in range(times))

    def next_fault(self):
        with self._lock:
            return self._faults.popleft() if self._faults else _Fault("pass")

    def page(self, form, cursor, fault):
        """(hits, items, next cursor) of a query."""
        found, size = select(self.items, form), int(form["page_size"][0])
        start = json.loads(cursor)[1] if cursor else 0
        items = found[start : start + size]
        following = start + len(items)
        if fault.kind == "short":
            items = items[: max(0, len(items) - fault.missing)]
            following = {"lost": following, "end": None}[fault.then]
        return len(found), items, following if items else None


class _CmrHandler(Handler):
    """POST /search/granules.umm_json."""

    def do_POST(self):
        """Record the query, apply a fault, answer."""
        form = parse_qs(self.body().decode(), keep_blank_values=True)
        request = Request(form, dict(self.headers.items()))
        self.server.requests.append(request)
        if urlsplit(self.path).path != SEARCH_PATH:
            return self._finish(request, 404, {"errors": ["The requested resource could not be found."]})
        fault = self.server.next_fault()
        if fault.kind == "stall":
            self.server.stopping.wait(fault.seconds)
        if fault.kind == "drop":
            return self.drop()
        if fault.kind == "fail":
            return self._finish(request, fault.status, fault.body)
        try:
            hits, items, cursor = self.server.page(form, self.headers.get("CMR-Search-After"), fault)
        except BadQuery as error:
            return self._finish(request, 400, {"errors": [str(error)]})
        headers = {"CMR-Hits": str(hits), "CMR-Took": "1"}
        if cursor is not None:
            headers["CMR-Search-After"] = json.dumps(["asf", cursor])
        return self._finish(request, 200, {"hits": hits, "took": 1, "items": items}, headers)

    def _finish(self, request, status, body, headers=None):
        """Answer JSON (a dict) or HTML (a string)."""
        # recorded first: a client that has its answer must find the status
        request.status = status
        if isinstance(body, str):
            return self.answer(status, body, "text/html", headers)
        return self.answer(status, json.dumps(body), "application/json;charset=utf-8", headers)
