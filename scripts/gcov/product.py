"""Reading a GCOV granule: one frequency band as xarray sees it, where its chunks lie, and its identification.

Layout after the NISAR L2 GCOV product specification (D-102274).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import h5py
import numpy as np
import rioxarray  # noqa: F401  (the .rio accessor)
import xarray as xr
from xarray.backends.h5netcdf_ import H5netcdfBackendEntrypoint

from gcov.archive.ranges import RangeFile
from gcov.errors import GcovError
from gcov.grid import Window
from gcov.identification import GRIDS, IDENTIFICATION, open_hdf5, text
from gcov.radiometry import fill_value

AT_ONCE = 200_000_000  # compressed bytes of all arrays fetched together; more of them one array after the other


@dataclass(frozen=True)
class Band:
    """One frequency band of an open granule.

    `data` has dims (y, x), the covariance terms as in the product (linear gamma0; off-diagonal ones complex), `mask`
    (uint8), pixel centres x and y in metres, and the CRS for `.rio`. Samples are read when they are asked for.
    """

    label: str  # of the granule, for messages
    data: xr.Dataset
    source: str | RangeFile
    _group: h5py.Group

    @property
    def terms(self) -> list[str]:
        """Names of the covariance terms."""
        return [str(name) for name in self.data.data_vars if len(str(name)) == 4 and str(name).isupper()]

    @property
    def footprint(self) -> str:
        """The granule's outline as the product states it, else its grid's: WKT, longitude and latitude."""
        if stated := text(self._group.file[IDENTIFICATION], "boundingPolygon"):
            return stated
        import shapely

        return shapely.box(*self.data.rio.transform_bounds(4326)).wkt

    def check_terms(self, terms: Sequence[str]) -> None:
        """Raises GcovError, listing the terms there are, if one is missing."""
        for term in terms:
            if term not in self.data:
                there = ", ".join(self.terms)
                raise GcovError(f"{self.label}: no term {term} in {self._group.name.split('/')[-1]}; it holds {there}")

    def read(self, names: Sequence[str], window: Window) -> Iterator[tuple[str, np.ndarray]]:
        """The samples of a window, (rows, columns) by name, one variable in memory after the other.

        NaN (mask: 255) where the window leaves the granule. Over the network what the window needs is fetched in one
        go, unless that is too much for the memory. Raises GcovError if a chunk cannot be read or decoded.
        """
        remote = self.source if isinstance(self.source, RangeFile) else None
        ranges = {name: self.chunk_ranges(name, window) for name in names} if remote else {}
        together = sum(stop - start for spans in ranges.values() for start, stop in spans) <= AT_ONCE
        if remote and together:
            remote.prefetch([span for spans in ranges.values() for span in spans])
        for name in names:
            if remote and not together:
                remote.prefetch(ranges[name])
            yield name, self._samples(name, window)

    def chunk_ranges(self, name: str, window: Window) -> list[tuple[int, int]]:
        """Where in the file the chunks lie that a window touches: (start, stop) in bytes.

        Raises GcovError if the index of the chunks is damaged.
        """
        dataset = self._group[name]
        inside = window.within(dataset.shape)
        if dataset.chunks is None or 0 in inside.shape:
            return []
        height, width = dataset.chunks
        with _naming(self.label, dataset.name):
            chunks = [
                dataset.id.get_chunk_info_by_coord((row, col))
                for row in range(inside.row_start // height * height, inside.row_stop, height)
                for col in range(inside.col_start // width * width, inside.col_stop, width)
            ]
        return [(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in chunks if chunk.size]

    def _samples(self, name: str, window: Window) -> np.ndarray:
        variable = self.data[name]
        inside = window.within(variable.shape)
        rows, cols = slice(inside.row_start, inside.row_stop), slice(inside.col_start, inside.col_stop)
        with _naming(self.label, f"{self._group.name}/{name}"):
            found = variable[rows, cols].values
        if inside == window:
            return found
        samples = np.full(window.shape, fill_value(variable.dtype), variable.dtype)
        if 0 not in inside.shape:
            top, left = inside.row_start - window.row_start, inside.col_start - window.col_start
            samples[top : top + inside.shape[0], left : left + inside.shape[1]] = found
        return samples


@contextmanager
def open_band(source: str | RangeFile, label: str, frequency: str) -> Iterator[Band]:
    """One frequency band of a granule, from a path or a file object; `label` opens every message.

    Raises GcovError where it is no GCOV granule, or a damaged one; where the band is missing (listing those there
    are); where its coordinates are not evenly spaced.
    """
    with open_hdf5(source, label) as file:
        grids = file.get(GRIDS)
        if grids is None:
            raise GcovError(f"{label}: no group /{GRIDS}: not an L-band GCOV granule")
        if f"frequency{frequency}" not in grids:
            there = ", ".join(key.removeprefix("frequency") for key in grids)
            raise GcovError(
                f"{label}: no frequency{frequency}; it holds frequency {there}: set `frequency: {there[:1]}`"
            )
        group = grids[f"frequency{frequency}"]
        with _naming(label, group.name):
            opened = xr.open_dataset(
                source,  # type: ignore[arg-type]  # any file object will do
                engine=H5netcdfBackendEntrypoint,  # by name xarray would look through every installed plugin
                group=group.name,
                phony_dims="access",
                mask_and_scale=False,
                cache=False,
            )
        with opened:
            data = opened.rename(xCoordinates="x", yCoordinates="y")
            _check_spacing(data, f"{label}: coordinates of {group.name}")
            # `projection` is the EPSG code; write_crs would overwrite it
            yield Band(label, data.rio.write_crs(int(data["projection"])), source, group)


def _check_spacing(data: xr.Dataset, what: str) -> None:
    for centres in (data["x"].values, data["y"].values):
        steps = np.diff(centres)
        if np.abs(steps - steps.mean()).max() > abs(steps.mean()) * 1e-3:
            raise GcovError(f"{what} are not evenly spaced")


@contextmanager
def _naming(label: str, what: str) -> Iterator[None]:
    """Raises GcovError, naming granule and dataset, for what HDF5 says of a damaged file."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = str(error).partition("(")[2].rstrip(")") or error
        raise GcovError(f"{label}: {what} is damaged ({reason}); fetch or download the granule again") from None
