"""Granules as large as the archive's: 16000 x 16000 pixels of 20 m, chunks of 512, two terms, 3.1 GB each.

Written once into a folder, by this tree's writer whoever reads them. A time series is made of hard links: other
names, the same samples. Small granules are one scene of the landscape.
"""

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pyproj import Transformer

from gcov.testing.landscape import landscape
from gcov.testing.synthetic import OUTSIDE, Band, block_average, centres, granule_name, repack, write_granule

EPSG = 32645
WEST, NORTH = 99_840, 3_240_000  # outer edges, metres
SIZE, TILE = 16_000, 1_000  # pixels; a scene of TILE x TILE is laid side by side
POSTING = 20
WINDOW = (4447, 7298, 5091, 6992)  # rows and columns of the AOI: 2851 x 1901 pixels, 57 x 38 km, 35 chunks
FRAME = (0, SIZE, 0, SIZE)
PAGE = 4 << 20
FIRST = datetime(2025, 11, 23, 23, 47, 39)
KINDS = {  # how the file of a frame is laid out
    "paged": {"page_size": PAGE},
    "not paged": {},
    "end block": {"page_size": PAGE, "end_block": True},  # as the archive's
}
REPACKED = "paged, repacked"


def frame(kind: str, folder: Path) -> Path:
    """The granule of a kind."""
    place = folder / kind.replace(" ", "_").replace(",", "")
    if kind == REPACKED:
        source = frame("paged", folder)
        return made(place, lambda part: repack(source, part / source.name, PAGE))
    return written(place, lambda: {"A": whole_frame(), "B": whole_frame(4)}, **KINDS[kind])


def small(folder: Path, shape: tuple[int, int]) -> Path:
    """A granule of so many rows and columns."""
    return written(folder / "small_{}_{}".format(*shape), lambda: {"A": scene(shape)}, page_size=1 << 16)


def written(place: Path, bands: Callable[[], dict[str, Band]], **layout) -> Path:
    """The granule in a folder of its own."""
    return made(place, lambda part: write_granule(part, name_of(0), bands(), **layout))


def made(place: Path, make: Callable[[Path], Path]) -> Path:
    """The granule in a folder of its own, made when it is first asked for."""
    if not place.exists():
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make(part)
        part.rename(place)
    return place / f"{name_of(0)}.h5"


def scene(shape: tuple[int, int]) -> Band:
    """One scene of the landscape."""
    terms, mask = landscape(shape).scene(0)
    return Band(EPSG, centres(WEST, POSTING, shape[1]), centres(NORTH, -POSTING, shape[0]), terms, mask)


def whole_frame(coarser: int = 1) -> Band:
    """The frame, at 20 m or `coarser` times that: one scene side by side, sub-swaths 1 and 2, a rim outside."""
    scene, _ = landscape((TILE, TILE)).scene(0)
    tile = {term: np.nan_to_num(values, nan=0.1) for term, values in scene.items()}
    x, y = (centres(start, sign * POSTING, TILE) for start, sign in ((WEST, 1), (NORTH, -1)))
    if coarser > 1:
        tile = block_average(Band(EPSG, x, y, tile, np.ones((TILE, TILE), "u1")), coarser).terms
    size, posting = SIZE // coarser, POSTING * coarser
    column = np.arange(size)[None]
    mask = np.where(column < size // 4, 1, 2).astype("u1") + np.zeros((size, 1), "u1")
    mask[:, -size // 20 :] = OUTSIDE
    mask[:, -size // 20 - size // 200 : -size // 20] = 0
    terms = {term: np.tile(values, (SIZE // TILE, SIZE // TILE)) for term, values in tile.items()}
    for values in terms.values():
        values[mask == OUTSIDE] = np.nan
    return Band(EPSG, centres(WEST, posting, size), centres(NORTH, -posting, size), terms, mask)


def area() -> list[float]:
    """The bbox of the AOI of 57 x 38 km."""
    return bbox_of(WINDOW)


def bbox_of(window: tuple[int, int, int, int]) -> list[float]:
    """The box in degrees whose bounds on the grid are this window's rows and columns, half a pixel inside."""
    top, bottom, left, right = window
    aim = np.array([WEST + POSTING * (left + 0.5), NORTH - POSTING * (bottom - 0.5)])
    aim = np.array([*aim, WEST + POSTING * (right - 0.5), NORTH - POSTING * (top + 0.5)])
    to_grid = Transformer.from_crs(4326, EPSG, always_xy=True)
    degrees = np.array(
        [*to_grid.transform(*aim[:2], direction="INVERSE"), *to_grid.transform(*aim[2:], direction="INVERSE")]
    )
    for _ in range(50):  # metres of misfit to degrees, until nothing is left
        degrees += (aim - to_grid.transform_bounds(*degrees, densify_pts=21)) / 111_000
    return degrees.tolist()


def name_of(date: int) -> str:
    """The name of the granule of a date, 12 days apart."""
    return granule_name(cycle=6 + date % 900, start=FIRST + timedelta(days=12 * date))


def series(source: Path, folder: Path, dates: int) -> list[Path]:
    """`dates` granules in a folder: the source under other names."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name_of(date)}.h5" for date in range(dates)]
    for path in paths:
        if not path.exists():
            os.link(source, path)
    return paths
