"""Where a product comes from: the attributes of a store, and what is written into every picture made of it."""

import json
from pathlib import Path


def metadata_of(node: Path) -> dict:
    """The metadata of a Zarr group or array, as it lies on disk."""
    return json.loads((node / "zarr.json").read_text(encoding="utf-8"))


def provenance(stack: Path, valid_samples_only: bool) -> dict[str, str]:
    """What a product made from a stack must say of its origin: granules with their releases, settings, software.

    Read from the stack's own attributes, as text by name.
    """
    attributes = metadata_of(stack)["attributes"]
    granules = [record["name"] for record in json.loads(attributes["granule_records"])]
    settings = {key: value for key in ("aoi", "aoi_bbox", "aoi_polygon", "frequency") if (value := attributes[key])}
    settings["valid_samples_only"] = valid_samples_only
    return {"Granules": " ".join(granules), "Settings": json.dumps(settings), "Software": attributes["software"]}
