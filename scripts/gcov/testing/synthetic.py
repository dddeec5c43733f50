"""Synthetic GCOV granules in the product's HDF5 layout, as written by the archive's processor.

Arrays are (ny, nx) with row 0 in the north; backscatter is gamma0 in linear power, NaN = no sample.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from pyproj import CRS, Transformer

from gcov.granules import is_diagonal, maturity_of
from gcov.identification import GRIDS, IDENTIFICATION

METADATA = "science/LSAR/GCOV/metadata"
OUTSIDE = 255
CENTER_FREQUENCY = {"A": 1.229e9, "B": 1.2935e9}  # Hz, for a 20 MHz and a 5 MHz band
ONLY_B = 1.2215e9  # Hz, of band B in granules without band A
FIRST_ORBIT = 791  # orbits before the first one of cycle 1, track 1
HEADING = {"A": -12.0, "D": -168.0}  # degrees from north, clockwise
ORBIT_HEIGHT, CENTER_DISTANCE = 747e3, 620e3  # metres; distance of the scene's centre from the ground track
LOST = 2e-7  # of the power of a sample whose echo was lost
MANTISSA_BITS = 16  # of samples, as in the product; the other 7 of float32 are 0
NAME_FIELDS = (
    "mission", "level", "kind", "product", "cycle", "track", "direction", "frame", "mode", "pols", "state", "start",
    "end", "crid", "accuracy", "coverage", "site", "counter",
)  # fmt: skip
PROJECTION = (  # attributes that are CF's own
    "false_easting", "false_northing", "inverse_flattening", "latitude_of_projection_origin", "semi_major_axis",
    "longitude_of_central_meridian", "scale_factor_at_central_meridian", "standard_parallel",
    "straight_vertical_longitude_from_pole",
)  # fmt: skip
TIME_FORMAT = "%Y%m%dT%H%M%S"
FACTS = yaml.safe_load((Path(__file__).parent / "product.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Band:
    """One frequency group of a granule."""

    epsg: int
    x: np.ndarray  # (nx,) pixel centres, ascending, metres
    y: np.ndarray  # (ny,) pixel centres, descending, metres
    terms: dict[str, np.ndarray]  # term -> (ny, nx) float32, or complex64 off the diagonal; NaN = no sample
    mask: np.ndarray  # (ny, nx) uint8: 0 invalid, 1..n sub-swath, 255 outside
    exceptions: np.ndarray | None = None  # (ny, nx) uint16: inputDataExceptionMask as of specification 1.6.0
    noise: np.ndarray | None = None  # (13, 14) float32: noise floor table, the same for every polarization


def centres(start: float, posting: float, count: int) -> np.ndarray:
    """The (count,) pixel centres in metres of an axis with outer edge `start`; `posting` may be negative."""
    return start + posting * (np.arange(count) + 0.5)


def granule_name(
    *,
    cycle: int = 6,
    track: int = 26,
    direction: str = "A",
    frame: int = 16,
    mode: str = "2005",
    pols: str = "DHDH",
    start: datetime,
    end: datetime | None = None,
    crid: str = "X05009",
    accuracy: str = "N",
    coverage: str = "F",
    counter: int = 1,
    kind: str = "PR",
) -> str:
    """The name of a granule, without `.h5`; `end` defaults to 35 s after `start`."""
    end = end or start + timedelta(seconds=35)
    return (
        f"NISAR_L2_{kind}_GCOV_{cycle:03d}_{track:03d}_{direction}_{frame:03d}_{mode}_{pols}_A_"
        f"{start:{TIME_FORMAT}}_{end:{TIME_FORMAT}}_{crid}_{accuracy}_{coverage}_J_{counter:03d}"
    )


def block_average(band: Band, factor: int) -> Band:
    """`band` averaged in linear power over factor x factor blocks, which must divide its shape.

    NaN samples are left out of the means. The mask is 255 where the whole block is 255, otherwise 0 if any sample is
    invalid or outside, otherwise the lowest sub-swath in the block.
    """
    ny, nx = (n // factor for n in band.mask.shape)
    split = (ny, factor, nx, factor)

    def mean(values: np.ndarray) -> np.ndarray:
        blocks = values.reshape(split)
        valid = np.isfinite(blocks)
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN of an empty block
            total = np.where(valid, blocks, 0).sum(axis=(1, 3), dtype=np.result_type(values, np.float64))
            return (total / valid.sum(axis=(1, 3))).astype(values.dtype)

    blocks = band.mask.reshape(split)
    lowest, highest = blocks.min(axis=(1, 3)), blocks.max(axis=(1, 3))
    mask = np.where((highest == OUTSIDE) & (lowest < OUTSIDE), 0, lowest).astype(np.uint8)
    x, y = (axis.reshape(-1, factor).mean(axis=1) for axis in (band.x, band.y))
    return Band(band.epsg, x, y, {term: mean(values) for term, values in band.terms.items()}, mask)


def partial_frame(band: Band, share: float = 0.05) -> Band:
    """`band` if only the northern `share` of its rows had been acquired: NaN and mask 255 elsewhere."""
    outside = (np.arange(len(band.y)) >= max(1, round(share * len(band.y))))[:, None]
    terms = {term: np.where(outside, values.dtype.type(np.nan), values) for term, values in band.terms.items()}
    return replace(band, terms=terms, mask=np.where(outside, np.uint8(OUTSIDE), band.mask))


def without_echoes(band: Band, rows: slice, terms: Sequence[str] = ()) -> Band:
    """`band` if the echoes of some rows were lost: samples 67 dB lower, mask unchanged; of all terms, or of these."""
    lost = np.zeros(len(band.y), bool)
    lost[rows] = True
    factor = np.where(lost, np.float32(LOST), np.float32(1))[:, None]
    changed = {term: band.terms[term] * factor for term in terms or band.terms}
    return replace(band, terms={**band.terms, **changed})


def rounded(values: np.ndarray) -> np.ndarray:
    """Float32 or complex64 samples rounded to the mantissa bits that the product keeps."""
    dropped = np.finfo(np.float32).nmant - MANTISSA_BITS
    bits = np.ascontiguousarray(values).view(np.uint32) + np.uint32(1 << (dropped - 1))
    return (bits >> dropped << dropped).view(values.dtype)


def write_granule(
    folder: Path,
    name: str,
    bands: dict[str, Band],
    *,
    page_size: int | None = None,
    chunks: tuple[int, int] = (512, 512),
    exception_mask: bool = False,
    file_name: str | None = None,
    end_block: bool = False,
) -> Path:
    """Write the granule `name` with its bands ("A", "B") and return its path, `folder`/`name`.h5.

    `page_size` (bytes) makes a paged file, like those of the archive; without it, metadata is scattered over the file.
    `end_block` writes as the archive's processor does: the file is closed between its parts, so that each part has
    pages of its own for metadata, and the small datasets, with many further ones, come last. Otherwise most of them
    come first. `exception_mask` adds inputDataExceptionMask to every band in the first band's shape, as in P05023
    files. The same input gives the same bytes. Memory holds the input and one row of chunks.
    """
    path = Path(folder) / (file_name or f"{name}.h5")
    paging = {} if page_size is None else {"fs_strategy": "page", "fs_page_size": page_size}
    fields = dict(zip(NAME_FIELDS, name.split("_"), strict=True))
    exceptions = np.zeros(next(iter(bands.values())).mask.shape, np.uint8) if exception_mask else None
    grids = [
        partial(_write_grid, key=key, band=band, chunks=chunks, exceptions=exceptions) for key, band in bands.items()
    ]
    geometry = partial(_write_radar_grid, fields=fields, bands=bands)
    small = [partial(_write_noise, bands=bands), partial(_write_identification, name=name, fields=fields, bands=bands)]
    last = partial(_write_metadata, fields=fields, bands=bands)
    if end_block:
        parts = [*([grid] for grid in grids), [geometry], [*small, last, partial(_write_further, bands=bands)]]
    else:
        parts = [[*small, *grids, geometry, last]]
    for number, steps in enumerate(parts):
        with h5py.File(path, "a") if number else h5py.File(path, "w", **paging) as file:
            if not number:
                _set(file, **FACTS["file"])
            for write in steps:
                write(file)
    return path


def repack(source: Path, target: Path, page_size: int) -> Path:
    """Copy a granule object by object into a paged file, as h5repack does, and return its path.

    The small datasets come after the samples, and fill the holes that chunks have left at the ends of pages.
    """
    with (
        h5py.File(source) as file,
        h5py.File(target, "w", fs_strategy="page", fs_page_size=page_size) as copy,
    ):
        for key, value in file.attrs.items():
            copy.attrs[key] = value
        for name in file:
            file.copy(name, copy)
        datasets = []
        file.visititems(lambda name, node: datasets.append(node) if isinstance(node, h5py.Dataset) else None)
        for dataset in datasets:  # references are not copied
            for lost in {"DIMENSION_LIST", "REFERENCE_LIST"} & set(dataset.attrs):
                del copy[dataset.name].attrs[lost]
        for dataset in datasets:
            for number, scales in enumerate(dataset.dims):
                for scale in scales.values():
                    copy[dataset.name].dims[number].attach_scale(copy[scale.name])
    return target


def _set(node: h5py.HLObject, **attributes) -> None:
    """Set attributes; text is stored as fixed-length bytes, as in the product."""
    for key, value in attributes.items():
        node.attrs[key] = np.bytes_(value) if isinstance(value, str) else value


def _put(group: h5py.Group, name: str, value, description: str, **attributes) -> h5py.Dataset:
    """Write a small contiguous dataset; text and lists of text are stored as fixed-length bytes."""
    data = np.asarray(value)
    if data.dtype.kind == "U":
        data = data.astype("S")
    dataset = group.create_dataset(name, data=data, track_times=False)
    _set(dataset, description=description, **attributes)
    return dataset


def _write_identification(file: h5py.File, name: str, fields: dict[str, str], bands: dict[str, Band]) -> None:
    group = file.create_group(IDENTIFICATION)
    values = _identification(name, fields, bands)
    for key, fact in FACTS["identification"].items():
        texts = {text: value for text, value in fact.items() if text != "value"}
        if "value" in fact or key in values:
            _put(group, key, values.get(key, fact.get("value")), **texts)
    inside = np.mean(next(iter(bands.values())).mask != OUTSIDE)
    _set(group["isFullFrame"], frameCoveragePercentage=96.0 if fields["coverage"] == "F" else 100 * float(inside))


def _identification(name: str, fields: dict[str, str], bands: dict[str, Band]) -> dict[str, Any]:
    """What the identification group says of this granule alone."""
    start, end = (datetime.strptime(fields[key], TIME_FORMAT) for key in ("start", "end"))
    values = {
        "absoluteOrbitNumber": np.uint32(173 * (int(fields["cycle"]) - 1) + int(fields["track"]) + FIRST_ORBIT),
        "trackNumber": np.uint32(fields["track"]),
        "frameNumber": np.uint16(fields["frame"]),
        "boundingPolygon": _bounding_polygon(next(iter(bands.values()))),
        "isFullFrame": str(fields["coverage"] == "F"),
        "compositeReleaseId": fields["crid"],
        "diagnosticModeFlag": np.uint8(0),
        "granuleId": name,
        "isMixedMode": str(fields["state"] == "M"),
        "isUrgentObservation": str(fields["kind"] == "UR"),
        "listOfFrequencies": list(bands),
        "missionId": fields["mission"],
        "orbitPassDirection": {"A": "Ascending", "D": "Descending"}[fields["direction"]],
        "processingDateTime": (end + timedelta(days=1)).isoformat(),
        "productDoi": f"10.5067/NIL2GCOV-{maturity_of(fields['crid'])[0]}1",
        "productLevel": fields["level"],
        "productType": fields["product"],
        "zeroDopplerStartTime": f"{start.isoformat()}.000000000",
        "zeroDopplerEndTime": f"{end.isoformat()}.000000000",
    }
    if any(band.exceptions is not None for band in bands.values()):
        values["hasInputDataException"] = np.uint8(1)
    return values


def _bounding_polygon(band: Band) -> str:
    """WKT (longitude latitude height) of the grid's outline, counterclockwise, ten points an edge."""
    west, south, east, north = _edges(band)
    there, back = np.arange(10) / 10, 1 - np.arange(10) / 10
    u = np.concatenate([there, np.ones(10), back, np.zeros(11)])
    v = np.concatenate([np.zeros(10), there, np.ones(10), back, [0]])
    to_degrees = Transformer.from_crs(band.epsg, 4326, always_xy=True)
    longitudes, latitudes = to_degrees.transform(west + (east - west) * u, south + (north - south) * v)
    points = ",".join(f"{lon:.12f} {lat:.12f} 0" for lon, lat in zip(longitudes, latitudes, strict=True))
    return f"POLYGON (({points}))"


def _edges(band: Band) -> tuple[float, float, float, float]:
    """Outer edges west, south, east, north in metres."""
    half_x, half_y = (band.x[1] - band.x[0]) / 2, (band.y[0] - band.y[1]) / 2
    return band.x[0] - half_x, band.y[-1] - half_y, band.x[-1] + half_x, band.y[0] + half_y


def _write_grid(file: h5py.File, key: str, band: Band, chunks: tuple[int, int], exceptions: np.ndarray | None) -> None:
    """Write a band; `exceptions` are those of an earlier specification."""
    group = file.create_group(f"{GRIDS}/frequency{key}")
    _write_axes(group, band.epsg, band.y, band.x)
    for letter, axis, step in (("x", band.x, "pixels"), ("y", band.y, "lines")):
        text = f"Nominal spacing in meters between consecutive {step}"
        spacing = _put(group, f"{letter}CoordinateSpacing", axis[1] - axis[0], text, units="meters")
        _set(spacing, long_name=f"{letter.upper()} coordinates spacing")
    polarizations = sorted({pol for term in band.terms for pol in (term[:2], term[2:])})
    words = f"List of processed polarization layers with frequency {key}"
    _put(group, "listOfPolarizations", polarizations, words)
    _put(group, "listOfCovarianceTerms", list(band.terms), "List of processed covariance terms")
    swaths = np.uint8(band.mask.max(where=band.mask < OUTSIDE, initial=1))
    _put(group, "numberOfSubSwaths", swaths, "Number of swaths of continuous imagery", units="1")
    for term, values in band.terms.items():
        layer = _write_layer(group, term, band, chunks, values.dtype, values.__getitem__)
        _set(layer, long_name=f"Geocoded polarimetric covariance term {term}")
        _set(layer, description=f"Covariance between {term[:2]} and {term[2:]}")
    _write_texture(group, "numberOfLooks", band, chunks, 9.3 if key == "A" else 37.2)
    mask = _create(group, "mask", band.mask.shape, chunks, np.dtype(np.uint8), compression=9)
    mask[:] = band.mask
    _set(mask, _FillValue=OUTSIDE, valid_min=np.uint8(0), grid_mapping="projection")
    _write_texture(group, "rtcGammaToSigmaFactor", band, chunks, 0.74)
    for name, texts in FACTS["layers"].items():
        _set(group[name], **texts)
    for layer in (exceptions, band.exceptions):
        if layer is not None:
            mask = _create(group, "inputDataExceptionMask", layer.shape, chunks, layer.dtype, compression=9)
            mask[:] = layer
            _set(mask, long_name="Input data exception mask", grid_mapping="projection")
            if layer.dtype == np.uint16:
                _set(mask, _FillValue=np.uint16(65535))


def _write_texture(group: h5py.Group, name: str, band: Band, chunks: tuple[int, int], mean: float) -> None:
    """Write a float32 layer that varies by a tenth around `mean` and compresses as poorly as the product's own."""
    random = np.random.default_rng(0)

    def block(rows: slice) -> np.ndarray:
        mask = band.mask[rows]
        values = np.float32(mean) * (1 + np.float32(0.1) * random.standard_normal(mask.shape, np.float32))
        return np.where(mask == OUTSIDE, np.float32("nan"), values)

    _write_layer(group, name, band, chunks, np.dtype(np.float32), block)


def _write_layer(
    group: h5py.Group,
    name: str,
    band: Band,
    chunks: tuple[int, int],
    dtype: np.dtype,
    block: Callable[[slice], np.ndarray],
) -> h5py.Dataset:
    """Write a layer one row of chunks at a time; `block` gives the samples of a slice of rows."""
    layer = _create(group, name, band.mask.shape, chunks, dtype, shuffle=True, compression=1)
    parts = {"_real": np.real, "_imag": np.imag} if dtype.kind == "c" else {"": np.asarray}
    moments: dict[str, list] = {infix: [] for infix in parts}
    for top in range(0, layer.shape[0], layer.chunks[0]):
        rows = slice(top, top + layer.chunks[0])
        values = rounded(block(rows))
        layer[rows] = values
        for infix, part in parts.items():
            moments[infix].append(_moments(part(values)))
    for infix, found in moments.items():
        _set(layer, **_statistics(infix, found))
    if dtype.kind == "f":
        _set(layer, valid_min=np.float32(0))
    fill = complex(np.nan, np.nan) if dtype.kind == "c" else np.nan
    _set(layer, _FillValue=dtype.type(fill), units="1", grid_mapping="projection")
    return layer


def _moments(values: np.ndarray) -> tuple[int, float, float, float, float]:
    """Count, minimum, maximum, sum and sum of squares of the finite values."""
    finite = values[np.isfinite(values)].astype(np.float64)
    return finite.size, finite.min(initial=np.inf), finite.max(initial=-np.inf), finite.sum(), finite @ finite


def _statistics(infix: str, moments: list[tuple[int, float, float, float, float]]) -> dict[str, float]:
    """Statistics attributes over all finite samples, regardless of the mask; NaN, NaN, 0, 0 if there are none."""
    counts, minima, maxima, sums, squares = zip(*moments, strict=True)
    count, total = sum(counts), sum(sums)
    mean = total / max(count, 1)
    return {
        f"min{infix}_value": float(min(minima) if count else np.nan),
        f"max{infix}_value": float(max(maxima) if count else np.nan),
        f"mean{infix}_value": float(mean),
        f"sample_stddev{infix}": math.sqrt(max(sum(squares) - total * mean, 0) / max(count - 1, 1)),
    }


def _create(
    group: h5py.Group, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: np.dtype, **filters
) -> h5py.Dataset:
    """Create a chunked dataset on its group's axes: (y, x), or (height, y, x)."""
    chunks = tuple(min(pair) for pair in zip(chunks, shape, strict=True))
    dataset = group.create_dataset(name, shape, dtype, chunks=chunks, track_times=False, **filters)
    for dimension, scale in enumerate(("heightAboveEllipsoid", "yCoordinates", "xCoordinates")[-len(shape) :]):
        dataset.dims[dimension].attach_scale(group[scale])
    return dataset


def _write_axes(group: h5py.Group, epsg: int, y: np.ndarray, x: np.ndarray) -> None:
    """Write `projection` and the dimension scales of a group."""
    description = "Product map grid projection: EPSG code, with additional projection information as HDF5 Attributes"
    _put(group, "projection", np.uint32(epsg), description, **_projection_attributes(epsg))
    for letter, values in (("y", y), ("x", x)):
        name = f"{letter.upper()} coordinates"
        scale = _put(group, f"{letter}Coordinates", values, f"{name} in specified projection", units="meters")
        _set(scale, standard_name=f"projection_{letter}_coordinate", long_name=f"{name} of projection")
        scale.make_scale()


def _projection_attributes(epsg: int) -> dict:
    crs = CRS.from_epsg(epsg)
    cf = crs.to_cf()
    attributes = {key: cf[key] for key in PROJECTION if key in cf}
    if crs.utm_zone:
        attributes["utm_zone_number"] = int(crs.utm_zone[:-1])
    else:  # polar stereographic: the pole on the side of the standard parallel
        attributes["latitude_of_projection_origin"] = math.copysign(90.0, cf["standard_parallel"])
    return attributes | {
        "ellipsoid": "WGS84",
        "epsg_code": epsg,
        # the only variable-length text in the product
        "grid_mapping_name": np.array(cf["grid_mapping_name"], dtype=h5py.string_dtype()),
        "longitude_of_projection_origin": 0.0,
        "spatial_ref": crs.to_wkt("WKT1_GDAL", output_axis_rule=True),
    }


def _write_metadata(file: h5py.File, fields: dict[str, str], bands: dict[str, Band]) -> None:
    """Write the metadata that the workflow reads, and the orbit."""
    group, day = file[METADATA], _day(fields)
    for key in bands:
        swath = group.create_group(f"sourceData/swaths/frequency{key}")
        description = "Center frequency of the processed image in hertz"
        hertz = CENTER_FREQUENCY[key] if "A" in bands else ONLY_B
        _put(swath, "centerFrequency", hertz, description, units="hertz")
    orbit = group.create_group("orbit")
    time = np.arange(10) * 10.0
    _put(orbit, "time", time, "Time vector record", units=day)
    _put(orbit, "position", 7.1e6 + np.outer(time, [1, 2, 7e3]), "Position vector record", units="meters")
    velocity = np.outer(np.ones(10), [1, 2, 7e3])
    _put(orbit, "velocity", velocity, "Velocity vector record", units="meters / second")
    _put(orbit, "interpMethod", "Hermite", 'Orbit interpolation method, either "Hermite" or "Legendre"')
    rtc = group.create_group("processingInformation/parameters/rtc")
    _put(rtc, "outputBackscatterNormalizationConvention", "gamma0", "Backscatter normalization convention")
    _put(rtc, "outputBackscatterExpressionConvention", "Linear power", "Backscatter expression convention")


def _day(fields: dict[str, str]) -> str:
    """The unit of times."""
    return f"seconds since {datetime.strptime(fields['start'][:8], '%Y%m%d').isoformat()}"


def _table_axes(bands: dict[str, Band]) -> tuple[np.ndarray, np.ndarray]:
    """The nodes y and x of the calibration's tables, 1 km apart, 13 x 14 at least."""
    west, south, east, north = _edges(next(iter(bands.values())))
    rows, columns = round((north - south) / 1000), round((east - west) / 1000)
    return np.linspace(north, south, max(13, rows)), np.linspace(west, east, max(14, columns))


def _write_noise(file: h5py.File, bands: dict[str, Band]) -> None:
    """Write the noise floor tables, one per polarization, from -37 dB in the west to -35 dB in the east."""
    description = "Noise equivalent backscatter in linear scale (units of DN^2)"
    y, x = _table_axes(bands)
    for key, band in bands.items():
        noise = file.create_group(f"{METADATA}/calibrationInformation/frequency{key}/noiseEquivalentBackscatter")
        _write_axes(noise, band.epsg, y, x)
        ripple = 0.001 * np.sin(np.arange(len(y)))[:, None]  # 0.01 dB; without it, a table would compress to nothing
        power = 10 ** (np.linspace(-3.7, -3.5, len(x)) + ripple).astype(np.float32)
        for pol in (term[:2] for term in band.terms if is_diagonal(term)):
            _put_lut(noise, pol, power if band.noise is None else band.noise, compression=9)
            _set(noise[pol], description=description, units="1", grid_mapping="projection")
            _set(noise[pol], _FillValue=np.float32("nan"))


def _write_further(file: h5py.File, bands: dict[str, Band]) -> None:
    """Write small datasets that the workflow does not read, most of them by name only, and tables of real size."""
    group = file[METADATA]
    for path, values in FACTS["further"].items():
        for place in dict.fromkeys(path.format(band=key, pol=pol) for key in bands for pol in ("HH", "HV", "VH", "VV")):
            for key, value in values.items():
                _put(group.require_group(place), key, value, f"{key} of {place}")
    random = np.random.default_rng(0)
    y, x = _table_axes(bands)
    for key, band in bands.items():
        pattern = group.create_group(f"calibrationInformation/frequency{key}/elevationAntennaPattern")
        _write_axes(pattern, band.epsg, y, x)
        for pol in (term[:2] for term in band.terms if is_diagonal(term)):
            gain = random.standard_normal((len(y), len(x), 2), np.float32)
            _put_lut(pattern, pol, gain.view(np.complex64)[..., 0], compression=9)
        doppler = group.require_group(f"sourceData/processingInformation/parameters/frequency{key}")
        _put(doppler, "dopplerCentroid", random.standard_normal((len(y), len(x))), "2D LUT of Doppler centroid")
    parameters = group["processingInformation/parameters"]
    _write_axes(parameters, next(iter(bands.values())).epsg, y, x)
    height = random.standard_normal((len(y), len(x)), np.float32)
    _put_lut(parameters, "referenceTerrainHeight", height, compression=9)


def _write_radar_grid(file: h5py.File, fields: dict[str, str], bands: dict[str, Band]) -> None:
    """Write cubes (height, y, x) of the viewing geometry, 500 m apart and 2.5 km beyond the grid, over a flat earth.

    The orbit is straight and 747 km high; the radar looks to the left.
    """
    band = next(iter(bands.values()))
    west, south, east, north = _edges(band)
    y, x = np.arange(north + 2750, south - 2750, -500), np.arange(west - 2750, east + 2750, 500)
    group = file.create_group(f"{METADATA}/radarGrid")
    heights = np.arange(-1000, 9001, 500.0)
    _write_axes(group, band.epsg, y, x)
    scale = _put(group, "heightAboveEllipsoid", heights, "Height values above WGS84 Ellipsoid", units="meters")
    scale.make_scale()
    heading = np.radians(HEADING[fields["direction"]])
    east_of, north_of = x - (west + east) / 2, y[:, None] - (south + north) / 2
    along = east_of * np.sin(heading) + north_of * np.cos(heading)
    across = CENTER_DISTANCE + north_of * np.sin(heading) - east_of * np.cos(heading)  # from the ground track
    zeros = np.zeros((len(heights), 1, 1))
    below = ORBIT_HEIGHT - heights[:, None, None]
    slant = np.hypot(across, below)
    for name, values, units in [
        ("incidenceAngle", np.degrees(np.arctan2(across, below)).astype(np.float32), "degrees"),
        ("elevationAngle", np.degrees(np.arctan2(across, below)).astype(np.float32), "degrees"),
        ("losUnitVectorX", (np.cos(heading) * across / slant).astype(np.float32), "1"),
        ("losUnitVectorY", (-np.sin(heading) * across / slant).astype(np.float32), "1"),
        ("alongTrackUnitVectorX", (np.sin(heading) + 0 * slant).astype(np.float32), "1"),
        ("alongTrackUnitVectorY", (np.cos(heading) + 0 * slant).astype(np.float32), "1"),
        ("groundTrackVelocity", 6.8e3 + 0 * slant, "meters / second"),
        ("slantRange", slant, "meters"),
        ("zeroDopplerAzimuthTime", along / 6.8e3 + zeros, _day(fields)),
    ]:
        _put_lut(group, name, values, shuffle=True, compression=1)
        _set(group[name], description=f"{name} at the heights of the cube", units=units, _FillValue=np.nan)


def _put_lut(group: h5py.Group, name: str, values: Any, **filters) -> None:
    """Write a look-up table (height, y, x) or (y, x), in chunks of up to 512 x 512 nodes."""
    chunks = (1, 512, 512)[-values.ndim :]
    _create(group, name, values.shape, chunks, values.dtype, **filters)[:] = values
