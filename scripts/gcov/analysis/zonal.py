"""Reading the samples of zones, date by date, in one pass over a stack."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import pandas as pd
import xarray as xr

from gcov.analysis import ratios
from gcov.analysis.means import PERCENTILES, Sums
from gcov.indices import name_of_index, terms_of_index
from gcov.inputs.zones import Zone
from gcov.stores import store
from gcov.stores.radiometry import counted, to_db

AT_ONCE = 8_000_000  # samples
Piece = tuple[int, int, list[np.ndarray]]


def pieces(
    data: xr.Dataset, terms: Sequence[str], zones: Sequence[Zone], *, valid_samples_only: bool
) -> Iterator[Piece]:
    """Yield date index, zone index, and some of the zone's samples: for each term (n,) linear power.

    Only samples that count in all terms are included. Dates come in order. Every chunk is decoded once, regardless of
    the number of zones.
    """
    chunks = AT_ONCE // (store.CHUNK * data.sizes["x"])
    for region in store.regions(data, rows=max(chunks, 1) * store.CHUNK):  # a shard read whole is decoded fastest
        block = data.isel(region)
        power = [store.samples(block, term)[0] for term in terms]
        masks = (store.mask_of(block, term)[0] for term in terms)
        pairs = (counted(*pair, valid_samples_only=valid_samples_only) for pair in zip(power, masks))
        use = np.logical_and.reduce(list(pairs))
        rows = region["y"]
        for number, zone in enumerate(zones):
            first, last = max(zone.rows.start, rows.start), min(zone.rows.stop, rows.stop)
            if first < last:
                part = slice(first - rows.start, last - rows.start), zone.columns
                keep = use[part] & zone.inside[first - zone.rows.start : last - zone.rows.start]
                yield region["time"].start, number, [samples[part][keep] for samples in power]


def sums(data: xr.Dataset, term: str, zones: Sequence[Zone], *, valid_samples_only: bool) -> list[Sums]:
    """The sums and exact percentiles of each zone, from which the table of zones is made.

    Memory holds the samples of all zones on one date.
    """
    found = [Sums.empty(data.sizes["time"]) for _ in zones]
    read = pieces(data, [term], zones, valid_samples_only=valid_samples_only)
    for date, of_date in groupby(read, key=lambda piece: piece[0]):
        parts: list[list[np.ndarray]] = [[] for _ in zones]
        for _, number, (power,) in of_date:
            parts[number].append(power)
        for zone, several in zip(found, parts):
            power = np.concatenate(several)
            zone.add(date, power)
            power.sort()
            none = np.searchsorted(power, 0, side="right")  # samples that are not positive
            if none < power.size:
                place = none + np.multiply(PERCENTILES, power.size - none - 1)  # like np.quantile
                below = place.astype(int)
                low, high = power[below], power[np.minimum(below + 1, power.size - 1)]
                zone.percentiles[date] = low + (place - below) * (high - low)
    for zone in found:
        zone.percentiles[:] = to_db(zone.percentiles)
    return found


def indices(
    data: xr.Dataset, names: Sequence[str], terms: Sequence[str], zones: Sequence[Zone], *, valid_samples_only: bool
) -> pd.DataFrame:
    """One row per zone, date and index: zone, time, index, value, n_valid.

    The index is computed from the means over the n_valid samples that count in all its terms; NaN if there are none.
    """
    tables, times = [], [date.time for date in store.dates_of(data)]
    for index in names:
        needed = terms_of_index(index, terms)
        total = np.zeros((len(needed), len(zones), data.sizes["time"]))
        n = np.zeros(total.shape[1:], np.int64)
        for date, number, power in pieces(data, needed, zones, valid_samples_only=valid_samples_only):
            n[number, date] += power[0].size
            total[:, number, date] += [samples.sum(dtype=np.float64) for samples in power]
        with np.errstate(invalid="ignore"):
            value = ratios.value(index, dict(zip(needed, total / n)))
        for zone, of_zone, counts in zip(zones, value, n):
            facts = {"zone": zone.name, "time": times, "index": name_of_index(index)}
            tables.append(pd.DataFrame({**facts, "value": of_zone, "n_valid": counts}))
    return pd.concat(tables, ignore_index=True)
