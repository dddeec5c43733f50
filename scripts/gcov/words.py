"""Numbers, dates and ranges as text, for figures, logs and reports."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime


def number_of(count: int, noun: str) -> str:
    """1 date, 5 dates, 1,200 samples, 2 patches."""
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("ch") else "s")


def percent(shares: Iterable[float]) -> str:
    """Fractions (0..1) as a percentage or a range: 93.7 %, 26.1 to 93.7 %."""
    known = [share for share in shares if math.isfinite(share)]
    ends = [f"{100 * end:.1f}" for end in (min(known), max(known))] if known else ["0.0"]
    return f"{' to '.join(dict.fromkeys(ends))} %"


def days(times: Collection[datetime]) -> str:
    """One day, or the first and the last: 2025-11-23 to 2027-11-01."""
    ends = [f"{end:%Y-%m-%d}" for end in (min(times), max(times))]
    return " to ".join(dict.fromkeys(ends))


def listed(times: Collection[datetime], *, most: int = 4) -> str:
    """A list of days, shortened if there are many: 2026-07-21, 2026-08-02 and 3 more."""
    return some_of([f"{time:%Y-%m-%d}" for time in times], most)


def some_of(names: Sequence[str], most: int) -> str:
    """The first names of a list: a, b and 3 more."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shortened(text: str, *, most: int = 60) -> str:
    """A text for a message, cut if it is long: no file's content may fill the screen."""
    return text if len(text) <= most else f"{text[:most]}..."


def filled(template: str, parts: Mapping[str, str]) -> str:
    """A template with its {{names}} replaced; what looks like one in a part is left alone."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
