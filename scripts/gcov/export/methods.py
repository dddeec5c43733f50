"""The paragraph for a paper: data, processing and tests of one AOI, from its results and settings alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gcov.cautions import too_few
from gcov.granules import MATURITIES
from gcov.headings import DIRECTIONS
from gcov.words import days, number_of, percent

OMNIBUS = "Conradsen et al. (2016), doi:10.1109/TGRS.2015.2510160"
FILTER = "Quegan and Yu (2001), doi:10.1109/36.964973"


def paragraph(
    dates: pd.DataFrame,
    geometry: Mapping[str, Any],
    looks: Mapping[str, Any],
    attributes: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> str:
    """The paragraph. What the results do not know is left out.

    `dates`, `geometry` and `looks` are dates.csv (all columns as text but time and valid_fraction), geometry.json and
    looks.json (empty if there is none); `attributes` are those of the stack, `settings` those of the AOI by key.
    """
    said = [
        _data(dates, attributes["frequency"]),
        _releases(dates),
        _processing(dates),
        _area(geometry, attributes, settings["terms"]),
        _view(geometry),
        _samples(dates, settings),
        _looks(looks, settings),
        *_products(settings),
        f"Software: {attributes['software']}.",
    ]
    return " ".join(filter(None, said))


def _data(dates: pd.DataFrame, frequency: str) -> str:
    """What was observed, and when."""
    doi = _distinct(dates["product_doi"])
    track, frames, modes, codes = (_distinct(dates[name]) for name in ("track", "frames", "mode", "polarizations"))
    direction = " and ".join(DIRECTIONS.get(one, one) for one in _distinct(dates["direction"]))
    where = f"track {', '.join(track)} {direction}, frame {', '.join(frames)}" if track else "of unknown track"
    return (
        f"The data are NISAR L-band L2 GCOV products{_listed(' (doi:', doi, ')')} of {number_of(len(dates), 'date')},"
        f" {days(dates['time'])} ({where}; mode {', '.join(modes)}, polarizations {', '.join(codes)}; frequency"
        f" {frequency})."
    )


def _releases(dates: pd.DataFrame) -> str:
    """Maturities and releases, with the number of dates of each."""
    maturities = Counter(word for words in dates["maturity"] for word in words.split())
    releases = Counter(word for words in dates["crid"] for word in words.split())
    grown = [f"{number_of(maturities[one], 'date')} {one}" for one in MATURITIES if maturities[one]]
    made = [f"{crid} ({number_of(n, 'date')})" for crid, n in releases.items()]
    return f"Maturity: {', '.join(grown)}; composite release identifiers: {', '.join(made)}."


def _processing(dates: pd.DataFrame) -> str:
    """What the products say of their own processing."""
    versions = _distinct(dates["software_version"])
    said = [_listed("processed by ISCE3 ", versions)]
    for column, words in (
        ("noise_correction_applied", "noise subtracted"),
        ("rfi_mitigation_applied", "radio-frequency interference filtered"),
        ("joint_observation", "acquired together with the S band"),
    ):
        known = dates[column][dates[column] != ""]
        true = int(known.str.contains("True").sum())
        if len(known):
            said.append(f"{words} on {true} of {number_of(len(known), 'date')}")
    said = [one for one in said if one]
    return f"They state: {'; '.join(said)}." if said else ""


def _area(geometry: Mapping[str, Any], attributes: Mapping[str, Any], terms: Sequence[str]) -> str:
    """Quantity, area and grid."""
    west, south, east, north = attributes["aoi_bbox"]
    return (
        f"Terrain-corrected backscatter (gamma0) of the terms {', '.join(terms)} was taken for the area from {west:g}"
        f" to {east:g} degrees east and {south:g} to {north:g} degrees north ({attributes['n_pixels']:,} samples of"
        f" {geometry['posting_m']:g} m, EPSG:{geometry['epsg']}) on the products' own grid: nothing was resampled."
    )


def _view(geometry: Mapping[str, Any]) -> str:
    """From where the radar looked."""
    angle, look, heading = geometry["incidence_deg"], geometry["look"], geometry["heading_deg"]
    said = [f"looked to the {look}" if look else ""]
    if heading is not None:
        said.append(f"its heading was {heading:.1f} degrees from north")
    if angle["mean"] is not None:
        span = f"{angle['min']:.1f} to {angle['max']:.1f}"
        said.append(f"the incidence angle {span} degrees (mean {angle['mean']:.1f})")
    text = ", ".join(one for one in said if one)
    return f"The radar {text}." if look and text else f"Of the radar, {text}." if text else ""


def _samples(dates: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Which samples count."""
    kind = "Samples with a mask of 1 to 254 count" if settings["valid_samples_only"] else "All finite samples count"
    fractions = dates["valid_fraction"].dropna()
    share = f" ({percent(fractions)} of the area by date)" if len(fractions) else ""
    return f"{kind}{share}; averages are taken in linear power, decibels last."


def _looks(looks: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """The equivalent numbers of looks, of samples and of averaged cells."""
    said = []
    for term, entry in looks.items():
        by_code = {"": entry} if "looks" in entry else entry
        for code, one in by_code.items():
            given, of_cells = one["given"], one["looks_multilooked"] if one["multilook"] > 1 else None
            if number := given or one["looks"]:
                how = "given" if given else "estimated from log-ratios of dates"
                cells = f", {of_cells:.2f} for cells" if of_cells else ""
                said.append(f"{' '.join(filter(None, (term, code)))} {number:.2f} ({how}{cells})")
    averaged = f" Cells are averages of {n} x {n} samples." if (n := settings["multilook"]) > 1 else ""
    return f"Equivalent number of looks: {', '.join(said)}.{averaged}" if said else averaged.strip()


def _products(settings: Mapping[str, Any]) -> Iterable[str]:
    """The tests and filters of this run, with their sources."""
    level = f"at a significance of {settings['significance']:g}"
    least = f", for changes beyond {settings['min_change_db']:g} dB" if settings["min_change_db"] else ""
    for name, periods in settings["changes"].items():
        before, after = (" to ".join(map(str, periods[one])) for one in ("before", "after"))
        yield f"Change {name} compares {before} with {after} by the F test of the ratio of means {level}{least}."
    if settings["change_history"]:
        yield f"Change over all dates is the sequential omnibus test of {OMNIBUS}, {level}{least}."
    if settings["changes"] or settings["change_history"]:
        few = too_few(settings["min_valid_fraction"])
        yield f"For the tests, dates with {few} were left out{_reference(settings)}."
    if settings["baseline"]:
        yield f"Anomalies are differences from the same season of {' to '.join(map(str, settings['baseline']))}."
    if settings["filter_window"]:
        size = settings["filter_window"]
        yield f"Filtered images, for viewing, follow {FILTER}, with windows of {size} x {size} samples."


def _reference(settings: Mapping[str, Any]) -> str:
    """What each date was divided by before the tests."""
    reference = settings["change_reference"]
    if reference is None:
        return ""
    where = "the whole area" if reference == "scene" else f"the zone {reference['zone']}"
    return f", and each date was divided by its median over {where}"


def _distinct(column: pd.Series) -> list[str]:
    """The words in a column of texts, without repeats."""
    return list(dict.fromkeys(word for text in column for word in text.split()))


def _listed(before: str, words: Sequence[str], after: str = "") -> str:
    """Words between two texts; empty if there are none."""
    return f"{before}{', '.join(words)}{after}" if words else ""
