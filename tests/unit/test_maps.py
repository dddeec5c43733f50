"""Map tiles: from a loopback server, from one that misbehaves, and from names and addresses that are none."""

import io
import itertools
import logging
import re
import signal
import time

import numpy as np
import pytest
import yaml
from helpers import REPO, patience
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from servers.tls import Handler, LoopbackServer

from gcov import __version__
from gcov.errors import GcovError
from gcov.figures import maps

GREEN = (30, 160, 70)
NOISE = np.random.default_rng(5).integers(0, 255, (256, 256, 3), "u1")  # a PNG of 200 kB


def box(west, south, east, north, **properties) -> dict:
    ring = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {"properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


FEATURES = [box(83.9, 28.1, 84.1, 28.3, name="x"), box(83.0, 27.0, 85.0, 29.0, maturity="PROVISIONAL")]


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Tiles(Handler):
    """A tile server; its `manner` is how it answers, `asked` the path and User-Agent of each request."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get_all("User-Agent")))
        manner = self.server.manner
        if manner == "stalls":
            self.server.stopping.wait(60)
            return
        self.send_response(403 if manner == "refuses" else 200)
        body = b"<html>blocked</html>" if manner in ("refuses", "no picture") else self.server.tile
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        step = 100 if manner == "drips" else len(body)
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            if manner == "drips" and self.server.stopping.wait(0.1):
                return


@pytest.fixture
def tiles(serve, monkeypatch):
    """A function that starts a tile server, and gives it and the address of its tiles; no proxy is known."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def start(manner: str) -> tuple[LoopbackServer, str]:
        tile = png(np.full((256, 256, 3), GREEN, "u1") if manner == "good" else NOISE)
        server = serve(Tiles, manner=manner, asked=[], tile=tile)
        return server, f"{server.url}/{{z}}/{{x}}/{{y}}{{r}}.png"

    return start


def drawn(figure) -> np.ndarray:
    """The pixels of a figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def share_of(colour, pixels) -> float:
    return (np.abs(pixels - colour).sum(axis=-1) < 12).mean()


def test_tiles_lie_under_the_map_and_are_asked_for_by_name(tiles):
    server, address = tiles("good")
    pixels = drawn(maps.location(FEATURES, address))
    assert share_of(GREEN, pixels) > 0.2  # around the footprint
    assert share_of(GREEN, drawn(maps.location(FEATURES, None))) == 0
    paths, agents = zip(*server.asked)
    assert len(set(paths)) == len(paths) <= 30
    assert all(agent == [f"nisar-gcov-timeseries/{__version__}"] for agent in agents)


def test_labels_of_a_narrow_map_near_the_pole_do_not_overlap():
    figure = maps.location([box(-128.30, 69.67, -128.25, 69.70, name="x"), FEATURES[1]], None)
    pen = FigureCanvasAgg(figure).get_renderer()
    near = next(axes for axes in figure.axes if axes.get_title() == "AOI")
    places = [tick.label1.get_window_extent(pen) for tick in near.xaxis.get_major_ticks()]
    assert len(places) > 1 and all(left.x1 < right.x0 for left, right in itertools.pairwise(places))


@pytest.mark.parametrize(
    ("manner", "error"),
    [
        ("refuses", "HTTPError"),
        ("no picture", "HTTPError"),
        ("stalls", "ReadTimeout"),
        ("drips", "(ConnectionError|TimeoutError)"),
        ("not there", "ConnectionError"),
    ],
)
def test_a_map_without_tiles_is_a_map_and_a_line_in_the_log(tiles, manner, error, monkeypatch, caplog):
    """Whatever the server does, and within a bounded time."""
    monkeypatch.setattr(maps, "TILE_TIMEOUT", 0.5)
    monkeypatch.setattr(maps, "TILES_TIMEOUT", 1.5 if manner == "drips" else 30)
    import contextily  # noqa: F401  (its import is not measured)

    server, address = tiles(manner)
    address = "http://127.0.0.1:9/{z}/{x}/{y}.png?key=secret" if manner == "not there" else address
    limit = 4 + patience(lambda: maps.location(FEATURES, None), 0)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "gcov"):
        figure = maps.location(FEATURES, address)
    assert time.monotonic() - began < limit
    (record,) = caplog.records
    assert re.fullmatch(rf"the map has no tiles: .* cannot be fetched \({error}\)", record.getMessage())
    assert "secret" not in record.getMessage()
    np.testing.assert_array_equal(drawn(figure), drawn(maps.location(FEATURES, None)))
    assert len(server.asked) <= 3
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize(
    ("basemap", "words"),
    [
        ("OpenStreetMap.Mapnick", "provider that xyzservices knows.*OpenStreetMap.Mapnick"),
        ("http://127.0.0.1:9/tiles.png", "provider that xyzservices knows"),
        ("http://127.0.0.1:9/{z}/{x}/{y}.png?key={api_key}", r"there is no value for its placeholder \{api_key\}"),
        ("http://127.0.0.1:9/{z}/{x}.png", r"it lacks \{y\}"),
        ("http://127.0.0.1:9/{z}/{x}/{y}/{}.png", "address of tiles with {x}, {y} and {z}"),
        ("http://127.0.0.1:9/{z}/{x}/{y}}.png", "address of tiles with {x}, {y} and {z}"),
        ("MapBox", "Token is required"),
    ],
)
def test_what_is_no_basemap_is_one_message_that_names_the_key(basemap, words):
    with pytest.raises(GcovError, match=f"(?s)^basemap: .*{words}"):
        maps.location(FEATURES, basemap)


def test_the_default_basemap_is_a_provider():
    schema = yaml.safe_load((REPO / "config/schema.yaml").read_text(encoding="utf-8"))
    assert maps.tile_provider(schema["properties"]["basemap"]["default"]).name == "OpenStreetMap.Mapnik"
