"""Which dates an analysis uses."""

import logging

import numpy as np
import pandas as pd

log = logging.getLogger(__name__)


def usable(series: pd.DataFrame, min_valid_fraction: float) -> np.ndarray:
    """True (dates,) for dates with enough samples that count, by mean_series.csv.

    Enough is this share of the best date's, and more than none.
    """
    n_valid = series["n_valid"].to_numpy()
    return (n_valid > 0) & (n_valid >= min_valid_fraction * n_valid.max(initial=0))


def left_out(series: pd.DataFrame, use: np.ndarray, min_valid_fraction: float) -> dict[str, object]:
    """Attributes that count and name the dates left out of an analysis; the log names them as well."""
    days = [f"{time:%Y-%m-%d}" for time in series["time"][~use]]
    if days:
        log.warning(
            "%d of %d dates left out, for they have less than %g of the best date's valid samples: %s",
            len(days), len(series), min_valid_fraction, ", ".join(days),
        )  # fmt: skip
    return {"min_valid_fraction": min_valid_fraction, "n_dates_left_out": len(days), "dates_left_out": " ".join(days)}
