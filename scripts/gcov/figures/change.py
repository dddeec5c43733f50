"""Maps of change, between two periods and over all dates."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from gcov.analysis.maps import NO_COUNT
from gcov.figures import outlines, rasters
from gcov.figures.palette import UNCHANGED
from gcov.figures.ramps import AMOUNT, CHANGE, CHANGE_DB
from gcov.figures.statistics import cautions_of
from gcov.figures.style import SMALL, add_words
from gcov.headings import view
from gcov.words import days, number_of

NOT_ALL_IS_CHANGE_OF_COVER = (
    "Soil moisture, rain, snow, flood and wind on water change backscatter, too: significant is not the same as"
    " lasting."
)
STEP: dict[str, Any] = {"cmap": CHANGE, "extend": "both", "vmin": -CHANGE_DB, "vmax": CHANGE_DB}


def change(data: xr.Dataset, facts: dict, *, geojson: Path, csv: Path, title: str) -> Figure:
    """The log-ratio of two periods in dB, for all pixels and for significant ones, with the outlines of patches.

    `data` is a change store (log_ratio_db, change), `facts` its JSON: observed and expected numbers, areas, looks.
    `geojson` and `csv` hold its patches.
    """
    looks, notes = rasters.reduction(data)
    patches = outlines.read(geojson, csv, data, looks)
    # averaged in dB: without change the log-ratio has mean 0, but the ratio itself has mean L / (L - 1)
    ratio = rasters.averaged(data, "log_ratio_db", looks)
    one, sign = (rasters.sampled(data, name, looks) for name in ("log_ratio_db", "change"))
    significant = np.where(np.abs(sign) == 1, one, np.where(sign == 0, 0, np.nan))
    figure, panels = rasters.panels(data, 2)
    said = "all pixels", f"significant at {100 * facts['significance']:g} %"
    for axes, image, words in zip(panels, (ratio, significant), said):
        rasters.draw(axes, image, data, looks, title=words, label="after minus before (dB)", **STEP)
        patches.draw(axes)
    _finish(figure, panels, data, title, [*found(facts), patches.note, *notes])
    return figure


def found(facts: dict) -> list[str]:
    """Notes with the numbers found and those expected by chance alone."""
    up, down, area = facts["up"], facts["down"], (facts["up_km2"], facts["down_km2"])
    share = 100 * (up + down) / max(facts["pixels"], 1)
    periods = "; ".join(f"{side}: {_dates(facts[f'dates_{side}'])}" for side in ("before", "after"))
    if not facts["pixels"]:
        return [f"{periods}; found: 0 pixels of 0, because none could be tested"]
    return [
        periods,
        f"Found: {number_of(up + down, 'pixel')} of {facts['pixels']:,} ({share:.2f} %), {up:,} up"
        f" ({area[0]:.3g} km²) and {down:,} down ({area[1]:.3g} km²). Speckle alone would give{at_most(facts)}"
        f" {facts['expected_false_alarms']:,.0f} ({100 * facts['significance']:g} %);"
        f" {facts['significant_after_bh']:,} remain after Benjamini-Hochberg.",
        *_not_positive(facts),
        *lost({"": facts["cell_dates_lost"]}),
        *moved(facts),
        f"Looks {facts['looks_before']:.1f} before and {facts['looks_after']:.1f} after"
        f"{assumed(facts['speckle'], facts['looks_share_median'])}. {NOT_ALL_IS_CHANGE_OF_COVER}",
    ]


def _not_positive(facts: Mapping[str, Any]) -> list[str]:
    """A note with the number of cells left out on a date because their mean has no logarithm, if there are any."""
    number = facts["cell_dates_not_positive"]
    total = sum(number.values()) if isinstance(number, Mapping) else number
    return [f"Not tested: {total:,} means of a cell on a date, which are 0 or below."] if total else []


def at_most(facts: Mapping[str, Any]) -> str:
    """Words before the number expected by chance: it is an upper bound if small changes do not count."""
    return " at most" if facts.get("min_change_db") else ""


def assumed(speckle: Mapping[str, Mapping], share: float | None) -> str:
    """Which looks a test used, by polarization code, and what texture and shared speckle leave of them."""
    said = []
    for code, one in speckle.items():
        shared = f", dates share speckle (coherence {one['coherence']:.2f})" if one["coherence"] else ""
        far = f" up to {12 * one['shared_repeats']} days" if one["shared_repeats"] else ""
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


def change_history(data: xr.Dataset, *, geojson: Path, csv: Path, title: str) -> Figure:
    """Maps of the number of changes, the date of the most significant one, and its step in each term.

    Pixels without a change and pixels without data have colours of their own. `data` is change_history.zarr:
    n_changes (NaN or 255: no data), largest_change (datetime64, NaT without a change), largest_step_db, largest_step_p.
    `geojson` and `csv` hold its patches.
    """
    looks, notes = rasters.reduction(data)
    patches = outlines.read(geojson, csv, data, looks)
    counts = rasters.sampled(data, "n_changes", looks).astype(float)
    counts[counts == NO_COUNT] = np.nan
    unchanged = np.where(np.isfinite(counts), 0.0, np.nan)
    terms = data["term"].values
    figure, panels = rasters.panels(data, 2 + len(terms))
    often, when, *steps = panels
    most = int(np.nanmax(counts, initial=1))
    words = {"title": "number of changes", "label": "changes"}
    _draw_classes(often, counts, data, looks, list(map(str, range(most + 1))), **words)
    dates, order = _ranked(rasters.sampled(data, "largest_change", looks))
    image = np.where(order > 0, order, unchanged)
    words = {"title": "date of the largest change", "label": "first date after it"}
    _draw_classes(when, image, data, looks, ["none", *np.datetime_as_string(dates, unit="D")], **words)
    for axes, term in zip(steps, terms):
        of_term = data[["largest_step_db", "largest_step_p", "spatial_ref"]].sel(term=term)
        step, p = (rasters.sampled(of_term, name, looks) for name in ("largest_step_db", "largest_step_p"))
        image = np.where(p < data.attrs["significance"], step, unchanged)
        rasters.draw(axes, image, data, looks, title=f"step of {term} at the largest change", label="dB", **STEP)
    for axes in panels:
        patches.draw(axes)
    if looks > 1:
        notes[0] = f"One pixel of {looks} x {looks} is drawn."
    said = "Largest: the most significant change. A step is drawn where it is significant for its term alone."
    _finish(figure, panels, data, title, [*in_words(data, counts), said, patches.note, *notes])
    return figure


def _finish(figure: Figure, panels: Sequence[Axes], data: xr.Dataset, title: str, notes: Sequence[str]) -> None:
    """Add a scale to the first map, and around the maps what is shown, the cautions about the store, and notes."""
    rasters.add_scale(panels[0], data)
    add_words(figure, title, cautions_of(data), notes, view=view(data.attrs), layout="compressed")


def _ranked(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The dates among some times, and the rank of each from 1 on, 0 for NaT."""
    dates = np.unique(times[~np.isnat(times)])
    return dates, np.where(np.isnat(times), 0, np.searchsorted(dates, times) + 1)


def _draw_classes(
    axes: Axes, image: np.ndarray, data: xr.Dataset, looks: int, labels: Sequence[str], **words: str
) -> None:
    """Draw a map of classes 0, 1, ..., the first of which is without a change; label as many as there is room for."""
    number = len(labels)
    colours = [UNCHANGED, *AMOUNT(np.linspace(0, 0.95, max(number - 1, 1)))][:number]
    scale = BoundaryNorm(np.arange(-0.5, number), number)
    bar = rasters.draw(axes, image, data, looks, cmap=ListedColormap(colours), norm=scale, **words)
    room = max(2, int(4 * axes.bbox.height / bar.ax.figure.dpi))
    places = np.unique(np.linspace(0, number - 1, min(number, room)).round().astype(int)).tolist()
    bar.set_ticks(places, labels=[labels[place] for place in places], fontsize=SMALL)
    bar.minorticks_off()


def in_words(data: xr.Dataset, counts: np.ndarray) -> list[str]:
    """A note with the percentage of pixels that changed, the percentage expected by chance, and other causes."""
    facts, known = data.attrs, np.isfinite(counts).sum()
    if not known:
        return ["No pixel could be tested."]
    terms = [f"{term}{assumed(one, facts['looks_share_median'][term])}" for term, one in facts["speckle"].items()]
    return [
        f"{100 * (counts > 0).sum() / known:.2f} % of the pixels changed; at most {100 * facts['significance']:g} %"
        f" would change by speckle alone ({facts['expected_false_alarms']:,.0f} pixels of the store)."
        f" {NOT_ALL_IS_CHANGE_OF_COVER}",
        *_not_positive(facts),
        *lost(facts["cell_dates_lost"]),
        *moved(facts),
        f"{'. '.join(terms)}.",
    ]
