"""Opens the stores, for notebooks: `from gcov.store import open_store`."""

import json
from pathlib import Path
from typing import Any

import rioxarray  # noqa: F401  (the CRS of a store: `.rio`)
import xarray as xr

from gcov.stores import store


def open_store(path: str | Path) -> xr.Dataset:
    """Open any store as `gcov.stores.store.open_store` does, ready for `.to_netcdf()`.

    Attributes that NetCDF has no type for, such as true, null and mappings, are JSON text. Off-diagonal terms are
    complex: h5netcdf writes them, netCDF4 with `.to_netcdf(..., engine="netcdf4", auto_complex=True)` only. Raises
    GcovError, naming store and shard, if a shard is missing or the metadata is damaged.
    """
    data = store.open_store(path)
    data.attrs = _netcdf(data.attrs)
    for variable in data.variables.values():
        variable.attrs = _netcdf(variable.attrs)
    return data


open_stack = open_store  # its former name


def _netcdf(attributes: dict[Any, Any]) -> dict[Any, Any]:
    """Attributes of which each is text, a number, or a list of the one or the other; JSON text in place of others."""
    return {name: value if _is_plain(value) else json.dumps(value) for name, value in attributes.items()}


def _is_plain(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and any(all(type(one) in kinds for one in values) for kinds in ((str,), (int, float)))
