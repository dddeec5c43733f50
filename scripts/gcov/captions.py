"""What the captions of a report say of results, as reStructuredText that report/*.rst include."""

from pathlib import Path
from typing import Any

import pandas as pd

from gcov.cautions import cautions, dates_in_words, echoes_without_limit, empty_values
from gcov.files import write_text


def of_series(series: pd.DataFrame, **shown: Any) -> str:
    """The dates of a mean series, the warnings about it in bold, and why values are empty.

    `shown` are the other arguments of `cautions`.
    """
    warnings = cautions(series, **shown)
    why = [*empty_values(series), *echoes_without_limit(series)]
    said = [f"{dates_in_words(series)}.", bold("; ".join(warnings)), *(f"{one}." for one in why)]
    return " ".join(filter(None, said))


def bold(warning: str) -> str:
    """A warning as a bold sentence; empty if there is none."""
    return f"**{warning}.**" if warning else ""


def write(path: Path, text: str) -> None:
    """Write a caption."""
    write_text(path, f"{text}\n")
