"""explore.html: the images and series of an AOI in one interactive file."""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr
from PIL import ImageColor

from gcov.cautions import has_term, release_changes, without_echo
from gcov.figures import palette, ramps
from gcov.pages import notes, pixels
from gcov.pages.change import Changed, probability, rings
from gcov.pages.charts import Tables, charts, numbers
from gcov.stores import store
from gcov.stores.grid import projected
from gcov.stores.stack import Stack
from gcov.words import filled, number_of

TEMPLATE = Path(__file__).with_name("explore.html")
PATCHES = 0.1  # of the page's size, at most, for tables and outlines of patches
NODES = 9  # nodes of longitude and latitude along each side; bilinear between them, accurate to 0.25 m over 57 km
RAMPS = {
    "grey": ramps.LEVEL, "viridis": ramps.AMOUNT, "change": ramps.CHANGE, "spread": ramps.AMOUNT,
    "number": ramps.AMOUNT, "when": ramps.AMOUNT, "step": ramps.CHANGE,
}  # fmt: skip
CLASSES = {  # of cells and patches
    "none": palette.NO_DATA, "lost": palette.NO_ECHO, "fell": palette.FELL, "rose": palette.ROSE,
    "unchanged": palette.UNCHANGED,
}  # fmt: skip
HISTORY = {"number": "number of changes", "when": "date of largest change", "step": "step of largest change"}
MOST_CHANGES = 300  # of zones, in the table
WINDOWS = (1, 3, 5, 7, 11)  # cells on a side of the averaging window
CLIP = """import geopandas as gpd
import rioxarray  # adds .rio

patch = gpd.read_file("FILE").query("id == 'ID'")
place = power.rio.clip(patch.to_crs(power.rio.crs).geometry)"""  # in place of the slices, for a patch
Zones = Sequence[tuple[str, shapely.Geometry]]  # names, polygons in the stack's CRS
Products = Sequence[tuple[str, str, Sequence[str]]]  # names, words, relative paths of their files


def page(
    stack: Stack,
    tables: Tables,
    granules: pd.DataFrame,
    *,
    zones: Zones,
    changed: Changed,
    products: Products,
    origin: Mapping[str, str],
    megabytes: float,
    shown_db: Mapping[str, Sequence[float]],
    cite: str = "",
) -> str:
    """The page of a stack, of at most `megabytes` (10^6 bytes).

    `granules` is granules.csv as text, `products` are the files to link to, `origin` is the provenance, `shown_db` are
    limits of the first view in dB, by term, `cite` is methods.txt. Means, zones and indices come from the tables, which
    use every sample. Only images and clicked places use averaged cells. Raises GcovError if the page cannot be made
    small enough.
    """
    data = stack.data
    warned = notes.warnings(tables.series, data.attrs, tables.min_valid_fraction)
    parts = {
        "title": html.escape(f"{data.attrs['aoi']}: NISAR L-band backscatter over time"),
        "warnings": warning_list([*warned, *changed.warnings]),
        "zone_changes": zone_changes(changed.zones, changed.gain),
        "tables": details(tables.series, data.attrs["frequency"], granules, products, origin, cite),
    }
    facts = facts_of(stack, tables, zones) | changed.facts(data, PATCHES * megabytes * pixels.MEGABYTE)
    shape = data.sizes["y"], data.sizes["x"]
    known = json.dumps([facts, parts], ensure_ascii=False)
    rest = len(TEMPLATE.read_bytes()) + len(known.encode()) + 10_000  # margin for later parts
    looks, images, layers = pixels.encoded(
        stack, list(tables.series), lambda looks: changed.layers(shape, looks), room=megabytes * pixels.MEGABYTE - rest
    )
    for term, image in images.items():
        stretch = shown_db.get(term) or image.stretch
        facts["terms"][term] |= {"low": image.low, "stretch": stretch, "lost": list(image.lost)}
    facts |= {"grid": grid_of(data, looks), "layers": list(layers)}
    texts = {f"{term}-{date}": text for term, image in images.items() for date, text in image.texts.items()}
    texts |= {f"{term}-{date}-lost": text for term, image in images.items() for date, text in image.lost.items()}
    texts |= {f"layer-{name}": text for name, text in layers.items()}
    scripts = (f'<script type="text/plain" id="{name}">{text}</script>' for name, text in texts.items())
    parts |= CLASSES | choices(facts) | {"subtitle": subtitle(data, looks), "images": "\n".join(scripts)}
    parts["facts"] = json.dumps(facts, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return filled(TEMPLATE.read_text(encoding="utf-8"), parts)


def choices(facts: dict) -> dict[str, str]:
    """The options of each control, by its name: quantity, comparison, dates, averaging, and index series."""
    dates, looks = facts["dates"], facts["grid"]["looks"]
    modes = {"one": "one date"}
    if len(dates) > 1:
        modes |= {"change": "change between two dates", "swipe": "two dates, swipe", "spread": "spread over dates"}
    if facts["history"]:
        modes |= HISTORY
    options = {
        "show": {name: name for name, chart in facts["charts"].items() if chart["terms"]},
        "mode": modes | {str(n): change["name"] for n, change in enumerate(facts["changes"])},
        "to": {str(n): date["time"][:10] for n, date in enumerate(dates)},
        "average": {str(n): f"{n} x {n}, {n * looks * facts['grid']['dx']:g} m" for n in WINDOWS},
        "set": {str(n): one["name"] for n, one in enumerate(facts["patches"])},
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
        "terms": {
            term: {"valid": numbers(table["valid_fraction"]), "without": numbers(without_echo(table))}
            | {"below": limits_of(stack, term)}
            for term, table in tables.series.items()
        },
        "charts": charts(tables, [name for name, _ in zones], data.attrs["frequency"]),
        "outline": rings(projected(polygon, data.rio.crs), data),
        "zones": [{"name": name, "rings": rings(shape, data)} for name, shape in zones],
        **colours(),
        "python": python(stack, lost=any(without_echo(table).any() for table in tables.series.values())),
        "clip": CLIP,
    }


def colours() -> dict:
    """The page's colours: ramps and classes as 32-bit numbers in the byte order of canvases, the rest as in CSS."""
    rgba = {name: ImageColor.getrgb(colour) for name, colour in CLASSES.items()}
    styles = [palette.AREA, *map(palette.zone, range(palette.DISTINCT))]
    return {
        "ramps": {name: ramp(np.arange(256), bytes=True).view("<u4").ravel().tolist() for name, ramp in RAMPS.items()},
        "classes": {name: int.from_bytes(bytes([*bands, 255]), "little") for name, bands in rgba.items()},
        "styles": [{"colour": s.colour, "dash": " ".join(map(str, s.dashes)), "marker": s.outline} for s in styles],
        "patches_of": {"-1": palette.FELL, "1": palette.ROSE},
        "release": palette.RELEASE,
        "fallen": palette.RAIN,
    }


def limits_of(stack: Stack, term: str) -> list[str]:
    """For each date, the power below which samples have no echo, as Python; -np.inf where 0 has an echo."""
    limits = stack.limits(term)
    zeros = np.where(limits.zeros, np.finfo(np.float32).tiny, -np.inf)
    below = np.where(limits.below > 0, limits.below, zeros)
    return [f"{each:.6g}" if np.isfinite(each) else "-np.inf" for each in below]


def python(stack: Stack, *, lost: bool) -> str:
    """A Python snippet that reads a place from the store; the page fills in TERM, ROWS, COLS, and BELOW if `lost`."""
    layer = ' & (stack["TERM_valid"] == 1)' if any(str(name).endswith(store.VALID) for name in stack.data) else ""
    where = f'.where((stack["mask"] >= 1) & (stack["mask"] <= 254){layer})' if stack.valid_samples_only else ""
    limits = 'below = xr.DataArray([BELOW], dims="time")'
    echoes = f"{limits}\npower = power.where(power >= below)  # else the echo was lost\n" if lost else ""
    return (
        'import numpy as np\nimport xarray as xr\n\nstack = xr.open_zarr("stack.zarr")\n'
        f'power = stack["TERM"]{where}\n{echoes}'
        'place = power.isel(y=slice(ROWS), x=slice(COLS))\ndb = 10 * np.log10(place.mean(("y", "x")))  # dB last'
    )


def warning_list(texts: Sequence[str]) -> str:
    """The warnings as an open list; empty if there are none."""
    if not texts:
        return ""
    listed = "".join(f"<li>{html.escape(text)}" for text in texts)
    head = f"Read this first: {len(texts)} warning{'s' if len(texts) > 1 else ''}"
    return f'<details class="warnings" open><summary>{head}</summary><ul>{listed}</ul></details>'


def zone_changes(table: pd.DataFrame | None, gain: str) -> str:
    """The significant changes of zones as a table, with what their errors take the gain to be; empty without tests."""
    if table is None:
        return ""
    found = table[table["changed"].fillna(0) != 0]
    steps = int(table["step_db"].notna().sum())  # not tests: one test over all dates finds several
    rows = [
        "<tr>"
        + html_cells(
            [
                *(one[name] for name in ("zone", "change", "term")),
                f"{one['start']:%Y-%m-%d} to {one['end']:%Y-%m-%d}",
                f"{one['step_db']:+.2f} ± {one['se_db']:.2f}",
                f"{probability(one['p'])}{', releases differ' if one['releases_differ'] else ''}",
            ]
        )
        for one in found.head(MOST_CHANGES).to_dict("records")
    ]
    more = f" The first {MOST_CHANGES} are shown." if len(found) > MOST_CHANGES else ""
    heads = ["Zone", "Change", "Term", "When", "Step, dB", "p"]
    return (
        f"<h2>Changes of zones</h2><p>{len(found):,} of {number_of(steps, 'step')} are significant.{more}"
        f" A step in most zones at once is the instrument, or rain. {html.escape(gain)}</p>"
        + (html_table("Changes of zones", heads, rows) if rows else "")
    )


def details(
    series: Mapping[str, pd.DataFrame],
    frequency: str,
    granules: pd.DataFrame,
    products: Products,
    origin: Mapping[str, str],
    cite: str,
) -> str:
    """The lower part of the page: dates and granules, unused granules and why, files, provenance, how to cite."""
    rows = []
    recorded = [has_term(table, term, frequency) for term, table in series.items()]
    for n, date in enumerate(next(iter(series.values())).itertuples()):
        valid = [
            f"{100 * table['valid_fraction'][n]:.1f} %" if has[n] else f"no {term}"
            for (term, table), has in zip(series.items(), recorded)
        ]
        button = f'<tr data-date="{n}"><td><button data-go="{n}">{date.time:%Y-%m-%d %H:%M:%S}</button>'
        rows.append(button + html_cells([date.crid, date.maturity, *valid, date.granule]))
    heads = ["Date, UTC", "Release", "Maturity", *(f"{term} valid" for term in series), "Granules"]
    unused = granules[granules["kept"] == "false"]
    dropped = ["<tr>" + html_cells([one.name, one.reason]) for one in unused.itertuples(index=False)]
    facts = "".join(f"<dt>{html.escape(key)}<dd>{html.escape(value)}" for key, value in origin.items())
    why = html_table("Granules found and not used", ["Granule", "Why"], dropped) if dropped else ""
    return (
        f"<h2>Dates and granules</h2>{html_table('Dates and granules', heads, rows)}"
        f"<details><summary>Granules found and not used: {len(dropped)}</summary>{why}</details>"
        f'<h2>Files</h2><div id="files">{files(products)}</div>'
        f"<details><summary>Granules, settings, software</summary><dl>{facts}</dl></details>"
        f"<details><summary>Cite: methods for a paper</summary><p>{html.escape(cite)}</p></details>"
    )


def files(products: Products) -> str:
    """Each product as an HTML article: its words, its figures as small pictures, and links to its other files.

    Pictures are read from beside the page when they come into view; one that is not there leaves its name, a link.
    """
    articles = []
    for name, words, paths in products:
        figures = [path for path in paths if path.endswith(".png")]
        pictures = "".join(
            f'<figure><a href="{html.escape(path)}"><img loading="lazy" alt="" src="{html.escape(path)}"'
            f' onerror="this.remove()">{breakable(path)}</a></figure>'
            for path in figures
        )
        links = " ".join(
            f'<a href="{html.escape(path)}">{breakable(path)}</a>' for path in paths if path not in figures
        )
        shown = f'<div class="pictures">{pictures}</div>' if figures else ""
        articles.append(
            f"<article><h3>{html.escape(name)}</h3><p>{html.escape(words)}</p><p>{links}</p>{shown}</article>"
        )
    return "".join(articles)


def breakable(path: str) -> str:
    """A path as HTML that may be broken after / and _."""
    return html.escape(path).replace("/", "/<wbr>").replace("_", "_<wbr>")


def html_cells(texts: Iterable[object]) -> str:
    """HTML cells of a table row."""
    return "".join(f"<td>{html.escape(str(text))}" for text in texts)


def html_table(label: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """An HTML table in a box that scrolls."""
    head = "".join(f"<th>{html.escape(text)}" for text in heads)
    body = f"<table><thead><tr>{head}<tbody>{''.join(rows)}</table>"
    return f'<div class="table" tabindex="0" role="region" aria-label="{label}">{body}</div>'
