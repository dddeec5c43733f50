"""Animations: the dB image of each date with colour bar and date, alone and beside the growing mean series.

Each frame is drawn once, for both, and written immediately, to a GIF or to an offline page with a player, so that only
one is in memory. Only the moving parts are redrawn, which takes 0.15 CPU s per frame. FuncAnimation takes 0.3 s and
holds all frames in memory.
"""

import base64
import html
import io
import json
import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import GifImagePlugin, Image

from gcov.analysis.multilook import LARGEST, LONGEST, cells_of, image_of, side_for
from gcov.cautions import has_term, little_valid, without_echo
from gcov.figures.palette import NO_DATA, NO_ECHO, QUANTITIES
from gcov.figures.ramps import LEVEL
from gcov.figures.rasters import extent
from gcov.figures.series import draw_releases, hollow_style, limits_around, line
from gcov.figures.style import GAMMA0, date_axis
from gcov.figures.text import verbatim
from gcov.files import building
from gcov.granules import maturity_note
from gcov.headings import title, view
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack
from gcov.words import filled, percent

WIDTH = 450  # pixels; images of small AOIs are enlarged to about this width
GREYS = 16  # fewer make a smaller GIF; the eye cannot tell more apart in speckle
MILLISECONDS = 450  # per date
PLAYER = Path(__file__).with_name("player.html")


def zoom_for(shape: tuple[int, int]) -> int:
    """The number of pixels along each side of a cell of an image (rows, columns), to enlarge small AOIs."""
    ny, nx = shape
    return max(1, min(-(-WIDTH // nx), math.isqrt(2 * LARGEST // (ny * nx)), LONGEST // max(ny, nx)))


@dataclass(frozen=True)
class Layout:
    """The layout of a frame in pixels: the image, the margins around it, and the mean series on its right."""

    width: int  # of the image
    height: int
    panel: int = 560  # width of the mean series with its margins
    left: int = 88
    right: int = 105  # the colour bar
    bottom: int = 82  # axis, and two lines of warning
    top: int = 66  # title and caption
    seen: tuple[str, ...] = ()  # lines between them

    @classmethod
    def of(cls, shape: tuple[int, int], seen: str) -> "Layout":
        """The layout for averaged images of shape (ny, nx); `seen` is what is said below the title."""
        zoom = zoom_for(shape)
        layout = cls(width=shape[1] * zoom, height=shape[0] * zoom)
        lines = textwrap.wrap(seen, int((layout.alone[0] - layout.left) / 6))
        return replace(layout, top=layout.top + 15 * len(lines), seen=tuple(lines))

    @property
    def alone(self) -> tuple[int, int]:
        """Width and height without the series. They are even, because video formats need that."""
        width, height = self.left + self.width + self.right, self.bottom + max(self.height, 240) + self.top
        return width + width % 2, height + height % 2  # 240: room for the colour bar's label

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame."""
        return self.alone[0] + self.panel, self.alone[1]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A position in pixels from the lower left, as fractions of the frame's size."""
        return x / self.size[0], y / self.size[1]

    def axes(self, figure: Figure, x: float, width: float) -> Axes:
        """Axes at x, as high as the image."""
        return figure.add_axes((*self.at(x, self.bottom), *self.at(width, self.height)))


def captions(series: pd.DataFrame) -> list[str]:
    """The caption of each frame: date, release, polarizations, number."""
    facts = [f"{date.crid} {date.maturity} {date.polarizations}".rstrip() for date in series.itertuples()]
    times = series["time"].dt.strftime("%Y-%m-%d %H:%M:%S UTC")
    return [f"{time}   {fact}   {n} of {len(series)}" for n, (time, fact) in enumerate(zip(times, facts), start=1)]


def frames(
    stack: Stack,
    term: str,
    series: pd.DataFrame,
    *,
    limits: tuple[float, float],
    min_valid_fraction: float,
) -> Iterator[tuple[Image.Image, Image.Image]]:
    """The frame of each date of a stack: a term's dB image alone, and beside the growing mean series.

    Large images are averaged in linear power over the samples that count, then converted to dB. Cells whose echoes were
    lost have a colour of their own. `series` has one row per date, with the columns of no_echo.csv; `limits` are the
    ends of the grey scale in dB. Raises ValueError if the stack and the series differ in their number of dates.
    """
    data = stack.data
    looks = side_for((data.sizes["y"], data.sizes["x"]))
    shape = cells_of((data.sizes["y"], data.sizes["x"]), looks)
    averaged = f"cells of {looks} x {looks} samples averaged" if looks > 1 else ""
    layout = Layout.of(shape, ", ".join(filter(None, (view(data.attrs), averaged))))
    figure = Figure(figsize=(layout.size[0] / 100, layout.size[1] / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    _add_title(figure, layout, title(data.attrs, term), maturity_note(series["maturity"]))
    picture = _add_image(figure, layout, shape, extent(data, looks), limits)
    caption = figure.text(*layout.at(layout.left, layout.size[1] - layout.top + 18), "", fontsize=10)
    empty = picture.axes.text(0.5, 0.5, "", ha="center", va="center", transform=picture.axes.transAxes, fontsize=13)
    has = has_term(series, term, data.attrs["frequency"]).tolist()
    lost, share = _add_lost(picture, shape)
    shares = without_echo(series)
    means = series[has].reset_index(drop=True)
    few = little_valid(means, min_valid_fraction)
    curves = line(means.assign(mean_db=means["mean_db"].mask(few))), means[few]
    lines = _add_means(figure, layout, series, means)
    moving = [picture, lost, share, caption, empty, *lines]
    verbatim(figure)
    for artist in moving:
        artist.set_animated(True)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    images = (image_of(stack, term, date, looks) for date in range(data.sizes["time"]))
    for number, ((power, gone), words) in enumerate(zip(images, captions(series), strict=True)):
        canvas.restore_region(still)
        db = to_db(power)
        picture.set_data(db)
        lost.set_data(np.where(gone, 0.0, np.nan))
        share.set_text(f"{percent([shares[number]])} without echo")
        lost.set_visible(bool(gone.any()))
        share.set_visible(bool(shares[number]))
        caption.set_text(words)
        nothing = "no valid sample on this date" if has[number] else f"this date has no {term}"
        empty.set_text("" if np.isfinite(db).any() else nothing)
        _show_until(series["time"][number], lines, curves)
        for artist in moving:
            figure.draw_artist(artist)
        frame = to_palette(np.asarray(canvas.buffer_rgba()))
        yield frame.crop((0, 0, *layout.alone)), frame


def _add_title(figure: Figure, layout: Layout, heading: str, note: str | None) -> None:
    """Add the title and what was seen at the top, and at the bottom a warning of immature releases, if there is one."""
    figure.text(*layout.at(layout.left, layout.size[1] - 24), heading, fontsize=11, weight="bold")
    below = layout.at(layout.left, layout.size[1] - 32)
    figure.text(*below, "\n".join(layout.seen), va="top", fontsize=8, color="#333333")
    if note:
        across = int((layout.alone[0] - 20) / 6)  # characters
        warning = textwrap.fill(f"Warning: {note}", across)
        figure.text(*layout.at(10, 5), warning, va="bottom", fontsize=8, color="#a00000")


def _add_lost(picture: AxesImage, shape: tuple[int, int]) -> tuple[AxesImage, Text]:
    """Add over an image what shows where echoes were lost, still empty, and the text that says how many."""
    axes = picture.axes
    lost = axes.imshow(np.full(shape, np.nan), cmap=ListedColormap([NO_ECHO]), extent=picture.get_extent())
    lost.set(interpolation="nearest", zorder=picture.get_zorder())
    share = axes.text(0.02, 0.98, "", va="top", transform=axes.transAxes, fontsize=9, color=NO_ECHO)
    share.set_bbox({"facecolor": "white", "edgecolor": NO_ECHO, "pad": 3})
    return lost, share


def _show_until(time: pd.Timestamp, lines: Sequence[Line2D], curves: Sequence[pd.DataFrame]) -> None:
    """Let each line show its curve (time, mean_db) up to a date."""
    for drawn, rows in zip(lines, curves):
        seen = rows[rows["time"] <= time]
        drawn.set_data(seen["time"], seen["mean_db"])


def _add_image(
    figure: Figure,
    layout: Layout,
    shape: tuple[int, int],
    extent: tuple[float, float, float, float],
    limits: tuple[float, float],
) -> AxesImage:
    """Add an empty image, with axes in km and a colour bar."""
    axes = layout.axes(figure, layout.left, layout.width)
    picture = axes.imshow(
        np.full(shape, np.nan),
        cmap=LEVEL.with_extremes(bad=NO_DATA),
        vmin=limits[0],
        vmax=limits[1],
        extent=extent,
        interpolation="nearest",
        aspect="auto",
    )
    axes.set(xlabel="easting (km)", ylabel="northing (km)")
    bar = figure.colorbar(picture, cax=layout.axes(figure, layout.left + layout.width + 14, 14))
    bar.set_label(GAMMA0["db"])
    return picture


def _add_means(figure: Figure, layout: Layout, series: pd.DataFrame, means: pd.DataFrame) -> tuple[Line2D, Line2D]:
    """Add two empty curves, the second with hollow markers, on axes scaled for the whole mean series."""
    axes = layout.axes(figure, layout.left + layout.width + layout.right + 105, layout.panel - 125)
    axes.plot(series["time"], series["mean_db"], alpha=0)  # fixes the limits from the first frame on
    axes.set(ylabel=f"mean {GAMMA0['db']}", title="mean of the AOI", ylim=limits_around(means["mean_db"]))
    axes.grid(alpha=0.3)
    draw_releases(axes, means)
    date_axis(axes, list(series["time"]), most=6)
    (curve,) = axes.plot([], [], marker="o", color=QUANTITIES["db"], linewidth=1.5)
    (hollow,) = axes.plot([], [], **hollow_style(QUANTITIES["db"], 6))
    return curve, hollow


def _palette() -> np.ndarray:
    """Colours (n, 3): greys for the image, no data, no echo, and the curve's colour in steps towards white."""
    greys = np.repeat(np.linspace(0, 255, GREYS)[:, None], 3, axis=1)
    curve, *others = 255 * np.array([to_rgb(colour) for colour in (QUANTITIES["db"], NO_DATA, NO_ECHO)])
    curves = [255 + share * (curve - 255) for share in (1, 0.75, 0.5, 0.25)]
    return np.vstack([greys, *others, *curves]).round().astype("u1")


def _nearest(palette: np.ndarray) -> np.ndarray:
    """The index of the nearest palette colour, (32, 32, 32) for the upper five bits of red, green and blue."""
    steps = np.arange(32) * 255 / 31
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    return np.argmin([((colours - colour) ** 2).sum(axis=-1) for colour in palette.astype(float)], axis=0).astype("u1")


PALETTE = _palette()
NEAREST = _nearest(PALETTE)


def to_palette(rgba: np.ndarray) -> Image.Image:
    """An image reduced to the movie's palette, to keep frames small. No dithering, which would add to the speckle."""
    red, green, blue = (rgba[..., band] >> 3 for band in range(3))
    frame = Image.fromarray(NEAREST[red, green, blue], "P")
    frame.putpalette(PALETTE.tobytes())
    return frame


Add = Callable[[Image.Image, str], None]  # adds a frame and its caption


def writer(path: Path, title: str, provenance: dict[str, str]) -> AbstractContextManager[Add]:
    """The writer of a movie's file, an .html or a .gif."""
    return page_writer(path, title, provenance) if path.suffix == ".html" else gif_writer(path, provenance)


@contextmanager
def gif_writer(path: Path, provenance: dict[str, str]) -> Iterator[Add]:
    """Yield a function that adds a frame to a GIF that repeats forever; the caption is already drawn on the frame.

    Each frame is written immediately; none is dropped or merged. The provenance becomes the GIF's comment. Pillow's
    `save(save_all=True)` is not used, because it keeps all frames in memory and merges equal ones.
    """
    with building(path) as part, open(part, "wb") as file:

        def add(frame: Image.Image, _caption: str) -> None:
            if not file.tell():
                for piece in GifImagePlugin.getheader(frame)[0]:
                    file.write(piece)
                file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")  # repeat forever
                file.write(_comment(json.dumps(provenance)))
            for piece in GifImagePlugin.getdata(frame, duration=MILLISECONDS):
                file.write(piece)

        yield add
        file.write(b";")


def _comment(text: str) -> bytes:
    """A GIF comment extension."""
    data = text.encode()
    pieces = (data[start : start + 255] for start in range(0, len(data), 255))
    return b"\x21\xfe" + b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\x00"


@contextmanager
def page_writer(path: Path, title: str, provenance: dict[str, str]) -> Iterator[Add]:
    """Yield a function that adds a frame and its caption to a self-contained page with player and provenance."""
    facts = "".join(f"<dt>{html.escape(key)}<dd>{html.escape(value)}" for key, value in provenance.items())
    parts = {"title": html.escape(title), "milliseconds": str(MILLISECONDS), "provenance": facts}
    head, tail = (filled(half, parts) for half in PLAYER.read_text(encoding="utf-8").split("{{frames}}"))
    with building(path) as part, open(part, "w", encoding="utf-8") as file:
        file.write(head)

        def add(frame: Image.Image, caption: str) -> None:
            png = io.BytesIO()
            frame.save(png, "PNG", optimize=True)
            file.write(json.dumps([caption, base64.b64encode(png.getvalue()).decode()]) + ",\n")

        yield add
        file.write(tail)
