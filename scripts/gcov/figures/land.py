"""The outlines of the land masses: Natural Earth 1:110m, public domain."""

import json
from pathlib import Path

Ring = list[tuple[float, float]]


def land_rings() -> list[Ring]:
    """Outer rings of (longitude, latitude) in degrees."""
    return json.loads(Path(__file__).with_name("land.json").read_text(encoding="utf-8"))
