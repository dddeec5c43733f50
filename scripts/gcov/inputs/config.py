"""Check the configuration once, before any job runs, and turn it into one `Aoi` per area of interest."""

import copy
import difflib
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import jsonschema
import yaml

from gcov import addresses
from gcov.errors import GcovError
from gcov.granules import FACTOR
from gcov.indices import terms_of_index
from gcov.inputs.schema import schema, text_keys
from gcov.inputs.settings import GEOTIFFS, Aoi, Archive, Search, Settings, Shared, entry_of, values_of
from gcov.inputs.yaml_errors import in_words

NUMBERS = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float")}
SPLIT = "An area across the antimeridian must be split into two AOIs, one on each side"
LONGEST_NUMBER = 40  # characters
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)  # bad GeoJSON
OCTAL = re.compile(r"[-+]?0[0-9_]+")
LEADING_ZERO = "has a leading zero, which YAML reads as octal"
RESERVED = re.compile(r"CON|PRN|AUX|NUL|(COM|LPT)[0-9]", re.IGNORECASE)
NO_TEXT = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null")}


def check_yaml(path: str | Path, *, ours: bool = True) -> None:
    """Refuse values that YAML would silently read as something else, naming the line.

    In another workflow's file (not `ours`), only the sections that consist of our keys are checked. Raises GcovError
    on broken YAML, duplicate keys (YAML keeps the last), keys that are not text (NO is read as false), numbers with
    leading zeros (YAML 1.1 reads 026 as octal 22), with colons (1:30 is read as 90) or with more than 40 digits,
    impossible dates, and nodes that contain themselves.
    """
    path = Path(path)
    if not path.exists() or path.suffix == ".json":
        return  # Snakemake reports a missing file itself; JSON has none of these traps
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text)
        sections = [root] if ours else list(_sections(root))
        problems = [f"{path}, line {line}: {text}" for node in sections if node for line, text in _yaml_traps(node)]
    except UnicodeDecodeError as error:
        raise GcovError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    except yaml.YAMLError as error:
        line, words = in_words(error, text)
        raise GcovError(f"{path}, line {line}: not valid YAML: {words}") from None
    except RecursionError:
        raise GcovError(f"{path}: lists or mappings are nested too deeply") from None
    if ours and not isinstance(root, yaml.MappingNode):
        raise GcovError(f"{path}: no keys; it should hold at least `aois:` with one area of interest")
    if problems:
        raise GcovError("\n".join(problems))


def _sections(node, above=()):
    """The mappings in another workflow's file that may be our configuration: those that have only our keys."""
    if isinstance(node, yaml.MappingNode) and node not in above:
        keys = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        if keys and keys <= set(schema()["properties"]):
            yield node
        else:
            for _, value in node.value:
                yield from _sections(value, (*above, node))


def _yaml_traps(node, above=()):
    """Line number and text of each trap below a node; `above` are the nodes that contain it."""
    line = node.start_mark.line + 1
    if node in above:
        yield line, "this contains itself (through an alias, *)"
    elif isinstance(node, yaml.ScalarNode):
        yield from ((line, text) for text in _scalar_traps(node))
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                yield key.start_mark.line + 1, "a key must be text, not a list or a mapping"
                continue
            if key.value in seen:
                yield key.start_mark.line + 1, f"{addresses.shown(key.value)!r} is given twice"
            seen.add(key.value)
            traps = list(_yaml_traps(key))
            yield from traps
            if not traps and key.tag in NO_TEXT and str(read := yaml.safe_load(key.value)) != key.value:
                yield key.start_mark.line + 1, f'{key.value} is read as {read} by YAML: write "{key.value}"'
            if key.value in text_keys() and isinstance(value, yaml.ScalarNode) and OCTAL.fullmatch(value.value):
                if value.style is None:
                    yield value.start_mark.line + 1, f'{value.value} {LEADING_ZERO}: write "{value.value}"'
                continue
            yield from _yaml_traps(value, (*above, node))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _yaml_traps(item, (*above, node))


def _scalar_traps(node: yaml.ScalarNode) -> Iterator[str]:
    text = node.value
    if node.tag == "tag:yaml.org,2002:timestamp":
        try:
            yaml.safe_load(text)
        except ValueError as error:
            yield f"{text} is not a date: {error}"
    if OCTAL.fullmatch(text) and node.style is None:
        plain = text.lstrip("0") or "0"
        yield f'{text} {LEADING_ZERO}: write {plain}, or "{text}" as text'
    elif node.tag in NUMBERS and len(text) > LONGEST_NUMBER:
        yield f"{text[:10]}... is a number of {len(text)} digits"
    elif node.tag in NUMBERS and ":" in text:
        yield f'{text} is read as {yaml.safe_load(text)} by YAML (sixties): write "{text}" as text, or a plain number'


def read_config(config: dict) -> tuple[dict, Settings]:
    """Check a configuration and fill in its defaults.

    Returns the completed configuration (the mapping that jobs receive) and the same content as `Settings`. Raises
    GcovError naming each invalid key, its value and what it should be.
    """
    try:
        config = _plain(config)
    except RecursionError:
        raise GcovError("config: lists or mappings contain themselves, or are nested too deeply") from None
    errors = sorted(Validator(schema()).iter_errors(config), key=lambda e: list(map(str, e.path)))
    if errors:
        raise GcovError("config: " + "\nconfig: ".join(dict.fromkeys(map(_explain, errors))))
    addresses.check_others(config)
    config = _with_defaults(config, schema())
    _check_names(config["aois"], "aois")
    aois = {name: _aoi(name, config) for name in config["aois"]}
    _check_stretch(config["stretch"], aois.values())
    return config, Settings(**{**values_of(Settings, config), "aois": aois, "archive": Archive.of(config)})


def _check_stretch(stretch: dict[str, list[float]], aois: Iterable[Aoi]) -> None:
    """Refuse limits of grey scales that no image has, or in the wrong order."""
    known = dict.fromkeys(term for aoi in aois for term in aoi.diagonal_terms)
    for term, (low, high) in stretch.items():
        if term not in known:
            raise GcovError(f"config: stretch.{term}: no AOI shows this term; they show {', '.join(known) or 'none'}")
        if low >= high:
            raise GcovError(f"config: stretch.{term}: {low:g} is not below {high:g}; should be [lowest, highest] in dB")


def _matches(validator, pattern, instance, schema):
    """Match `$` only at the end of the text, as JSON Schema does; Python's `$` also matches before a final newline."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _is_number(checker, instance) -> bool:
    """A finite number: `.nan` would pass every comparison with a limit, and `.inf` those that have no upper one."""
    return Draft.TYPE_CHECKER.is_type(instance, "number") and (isinstance(instance, int) or math.isfinite(instance))


def _is_whole(checker, instance) -> bool:
    """A whole number as Python counts with it: not 3.0, which JSON Schema takes for one."""
    return isinstance(instance, int) and not isinstance(instance, bool)


Draft = jsonschema.Draft202012Validator
TYPES = Draft.TYPE_CHECKER.redefine_many({"number": _is_number, "integer": _is_whole})
Validator = jsonschema.validators.extend(Draft, {"pattern": _matches}, type_checker=TYPES)


def _check_names(names: Iterable[str], where: str) -> None:
    """Refuse names that would share a folder on a case-insensitive file system, or that Windows reserves."""
    seen: dict[str, str] = {}
    for name in names:
        if other := seen.get(name.lower()):
            raise GcovError(
                f"config: {where}.{other} and {where}.{name}: would be one folder on some computers; rename one"
            )
        if RESERVED.fullmatch(name):
            raise GcovError(f"config: {where}.{name}: no folder or file can have this name on Windows; rename it")
        seen[name.lower()] = name


def _plain(value):
    """The configuration with YAML dates, mapping keys and `mode: 2005` turned into text."""
    if isinstance(value, dict):
        for key in value:
            if isinstance(key, bool) or key is None:  # NO, off, null
                raise GcovError(f"config: a key is {key} as read by YAML: write it in quotes")
        plain = {str(key): _plain(item) for key, item in value.items()}
        if isinstance(plain.get("mode"), int):
            plain["mode"] = str(plain["mode"])
        return plain
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _explain(error: Any) -> str:
    where = ".".join(addresses.shown(str(part)) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(key for key in error.instance if key not in known)
        near = difflib.get_close_matches(unknown, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys here: {', '.join(known)}"
        if place := _place_of(unknown):
            hint = f"it belongs {place}: check the indentation"
        return f"{'.'.join(filter(None, [where, addresses.shown(unknown)]))}: unknown key; {hint}"
    if error.validator == "required":
        return f"{'.'.join(filter(None, [where, error.message.split(chr(39))[1]]))}: missing"
    if "propertyNames" in error.absolute_schema_path:
        name = addresses.shown(error.instance)
        return f"{where}.{name if name.isprintable() else repr(name)}: {error.schema['description']}"
    wanted = error.schema.get("description") or addresses.shown(error.message)
    wanted += _text_hint(error)
    if isinstance(error.instance, float) and not math.isfinite(error.instance):
        wanted += " (.nan and .inf are out of range)"
    elif isinstance(error.instance, float) and error.validator in ("type", "anyOf"):
        wanted += " (without a decimal point)" if error.instance.is_integer() else ""
    return f"{where or 'config'}: holds {json.dumps(_shown(error.instance), default=str)}; should be {wanted}"


def _place_of(key: str) -> str | None:
    """Where in the configuration a key belongs; None if there is no such key."""
    known, top = schema()["$defs"], schema()
    places = {"at the top level": top, "under an area of interest": known["aoi"], "under search": known["search"]}
    places |= {"under archive": top["properties"]["archive"]}
    return next((place for place, entry in places.items() if key in entry["properties"]), None)


def _text_hint(error: Any) -> str:
    """What to do about a text that stands for true, null or a number."""
    try:
        value = yaml.safe_load(error.instance) if isinstance(error.instance, str) else ""
    except (yaml.YAMLError, ValueError):
        return ""
    if error.validator not in ("type", "anyOf") or not isinstance(value, (bool, int, float, type(None))):
        return ""
    hint = "this is text: write it without quotes"
    if len(error.absolute_path) == 1 and isinstance(value, (bool, type(None))):
        hint += f", or on the command line: --config {error.absolute_path[0]}={'' if value is None else value}"
    return f" ({hint})"


def _shown(value: Any) -> Any:
    """A value for a message: of the addresses in it only what may be shown."""
    if isinstance(value, dict):
        return {addresses.shown(key): _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return addresses.shown(value) if isinstance(value, str) else value


def _with_defaults(config: dict, known: dict) -> dict:
    filled = dict(config)
    for key, entry in known["properties"].items():
        if "default" in entry:
            filled.setdefault(key, copy.deepcopy(entry["default"]))
        if "properties" in entry and key in filled:
            filled[key] = _with_defaults(filled[key], entry)
        named = entry.get("additionalProperties")  # schema of the entries, if users choose the keys
        if named and "properties" in named:
            filled[key] = {name: _with_defaults(item, named) for name, item in filled[key].items()}
    return filled


def _aoi(name: str, config: dict) -> Aoi:
    where, own, entry = f"config: aois.{name}", config["aois"][name], entry_of(config, name)
    if ("bbox" in own) == ("polygon" in own):
        raise GcovError(f"{where}: give either bbox: [west, south, east, north] or polygon: a file or WKT")
    if "granules" in own and "search" in own:
        raise GcovError(f"{where}: give either granules (files, s3:// objects, URLs) or search, not both")
    polygon = read_polygon(own["polygon"], f"{where}.polygon") if "polygon" in own else None
    bbox = tuple(float(edge) for edge in (polygon.bounds if polygon else own["bbox"]))
    _check_bbox(bbox, where + (".polygon" if polygon else ".bbox"))
    west, south, east, north = bbox
    aoi = Aoi(
        **{**values_of(Shared, entry), "search": _search(entry["search"], f"{where}.search")},
        name=name,
        bbox=(west, south, east, north),
        polygon=polygon.wkt if polygon else None,
        granules=tuple(addresses.checked(text, f"{where}.granules") for text in own.get("granules", ())),
        zones=own.get("zones"),
        rainfall=own.get("rainfall"),
    )
    _check_analysis(aoi, where)
    return aoi


def _check_analysis(aoi: Aoi, where: str) -> None:
    """Refuse what the schema cannot check: indices of terms that are not read, even windows, overlapping periods."""
    _check_diagonal(aoi, where)
    for index in aoi.indices:
        needed = terms_of_index(index, aoi.terms)
        if missing := [term for term in needed if term not in aoi.terms]:
            raise GcovError(f"{where}.indices: {index} needs {', '.join(missing)}; terms are {', '.join(aoi.terms)}")
        if len(set(needed)) == 1:
            raise GcovError(f"{where}.indices: {index} is 1 everywhere; should be a ratio of two terms")
    for product in aoi.geotiff:
        keys = GEOTIFFS[product]
        if keys and not any(getattr(aoi, key) for key in keys):
            raise GcovError(f"{where}.geotiff: {product} are not made: set {' or '.join(keys)} as well")
    if "sigma0" in aoi.geotiff and FACTOR not in aoi.names:
        raise GcovError(f"{where}.geotiff: sigma0 are not made: set layers: [{FACTOR}] as well")
    if isinstance(aoi.change_reference, dict) and not aoi.zones:
        raise GcovError(f"{where}.change_reference: names a zone, but zones is not set: set it, or use scene")
    if aoi.baseline:
        _check_days(aoi.baseline, f"{where}.baseline")
    if aoi.filter_window and aoi.filter_window % 2 == 0:
        raise GcovError(
            f"{where}.filter_window: holds {aoi.filter_window}; should be odd, to have a sample in the middle"
        )
    if aoi.zones and aoi.change_history and "history" in aoi.changes:
        raise GcovError(f"{where}.changes.history: zone_changes.csv calls the changes of change_history so; rename it")
    _check_names(aoi.changes, f"{where.removeprefix('config: ')}.changes")
    for name, periods in aoi.changes.items():
        for period, days in (("before", periods["before"]), ("after", periods["after"])):
            _check_days(days, f"{where}.changes.{name}.{period}")
        if periods["before"][1] >= periods["after"][0]:
            raise GcovError(
                f"{where}.changes.{name}: `before` ends on {periods['before'][1]} and `after` begins on"
                f" {periods['after'][0]}; should be one after the other, without a day in common"
            )


def _check_diagonal(aoi: Aoi, where: str) -> None:
    """Refuse products that only exist for diagonal terms, if there is no such term: nothing would be made."""
    names = ("zones", "statistics", "changes", "change_history", "filter_window", "geotiff")
    if not aoi.diagonal_terms and (keys := [name for name in names if getattr(aoi, name)]):
        raise GcovError(
            f"{where}: {', '.join(keys)} would make nothing, because {', '.join(aoi.terms)} are off-diagonal terms;"
            " add a diagonal one such as HHHH to terms, or leave these keys out"
        )


def _check_days(days: Sequence[str], where: str) -> None:
    """Refuse a first and a last day that are no dates, or in the wrong order."""
    for day in days:
        try:
            date.fromisoformat(day)
        except ValueError:
            raise GcovError(f"{where}: {day} is not a date") from None
    if days[0] > days[1]:
        raise GcovError(f"{where}: holds no day, because {days[0]} is after {days[1]}")


def check_files(aoi: Aoi) -> None:
    """Check the zone and rain files, as far as possible without a granule.

    Raises GcovError naming the file, and the zone or the line.
    """
    if aoi.rainfall:
        from gcov.inputs.rain import read_rain  # imported only if needed: Snakemake starts often

        read_rain(aoi.rainfall, f"config: aois.{aoi.name}.rainfall")
    if aoi.zones:
        import shapely

        from gcov.inputs.zones import check_inside, read_zones

        where = f"config: aois.{aoi.name}.zones"
        area = shapely.from_wkt(aoi.polygon) if aoi.polygon else shapely.box(*aoi.bbox)
        zones = read_zones(aoi.zones, aoi.zone_name, where)
        check_inside(zones, area, where)
        named = aoi.change_reference
        if isinstance(named, dict) and named["zone"] not in zones.index:
            known = ", ".join(zones.index)
            where = f"config: aois.{aoi.name}.change_reference"
            raise GcovError(f"{where}: there is no zone {named['zone']!r}; zones are {known}")


def _check_bbox(bbox: tuple[float, ...], where: str) -> None:
    west, south, east, north = bbox
    exchanged = -180 <= south < north <= 180 and -90 <= west < east <= 90
    hint = " Latitude and longitude may be exchanged." if exchanged else ""
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise GcovError(
            f"{where}: {list(bbox)} is out of range; should be [west, south, east, north] in degrees,"
            f" longitudes -180..180, latitudes -90..90.{hint}"
        )
    if west >= east:
        raise GcovError(
            f"{where}: west {west} is not less than east {east}; should be [west, south, east, north].{hint} {SPLIT}"
        )
    if south >= north:
        raise GcovError(f"{where}: south {south} is not less than north {north}; should be [west, south, east, north]")


def _search(search: dict[str, Any], where: str) -> Search:
    """The checked search keys, with start and end as full times; the end day is included."""
    times = {}
    for key, time_of_day in (("start", "T00:00:00"), ("end", "T23:59:59")):
        if key in search:
            text = search[key] if "T" in search[key] else search[key] + time_of_day
            try:
                times[key] = datetime.fromisoformat(text).isoformat()
            except ValueError:
                raise GcovError(f"{where}.{key}: {search[key]} is not a date; should be like 2025-11-22") from None
    if times.get("end", "9") < times.get("start", "0"):
        raise GcovError(f"{where}: end {search['end']} is before start {search['start']}")
    if "intersects" in search:
        import shapely  # imported only if needed

        try:
            shape = shapely.from_wkt(search["intersects"])
        except shapely.errors.GEOSException as error:
            raise GcovError(f"{where}.intersects: not WKT: {error}") from None
        if shape.geom_type not in ("Polygon", "LineString", "Point"):
            raise GcovError(
                f"{where}.intersects: {shape.geom_type} cannot be searched; should be POLYGON, LINESTRING or POINT"
            )
        if shape.is_empty or not shape.is_valid:
            reason = "it is empty" if shape.is_empty else shapely.is_valid_reason(shape)
            raise GcovError(f"{where}.intersects: not a valid {shape.geom_type}: {reason}")
        if not shapely.box(-180, -90, 180, 90).covers(shape):
            raise GcovError(f"{where}.intersects: {search['intersects']} is out of range; should be longitude latitude")
    return cast(Search, {**search, **times})


def read_polygon(text: str, where: str):
    """A shapely polygon or multipolygon (EPSG:4326, degrees) from WKT text, a WKT file or a GeoJSON file.

    The `crs` member of a GeoJSON is honoured. Raises GcovError, beginning with `where`, on a missing file, invalid WKT
    or GeoJSON, an unknown CRS, or a geometry that is not a valid polygon.
    """
    import shapely  # costs 0.3 s at every start of Snakemake, and most AOIs are boxes

    inline = re.match(r"\s*(MULTI)?POLYGON\b", text, re.IGNORECASE)
    if not inline and not os.path.isfile(text):  # Path.is_file() raises if the text is too long for a file name
        raise GcovError(
            f"{where}: {text[:60]!r} is neither a file (in {Path.cwd()}) nor WKT beginning with POLYGON or MULTIPOLYGON"
        )
    try:
        source = text if inline else Path(text).read_text(encoding="utf-8-sig")
        shape = _from_geojson(source) if source.lstrip().startswith("{") else shapely.from_wkt(source)
    except UnicodeDecodeError:
        raise GcovError(f"{where}: {text[:60]!r} is no text file; save the area as GeoJSON or WKT") from None
    except (shapely.errors.ShapelyError, *MALFORMED) as error:
        reason = error if isinstance(error, (ValueError, shapely.errors.ShapelyError)) else "not in GeoJSON's form"
        raise GcovError(f"{where}: {text[:60]!r} cannot be read as WKT or GeoJSON: {reason}") from None
    except OSError as error:
        raise GcovError(f"{where}: {text[:60]!r} cannot be read: {error.strerror}") from None
    except _Unusable as unusable:
        raise GcovError(f"{where}: {text[:60]!r} {unusable}") from None
    if shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise GcovError(f"{where}: {text[:60]!r} holds {shape.geom_type}; should hold one or more polygons")
    west, _, east, _ = shape.bounds
    if -180 <= west < east - 180 <= 0:  # its edges would lead around the Earth
        raise GcovError(f"{where}: {text[:60]!r} is {east - west:g} degrees wide. {SPLIT}")
    if not shape.is_valid:
        raise GcovError(f"{where}: {text[:60]!r} is not a valid polygon: {shapely.is_valid_reason(shape)}")
    return shapely.force_2d(shape)


def _from_geojson(source: str):
    import shapely
    from shapely.geometry import shape

    from gcov.inputs import geojson

    content = json.loads(source)
    geometries = [feature.get("geometry", feature) for feature in geojson.features(content)]
    area = shapely.union_all([shape(geometry) for geometry in geometries if geometry])
    try:
        crs = geojson.named_crs(content)
    except ValueError as error:
        raise _Unusable(error) from None
    return _in_degrees(area, crs) if crs else area


class _Unusable(Exception):
    """The text says what is wrong with a polygon file, beginning with a verb."""


def _in_degrees(area, crs):
    """Project an area from a pyproj.CRS to EPSG:4326.

    Edges are straight in the area's own CRS, so they are first cut into pieces of 1/100 of its extent.
    """
    import numpy as np
    import pyproj
    import shapely

    if crs.equals(pyproj.CRS(4326), ignore_axis_order=True) or area.is_empty:
        return area
    west, south, east, north = area.bounds
    to_degrees = pyproj.Transformer.from_crs(crs, 4326, always_xy=True)
    pieces = shapely.segmentize(shapely.force_2d(area), max(east - west, north - south) / 100)
    # 9 digits are 0.1 mm; further digits may differ between PROJ releases
    return shapely.transform(pieces, lambda xy: np.round(np.column_stack(to_degrees.transform(*xy.T)), 9))
