"""Provenance: the attributes of a store, and the text written into every figure made from it."""

import json
from pathlib import Path

from gcov.errors import GcovError
from gcov.files import read_json

VERIFY = "run `snakemake --cores 1 verify`, then again"  # the remedy for a damaged store


def metadata_of(node: Path) -> dict:
    """The metadata of a Zarr group or array: its zarr.json.

    Raises GcovError, naming the group, if it is damaged or lacks the file, and FileNotFoundError if there is no group.
    """
    try:
        return read_json(node / "zarr.json", VERIFY, of=node)
    except FileNotFoundError:
        if node.is_dir():
            raise GcovError(f"{node} is damaged: it lacks zarr.json; {VERIFY}") from None
        raise


def provenance(stack: Path, valid_samples_only: bool) -> dict[str, str]:
    """The provenance of a product made from a stack: granules with their releases, settings, software.

    Texts by name, read from the stack's attributes.
    """
    attributes = metadata_of(stack)["attributes"]
    granules = [record["name"] for record in json.loads(attributes["granule_records"])]
    settings = {key: value for key in ("aoi", "aoi_bbox", "aoi_polygon", "frequency") if (value := attributes[key])}
    settings["valid_samples_only"] = valid_samples_only
    return {"Granules": " ".join(granules), "Settings": json.dumps(settings), "Software": attributes["software"]}
