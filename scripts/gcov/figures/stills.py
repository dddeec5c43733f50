"""Still figures: histograms, mean series, the map. Matplotlib without pyplot: no window, no global state."""

import csv
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from gcov.errors import GcovError
from gcov.files import building
from gcov.granules import maturity_note

log = logging.getLogger(__name__)


POWER, DB = "#b5541c", "#1f4e79"
GAMMA0 = {"power": "$\\gamma^0$ (linear power)", "db": "$\\gamma^0$ (dB)"}


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def provenance(stack: Path, valid_samples_only: bool) -> dict[str, str]:
    """What a product made from a stack must say of its origin: granules with their releases, settings, software.

    Read from the stack's own attributes, as text by name.
    """
    attributes = json.loads((stack / "zarr.json").read_text())["attributes"]
    granules = [record["name"] for record in json.loads(attributes["granule_records"])]
    settings = {key: value for key in ("aoi", "aoi_bbox", "aoi_polygon", "frequency") if (value := attributes[key])}
    settings["valid_samples_only"] = valid_samples_only
    return {"Granules": " ".join(granules), "Settings": json.dumps(settings), "Software": attributes["software"]}


def save(figure: Figure, path: Path, provenance: dict[str, str]) -> None:
    """Write a PNG, with its provenance as text chunks, beside its place and move it there."""
    with building(path) as part:
        figure.savefig(part, format="png", dpi=130, metadata=provenance)


def add_titles(axes, title: str, rows: list[dict[str, str]]) -> None:
    """Title on the left; on the right what must be known of the maturity of the data, if anything."""
    axes.set_title(title, loc="left", fontsize=11, weight="bold")
    axes.set_title(
        maturity_note(row["maturity"] for row in rows) or "",
        loc="right",
        fontsize=7.5,
        color="#a00000",
        wrap=True,
    )


def histogram(counts: list[dict[str, str]], series: list[dict[str, str]], *, quantity: str, title: str) -> Figure:
    """Bars of a histogram CSV (`quantity` db or power); samples outside of bins or axis are counted below."""
    edges = np.array([float(row["bin_left"]) for row in counts] + [float(counts[-1]["bin_right"])])
    numbers = np.array([int(row["count"]) for row in counts])
    samples = sum(int(row["n_valid"]) for row in series)
    outside = samples - numbers.sum()
    shown = len(numbers) - int(
        np.argmax(np.cumsum(numbers[::-1]) > 0.001 * numbers.sum())
    )  # the long tail is not drawn
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.stairs(numbers, edges, fill=True, color=POWER if quantity == "power" else DB, alpha=0.85)
    axes.set(xlim=(edges[0], edges[shown]), ylim=(0, None), ylabel=f"samples per {edges[1] - edges[0]:.3g}")
    axes.set_xlabel(
        f"{GAMMA0[quantity]}\n{samples:,} samples on {len(series)} dates; {outside:,} outside of"
        f" {edges[0]:g} to {edges[-1]:g}, {numbers[shown:].sum():,} more right of this axis"
    )
    axes.ticklabel_format(axis="y", scilimits=(0, 4))
    add_titles(axes, title, series)
    return figure


def mean_series(rows: list[dict[str, str]], *, title: str) -> Figure:
    """Mean power (left) and the same in dB (right) per date; dates without a sample are marked at the foot."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    with_mean = [row for row in rows if row["mean_power"]]
    for axes, key, colour, marker, (foot, head) in (
        (left, "power", POWER, "s", (0.9, 0.15)),  # the two curves have nearly one shape: power in the upper half,
        (right, "db", DB, "o", (0.15, 0.9)),  # dB in the lower one
    ):
        values = np.array([float(row[f"mean_{key}"] or "nan") for row in with_mean])
        axes.plot(times(with_mean), values, marker=marker, color=colour, linewidth=1.4, markersize=5)
        axes.set_ylabel(f"mean {GAMMA0[key]}", color=colour)
        axes.tick_params(axis="y", colors=colour)
        if values.size:
            span = np.nanmax(values) - np.nanmin(values) or abs(values[0]) * 0.1
            axes.set_ylim(np.nanmin(values) - foot * span, np.nanmax(values) + head * span)
    if empty := times([row for row in rows if not row["mean_power"]]):
        left.plot(
            empty,
            [0.02] * len(empty),
            "x",
            color="black",
            transform=left.get_xaxis_transform(),
            label="no valid sample",
        )
        left.legend(loc="upper right", fontsize=8)
    date_axis(left, times(rows))
    fractions = [float(row["valid_fraction"]) for row in rows]
    left.set_xlabel(
        "start of acquisition, UTC\n"
        f"{100 * min(fractions):.1f} to {100 * max(fractions):.1f} % of the AOI's samples averaged"
    )
    left.grid(alpha=0.3)
    add_titles(left, title, rows)
    return figure


def times(rows: list[dict[str, str]]) -> list[datetime]:
    """The time column."""
    return [datetime.fromisoformat(row["time"]) for row in rows]


def date_axis(axes, dates: list[datetime]) -> None:
    """Short date labels that do not run into each other, on an axis wide enough for a single date."""
    if len(dates) == 1:
        axes.set_xlim(dates[0] - timedelta(days=6), dates[0] + timedelta(days=6))
    locator = AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def location(features: list[dict], basemap: str | None) -> Figure:
    """A map of the AOI (red) and the granules' footprints (blue), over tiles where they can be had."""
    aoi, *granules = features
    figure = Figure(figsize=(7, 7), layout="constrained")
    axes = figure.subplots()
    blue = to_rgba(DB)
    footprints = [np.transpose(ring) for granule in granules for ring in rings(granule)]
    fill = (*blue[:3], min(0.15, 0.3 / len(granules)))
    axes.add_collection(PolyCollection(footprints, facecolors=[fill], edgecolors=[blue], linewidths=0.8))
    axes.autoscale_view()
    for ring in rings(aoi):
        axes.fill(*ring, facecolor="#d02020", alpha=0.25)
        axes.plot(*ring, color="#d02020", linewidth=2)
    axes.margins(0.12)
    south, north = axes.get_ylim()
    axes.set_aspect(1 / np.cos(np.radians((south + north) / 2)), adjustable="datalim")
    axes.set(xlabel="longitude (°)", ylabel="latitude (°)")
    add_titles(
        axes,
        f"{aoi['properties']['name']}: AOI and {len(granules)} granules",
        [g["properties"] for g in granules],
    )
    if basemap:
        add_tiles(axes, basemap)
    return figure


def rings(feature: dict) -> list[tuple[list[float], list[float]]]:
    """Longitudes and latitudes of the outer rings of a polygon or multipolygon."""
    geometry = feature["geometry"]
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [tuple(zip(*polygon[0])) for polygon in polygons]


def add_tiles(axes, basemap: str) -> None:
    """Lay map tiles under the axes. Unreachable tiles are no error: the map goes without and the log says so."""
    import contextily  # 2 s, and only maps need it
    import requests

    try:
        source = basemap if "{z}" in basemap else contextily.providers.query_name(basemap)
        probe = basemap if "{z}" in basemap else source.build_url()
        requests.get(
            probe.format(x=0, y=0, z=0, s="a"), timeout=10
        ).raise_for_status()  # contextily itself waits for ever
        contextily.add_basemap(axes, crs="EPSG:4326", source=source, attribution_size=6)
    except ValueError as error:
        raise GcovError(f"basemap: {basemap!r} is no provider that xyzservices knows: {error}") from None
    except OSError as error:
        log.warning("the map has no tiles: %s cannot be reached (%s)", basemap, type(error).__name__)
