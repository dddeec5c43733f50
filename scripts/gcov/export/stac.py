"""The STAC 1.1 catalogue of an AOI: a collection and one item per date, with GeoTIFFs and the stack as assets."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pystac
import rasterio
import shapely
import xarray as xr
from pystac.layout import CustomLayoutStrategy

from gcov import __version__
from gcov.analysis import looks as estimates
from gcov.files import read_json, write_text
from gcov.granules import Granule, day_names, is_diagonal, maturity_note, passes
from gcov.headings import DIRECTIONS
from gcov.stores import facts as facts_of_dates
from gcov.stores import geozarr, mosaic, store
from gcov.stores.store import Fragment

SCHEMAS = "https://stac-extensions.github.io"
PROJECTION = f"{SCHEMAS}/projection/v2.0.0/schema.json"
RASTER = f"{SCHEMAS}/raster/v2.0.0/schema.json"
SAR = f"{SCHEMAS}/sar/v1.3.0/schema.json"
SAT = f"{SCHEMAS}/sat/v1.0.0/schema.json"
PROCESSING = f"{SCHEMAS}/processing/v1.2.0/schema.json"
ZARR = "application/vnd.zarr; version=3"
SUMMARIZED = (
    "platform instruments sar:frequency_band sar:polarizations sat:orbit_state sat:relative_orbit proj:code"
    " nisar:crid nisar:maturity"
)


def catalogue(
    fragments: Sequence[Fragment], stack: Path, geotiffs: Iterable[Path], looks: Path | None
) -> pystac.Collection:
    """The collection of an AOI, from the fragments of all dates; `looks` is looks.json, if it exists.

    GeoTIFFs named after a date are assets of that date's item. The others are assets of the collection. The stack is
    an asset of the collection and of every item.
    """
    by_granule = {fragment.granule: fragment for fragment in fragments}
    dates = passes(by_granule)
    grid, left, items = store.open_store(stack), set(geotiffs), []
    frequency = fragments[0].attributes["frequency"]
    for day, members in zip(day_names(granules[0].start for granules in dates), dates):
        one = item(day, [by_granule[granule] for granule in members], grid)
        ours = {path.stem.removesuffix(f"_{day}"): path for path in left if path.stem.endswith(f"_{day}")}
        left -= set(ours.values())
        for key, path in sorted(ours.items()):
            add_geotiff(one, key, path, looks_of(looks, key, members[0], frequency))
        one.add_asset("stack", store_asset(stack))
        items.append(one)
    made = collection(fragments[0].attributes["aoi"], items)
    made.add_asset("stack", store_asset(stack))
    for path in sorted(left):
        add_geotiff(made, path.stem, path, None)
    return made


def item(day: str, members: Sequence[Fragment], grid: xr.Dataset) -> pystac.Item:
    """The item of a date, without assets; `members` are the fragments of its pass in order of time.

    Properties that the granules do not state are left out.
    """
    granules = [member.granule for member in members]
    first, known = granules[0], members[0].attributes
    terms = [term for term in mosaic.terms_of(members[0]) if is_diagonal(term)]
    held = [term for term in terms if any(granule.holds(term, known["frequency"]) for granule in granules)]
    outline, transform = footprint(grid), list(geozarr.transform(grid["spatial_ref"].attrs)[:6])  # in affine's order
    facts = {
        "platform": "nisar",
        "instruments": ["lsar"],
        "gsd": abs(transform[0]),
        "sar:frequency_band": "L",
        "sar:observation_direction": known.get("look_direction"),
        "sar:instrument_mode": first.mode,
        "sar:polarizations": [term[:2] for term in held],
        "sar:center_frequency": (known["center_frequency"] or 0) / 1e9,  # GHz
        "sat:orbit_state": DIRECTIONS.get(first.direction or ""),
        "sat:relative_orbit": first.track,
        "proj:code": f"EPSG:{int(grid['spatial_ref'])}",
        "proj:shape": [grid.sizes["y"], grid.sizes["x"]],
        "proj:transform": transform,
        "processing:level": "L3",
        "processing:software": {"nisar-gcov-timeseries": __version__},
        "processing:lineage": "The AOI's window of NISAR L2 GCOV granules (gamma0, terrain-corrected) on the granules'"
        " own grid: nothing is resampled",
        "nisar:granules": [granule.name for granule in granules],
        "nisar:crid": unique(granule.crid for granule in granules),
        "nisar:maturity": unique(granule.maturity for granule in granules),
    }
    return pystac.Item(
        id=f"{known['aoi']}_{day}",
        geometry=json.loads(shapely.to_geojson(outline)),
        bbox=list(shapely.bounds(outline)),
        datetime=utc(first.start),
        start_datetime=utc(first.start),
        end_datetime=utc(max(granule.end for granule in granules)),
        properties={key: value for key, value in facts.items() if value} | stated_by(members),
        stac_extensions=[SAR, SAT, PROJECTION, PROCESSING],
    )


def stated_by(members: Sequence[Fragment]) -> dict[str, Any]:
    """What the granules of a date state of their processing and quality, as properties `nisar:...` of its item."""
    known = facts_of_dates.of_date(members, mosaic.terms_of(members[0]))
    flags = {"True": True, "False": False}
    return {f"nisar:{name}": flags.get(str(value), value) for name, value in known.items() if value not in ("", None)}


def collection(aoi: str, items: Sequence[pystac.Item]) -> pystac.Collection:
    """The collection of an AOI with its items, without assets."""
    times = [time for one in items for time in (one.common_metadata.start_datetime, one.common_metadata.end_datetime)]
    known = [time for time in times if time]
    note = maturity_note(" ".join(one.properties["nisar:maturity"]) for one in items)
    made = pystac.Collection(
        id=aoi,
        title=f"NISAR GCOV time series: {aoi}",
        description=f"Terrain-corrected backscatter (gamma0) of {aoi} from NISAR L2 GCOV granules, {len(items)} dates."
        + (f" Note: {note}." if note else ""),
        extent=pystac.Extent(
            pystac.SpatialExtent([items[0].bbox or []]), pystac.TemporalExtent([[min(known), max(known)]])
        ),
        license="other",
        providers=[pystac.Provider("NASA and ISRO", roles=[pystac.ProviderRole.PRODUCER])],
        summaries=pystac.Summaries({key: values for key in SUMMARIZED.split() if (values := summary(items, key))}),
        stac_extensions=[SAR, SAT, PROJECTION],
    )
    made.add_items(items)
    return made


def summary(items: Iterable[pystac.Item], key: str) -> list:
    """The distinct values of a property over the items; lists are flattened."""
    values = (one.properties[key] for one in items if key in one.properties)
    return unique(part for value in values for part in (value if isinstance(value, list) else [value]))


def add_geotiff(holder: pystac.Item | pystac.Collection, key: str, path: Path, looks: float | None) -> None:
    """Add a GeoTIFF in a sibling folder as an asset; `looks` is its equivalent number of looks."""
    with rasterio.open(path) as file:
        facts = {
            "bands": [
                {"name": name, "description": file.tags(index)["quantity"], "unit": unit}
                for index, (name, unit) in enumerate(zip(file.descriptions, file.units), start=1)
            ],
            "data_type": "float32",
            "nodata": "nan",
            "raster:spatial_resolution": file.res[0],
            "proj:code": f"EPSG:{file.crs.to_epsg()}",
            "proj:shape": list(file.shape),
            "proj:transform": list(file.transform)[:6],
        }
        title = file.tags()["quantity"]
    if looks:
        facts["sar:looks_equivalent_number"] = looks
    href = f"../{path.parent.name}/{path.name}"
    asset = pystac.Asset(href, title=title, media_type=pystac.MediaType.COG, roles=["data"], extra_fields=facts)
    holder.add_asset(key, asset)
    holder.stac_extensions = unique([*holder.stac_extensions, RASTER])


def store_asset(path: Path) -> pystac.Asset:
    """The stack as an asset, for a catalogue in a folder beside it."""
    title = "All dates on one time axis: samples as in the product, linear power, and the mask"
    return pystac.Asset(f"../{path.name}", title=title, media_type=ZARR, roles=["data"])


def looks_of(looks: Path | None, key: str, granule: Granule, frequency: str) -> float | None:
    """The equivalent number of looks of an asset power_{term} or db_{term}, configured or estimated; None if unknown.

    `looks` is looks.json, if it exists; `granule` is one of the asset's date.
    """
    quantity, _, term = key.partition("_")
    if looks is None or quantity not in ("power", "db") or not granule.holds(term, frequency):
        return None
    codes = [granule.polarizations]
    (found,) = estimates.looks(estimates.entries_of(read_json(looks), term, codes), codes)
    return None if np.isnan(found) else float(found)


def footprint(grid: xr.Dataset) -> shapely.Geometry:
    """The outline of a grid in longitude and latitude, rounded to 1e-6 degrees."""
    outline = shapely.box(*store.bounds(grid))
    bent = shapely.segmentize(outline, outline.length / 40)  # edges straight in metres are curved in degrees
    to_degrees = pyproj.Transformer.from_crs(int(grid["spatial_ref"]), 4326, always_xy=True)
    return shapely.transform(bent, lambda xy: np.round(np.column_stack(to_degrees.transform(*xy.T)), 6))


def write(made: pystac.Collection, folder: Path) -> None:
    """Write a collection, and its items beside it; all links are relative."""
    beside = CustomLayoutStrategy(item_func=lambda one, parent: f"{parent}/{one.id}.json")
    # the file is named because pystac takes a folder with a dot in its name for a file
    made.normalize_hrefs(str(folder / "collection.json"), beside)
    made.save(pystac.CatalogType.SELF_CONTAINED)


def write_catalog(collections: Sequence[Path], output: Path) -> None:
    """Write a catalogue of collections (paths of their files), which lie below its folder; links are relative."""
    words = "Terrain-corrected backscatter from NISAR L2 GCOV granules, by AOI"
    made = pystac.Catalog("nisar-gcov-time-series", words, catalog_type=pystac.CatalogType.SELF_CONTAINED)
    made.set_self_href(str(output.absolute()))
    for path in collections:
        found = pystac.Collection.from_file(str(path.absolute()))
        made.add_link(pystac.Link("child", found, pystac.MediaType.JSON, found.title))
    write_text(output, json.dumps(made.to_dict(include_self_link=False), indent=2))


def utc(time: str) -> datetime:
    """A datetime in UTC from a time in a granule's record."""
    return datetime.fromisoformat(time).replace(tzinfo=UTC)


def unique(values: Iterable) -> list:
    """The distinct values, in their original order."""
    return list(dict.fromkeys(values))
