"""The equivalent number of looks of an AOI's terms: what looks.json holds, and what is read from it.

{term: {looks, looks_multilooked, multilook, method, pairs, blocks, iqr, rho, median_number_of_looks, given}}; where
polarization codes alternate, {term: {code: {...}}}. `looks` is the estimate (null without one: `method` says why),
`given` what the configuration says. `looks_multilooked`, of what is given or else of the estimate, is that of
`multilook` x `multilook` samples averaged: not so many times as much, for neighbours are correlated.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from gcov import store
from gcov.analysis.speckle import Blocks, Estimate, n_effective
from gcov.errors import GcovError
from gcov.granules import holds
from gcov.radiometry import counted

LAYER = "numberOfLooks"
Given = float | Mapping[str, float] | None  # the setting `looks`


class Speckle:
    """The speckle of one term of a stack, by polarization code: blocks of each are gathered date by date."""

    def __init__(self, data: xr.Dataset, term: str):
        self.codes = codes_of(data, term)
        shape = data.sizes["y"], data.sizes["x"]
        codes = [code for code in dict.fromkeys(self.codes) if code is not None]
        self._blocks = {code: Blocks(shape, self.codes.count(code)) for code in codes}

    def add(self, date: int, block: xr.Dataset, power: np.ndarray, use: np.ndarray, first_row: int) -> None:
        """Add the power (n, columns) of some rows of a date, which counts where `use`; `block` is that of the stack."""
        if (code := self.codes[date]) is not None:
            layer = store.samples(block, LAYER)[0] if LAYER in block else None
            self._blocks[code].add(power, use, first_row, layer)

    def end_date(self, date: int) -> None:
        """Compare a date, all rows of which were added, with those before it."""
        if (code := self.codes[date]) is not None:
            self._blocks[code].end_date()

    def entries(self, given: Given, multilook: int = 1) -> dict[str, dict]:
        """What looks.json says of each code. `given` is the setting `looks`."""
        return {code: _entry(blocks.estimate(), code, given, multilook) for code, blocks in self._blocks.items()}


def estimated(data: xr.Dataset, term: str, *, given: Given, multilook: int, valid_samples_only: bool) -> dict:
    """A term's part of looks.json, from one pass over a stack."""
    speckle = Speckle(data, term)
    for date in range(data.sizes["time"]):
        image = data.isel(time=slice(date, date + 1))
        for region in store.regions(image):
            block = image.isel(region)
            power, mask = store.samples(block, term), store.mask_of(block, term)
            use = counted(power, mask, valid_samples_only=valid_samples_only)
            speckle.add(date, block, power[0], use[0], region["y"].start)
        speckle.end_date(date)
    entries = speckle.entries(given, multilook)
    return entries if len(entries) > 1 else next(iter(entries.values()), {})


def codes_of(data: xr.Dataset, term: str) -> list[str | None]:
    """The polarization code of each date of a stack, as granule names write it; None where a date lacks the term.

    Empty in stacks of version 0.1, which do not say it.
    """
    codes = (date.polarizations for date in store.dates_of(data))
    return [code if holds(code, term, data.attrs["frequency"]) else None for code in codes]


def _entry(estimate: Estimate, code: str, given: Given, multilook: int) -> dict:
    set_to = given.get(code) if isinstance(given, Mapping) else given
    looks = set_to or estimate.looks
    window = float(n_effective((multilook, multilook), estimate.rho))
    return {
        "looks": estimate.looks,
        "looks_multilooked": looks and looks * window,
        "multilook": multilook,
        "method": estimate.method,
        "pairs": estimate.pairs,
        "blocks": estimate.blocks,
        "iqr": estimate.iqr,
        "rho": estimate.rho,
        "median_number_of_looks": estimate.number_of_looks,
        "given": set_to,
    }


def entries_of(path: Path, term: str, codes: Sequence[str | None]) -> dict[str, dict]:
    """A term's entries of looks.json by polarization code, of the codes that dates have."""
    found = json.loads(path.read_text())[term]
    return {code: found if "method" in found else found[code] for code in dict.fromkeys(codes) if code is not None}


def looks_of(path: Path, term: str, codes: Sequence[str | None], *, multilooked: bool = True) -> np.ndarray:
    """The looks (dates,) of the samples of a term, or of the averages that `multilook` makes of them.

    `codes` is what `codes_of` says of the dates; NaN where a date lacks the term. What the setting `looks` gives goes
    before the estimate. Raises GcovError, naming that setting, where there is neither.
    """
    entries = entries_of(path, term, codes)
    for code, entry in entries.items():
        if entry["looks_multilooked"] is None:
            raise GcovError(
                f"{path}: no number of looks for {term} ({code or 'all dates'}): {entry['method']}. Give it yourself:"
                f" `looks: {{{code}: 9.3}}`, say, or one number for all"
            )
    return looks(entries, codes, multilooked=multilooked)


def looks(entries: Mapping[str, dict], codes: Sequence[str | None], *, multilooked: bool = False) -> np.ndarray:
    """The looks (dates,) by the entries of looks.json: given, or estimated; NaN without either."""

    def one(entry: dict) -> float | None:
        return entry["looks_multilooked"] if multilooked else entry["given"] or entry["looks"]

    return np.array([one(entries[code]) if code is not None else None for code in codes], np.float64)


def effective(entries: Mapping[str, dict], codes: Sequence[str | None], n: np.ndarray) -> np.ndarray:
    """How many independent samples the means of n samples (dates,) are worth; NaN where nothing tells."""
    found = np.full(len(codes), np.nan)
    for date, code in enumerate(codes):
        if code is not None and entries[code]["looks"] is not None and n[date]:
            found[date] = n_effective(n[date], entries[code]["rho"])
    return found
