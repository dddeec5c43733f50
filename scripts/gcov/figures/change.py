"""Maps of change, between two periods and over all dates."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from gcov.figures import rasters
from gcov.figures.palette import AMOUNT, CHANGE, UNCHANGED
from gcov.figures.statistics import cautions_of
from gcov.figures.style import SMALL, add_words
from gcov.words import days, number_of

NOT_ALL_IS_CHANGE_OF_COVER = (
    "Soil moisture, rain, snow, flood and wind on water change backscatter, too: significant is not the same as"
    " lasting."
)
WIDEST = 10.0  # dB; a wider scale would hide typical changes
NO_COUNT = 255  # no data in n_changes


def change(data: xr.Dataset, facts: dict, *, title: str) -> Figure:
    """The log-ratio of two periods in dB, for all pixels (left) and significant ones (right), on one symmetric scale.

    `data` is a change store (log_ratio_db, change), `facts` its JSON: observed and expected numbers, areas, looks.
    """
    looks, notes = rasters.reduction(data)
    # averaged in dB: without change the log-ratio has mean 0, but the ratio itself has mean L / (L - 1)
    ratio = rasters.averaged(data, "log_ratio_db", looks)
    one, sign = (rasters.sampled(data, name, looks) for name in ("log_ratio_db", "change"))
    significant = np.where(np.abs(sign) == 1, one, np.where(sign == 0, 0, np.nan))
    known = np.abs(ratio[np.isfinite(ratio)])
    widest = float(np.clip(np.quantile(known, 0.99), 1, WIDEST)) if known.size else 1.0
    figure = Figure(figsize=_size(data), layout="compressed")
    for axes, image, words in zip(
        figure.subplots(1, 2, sharex=True, sharey=True),
        (ratio, significant),
        ("all pixels", f"significant at {100 * facts['significance']:g} %"),
    ):
        scale: dict[str, Any] = {"cmap": CHANGE, "extend": "both", "vmin": -widest, "vmax": widest}
        rasters.draw(axes, image, data, looks, label="after minus before (dB)", **scale)
        axes.set_title(words, fontsize=SMALL + 1)
        axes.label_outer()
    add_words(
        figure, title, [*cautions_of(data), *_other_warning(data, facts)], [*found(facts), *notes], layout="compressed"
    )
    return figure


def _other_warning(data: xr.Dataset, facts: dict) -> list[str]:
    """The warning in the JSON, if the store does not have the same one."""
    words = facts.get("warning") or ""
    return [words] if words and words != data.attrs.get("warning") else []


def found(facts: dict) -> list[str]:
    """Notes with the numbers found and those expected by chance alone."""
    up, down, area = facts["up"], facts["down"], (facts["up_km2"], facts["down_km2"])
    share = 100 * (up + down) / max(facts["pixels"], 1)
    periods = [f"{side}: {_dates(facts[f'dates_{side}'])}" for side in ("before", "after") if f"dates_{side}" in facts]
    if not facts["pixels"]:
        return ["; ".join([*periods, "found: 0 pixels of 0, because none could be tested"])]
    return [
        *(["; ".join(periods)] if periods else []),
        f"Found: {number_of(up + down, 'pixel')} of {facts['pixels']:,} ({share:.2f} %), {up:,} up"
        f" ({area[0]:.3g} km²) and {down:,} down ({area[1]:.3g} km²). Speckle alone would give{at_most(facts)}"
        f" {facts['expected_false_alarms']:,.0f}; {facts['significant_after_bh']:,} remain after Benjamini-Hochberg.",
        *_not_positive(facts),
        *lost({"": facts["cell_dates_lost"]} if "cell_dates_lost" in facts else {}),
        *moved(facts),
        f"Looks {facts['looks_before']:.1f} before and {facts['looks_after']:.1f} after"
        f"{assumed(facts.get('speckle', {}), facts.get('looks_share_median'))}. {NOT_ALL_IS_CHANGE_OF_COVER}",
    ]


def _not_positive(facts: Mapping[str, Any]) -> list[str]:
    """A note with the number of cells left out on a date because their mean has no logarithm, if there are any."""
    number = facts.get("cell_dates_not_positive", 0)
    total = sum(number.values()) if isinstance(number, Mapping) else number
    return [f"Not tested: {total:,} means of a cell on a date, which are 0 or below."] if total else []


def at_most(facts: Mapping[str, Any]) -> str:
    """Words before the number expected by chance: it is an upper bound if small changes do not count."""
    return " at most" if facts.get("min_change_db") else ""


def assumed(speckle: Mapping[str, Mapping], share: float | None) -> str:
    """Which looks a test used, by polarization code, and what texture and shared speckle leave of them."""
    said = []
    for code, one in speckle.items():
        shared = f", dates share speckle (coherence {one['coherence']:.2f})" if one.get("coherence") else ""
        far = f" up to {12 * one['shared_repeats']} days" if one.get("shared_repeats") else ""
        said.append(f"; {code}: {one['looks']:.3g} looks of a sample by {one['from']}{shared}{far}")
    texture = f"; texture leaves {100 * share:.0f} % of them (median)" if share is not None and share < 0.995 else ""
    return "".join(said) + texture


def lost(shares: Mapping[str, float]) -> list[str]:
    """A note with the percentage of cell-dates, by term, that the rule of whole cells costs, if there are any."""
    said = [f"{100 * share:.2g} %{f' of {term}' if term else ''}" for term, share in shares.items() if share]
    return [f"Lost because not all samples of a cell count: {', '.join(said)} of the cells' dates."] if said else []


def moved(facts: Mapping[str, Any]) -> list[str]:
    """A note on what is taken to have stayed the same, or on how far the whole area moved; and on the least change."""
    reference, least = facts.get("change_reference"), facts.get("min_change_db")
    said = []
    if reference:
        said.append(f"Dates are corrected by {'the scene' if reference == 'scene' else reference['zone']}.")
    elif facts.get("median_db") is not None:
        said.append(f"The median change is {facts['median_db']:+.2f} dB.")
    elif ranges := facts.get("median_range_db"):
        said.append(f"The whole area moved by {', '.join(f'{db:.2f} dB ({term})' for term, db in ranges.items())}.")
    if least:
        said.append(f"Changes up to {least:g} dB do not count.")
    return [" ".join(said)] if said else []


def _dates(times: list[str]) -> str:
    """The number of dates, the first and the last, as text."""
    number = number_of(len(times), "date")
    return f"{number}, {days([datetime.fromisoformat(time) for time in times])}" if times else number


def change_history(data: xr.Dataset, *, title: str) -> Figure:
    """Maps of each pixel's first change (left) and number of changes (right).

    Pixels without a change and pixels without data have colours of their own. `data` is change_history.zarr:
    first_change (datetime64, NaT without a change) and n_changes (NaN or 255: no data).
    """
    looks, notes = rasters.reduction(data)
    counts = rasters.sampled(data, "n_changes", looks).astype(float)
    counts[counts == NO_COUNT] = np.nan
    first = rasters.sampled(data, "first_change", looks)
    dates = np.unique(first[~np.isnat(first)])
    order = (
        np.where(np.isnat(first), np.nan, np.searchsorted(dates, first)) if dates.size else np.full(first.shape, np.nan)
    )
    figure = Figure(figsize=_size(data), layout="compressed")
    when, often = figure.subplots(1, 2, sharex=True, sharey=True)
    unchanged = np.where(np.isfinite(counts), 0.0, np.nan)
    when.set_title("first change", fontsize=SMALL + 1)
    often.set_title("number of changes", fontsize=SMALL + 1)
    number = max(len(dates), 1)
    colours = [UNCHANGED, *AMOUNT(np.linspace(0, 0.95, number))]
    scale = BoundaryNorm(np.arange(-0.5, number + 1), number + 1)
    image = np.where(np.isfinite(order), order + 1, unchanged)
    bar = rasters.draw(
        when, image, data, looks, label="date after the change", cmap=ListedColormap(colours), norm=scale
    )
    places = np.unique(np.linspace(1, number, min(number, 12)).round().astype(int))
    labels = [np.datetime_as_string(dates[place - 1], unit="D") for place in places] if dates.size else []
    bar.set_ticks([0, *places[: len(labels)]], labels=["none", *labels], fontsize=SMALL)
    most = int(np.nanmax(counts, initial=1))
    colours = [UNCHANGED, *AMOUNT(np.linspace(0, 0.95, most))]
    scale = BoundaryNorm(np.arange(-0.5, most + 1), most + 1)
    bar = rasters.draw(often, counts, data, looks, label="changes", cmap=ListedColormap(colours), norm=scale)
    bar.set_ticks(range(0, most + 1, 1 + most // 12))
    for axes in (when, often):
        axes.label_outer()
    if looks > 1:
        notes = [f"One pixel of {looks} x {looks} is drawn."]
    add_words(figure, title, cautions_of(data), [*in_words(data, counts), *notes], layout="compressed")
    return figure


def in_words(data: xr.Dataset, counts: np.ndarray) -> list[str]:
    """A note with the percentage of pixels that changed, the percentage expected by chance, and other causes."""
    known = np.isfinite(counts).sum()
    share = 100 * (counts > 0).sum() / max(known, 1)
    words = f"{share:.2f} % of the pixels changed"
    if "significance" in data.attrs:
        words += f";{at_most(data.attrs)} {100 * data.attrs['significance']:g} % would change by speckle alone"
    if "expected_false_alarms" in data.attrs:
        words += f" ({data.attrs['expected_false_alarms']:,.0f} pixels of the store)"
    speckle, shares = (data.attrs.get(name, {}) for name in ("speckle", "looks_share_median"))
    terms = [f"{term}{assumed(one, shares.get(term))}" for term, one in speckle.items()]
    return [
        f"{words}. {NOT_ALL_IS_CHANGE_OF_COVER}",
        *_not_positive(data.attrs),
        *lost(data.attrs.get("cell_dates_lost", {})),
        *moved(data.attrs),
        *([f"{'. '.join(terms)}."] if terms else []),
    ]


def _size(data: xr.Dataset) -> tuple[float, float]:
    """Size in inches for two maps side by side with colour bars."""
    ratio = min(max(data.sizes["y"] / data.sizes["x"], 0.4), 1.8)
    return 11, 4 * ratio + 0.5
