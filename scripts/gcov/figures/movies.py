"""Moving pictures: the dB image of each date with colour bar and date, alone or beside the growing mean series.

Frames are drawn one at a time and written at once, as a GIF and as a page with a player that needs no network:
no step holds more than one frame, and drawing anew only what moves takes 0.2 CPU s a frame (FuncAnimation: 0.3 s
for the GIF alone, and all frames in memory).
"""

import base64
import html
import io
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import GifImagePlugin, Image

from gcov.figures.stills import DB, GAMMA0, date_axis, times
from gcov.files import building
from gcov.granules import maturity_note

WIDTH = 475  # pixels of the image part at which a small AOI is large enough
LARGEST = 350_000  # pixels of the image part: 100 dates of speckle are a GIF of 20 MB
LONGEST = 1400  # pixels of its longer side
GREYS = 16  # fewer make a smaller GIF; these are finer than the eye tells apart in speckle
NO_DATA = "#c9d6e2"
MILLISECONDS = 450  # per date
PLAYER = Path(__file__).with_name("player.html")


def averaged_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """The shape (rows, columns) to which an image of (ny, nx) pixels is averaged so that it can be shown."""
    ny, nx = shape
    scale = min(math.sqrt(LARGEST / (ny * nx)), LONGEST / max(ny, nx))
    if scale > 0.95:  # a little too large is better than a little averaged
        return ny, nx
    return max(1, round(ny * scale)), max(1, round(nx * scale))


def zoom_for(shape: tuple[int, int]) -> int:
    """How often each pixel of an averaged image is drawn along each side: a small AOI fills the screen, too."""
    ny, nx = shape
    return max(1, min(-(-WIDTH // nx), math.isqrt(LARGEST // (ny * nx)), LONGEST // max(ny, nx)))


class Screen:
    """A figure whose still parts are drawn once; each frame draws the image, the caption and the series anew.

    `shape` (ny, nx) is that of the averaged images, `extent` the AOI's left, right, bottom, top in km, `limits` in dB,
    `rows` those of the mean series (for the maturity note, and for the curve where `with_means`).
    """

    def __init__(self, shape, *, extent, limits, title, rows, with_means):
        zoom = zoom_for(shape)
        height, width = shape[0] * zoom, shape[1] * zoom
        panel = 540 if with_means else 0
        left, right, bottom, top = 75, 105, 62, 66  # margins, pixels
        full_width, full_height = left + width + right + panel, bottom + max(height, 240) + top
        self.figure = Figure(figsize=(full_width / 100, full_height / 100), dpi=100)
        self.canvas = FigureCanvasAgg(self.figure)

        def place(x, y, w, h):
            return self.figure.add_axes((x / full_width, y / full_height, w / full_width, h / full_height))

        axes = place(left, bottom, width, height)
        self.image = axes.imshow(
            np.full(shape, np.nan),
            cmap=colormaps["gray"].with_extremes(bad=NO_DATA),
            vmin=limits[0],
            vmax=limits[1],
            extent=extent,
            interpolation="nearest",
            aspect="auto",
        )
        axes.set(xlabel="easting (km)", ylabel="northing (km)")
        self.figure.text(left / full_width, 1 - 24 / full_height, title, fontsize=11, weight="bold")
        colour_bar = self.figure.colorbar(self.image, cax=place(left + width + 14, bottom, 14, height))
        colour_bar.set_label(GAMMA0["db"])
        self.caption = self.figure.text(left / full_width, 1 - 48 / full_height, "", fontsize=10)
        self.empty = axes.text(0.5, 0.5, "", ha="center", va="center", transform=axes.transAxes, fontsize=13)
        if note := maturity_note(row["maturity"] for row in rows):
            self.figure.text(left / full_width, 6 / full_height, note, va="bottom", fontsize=8)
        self.moving = [self.image, self.caption, self.empty]
        self.with_means = with_means
        if with_means:
            self._add_means(place(left + width + right + 80, bottom, panel - 100, height), rows)
        for artist in self.moving:
            artist.set_animated(True)
        self.canvas.draw()
        self.still = self.canvas.copy_from_bbox(self.figure.bbox)

    def _add_means(self, axes, rows):
        self.times, self.means = times(rows), [float(row["mean_db"] or "nan") for row in rows]
        axes.plot(self.times, self.means, alpha=0)  # fixes the limits from the first frame on
        axes.set(ylabel=f"mean {GAMMA0['db']}", title="mean of the AOI")
        axes.grid(alpha=0.3)
        axes.margins(y=0.15)
        date_axis(axes, self.times)
        (self.curve,) = axes.plot([], [], marker="o", color=DB, linewidth=1.5)
        self.moving.append(self.curve)

    def frame(self, index: int, db: np.ndarray, caption: str) -> Image.Image:
        """The picture of one date: `db` (ny, nx) in dB, NaN where there is nothing to show."""
        self.canvas.restore_region(self.still)
        self.image.set_data(db)
        self.caption.set_text(caption)
        self.empty.set_text("" if np.isfinite(db).any() else "no valid sample on this date")
        if self.with_means:
            self.curve.set_data(self.times[: index + 1], self.means[: index + 1])
        for artist in self.moving:
            self.figure.draw_artist(artist)
        return to_palette(np.asarray(self.canvas.buffer_rgba()))


def _palette() -> np.ndarray:
    """Colours (n, 3): greys for the image, the no-data colour, and the curve's on its way to white."""
    greys = np.repeat(np.linspace(0, 255, GREYS)[:, None], 3, axis=1)
    curve, no_data = 255 * np.array([to_rgb(DB), to_rgb(NO_DATA)])
    curves = [255 + share * (curve - 255) for share in (1, 0.75, 0.5, 0.25)]
    return np.vstack([greys, no_data, *curves]).round().astype("u1")


def _nearest(palette: np.ndarray) -> np.ndarray:
    """Index (32, 32, 32) of the nearest colour for the upper five bits of red, green and blue."""
    steps = np.arange(32) * 255 / 31
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    return np.argmin([((colours - colour) ** 2).sum(axis=-1) for colour in palette.astype(float)], axis=0).astype("u1")


PALETTE = _palette()
NEAREST = _nearest(PALETTE)


def to_palette(rgba: np.ndarray) -> Image.Image:
    """An image in the movie's few colours, so that frames stay small; dithering would be speckle on speckle."""
    red, green, blue = (rgba[..., band] >> 3 for band in range(3))
    frame = Image.fromarray(NEAREST[red, green, blue], "P")
    frame.putpalette(PALETTE.tobytes())
    return frame


@contextmanager
def gif_writer(path: Path, provenance: dict[str, str]) -> Iterator:
    """A function that adds a frame to an endless GIF; each frame goes to disk at once, none is dropped or merged.

    The provenance is the GIF's comment.
    """
    with building(path) as part, open(part, "wb") as file:

        def add(frame: Image.Image) -> None:
            if not file.tell():
                for piece in GifImagePlugin.getheader(frame)[0]:
                    file.write(piece)
                file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")  # repeat for ever
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
def page_writer(path: Path, title: str, provenance: dict[str, str]) -> Iterator:
    """A function that adds a frame and its caption to a self-contained page with a player and the provenance."""
    page = PLAYER.read_text()
    facts = "".join(f"<dt>{html.escape(key)}<dd>{html.escape(value)}" for key, value in provenance.items())
    for key, value in (("title", html.escape(title)), ("milliseconds", str(MILLISECONDS)), ("provenance", facts)):
        page = page.replace("{{" + key + "}}", value)
    head, tail = page.split("{{frames}}")
    with building(path) as part, open(part, "w") as file:
        file.write(head)

        def add(frame: Image.Image, caption: str) -> None:
            png = io.BytesIO()
            frame.save(png, "PNG", optimize=True)
            file.write(json.dumps([caption, base64.b64encode(png.getvalue()).decode()]) + ",\n")

        yield add
        file.write(tail)
