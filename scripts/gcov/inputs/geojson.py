"""What is read from a GeoJSON file without GDAL, which guesses types and reads an unknown CRS as degrees."""

import json
from typing import Any

import pyproj


class Written(str):
    """A number as it is written in the file: 0010.50 and 12345678901234567890 stay what they are."""


def read(text: str) -> dict[str, Any]:
    """The content of a GeoJSON text, with numbers as `Written`. Raises ValueError or RecursionError."""
    return json.loads(text, parse_float=Written, parse_int=Written, parse_constant=Written)


def features(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The features of a collection, or the only one of a file that holds a feature or a geometry."""
    return content["features"] if content["type"] == "FeatureCollection" else [content]


def named_crs(content: dict[str, Any]) -> pyproj.CRS | None:
    """The CRS that the `crs` member names; None without one. Raises ValueError, naming the member, if it is unknown."""
    member = content.get("crs")
    if not member:
        return None
    try:
        properties = member["properties"]
        return pyproj.CRS.from_user_input(properties.get("name") or f"EPSG:{properties['code']}")
    except (pyproj.exceptions.CRSError, LookupError, TypeError, AttributeError):
        raise ValueError(f"has a CRS that is not known: {json.dumps(member)[:200]}") from None


def texts(features: list[dict[str, Any]], name: str) -> list[str]:
    """The property `name` of each feature as text: of what is no text its JSON; empty where it is null or missing."""
    values = [{"id": one.get("id"), **(one.get("properties") or {})}.get(name) for one in features]
    return ["" if value is None else value if isinstance(value, str) else _json(value) for value in values]


def _json(value: Any) -> str:
    """A value as JSON, with numbers as written."""
    if isinstance(value, Written):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(key)}: {_json(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
