"""The configuration as types: what `config.read_config` makes of config/config.yaml, and what jobs are handed."""

from dataclasses import dataclass, field
from typing import TypedDict

from gcov import addresses
from gcov.granules import is_diagonal


class Search(TypedDict, total=False):
    """What the archive is asked for: the keys given under `search:`, times in full (ISO 8601)."""

    start: str
    end: str
    relative_orbit: int
    frame: int | list[int]
    flight_direction: str
    intersects: str  # WKT, EPSG:4326
    mode: str
    polarizations: str
    maturity: list[str]
    collections: list[str]  # beyond the mission's own


@dataclass(frozen=True)
class Aoi:
    """One area of interest and what is wanted there."""

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
    geotiff: tuple[str, ...]  # products to be written as GeoTIFFs as well
    zones: str | None  # a vector file of named polygons
    rainfall: str | None  # a CSV file: date, mm
    zone_name: str  # the property that names a zone
    layers: tuple[str, ...]  # further real layers of the band
    min_valid_fraction: float  # of the best date's valid samples
    multilook: int  # samples averaged along each side before statistics, indices and changes
    looks: float | dict[str, float] | None = field(hash=False)  # of one sample; by polarization code
    statistics: bool
    indices: tuple[str, ...]
    changes: dict[str, dict[str, list[str]]] = field(hash=False)  # name: before and after: first and last day
    change_history: bool
    significance: float
    filter_window: int | None  # samples a side, odd
    explore_megabytes: float | None  # how large explore.html may be; None: no page

    @property
    def diagonal_terms(self) -> list[str]:
        """The terms that are backscatter: only they have dB values, series and pictures."""
        return [term for term in self.terms if is_diagonal(term)]

    @property
    def names(self) -> tuple[str, ...]:
        """What is read of each granule beside the mask: terms, and further layers."""
        return (*self.terms, *self.layers)


@dataclass(frozen=True)
class Bucket:
    """How a bucket of the user's own is opened, where the usual AWS variables do not say enough."""

    profile: str | None
    endpoint_url: str | None
    anon: bool  # public: no credentials


@dataclass(frozen=True)
class Archive:
    """Where the granules are: the section `archive` of the configuration."""

    access: str  # auto, https or s3
    cmr_host: str
    credentials_url: str  # its host is the archive's, the only one that the token goes to
    s3_endpoint: str | None
    fetch_on_submit_host: bool
    buckets: dict[str, Bucket] = field(hash=False)
    signed: dict[str, str] = field(hash=False, repr=False)  # signed addresses, by the same without the query

    @classmethod
    def of(cls, config: dict) -> "Archive":
        """From a whole configuration, complete with its defaults, as jobs get it."""
        section = config["archive"]
        buckets = {name: Bucket(**bucket) for name, bucket in section["buckets"].items()}
        return cls(**{**section, "buckets": buckets, "signed": addresses.signed(config)})


@dataclass(frozen=True)
class Settings:
    """The whole configuration."""

    aois: dict[str, Aoi]
    archive: Archive
    basemap: str | None
