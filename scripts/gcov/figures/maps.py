"""The map of an AOI and its granules' footprints, over web map tiles if available."""

import logging
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerPolyCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from xyzservices import TileProvider, providers

from gcov import __version__
from gcov.errors import GcovError
from gcov.figures import palette
from gcov.figures.footprints import STATED
from gcov.figures.land import land_rings
from gcov.figures.style import SMALL, add_words, scale_bar
from gcov.granules import maturity_note
from gcov.words import number_of

log = logging.getLogger(__name__)

USER_AGENT = f"nisar-gcov-timeseries/{__version__}"  # OpenStreetMap's servers refuse the default names of libraries
KM_PER_DEGREE, ECCENTRICITY = 111.3195, 0.08181919  # WGS 84, at the equator
LEAST_KM = 0.2  # shortest side of a map
ONE_FOOTPRINT = 0.9  # footprints that share more than this fraction of their area count as one frame
TILE_TIMEOUT = 10  # seconds without an answer
TILES_TIMEOUT = 60  # seconds for all tiles of a map, so that a slow server cannot block the job


def location(features: list[dict], basemap: str | None, zones: Sequence[dict] = (), *, view: str = "") -> Figure:
    """A map of the AOI (black), its zones in their colours and the granules' footprints (blue), with a world map.

    All inputs are GeoJSON features; in `features` the AOI comes first. Nearly equal footprints (one frame in several
    passes) are drawn once. A second map zooms in on the AOI. `view` is from where it was seen. If tiles cannot be
    fetched, the map is drawn without them and a warning is logged. Raises GcovError if `basemap` is neither a provider
    nor a tile URL.
    """
    aoi, *granules = features
    figure = Figure(figsize=(10, 6.2), layout="constrained")
    whole, world, near = figure.subplot_mosaic([["whole", "world"], ["whole", "near"]], width_ratios=[2, 1]).values()
    footprints = distinct(granules)
    _draw_footprints(whole, footprints, float(rings(aoi)[0][:, 0].mean()))
    _draw_areas(whole, aoi, zones)
    _fit(whole, "datalim")  # tiles fill the whole axes
    whole.set(xlabel="longitude (°)", ylabel="latitude (°)")
    _draw_areas(near, aoi, zones)
    _fit(near, "box")
    near.set_title("AOI", fontsize=SMALL + 1)
    near.ticklabel_format(useOffset=False)
    near.locator_params(axis="x", nbins=2)  # near the poles the map is narrow
    near.locator_params(axis="y", nbins=4)
    near.tick_params(labelsize=SMALL)
    _draw_world(world, aoi)
    handles, labels = whole.get_legend_handles_labels()
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12), "fontsize": SMALL, "frameon": False}
    near.legend(handles, labels, handler_map={PathCollection: HandlerPolyCollection()}, **place)
    if basemap:
        add_tiles(whole, tile_provider(basemap))
    properties = [granule["properties"] for granule in granules]
    title = f"{aoi['properties']['name']}: AOI and {number_of(len(granules), 'granule')}"
    notes = [f"Footprints: {', '.join(map(_count, footprints))}. {_sources(granules)}Land: Natural Earth 1:110m."]
    caution = maturity_note((granule["maturity"] for granule in properties), "granule")
    add_words(figure, title, [caution], notes, view=view)
    figure.draw_without_rendering()  # fixes the limits, in which the bars must lie
    for axes in (whole, near):
        scale_bar(axes, km_per_degree(axes))
    return figure


def distinct(granules: list[dict]) -> list[list[dict]]:
    """Granules grouped by footprint; footprints of one frame differ slightly from pass to pass."""
    groups: list[tuple[shapely.Geometry, list[dict]]] = []
    for granule in granules:
        shape = shapely.geometry.shape(granule["geometry"])
        for first, members in groups:
            common, whole = shapely.intersection(first, shape), shapely.union(first, shape)
            if common.area > ONE_FOOTPRINT * whole.area:
                members.append(granule)
                break
        else:
            groups.append((shape, [granule]))
    return [members for _, members in groups]


def _count(group: list[dict]) -> str:
    frames = {granule["properties"].get("frame") for granule in group} - {None}
    return f"{number_of(len(group), 'granule')}{' of frame ' + '/'.join(map(str, sorted(frames))) if frames else ''}"


def _sources(granules: list[dict]) -> str:
    """The number of footprints that are not as the product states them, and what they are instead."""
    counts = Counter(granule["properties"].get("footprint", STATED) for granule in granules)
    others = [f"{number} {source}" for source, number in counts.items() if source != STATED]
    return f"Not as the product states them: {', '.join(others)}. " if others else "As the products state them. "


def _draw_footprints(axes: Axes, footprints: list[list[dict]], longitude: float) -> None:
    """Draw the first footprint of each group; parts beyond 180 degrees beside `longitude`, not at the other end."""
    blue = to_rgba(palette.QUANTITIES["db"])
    shapes = [area([beside(ring, longitude) for ring in rings(group[0])]) for group in footprints]
    fill = (*blue[:3], min(0.15, 0.3 / len(shapes)))
    label = number_of(len(footprints), "footprint")
    collection = PathCollection(shapes, facecolors=[fill], edgecolors=[blue], linewidths=1, label=label)
    axes.add_collection(collection)
    axes.autoscale_view()


def _draw_areas(axes: Axes, aoi: dict, zones: Sequence[dict]) -> None:
    """Draw the outlines of the AOI and its zones, holes included."""
    _draw_area(axes, aoi, palette.AOI, 2, f"AOI {aoi['properties']['name']}")
    for place, zone in enumerate(zones):
        label = None if place else number_of(len(zones), "zone")
        _draw_area(axes, zone, palette.zone(place).colour, 1.2, label)


def _draw_area(axes: Axes, feature: dict, colour: str, width: float, label: str | None) -> None:
    """Draw polygons as one line, which breaks between their rings, around a pale fill; points as diamonds."""
    if feature["geometry"]["type"] in ("Point", "MultiPoint"):
        x, y = np.atleast_2d(feature["geometry"]["coordinates"]).T
        axes.plot(x, y, "D", color=colour, markersize=4, markeredgecolor="white", markeredgewidth=0.5, label=label)
        return
    axes.add_patch(PathPatch(area(rings(feature)), facecolor=colour, edgecolor="none", alpha=0.1))
    ends = [np.vstack([ring, [np.nan, np.nan]]) for ring in rings(feature)]
    corners: dict[str, Any] = {"marker": "o", "markersize": width, "markeredgewidth": 0}  # all one sees of a tiny area
    axes.plot(*np.vstack(ends).T, color=colour, linewidth=width, label=label, **corners)


def _fit(axes: Axes, adjustable: Literal["box", "datalim"]) -> None:
    """Add margins, and set the aspect ratio of a degree at this latitude by adjusting the axes or their limits.

    Both sides show at least `LEAST_KM`, and at least a third of the longer side: an AOI may be one sample wide.
    """
    corners = axes.dataLim.get_points()
    shrink = max(np.cos(np.radians(corners[:, 1].mean())), 1e-4)  # of a degree of longitude
    sizes = (corners[1] - corners[0]) * (shrink, 1)
    least = max(LEAST_KM / KM_PER_DEGREE, sizes.max() / 3)
    missing = np.maximum(least - sizes, 0) / (shrink, 1)
    axes.update_datalim([corners[0] - missing / 2, corners[1] + missing / 2])
    axes.margins(0.17)
    axes.set_aspect(1 / shrink, adjustable=adjustable)


def _draw_world(axes: Axes, aoi: dict) -> None:
    """Draw the land masses and a marker at the AOI."""
    axes.add_collection(PolyCollection(land_rings(), facecolors="#b9c4b0", edgecolors="none"))
    longitude, latitude = np.mean(rings(aoi)[0], axis=0)
    axes.plot(longitude, latitude, "o", color=palette.AOI, markersize=5, markeredgecolor="white")
    axes.set(xlim=(-180, 180), ylim=(-90, 90), aspect="equal", facecolor="#e8eef4", xticks=[], yticks=[])


def km_per_degree(axes: Axes) -> float:
    """The length of a degree of longitude in the middle of axes in degrees."""
    latitude = np.radians(np.mean(axes.get_ylim()))
    return float(KM_PER_DEGREE * np.cos(latitude) / np.sqrt(1 - (ECCENTRICITY * np.sin(latitude)) ** 2))


def rings(feature: dict) -> list[np.ndarray]:
    """The rings (n, 2) of a polygon or multipolygon: longitudes and latitudes; holes run the other way round."""
    shape = shapely.orient_polygons(shapely.force_2d(shapely.geometry.shape(feature["geometry"])))
    parts = [(part.exterior, *part.interiors) for part in shapely.get_parts(shape)]
    return [shapely.get_coordinates(ring) for part in parts for ring in part]


def area(outline: Sequence[np.ndarray]) -> Outline:
    """The area within the rings of a polygon or multipolygon, without its holes, for matplotlib to fill."""
    return Outline.make_compound_path(*(Outline(ring, closed=True) for ring in outline))


def beside(ring: np.ndarray, longitude: float) -> np.ndarray:
    """A ring (n, 2), moved by whole turns around the globe to where it is nearest to a longitude."""
    return ring + np.array([360 * np.round((longitude - ring[:, 0].mean()) / 360), 0])


def tile_provider(basemap: str) -> TileProvider:
    """The tile provider given by the key `basemap`: a name in xyzservices, or a URL with {x}, {y} and {z}.

    Raises GcovError, naming the key, if the name is unknown or a placeholder in the URL cannot be filled.
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
        raise GcovError(f"basemap: {basemap!r}: there is no value for its placeholder {{{error.args[0]}}}") from None
    except (ValueError, IndexError) as error:
        raise GcovError(
            f"basemap: {basemap!r} should be a provider that xyzservices knows, such as OpenStreetMap.Mapnik, or an"
            f" address of tiles with {{x}}, {{y}} and {{z}}: {error}"
        ) from None
    return provider


def add_tiles(axes: Axes, provider: TileProvider) -> None:
    """Draw map tiles under the axes; log a warning if they cannot be fetched in time."""
    import contextily  # takes 1 s and is needed only with tiles

    how = {"headers": {"User-Agent": USER_AGENT}, "timeout": TILE_TIMEOUT, "attribution_size": 6}
    try:
        with at_most(TILES_TIMEOUT):
            contextily.add_basemap(axes, crs="EPSG:4326", source=provider, **how)
    except (OSError, ValueError) as error:  # ValueError: no tiles at this scale
        log.warning("the map has no tiles: %s cannot be fetched (%s)", provider.name, type(error).__name__)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError if the block takes longer than `seconds`, even while it waits. Main thread only."""

    def late(*_):
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
