"""Maps of a term's statistics over time."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.special import chdtri

from gcov.cautions import dates_left_out
from gcov.figures import rasters
from gcov.figures.ramps import AMOUNT, LEVEL
from gcov.figures.style import GAMMA0, add_words
from gcov.headings import view
from gcov.stores.radiometry import to_db


def statistics(data: xr.Dataset, *, title: str) -> Figure:
    """Four maps: mean in dB, coefficient of variation, range from 5 to 95 % in dB, and number of dates.

    `data` is statistics.zarr: (y, x), linear power. Large maps are averaged in linear power, then converted to dB.
    """
    looks, notes = rasters.reduction(data)
    names = ("mean", "cv", "p05", "p95", "count")
    mean, cv, low, high, count = (rasters.averaged(data, name, looks) for name in names)
    spread = to_db(high) - to_db(low)
    most_dates = np.nanmax(count, initial=1)
    maps = (
        ("mean", to_db(mean), f"mean {GAMMA0['db']}", LEVEL, _limits(to_db(mean)), "both"),
        ("coefficient of variation", cv, "standard deviation / mean", AMOUNT, (0, _limits(cv)[1]), "max"),
        ("range over dates", spread, "95 % minus 5 % (dB)", AMOUNT, (0, _limits(spread)[1]), "max"),
        ("dates used", np.where(count > 0, count, np.nan), "number of dates", AMOUNT, (0, most_dates), "neither"),
    )
    figure, panels = rasters.panels(data, len(maps))
    for axes, (name, image, label, cmap, (least, most), extend) in zip(panels, maps):
        rasters.draw(axes, image, data, looks, title=name, label=label, cmap=cmap, extend=extend, vmin=least, vmax=most)
    rasters.add_scale(panels[0], data)
    if "looks" in data.attrs:
        variance = np.mean(1 / np.asarray(data.attrs["looks"]))  # looks per date
        speckle = f"Speckle alone gives a coefficient of variation of about {np.sqrt(variance):.2f}"
        words = f"{speckle} ({1 / variance:.1f} looks)"
        if (dates := np.median(count[count > 0])) > 1:
            most = np.sqrt(variance * chdtri(dates - 1, 0.05) / (dates - 1))  # a sample variance is about chi-squared
            words += f"; with {dates:.0f} dates, 5 % of unchanged pixels exceed {most:.2f}"
        notes.insert(0, f"{words}.")
    seen: dict[str, Any] = {"view": view(data.attrs), "layout": "compressed"}
    add_words(figure, f"{title}: statistics over time", cautions_of(data), notes, **seen)
    return figure


def cautions_of(data: xr.Dataset) -> list[str]:
    """The warnings in a store's attributes: maturities, a warning about its processing, dates left out."""
    said = [data.attrs.get(key, "") for key in ("maturity_note", "warning")]
    return [words for words in [*said, *dates_left_out(data.attrs)] if words]


def _limits(image: np.ndarray) -> tuple[float, float]:
    """The 2 and 98 % quantiles of the finite values, at least 0.01 apart; 0 and 1 if there are none."""
    known = image[np.isfinite(image)]
    low, high = np.quantile(known, [0.02, 0.98]) if known.size else (0.0, 1.0)
    return float(low), float(max(high, low + 0.01))
