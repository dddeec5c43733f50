"""Searching the catalogue: the query, and that an incomplete answer is never taken for a full listing."""

import json
import logging
import re
import socket
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
import shapely
from asf_search.constants import INTERNAL
from helpers import patience
from servers.cmr import CmrServer, umm_item
from servers.field import FOOTPRINT
from servers.tls import Handler, session_tls

from gcov.archive import catalog, transport
from gcov.archive.catalog import search_archive
from gcov.errors import GcovError
from gcov.granules import from_name
from gcov.inputs.config import read_config
from gcov.testing.synthetic import granule_name

BETA, PROVISIONAL, VALIDATED = "NISAR_L2_GCOV_BETA_V1", "NISAR_L2_GCOV_PROVISIONAL_V1", "NISAR_L2_GCOV_V1"
WKT = "POLYGON((84 28, 84.4 28, 84.4 28.4, 84 28.4, 84 28))"


def name(day=23, mode="4005", **facts):
    """A granule's name."""
    return granule_name(start=datetime(2025, 11, day, 23, 47, 39), mode=mode, **facts)


@pytest.fixture(autouse=True)
def nobody(user, monkeypatch):
    """A user without a token, in an environment of their own."""
    monkeypatch.delenv("EARTHDATA_TOKEN")


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses before new attempts, in seconds; nobody waits for them."""
    asked = []
    monkeypatch.setattr(catalog, "time", SimpleNamespace(sleep=asked.append))
    return asked


@pytest.fixture(autouse=True)
def hosts(monkeypatch):
    """Every host that is looked up."""
    asked, look_up = [], socket.getaddrinfo

    def listening(host, *args, **kwargs):
        asked.append(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", listening)
    yield asked
    assert set(asked) <= {"127.0.0.1"}


@pytest.fixture
def many():
    """More granules of frame 16 than fit on a page, and a few of frame 17."""
    names = [name(cycle=1 + i, frame=16) for i in range(260)] + [name(cycle=1 + i, frame=17) for i in range(10)]
    with CmrServer([umm_item(one, BETA, FOOTPRINT) for one in names]) as cmr:
        yield cmr


def stalls_are_noticed(monkeypatch, cmr):
    """Soon, but no ordinary page is taken for a stall."""
    short_listing = patience(lambda: search_archive(WKT, {"frame": 17}, cmr.host), 0.5)
    monkeypatch.setattr(INTERNAL, "CMR_TIMEOUT", short_listing)
    cmr.requests.clear()


TROUBLE = {
    "items lost": lambda cmr, times: cmr.short_page(5, times, then="lost"),
    "listing cut short": lambda cmr, times: cmr.short_page(5, times, then="end"),
    "empty page": lambda cmr, times: cmr.short_page(250, times, then="end"),
    "stall": lambda cmr, times: cmr.stall(600, times),
    "503": lambda cmr, times: cmr.fail_next(503, times),
    "502 as HTML": lambda cmr, times: cmr.fail_next(502, times, "<html><body>Bad Gateway</body></html>"),
    "500 as other JSON": lambda cmr, times: cmr.fail_next(500, times, {"message": "Internal server error"}),
    "429": lambda cmr, times: cmr.fail_next(429, times, {"errors": ["Too many requests"]}),
    "dropped connection": lambda cmr, times: cmr.drop_next(times),
    "HTML instead of a listing": lambda cmr, times: cmr.fail_next(200, times, "<html>please log in</html>"),
    "JSON that is no listing": lambda cmr, times: cmr.fail_next(200, times, {"errors": []}),
}


@pytest.mark.parametrize(
    ("trouble", "page"), [*((trouble, 1) for trouble in TROUBLE), ("items lost", 0), ("empty page", 0), ("503", 0)]
)
def test_trouble_that_passes(many, monkeypatch, pauses, caplog, trouble, page):
    """Whichever page it hits; of frame 16 here, while the listing of frame 17 is complete."""
    if trouble == "stall":
        stalls_are_noticed(monkeypatch, many)
    many.pass_next(page)
    TROUBLE[trouble](many, 1)
    with caplog.at_level(logging.INFO):
        found, _ = search_archive(WKT, {"frame": [16, 17]}, many.host)
    assert len({granule.name for granule in found}) == len(found) == 270
    assert pauses == [2] or (trouble == "stall" and pauses[0] == 2)
    assert f"the search at {many.host} " in caplog.text and "trying again (1 of 5)" in caplog.text


REASONS = {
    "items lost": "gave an incomplete list of 250 granules",
    "listing cut short": "gave an incomplete list of 245 granules",
    "empty page": "gave an incomplete list of 0 granules",
    "stall": "failed (ASFSearchError)",
    "503": "answered 503",
    "502 as HTML": "answered 502",
    "500 as other JSON": "answered 500",
    "429": "answered 429",
    "dropped connection": "failed (ConnectionError)",
    "HTML instead of a listing": "failed (JSONDecodeError)",
    "JSON that is no listing": "answered 200 without a listing",
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_that_stays_is_never_half_a_listing(many, monkeypatch, pauses, trouble):
    if trouble == "stall":
        stalls_are_noticed(monkeypatch, many)
    monkeypatch.setattr(catalog, "ATTEMPTS", 3)
    TROUBLE[trouble](many, 99)
    with pytest.raises(GcovError) as error:
        search_archive(WKT, {"frame": [16, 17]}, many.host)
    wanted = f"the search at {many.host} {REASONS[trouble]}, 3 times in a row: try again later"
    assert str(error.value).removesuffix(transport.NO_NETWORK) == wanted
    assert pauses == [2, 4]


def test_patience(many, pauses):
    many.fail_next(503, times=99)
    with pytest.raises(GcovError, match="answered 503, 6 times in a row"):
        search_archive(WKT, {}, many.host)
    assert pauses == [2, 4, 8, 16, 30]
    assert len(many.requests) == 6


def test_nobody_there(pauses):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(GcovError, match=rf"the search at {host} failed \(ConnectionError\), 6 times in a row"):
        search_archive(WKT, {}, host)


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, {"errors": ["Parameter [bogus] was not recognized."]}), (403, "<html>blocked: bogus</html>"), (404, {})],
)
def test_a_refusal_is_final(many, pauses, status, body):
    many.fail_next(status, body=body)
    with pytest.raises(GcovError, match=rf"{many.host} refused the search \({status}\): ") as error:
        search_archive(WKT, {}, many.host)
    assert status == 404 or "bogus" in str(error.value)
    assert (len(many.requests), pauses) == (1, [])


def test_a_netrc_is_not_sent(many, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\ndefault login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert len(search_archive(WKT, {}, many.host)[0]) == 270
    assert not any("Authorization" in request.headers for request in many.requests)


def test_errors_are_reported_to_nobody(many, serve, monkeypatch, hosts):
    import asf_search

    class Ear(Handler):
        def do_POST(self):
            self.server.heard.append(self.body())
            self.answer(200)

    reports = serve(Ear, session_tls(), heard=[])
    monkeypatch.setattr(INTERNAL, "ERROR_REPORTING_ENDPOINT", reports.host)
    monkeypatch.setattr(asf_search, "REPORT_ERRORS", True)  # as it is imported
    stalls_are_noticed(monkeypatch, many)
    many.short_page(5)
    many.stall(60)
    many.fail_next(503)
    search_archive(WKT, {}, many.host)
    assert reports.heard == []
    assert set(hosts) == {"127.0.0.1"}


# ---- what is asked

VARIED = {
    "base": (name(), BETA),
    "track": (name(track=27), BETA),
    "next_frame": (name(frame=17), BETA),
    "far_frame": (name(frame=60), BETA),
    "descending": (name(direction="D"), BETA),
    "mode": (name(mode="2005"), BETA),
    "one_band": (name(mode="7700", pols="SHNA"), BETA),
    "only_b": (name(mode="0005", pols="NADV"), BETA),
    "quad": (name(pols="QPDH"), BETA),
    "early": (name(day=11), BETA),
    "provisional": (name(crid="P05023"), PROVISIONAL),
    "validated": (name(crid="P06001"), VALIDATED),
    "urgent": (name(day=13).replace("_PR_", "_UR_"), BETA),
    "elsewhere": (name(track=99), BETA),
}
HERE = set(VARIED) - {"urgent", "elsewhere"}


@pytest.fixture(scope="module")
def varied():
    """One granule for each thing a search can tell apart."""
    far = [(10, 50), (11, 50), (11, 51), (10, 51)]
    items = [umm_item(*which, far if key == "elsewhere" else FOOTPRINT) for key, which in VARIED.items()]
    with CmrServer(items) as cmr:
        yield cmr


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({}, HERE),
        ({"relative_orbit": 27}, {"track"}),
        ({"frame": 17}, {"next_frame"}),
        ({"frame": [16, 17]}, HERE - {"far_frame"}),
        ({"frame": [60]}, {"far_frame"}),
        ({"flight_direction": "DESCENDING"}, {"descending"}),
        ({"mode": "2005"}, {"mode"}),
        ({"mode": "7700"}, {"one_band"}),
        ({"mode": "0005"}, {"only_b"}),
        ({"polarizations": "SHNA"}, {"one_band"}),
        ({"polarizations": "NADV"}, {"only_b"}),
        ({"polarizations": "QPDH"}, {"quad"}),
        ({"polarizations": "DHDH"}, HERE - {"one_band", "only_b", "quad"}),
        ({"start": "2025-11-12"}, HERE - {"early"}),
        ({"end": "2025-11-11"}, {"early"}),  # the day is included
        ({"end": "2025-11-11T23:47"}, set()),
        ({"start": "2025-11-11", "end": "2025-11-11"}, {"early"}),
        ({"maturity": ["PROVISIONAL"]}, {"provisional"}),
        ({"maturity": ["PROVISIONAL", "VALIDATED"]}, {"provisional", "validated"}),
        ({"maturity": ["BETA"]}, HERE - {"provisional", "validated"}),
        ({"intersects": "POINT(10.5 50.5)"}, {"elsewhere"}),
        ({"intersects": "LINESTRING(10.2 50.5, 10.8 50.6)"}, {"elsewhere"}),
        ({"intersects": "POLYGON((10.2 50.2, 10.8 50.2, 10.5 50.8, 10.2 50.2))"}, {"elsewhere"}),
        ({"intersects": "POINT(0 0)"}, set()),
        (
            {"relative_orbit": 26, "frame": [16, 17], "mode": "4005", "polarizations": "DHDH", "start": "2025-11-12"},
            {"base", "next_frame", "descending", "provisional", "validated"},
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_every_key_reaches_the_query(varied, search, expected):
    config = {"aois": {"a": {"bbox": [84, 28, 84.4, 28.4], "search": search}}}
    aoi = read_config(config)[1].aois["a"]
    found, _ = search_archive(WKT, aoi.search, varied.host)
    assert {granule.name for granule in found} == {VARIED[key][0] for key in expected}
    assert len(found) == len(expected)


def test_a_keys_absence_asks_nothing(varied):
    varied.requests.clear()
    search_archive(WKT, {}, varied.host)
    (request,) = varied.requests
    assert "temporal" not in request.form
    assert {text.split(",")[1] for text in request.attributes()} == {"PRODUCT_TYPE", "PRODUCTION_PIPELINE"}


def test_unknown_codes_are_named():
    with pytest.raises(GcovError, match=r"search\.mode: unknown code 99; known: 00, 05, 20, 40, 77"):
        search_archive(WKT, {"mode": "9905"}, "127.0.0.1:9")
    with pytest.raises(GcovError, match=r"search\.polarizations: unknown code XX; known: SH, SV"):
        search_archive(WKT, {"polarizations": "DHXX"}, "127.0.0.1:9")


def test_what_a_granule_is_known_by(varied):
    found = {granule.name: granule for granule in search_archive(WKT, {}, varied.host)[0]}
    base, key = found[VARIED["base"][0]], f"{BETA}/{VARIED['base'][0]}/{VARIED['base'][0]}.h5"
    assert base == from_name(
        base.name,
        url=f"https://nisar.asf.earthdatacloud.nasa.gov/NISAR/{key}",
        s3_url=f"s3://sds-n-cumulus-prod-nisar-products/{key}",
        size=1_700_000_000,
        maturity="BETA",
    )
    assert found[VARIED["provisional"][0]].maturity == "PROVISIONAL"
    assert found[VARIED["validated"][0]].maturity == "VALIDATED"


@pytest.mark.parametrize("collection", ["NISAR_EA_L2", "NISAR_CUSTOM_PROVISIONAL_V1", "NISAR_UR_L2"])
def test_other_collections_enter_a_series_only_if_they_are_named(collection):
    own, other = name(), name(cycle=9)
    with CmrServer([umm_item(own, BETA, FOOTPRINT), umm_item(other, collection, FOOTPRINT)]) as cmr:
        found, left_out = search_archive(WKT, {}, cmr.host)
        assert [granule.name for granule in found] == [own]
        ((granule, reason),) = left_out
        assert (granule.name, reason) == (other, f"of {collection}, which search.collections does not name")
        found, left_out = search_archive(WKT, {"collections": [collection]}, cmr.host)
        assert ({granule.name for granule in found}, left_out) == ({own, other}, [])


# ---- what does not meet the AOI

KM = 1 / 111.2  # degrees of latitude


def rectangle(west, south, east, north):
    return [(west, south), (east, south), (east, north), (west, north)]


TWO_PARTS = "MULTIPOLYGON(((84 28, 84.2 28, 84.2 28.2, 84 28.2, 84 28)), ((88 28, 88.2 28, 88.2 28.2, 88 28.2, 88 28)))"
A_HOLE = "POLYGON((84 28, 88 28, 88 32, 84 32, 84 28), (85 29, 87 29, 87 31, 85 31, 85 29))"
COMB = shapely.union_all([shapely.box(0, 0, 60, 1), *(shapely.box(x, 1, x + 0.3, 1.4) for x in np.arange(0, 60, 0.6))])


def found_of(footprints, wkt, search=None):
    """Numbers of the granules found among those with these footprints, and those left out with the reason."""
    items = [umm_item(name(cycle=number), BETA, outline) for number, outline in enumerate(footprints, 1)]
    with CmrServer(items) as cmr:
        found, left_out = search_archive(wkt, search or {}, cmr.host)
    return {g.cycle for g in found}, {(g.cycle, reason) for g, reason in left_out}


@pytest.mark.parametrize(
    ("wkt", "search", "meeting", "beside"),
    [
        (TWO_PARTS, {}, [rectangle(83, 27, 85, 29), rectangle(87.9, 27, 90, 29)], [rectangle(85, 27, 87, 29)]),
        (A_HOLE, {}, [rectangle(84.5, 29, 86, 31)], [rectangle(85.1, 29.1, 86.9, 30.9)]),
        (COMB.wkt, {}, [rectangle(30.1, 1.2, 30.5, 2)], [rectangle(30.4, 1.1, 30.5, 1.5)]),
        (WKT, {"intersects": A_HOLE}, [rectangle(84.5, 29, 86, 31)], [rectangle(85.1, 29.1, 86.9, 30.9)]),
        # 5 km: at the edge of a hole, to the north and to the east
        (A_HOLE, {}, [rectangle(86, 30, 86.9, 31 - 4.8 * KM)], [rectangle(86, 30, 86.9, 31 - 5.2 * KM)]),
        (
            TWO_PARTS,
            {},
            [rectangle(84.2 + 4.8 * KM / 0.8829, 28, 87, 28.1)],  # the cosine of 28 degrees
            [rectangle(84.2 + 5.3 * KM / 0.8829, 28, 87, 28.1)],
        ),
        (
            shapely.transform(shapely.from_wkt(TWO_PARTS), lambda xy: np.add(xy, [0, 42])).wkt,  # at 70 degrees north
            {},
            [rectangle(84.2 + 4.8 * KM / 0.3420, 70, 86, 70.1)],
            [rectangle(84.2 + 5.3 * KM / 0.3420, 70, 86, 70.1)],
        ),
        (
            shapely.transform(shapely.from_wkt(TWO_PARTS), lambda xy: xy * [1, -1]).wkt,  # in the south
            {},
            [rectangle(84.1, -29, 85, -28.1)],
            [rectangle(84.4, -29, 87, -28.1)],
        ),
        # a footprint that crosses 180 degrees, or touches it, meets everything
        (
            "MULTIPOLYGON(((170 50, 171 50, 171 51, 170 51, 170 50)), ((179.9 54, 179.99 54, 179.99 55, 179.9 54)))",
            {},
            [rectangle(178, 53, 181, 53.6), rectangle(178, 53, 179.99, 53.6)],
            [rectangle(172, 52, 174, 53)],
        ),
    ],
)  # fmt: skip
def test_granules_beside_the_area_are_left_out(wkt, search, meeting, beside, caplog):
    with caplog.at_level(logging.INFO):
        found, left_out = found_of([*meeting, *beside], wkt, search)
    assert found == set(range(1, 1 + len(meeting)))
    assert left_out == {(len(meeting) + 1, "its footprint does not meet the area searched for")}
    assert "1 granule dropped, whose footprints do not meet the area" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda extent: extent.clear(),
        lambda extent: extent["HorizontalSpatialDomain"].clear(),
        lambda extent: extent["HorizontalSpatialDomain"]["Geometry"].update(GPolygons=[]),
        lambda extent: extent["HorizontalSpatialDomain"].update(Geometry={"Points": [{"Longitude": 0, "Latitude": 0}]}),
        lambda extent: outline(extent).pop("Points"),
        lambda extent: outline(extent).update(Points=outline(extent)["Points"][:2]),
        lambda extent: outline(extent)["Points"].insert(2, outline(extent)["Points"].pop(1)),  # a bow tie
        lambda extent: outline(extent)["Points"][1].update(Longitude=-170.0),  # west of 180 degrees
        lambda extent: outline(extent)["Points"][1].update(Longitude=None),
        lambda extent: outline(extent)["Points"][0].update(Latitude=float("nan")),
    ],
)
def test_a_footprint_that_is_missing_or_invalid_meets_everything(change, monkeypatch):
    monkeypatch.setattr("servers.cmr.item_geometry", lambda item: shapely.box(-180, -90, 180, 90))
    items = [umm_item(name(cycle=number), BETA, rectangle(85, 27, 87, 29)) for number in (1, 2)]
    change(items[0]["umm"]["SpatialExtent"])
    with CmrServer(items) as cmr:
        found, left_out = search_archive(TWO_PARTS, {}, cmr.host)
    assert ([g.cycle for g in found], [g.cycle for g, _ in left_out]) == ([1], [2])


def outline(extent) -> dict:
    """The boundary of the only polygon of a spatial extent."""
    return extent["HorizontalSpatialDomain"]["Geometry"]["GPolygons"][0]["Boundary"]


@pytest.mark.parametrize(
    "wkt",
    [
        WKT,
        "POLYGON((84 28, 90 28.5, 89 31, 84.3 28.4, 84 28))",
        "MULTIPOLYGON(((84 28, 84.4 28, 84.2 28.4, 84 28)))",
        shapely.Point(86, 30).buffer(2, 20).wkt,
    ],
)
def test_a_box_or_simple_polygon_finds_what_the_catalogue_finds(wkt, monkeypatch):
    """Even where the two disagree about an edge: here the catalogue answers for twice the area."""
    grid = [rectangle(west, south, west + 0.9, south + 0.9) for west in range(80, 94) for south in range(24, 36)]
    plain, _ = found_of(grid, wkt)
    assert 1 <= len(plain) < len(grid)
    area = shapely.from_wkt(wkt)
    assert plain == {number for number, one in enumerate(grid, 1) if shapely.Polygon(one).intersects(area)}
    monkeypatch.setattr("servers.cmr.item_geometry", lambda item: shapely.box(-180, -90, 180, 90))
    assert found_of(grid, wkt) == (set(range(1, len(grid) + 1)), set())


# ---- records that lack something


def without(scheme):
    """Removes the granule's address with this scheme."""

    def change(umm):
        umm["RelatedUrls"] = [url for url in umm["RelatedUrls"] if not re.match(scheme + ".*1.h5$", url["URL"])]

    return change


def sizes(**fields):
    """Gives every file these fields in place of its size in bytes."""

    def change(umm):
        for file in umm["DataGranule"]["ArchiveAndDistributionInformation"]:
            for key in ("SizeInBytes", "SizeUnit", "Format"):
                del file[key]
            file.update(fields)

    return change


KEY = f"{BETA}/{name()}/{name()}.h5"
URL, S3_URL = f"https://nisar.asf.earthdatacloud.nasa.gov/NISAR/{KEY}", f"s3://sds-n-cumulus-prod-nisar-products/{KEY}"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (without("https"), (None, S3_URL, 1_700_000_000)),
        (without("s3"), (URL, None, 1_700_000_000)),
        (sizes(Size=1.7, SizeUnit="GB"), (URL, S3_URL, None)),
        (sizes(Size=1700, SizeUnit="MB", SizeInBytes=None), (URL, S3_URL, None)),
        (sizes(), (URL, S3_URL, None)),
        (sizes(SizeInBytes=1_600_000_000), (URL, S3_URL, 1_600_000_000)),
        (lambda umm: umm["DataGranule"].pop("ArchiveAndDistributionInformation"), (URL, S3_URL, None)),
        (lambda umm: umm["DataGranule"].update(ArchiveAndDistributionInformation=None), (URL, S3_URL, None)),
        (lambda umm: umm["DataGranule"].update(ArchiveAndDistributionInformation=[]), (URL, S3_URL, None)),
        (lambda umm: umm["DataGranule"].pop("Identifiers"), (URL, S3_URL, 1_700_000_000)),
        (lambda umm: umm.pop("DataGranule"), (URL, S3_URL, None)),
        (lambda umm: umm.pop("AdditionalAttributes"), (URL, S3_URL, 1_700_000_000)),
        (lambda umm: umm.pop("SpatialExtent"), (URL, S3_URL, 1_700_000_000)),
        (lambda umm: umm["RelatedUrls"].reverse(), (URL, S3_URL, 1_700_000_000)),
    ],
)
def test_a_record_that_lacks_something_is_a_granule_all_the_same(change, wanted, monkeypatch):
    monkeypatch.setattr("servers.cmr.select", lambda items, form: items)  # whatever the query filters on
    item = umm_item(name(), BETA, FOOTPRINT)
    change(item["umm"])
    with CmrServer([item, umm_item(name(cycle=9), BETA, FOOTPRINT)]) as cmr:
        found, left_out = search_archive(WKT, {}, cmr.host)
    assert left_out == [] and len(found) == 2
    assert (found[0].url, found[0].s3_url, found[0].size) == wanted
    assert (found[0].name, found[0].maturity, found[0].frame) == (name(), "BETA", 16)


@pytest.mark.parametrize("change", [lambda umm: umm.pop("RelatedUrls"), lambda umm: umm.update(RelatedUrls=[])])
def test_a_record_without_any_address_is_left_out_and_said(change):
    item = umm_item(name(), BETA, FOOTPRINT)
    change(item["umm"])
    with CmrServer([item, umm_item(name(cycle=9), BETA, FOOTPRINT)]) as cmr:
        found, left_out = search_archive(WKT, {}, cmr.host)
    assert [granule.cycle for granule in found] == [9]
    assert [(granule.name, reason) for granule, reason in left_out] == [(name(), "the catalogue gives no address")]
