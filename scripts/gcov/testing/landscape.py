"""A synthetic landscape for test granules: speckle, a seasonal cycle, rain, fellings, a swath with edges.

Arrays are (ny, nx) with row 0 in the north; backscatter is gamma0 in linear power, NaN = no sample.
"""

from dataclasses import dataclass

import numpy as np

from gcov.testing.synthetic import OUTSIDE, rounded

LOOKS = 9
CLEARED_ON = 30  # day since the first date
# Further clearings: day, centre as a share of the width and the height, size in samples along x and y
CLEARINGS = ((198, 0.78, 0.44, 18, 14), (270, 0.38, 0.77, 12, 11), (110, 0.80, 0.24, 8, 7), (234, 0.78, 0.33, 4, 3))
RAIN_DB = {96: 0.8}  # by day: what rain adds to everything but water
SEASON_DB = 1.0
CLEARING_DB = {"HHHH": -4.5, "HVHV": -7.5}
MEAN = {"HHHH": 0.1, "HVHV": 0.012}
# gamma0 in dB of each cover: HHHH, HVHV
COVER_DB = {
    "field": (-11.5, -20.5),
    "forest": (-8.0, -13.5),
    "town": (-5.0, -13.0),
    "water": (-21.0, -29.0),
    "gravel": (-14.0, -24.0),
}


@dataclass(frozen=True)
class Landscape:
    """A valley with a lake, a river, a town, fields and forest between hills; all arrays (ny, nx).

    The forest stand `felled` is cleared on the day that `landscape` was given.
    """

    seed: int
    backscatter: dict[str, np.ndarray]  # HHHH, HVHV -> float32 mean gamma0 on day 0, linear power
    season: np.ndarray  # float32 amplitude in dB of the yearly cycle, 0 except on fields; the sign depends on the crop
    water: np.ndarray  # bool, lake and river: their roughness varies with the day's wind
    felled: np.ndarray  # bool
    felled_on: np.ndarray  # day on which the forest is felled, in the stand and in smaller clearings; inf: never

    def scene(self, day: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The terms and the mask, as in `Band`, `day` days after the first date; a day always gives the same scene."""
        rng = np.random.default_rng([self.seed, day])
        change = self.season * np.sin(2 * np.pi * day / 365) + self.water * rng.normal(0, 0.7)
        change = change + ~self.water * RAIN_DB.get(day, 0)
        mask = _swath_mask(self.water.shape, shift=int(rng.integers(-4, 5)))
        terms = {}
        for term, mean in self.backscatter.items():
            clearing = (self.felled_on <= day) * CLEARING_DB[term]
            speckle = rng.standard_gamma(LOOKS, mean.shape, dtype=np.float32) / LOOKS
            terms[term] = _spoil((mean * speckle * _power(change + clearing)).astype(np.float32), mask, rng)
        return terms, mask


def landscape(shape: tuple[int, int], *, seed: int = 1, cleared_on: int = CLEARED_ON) -> Landscape:
    """Generate a landscape of `shape` (ny, nx). It scales with the shape, except for parcels and small clearings."""
    rng = np.random.default_rng(seed)
    v, u = np.meshgrid(np.linspace(0, 1, shape[0]), np.linspace(0, 1, shape[1]), indexing="ij")
    smooth, broad, middle, fine = (_fractal(rng, shape, slope) for slope in (2.6, 2.1, 1.8, 1.3))

    # Hills in the north and the south-west; the valley between them opens to the south-east
    upland = _step(np.maximum(0.36 - v + 0.25 * u, 0.8 * (v - u) - 0.32) + 0.06 * broad, 0.22)
    ridges = np.abs(smooth) + 0.55 * np.abs(_fractal(rng, shape, 2.2)) + 0.3 * np.abs(broad + 0.5)
    height = upland * (2 - ridges + 0.05 * middle)
    lake = _lake(u, v, broad, middle)
    river, gravel = _river(u, v, broad, middle)
    water = np.maximum(lake, river)
    forest = np.maximum(_step(upland - 0.4 + 0.12 * middle, 0.05), _step(middle - 1.3, 0.05))
    centre = np.exp(-(((u - 0.55) / 0.12) ** 2 + ((v - 0.5) / 0.14) ** 2)) + 0.3 * middle + 0.15 * fine
    town = _step(centre - 0.55, 0.15) * (1 - forest)
    crop, hedge = _parcels(rng, shape, middle)

    blocks = _fractal(rng, shape, 0.4)
    grain = {"field": 3.4 * (crop - 0.5) + 1.5 * hedge + 0.3 * middle, "forest": 0.5 * fine, "town": 1.8 * blocks}
    relief = 1.7 * upland * _facing(height)
    backscatter = {}
    targets = (rng.random(shape) < 0.04 * town) * np.minimum(rng.exponential(4, shape), 18)
    for index, term in enumerate(MEAN):
        level = {cover: decibels[index] + grain.get(cover, 0) for cover, decibels in COVER_DB.items()}
        values = level["field"]
        for cover, share in (("forest", forest), ("town", town), ("gravel", gravel), ("water", water)):
            values = values + (level[cover] - values) * share
        power = _power(values + (relief + targets) * (1 - water))
        backscatter[term] = (power * (MEAN[term] / power.mean())).astype(np.float32)
    bare = 1 - np.maximum.reduce([forest, town, gravel, water])
    season = (bare * SEASON_DB * np.where(crop > 0.35, 1, -0.6)).astype(np.float32)
    stand = np.maximum(np.abs(u - 0.47) / 0.07, np.abs(v - 0.3 + 0.3 * (u - 0.47)) / 0.05) + 0.2 * middle < 1
    standing = (forest > 0.5) & (water < 0.5)
    felled_on = np.where(stand & standing, cleared_on, np.inf)
    for day, across, down, width, height in CLEARINGS:
        here = (np.abs(u - across) * shape[1] < width / 2) & (np.abs(v - down) * shape[0] < height / 2)
        felled_on[here & standing] = day
    return Landscape(seed, backscatter, season, water > 0.5, stand & standing, felled_on)


def _power(db: np.ndarray) -> np.ndarray:
    return 10 ** (db / 10)


def _step(values: np.ndarray, width: float) -> np.ndarray:
    """A smooth step from 0 (well below zero) to 1 (well above), over `width`."""
    return np.clip(values / width + 0.5, 0, 1)


def _fractal(rng: np.random.Generator, shape: tuple[int, int], slope: float) -> np.ndarray:
    """Noise of mean 0 and standard deviation 1 whose amplitude falls as wave number ** -slope."""
    ny, nx = shape
    number = np.hypot(np.fft.fftfreq(ny)[:, None] * ny, np.fft.rfftfreq(nx)[None] * nx)
    number[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * number**-slope, shape)
    return noise / noise.std()


def _facing(height: np.ndarray) -> np.ndarray:
    """How strongly a slope faces the sensor in the west, in standard deviations, clipped to 2.5."""
    slope = np.gradient(height, axis=1) + 0.3 * np.gradient(height, axis=0)
    return np.clip(slope / slope.std(), -2.5, 2.5)


def _lake(u: np.ndarray, v: np.ndarray, broad: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """The fraction of water (0..1) for a long lake with bays."""
    along, across = 0.93 * (u - 0.37) + 0.36 * (v - 0.6), 0.93 * (v - 0.6) - 0.36 * (u - 0.37)
    return _step(1 - np.hypot(along / 0.2, across / 0.06) + 0.35 * middle + 0.1 * broad, 0.05)


def _river(u: np.ndarray, v: np.ndarray, broad: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fractions (0..1) of water and of gravel bed for a river from north to south."""
    course = 0.68 + 0.06 * np.sin(6 * v + 1) + 0.02 * np.sin(21 * v) + 0.01 * np.sin(47 * v) + 0.02 * broad
    away = np.abs(u - course)
    bed = 0.004 + 0.008 * v + 0.002 * middle
    return _step(0.25 * bed + 0.001 - np.abs(away - 0.3 * bed), 0.002), _step(bed - away, 0.003)


def _parcels(rng: np.random.Generator, shape: tuple[int, int], warp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays (ny, nx): a crop number 0..1, constant within each parcel, and closeness to the edge (0..1)."""
    row, column = np.indices(shape, dtype=np.float32)
    a, b = (column * 0.94 + row * 0.34 + 2 * warp) / 11, (row * 0.94 - column * 0.34 + 2 * warp) / 7
    a, b = a - a.min() + 1, b - b.min() + 1
    cells = int(b.max()) + 3, int(a.max()) + 3
    site_a, site_b, crop = rng.random((3, *cells))
    first = np.full(shape, np.inf)
    second = first.copy()
    value = np.zeros(shape)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            q, p = b.astype(int) + i, a.astype(int) + j
            distance = np.hypot(p + site_a[q, p] - a, q + site_b[q, p] - b)
            nearer = distance < first
            second = np.where(nearer, first, np.minimum(second, distance))
            value = np.where(nearer, crop[q, p], value)
            first = np.minimum(first, distance)
    return value, _step(0.12 - (second - first), 0.1)


def _swath_mask(shape: tuple[int, int], shift: int) -> np.ndarray:
    """A mask with sub-swaths 1 and 2, a rim of 0, and 255 beyond it, slanted like the track of an ascending pass."""
    ny, nx = shape
    rim = max(3, nx // 70)
    row, column = np.ogrid[:ny, :nx]
    inside = 0.88 * nx + 0.18 * (row - ny / 2) + shift - column  # pixels to the swath's edge
    mask = np.where(inside > 0.5 * nx, 1, 2).astype(np.uint8)
    mask[inside < rim] = 0
    mask[inside < 0] = OUTSIDE
    return mask


def _spoil(values: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Set NaN outside the swath, and along its rim NaN or meaningless values down to 1e-18, as in real granules."""
    rim = mask == 0
    count = int(rim.sum())
    rubbish = 10 ** rng.uniform(-18, -1, count)
    rubbish[rng.random(count) < 0.4] = np.nan
    values[rim] = rubbish
    values[mask == OUTSIDE] = np.nan
    return rounded(values)
