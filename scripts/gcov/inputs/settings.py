"""The configuration as types, made from config/config.yaml by `config.read_config` and passed to jobs."""

from dataclasses import dataclass, field
from typing import TypedDict

from gcov import addresses
from gcov.granules import is_diagonal


class Search(TypedDict, total=False):
    """The archive query: the keys given under `search:`, with full times (ISO 8601)."""

    start: str
    end: str
    relative_orbit: int
    frame: int | list[int]
    flight_direction: str
    intersects: str  # WKT, EPSG:4326
    mode: str
    polarizations: str
    maturity: list[str]
    collections: list[str]  # in addition to the mission's own


@dataclass(frozen=True)
class Aoi:
    """One area of interest and its settings."""

    name: str
    bbox: tuple[float, float, float, float]  # west, south, east, north; degrees, EPSG:4326
    polygon: str | None  # WKT in EPSG:4326; its bounds are the bbox
    granules: tuple[
        str, ...
    ]  # local files, s3 objects, globs of both, or URLs without a query; empty: search the archive
    search: Search = field(hash=False)
    frequency: str
    terms: tuple[str, ...]
    valid_samples_only: bool
    geotiff: tuple[str, ...]  # products also written as GeoTIFFs
    zones: str | None  # a vector file of named polygons
    rainfall: str | None  # a CSV file: date, mm
    zone_name: str  # the property that holds a zone's name
    layers: tuple[str, ...]  # further real-valued layers of the band
    min_valid_fraction: float  # of the best date's valid samples
    multilook: int  # samples averaged along each side before statistics, indices and changes
    looks: float | dict[str, float] | None = field(hash=False)  # of a single sample, possibly by polarization code
    statistics: bool
    indices: tuple[str, ...]
    changes: dict[str, dict[str, list[str]]] = field(hash=False)  # by name: first and last day of `before` and `after`
    change_history: bool
    significance: float
    min_change_db: float  # changes up to this size do not count
    change_reference: str | dict[str, str] | None = field(hash=False)  # scene, or {zone: name}
    min_patch_ha: float  # smaller patches of change are left out
    confirm_dates: int  # before and after a change of the history
    calibration_db: float  # standard deviation of the gain between dates, in tests of zones: an assumption
    baseline: tuple[str, str] | None  # first and last day: anomalies against the same season of these dates
    filter_window: int | None  # samples on a side, odd
    explore_megabytes: float | None  # largest size of explore.html; None: no page

    @property
    def diagonal_terms(self) -> list[str]:
        """The diagonal (backscatter) terms: only these have dB values, series and figures."""
        return [term for term in self.terms if is_diagonal(term)]

    @property
    def needs_looks(self) -> bool:
        """Whether a requested product needs the number of looks. A STAC catalogue states it if it is configured."""
        stated = self.geotiff and self.looks
        return bool(
            self.zones
            or self.statistics
            or self.indices
            or self.changes
            or self.change_history
            or self.filter_window
            or stated
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The terms and further layers to read from each granule, without the mask."""
        return (*self.terms, *self.layers)


@dataclass(frozen=True)
class Bucket:
    """Access to one of the user's own buckets, for what the usual AWS variables do not say."""

    profile: str | None
    endpoint_url: str | None
    anon: bool  # public bucket, no credentials


@dataclass(frozen=True)
class Archive:
    """Access to the archive: the section `archive` of the configuration."""

    access: str  # auto, https or s3
    cmr_host: str
    credentials_url: str  # its host is the archive's; the token is sent to no other
    s3_endpoint: str | None
    fetch_on_submit_host: bool
    buckets: dict[str, Bucket] = field(hash=False)
    signed: dict[str, str] = field(hash=False, repr=False)  # signed URLs, keyed by the URL without its query

    @classmethod
    def of(cls, config: dict) -> "Archive":
        """From a complete configuration, with defaults filled in, as jobs receive it."""
        section = config["archive"]
        buckets = {name: Bucket(**bucket) for name, bucket in section["buckets"].items()}
        return cls(**{**section, "buckets": buckets, "signed": addresses.signed(config)})


@dataclass(frozen=True)
class Settings:
    """The whole configuration."""

    aois: dict[str, Aoi]
    archive: Archive
    basemap: str | None
