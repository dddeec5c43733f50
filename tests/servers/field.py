"""A user in the field: granules of several blocks, a configuration for the loopback archive, a clean environment."""

import os
from datetime import timedelta
from pathlib import Path

from helpers import EPSG, FIRST, NORTH, WEST
from pyproj import Transformer

from gcov.inputs.config import read_config
from gcov.inputs.settings import Archive
from gcov.testing.landscape import landscape
from gcov.testing.synthetic import Band, centres, granule_name, write_granule

from .archive import TOKEN
from .tls import trust

FOOTPRINT = [(83.5, 27.5), (85.0, 27.5), (85.0, 29.0), (83.5, 29.0)]
SHAPE = (800, 800)  # 8 MB a granule, many blocks
WINDOW = (90, 400, 100, 200)  # rows and columns of the AOI; its chunks lie apart, so that many ranges are asked for
TERMS = ["HHHH", "HVHV"]
# of a clip of one term with its noise floor, in any layout of the file: requests, and bytes per byte of the chunks
MOST_REQUESTS, MOST_BYTES = 33, 1.25


def aoi_bbox() -> list[float]:
    """West, south, east, north of WINDOW, in degrees."""
    top, bottom, left, right = WINDOW
    edges = WEST + 20 * left, NORTH - 20 * bottom, WEST + 20 * right, NORTH - 20 * top
    return list(Transformer.from_crs(EPSG, 4326, always_xy=True).transform_bounds(*edges))


def write_scenes(folder: Path, count: int) -> list[Path]:
    """Granules of the same place, 12 days apart."""
    valley = landscape(SHAPE)
    paths = []
    for index in range(count):
        terms, mask = valley.scene(12 * index)
        band = Band(EPSG, centres(WEST, 20, SHAPE[1]), centres(NORTH, -20, SHAPE[0]), terms, mask)
        name = granule_name(cycle=6 + index, start=FIRST + timedelta(days=12 * index))
        paths.append(write_granule(folder, name, {"A": band}, chunks=(64, 64), page_size=1 << 16))
    return paths


def archive_config(archive, cmr=None, access="https") -> dict:
    """The configuration's `archive` section for the loopback servers."""
    return {
        "access": access,
        "cmr_host": cmr.host if cmr else "127.0.0.1:9",  # nobody listens there
        "credentials_url": archive.credentials_url,
        "s3_endpoint": archive.s3_endpoint,
    }


def archive_settings(archive, access="https", **other) -> Archive:
    """The same as a job gets it."""
    return read_config(
        {"aois": {"a": {"bbox": aoi_bbox()}}, "archive": {**archive_config(archive, access=access), **other}}
    )[1].archive


def configuration(archive, cmr=None, access="https", **aoi) -> dict:
    """A whole configuration: one AOI by search, or what `aoi` says instead."""
    return {
        "aois": {"a": {"bbox": aoi_bbox(), **(aoi or {"search": {"relative_orbit": 26}})}},
        "terms": TERMS,
        "basemap": None,
        "archive": archive_config(archive, cmr, access),
    }


def environment(
    home: Path, ca_pem: str, token: str | None = TOKEN, trusted: str | None = None, **more: str
) -> dict[str, str]:
    """The environment of a user who trusts the test authority: no proxy, a home of their own, nothing inherited.

    `trusted` is the host:port that may be given the token although it is no archive's.
    """
    foreign = ("EARTHDATA_", "GCOV_", "AWS_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NETRC", "SNAKEMAKE_")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}
    given = {"EARTHDATA_TOKEN": token, "GCOV_TRUST_HOST": trusted}
    given = {name: value for name, value in given.items() if value}
    return {**kept, **trust(ca_pem), "HOME": str(home), "NO_PROXY": "127.0.0.1,localhost", **given, **more}
