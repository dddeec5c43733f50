"""The grey scale of a term's images: the limits that the configuration sets, or else those that were measured."""

from collections.abc import Sequence
from pathlib import Path

from gcov.files import read_json


def limits(stretch: Path, shown_db: Sequence[float] | None) -> tuple[float, float]:
    """The ends of the grey scale in dB: `shown_db`, or the 5 and 95 % quantiles in `stretch`, a stretch.json."""
    found = read_json(stretch)
    low, high = shown_db or (found["q05"], found["q95"])
    return low, high
