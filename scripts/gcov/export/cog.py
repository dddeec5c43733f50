"""Cloud-optimized GeoTIFFs: float32, NaN where there is no sample; overviews of backscatter averaged in linear power.

GDAL averages the overviews. For backscatter in dB it averages the linear power, and each level is then converted to dB.
Ratios in dB are averaged as they are: without change their mean is 0 dB, but that of the ratios is L / (L - 1).
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
import rasterio.shutil
import xarray as xr
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError
from rasterio.windows import Window

from gcov.errors import GcovError
from gcov.files import building
from gcov.stores import geozarr
from gcov.stores.radiometry import to_db

BLOCK = 512
GDAL = {
    "GDAL_CACHEMAX": 64,  # MB; the default is 5 % of the machine
    "TIFF_USE_OVR": "YES",  # each overview is a separate file, which can be rewritten in dB
    "GDAL_DISABLE_READDIR_ON_OPEN": "NO",  # otherwise these files are not found
}
LAYOUT = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "band", "bigtiff": "IF_SAFER"}
# Every GIS reads deflate; zstd is quicker, but not everywhere
COG = {"compress": "DEFLATE", "predictor": "YES", "blocksize": BLOCK, "bigtiff": "IF_SAFER"}

# A part of a file: its region, the float32 samples (rows, columns) to write, and those to average for the overviews
Part = tuple[Mapping[str, slice], np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Band:
    """One band of a file: name, quantity, unit, and parts in any order. The parts may be iterated only once.

    With `averaged_in_power`, samples are in dB, and those to average for the overviews are their linear power.
    """

    name: str
    quantity: str
    unit: str
    parts: Iterable[Part]
    averaged_in_power: bool = False


def write(
    path: Path,
    *,
    grid: xr.Dataset,
    bands: Sequence[Band],
    tags: Mapping[str, str],
    resampling: Resampling = Resampling.average,
) -> None:
    """Write bands on the grid of a store as a cloud-optimized GeoTIFF. Either all are `averaged_in_power`, or none.

    Memory holds one part at a time. Until the file is complete, the disk also holds its uncompressed samples.
    Raises GcovError, naming the file, if GDAL cannot write it.
    """
    in_power = bands[0].averaged_in_power
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "nodata": np.nan,
        "count": len(bands),
        "height": grid.sizes["y"],
        "width": grid.sizes["x"],
        "crs": rasterio.crs.CRS.from_epsg(int(grid["spatial_ref"])),
        "transform": geozarr.transform(grid["spatial_ref"].attrs),
    }
    with (
        _naming(path),
        building(path) as part,
        # beside the file, so that the next job removes what a killed one leaves
        TemporaryDirectory(dir=part.parent, prefix=f"{part.name}.") as folder,
        rasterio.Env(**GDAL),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # overviews have the extent of their image
        image, power = Path(folder, "image.tif"), Path(folder, "power.tif")
        with ExitStack() as stack:
            shown = stack.enter_context(rasterio.open(image, "w", **profile, **LAYOUT))
            averaged = stack.enter_context(rasterio.open(power, "w", **profile, **LAYOUT)) if in_power else None
            shown.update_tags(**tags)
            for index, band in enumerate(bands, start=1):
                shown.set_band_description(index, band.name)
                shown.set_band_unit(index, band.unit)
                shown.update_tags(index, quantity=band.quantity, unit=band.unit)
                for region, samples, linear in band.parts:
                    window = Window.from_slices(region["y"], region["x"])
                    shown.write(samples, index, window=window)
                    if averaged:
                        averaged.write(linear, index, window=window)
        for overview in _overviews(power if in_power else image, resampling):
            if in_power:
                _put_in_db(overview)
                overview.rename(image.with_name(overview.name.replace(power.name, image.name)))
        rasterio.shutil.copy(image, part, driver="COG", overviews="FORCE_USE_EXISTING", **COG)
        _read(part)


def _overviews(image: Path, resampling: Resampling) -> list[Path]:
    """Make the overviews of an image, each half as large as the previous one, down to the size of one block.

    They are named as GDAL expects: image.tif.ovr, image.tif.ovr.ovr, ...
    """
    levels = [image]
    while True:
        with rasterio.open(levels[-1], "r+") as level:
            if max(level.shape) <= BLOCK:
                return levels[1:]
            level.build_overviews([2], resampling)
        levels.append(Path(f"{levels[-1]}.ovr"))


def _read(image: Path) -> None:
    """Read every block, because GDAL does not report a disk that is full when a file is closed."""
    with rasterio.open(image) as file:
        for _, window in file.block_windows():
            file.read(window=window)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn GDAL's errors on a full or failing disk into a GcovError that names the file."""
    try:
        yield
    except (RasterioIOError, CPLE_BaseError) as error:
        raise GcovError(f"{path} cannot be written ({error}): is the disk full? Make room, then run again") from error


def _put_in_db(image: Path) -> None:
    with rasterio.open(image, "r+") as file:
        for index in file.indexes:
            for _, window in file.block_windows(index):
                file.write(to_db(file.read(index, window=window)), index, window=window)
