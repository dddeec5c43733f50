"""Reading a GCOV granule: one frequency band as an xarray dataset, and the byte ranges of its chunks.

The layout follows the NISAR L2 GCOV product specification (D-102274).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pyproj
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr
from xarray.backends import H5NetCDFStore
from xarray.backends.store import StoreBackendEntrypoint

from gcov.archive.ranges import RangeFile
from gcov.errors import GcovError
from gcov.granule import geometry, stated
from gcov.granules import LAYERS, is_diagonal
from gcov.hdf5 import FAULTS, check_lineage, find, open_hdf5, spans, text
from gcov.identification import GRIDS, IDENTIFICATION
from gcov.stores import outlines
from gcov.stores.facts import INCIDENCE
from gcov.stores.grid import Window
from gcov.stores.noise import Table
from gcov.stores.radiometry import fill_value, without_exception
from gcov.stores.store import VALID

EXCEPTIONS = "inputDataExceptionMask"
LOOKS = "numberOfLooks"
POLYGON = f"{IDENTIFICATION}/boundingPolygon"
FREQUENCY = "science/LSAR/GCOV/metadata/sourceData/swaths/{band}/centerFrequency"
NOISE = "science/LSAR/GCOV/metadata/calibrationInformation/{band}/noiseEquivalentBackscatter"
AXES = "yCoordinates", "xCoordinates"
NEWER = "perhaps a newer product specification: update the workflow"
AT_ONCE = 200_000_000  # compressed bytes; above this, arrays are fetched one after the other


@dataclass(frozen=True)
class Band:
    """One frequency band of an open granule.

    `data` has dims (y, x): the covariance terms as in the product (linear gamma0, NaN where there is no sample;
    off-diagonal terms are complex), `mask` (uint8), pixel centres x and y in metres, and the CRS for `.rio`. Samples
    are read lazily.
    """

    label: str  # names the granule in messages
    data: xr.Dataset
    source: str | RangeFile
    _group: h5py.Group
    _falling: bool = True  # whether y decreases in the file; in `data` it always does

    @property
    def terms(self) -> list[str]:
        """Names of the covariance terms."""
        return [str(name) for name in self.data.data_vars if len(str(name)) == 4 and str(name).isupper()]

    @property
    def footprint(self) -> tuple[str, str]:
        """The granule's outline (WKT, longitude and latitude), and its source: "product", or "grid".

        It is the grid's where the product states none, or none that can be one.
        """
        stated = text(self._group.file, POLYGON)
        if outlines.stated(stated):
            return stated, "product"
        return outlines.of_grid(self.data.rio.transform(), self.data["mask"].shape, str(self.data.rio.crs)).wkt, "grid"

    @property
    def look_direction(self) -> str:
        """The side to which the radar looked: left or right; empty if the file does not state it."""
        stated = text(self._group.file, f"{IDENTIFICATION}/lookDirection").strip().lower()
        return stated if stated in ("left", "right") else ""

    @property
    def mean_looks(self) -> float | None:
        """The mean of the band's layer numberOfLooks, from its attribute; None if the file does not state it."""
        layer = find(self._group, LOOKS)
        stated = np.asarray(layer.attrs.get("mean_value", 0) if isinstance(layer, h5py.Dataset) else 0)
        return float(stated) if stated.shape == () and stated.dtype.kind in "fiu" and 0 < stated < np.inf else None

    @property
    def center_frequency(self) -> float | None:
        """The band's centre frequency in Hz; None if the file does not state it."""
        node = find(self._group.file, FREQUENCY.format(band=self._name))
        stated = isinstance(node, h5py.Dataset) and node.shape == () and node.dtype.kind == "f"
        return float(node[()]) if stated else None

    def facts(self, terms: Sequence[str], grid: xr.Dataset, outline: shapely.Geometry | None) -> dict[str, Any]:
        """What the file states of its processing and quality, by name, for these terms' polarizations and an AOI.

        The incidence angle is that at the ellipsoid: the table of the terrain would cost a request and up to 0.4 MB. To
        be read after all other small datasets, whose place in memory the incidence angle takes.
        """
        found = stated.read(self._group.file, self._name, terms)
        _, angles = self.geometry([geometry.INCIDENCE], grid, outline, height=0)
        return {**found, INCIDENCE: geometry.described(angles[geometry.INCIDENCE])["mean"]}

    def geometry(
        self, names: Sequence[str], grid: xr.Dataset, outline: shapely.Geometry | None, height: float | None = None
    ) -> tuple[float | None, dict[str, np.ndarray]]:
        """The values of cubes of the viewing geometry over an AOI, and their height; see `geometry.over`."""
        return geometry.over(self._group.file, self.source, names, grid, outline, height)

    @property
    def says_exceptions(self) -> bool:
        """Whether the band has an exception mask that tells which samples of a term count.

        This is the uint16 layer of specification 1.6.0, on the same grid as the terms. Earlier masks (uint8, sometimes
        on the other band's grid) do not distinguish polarizations and are ignored.
        """
        return EXCEPTIONS in self.data and not self.ignored_exceptions

    @property
    def ignored_exceptions(self) -> str:
        """Why the band's exception mask is ignored; empty if it is used, or if there is none."""
        if EXCEPTIONS not in self._group:
            return ""
        layer, shape = self._group[EXCEPTIONS], self._group["mask"].shape
        if layer.dtype != np.uint16:
            return f"{EXCEPTIONS} is {layer.dtype} and does not distinguish terms: ignored"
        return "" if layer.shape == shape else f"{EXCEPTIONS} has the shape {layer.shape}, the mask {shape}: ignored"

    def check_layers(self, terms: Sequence[str]) -> None:
        """Raises GcovError if a term is missing (listing the available ones), or if a layer does not fit the grid.

        Also raises GcovError if the mask is not uint8, or if samples are no numbers with decimals.
        """
        for name in (*terms, "mask"):
            if name not in self.data:
                there = ", ".join(self.terms)
                kind = "layer" if name == "mask" or name in LAYERS else "term"
                raise GcovError(f"{self.label}: no {kind} {name} in {self._name}; it holds {there}")
            shape, grid = self.data[name].shape, (self.data.sizes["y"], self.data.sizes["x"])
            if shape != grid:
                raise GcovError(f"{self.label}: {name} has the shape {shape}, its coordinates {grid}")
            if name != "mask" and name not in LAYERS and (dtype := self.data[name].dtype).kind not in "fc":
                raise GcovError(f"{self.label}: {name} holds {dtype} instead of float32 or complex64; {NEWER}")
        if (dtype := self.data["mask"].dtype) != np.uint8:
            raise GcovError(f"{self.label}: the mask holds {dtype} instead of uint8; {NEWER}")

    @property
    def _name(self) -> str:
        """The name of the band's groups, such as frequencyA."""
        return self._group.name.split("/")[-1]

    def noise(self, terms: Sequence[str]) -> tuple[dict[str, Table], str]:
        """The noise tables of the diagonal terms (linear gamma0), and the reason why any are missing."""
        group = find(self._group.file, NOISE.format(band=self._name))
        wanted = [term for term in terms if is_diagonal(term) and term in self.data]
        try:
            return self._noise(group, wanted)
        except FAULTS as error:
            return {}, f"the tables cannot be read ({error})"

    def _noise(self, group: h5py.Group | None, terms: Sequence[str]) -> tuple[dict[str, Table], str]:
        stored = {name: find(group, name) for name in (*AXES, *(term[:2] for term in terms))} if group else {}
        held = [term for term in terms if stored.get(term[:2]) is not None]
        if not held:
            return {}, "the product has no table of it"
        y, x = (stored[name][()] for name in AXES)
        tables = {term: Table(y, x, stored[term[:2]][()]) for term in held}
        unusable = {term: reason for term, table in tables.items() if (reason := table.reason_unusable)}
        reason = "; ".join(f"the table of {term[:2]} {why}" for term, why in unusable.items())
        return {term: table for term, table in tables.items() if term not in unusable}, reason

    def types(self, terms: Sequence[str]) -> dict[str, np.dtype]:
        """The dtypes of a fragment's variables for these terms and further layers, by name, the mask last.

        Terms that the band lacks (polarizations may alternate) are included. `{term}_valid` is added if the band's
        exception mask tells which samples of a term count.
        """
        terms = list(terms)
        types: dict[str, np.dtype] = {term: np.dtype("f4" if is_diagonal(term) else "c8") for term in terms}
        types |= {term: self.data[term].dtype for term in terms if term in self.data}
        if self.says_exceptions:
            types |= {term + VALID: np.dtype("u1") for term in terms if term not in LAYERS}
        return {**types, "mask": np.dtype("u1")}

    def layers(
        self, terms: Sequence[str], window: Window, following: Window | None = None
    ) -> Iterator[tuple[str, np.ndarray]]:
        """The samples of a window, (rows, columns) for each name of `types`, with one layer in memory at a time.

        `following` is the window that is read next. Terms that the band lacks are NaN. `{term}_valid` is 1 where the
        exception mask accepts a sample, else 0.
        """
        held = [term for term in terms if term in self.data]
        for term in terms:
            if term not in held:
                yield term, np.full(window.shape, np.nan, self.types(terms)[term])
        names = [*held, *([EXCEPTIONS] if self.says_exceptions else []), "mask"]
        for name, samples in self.read(names, window, following):
            if name == EXCEPTIONS:
                for term in terms:
                    if term in LAYERS:
                        continue
                    yield term + VALID, without_exception(samples, term).astype("u1")
            else:
                yield name, samples

    def read(
        self, names: Sequence[str], window: Window, following: Window | None = None
    ) -> Iterator[tuple[str, np.ndarray]]:
        """The samples of a window, (rows, columns) by name, with one variable in memory at a time.

        Samples outside the granule are NaN (mask: 255). Over the network, all chunks of the window are fetched
        together unless they would take too much memory. Of those already read, the ones that the window `following`
        also touches stay in memory. Raises GcovError if a chunk cannot be read or decoded.
        """
        remote = self.source if isinstance(self.source, RangeFile) else None
        wanted = {name: self.chunk_ranges(name, window) for name in names} if remote else {}
        together = sum(stop - start for spans in wanted.values() for start, stop in spans) <= AT_ONCE
        if remote and together:
            remote.prefetch([span for spans in wanted.values() for span in spans])
        later = [span for name in wanted if following for span in self.chunk_ranges(name, following)]
        for name in names:
            if remote and not together:
                remote.prefetch(wanted[name])
            samples = self._samples(name, window)
            if remote:
                del wanted[name]
                remote.keep([*later, *(span for spans in wanted.values() for span in spans)])
            yield name, samples

    def chunk_ranges(self, name: str, window: Window) -> list[tuple[int, int]]:
        """The byte ranges (start, stop) of the chunks that a window touches.

        Raises GcovError if the chunk index is damaged.
        """
        dataset = self._group[name]
        inside = window.within(dataset.shape)
        if dataset.chunks is None or 0 in inside.shape:
            return []
        height, width = dataset.chunks
        rows = inside.row_start, inside.row_stop
        if not self._falling:
            rows = dataset.shape[0] - inside.row_stop, dataset.shape[0] - inside.row_start
        with _naming(self.label, dataset.name):
            chunks = [
                dataset.id.get_chunk_info_by_coord((row, col))
                for row in range(rows[0] // height * height, rows[1], height)
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


class _Layers(H5NetCDFStore):
    """A band's layers and coordinates without attributes: xarray would open all else in its group as well."""

    def get_variables(self) -> dict[str, xr.Variable]:
        """The variables by name, but those of one value."""
        return {
            name: self.open_store_variable(name, dataset)._replace(attrs={})
            for name, dataset in self.ds.variables.items()
            if dataset.shape
        }

    def get_attrs(self) -> dict[str, Any]:
        """None of the group's own: its `grid_mapping` would be taken for the name of the CRS."""
        return {}


@contextmanager
def open_band(source: str | RangeFile, label: str, frequency: str, terms: Sequence[str] = ()) -> Iterator[Band]:
    """Open one frequency band of a granule, from a path or a file object; `label` begins every message.

    With `terms`, what the granule states of them beside the samples is fetched together with the coordinates; read it
    before the samples, which take its place in memory.

    Raises GcovError if the file is not a GCOV granule or is damaged, if the band is missing (listing the available
    ones), or if its coordinates or its CRS cannot be used.
    """
    with open_hdf5(source, label) as file:
        group = _band_group(file, frequency, label)
        if isinstance(source, RangeFile):
            source.prefetch([span for path in _small(group.name, terms) for span in spans(file, path)])
        with _naming(label, group.name):
            check_lineage(group)
            epsg = _epsg(group, label)
            falling = _falling(group, label)
            opened = xr.open_dataset(
                _Layers(h5netcdf.File(file, phony_dims="access"), group=group.name),
                engine=StoreBackendEntrypoint,  # given a name, xarray would search every installed plugin
                mask_and_scale=False,  # raw samples, with attributes left uninterpreted
                decode_times=False,
                decode_coords=False,
                cache=False,
            )
        with opened:
            data = opened.rename(xCoordinates="x", yCoordinates="y").rio.write_crs(epsg)
            yield Band(label, data if falling else data.isel(y=slice(None, None, -1)), source, group, falling)


def _small(grid: str, terms: Sequence[str]) -> list[str]:
    """The small datasets to read of a band, which may lie anywhere in the file.

    Listed here, they are fetched together. Others can be read as well, each for a round trip and a block of bytes.
    """
    coordinates = [f"{grid}/{name}" for name in ("projection", *AXES)]
    if not terms:
        return coordinates
    band = grid.split("/")[-1]
    noise = [
        f"{NOISE.format(band=band)}/{name}" for name in (*AXES, *(term[:2] for term in terms if is_diagonal(term)))
    ]
    facts = [*stated.paths(band, terms), *geometry.AXES_AND_HEIGHTS]
    return [*coordinates, POLYGON, FREQUENCY.format(band=band), *noise, *facts]


def _band_group(file: h5py.File, frequency: str, label: str) -> h5py.Group:
    grids = find(file, GRIDS)
    if not isinstance(grids, h5py.Group):
        raise GcovError(f"{label}: no group /{GRIDS}: not an L-band GCOV granule")
    group = find(grids, f"frequency{frequency}")
    if not isinstance(group, h5py.Group):
        there = ", ".join(key.removeprefix("frequency") for key in grids)
        raise GcovError(f"{label}: no frequency{frequency}; it holds frequency {there}: set `frequency: {there[:1]}`")
    return group


def _epsg(group: h5py.Group, label: str) -> int:
    """The EPSG code of a band: the value of `projection`, or its attribute `epsg_code` if the value is no such code."""
    projection = group.get("projection")
    if projection is None:
        raise GcovError(f"{label}: no projection in {group.name}: its CRS is unknown")
    stated = [projection[()]] if isinstance(projection, h5py.Dataset) and projection.shape == () else []
    for code in (*stated, projection.attrs.get("epsg_code")):
        try:
            pyproj.CRS.from_epsg(int(code))
            return int(code)
        except (TypeError, ValueError, pyproj.exceptions.CRSError):
            continue
    raise GcovError(f"{label}: {projection.name} is not an EPSG code known to PROJ")


def _falling(group: h5py.Group, label: str) -> bool:
    """Whether y decreases, as in the product. Raises GcovError if coordinates are missing or not evenly spaced."""
    steps = {}
    for name in AXES:
        centres = np.array(group[name] if isinstance(group.get(name), h5py.Dataset) else [])
        if centres.ndim != 1 or centres.size < 2 or centres.dtype.kind not in "fiu":
            raise GcovError(f"{label}: {group.name} has no usable {name}: expected a row of pixel centres")
        apart = np.diff(centres.astype(float))
        steps[name] = step = apart.mean()
        if not np.abs(apart - step).max() <= abs(step) * 1e-3 or step == 0:  # NaN included
            raise GcovError(f"{label}: {name} of {group.name} are not evenly spaced")
    if steps["xCoordinates"] < 0:
        raise GcovError(f"{label}: xCoordinates of {group.name} fall from west to east")
    return bool(steps["yCoordinates"] < 0)


@contextmanager
def _naming(label: str, what: str) -> Iterator[None]:
    """Turn what HDF5 raises on a damaged file into a GcovError that names the granule and the dataset."""
    try:
        yield
    except FAULTS as error:
        reason = str(error).partition("(")[2].rstrip(")") or error
        raise GcovError(f"{label}: {what} is damaged ({reason}); fetch or download the granule again") from None
