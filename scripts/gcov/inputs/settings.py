"""The keys of config/config.yaml, each declared once: type, default, limits and description.

The check of a configuration (`config.read_config`), config/schema.yaml (`make schema`) and the settings that rules and
jobs receive follow from these classes.
"""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal, TypedDict

from gcov import addresses
from gcov.granules import FACTOR, LOCAL_INCIDENCE, is_diagonal


class Key:
    """What a key, or an item in it, should hold: as messages say it, and as keywords of JSON Schema.

    `Annotated[str | None, Key(...)]` may be null. `Annotated[str, Key(...)] | None` may only be left out.
    """

    def __init__(self, description: str, **limits: Any) -> None:
        self.description, self.limits = description, limits


NAME = "^[A-Za-z0-9_-]+$"
SWITCH = Key("true or false")
DATE = Key("a date such as 2025-11-22", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$")
URL = "^https?://"
GEOTIFFS = {  # the products that `geotiff:` can name, and the keys of which one makes them
    "power": (),
    "db": (),
    "sigma0": (),  # and the layer rtcGammaToSigmaFactor
    "statistics": ("statistics",),
    "indices": ("indices",),
    "changes": ("changes", "change_history"),
    "filtered": ("filter_window",),
}

# Items of lists, and keys and values of mappings whose keys the user chooses.
AoiName = Annotated[str, Key("an AOI becomes a folder under results/: use letters, digits, _ and - only", pattern=NAME)]
BucketName = Annotated[
    str, Key("no name of an S3 bucket: lower-case letters, digits, - and . only", pattern="^[a-z0-9][a-z0-9.-]+$")
]
ChangeName = Annotated[str, Key("a change becomes the name of files: use letters, digits, _ and - only", pattern=NAME)]
Collection = Annotated[str, Key("the short name of a collection, such as NISAR_EA_L2", pattern="^NISAR_[A-Z0-9_]+$")]
Day = Annotated[str, Key("a day such as 2025-11-22", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Degrees = Annotated[float, Key("a number of degrees", minimum=-1e9, maximum=1e9)]
FigureFormat = Annotated[Literal["png", "pdf", "svg"], Key("png, pdf or svg")]
Frame = Annotated[int, Key("a whole number from 1 to 176", minimum=1, maximum=176)]
Geotiff = Annotated[str, Key(f"{', '.join([*GEOTIFFS][:-1])} or {[*GEOTIFFS][-1]}", enum=list(GEOTIFFS))]
GranuleSource = Annotated[str, Key("a file, an s3:// object, a glob or a URL")]
Index = Annotated[
    str,
    Key(
        "RVI, RFDI or a ratio of two diagonal terms such as HVHV/HHHH",
        pattern=r"^(RVI|RFDI|([HVLR][HV])\2/([HVLR][HV])\3)$",
    ),
]
Layer = Annotated[
    Literal["numberOfLooks", "rtcGammaToSigmaFactor", "localIncidenceAngle"],
    Key("numberOfLooks, rtcGammaToSigmaFactor or localIncidenceAngle"),
]
Looks = Annotated[float, Key("a number of looks, more than 0 and at most 1000", exclusiveMinimum=0, maximum=1000)]
Maturity = Annotated[Literal["BETA", "PROVISIONAL", "VALIDATED"], Key("BETA, PROVISIONAL or VALIDATED")]
Period = Annotated[
    list[Day], Key("first and last day, both included, such as [2025-11-01, 2025-12-10]", minItems=2, maxItems=2)
]
Polarizations = Annotated[
    str, Key("no polarization code as in granule names, such as DHDH", pattern="^((SH|SV|DH|DV|CL|CR|QP|NA){2})$")
]
Term = Annotated[str, Key("a covariance term such as HHHH, HVHV, HHVV or RHRH", pattern="^([HV]{4}|[LR][HV][LR][HV])$")]


class Search(TypedDict, total=False):
    """The archive query: the keys given under `search:`; `read_config` makes full times of start and end (ISO 8601)."""

    start: Annotated[str, DATE]
    end: Annotated[str, DATE]
    relative_orbit: Annotated[int, Key("the track, a whole number from 1 to 173", minimum=1, maximum=173)]
    frame: Annotated[Frame | list[Frame], Key("a whole number from 1 to 176, or a list of adjacent ones", minItems=1)]
    flight_direction: Annotated[Literal["ASCENDING", "DESCENDING"], Key("ASCENDING or DESCENDING")]
    intersects: Annotated[str, Key("WKT, POLYGON((...)), LINESTRING(...) or POINT(...), in degrees")]
    mode: Annotated[str, Key('four digits as in the granule name, quoted ("2005")', pattern="^[0-9]{4}$")]
    polarizations: Annotated[str, Key("four letters as in the granule name (DHDH, SHNA, QPDH)", pattern="^[A-Z]{4}$")]
    maturity: Annotated[list[Maturity], Key("a list of BETA, PROVISIONAL, VALIDATED", minItems=1)]
    collections: Annotated[  # in addition to the mission's own
        list[Collection], Key("a list of short names of collections, such as [NISAR_EA_L2]", minItems=1)
    ]


class Change(TypedDict):
    """The two periods of a change."""

    before: Period
    after: Period


class ReferenceZone(TypedDict):
    """The zone that is taken to have stayed the same."""

    zone: Annotated[str, Key("the name of a zone", minLength=1)]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """The keys that hold for all AOIs, and that each AOI may set again for itself."""

    search: Annotated[Search, Key("what to ask the archive for")]  # the AOI's is merged with that of all, key by key
    frequency: Annotated[Literal["A", "B"], Key("A or B")] = "A"
    terms: Annotated[
        tuple[Term, ...], Key("a list of covariance terms, such as [HHHH, HVHV]", minItems=1, uniqueItems=True)
    ] = ("HHHH",)
    valid_samples_only: Annotated[bool, SWITCH] = True
    geotiff: Annotated[
        tuple[Geotiff, ...], Key(f"a list of products to write as GeoTIFFs: {', '.join(GEOTIFFS)}", uniqueItems=True)
    ] = ()
    zone_name: Annotated[str, Key("the property that names a zone", minLength=1)] = "name"
    point_size: Annotated[  # at least one posting, which is checked once the grid is known
        float, Key("a number of metres, from the posting to 100000", exclusiveMinimum=0, maximum=100_000)
    ] = 60
    layers: Annotated[
        tuple[Layer, ...], Key("a list of numberOfLooks, rtcGammaToSigmaFactor, localIncidenceAngle", uniqueItems=True)
    ] = ()
    min_valid_fraction: Annotated[
        float, Key("a share from 0 to 1, of the best date's valid samples", minimum=0, maximum=1)
    ] = 0.5
    multilook: Annotated[
        int, Key("a whole number of samples from 1 to 100, averaged along each side", minimum=1, maximum=100)
    ] = 1
    looks: Annotated[
        Looks | dict[Polarizations, Looks] | None,
        Key(
            "the equivalent number of looks of one sample, more than 0 and at most 1000, by polarization code if it"
            " differs ({DHDH: 9.3, SHSH: 4.6}), or null",
            minProperties=1,
        ),
    ] = None
    statistics: Annotated[bool, SWITCH] = False
    indices: Annotated[
        tuple[Index, ...], Key("a list of ratios of two diagonal terms (HVHV/HHHH), RVI, RFDI", uniqueItems=True)
    ] = ()
    changes: Annotated[
        dict[
            ChangeName,
            Annotated[Change, Key("two periods: {before: [2025-11-01, 2025-12-10], after: [2026-11-01, 2026-12-10]}")],
        ],
        Key("named pairs of periods: {felling: {before: [2025-11-01, 2025-12-10], after: [2026-11-01, 2026-12-10]}}"),
    ] = field(default_factory=dict)
    change_history: Annotated[bool, SWITCH] = False
    significance: Annotated[
        float, Key("a probability more than 0 and less than 1, such as 0.01", exclusiveMinimum=0, exclusiveMaximum=1)
    ] = 0.01
    min_change_db: Annotated[
        float, Key("a change in dB from 0 to 20; changes up to this size do not count", minimum=0, maximum=20)
    ] = 0
    change_reference: Annotated[
        Literal["scene"] | ReferenceZone | None, Key("scene, a zone such as {zone: forest}, or null")
    ] = None
    min_patch_ha: Annotated[
        float, Key("an area in hectares, 0 or more; smaller patches of change are left out", minimum=0)
    ] = 1
    confirm_dates: Annotated[int, Key("a number of dates, 1 or more, before and after a change", minimum=1)] = 3
    calibration_db: Annotated[  # an assumption, in tests of zones
        float, Key("the standard deviation of the gain between dates in dB, from 0 to 20", minimum=0, maximum=20)
    ] = 0.3
    baseline: Annotated[  # anomalies are against the same season of these dates
        tuple[Day, Day] | None,
        Key("[first day, last day], both included, such as [2025-11-01, 2026-10-31], or null", minItems=2, maxItems=2),
    ] = None
    filter_window: Annotated[
        int | None, Key("an odd number of samples from 3 to 51, or null", minimum=3, maximum=51)
    ] = None
    explore_megabytes: Annotated[
        float | None, Key("a number of megabytes (10^6 bytes) of at least 1, or null for no page", minimum=1)
    ] = 24


@dataclass(frozen=True, kw_only=True)
class Aoi(Shared):
    """One area of interest and its settings: those that it sets itself, and for the others those of all AOIs."""

    name: str
    bbox: Annotated[  # with a polygon, its bounds
        tuple[Degrees, Degrees, Degrees, Degrees],
        Key("[west, south, east, north] in degrees (EPSG:4326)", minItems=4, maxItems=4),
    ]
    polygon: (  # here WKT in EPSG:4326
        Annotated[
            str, Key("a GeoJSON or WKT file, or WKT text, in degrees (EPSG:4326) unless the GeoJSON names another CRS")
        ]
        | None
    )
    granules: Annotated[  # here URLs without a query; empty: search the archive
        tuple[GranuleSource, ...], Key("a list of local files, s3:// objects, globs of both, or URLs", minItems=1)
    ]
    zones: (
        Annotated[
            str, Key("a file of named polygons or points (GeoJSON, GeoPackage, Shapefile, or CSV with name, lon, lat)")
        ]
        | None
    )
    rainfall: Annotated[str, Key("a CSV file with the columns date and mm")] | None

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def diagonal_terms(self) -> list[str]:
        """The diagonal (backscatter) terms: only these have dB values, series and figures."""
        return [term for term in self.terms if is_diagonal(term)]

    @property
    def names(self) -> tuple[str, ...]:
        """The terms and further layers to read from each granule, without the mask.

        The local incidence angle is not read, but computed from the factor.
        """
        read = [FACTOR if layer == LOCAL_INCIDENCE else layer for layer in self.layers]
        return (*self.terms, *dict.fromkeys(read))

    @property
    def computed_layers(self) -> list[str]:
        """The further layers that the stack computes from those that are read."""
        return [layer for layer in self.layers if layer == LOCAL_INCIDENCE]


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Access to one of the user's own buckets, for what the usual AWS variables do not say."""

    profile: Annotated[str | None, Key("the name of an AWS profile, or null")] = None
    endpoint_url: Annotated[
        str | None, Key("the address of an S3-compatible endpoint, or null for AWS", pattern=URL)
    ] = None
    anon: Annotated[bool, Key("true for a public bucket, else false")] = False


@dataclass(frozen=True, kw_only=True)
class Archive:
    """Access to the archive: the section `archive` of the configuration."""

    access: Annotated[Literal["auto", "https", "s3"], Key("auto, https or s3")] = "auto"
    cmr_host: Annotated[
        str, Key("a host name, with a port where it is not 443", pattern="^[A-Za-z0-9.-]+(:[0-9]+)?$")
    ] = "cmr.earthdata.nasa.gov"
    credentials_url: Annotated[  # its host is the archive's; the token is sent to no other
        str, Key("the https address that gives temporary S3 credentials", pattern="^https://")
    ] = "https://nisar.asf.earthdatacloud.nasa.gov/s3credentials"
    s3_endpoint: Annotated[str | None, Key("the address of another S3-compatible endpoint, or null", pattern=URL)] = (
        None
    )
    fetch_on_submit_host: Annotated[bool, SWITCH] = False
    buckets: Annotated[
        dict[BucketName, Annotated[Bucket, Key("profile, endpoint_url and anon of a bucket")]],
        Key("how to open buckets other than the archive's, by name: {my-bucket: {profile: lab}}"),
    ] = field(default_factory=dict, hash=False)
    signed: dict[str, str] = field(  # signed URLs, keyed by the URL without its query
        default_factory=dict, hash=False, repr=False
    )

    @classmethod
    def of(cls, config: dict) -> "Archive":
        """From a complete configuration, with defaults filled in, as jobs receive it."""
        section = config["archive"]
        buckets = {name: Bucket(**bucket) for name, bucket in section["buckets"].items()}
        return cls(**{**section, "buckets": buckets, "signed": addresses.signed(config)})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration. Its own keys stand at the top level only; `Shared` ones are in each AOI."""

    aois: Annotated[
        dict[AoiName, Annotated[Aoi, Key("an area with a bbox or a polygon, and a search or granules")]],
        Key("one entry per area of interest, named with letters, digits, _ and - only", minProperties=1),
    ]
    archive: Annotated[Archive, Key("where the granules are")] = field(default_factory=Archive)
    basemap: Annotated[
        str | None,
        Key(
            "the name of a tile provider as xyzservices knows it (OpenStreetMap.Mapnik), an address with {z}, {x} and"
            " {y}, or null"
        ),
    ] = "OpenStreetMap.Mapnik"
    figure_formats: Annotated[  # besides png, which is always made; animations are no figures
        tuple[FigureFormat, ...], Key("a list of png, pdf, svg; png is always made", uniqueItems=True)
    ] = ("png",)
    stretch: Annotated[  # of animations, cards and the first view of explore.html
        dict[
            Term,
            Annotated[
                list[Annotated[float, Key("a level in dB from -100 to 100", minimum=-100, maximum=100)]],
                Key("lowest and highest level in dB, such as [-25, -5]", minItems=2, maxItems=2),
            ],
        ],
        Key("limits of grey scales in dB by term: {HVHV: [-25, -5]}"),
    ] = field(default_factory=dict)


def entry_of(config: dict, aoi: str) -> dict[str, Any]:
    """What a complete configuration says about an AOI: its own keys, and those for all AOIs that it does not set."""
    entry = config["aois"][aoi]
    for_all = {key.name: config[key.name] for key in fields(Shared) if key.name in config}
    return {**for_all, **entry, "search": {**config.get("search", {}), **entry.get("search", {})}}


def values_of(kind: type, entry: dict[str, Any]) -> dict[str, Any]:
    """The values of a class's keys in an entry, with tuples in place of lists.

    Nothing else is converted: Snakemake compares the text of parameters, and 84.0 in place of 84 would make results
    again.
    """
    values = {key.name: entry[key.name] for key in fields(kind)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
