"""The equivalent number of looks of an AOI's terms: the content of looks.json.

The layout is {term: {looks, looks_multilooked, multilook, method, pairs, blocks, iqr, rho, shared, coherence,
median_number_of_looks, given}}, or {term: {code: {...}}} if polarization codes alternate. `looks` is the estimate, or
null with the reason in `method`. `given` is the configured value, which takes precedence. `rho` is the correlation of
neighbours, empty if unknown; `shared` that of dates 1, 2, ... repeats of 12 days apart, and `coherence` its root at one
repeat. `looks_multilooked` is for averages of `multilook` x `multilook` samples; it grows by less than multilook^2,
because neighbours are correlated. Where their correlation is unknown, an average counts with the looks of one sample.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from gcov.analysis.speckle import estimated, n_effective
from gcov.errors import GcovError

Given = float | Mapping[str, float] | None  # the setting `looks`
UNKNOWN = "correlation of neighbours unknown: a cell of {0} x {0} samples counts with the looks of one"


def entries(measured: Mapping[str, dict], given: Given, multilook: int = 1) -> dict[str, dict]:
    """The entries of looks.json by polarization code, from `Speckle.measured`; `given` is the setting `looks`."""
    return {code: _entry(found, code, given, multilook) for code, found in measured.items()}


def _entry(measured: Mapping, code: str, given: Given, multilook: int) -> dict:
    estimate = estimated(measured)
    set_to = given.get(code) if isinstance(given, Mapping) else given
    looks, method = set_to or estimate.looks, estimate.method
    if is_known(estimate.rho):
        looks_multilooked = looks and looks * float(n_effective((multilook, multilook), estimate.rho))
    else:
        looks_multilooked = looks
        method += f"; {UNKNOWN.format(multilook)}" if multilook > 1 else ""
    return {
        "looks": estimate.looks,
        "looks_multilooked": looks_multilooked,
        "multilook": multilook,
        "method": method,
        "pairs": estimate.pairs,
        "blocks": estimate.blocks,
        "iqr": estimate.iqr,
        "rho": estimate.rho,
        "shared": estimate.shared,
        "coherence": estimate.coherence,
        "median_number_of_looks": estimate.number_of_looks,
        "given": set_to,
    }


def is_known(rho: Sequence[Sequence[float]]) -> bool:
    """Whether the correlation of neighbours along y and x is known; an unknown one is empty."""
    return all(map(len, rho))


def caution(entries: Mapping[str, dict], term: str) -> str:
    """A warning if averages of a term count with the looks of one sample, with the reason; otherwise empty."""
    unknown = [entry for entry in entries.values() if entry["multilook"] > 1 and not is_known(entry["rho"])]
    reasons = "; ".join(dict.fromkeys(entry["method"] for entry in unknown))
    return f"{term}: {reasons}" if reasons else ""


def entries_of(content: Mapping[str, dict], term: str, codes: Sequence[str | None]) -> dict[str, dict]:
    """A term's entries in the content of looks.json, by polarization code, for the codes that occur in `codes`."""
    found = content[term]
    return {code: found if "method" in found else found[code] for code in dict.fromkeys(codes) if code is not None}


def looks_of(
    content: Mapping[str, dict], term: str, codes: Sequence[str | None], *, multilooked: bool = True
) -> np.ndarray:
    """The looks (dates,) of a term's samples, or of their averages over `multilook` x `multilook` if `multilooked`.

    `content` is that of looks.json. `codes` comes from `store.codes_of`; NaN where a date lacks the term. The setting
    `looks` takes precedence over the estimate. Raises GcovError, naming that setting, if there is neither.
    """
    entries = entries_of(content, term, codes)
    for code, entry in entries.items():
        if entry["looks_multilooked"] is None:
            raise GcovError(
                f"no number of looks for {term} ({code}): {entry['method']}. Set it in the"
                f" configuration, for example `looks: {{{code}: 9.3}}`, or one number for all"
            )
    return looks(entries, codes, multilooked=multilooked)


def looks(entries: Mapping[str, dict], codes: Sequence[str | None], *, multilooked: bool = False) -> np.ndarray:
    """The looks (dates,) from entries of looks.json, configured or estimated; NaN without either."""

    def one(entry: dict) -> float | None:
        return entry["looks_multilooked"] if multilooked else entry.get("given") or entry["looks"]

    return np.array([one(entries[code]) if code is not None else None for code in codes], np.float64)


def effective(entries: Mapping[str, dict], codes: Sequence[str | None], n: np.ndarray) -> np.ndarray:
    """The number of independent samples in means of n samples (dates,); NaN where unknown."""
    found = np.full(len(codes), np.nan)
    for date, code in enumerate(codes):
        if code is not None and is_known(entries[code]["rho"]) and n[date]:
            found[date] = n_effective(n[date], entries[code]["rho"])
    return found
