"""Granule names, records, the release rule, and which granules make one time series and one date.

Facts and rules are those of the NISAR L2 GCOV product specification (D-102274) and of the archive's collections.
"""

import csv
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gcov.errors import GcovError

NAME = re.compile(
    r"NISAR_L2_(?:PR|UR|OD)_GCOV_(?P<cycle>\d{3})_(?P<track>\d{3})_(?P<direction>[AD])_(?P<frame>\d{3})"
    r"_(?P<mode>\d{4})_(?P<polarizations>[A-Z]{4})_[A-Z]_(?P<start>\d{8}T\d{6})_(?P<end>\d{8}T\d{6})"
    r"_(?P<crid>[A-Z]\d{5})_(?P<accuracy>[A-Z])_(?P<coverage>[FP])_[A-Z]_(?P<counter>\d{3})"
)
MATURITIES = ("BETA", "PROVISIONAL", "VALIDATED")  # in rising order
BANDWIDTHS = {"05": 80, "20": 20, "40": 10, "77": 20}  # MHz as granule names write them: posting in metres
PASS_LENGTH = timedelta(minutes=30)  # frames of one pass are seconds apart, passes of one track 12 days


def is_diagonal(term: str) -> bool:
    """True for a term that is backscatter (HHHH and the like, real); False for a complex off-diagonal one (HHVV)."""
    return term[:2] == term[2:]


@dataclass(frozen=True, kw_only=True)
class Granule:
    """One granule: where it is and what its name says. Times are ISO 8601, UTC; None where nothing is known."""

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

    @property
    def label(self) -> str:
        """The name and where the granule lies, for messages."""
        return f"{self.name} ({self.path or self.url or self.s3_url})"

    @property
    def rank(self) -> tuple[int, int, int]:
        """Newer releases rank higher: maturity, then the digits of the CRID, then the product counter."""
        return MATURITIES.index(self.maturity), int(re.sub(r"\D", "", self.crid) or 0), self.counter or 0

    @property
    def series(self) -> tuple:
        """What must be equal for granules to make one time series."""
        return self.track, self.direction, self.mode, self.polarizations

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """Acquisition as a half-open interval; names carry whole seconds, so one second is the shortest."""
        start, end = datetime.fromisoformat(self.start), datetime.fromisoformat(self.end)
        return start, max(end, start + timedelta(seconds=1))

    def same_acquisition(self, other: "Granule") -> bool:
        """True for two releases of one take; False for two partial granules of a frame that do not overlap."""
        (start, end), (other_start, other_end) = self.interval, other.interval
        same_frame = (self.cycle, self.frame, *self.series) == (other.cycle, other.frame, *other.series)
        return same_frame and start < other_end and other_start < end


def from_name(name: str, **where) -> Granule | None:
    """The granule that a name stands for (None if it is no GCOV granule's); `where` sets url, path, size, ..."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    facts: dict[str, Any] = match.groupdict()
    for key in ("cycle", "track", "frame", "counter"):
        facts[key] = int(facts[key])
    for key in ("start", "end"):
        facts[key] = datetime.strptime(facts[key], "%Y%m%dT%H%M%S").isoformat()
    return Granule(name=name, **{"maturity": maturity_of(facts["crid"]), **facts, **where})


def maturity_of(crid: str, collection: str = "") -> str:
    """BETA, PROVISIONAL or VALIDATED: from the collection's short name where known, else from the CRID's letter.

    A file without a CRID (somebody's own processing) counts as BETA.
    """
    if match := re.search(r"NISAR_L2_GCOV_(?:(BETA|PROVISIONAL)_)?V\d+", collection):
        return match[1] or "VALIDATED"
    return {"X": "BETA", "P": "PROVISIONAL", "": "BETA"}.get(crid[:1], "VALIDATED")


def from_url(url: str) -> Granule:
    """The granule behind an https:// or s3:// address, by its file name; maturity by the collection in the address."""
    name = url.split("?")[0].rsplit("/", 1)[-1].removesuffix(".h5")
    granule = from_name(name, **{"s3_url" if url.startswith("s3://") else "url": url})
    if granule is None:
        raise GcovError(
            f"granules: {url} does not end in the name of a NISAR L2 GCOV granule (NISAR_L2_..._GCOV_....h5)"
        )
    return replace(granule, maturity=maturity_of(granule.crid, url))


def newest_releases(granules: Iterable[Granule]) -> tuple[list[Granule], list[tuple[Granule, str]]]:
    """Keep the newest release of each acquisition.

    Returns the kept granules in order of time, and the others each with the reason it was dropped.
    """
    kept: list[Granule] = []
    dropped: list[tuple[Granule, str]] = []
    for granule in sorted(granules, key=lambda g: (g.rank, g.name), reverse=True):
        newer = next((k for k in kept if k.same_acquisition(granule)), None)
        if newer is None:
            kept.append(granule)
        elif newer.name == granule.name:
            dropped.append((granule, "the same granule, found twice"))
        else:
            dropped.append((granule, f"superseded by {newer.name} ({newer.maturity} {newer.crid})"))
    by_time = sorted(kept, key=lambda g: (g.start, g.name))
    return by_time, sorted(dropped, key=lambda pair: (pair[0].start, pair[0].name))


def passes(granules: Iterable[Granule]) -> list[list[Granule]]:
    """Granules in order of time, those of one pass (adjacent frames, partial pairs) together: one date each."""
    dates: list[list[Granule]] = []
    for granule in sorted(granules, key=lambda g: (g.start, g.name)):
        if dates and granule.interval[0] - dates[-1][0].interval[0] < PASS_LENGTH:
            dates[-1].append(granule)
        else:
            dates.append([granule])
    return dates


def check_one_series(granules: list[Granule]) -> None:
    """Refuse granules that cannot be one time series.

    Raises GcovError with a table of what was found and the configuration keys that narrow it.
    """
    groups = defaultdict(list)
    for granule in granules:
        groups[granule.series].append(granule)
    if len(groups) == 1:
        return
    rows: list[tuple[str, ...]] = [("track", "direction", "mode", "polarizations", "frames", "granules", "dates")]
    for series, members in sorted(groups.items(), key=lambda item: str(item[0])):
        days = sorted({g.start[:10] for g in members})
        frames = ",".join(sorted({str(g.frame) for g in members}))
        rows.append((*map(str, series), frames, str(len(members)), f"{days[0]} .. {days[-1]} ({len(days)} days)"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = "\n".join("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
    keys = ("relative_orbit", "flight_direction (A ASCENDING, D DESCENDING)", "mode", "polarizations")
    differing = [key for i, key in enumerate(keys) if len({series[i] for series in groups}) > 1]
    raise GcovError(
        f"The granules found cannot be one time series: they differ in acquisition.\n{table}\n"
        f"Choose one line: set {', '.join(differing)} under this AOI's search (or list only its files under granules)."
    )


def check_names(granules: list[Granule]) -> None:
    """Refuse acquisitions of one name (files renamed alike, in different folders): one would hide the other."""
    names = Counter(granule.name for granule in granules)
    alike = [granule.label for granule in granules if names[granule.name] > 1]
    if alike:
        raise GcovError("different acquisitions in files of one name; rename them:\n  " + "\n  ".join(alike))


def maturity_note(maturities: Iterable[str]) -> str | None:
    """What figures and logs must say of a stack with dates of these maturities; None for a plain released one."""
    dates = Counter(word for words in maturities for word in set(words.split()))
    counts = ", ".join(f"{dates[m]} {m}" for m in MATURITIES if dates[m])
    if len(dates) > 1:
        return f"mixes maturities ({counts} dates): a step between them may be processing, not change"
    if dates["BETA"]:
        return f"BETA data ({dates['BETA']} dates): not validated"
    return None


def write_records(folder: Path, granules: Iterable[Granule]) -> None:
    """One small JSON file per kept granule, `{name}.json`."""
    folder.mkdir(parents=True)
    for granule in granules:
        (folder / f"{granule.name}.json").write_text(json.dumps(asdict(granule), indent=1) + "\n")


def read_record(path: str | Path) -> Granule:
    """A granule from its record."""
    return Granule(**json.loads(Path(path).read_text()))


def kept_names(folder: str | Path) -> list[str]:
    """Names of the granules with a record in the folder, in order of name."""
    return sorted(path.stem for path in Path(folder).glob("*.json"))


def local_file(folder: str | Path, name: str) -> list[str]:
    """The absolute path of the local file behind a kept granule (a list of one); empty where it is fetched."""
    record = Path(folder) / f"{name}.json"
    if not record.exists():
        raise GcovError(f"{name} is not among the granules kept for this AOI; they are listed in {folder}")
    path = read_record(record).path
    return [os.path.abspath(path)] if path else []


def write_table(path: Path, kept: list[Granule], dropped: list[tuple[Granule, str]]) -> None:
    """granules.csv: every granule found, in order of time, with `kept` (true or false) and `reason`."""
    rows = [(g, "true", "") for g in kept] + [(g, "false", reason) for g, reason in dropped]
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*(field.name for field in fields(Granule)), "kept", "reason"])
        for granule, keep, reason in sorted(rows, key=lambda row: (row[0].start, row[0].name)):
            table.writerow([*asdict(granule).values(), keep, reason])
