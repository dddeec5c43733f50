"""The map of an AOI and the footprints of its granules, over web tiles where they can be had."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from xyzservices import TileProvider, providers

from gcov import __version__
from gcov.errors import GcovError
from gcov.figures.style import AOI_COLOUR, COLOURS, add_titles

log = logging.getLogger(__name__)

USER_AGENT = f"nisar-gcov-timeseries/{__version__}"  # OpenStreetMap's servers refuse the names of libraries
TILE_TIMEOUT = 10  # seconds without an answer
TILES_TIMEOUT = 60  # seconds for all tiles of a map: a server that answers drop by drop must not hold the job


def location(features: list[dict], basemap: str | None) -> Figure:
    """A map of the AOI (red) and the granules' footprints (blue), GeoJSON features, the AOI first.

    Raises GcovError if `basemap` is neither a provider nor an address of tiles. Tiles that cannot be fetched are no
    error: the map goes without, and the log says so.
    """
    aoi, *granules = features
    figure = Figure(figsize=(7, 7), layout="constrained")
    axes = figure.subplots()
    blue = to_rgba(COLOURS["db"])
    footprints = [np.transpose(ring) for granule in granules for ring in rings(granule)]
    fill = (*blue[:3], min(0.15, 0.3 / len(granules)))
    axes.add_collection(PolyCollection(footprints, facecolors=[fill], edgecolors=[blue], linewidths=0.8))
    axes.autoscale_view()
    for ring in rings(aoi):
        axes.fill(*ring, facecolor=AOI_COLOUR, alpha=0.25)
        axes.plot(*ring, color=AOI_COLOUR, linewidth=2)
    axes.margins(0.12)
    south, north = axes.get_ylim()
    axes.set_aspect(1 / np.cos(np.radians((south + north) / 2)), adjustable="datalim")
    axes.set(xlabel="longitude (°)", ylabel="latitude (°)")
    title = f"{aoi['properties']['name']}: AOI and {len(granules)} granules"
    add_titles(axes, title, [granule["properties"]["maturity"] for granule in granules])
    if basemap:
        add_tiles(axes, tile_provider(basemap))
    return figure


def rings(feature: dict) -> list[tuple[tuple[float, ...], ...]]:
    """Longitudes and latitudes of the outer rings of a polygon or multipolygon."""
    geometry = feature["geometry"]
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [tuple(zip(*polygon[0])) for polygon in polygons]


def tile_provider(basemap: str) -> TileProvider:
    """The tiles that the key `basemap` names: a provider of xyzservices, or an address with {x}, {y} and {z}.

    Raises GcovError, naming the key, on an unknown name and on an address with a placeholder that nothing fills.
    """
    try:
        if "{" in basemap:
            provider = TileProvider(name="basemap", url=basemap, attribution="")
            missing = [key for key in ("{x}", "{y}", "{z}") if key not in basemap]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
        else:
            provider = providers.query_name(basemap)
        provider.build_url(x=0, y=0, z=0)
    except KeyError as error:
        raise GcovError(f"basemap: {basemap!r}: nothing fills its placeholder {{{error.args[0]}}}") from None
    except (ValueError, IndexError) as error:
        raise GcovError(
            f"basemap: {basemap!r} should be a provider that xyzservices knows, such as OpenStreetMap.Mapnik, or an"
            f" address of tiles with {{x}}, {{y}} and {{z}}: {error}"
        ) from None
    return provider


def add_tiles(axes: Axes, provider: TileProvider) -> None:
    """Lay map tiles under the axes; tiles that cannot be fetched in time are a warning in the log."""
    import contextily  # a second, and only maps with tiles need it

    how = {"headers": {"User-Agent": USER_AGENT}, "timeout": TILE_TIMEOUT, "attribution_size": 6}
    try:
        with at_most(TILES_TIMEOUT):
            contextily.add_basemap(axes, crs="EPSG:4326", source=provider, **how)
    except (OSError, ValueError) as error:  # ValueError: there are no tiles of this scale
        log.warning("the map has no tiles: %s cannot be fetched (%s)", provider.name, type(error).__name__)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a block that takes longer, whatever it waits for; in the main thread only."""

    def late(*_):
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
