"""Numbers, dates and ranges in words: what figures, logs and reports say of them."""

import math
from collections.abc import Collection, Iterable
from datetime import datetime


def number_of(count: int, noun: str) -> str:
    """1 date, 5 dates, 1,200 samples."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(shares: Iterable[float]) -> str:
    """The range of shares 0..1 as it is read: 93.7 %, 26.1 to 93.7 %."""
    known = [share for share in shares if math.isfinite(share)]
    ends = [f"{100 * end:.1f}" for end in (min(known), max(known))] if known else ["0.0"]
    return f"{' to '.join(dict.fromkeys(ends))} %"


def days(times: Collection[datetime]) -> str:
    """One day, or the first and the last: 2025-11-23 to 2027-11-01."""
    ends = [f"{end:%Y-%m-%d}" for end in (min(times), max(times))]
    return " to ".join(dict.fromkeys(ends))


def listed(times: Collection[datetime], *, most: int = 4) -> str:
    """Days in a row, of many the first ones and how many more: 2026-07-21, 2026-08-02 and 3 more."""
    names = [f"{time:%Y-%m-%d}" for time in times]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
