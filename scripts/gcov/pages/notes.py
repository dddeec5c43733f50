"""The warnings about a series, as text for the top of pages."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gcov.cautions import cautions, echoes_without_limit, empty_values, line, of_stack

SWITCHED_OFF = pd.Timestamp("2026-07-27"), pd.Timestamp("2026-08-10")  # when the instrument was off


def gaps(dates: pd.DataFrame) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """The dates before and after each gap in a series, where the plotted line breaks."""
    drawn = line(dates)
    breaks = np.flatnonzero(drawn["granule"].isna())
    return [(drawn["time"][at - 1], drawn["time"][at + 1]) for at in breaks]


def warnings(series: Mapping[str, pd.DataFrame], attributes: Mapping[str, Any], min_valid_fraction: float) -> list[str]:
    """The cautions about an AOI's mean series and reasons of empty values (once if terms share them), then the gaps.

    `attributes` are those of its stack.
    """
    shown = {"frequency": attributes["frequency"], "min_valid_fraction": min_valid_fraction}
    found: dict[str, list[str]] = {}
    for term, table in series.items():
        said = cautions(table, term=term, stated=of_stack(attributes), **shown)
        for text in (*said, *empty_values(table), *echoes_without_limit(table)):
            found.setdefault(text, []).append(term)
    shared = [len(terms) == len(series) or terms[0] in text for text, terms in found.items()]
    listed = [text if alike else f"{', '.join(terms)}: {text}" for (text, terms), alike in zip(found.items(), shared)]
    for before, after in gaps(next(iter(series.values()))):
        known = before < SWITCHED_OFF[1] and after > SWITCHED_OFF[0]
        reason = f"; the instrument was off from {SWITCHED_OFF[0]:%Y-%m-%d} to {SWITCHED_OFF[1]:%Y-%m-%d}"
        listed.append(f"no date between {before:%Y-%m-%d} and {after:%Y-%m-%d}{reason if known else ''}")
    return listed
