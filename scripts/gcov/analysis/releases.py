"""Changes of processing between dates. At many looks, a recalibration of 0.3 dB is as significant as a real change."""

from collections import Counter
from collections.abc import Sequence

from gcov.stores.store import Date

SEVERAL = {"maturities": "maturity", "crids": "crid"}  # attributes of results, and what of a date they list
FACTS = {"maturity": "maturity", "crid": "CRID"}
CAUTION = "a step between them may be processing, not change"


def between_periods(before: Sequence[Date], after: Sequence[Date]) -> str:
    """A warning if two periods differ in maturity or CRID; empty if not, or if one has no date."""
    if not (before and after):
        return ""
    differing = [
        f"{name} differs ({_words(before, fact)} before, {_words(after, fact)} after)"
        for fact, name in FACTS.items()
        if set(count(before, fact)) != set(count(after, fact))
    ]
    return f"{'; '.join(differing)}: {CAUTION}" if differing else ""


def within(dates: Sequence[Date]) -> str:
    """A warning if the maturity or the CRID changes within a series; otherwise empty."""
    differing = [
        f"{name} changes within the series ({_words(dates, fact)})"
        for fact, name in FACTS.items()
        if len({getattr(date, fact) for date in dates}) > 1
    ]
    return f"{'; '.join(differing)}: {CAUTION}" if differing else ""


def count(dates: Sequence[Date], fact: str) -> Counter[str]:
    """The number of dates per value of `fact` (maturity or crid); a pass of several granules may have several."""
    return Counter(word for date in dates for word in set(getattr(date, fact).split()))


def _words(dates: Sequence[Date], fact: str) -> str:
    counts = sorted(count(dates, fact).items())
    return ", ".join(f"{word} on {number} date{'s' * (number > 1)}" for word, number in counts)
