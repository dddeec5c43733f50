"""What is taken to have stayed the same: the gain of each date, as the median of a reference area shows it."""

from typing import NamedTuple

import numpy as np

DB = 10 / np.log(10)
MOST_CELLS = 20_000  # on a regular lattice
FEWEST_CELLS, FEW_CELLS = 100, 400  # fewer are refused; fewer make more false alarms: said


class Gain(NamedTuple):
    """The gain of each date (dates,) relative to the mean of all, and its standard error, in dB."""

    db: np.ndarray
    se_db: np.ndarray


def gain(power: np.ndarray, looks: np.ndarray) -> Gain:
    """The gain from the cells of a reference: linear power (dates, cells), all valid; looks (dates,) of a cell.

    It is the median over the cells of ln I less its mean over the dates. The error of a median of n values is that of
    their mean times sqrt(pi / 2).
    """
    logs = np.log(power)
    medians = np.median(logs - logs.mean(axis=0), axis=1)
    return Gain(DB * medians, DB * np.sqrt(np.pi / 2 / (power.shape[1] * looks)))
