"""The notebook's own calls, as the reference for the workflow's numbers, and helpers shared by tests."""

import time
import warnings
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr
from affine import Affine

from gcov.stores.grid import make_grid

# The small granules of conftest.py
EPSG = 32645
WEST, NORTH = 191_760, 3_132_240  # outer edges, metres
SHAPE = (120, 152)
FIRST = datetime(2025, 11, 23, 23, 47, 39)
BBOX = [83.872, 28.262, 83.888, 28.275]  # inside of them, across sub-swaths and the edge of the swath

# Columns of the tables, after the contract
FACTS = """name url s3_url path size start end cycle track direction frame mode polarizations crid maturity counter
coverage accuracy has_input_data_exception""".split()  # noqa: SIM905
SERIES = """time granule crid maturity n_pixels n_valid valid_fraction mean_power mean_db std_power p05_db p50_db
p95_db n_effective se_db noise_db polarizations rain_mm why_empty
anomaly_db anomaly_se_db rain_3d_mm near_noise""".split()  # noqa: SIM905

REPO = Path(__file__).resolve().parents[1]
DROPPED = ["inputDataExceptionMask", "listOfPolarizations", "listOfCovarianceTerms"]


def notebook_granule(path, bbox, frequency="A") -> xr.Dataset:
    """One granule's window as the notebook opens and clips it: (y, x), mask as float with NaN for 255."""
    with xr.open_datatree(path, engine="h5netcdf", phony_dims="access", drop_variables=DROPPED) as tree:
        data = tree[f"science/LSAR/GCOV/grids/frequency{frequency}"].to_dataset()
        data = data.rename({"xCoordinates": "x", "yCoordinates": "y"})
        epsg = int(data["projection"])  # before write_crs, which overwrites it
        return data.rio.write_crs(epsg).rio.clip_box(*bbox, crs="EPSG:4326").load()


def notebook_stack(paths, bbox, frequency="A") -> xr.Dataset:
    """The notebook's stack (time, y, x) of granules in order of time; time from their identification."""
    times = [pd.Timestamp(Path(path).name.split("_")[11]) for path in paths]
    clips = [notebook_granule(path, bbox, frequency) for path in paths]
    return xr.concat(clips, dim=pd.Index(times, name="time"))


def notebook_db(power: xr.DataArray) -> np.ndarray:
    """10 log10 where positive."""
    return (10 * np.log10(power.where(power > 0))).values


def grid_of(epsg: int, x: np.ndarray, y: np.ndarray) -> xr.Dataset:
    """A grid with these evenly spaced pixel centres, metres."""
    dx, dy = x[1] - x[0], y[1] - y[0]
    return make_grid(epsg, x, y, Affine(dx, 0, x[0] - dx / 2, 0, dy, y[0] - dy / 2))


def rectangle(top: int, bottom: int, left: int, right: int) -> shapely.Polygon:
    """Along the edges of these rows and columns of the small granules."""
    return shapely.box(WEST + 20 * left, NORTH - 20 * bottom, WEST + 20 * right, NORTH - 20 * top)


def zone_file(path: Path, shapes: dict[str, shapely.Geometry], crs=EPSG, key: str = "name", **properties) -> Path:
    """A vector file of zones by name."""
    import geopandas  # half a second that most tests need not wait

    frame = geopandas.GeoDataFrame({key: list(shapes), **properties}, geometry=list(shapes.values()), crs=crs)
    frame.to_file(path)
    return path


def cell_means(samples: np.ndarray, side: int, whole: bool = False) -> np.ndarray:
    """Means (..., y, x) of cells of side x side samples, NaN left out; NaN where none is left.

    `whole`: NaN where a sample is missing or lies beyond the edge.
    """
    beyond = [(0, 0)] * (samples.ndim - 2) + [(0, -size % side) for size in samples.shape[-2:]]
    full = np.pad(samples.astype(float), beyond, constant_values=np.nan)
    *several, ny, nx = full.shape
    cells = full.reshape(*several, ny // side, side, nx // side, side)
    with warnings.catch_warnings(action="ignore"):  # of cells without a sample
        return (np.mean if whole else np.nanmean)(cells, axis=(-3, -1))


def memory_stack(powers: dict[str, np.ndarray], mask: np.ndarray, **facts: list[str]) -> xr.Dataset:
    """A stack of these samples (time, y, x), in memory only; dates are 12 days apart unless `facts` give times.

    Noise was subtracted from them, so that samples of 0 and below count.
    """
    dates, ny, nx = mask.shape
    grid = grid_of(EPSG, WEST + 20 * (np.arange(nx) + 0.5), NORTH - 20 * (np.arange(ny) + 0.5))
    times = facts.pop("time", [FIRST + pd.Timedelta(12 * n, "D") for n in range(dates)])
    words = {"granule": ["G"] * dates, "crid": ["P05023"] * dates, "maturity": ["PROVISIONAL"] * dates}
    words |= {"polarizations": ["DHDH"] * dates, "noise_correction_applied": ["True"] * dates, **facts}
    attributes = {"aoi": "aoi", "aoi_bbox": BBOX, "aoi_polygon": None, "frequency": "A", "n_pixels": ny * nx}
    return (
        grid.assign({name: (("time", "y", "x"), values) for name, values in {**powers, "mask": mask}.items()})
        .assign_coords(
            time=np.array(times, "datetime64[s]"), **{name: ("time", values) for name, values in words.items()}
        )
        .assign_attrs(attributes)
    )


def assert_counts(found, values, low, high, bins) -> None:
    """`found` are np.histogram's counts of the finite `values`, but for 2 in 100,000 beyond an edge."""
    values = np.asarray(values)
    wanted, _ = np.histogram(values[np.isfinite(values)], bins=bins, range=(low, high))
    assert len(found) == bins
    assert np.abs(np.cumsum(found) - np.cumsum(wanted)).max() <= 2e-5 * values.size


def summary_of(stack: xr.Dataset, term: str) -> pd.DataFrame:
    """The mean series of a term of a stack, without rain."""
    from gcov.analysis.summary import Summary
    from gcov.inputs.rain import rain_of
    from gcov.stores.stack import Stack

    return Summary.of(Stack(stack, valid_samples_only=True), term).mean_series(stack, term, rain_of(stack, None))


def patience(ask, least: float) -> float:
    """A time-out in seconds for tests of stalls: as long as ten ordinary answers take now, however busy the machine."""
    began = time.monotonic()
    ask()
    return max(least, 10 * (time.monotonic() - began))
