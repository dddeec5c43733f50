"""Opens the stores, for notebooks: `from gcov.store import open_store`."""

import json
from pathlib import Path
from typing import Any

import rioxarray  # noqa: F401  (the CRS of a store: `.rio`)
import xarray as xr

from gcov.errors import GcovError
from gcov.files import DELETE
from gcov.stores import store


def open_store(path: str | Path) -> xr.Dataset:
    """Open any store as `gcov.stores.store.open_store` does, ready for `.to_netcdf()`; also `s3://BUCKET/.../stack.zarr`.

    A bucket is opened with AWS's usual settings (AWS_PROFILE, AWS_ENDPOINT_URL), which needs `pip install s3fs`.

    Attributes that NetCDF has no type for, such as true, null and mappings, are JSON text. Off-diagonal terms are
    complex: h5netcdf writes them, netCDF4 with `.to_netcdf(..., engine="netcdf4", auto_complex=True)` only. Raises
    GcovError, naming store and shard, if a shard is missing or the metadata is damaged.
    """
    data = _open_in_bucket(str(path)) if str(path).startswith("s3://") else store.open_store(path)
    data.attrs = _netcdf(data.attrs)
    for variable in data.variables.values():
        variable.attrs = _netcdf(variable.attrs)
    return data


open_stack = open_store  # its former name


def _open_in_bucket(url: str) -> xr.Dataset:
    """The store at an s3:// URL, as `gcov.stores.store.open_store` opens one on disk."""
    try:
        import s3fs
    except ImportError:
        raise GcovError(f"{url}: to open a store in a bucket, `pip install s3fs`") from None
    bucket = s3fs.S3FileSystem(use_listings_cache=False)
    url = url.rstrip("/")
    try:
        metadata = json.loads(bucket.cat_file(f"{url}/zarr.json"))
    except FileNotFoundError:
        raise GcovError(f"{url}: there is no store, or it lacks zarr.json") from None
    except ValueError:
        raise GcovError(f"{url} is damaged: zarr.json is no JSON; {DELETE}") from None
    sizes = {f"s3://{name}": entry["size"] for name, entry in bucket.find(url, detail=True).items()}
    if missing := [key for key in store.shard_files(metadata) if not sizes.get(f"{url}/{key}")]:
        raise GcovError(f"{url} is damaged: it lacks {', '.join(missing[:3])}; {DELETE}")
    try:
        return xr.open_dataset(url, engine="zarr", consolidated=True)
    except (ValueError, RuntimeError) as error:  # a coordinate with a wrong checksum
        raise GcovError(f"{url} is damaged: it cannot be decoded ({error}); {DELETE}") from error


def _netcdf(attributes: dict[Any, Any]) -> dict[Any, Any]:
    """Attributes of which each is text, a number, or a list of the one or the other; JSON text in place of others."""
    return {name: value if _is_plain(value) else json.dumps(value) for name, value in attributes.items()}


def _is_plain(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and any(all(type(one) in kinds for one in values) for kinds in ((str,), (int, float)))
