"""Fragments, stacks and tables of granules, made by the functions of the rules' scripts."""

from pathlib import Path
from types import SimpleNamespace

import xarray as xr
from clip import clip
from helpers import BBOX
from stack import stack
from summarize import summarize

from gcov.archive.catalog import listed_granules
from gcov.inputs.settings import Archive
from gcov.stores.stack import Stack

TABLES = ("histogram_db.csv", "histogram_power.csv", "mean_series.csv", "stretch.json", "speckle.json", "no_echo.csv")


def fragment(folder: Path, path: Path, bbox=BBOX, terms=("HHHH",), frequency="A", polygon=None, records=None) -> Path:
    """One granule's fragment, of AOI `x`."""
    (granule,) = listed_granules((str(path),), None)
    output = folder / "fragments" / f"{granule.name}.zarr"
    area = {"aoi": "x", "bbox": tuple(bbox), "polygon": polygon, "frequency": frequency, "terms": terms}
    clip(granule=granule, archive=Archive(), fragment=output, records=records, **area)
    return output


def stacked(folder: Path, paths, **options) -> xr.Dataset:
    """The stack of granules, as xarray opens it."""
    stack(fragments=[fragment(folder, path, **options) for path in paths], output=folder / "stack.zarr")
    return xr.open_zarr(folder / "stack.zarr")


def summarized(folder: Path, counted: Stack, term: str) -> SimpleNamespace:
    """Paths of the tables of a term's samples."""
    tables = {name.split(".")[0]: folder / name for name in TABLES}
    summarize(stack=counted, term=term, **tables)
    return SimpleNamespace(**tables)
