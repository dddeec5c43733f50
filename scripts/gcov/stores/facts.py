"""What granules state of their processing and quality: as attribute of a fragment, and as coordinates of a stack.

Texts are the product's own, True or False for flags; a fact is an empty text or NaN where no granule states it. A
fragment keeps them in the attribute `facts` as JSON; one that was fetched before they were recorded lacks it.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import xarray as xr

from gcov.granules import LAYERS
from gcov.stores import store
from gcov.stores.store import Fragment
from gcov.words import listed, number_of

NOTE = "facts"
TEXTS = {  # in the order of the columns of dates.csv
    "product_doi": "DOI of the product",
    "software_version": "version of the software that processed the product",
    "joint_observation": "True if a part was acquired together with the S band",
    "diagnostic_mode": "0 for science, 1 or 2 for a diagnostic mode of the radar",
    "noise_correction_applied": "True if noise was subtracted",
    "rfi_mitigation_applied": "True if radio-frequency interference was filtered",
}
LIKELIHOOD = "rfi_likelihood_"  # followed by the polarization; between 0 and 1
INCIDENCE = "incidence_mean_deg"
NUMBERS = "rfi_likelihood"  # in the attribute, by polarization
IN_WORDS = "likelihood of radio-frequency interference, from 0 to 1"
ANGLE = "mean incidence angle over the AOI, in degrees from the normal to the ellipsoid"
STEPS = {  # facts that change levels: what is said of the dates on which they are true, and on which they are not
    "joint_observation": ("acquired together with the S band", "not acquired together with the S band"),
    "noise_correction_applied": ("noise subtracted", "noise not subtracted"),
    "rfi_mitigation_applied": ("radio-frequency interference filtered", "radio-frequency interference not filtered"),
}
DIAGNOSTIC_FRAMES = {(161, 174), (161, 175), (169, 90), (169, 91)}  # track and frame; said by the mission
DIAGNOSTIC_UNTIL = "2026-08"  # acquisitions of these frames are not usable before


def polarizations(terms: Sequence[str]) -> list[str]:
    """The polarizations of these terms, without repeats."""
    return list(dict.fromkeys(pol for term in terms if term not in LAYERS for pol in (term[:2], term[2:])))


def of_date(members: Sequence[Fragment], terms: Sequence[str] = ()) -> dict[str, str | float | None]:
    """The facts of a date by name, from its fragments, with the likelihoods of these terms' polarizations.

    Where granules of a pass differ, texts are joined by a space and numbers are averaged; None for an unknown number.
    """
    stated = [json.loads(one.attributes.get(NOTE, "{}")) for one in members]
    texts = {name: " ".join(dict.fromkeys(one[name] for one in stated if one.get(name))) for name in TEXTS}
    numbers = [one.get(NUMBERS, {}) for one in stated]
    likelihoods = {LIKELIHOOD + pol: mean_of(one.get(pol) for one in numbers) for pol in polarizations(terms)}
    return {**texts, **likelihoods, INCIDENCE: mean_of(one.get(INCIDENCE) for one in stated)}


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of the known values; None without one."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def coordinates(dates: Sequence[Sequence[Fragment]], terms: Sequence[str]) -> dict[str, Any]:
    """The facts of a stack's dates, from their fragments, as coordinates along time as xarray takes them."""
    found: dict[str, Any] = {}
    rows = [of_date(members, terms) for members in dates]
    for name in rows[0]:
        values = [row[name] for row in rows]
        array = np.array(values, np.dtypes.StringDType()) if name in TEXTS else np.array(values, float)
        found[name] = ("time", array, {"long_name": TEXTS.get(name, ANGLE if name == INCIDENCE else IN_WORDS)})
    return found


def view(dates: Sequence[Sequence[Fragment]]) -> dict[str, Any]:
    """The side to which the radar looked, empty if it is not known, and the mean incidence angle in degrees or None."""
    sides = {one.attributes.get("look_direction", "") for members in dates for one in members}
    angle = mean_of(of_date(members)[INCIDENCE] for members in dates)  # type: ignore[misc]
    return {"look": " and ".join(sorted(sides - {""})), "incidence_deg": angle}


def of_stack(data: xr.Dataset) -> dict[str, np.ndarray]:
    """The facts of a stack's dates, by name; not known in a stack of an earlier version."""
    terms = [name for name in store.variables_of(data) if name != "mask" and not name.endswith(store.VALID)]
    nothing = dict.fromkeys(TEXTS, "") | {LIKELIHOOD + pol: np.nan for pol in polarizations(terms)}
    nothing[INCIDENCE] = np.nan
    dates = data.sizes["time"]
    return {
        name: data[name].values if name in data.coords else np.full(dates, value, object)
        for name, value in nothing.items()
    }


def cautions(dates: Sequence[Sequence[Fragment]]) -> list[str]:
    """What dates differ in that changes levels, one sentence each, with the dates; empty if there is nothing to say.

    Dates that do not state a fact are not compared in it.
    """
    rows = [(datetime.fromisoformat(members[0].granule.start), of_date(members)) for members in dates]
    said = []
    for name, (where_true, where_false) in STEPS.items():
        true = [time for time, row in rows if "True" in str(row[name])]
        false = [time for time, row in rows if row[name] == "False"]
        if true and false:
            words, fewer, more = (where_true, true, false) if len(true) <= len(false) else (where_false, false, true)
            others = number_of(len(more), "other date")
            said.append(f"{words} on {named(fewer)}, unlike {others}: a step between them may not be change")
    if modes := [time for time, row in rows if {"1", "2"} & {*str(row["diagnostic_mode"]).split()}]:
        said.append(f"acquired in a diagnostic mode of the radar on {named(modes)}: levels may not be comparable")
    if unusable := [time for (time, _), members in zip(rows, dates) if any(map(_is_unusable, members))]:
        said.append(f"frames of diagnostic acquisitions, not usable before August 2026, on {named(unusable)}")
    return [*said, *_other_frequencies([time for time, _ in rows], dates)]


def _is_unusable(fragment: Fragment) -> bool:
    one = fragment.granule
    return (one.track, one.frame) in DIAGNOSTIC_FRAMES and one.start < DIAGNOSTIC_UNTIL


def _other_frequencies(times: Sequence[datetime], dates: Sequence[Sequence[Fragment]]) -> list[str]:
    """The sentence for dates whose band has another centre frequency than most, in a list; empty if there are none."""
    found: dict[float, list[datetime]] = {}
    for time, members in zip(times, dates):
        for hertz in dict.fromkeys(one.attributes.get("center_frequency") for one in members):
            if hertz:
                found.setdefault(hertz, []).append(time)
    if len(found) < 2:
        return []
    usual = max(found, key=lambda hertz: len(found[hertz]))
    others = (f"{hertz / 1e6:g} MHz on {named(some)}" for hertz, some in found.items() if hertz != usual)
    return [f"centre frequency {', '.join(others)}, {usual / 1e6:g} MHz on the others: a step may not be change"]


def named(times: Sequence[datetime]) -> str:
    """The days of up to twelve dates."""
    return listed(times, most=12)
