"""Granule names and records, the rank of releases, and the grouping of granules into series and dates.

Facts and rules follow the NISAR L2 GCOV product specification (D-102274) and the archive's collections.
"""

import csv
import io
import json
import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from gcov.addresses import shown, without_query
from gcov.errors import GcovError
from gcov.files import damage, read_json
from gcov.words import number_of, some_of

NAME = re.compile(
    r"NISAR_L2_(?:PR|UR|OD)_GCOV_(?P<cycle>\d{3})_(?P<track>\d{3})_(?P<direction>[AD])_(?P<frame>\d{3})"
    r"_(?P<mode>\d{4})_(?P<polarizations>[A-Z]{4})_[A-Z]_(?P<start>\d{8}T\d{6})_(?P<end>\d{8}T\d{6})"
    r"_(?P<crid>[A-Z]\d{5})_(?P<accuracy>[A-Z])_(?P<coverage>[FP])_[A-Z]_(?P<counter>\d{3})"
)
DIRECTIONS = {"A": "ASCENDING", "D": "DESCENDING"}
MATURITIES = ("BETA", "PROVISIONAL", "VALIDATED")  # in increasing order
ACCURACIES = "FNMP"  # letters of the orbit's accuracy, in increasing order; any other, or none, is below
BANDWIDTHS = {"05": 80, "20": 20, "40": 10, "77": 20}  # bandwidth in MHz, as in granule names: posting in metres
CHANNELS = {  # polarizations by the code in granule names
    "SH": ("HH",), "SV": ("VV",), "DH": ("HH", "HV"), "DV": ("VV", "VH"), "CL": ("LH", "LV"), "CR": ("RH", "RV"),
    "QP": ("HH", "HV", "VH", "VV"), "NA": (),
}  # fmt: skip
FACTOR, LOCAL_INCIDENCE = "rtcGammaToSigmaFactor", "localIncidenceAngle"
LAYERS = {  # real-valued layers beside the terms, copied unchanged; the last one is computed from the factor
    "numberOfLooks": "Number of averaged radar-grid pixels",
    FACTOR: "Radiometric terrain correction factor: sigma0 is gamma0 times it",
    LOCAL_INCIDENCE: "Local incidence angle: arc cosine of the factor, NaN where it exceeds 1",
}
PROVISIONAL_FROM = 5023  # digits of the CRID; its letter is no indication (X05026 is in the PROVISIONAL collections)
NOT_COMPARED = "frames_not_compared"  # file beside the records: the search had no token to open a granule per frame
SEARCH = "run `snakemake --cores 1 -R search`, which writes it again"  # the remedy for a damaged result of the search
PASS_LENGTH = timedelta(minutes=30)  # frames of one pass are seconds apart, passes of one track 12 days


def is_diagonal(term: str) -> bool:
    """True for a diagonal (backscatter, real) term such as HHHH; False for an off-diagonal (complex) one (HHVV)."""
    return term[:2] == term[2:]


def holds(codes: str, term: str, frequency: str) -> bool:
    """Whether granules with these polarization codes (separated by spaces) have a term in a band; True if unknown.

    One matching code is enough. Every granule has the further layers.
    """
    if term in LAYERS:
        return True
    bands = [code[:2] if frequency == "A" else code[2:] for code in codes.split()]
    return not bands or any({term[:2], term[2:]} <= set(CHANNELS.get(band, (term[:2], term[2:]))) for band in bands)


@dataclass(frozen=True, kw_only=True)
class Granule:
    """One granule: its location and the fields of its name. Times are ISO 8601 in UTC; None means unknown."""

    name: str
    url: str | None = None
    s3_url: str | None = None
    path: str | None = None
    size: int | None = None  # bytes
    start: str
    end: str
    cycle: int | None = None
    track: int | None = None
    direction: str | None = None  # A or D
    frame: int | None = None
    mode: str | None = None
    polarizations: str | None = None
    crid: str
    maturity: str
    counter: int | None = None
    coverage: str | None = None  # F or P
    accuracy: str | None = None
    has_input_data_exception: bool | None = None

    def __lt__(self, other: "Granule") -> bool:
        """In order of time."""
        return (self.start, self.name) < (other.start, other.name)

    @property
    def label(self) -> str:
        """The granule's name and location, for messages."""
        return f"{self.name} ({self.path or shown(self.url or self.s3_url or '')})"

    @property
    def files(self) -> list[str]:
        """The path of the granule's local file (a list of one); empty if the granule is fetched.

        The path is relative if the configuration says so, or below the working directory: such files may be moved
        together with the results.
        """
        if self.path is None:
            return []
        relative = os.path.relpath(self.path)
        return [self.path if os.path.isabs(self.path) and relative.startswith(os.pardir) else relative]

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Newer releases rank higher: maturity, then the CRID's digits, then accuracy, then the product counter."""
        return *self.release, self.counter or 0

    @property
    def release(self) -> tuple[int, int, int]:
        """Equal in all granules of one release, whose partial granules differ in the product counter."""
        accuracy = ACCURACIES.find(self.accuracy or "?") + 1
        return MATURITIES.index(self.maturity), int(re.sub(r"\D", "", self.crid) or 0), accuracy

    def bandwidth(self, frequency: str) -> str:
        """The part of the mode for band A or B: MHz as in granule names, 00 if the band is absent."""
        mode = self.mode or ""
        if re.fullmatch(r"\d{4}", mode):
            return mode[:2] if frequency == "A" else mode[2:]
        return mode  # for files without a standard name: their postings

    def holds(self, term: str, frequency: str) -> bool:
        """Whether a band has this covariance term, by the polarization code; True if the code does not tell."""
        return holds(self.polarizations or "", term, frequency)

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """The acquisition as a half-open interval, at least one second long because names have whole seconds."""
        start, end = datetime.fromisoformat(self.start), datetime.fromisoformat(self.end)
        return start, max(end, start + timedelta(seconds=1))

    def same_acquisition(self, other: "Granule") -> bool:
        """True for two releases of one acquisition; False for partial granules of a frame that do not overlap."""
        (start, end), (other_start, other_end) = self.interval, other.interval
        return self.acquisition == other.acquisition and start < other_end and other_start < end

    @property
    def acquisition(self) -> tuple:
        """The fields that are equal in all releases of one acquisition."""
        return self.cycle, self.track, self.direction, self.frame, self.mode, self.polarizations


def from_name(name: str, **where) -> Granule | None:
    """The granule with this name (None if it is not a GCOV granule's name); `where` sets url, path, size, ..."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    facts: dict[str, Any] = match.groupdict()
    for key in ("cycle", "track", "frame", "counter"):
        facts[key] = int(facts[key])
    for key in ("start", "end"):
        facts[key] = datetime.strptime(facts[key], "%Y%m%dT%H%M%S").isoformat()
    return Granule(name=name, **{"maturity": maturity_of(facts["crid"]), **facts, **where})


def name_of_file(stem: str) -> str:
    """A granule name from a file name, without characters that are special to Snakemake or a shell."""
    return re.sub(r"[^\w.+-]", "_", stem)


def maturity_of(crid: str, collection: str = "", doi: str = "") -> str:
    """BETA, PROVISIONAL or VALIDATED.

    Taken from the collection's short name (or a URL that contains it), otherwise from the product's DOI
    (10.5067/NIL2GCOV-P1), otherwise from the digits of the CRID. A file without a CRID (custom processing) counts as
    BETA.
    """
    if match := re.search(r"NISAR_\w*?(BETA|PROVISIONAL)_V\d+|NISAR_L2_GCOV_V\d+", collection):
        return match[1] or "VALIDATED"
    if match := re.search(r"NIL2GCOV-([BPV])\d", doi):
        return {"B": "BETA", "P": "PROVISIONAL", "V": "VALIDATED"}[match[1]]
    return "PROVISIONAL" if int(re.sub(r"\D", "", crid) or 0) >= PROVISIONAL_FROM else "BETA"


def is_standard(collection: str) -> bool:
    """Whether a collection holds the mission's standard products, not early adopters', custom or urgent ones."""
    return re.fullmatch(r"NISAR_L2_GCOV_((BETA|PROVISIONAL)_)?V\d+", collection) is not None


def from_url(url: str) -> Granule:
    """The granule at an https:// or s3:// URL, from its file name; maturity from the collection in the URL.

    Raises GcovError if the file name is not a GCOV granule's.
    """
    url = url if url.startswith("s3://") else without_query(url)  # records must not contain a signature
    name = url.split("?")[0].rsplit("/", 1)[-1].removesuffix(".h5")
    granule = from_name(name, **{"s3_url" if url.startswith("s3://") else "url": url})
    if granule is None:
        raise GcovError(
            f"granules: {shown(url)} does not end in the name of a NISAR L2 GCOV granule (NISAR_L2_..._GCOV_....h5)"
        )
    return replace(granule, maturity=maturity_of(granule.crid, url))


def passes(granules: Iterable[Granule]) -> list[list[Granule]]:
    """Granules grouped by pass (adjacent frames, partial pairs), in order of time; each pass is one date."""
    dates: list[list[Granule]] = []
    for granule in sorted(granules):
        if dates and granule.interval[0] - dates[-1][0].interval[0] < PASS_LENGTH:
            dates[-1].append(granule)
        else:
            dates.append([granule])
    return dates


def day_names(starts: Iterable[str]) -> list[str]:
    """The names of dates in file names: 20280315, or 20280315T234739 if several dates fall on one day.

    `starts` are the times of the dates, ISO 8601 in UTC.
    """
    times = [datetime.fromisoformat(start) for start in starts]
    days = Counter(time.date() for time in times)
    return [f"{time:%Y%m%d}" if days[time.date()] == 1 else f"{time:%Y%m%dT%H%M%S}" for time in times]


def check_one_series(
    granules: list[Granule], frequency: str, terms: Iterable[str], query: Mapping[str, Any] | None = None
) -> None:
    """Refuse granules that cannot form one time series of a band.

    Track, direction and bandwidth must be equal. Polarizations may alternate: a date whose granule lacks a term has no
    sample of it. Raises GcovError with a table of the alternatives and the configuration keys that select one, or if a
    term is in none of the granules. If the granules are the answer to a `query`, its keys are completed for each.
    """
    groups = defaultdict(list)
    for granule in granules:
        groups[granule.track, granule.direction, granule.bandwidth(frequency)].append(granule)
    if len(groups) == 1:
        codes = ", ".join(sorted({str(granule.polarizations) for granule in granules}))
        for term in terms:
            if not any(granule.holds(term, frequency) for granule in granules):
                other = "B" if frequency == "A" else "A"
                there = any(granule.holds(term, other) for granule in granules)
                hint = f"; with `frequency: {other}` there is one" if there else ""
                said = f"no granule has the term {term} in frequency {frequency}; polarizations: {codes}{hint}"
                raise GcovError(said)
        return
    import yaml  # needed only here

    rows: list[tuple[str, ...]] = [("track", "direction", "mode", "polarizations", "frames", "granules", "dates")]
    for (track, direction, _), members in sorted(groups.items(), key=str):
        days = sorted({g.start[:10] for g in members})
        modes, codes, frames = (
            ",".join(sorted({str(getattr(g, name)) for g in members})) for name in ("mode", "polarizations", "frame")
        )
        span = f"{days[0]} .. {days[-1]} ({len(days)} days)"
        rows.append((str(track), str(direction), modes, codes, frames, str(len(members)), span))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = "\n".join("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
    keys = ("relative_orbit", "flight_direction", "mode")
    differing = [i for i, _ in enumerate(keys) if len({group[i] for group in groups}) > 1]
    message = f"The granules found cannot be one time series: they differ in acquisition.\n{table}\n"
    if query is None:
        raise GcovError(f"{message}Choose one line, and list only its files under this AOI's granules.")
    named = ", ".join(keys[i] + " (A ASCENDING, D DESCENDING)" * (i == 1) for i in differing)
    message += f"Choose one line: set {named} under this AOI's search. In the same order, ready to copy:"
    for _, members in sorted(groups.items(), key=str):
        ((mode, _),) = Counter(granule.mode for granule in members).most_common(1)
        found = [members[0].track, DIRECTIONS.get(str(members[0].direction)), mode]
        chosen = {**query, **{keys[i]: found[i] for i in differing}}
        written = yaml.safe_dump(chosen, default_flow_style=True, sort_keys=False, width=math.inf)
        message += f"\n      search: {written.rstrip()}"
    raise GcovError(message)


def check_names(granules: list[Granule]) -> None:
    """Refuse different acquisitions with the same name (renamed files in different folders): one would hide the other.

    Raises GcovError listing the files.
    """
    names = Counter(granule.name for granule in granules)
    alike = [granule.label for granule in granules if names[granule.name] > 1]
    if alike:
        raise GcovError("different acquisitions in files of one name; rename them:\n  " + "\n  ".join(alike))


def maturity_note(maturities: Iterable[str], counted: str = "date") -> str | None:
    """The warning for a stack with dates of these maturities; None if all are PROVISIONAL or all VALIDATED.

    `counted` says what has one maturity each: a date may have several granules.
    """
    dates = Counter(word for words in maturities for word in set(words.split()))
    counts = ", ".join(f"{dates[m]} {m}" for m in MATURITIES if dates[m])
    if len(dates) > 1:
        return f"mixes maturities ({counts} {counted}s): a step between them may be processing, not change"
    if dates["BETA"]:
        return f"BETA data ({number_of(dates['BETA'], counted)}): not validated"
    return None


def write_records(folder: Path, granules: Iterable[Granule]) -> None:
    """Write one small JSON file per kept granule, `{name}.json`."""
    folder.mkdir(parents=True)
    for granule in granules:
        write_record(folder / f"{granule.name}.json", granule)


def write_record(path: Path, granule: Granule) -> None:
    """Write a granule's record."""
    path.write_text(json.dumps(asdict(granule), indent=1) + "\n", encoding="utf-8")


def read_record(path: str | Path) -> Granule:
    """Read a granule from its record. Raises GcovError if the record is damaged."""
    return Granule(**read_json(Path(path), SEARCH))


def kept_names(folder: str | Path) -> list[str]:
    """Names of the granules with a record in the folder, sorted."""
    return sorted(path.stem for path in Path(folder).glob("*.json"))


def check_records(folder: str | Path, table: str | Path) -> None:
    """Raises GcovError if records or rows of granules.csv were lost: without a word, dates would be missing."""
    lost = {*kept_names(folder)} ^ {granule.name for granule in read_table(table)[0]}
    if lost:
        raise GcovError(f"{folder} and {table} differ: only one of them holds {some_of(sorted(lost), 3)}; {SEARCH}")


def names_by_day(folder: str | Path) -> dict[str, list[str]]:
    """Names of the kept granules of each date, by the name that `day_names` gives it, in order of time."""
    dates = passes(read_record(path) for path in Path(folder).glob("*.json"))
    days = day_names(members[0].start for members in dates)
    return {day: [granule.name for granule in members] for day, members in zip(days, dates)}


def local_file(folder: str | Path, name: str) -> list[str]:
    """The path of a kept granule's local file, as in `Granule.files`.

    Raises GcovError if the granule is not among the kept ones.
    """
    record = Path(folder) / f"{name}.json"
    if not record.exists():
        raise GcovError(f"{name} is not among the granules kept for this AOI; they are listed in {folder}")
    return read_record(record).files


def write_table(path: Path, kept: list[Granule], dropped: list[tuple[Granule, str]]) -> None:
    """Write granules.csv: every granule found, in order of time, with `kept` (true or false) and `reason`."""
    rows = [(g, "true", "") for g in kept] + [(g, "false", reason) for g, reason in dropped]
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*(field.name for field in fields(Granule)), "kept", "reason"])
        for granule, keep, reason in sorted(rows, key=lambda row: row[0]):
            table.writerow([*asdict(granule).values(), keep, reason])


def column_types() -> dict[str, str]:
    """The pandas type of each column of granules.csv; all can hold nulls."""
    types = {}
    for field in fields(Granule):
        kinds = get_args(field.type) or (field.type,)
        types[field.name] = "Int64" if int in kinds else "boolean" if bool in kinds else "str"
    return types | {"start": "datetime64[us]", "end": "datetime64[us]", "kept": "boolean", "reason": "str"}


def read_table(path: str | Path) -> tuple[list[Granule], list[tuple[Granule, str]]]:
    """Read granules.csv: the granules that are kept, and those that are dropped with the reason.

    Raises GcovError if the file is damaged.
    """
    content = Path(path).read_bytes()
    if not content.endswith(b"\n"):
        raise GcovError(f"{path} is damaged: it is {damage(content)}; {SEARCH}")
    try:
        text = content.decode("utf-8-sig")  # a spreadsheet may have put a mark before it
    except UnicodeDecodeError:
        raise GcovError(f"{path} is damaged: it is not UTF-8; {SEARCH}") from None
    rows = [(_granule_of(row), row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    kept = [granule for granule, row in rows if row["kept"] == "true"]
    return kept, [(granule, row["reason"]) for granule, row in rows if row["kept"] != "true"]


def _granule_of(row: dict[str, str]) -> Granule:
    """The granule of a row: empty fields are unknown, numbers are whole."""
    values: dict[str, Any] = {}
    for field in fields(Granule):
        text, kinds = row.get(field.name, ""), get_args(field.type) or (field.type,)
        if text or (str in kinds and type(None) not in kinds):
            values[field.name] = int(text) if int in kinds else text == "True" if bool in kinds else text
    return Granule(**values)
