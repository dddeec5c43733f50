"""The selection of dates for an analysis."""

import logging

import numpy as np
import pandas as pd

log = logging.getLogger(__name__)


def usable(series: pd.DataFrame, min_valid_fraction: float) -> np.ndarray:
    """True (dates,) for dates with enough valid samples, by mean_series.csv.

    Enough means more than none, and at least `min_valid_fraction` of the best date's number.
    """
    n_valid = series["n_valid"].to_numpy()
    return (n_valid > 0) & (n_valid >= min_valid_fraction * n_valid.max(initial=0))


def left_out(series: pd.DataFrame, use: np.ndarray, min_valid_fraction: float) -> dict[str, object]:
    """Attributes that count and name the dates left out of an analysis; the log also names them."""
    days = [f"{time:%Y-%m-%d}" for time in series["time"][~use]]
    if days:
        log.warning(
            "%d of %d dates left out because they have less than %g of the best date's valid samples: %s",
            len(days), len(series), min_valid_fraction, ", ".join(days),
        )  # fmt: skip
    return {"min_valid_fraction": min_valid_fraction, "n_dates_left_out": len(days), "dates_left_out": " ".join(days)}
