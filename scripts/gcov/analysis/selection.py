"""The selection of dates for an analysis."""

import logging

import numpy as np
import pandas as pd

from gcov.cautions import has_term

log = logging.getLogger(__name__)


def usable(series: pd.DataFrame, min_valid_fraction: float) -> np.ndarray:
    """True (dates,) for dates with enough valid samples, by mean_series.csv.

    Enough means more than none, and at least `min_valid_fraction` of the best date's number.
    """
    n_valid = series["n_valid"].to_numpy()
    return (n_valid > 0) & (n_valid >= min_valid_fraction * n_valid.max(initial=0))


def left_out(
    series: pd.DataFrame, use: np.ndarray, term: str, frequency: str, min_valid_fraction: float
) -> dict[str, object]:
    """Attributes that count and name the dates left out of an analysis of a term; the log also says why.

    `dates_without_{term}` names those whose granules lack the term; the others have too few valid samples.
    """
    days = series["time"].dt.strftime("%Y-%m-%d")
    has = has_term(series, term, frequency)
    lacking, few = days[~use & ~has].tolist(), days[~use & has].tolist()
    if few:
        log.warning(
            "%s: %d of %d dates left out because they have less than %g of the best date's valid samples: %s",
            term, len(few), len(series), min_valid_fraction, ", ".join(few),
        )  # fmt: skip
    if lacking:
        log.warning("%s: %d of %d dates have no %s: %s", term, len(lacking), len(series), term, ", ".join(lacking))
    return {
        "min_valid_fraction": min_valid_fraction,
        "n_dates_left_out": len(lacking) + len(few),
        "dates_left_out": " ".join(days[~use]),
        **({f"dates_without_{term}": " ".join(lacking)} if lacking else {}),
    }
