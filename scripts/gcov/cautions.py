"""What a mean series says against itself: dates to distrust, and the words for them. Figures and reports tell them."""

import numpy as np
import pandas as pd

from gcov.granules import holds, maturity_note
from gcov.words import days, listed, number_of

NOISE_MARGIN = 3  # dB above the noise floor, within which a mean is noise for the better part
LONG_STEP = 1.5  # times the median step


def held(series: pd.DataFrame, term: str, frequency: str) -> pd.Series:
    """True for the dates whose granules have the term: polarizations may alternate."""
    return series["polarizations"].map(lambda codes: holds(codes, term, frequency)).astype(bool)


def column(series: pd.DataFrame, name: str) -> pd.Series:
    """A column that not every table has: NaN where it is missing."""
    return series[name].astype(float) if name in series else pd.Series(np.nan, series.index)


def little_valid(series: pd.DataFrame, min_valid_fraction: float) -> pd.Series:
    """True for dates with some valid samples, but fewer than this share of the best date's: means of other ground."""
    numbers = series["n_valid"]
    return (numbers > 0) & (numbers < min_valid_fraction * numbers.max())


def long_steps(times: pd.Series) -> pd.Series:
    """True for dates that come more than 1.5 times the usual (median) step after the one before."""
    steps = times.diff()
    return steps > LONG_STEP * steps.median()


def near_noise(series: pd.DataFrame) -> pd.Series:
    """True for means less than 3 dB above the noise floor, as far as that is known."""
    return column(series, "mean_db") - column(series, "noise_db") < NOISE_MARGIN


def release_changes(series: pd.DataFrame) -> pd.DataFrame:
    """A row for each step between dates of different releases: `time` half-way between them, `crid` the later one's."""
    before = series["crid"].shift()
    changes = before.notna() & (series["crid"] != before)
    middles = series["time"] - series["time"].diff() / 2
    return pd.DataFrame({"time": middles, "crid": series["crid"]})[changes]


def dates_in_words(series: pd.DataFrame) -> str:
    """How many dates there are, the first and the last."""
    return f"{number_of(len(series), 'date')}, {days(series['time'])}" if len(series) else "no date"


def cautions(series: pd.DataFrame, *, term: str, frequency: str, min_valid_fraction: float) -> list[str]:
    """What must be known before a mean series is believed, a sentence each; none of a plain one."""
    dates = series[held(series, term, frequency)]
    empty, few, noisy = dates["n_valid"] == 0, little_valid(dates, min_valid_fraction), near_noise(dates)
    said = [maturity_note(series["maturity"])]
    if len(dates) < len(series):
        said.append(f"{number_of(len(series) - len(dates), 'date')} without {term}")
    if empty.any():
        said.append(f"no valid sample on {listed(dates['time'][empty])}")
    if few.any():
        share = f"{100 * min_valid_fraction:g} %"
        said.append(f"less than {share} of the best date's samples on {listed(dates['time'][few])}: of other ground")
    if not release_changes(dates).empty:
        releases = ", ".join(dict.fromkeys(dates["crid"]))
        said.append(f"processed with different releases ({releases}): a step between them may be processing")
    if noisy.any():
        said.append(f"within {NOISE_MARGIN} dB of the noise floor on {listed(dates['time'][noisy])}")
    return [sentence for sentence in said if sentence]
