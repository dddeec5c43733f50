"""The notebook's own calls, as references: opening and clipping granules, the stack, plain reading."""

import json
import re
import urllib.request
import warnings
from datetime import datetime

import rioxarray  # noqa: F401  (the .rio accessor)
import s3fs
import xarray as xr
import zarr

GROUP = "/science/LSAR/GCOV/grids/frequencyA"
xr.backends.list_engines()
warnings.simplefilter("ignore")


def filesystem(facts: dict, token: str) -> s3fs.S3FileSystem:
    """S3 as the notebook sets it up: credentials asked for with the token."""
    request = urllib.request.Request(facts["credentials_url"], headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        keys = json.load(answer)
    return s3fs.S3FileSystem(
        key=keys["accessKeyId"],
        secret=keys["secretAccessKey"],
        token=keys["sessionToken"],
        client_kwargs={"endpoint_url": facts["s3_endpoint"]},
    )


def open_granule(files, url: str, arrays: list[str], bbox: list[float]) -> xr.Dataset:
    """One granule's window, lazily: the notebook's own calls."""
    file = files.open(url, "rb", cache_type="background", block_size=16 * 1024 * 1024)
    tree = xr.open_datatree(
        file, engine="h5netcdf", decode_timedelta=False, phony_dims="access", chunks="auto", group=GROUP
    )
    data = tree.to_dataset().rename({"xCoordinates": "x", "yCoordinates": "y"})
    epsg = int(data["projection"])
    return data[arrays].rio.write_crs(epsg).rio.clip_box(*bbox, crs="EPSG:4326")


def one_granule(url: str, arrays: list[str], bbox: list[float], facts: dict, token: str) -> None:
    """One granule's window into memory."""
    open_granule(filesystem(facts, token), url, arrays, bbox).load()


def time_of(url: str) -> datetime:
    """The start of acquisition, from the name."""
    return datetime.strptime(re.search(r"_(\d{8}T\d{6})_", url)[1], "%Y%m%dT%H%M%S")


def workflow(urls: list[str], arrays: list[str], bbox: list[float], facts: dict, token: str, output: str) -> None:
    """From granules in S3 to a stack on disk."""
    files = filesystem(facts, token)
    clips = [open_granule(files, url, arrays, bbox).expand_dims(time=[time_of(url)]) for url in urls]
    stack = xr.concat(clips, dim="time").drop_encoding().chunk(time=1, y=2048, x=2048)
    stack.to_zarr(output, mode="w")


def lazy_stack(fragments: list[str], output: str) -> None:
    """All fragments on one time axis, lazily, rechunked and written."""
    opened = [xr.open_zarr(path)[["HHHH", "mask"]] for path in fragments]
    stack = xr.concat(opened, dim="time").drop_encoding().chunk(time=1, y=2048, x=2048)
    stack.drop_vars(["crid", "granule", "maturity"], errors="ignore").to_zarr(output, mode="w")


def plain_reading(stack: str) -> int:
    """Every sample of a stack, a date at a time."""
    group = zarr.open_group(stack, mode="r")
    return sum(int(group[name][date].size) for date in range(group["HHHH"].shape[0]) for name in ("HHHH", "mask"))
