"""The bands of GeoTIFFs: backscatter of one date, read from its fragments, and layers of a product's store."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import xarray as xr

from gcov.errors import GcovError
from gcov.export.cog import Band, Part
from gcov.granules import FACTOR, Granule
from gcov.stores import echoes, facts, mosaic, store
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack
from gcov.stores.store import Date, Fragment


def date_band(members: Sequence[Fragment], term: str, quantity: str, **which: Any) -> Band:
    """The backscatter of one date, from the fragments of its pass in order of time.

    `quantity` is power (linear gamma0), db, or sigma0 (linear: gamma0 times the factor, sample by sample). Samples are
    float32, and those of power and db equal those of the stack or the dB stack bit for bit; NaN where a sample does not
    count. `which` are the settings that `Stack` takes. Raises GcovError if the fragments cannot be stacked, or lack the
    term or the factor.
    """
    for other in members[1:]:
        mosaic.check_same(members[0], other)
    for name in (term, FACTOR) if quantity == "sigma0" else (term,):
        if name not in members[0].types:
            there, kind = ", ".join(mosaic.terms_of(members[0])), "layer" if name == FACTOR else "term"
            raise GcovError(f"{members[0].granule.name}: no {kind} {name} in its fragment; it holds {there}")
    in_db = quantity == "db"
    linear = "sigma0" if quantity == "sigma0" else "gamma0"
    words = store.db_attributes(term)["long_name"] if in_db else f"{linear} {term}, linear power"
    parts = _date_parts(members, term, quantity, which)
    return Band(f"{term} {quantity}", words, "dB" if in_db else "1", parts, averaged_in_power=in_db)


def _date_parts(members: Sequence[Fragment], term: str, quantity: str, which: Mapping[str, Any]) -> Iterator[Part]:
    codes = {"polarizations": ("time", [mosaic.date_of([member.granule for member in members]).polarizations])}
    coords = codes | facts.coordinates([members], [term])
    attributes = echoes.gathered([[member.attributes for member in members]])
    opened = [store.open_store(member.path) for member in members]
    wanted = (term, term + store.VALID, "mask", *([FACTOR] if quantity == "sigma0" else []))
    names = [name for name in mosaic.types_of(members) if name in wanted]
    for region in store.regions(opened[0], rows=store.CHUNK, columns=store.SHARD):
        blocks = [data.isel(region) for data in opened]
        block = xr.Dataset(
            {name: (store.DIMS, mosaic.merged(members, blocks, name)) for name in names}, coords, attributes
        )
        stack = Stack(block, **which)
        power = stack.power(term)[0]
        if quantity == "sigma0":
            power = power * stack.factor()[0]
        yield region, to_db(power) if quantity == "db" else power, power


def store_band(data: xr.Dataset, name: str) -> Band:
    """A variable (y, x) or (time=1, y, x) of a product's store. Raises GcovError if the store does not have it.

    Samples are float32; float32 samples of the store are unchanged. NaN where the store has its fill value, or a class
    that means no data. Dates become days since 1970-01-01 (UTC).
    """
    if name not in data:
        raise GcovError(f"{data.encoding['source']} has no {name}; it holds {', '.join(map(str, data.data_vars))}")
    attributes = data[name].attrs
    is_date = data[name].dtype.kind == "M"
    unit = "days since 1970-01-01" if is_date else attributes.get("units", "1")
    return Band(name, attributes.get("long_name", name), unit, _store_parts(data, name))


def _store_parts(data: xr.Dataset, name: str) -> Iterator[Part]:
    attributes = data[name].attrs
    classes = dict(zip(attributes.get("flag_meanings", "").split(), attributes.get("flag_values", [])))
    for region in store.regions(data, rows=store.CHUNK, columns=store.SHARD):
        found = store.samples(data.isel(region, missing_dims="ignore"), name)
        if found.dtype.kind == "M":
            found = np.where(np.isnat(found), np.nan, found.astype("datetime64[D]").astype(float))
        samples = found.reshape(found.shape[-2:]).astype(np.float32)
        samples[samples == classes.get("no_data")] = np.nan
        yield region, samples, samples


def date_of(data: xr.Dataset) -> Date:
    """The date of a store with one date; for a store of maps (y, x), all its granules and an empty time."""
    if "time" in data.dims:
        return store.dates_of(data)[0]
    granules = [Granule(**record) for record in json.loads(data.attrs["granule_records"])]
    return replace(mosaic.date_of(granules), time="")


def tags(bands: Sequence[Band], date: Date, software: str) -> dict[str, str]:
    """A file's tags: quantities, units, granules, releases and acquisition time."""
    facts = {name: getattr(date, name) for name in store.DATE_ATTRIBUTES}
    if date.time:
        facts["TIFFTAG_DATETIME"] = f"{datetime.fromisoformat(date.time):%Y:%m:%d %H:%M:%S}"
    return {
        "quantity": ", ".join(band.quantity for band in bands),
        "unit": ", ".join(band.unit for band in bands),
        **facts,
        "TIFFTAG_SOFTWARE": software,
    }
