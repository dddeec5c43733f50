"""index.html: a world map of all AOIs and a card for each. Static, without scripts."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image, ImageColor

from gcov.analysis.multilook import image_of
from gcov.cautions import has_term, line, little_valid
from gcov.figures import palette
from gcov.figures.land import land_rings
from gcov.pages import notes
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack
from gcov.words import filled

TEMPLATE = Path(__file__).with_name("index.html")
THUMBNAIL = 480  # most cells along the longer side
SPARK = (360, 64)  # width and height


@dataclass(frozen=True)
class Area:
    """The data of an AOI's card: its stack, mean series by term (empty without diagonal terms) and granules.csv."""

    stack: Stack
    series: Mapping[str, pd.DataFrame]
    granules: pd.DataFrame
    explored: bool  # whether it has an explore.html
    min_valid_fraction: float
    shown_db: Mapping[str, Sequence[float]]  # limits of the images in dB by term, where they are set
    news: Sequence[str] = ()  # since the run before

    @property
    def data(self) -> xr.Dataset:
        """The stack as a Dataset."""
        return self.stack.data

    @property
    def name(self) -> str:
        """The AOI's name."""
        return self.data.attrs["aoi"]


def page(areas: Sequence[Area]) -> str:
    """The page of all AOIs, to be placed beside their folders."""
    number = f"{len(areas)} areas" if len(areas) > 1 else "one area"
    land = "".join("M" + "L".join(f"{lon:g},{-lat:g}" for lon, lat in ring) + "z" for ring in land_rings())
    parts = {
        "title": f"NISAR backscatter time series: {number}",
        "land": land,
        "markers": "".join(map(marker, areas)),
        "cards": "\n".join(map(card, areas)),
        "aoi": palette.AOI,
    }
    return filled(TEMPLATE.read_text(encoding="utf-8"), parts)


def marker(area: Area) -> str:
    """A dot and the AOI's name on the map (degrees, north up), linking to its card."""
    west, south, east, north = area.data.attrs["aoi_bbox"]
    x, y = (west + east) / 2, -(south + north) / 2
    side = f'x="{x + 3:.2f}"' if x < 140 else f'x="{x - 3:.2f}" text-anchor="end"'
    dot = f'<circle cx="{x:.2f}" cy="{y:.2f}" r="2"/>'
    return f'<a href="#{area.name}">{dot}<text {side} y="{y + 1.7:.2f}">{area.name}</text></a>'


def card(area: Area) -> str:
    """An AOI's latest valid image, warnings, facts, series and links."""
    folder, data = area.name, area.data
    title = f'<a href="{folder}/explore.html">{folder}</a>' if area.explored else folder
    parts = [f"<h2>{title}</h2>"]
    if area.series:
        term, series = next(iter(area.series.items()))
        parts.append(picture(area, term, series))
        if texts := notes.warnings(area.series, data.attrs, area.min_valid_fraction):
            parts.append(f'<ul class="warnings">{"".join(f"<li>{html.escape(text)}" for text in texts)}</ul>')
        parts.append(spark(series[has_term(series, term, data.attrs["frequency"])], term, area.min_valid_fraction))
    news = {"Since the last run": "; ".join(area.news)} if area.news else {}
    rows = "".join(f"<dt>{name}<dd>{html.escape(text)}" for name, text in (news | facts(area)).items())
    parts.append(f"<dl>{rows}</dl>")
    links = {"explore": "explore.html"} if area.explored else {}
    links |= {"map": "location.png", "granules": "granules.csv"}
    links |= {f"{term} series": f"{term}/mean_series.csv" for term in area.series}
    anchors = " · ".join(f'<a href="{folder}/{path}">{text}</a>' for text, path in links.items())
    parts.append(f'<p class="links">{anchors} · <span class="soft">{folder}/stack.zarr</span></p>')
    return f'<article id="{folder}">{"".join(parts)}</article>'


def facts(area: Area) -> dict[str, str]:
    """The facts on an AOI's card, as text by label."""
    times = pd.Series(area.data["time"].values).dt.strftime("%Y-%m-%d %H:%M")
    last = f"{times.iloc[-1]} UTC, {area.data['crid'].values[-1]} {area.data['maturity'].values[-1]}"
    said = {"Dates": f"{len(times)}, {times.iloc[0][:10]} to {times.iloc[-1][:10]}" if len(times) > 1 else "1"}
    said["Latest"] = last
    for term, series in area.series.items():
        has = series[has_term(series, term, area.data.attrs["frequency"])]
        valid, mean = 100 * has["valid_fraction"], has["mean_db"].dropna()
        means = f"{mean.iloc[-1]:.2f} dB last, {mean.min():.2f} to {mean.max():.2f}; " if len(mean) else ""
        share = f"{valid.min():.0f} to {valid.max():.0f} % valid" if len(has) else f"no date has {term}"
        said[term] = f"{means}{share}".replace("-", "−")
    dropped = (area.granules["kept"] == "false").sum()
    tracks = area.granules[["track", "direction"]].drop_duplicates().agg(" ".join, axis=1)
    said["Track"] = ", ".join(tracks)
    said["Area"] = ", ".join(f"{edge:.3f}" for edge in area.data.attrs["aoi_bbox"]) + "°"
    return said | {"Granules": f"{len(area.granules) - dropped} used, {dropped} not"}


def picture(area: Area, term: str, series: pd.DataFrame) -> str:
    """The latest dB image with a valid sample, in grey: within the limits set, or from its 5 to its 95 % quantile."""
    valid = np.flatnonzero(series["n_valid"])
    if not len(valid):
        return '<p class="soft">no valid sample on any date</p>'
    date = int(valid[-1])
    looks = -(-max(area.data.sizes["y"], area.data.sizes["x"]) // THUMBNAIL)
    power, lost = image_of(area.stack, term, date, looks)
    db = to_db(power)
    seen = np.isfinite(db)
    measured = np.percentile(db[seen], [5, 95]) if seen.any() else (0, 1)
    low, high = area.shown_db.get(term, measured)
    grey = 2 + np.clip(np.nan_to_num((db - low) / max(high - low, 0.1)), 0, 1) * 253
    image = Image.fromarray(np.where(seen, grey, lost).astype("u1"), "P")
    colours = [*ImageColor.getrgb(palette.NO_DATA), *ImageColor.getrgb(palette.NO_ECHO)]
    image.putpalette([*colours, *np.repeat(np.arange(254), 3).tolist()])
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    words = f"{term} of {area.name} in dB on {series['time'][date]:%Y-%m-%d}, the latest date with valid samples"
    return f'<img alt="{words}" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'


def spark(dates: pd.DataFrame, term: str, min_valid_fraction: float) -> str:
    """The mean series of a term as a small line chart; hollow dots for few valid samples, crosses for none."""
    if dates["mean_db"].isna().all():
        return ""
    width, height = SPARK
    begin, end = dates["time"].iloc[0], dates["time"].iloc[-1]
    middle = (dates["mean_db"].min() + dates["mean_db"].max()) / 2
    half = max(1, dates["mean_db"].max() - dates["mean_db"].min()) / 2  # at least 1 dB: noise must not look like signal
    drawn = line(dates)
    x = 6 + (drawn["time"] - begin) / (max(end - begin, pd.Timedelta(1, "D"))) * (width - 12)
    y = height / 2 - (drawn["mean_db"] - middle) / half * (height / 2 - 8)
    path, pen = "", "M"
    for left, top in zip(x, y):
        path, pen = (path, "M") if np.isnan(top) else (f"{path}{pen}{left:.1f},{top:.1f}", "L")
    colour = palette.QUANTITIES["db"]
    fills = dict(zip(dates["time"], np.where(little_valid(dates, min_valid_fraction), "#fff", colour)))
    dots = "".join(
        f'<circle cx="{left:.1f}" cy="{top:.1f}" r="2.2" fill="{fills[time]}" stroke="{colour}"/>'
        for time, left, top in zip(drawn["time"], x, y)
        if not np.isnan(top)
    )
    empty = x[drawn["n_valid"] == 0]
    crosses = "".join(
        f'<text x="{left:.1f}" y="{height - 2}" font-size="11" text-anchor="middle">×</text>' for left in empty
    )
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" role="img" aria-label="mean {term} over time">'
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>{dots}{crosses}</svg>'
    )
