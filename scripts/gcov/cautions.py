"""Warnings about a mean series: dates to distrust, and the text that figures and pages show for them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gcov.granules import holds, maturity_note
from gcov.words import days, listed, number_of, percent

NOISE_MARGIN = 3  # dB above the noise floor; a sample contains its noise, so that below this at least half is noise
NO_ECHO = 0.01  # of a date's valid samples; a caution says so if more have lost their echo
LONG_STEP = 1.5  # times the median step


def has_term(series: pd.DataFrame, term: str, frequency: str) -> pd.Series:
    """True (dates,) for the dates whose granules have the term; polarizations may alternate."""
    return series["polarizations"].map(lambda codes: holds(codes, term, frequency)).astype(bool)


def without_term(series: pd.DataFrame, term: str, frequency: str) -> str | None:
    """The number of dates whose granules lack the term, as text; None if all have it."""
    lacking = (~has_term(series, term, frequency)).sum()
    return f"{number_of(lacking, 'date')} without {term}" if lacking else None


def little_valid(series: pd.DataFrame, min_valid_fraction: float) -> pd.Series:
    """True (dates,) for dates with valid samples, but fewer than this fraction of the best date's.

    Their means describe a different area.
    """
    numbers = series["n_valid"]
    return (numbers > 0) & (numbers < min_valid_fraction * numbers.max())


def too_few(min_valid_fraction: float) -> str:
    """What `little_valid` finds, as text."""
    return f"less than {100 * min_valid_fraction:g} % of the best date's samples"


def long_steps(times: pd.Series) -> pd.Series:
    """True (dates,) for dates that follow the previous one by more than 1.5 times the median step."""
    steps = times.diff()
    return steps > LONG_STEP * steps.median()


def line(dates: pd.DataFrame) -> pd.DataFrame:
    """The rows of a series, with a row of NaN inserted in every gap so that a plotted line breaks there.

    A line across a gap would suggest data that do not exist. Dates without a valid sample are NaN already.
    """
    gaps = long_steps(dates["time"])
    breaks = pd.DataFrame({"time": dates["time"][gaps] - dates["time"].diff()[gaps] / 2})
    return pd.concat([dates, breaks]).sort_values("time", ignore_index=True)


def near_noise(series: pd.DataFrame) -> pd.Series:
    """True (dates,) for means less than 3 dB above the noise floor; False where the floor is unknown."""
    return series["mean_db"] - series["noise_db"] < NOISE_MARGIN


def noise_flags(above_noise: pd.Series) -> pd.Series:
    """The column `near_noise` of the tables, from how far means are above the noise floor in dB; NaN where unknown.

    1 for less than 3 dB, else 0; empty where unknown.
    """
    return (above_noise < NOISE_MARGIN).astype("Int64").where(above_noise.notna())


def without_echo(series: pd.DataFrame) -> pd.Series:
    """The fraction (dates,) of a date's valid samples that have lost their echo and do not count; 0 where unknown."""
    if "n_no_echo" not in series:
        return pd.Series(0.0, series.index)
    lost = series["n_no_echo"].fillna(0)
    return (lost / (series["n_valid"] + lost)).fillna(0)


def echoes_without_limit(series: pd.DataFrame) -> list[str]:
    """Why lost echoes could not be told by the noise floor on some dates, as one sentence; empty if they could."""
    if "n_no_echo" not in series or series["n_no_echo"].isna().all():
        return []
    counts = series["why_no_limit"][series["why_no_limit"] != ""].value_counts(sort=False)
    if counts.empty:
        return []
    reasons = ", ".join(f"{number_of(n, 'date')}: {reason}" for reason, n in counts.items())
    return [f"lost echoes not told by the noise floor ({reasons})"]


def release_changes(series: pd.DataFrame) -> pd.DataFrame:
    """One row per change of release between dates: `time` is half-way between them, `crid` is the later one's."""
    before = series["crid"].shift()
    changes = before.notna() & (series["crid"] != before)
    middles = series["time"] - series["time"].diff() / 2
    return pd.DataFrame({"time": middles, "crid": series["crid"]})[changes]


def dates_in_words(series: pd.DataFrame) -> str:
    """The number of dates, the first and the last, as text."""
    return f"{number_of(len(series), 'date')}, {days(series['time'])}" if len(series) else "no date"


def empty_values(series: pd.DataFrame, *, most: int = 3) -> list[str]:
    """Why values of a mean series are empty: a sentence for each of at most this many reasons, with its dates' number.

    `series` may hold several zones.
    """
    dates = series["time"].nunique()
    reasons = series.drop_duplicates(["time", "why_empty"])["why_empty"]
    counts = reasons[reasons != ""].value_counts(sort=False)
    said = [str(reason) if n == dates else f"{n} of {dates} dates: {reason}" for reason, n in counts.items()]
    more = [f"{number_of(len(said) - most, 'further reason')} in the column why_empty"] if len(said) > most else []
    return [*said[:most], *more]


def dates_left_out(attributes: Mapping[str, Any]) -> list[str]:
    """Why an analysis left out which dates, from the attributes of its store: one sentence per reason and term.

    `dates_left_out` names the dates of the store's one term, `dates_left_out_{term}` those of one of several.
    """
    lacking = {
        key.removeprefix("dates_without_"): days.split() for key, days in attributes.items() if "_without_" in key
    }
    every = {day for dates in lacking.values() for day in dates}
    found: dict[str, list[str]] = {}
    for key in attributes:
        if key.startswith("dates_left_out"):
            term = key.removeprefix("dates_left_out").lstrip("_")
            few = [day for day in attributes[key].split() if day not in lacking.get(term, () if term else every)]
            found.setdefault(" ".join(few), []).append(term)
    said = [(f"for too few valid samples{' of ' * any(terms)}{', '.join(terms)}", few) for few, terms in found.items()]
    said += [(f"because the granule has no {term}", " ".join(dates)) for term, dates in lacking.items()]
    return [f"left out {why}: {len(dates.split())} ({dates.replace(' ', ', ')})" for why, dates in said if dates]


def of_stack(attributes: Mapping[str, Any]) -> list[str]:
    """What a stack's attributes say of dates that differ in processing or quality, one sentence each."""
    return json.loads(attributes.get("cautions", "[]"))


def cautions(
    series: pd.DataFrame, *, term: str, frequency: str, min_valid_fraction: float, stated: Sequence[str] = ()
) -> list[str]:
    """The warnings to read before trusting a mean series, one sentence each; empty if there are none.

    `stated` are those of its stack.
    """
    dates = series[has_term(series, term, frequency)]
    empty, few, noisy = dates["n_valid"] == 0, little_valid(dates, min_valid_fraction), near_noise(dates)
    said = [maturity_note(series["maturity"]), without_term(series, term, frequency)]
    if empty.any():
        said.append(f"no valid sample on {listed(dates['time'][empty])}")
    if few.any():
        said.append(f"{too_few(min_valid_fraction)} on {listed(dates['time'][few])}: a different area")
    if not release_changes(dates).empty:
        releases = ", ".join(dict.fromkeys(dates["crid"]))
        said.append(f"processed with different releases ({releases}): a step between them may be processing")
    said += stated
    if (lost := without_echo(dates)[lambda share: share >= NO_ECHO]).any():
        days_lost = listed(dates["time"][lost.index])
        said.append(f"no echo in {percent(lost)} of the valid samples on {days_lost}: the mean is of a different area")
    if noisy.any():
        said.append(f"within {NOISE_MARGIN} dB of the noise floor on {listed(dates['time'][noisy])}")
    return [sentence for sentence in said if sentence]


def gain_in_words(calibration_db: float, change_reference: str | Mapping[str, str] | None) -> str:
    """What the errors of steps take the gain of dates to be: as the reference measures it, or as assumed, in dB."""
    if change_reference:
        by = change_reference if isinstance(change_reference, str) else change_reference["zone"]
        by = "the scene" if by == "scene" else by
        return f"Dates are corrected by {by}; the error of that is in the errors of the steps."
    return (
        f"Assumed, not known: the gain of dates differs by {calibration_db:g} dB, one standard deviation"
        " (calibration_db); errors and significance depend on it."
    )
