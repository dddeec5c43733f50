"""A QGIS layer definition of an AOI's GeoTIFFs: groups, stretch, and dates for QGIS's temporal controller.

A style file (.qml) beside each GeoTIFF could not carry its date. Tried with QGIS 3.22.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import rasterio

DATED = re.compile(r"(?P<product>.+)_(?P<day>\d{8}(?:T\d{6})?)")
LAST_DAYS = timedelta(days=12)  # how long the last date is shown: the repeat cycle of the orbit
OVERVIEW = 512  # samples along the longer side that are read to find a stretch


@dataclass(frozen=True)
class Layer:
    """A GeoTIFF as a layer: `product` is its name without the date, `start` and `end` are when it is shown."""

    path: Path
    product: str
    start: datetime | None = None
    end: datetime | None = None

    @property
    def name(self) -> str:
        """What QGIS lists: the date if there is one, below the product's name."""
        return f"{self.start:%Y-%m-%d}" if self.start else self.product

    @property
    def id(self) -> str:
        """QGIS's key of the layer."""
        return self.path.stem


def layers(paths: Iterable[Path]) -> list[Layer]:
    """The layers of GeoTIFFs, by product, those in dB and the newest date first; a date is shown until the next one."""
    found: list[Layer] = []
    for product, members in groupby(sorted(paths, key=_key), key=lambda path: _key(path)[0]):
        dated = list(members)
        if not DATED.fullmatch(dated[0].stem):
            found += [Layer(path, product) for path in dated]
            continue
        starts = [datetime.fromisoformat(_key(path)[1]) for path in dated]
        ends = [*starts[1:], starts[-1] + LAST_DAYS]
        found += reversed([Layer(path, product, *span) for path, *span in zip(dated, starts, ends)])
    return sorted(found, key=lambda layer: not layer.product.startswith("db_"))


def _key(path: Path) -> tuple[str, str]:
    match = DATED.fullmatch(path.stem)
    return (match["product"], match["day"]) if match else (path.stem, "")


def definition(
    aoi: str, shown: Sequence[Layer], stretches: Mapping[str, tuple[float, float]], change: Sequence[tuple[float, str]]
) -> str:
    """The XML of a layer definition file beside the GeoTIFFs.

    `stretches` are the limits of the grey scale by term, in dB; `change` is the scale of changes: dB and colour. Other
    products are grey from 2 to 98 % of their samples. Only the first group, and in it all dates, is checked.
    """
    root = ElementTree.Element("qlr")
    tree = _group(root, aoi, checked=True)
    maps = ElementTree.SubElement(root, "maplayers")
    groups = {layer.product: None for layer in shown if layer.start}
    tops = {product: _group(tree, product, checked=product == next(iter(groups))) for product in groups}
    for layer in shown:
        attributes = {"id": layer.id, "name": layer.name, "source": f"./{layer.path.name}", "providerKey": "gdal"}
        checked = "Qt::Checked" if layer.start else "Qt::Unchecked"
        place = tops.get(layer.product, tree)
        ElementTree.SubElement(place, "layer-tree-layer", attributes, checked=checked, expanded="0")
        with rasterio.open(layer.path) as file:
            pipe = _map_layer(maps, layer, file.crs.to_epsg())
            if layer.product.startswith("change_") and file.units[0] == "dB":
                _colours(pipe, change)
            else:
                _grey(pipe, *_limits(layer.product, file, stretches), band=_band(file))
    ElementTree.indent(root)
    return f"<!DOCTYPE qgis-layer-definition>\n{ElementTree.tostring(root, encoding='unicode')}\n"


def _group(parent: ElementTree.Element, name: str, *, checked: bool) -> ElementTree.Element:
    state = "Qt::Checked" if checked else "Qt::Unchecked"
    return ElementTree.SubElement(parent, "layer-tree-group", name=name, checked=state, expanded="1")


def _map_layer(parent: ElementTree.Element, layer: Layer, epsg: int) -> ElementTree.Element:
    """Add a layer; returns the element that takes its renderer."""
    one = ElementTree.SubElement(parent, "maplayer", type="raster", hasScaleBasedVisibilityFlag="0")
    for tag, text in (("id", layer.id), ("datasource", f"./{layer.path.name}"), ("layername", layer.name)):
        ElementTree.SubElement(one, tag).text = text
    ElementTree.SubElement(one, "provider").text = "gdal"
    reference = ElementTree.SubElement(ElementTree.SubElement(one, "srs"), "spatialrefsys")
    ElementTree.SubElement(reference, "authid").text = f"EPSG:{epsg}"
    if layer.start and layer.end:
        temporal = ElementTree.SubElement(one, "temporal", enabled="1", mode="0", fetchMode="0")
        span = ElementTree.SubElement(temporal, "fixedRange")
        for tag, time in (("start", layer.start), ("end", layer.end)):
            ElementTree.SubElement(span, tag).text = f"{time:%Y-%m-%dT%H:%M:%SZ}"
    return ElementTree.SubElement(one, "pipe")


def style(path: Path) -> str:
    """The XML of a style file (.qml) for a GeoTIFF of several bands, which QGIS would draw as red, green and blue."""
    root = ElementTree.Element("qgis", hasScaleBasedVisibilityFlag="0")
    with rasterio.open(path) as file:
        _grey(ElementTree.SubElement(root, "pipe"), *_limits(path.stem, file, {}), band=_band(file))
    return f"<!DOCTYPE qgis>\n{ElementTree.tostring(root, encoding='unicode')}\n"


def _band(file: rasterio.DatasetReader) -> int:
    """The band that is shown: the mean, if there is one."""
    return file.descriptions.index("mean") + 1 if "mean" in file.descriptions else 1


def _grey(pipe: ElementTree.Element, low: float, high: float, *, band: int) -> None:
    facts = {"type": "singlebandgray", "gradient": "BlackToWhite", "opacity": "1", "alphaBand": "-1"}
    facts["grayBand"] = str(band)
    stretch = ElementTree.SubElement(ElementTree.SubElement(pipe, "rasterrenderer", facts), "contrastEnhancement")
    for tag, text in (("minValue", f"{low:g}"), ("maxValue", f"{high:g}"), ("algorithm", "StretchToMinimumMaximum")):
        ElementTree.SubElement(stretch, tag).text = text


def _colours(pipe: ElementTree.Element, scale: Sequence[tuple[float, str]]) -> None:
    facts = {"type": "singlebandpseudocolor", "band": "1", "opacity": "1", "alphaBand": "-1"}
    ends = {"classificationMin": f"{scale[0][0]:g}", "classificationMax": f"{scale[-1][0]:g}"}
    shader = ElementTree.SubElement(ElementTree.SubElement(pipe, "rasterrenderer", facts | ends), "rastershader")
    ramp = ElementTree.SubElement(shader, "colorrampshader", colorRampType="INTERPOLATED", clip="0")
    for value, colour in scale:
        ElementTree.SubElement(ramp, "item", value=f"{value:g}", label=f"{value:g}", color=colour, alpha="255")


def _limits(
    product: str, file: rasterio.DatasetReader, stretches: Mapping[str, tuple[float, float]]
) -> tuple[float, float]:
    """The ends of a layer's grey scale, in its own unit."""
    quantity, _, term = product.partition("_")
    if term in stretches and quantity in ("power", "db", "filtered"):
        low, high = stretches[term]
        return (low, high) if quantity == "db" else (10 ** (low / 10), 10 ** (high / 10))
    ratio = max(1, max(file.shape) / OVERVIEW)
    samples = file.read(_band(file), out_shape=tuple(max(1, int(size / ratio)) for size in file.shape))
    samples = samples[np.isfinite(samples)]
    low, high = np.percentile(samples, (2, 98)) if samples.size else (0.0, 1.0)
    return float(low), float(high if high > low else low + 1)
