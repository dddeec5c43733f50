"""Reading the samples of zones, date by date, in one pass over a stack."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from gcov.analysis import histogram, ratios
from gcov.analysis.means import PERCENTILES, Sums
from gcov.cautions import noise_flags
from gcov.indices import name_of_index, terms_of_index
from gcov.inputs.zones_on_grid import Zone
from gcov.stores import noise, store
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack

IN_PIECE = 1_000_000  # samples of a piece, or one row
SORTED = 8_000_000  # samples of zones on one date that are kept for exact percentiles
Piece = tuple[int, int, list[np.ndarray]]


def pieces(stack: Stack, terms: Sequence[str], zones: Sequence[Zone], *, factor: bool = False) -> Iterator[Piece]:
    """Yield date index, zone index, and some of the zone's samples: for each term (n,) linear power.

    Only samples that count in all terms are included. Dates come in order. Every chunk is decoded once, regardless of
    the number of zones. With `factor`, the samples of the factor that makes sigma0 come last.
    """
    for region in store.regions(stack.data):
        part = stack.part(region)
        power = [part.power(term)[0] for term in terms]
        use = np.logical_and.reduce([np.isfinite(samples) for samples in power])
        power += [part.factor()[0]] if factor else []
        step = max(IN_PIECE // use.shape[1], 1)
        for first in range(0, len(use), step):
            top = region["y"].start + first
            band, rows = slice(first, first + step), slice(top, min(top + step, region["y"].stop))
            for number, samples in in_zones(zones, rows, [image[band] for image in power], use[band]):
                yield region["time"].start, number, samples
        del part, power, use  # before the next region is read


def in_zones(
    zones: Sequence[Zone], rows: slice, images: Sequence[np.ndarray], use: np.ndarray | None = None
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Yield zone index, and the zone's samples (n,) of each image (rows, columns); only those to `use`, if given."""
    for number, zone in enumerate(zones):
        first, last = max(zone.rows.start, rows.start), min(zone.rows.stop, rows.stop)
        if first < last:
            box = slice(first - rows.start, last - rows.start), zone.columns
            keep = zone.inside[first - zone.rows.start : last - zone.rows.start]
            keep = keep if use is None else use[box] & keep
            yield number, [image[box][keep] for image in images]


def sums(stack: Stack, term: str, zones: Sequence[Zone]) -> list[Sums]:
    """The sums and percentiles of each zone, from which the table of zones is made.

    Percentiles are exact. If all zones together hold more than 8 million samples, those of the largest zones come from
    bins of 0.01 dB, like those of an AOI, so that memory does not grow with the zones' area.
    """
    found = [Sums.empty(stack.data.sizes["time"]) for _ in zones]
    small = smallest(zones)
    read = pieces(stack, [term], zones, factor=stack.has_factor)
    for date, of_date in groupby(read, key=lambda piece: piece[0]):
        parts: dict[int, list[np.ndarray]] = {number: [] for number in small}
        counts = {number: np.zeros(histogram.FINE_DB.number, np.int64) for number in set(range(len(zones))) - small}
        for _, number, (power, *factor) in of_date:
            if number in small:
                parts[number].append(power)
            else:
                found[number].add(date, power)
                counts[number] += histogram.count_db(to_db(power[power > 0]))
            for samples in factor:
                found[number].add_sigma0(date, power, samples)
        for number, several in parts.items():
            power = np.concatenate(several)
            found[number].add(date, power)
            found[number].percentiles[date] = to_db(exact_percentiles(power))
        for number, counted in counts.items():
            found[number].percentiles[date] = [histogram.FINE_DB.quantile(counted, q) for q in PERCENTILES]
    return found


def smallest(zones: Sequence[Zone]) -> set[int]:
    """The smallest zones (indices) that together hold no more samples than can be kept."""
    order = sorted(range(len(zones)), key=lambda number: zones[number].n_pixels)
    held = np.cumsum([zones[number].n_pixels for number in order])
    return set(order[: int(np.searchsorted(held, SORTED, side="right"))])


def exact_percentiles(power: np.ndarray) -> np.ndarray:
    """The percentiles (3,) of the positive ones of samples (n,), as np.quantile gives them; sorts the samples."""
    power.sort()
    none = np.searchsorted(power, 0, side="right")  # samples that are not positive
    if none == power.size:
        return np.full(len(PERCENTILES), np.nan)
    place = none + np.multiply(PERCENTILES, power.size - none - 1)
    below = place.astype(int)
    low, high = power[below], power[np.minimum(below + 1, power.size - 1)]
    return low + (place - below) * (high - low)


def indices(
    stack: Stack,
    names: Sequence[str],
    terms: Sequence[str],
    zones: Sequence[Zone],
    *,
    speckle: Mapping[str, Mapping[str, dict]],
) -> pd.DataFrame:
    """One row per zone, date and index: zone, time, index, value, n_valid, se, near_noise.

    The index is computed from the means over the n_valid samples that count in all its terms; NaN if there are none.
    `se` is its standard error due to speckle, from `speckle`: the entries of looks.json by term and polarization code.
    `near_noise` is 1 if the mean of any of its terms is less than 3 dB above the noise floor, empty where unknown.
    """
    tables, times = [], [date.time for date in store.dates_of(stack.data)]
    codes = {term: store.codes_of(stack.data, term) for term in terms}
    needs = {index: terms_of_index(index, terms) for index in names}
    read = {of: sums_in_common(stack, sorted(of), zones) for of in set(map(frozenset, needs.values()))}
    for index, needed in needs.items():
        for number, zone in enumerate(zones):
            of_zone = {term: read[frozenset(needed)][term][number] for term in needed}
            floor = {term: noise.of_dates(stack.data, term, zone.points(stack.data)) for term in needed}
            means = {term: one.mean for term, one in of_zone.items()}
            errors = {term: one.error_db(speckle[term], codes[term]) for term, one in of_zone.items()}
            facts = {"zone": zone.name, "time": times, "index": name_of_index(index)}
            numbers = {"value": ratios.value(index, means), "n_valid": of_zone[needed[0]].n}
            numbers |= {"se": ratios.standard_error(index, means, errors)}
            heights = [to_db(means[term]) - to_db(floor[term]) for term in needed]
            flags = noise_flags(pd.Series(np.min(heights, axis=0)))
            tables.append(pd.DataFrame({**facts, **numbers, "near_noise": flags}))
    return pd.concat(tables, ignore_index=True)


def sums_in_common(stack: Stack, terms: Sequence[str], zones: Sequence[Zone]) -> dict[str, list[Sums]]:
    """The sums of each zone by term, over the samples that count in all of the terms, from one pass over the stack."""
    found = {term: [Sums.empty(stack.data.sizes["time"]) for _ in zones] for term in terms}
    for date, number, power in pieces(stack, terms, zones):
        for term, samples in zip(terms, power):
            found[term][number].add(date, samples)
    return found
