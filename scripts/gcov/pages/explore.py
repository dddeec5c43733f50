"""explore.html: the images and series of an AOI in one interactive file."""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import shapely
import xarray as xr
from PIL import ImageColor

from gcov.analysis.multilook import Multilook
from gcov.cautions import has_term, release_changes
from gcov.figures import palette
from gcov.files import read_json
from gcov.pages import notes, pixels
from gcov.pages.charts import Tables, charts, numbers
from gcov.stores import store
from gcov.stores.grid import projected
from gcov.stores.stack import Stack
from gcov.words import filled

TEMPLATE = Path(__file__).with_name("explore.html")
NODES = 9  # nodes of longitude and latitude along each side; bilinear between them, accurate to 0.25 m over 57 km
RAMPS = {"grey": palette.LEVEL, "viridis": palette.AMOUNT, "change": palette.CHANGE, "spread": palette.AMOUNT}
WINDOWS = (1, 3, 5, 7, 11)  # cells on a side of the averaging window
Zones = Sequence[tuple[str, shapely.Geometry]]  # names, polygons in the stack's CRS
Products = Sequence[tuple[str, str, Sequence[str]]]  # names, words, relative paths of their files


@dataclass(frozen=True)
class ChangeOnPage:
    """A change between two periods: its JSON, and the map `change` (y, x) of its store, which is read in parts.

    A pixel of the map is 1, -1, 0 or -128 (no data), for a cell of `multilook` x `multilook` samples of the stack.
    """

    name: str
    term: str
    facts: dict
    change: xr.DataArray

    @classmethod
    def of(cls, summary: Path) -> "ChangeOnPage":
        """A change from its JSON, results/{aoi}/{term}/change/{name}.json, and the store beside it."""
        facts = read_json(summary)
        change = store.open_store(summary.with_suffix(".zarr"))["change"]
        return cls(summary.stem, summary.parents[1].name, facts, change)

    @property
    def text(self) -> str:
        """The result, in one line."""
        facts = self.facts
        if not facts["pixels"]:
            return f"{self.name}, {self.term}: no pixel could be tested. {facts['warning']}".rstrip()
        return (
            f"{self.name}, {self.term}: {facts['down_km2']:.3g} km² lower, {facts['up_km2']:.3g} km² higher at a"
            f" significance of {facts['significance']:g}; by chance {facts['expected_false_alarms']:,.0f} samples"
        )

    def codes(self, shape: tuple[int, int], looks: int) -> np.ndarray:
        """One byte per cell of looks x looks samples of a stack (ny, nx).

        1 if at least half of the cell's samples with data are lower, 3 if higher, 2 if neither, 0 without data.
        """
        lower, higher = Multilook(looks, shape), Multilook(looks, shape)
        down, across = (np.arange(size) // self.facts["multilook"] for size in shape)  # the map's pixel of each sample
        for top in range(0, shape[0], store.CHUNK):
            rows = slice(top, min(top + store.CHUNK, shape[0]))
            first, last = down[rows][[0, -1]]
            part = self.change[first : last + 1].values[down[rows] - first][:, across]
            tested = np.abs(part, dtype=np.int16) <= 1
            lower.add(np.where(tested, part == -1, np.float32(np.nan)), rows)
            higher.add(np.where(tested, part == 1, np.float32(np.nan)), rows)
        shares = lower.mean, higher.mean
        return np.select([np.isnan(shares[0]), shares[0] >= 0.5, shares[1] >= 0.5], [0, 1, 3], 2).astype("u1")


def page(
    stack: Stack,
    tables: Tables,
    granules: pd.DataFrame,
    *,
    zones: Zones,
    changes: Sequence[ChangeOnPage],
    products: Products,
    origin: Mapping[str, str],
    megabytes: float,
) -> str:
    """The page of a stack, of at most `megabytes` (10^6 bytes).

    `granules` is granules.csv as text, `products` are the files to link to, `origin` is the provenance. Means,
    zones and indices come from the tables, which use every sample. Only images and clicked places use averaged cells.
    Raises GcovError if the page cannot be made small enough.
    """
    data = stack.data
    warned = notes.warnings(tables.series, data.attrs, tables.min_valid_fraction)
    warned += [f"change {one.name}, {one.term}: {one.facts['warning']}" for one in changes if one.facts.get("warning")]
    parts = {
        "title": html.escape(f"{data.attrs['aoi']}: NISAR L-band backscatter over time"),
        "warnings": warning_list(warned),
        "tables": details(tables.series, data.attrs["frequency"], granules, products, origin),
    }
    facts = facts_of(stack, tables, zones)
    shape = data.sizes["y"], data.sizes["x"]
    rest = len(TEMPLATE.read_bytes()) + len(json.dumps([facts, parts])) + 10_000  # margin for later parts
    looks, images, layers = pixels.encoded(
        stack,
        list(tables.series),
        lambda looks: [one.codes(shape, looks) for one in changes],
        room=megabytes * pixels.MEGABYTE - rest,
    )
    for term, image in images.items():
        facts["terms"][term] |= {"low": image.low, "stretch": image.stretch}
    facts |= {
        "grid": grid_of(data, looks),
        "changes": [{"name": f"{c.name} ({c.term})", "text": c.text} for c in changes],
    }
    texts = {f"{term}-{date}": text for term, image in images.items() for date, text in image.texts.items()}
    texts |= {f"change-{n}": text for n, text in enumerate(layers)}
    scripts = (f'<script type="text/plain" id="{name}">{text}</script>' for name, text in texts.items())
    parts |= {"none": palette.NO_DATA, "fell": palette.FELL, "rose": palette.ROSE}
    parts |= choices(facts) | {"subtitle": subtitle(data, looks), "images": "\n".join(scripts)}
    parts["facts"] = json.dumps(facts, separators=(",", ":")).replace("<", "\\u003c")
    return filled(TEMPLATE.read_text(encoding="utf-8"), parts)


def choices(facts: dict) -> dict[str, str]:
    """The options of each control, by its name: quantity, comparison, dates, averaging, and index series."""
    dates, looks = facts["dates"], facts["grid"]["looks"]
    modes = {"one": "one date"}
    if len(dates) > 1:
        modes |= {"change": "change between two dates", "swipe": "two dates, swipe", "spread": "spread over dates"}
    options = {
        "show": {name: name for name, chart in facts["charts"].items() if chart["terms"]},
        "mode": modes | {str(n): change["name"] for n, change in enumerate(facts["changes"])},
        "to": {str(n): date["time"][:10] for n, date in enumerate(dates)},
        "average": {str(n): f"{n} x {n}, {n * looks * facts['grid']['dx']:g} m" for n in WINDOWS},
        "index": {"": "the image"} | {name: name for name, chart in facts["charts"].items() if not chart["terms"]},
    }
    return {
        control: "".join(f'<option value="{value}">{html.escape(text)}</option>' for value, text in texts.items())
        for control, texts in options.items()
    }


def subtitle(data: xr.Dataset, looks: int) -> str:
    """The subtitle: dates, cell size and resolution in dB."""
    days = np.datetime_as_string(data["time"].values, unit="D")
    span = f"{len(days)} dates from {days[0]} to {days[-1]}" if len(days) > 1 else f"one date, {days[0]}"
    metres = abs(data.rio.resolution()[0]) * looks
    averaged = f"cells of {looks} x {looks} samples ({metres:g} m) averaged in power"
    images = averaged if looks > 1 else f"full resolution ({metres:g} m)"
    means = "means and zones from the stack's own samples"
    return f"γ⁰, terrain-corrected, {span}; images: {images}, in steps of 0.25 dB; {means}"


def grid_of(data: xr.Dataset, looks: int) -> dict:
    """The grid of cells, with longitudes and latitudes at 9 x 9 nodes from its north-west to its south-east corner."""
    dx, _, left, _, dy, top = data.rio.transform()[:6]
    rows, cols = (-(-data.sizes[axis] // looks) for axis in ("y", "x"))
    x, y = np.meshgrid(np.linspace(0, cols * looks, NODES) * dx + left, np.linspace(0, rows * looks, NODES) * dy + top)
    lon, lat = pyproj.Transformer.from_crs(data.rio.crs, 4326, always_xy=True).transform(x, y)
    facts = {"left": left, "top": top, "dx": dx, "dy": dy, "looks": looks, "rows": rows, "cols": cols}
    return facts | {"epsg": data.rio.crs.to_epsg(), "lon": lon.round(7).tolist(), "lat": lat.round(7).tolist()}


def facts_of(stack: Stack, tables: Tables, zones: Zones) -> dict:
    """All data for the page's script except the images; positions are in samples from the north-west corner."""
    data = stack.data
    first = next(iter(tables.series.values()))
    polygon = data.attrs["aoi_polygon"] or shapely.box(*data.attrs["aoi_bbox"]).wkt
    dates = first.assign(time=first["time"].dt.strftime("%Y-%m-%dT%H:%M:%S"))[["time", "crid", "maturity"]]
    return {
        "aoi": data.attrs["aoi"],
        "dates": dates.to_dict("records"),
        "releases": list(release_changes(first)["crid"].items()),
        "rain": numbers(first["rain_mm"]) if "rain_mm" in first else [],
        "terms": {term: {"valid": numbers(table["valid_fraction"])} for term, table in tables.series.items()},
        "charts": charts(tables, [name for name, _ in zones], data.attrs["frequency"]),
        "outline": rings(projected(polygon, data.rio.crs), data),
        "zones": [{"name": name, "rings": rings(shape, data)} for name, shape in zones],
        **colours(),
        "python": python(stack),
    }


def colours() -> dict:
    """The page's colours: ramps and classes as 32-bit numbers in the byte order of canvases, the rest as in CSS."""
    classes = {"none": palette.NO_DATA, "fell": palette.FELL, "rose": palette.ROSE}
    rgba = {name: ImageColor.getrgb(colour) for name, colour in classes.items()}
    styles = [palette.AREA, *map(palette.zone, range(palette.DISTINCT))]
    return {
        "ramps": {name: ramp(np.arange(256), bytes=True).view("<u4").ravel().tolist() for name, ramp in RAMPS.items()},
        "classes": {name: int.from_bytes(bytes([*bands, 255]), "little") for name, bands in rgba.items()},
        "styles": [{"colour": s.colour, "dash": " ".join(map(str, s.dashes)), "marker": s.outline} for s in styles],
        "release": palette.RELEASE,
        "fallen": palette.RAIN,
    }


def rings(shape: shapely.Geometry, data: xr.Dataset) -> list[list[list[float]]]:
    """Polygon rings as (column, row) in samples from the stack's north-west corner, rounded to 0.1.

    `shape` is in the stack's CRS.
    """
    dx, _, left, _, dy, top = data.rio.transform()[:6]
    placed = shapely.simplify(shapely.transform(shape, lambda xy: (xy - (left, top)) / (dx, dy)), 0.1)
    outer = [ring for part in shapely.get_parts(placed) for ring in (part.exterior, *part.interiors)]
    return [np.round(ring.coords, 1).tolist() for ring in outer]


def python(stack: Stack) -> str:
    """A Python snippet that reads a place from the store; the page fills in TERM, ROWS and COLS."""
    layer = ' & (stack["TERM_valid"] == 1)' if any(str(name).endswith(store.VALID) for name in stack.data) else ""
    where = f'.where((stack["mask"] >= 1) & (stack["mask"] <= 254){layer})' if stack.valid_samples_only else ""
    return (
        'import numpy as np\nimport xarray as xr\n\nstack = xr.open_zarr("stack.zarr")\n'
        f'power = stack["TERM"]{where}\n'
        'place = power.isel(y=slice(ROWS), x=slice(COLS))\ndb = 10 * np.log10(place.mean(("y", "x")))  # dB last'
    )


def warning_list(texts: Sequence[str]) -> str:
    """The warnings as an open list; empty if there are none."""
    if not texts:
        return ""
    head = f"Read this first: {len(texts)} warning{'s' if len(texts) > 1 else ''}"
    return f'<details class="warnings" open><summary>{head}</summary><ul>{items(texts)}</ul></details>'


def items(texts: Iterable[str]) -> str:
    """Texts as HTML list items."""
    return "".join(f"<li>{html.escape(text)}" for text in texts)


def details(
    series: Mapping[str, pd.DataFrame],
    frequency: str,
    granules: pd.DataFrame,
    products: Products,
    origin: Mapping[str, str],
) -> str:
    """The lower part of the page: dates and granules, unused granules and why, files, provenance."""
    rows = []
    recorded = [has_term(table, term, frequency) for term, table in series.items()]
    for n, date in enumerate(next(iter(series.values())).itertuples()):
        valid = [
            f"{100 * table['valid_fraction'][n]:.1f} %" if has[n] else f"no {term}"
            for (term, table), has in zip(series.items(), recorded)
        ]
        button = f'<tr data-date="{n}"><td><button data-go="{n}">{date.time:%Y-%m-%d %H:%M:%S}</button>'
        rows.append(button + cells([date.crid, date.maturity, *valid, date.granule]))
    heads = ["Date, UTC", "Release", "Maturity", *(f"{term} valid" for term in series), "Granules"]
    unused = granules[granules["kept"] == "false"]
    dropped = ["<tr>" + cells([one.name, one.reason]) for one in unused.itertuples(index=False)]
    facts = "".join(f"<dt>{html.escape(key)}<dd>{html.escape(value)}" for key, value in origin.items())
    why = html_table("Granules found and not used", ["Granule", "Why"], dropped) if dropped else ""
    return (
        f"<h2>Dates and granules</h2>{html_table('Dates and granules', heads, rows)}"
        f"<details><summary>Granules found and not used: {len(dropped)}</summary>{why}</details>"
        f"<h2>Files</h2><dl>{files(products)}</dl>"
        f"<details><summary>Granules, settings, software</summary><dl>{facts}</dl></details>"
    )


def files(products: Products) -> str:
    """Each product as an HTML term with its words and links to its files."""
    return "".join(
        f"<dt>{html.escape(name)}<dd>{html.escape(words)}<br>"
        + " ".join(f'<a href="{html.escape(path)}">{html.escape(path)}</a>' for path in paths)
        for name, words, paths in products
    )


def cells(texts: Iterable[object]) -> str:
    """HTML cells of a table row."""
    return "".join(f"<td>{html.escape(str(text))}" for text in texts)


def html_table(label: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """An HTML table in a box that scrolls."""
    head = "".join(f"<th>{html.escape(text)}" for text in heads)
    body = f"<table><thead><tr>{head}<tbody>{''.join(rows)}</table>"
    return f'<div class="table" tabindex="0" role="region" aria-label="{label}">{body}</div>'
