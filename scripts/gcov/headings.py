"""Headings of figures: what is shown, and from where it was seen, from the attributes of a store."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

VIEW = "view"  # attribute of a stack, and of the stores made from it: JSON with look and incidence_deg
DIRECTIONS = {"A": "ascending", "D": "descending"}
POLARIZATIONS = {
    "HH": "HH, co-polarized", "VV": "VV, co-polarized", "HV": "HV, cross-polarized", "VH": "VH, cross-polarized",
    "LH": "left circular to H", "LV": "left circular to V", "RH": "right circular to H", "RV": "right circular to V",
}  # fmt: skip


def title(attributes: Mapping[str, Any], term: str) -> str:
    """The AOI and a diagonal term, with its polarizations in words."""
    return f"{attributes['aoi']}, {term} ({POLARIZATIONS[term[:2]]})"


def view(attributes: Mapping[str, Any]) -> str:
    """Track, direction, look side, incidence angle, posting and CRS, as far as the attributes of a store hold them."""
    records = json.loads(attributes.get("granule_records", "[]"))
    seen = json.loads(attributes.get(VIEW, "{}"))
    tracks, directions = (list(_distinct(one.get(name) for one in records)) for name in ("track", "direction"))
    said = [f"track {', '.join(map(str, tracks))}" if tracks else ""]
    said[0] += "".join(f" {DIRECTIONS.get(one, one)}" for one in directions)
    said.append(f"looking {seen['look']}" if seen.get("look") else "")
    said.append(f"incidence {seen['incidence_deg']:.1f}°" if seen.get("incidence_deg") else "")
    transform = attributes.get("spatial:transform")
    said.append(f"{transform[0]:g} m" if transform else "")
    said.append(attributes.get("proj:code", ""))
    return ", ".join(one.strip() for one in said if one.strip())


def _distinct(values: Iterable[Any]) -> Iterable[Any]:
    return dict.fromkeys(value for value in values if value is not None)
