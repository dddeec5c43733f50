"""Which release of each acquisition is kept, and which file or address of a granule that was found several times."""

import filecmp
import logging
import os
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from gcov.errors import GcovError
from gcov.granules import Granule

log = logging.getLogger(__name__)

SUPERSEDED, TOO_LITTLE = "superseded by", "newer, but covers too little"  # how reasons begin, in granules.csv
COVER = 90  # percent of an older release's interval that newer ones must cover to replace it

Dropped = list[tuple[Granule, str]]  # granules with the reason


def newest_releases(granules: Iterable[Granule]) -> tuple[list[Granule], Dropped]:
    """Keep one release of each acquisition, and one file or address of each granule.

    A more mature release replaces the others. Within one maturity, newer releases replace an older one only if together
    they cover 90 % of its interval; otherwise they are dropped and the older one is kept, so that no date mixes both.
    Partial granules of one release are kept together. Returns the kept granules and the dropped ones with their
    reasons, both in order of time, and warns where the kept ones cover less than a dropped one. Raises GcovError if two
    local files of one granule differ.
    """
    found, repeated = one_of_each(granules)
    acquisitions = defaultdict(list)
    for granule in sorted(found, key=lambda g: (g.rank, g.name), reverse=True):
        acquisitions[granule.acquisition].append(granule)
    kept: list[Granule] = []
    dropped: Dropped = []
    for members in acquisitions.values():
        used, unused = _choose(members)
        kept += used
        dropped += unused
        for granule, _ in unused:
            if (share := covered(granule, used)) < 100:
                log.warning("what is kept covers only %d %% of %s, which is dropped", share, granule.name)
    return sorted(kept), sorted(dropped + repeated, key=lambda pair: pair[0])


def _choose(members: list[Granule]) -> tuple[list[Granule], Dropped]:
    """The kept and the dropped granules of one take, which are given in falling order of rank."""
    kept: list[Granule] = []
    dropped: Dropped = []
    for granule in members:
        newer = [k for k in kept if k.same_acquisition(granule)]
        share = covered(granule, newer)
        if share >= COVER or any(k.maturity != granule.maturity for k in newer):
            names = " and ".join(f"{k.name} ({k.maturity} {k.crid})" for k in newer)
            only = "" if share >= COVER else f", only {share} % of its interval"
            dropped.append((granule, f"{SUPERSEDED} {names}{only}"))
        elif short := [k for k in newer if _competes(k, granule)]:
            # choose again without them, because they may have replaced others
            kept, dropped = _choose([g for g in members if g not in short])
            free = [g for g in short if not any(k.same_acquisition(g) for k in kept)]
            kept, short = kept + free, [g for g in short if g not in free]
            others = " with other newer ones" if len(newer) > 1 else ""
            reason = f"{TOO_LITTLE}: {share} % of {granule.name}{others}"
            return kept, [*dropped, *((g, reason) for g in short)]
        else:
            kept.append(granule)
    return kept, dropped


def _competes(newer: Granule, older: Granule) -> bool:
    """False for two parts of one release, each with ground of its own."""
    return newer.release != older.release or covered(newer, [older]) >= COVER


def compared(kept: Iterable[Granule], dropped: Dropped) -> list[tuple[Granule, Granule]]:
    """Each dropped release of an acquisition, with each kept granule that holds the acquisition, too."""
    others = [granule for granule, reason in dropped if reason.startswith((SUPERSEDED, TOO_LITTLE))]
    kept = list(kept)
    return [(other, granule) for other in others for granule in kept if granule.same_acquisition(other)]


def covered(granule: Granule, others: Iterable[Granule]) -> int:
    """The percentage of a granule's interval that others cover together, rounded down."""
    start, end = granule.interval
    total, reached = timedelta(0), start
    for first, last in sorted(other.interval for other in others):
        first, last = max(first, reached), min(last, end)
        if first < last:
            total, reached = total + (last - first), last
    return 100 * total // (end - start)


def one_of_each(granules: Iterable[Granule]) -> tuple[list[Granule], Dropped]:
    """Keep one of the files and addresses of each granule: a local file, otherwise the first.

    Raises GcovError, naming both, if two local files of one granule differ.
    """
    used: dict[tuple, Granule] = {}
    repeated: Dropped = []
    for granule in sorted(granules, key=lambda g: g.path is None):
        first = used.setdefault((granule.name, granule.acquisition, granule.interval), granule)
        if first is granule:
            continue
        _check_equal(first, granule)
        log.info("found twice: %s is used, not %s", first.label, granule.path or granule.url or granule.s3_url)
        repeated.append((granule, "the same granule, found twice"))
    return list(used.values()), repeated


def _check_equal(first: Granule, other: Granule) -> None:
    """Refuse two local files of one granule that differ. Nothing is fetched to compare addresses."""
    if first.path is None or other.path is None:
        return
    try:
        # compares bytes only where the sizes agree, and once for the same sizes and times
        equal = os.path.samefile(first.path, other.path) or filecmp.cmp(first.path, other.path, shallow=False)
    except OSError as error:
        raise GcovError(f"{first.label}: cannot be compared with {other.path} ({error.strerror})") from None
    if not equal:
        raise GcovError(
            f"two files of one granule differ; keep the right one, or name only that one under granules:\n"
            f"  {first.label}\n  {other.label}"
        )
