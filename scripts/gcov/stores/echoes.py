"""Lost echoes: samples that the mask calls valid, although the radar received nothing there.

Where echoes are missing in the raw data, granules hold samples near 0 with a mask of 1 (isce3, issue 342). Unless noise
was subtracted, a sample contains it, and so cannot lie far below the noise floor, however dark the ground is. Of noise
alone, a sample of L looks is below a hundredth of its mean with the probability P(L, L / 100), the regularized lower
incomplete gamma function: 1e-2 for 1 look, 2e-4 for 2, 1e-7 for 4, 1e-15 for 9. Backscatter only makes that less.

A stack keeps what tells the lost echoes of each date: in attributes its noise floor and its mean number of looks, in a
coordinate (`gcov.stores.facts`) whether noise was subtracted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gcov.granules import is_diagonal
from gcov.stores import facts, noise

OF_NOISE = 0.01  # of the noise floor; lower samples have no echo
FEWEST_LOOKS = 4  # with fewer, true samples are that low, too
CORRECTED = "noise was subtracted from the samples"
Looks = float | Mapping[str, float] | None  # the setting `looks`


@dataclass(frozen=True)
class Limits:
    """What tells the lost echoes of a term on each date: arrays (dates,)."""

    below: np.ndarray  # linear power; a lower sample has no echo. NaN where there is no such limit
    zeros: np.ndarray  # whether a sample of exactly 0 has no echo
    why: Sequence[str]  # why there is no limit; empty where there is one

    def __getitem__(self, dates: slice) -> "Limits":
        """The limits of some dates."""
        return Limits(self.below[dates], self.zeros[dates], self.why[dates])

    def lost(self, power: np.ndarray) -> np.ndarray:
        """True (time, y, x) where a sample of linear power (time, y, x) has no echo; False where it is NaN."""
        found = np.zeros(power.shape, bool)
        for image, samples, below, zeros in zip(found, power, self.below, self.zeros):
            if below > 0:
                np.less(samples, below, out=image)
            elif zeros:
                np.equal(samples, 0, out=image)
        return found


def limits(data: xr.Dataset, term: str, looks: Looks = None) -> Limits:
    """The limits of a stack's term; `looks`, the setting, is used where granules do not state their number of looks.

    Without the facts that a limit needs, only samples of exactly 0 have no echo. Where noise was subtracted, none has:
    there, 0 is a dark sample whose power was clipped.
    """
    stated = facts.of_stack(data)
    corrected = [str(text).split() for text in stated["noise_correction_applied"]]
    earlier = np.logical_and.reduce([np.asarray(stated[name]) == "" for name in facts.TEXTS])
    floor, without = noise.of_dates(data, term), noise.missing(data, term)
    means = json.loads(data.attrs.get("mean_number_of_looks", "[]")) or [None] * data.sizes["time"]  # as granules state
    numbers = [given if own is None else own for own, given in zip(means, _given_looks(data, looks))]
    why = [_why(term, *of_date) for of_date in zip(corrected, earlier, floor, without, numbers)]
    below = np.where([not reason for reason in why], OF_NOISE * floor, np.nan)
    return Limits(below, np.array(["True" not in texts for texts in corrected], bool), why)


def _why(term: str, corrected: Sequence[str], earlier: bool, floor: float, without: str, looks: float | None) -> str:
    """Why a date has no limit below which samples have no echo; empty if it has one.

    `corrected` is True or False as text, if the granules state it; `earlier` says that no fragment holds facts.
    """
    if "True" in corrected:
        return CORRECTED
    if not is_diagonal(term):
        return "off-diagonal terms have no noise floor"
    if earlier:
        return "an earlier version read the granule"
    if np.isnan(floor):
        return f"no noise floor ({without})"
    if looks is None:
        return "the number of looks is unknown"
    return f"{looks:.2g} looks are too few" if looks < FEWEST_LOOKS else ""


def _given_looks(data: xr.Dataset, looks: Looks) -> list[float | None]:
    """The setting `looks` for each date."""
    if isinstance(looks, Mapping):
        return [looks.get(code) for code in map(str, data["polarizations"].values)]
    return [looks] * data.sizes["time"]


def gathered(fragments: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """The JSON attributes of a stack that tell lost echoes, from the attributes of each date's fragments."""
    looks = [facts.mean_of(one.get("mean_number_of_looks") or None for one in members) for members in fragments]
    return {**noise.gathered(fragments), "mean_number_of_looks": json.dumps(looks)}
