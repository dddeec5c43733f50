"""GeoZarr attributes in addition to CF: the conventions proj and spatial, version 0.1 (github.com/zarr-conventions)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr
from affine import Affine

from gcov.stores.provenance import metadata_of

SPECIFICATIONS = "https://github.com/zarr-conventions"
SCHEMAS = "https://raw.githubusercontent.com/zarr-conventions"
CONVENTIONS = [
    {
        "name": name,
        "uuid": uuid,
        "schema_url": f"{SCHEMAS}/{name}/refs/tags/v0.1/schema.json",
        "spec_url": f"{SPECIFICATIONS}/{name}/blob/v0.1/README.md",
        "description": description,
    }
    for name, uuid, description in [
        ("proj", "f17cb550-5864-4468-aeb7-f3180cfb622f", "Coordinate reference system information for geospatial data"),
        ("spatial", "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4", "Spatial coordinate information"),
    ]
]


def transform(spatial_ref: Mapping[str, Any]) -> Affine:
    """The transform of a grid from pixels to metres, from the attributes of its spatial_ref."""
    return Affine.from_gdal(*map(float, str(spatial_ref["GeoTransform"]).split()))


def attributes(path: Path) -> dict[str, Any]:
    """The georeferencing attributes of a store with x, y and spatial_ref, for readers that do not know CF."""
    crs = zarr.open_array(path / "spatial_ref", mode="r")
    return {
        "zarr_conventions": CONVENTIONS,
        "proj:code": f"EPSG:{int(crs[()])}",  # type: ignore[arg-type]
        "spatial:dimensions": ["y", "x"],
        "spatial:transform": list(transform(crs.attrs)[:6]),  # in the order of affine, not GDAL
        "spatial:shape": [metadata_of(path / name)["shape"][0] for name in ("y", "x")],
        "spatial:registration": "pixel",
    }
