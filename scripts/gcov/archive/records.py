"""The catalogue's record of a granule (UMM-G): name, addresses, size and footprint, as far as they are given."""

import math
from typing import Any

import shapely

from gcov.granules import Granule, from_name, maturity_of

MARGIN = 5 / 110.5  # degrees of latitude, 5 km: outlines in the catalogue are approximate


def granule_of(record: dict[str, Any]) -> Granule | None:
    """The granule of a record, or None if its name is not a GCOV granule's (a QA file, a side product).

    Addresses that are not given and a size that is not given in bytes are None.
    """
    name = _name(record)
    granule = from_name(name)
    if granule is None:
        return None
    return from_name(
        name,
        url=_address(record, "https://", f"/{name}.h5"),
        s3_url=_address(record, "s3://", f"/{name}.h5"),
        size=_size(record, f"{name}.h5"),
        maturity=maturity_of(granule.crid, collection_of(record)),
    )


def collection_of(record: dict[str, Any]) -> str:
    """The short name of the record's collection; empty if it is not given."""
    return (record.get("CollectionReference") or {}).get("ShortName") or ""


def _name(record: dict[str, Any]) -> str:
    identifiers = (record.get("DataGranule") or {}).get("Identifiers") or []
    produced = [entry["Identifier"] for entry in identifiers if entry.get("IdentifierType") == "ProducerGranuleId"]
    return produced[0] if produced else record["GranuleUR"]


def _address(record: dict[str, Any], scheme: str, ending: str) -> str | None:
    """The first address with this scheme and ending: those for data come before others."""
    links = sorted(record.get("RelatedUrls") or [], key=lambda link: "GET DATA" not in link.get("Type", ""))
    urls = (link["URL"] for link in links)
    return next((url for url in urls if url.startswith(scheme) and url.endswith(ending)), None)


def _size(record: dict[str, Any], file: str) -> int | None:
    """The size of a file in bytes; None if it is not given, or only rounded (`Size` with `SizeUnit`)."""
    files = (record.get("DataGranule") or {}).get("ArchiveAndDistributionInformation") or []
    sizes = [entry.get("SizeInBytes") for entry in files if entry.get("Name") == file]
    return int(sizes[0]) if sizes and sizes[0] is not None else None


def footprint_of(record: dict[str, Any]) -> shapely.Geometry | None:
    """The granule's outline in degrees (EPSG:4326); None if it is missing, invalid or crosses 180 degrees."""
    try:
        polygons = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"]
        rings = [[(p["Longitude"], p["Latitude"]) for p in one["Boundary"]["Points"]] for one in polygons]
        parts = [shapely.Polygon(ring) for ring in rings]
    except (KeyError, TypeError, ValueError, shapely.GEOSException):
        return None
    outline = shapely.GeometryCollection(parts)
    if outline.is_empty or not outline.is_valid:
        return None
    west, _, east, _ = shapely.bounds(outline)
    crosses = east - west > 180 or min(west + 180, 180 - east) * _shrinking(outline) < MARGIN
    return None if crosses else outline


def meets(footprint: shapely.Geometry | None, area: shapely.Geometry) -> bool:
    """Whether a footprint, made 5 km wider, meets an area (degrees, EPSG:4326); one that is not known meets all."""
    if footprint is None:
        return True
    scale = [_shrinking(footprint), 1]
    near, asked = (shapely.transform(shapely.force_2d(shape), lambda xy: xy * scale) for shape in (footprint, area))
    return bool(shapely.dwithin(near, asked, MARGIN))


def _shrinking(shape: shapely.Geometry) -> float:
    """Length of a degree of longitude in degrees of latitude, where it is shortest."""
    _, south, _, north = shapely.bounds(shape)
    return math.cos(math.radians(min(90, max(-south, north) + MARGIN)))
