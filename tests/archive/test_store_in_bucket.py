"""A store in a bucket opens as the one on disk does."""

import numpy as np
import pytest
import xarray as xr
from helpers import grid_of
from servers.archive import _moto_address
from servers.buckets import Buckets, ask_moto

from gcov.errors import GcovError
from gcov.store import open_stack
from gcov.stores import store


def test_a_store_in_a_bucket(monkeypatch, tmp_path):
    grid = grid_of(32645, 191_770 + 20.0 * np.arange(30), 3_132_230 - 20.0 * np.arange(20))
    dates, path = [store.Date("2025-11-23T23:47:39", "one", "X05009", "BETA", "DHDH")], tmp_path / "stack.zarr"
    store.create(path, grid=grid, dates=dates, types={"HHHH": "f4"}, attributes={"title": "test"})
    region = {"time": slice(0, 1), "y": slice(None), "x": slice(None)}
    store.write(path, region, {"HHHH": np.arange(600, dtype="f4").reshape(1, 20, 30)})
    store.finish(path)
    host, port = _moto_address()
    for name, value in {
        "ENDPOINT_URL": f"http://{host}:{port}",
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    buckets = Buckets("a")
    bucket = buckets.new()
    for file in filter(lambda one: one.is_file(), path.rglob("*")):
        buckets.put(bucket, f"lab/stack.zarr/{file.relative_to(path)}", file.read_bytes())
    url = f"s3://{bucket}/lab/stack.zarr"
    xr.testing.assert_identical(open_stack(url).load(), open_stack(path).load())
    chunk = (path / "x/c/0").read_bytes()
    buckets.put(bucket, "lab/stack.zarr/x/c/0", b"?" + chunk[1:])
    with pytest.raises(GcovError, match=r"stack.zarr is damaged: it cannot be decoded .*; delete it, then run again"):
        open_stack(url)
    buckets.put(bucket, "lab/stack.zarr/x/c/0", chunk)
    ask_moto("DELETE", f"/{bucket}/lab/stack.zarr/HHHH/c/0/0/0")
    with pytest.raises(GcovError, match=r"stack.zarr is damaged: it lacks HHHH/c/0/0/0"):
        open_stack(url)
    with pytest.raises(GcovError, match=r"there is no store, or it lacks zarr.json"):
        open_stack(f"s3://{bucket}/lab/other.zarr")
