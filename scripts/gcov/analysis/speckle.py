"""Speckle: the equivalent number of looks (ENL) of a sample, and the correlation of neighbouring samples.

A sample with L looks is gamma distributed, with the backscatter as its mean and mean^2 / L as its variance (Conradsen
et al. 2016, TGRS 54(5)). Texture that does not change cancels in the log-ratio of two dates, so that var(ln I2 - ln I1)
= 2 psi1(L), where psi1 is the trigamma function. This variance is taken as the semivariance gamma at a lag of 3
samples, which trends and smooth changes hardly affect. Lower semivariances at lags of 1 and 2 are due to correlation:
rho(h) = 1 - gamma(h) / gamma(3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SIDES = (32, 16, 8)  # samples on a side of a block; smaller ones are used only where no larger one counts in full
BLOCKS = 400  # most blocks per date
PAIRS = 10_000  # most pairs of blocks: with more dates, fewer blocks are used
LAGS = (1, 2, 3)
MOST_LOOKS = 1000  # more looks mean that two dates are the same image
SHARED = 1.5  # times numberOfLooks; more looks mean that dates share speckle
DROP = 0.9  # if pairs two dates apart give less than this fraction of the looks, adjacent dates share speckle
FEW = 51_200  # samples in pairs of blocks (50 pairs of 32 x 32); an estimate from fewer is rough


@dataclass(frozen=True)
class Estimate:
    """The speckle estimate of one term and polarization code. `looks` is None if there is no estimate.

    `rho` are the correlations of neighbours along y and along x, at lags of 1 and 2 samples; empty if unknown.
    """

    looks: float | None
    method: str  # how the estimate was made, or why there is none
    rho: Sequence[Sequence[float]] = ((), ())
    pairs: int = 0  # pairs of dates
    blocks: int = 0  # pairs of blocks behind the median
    iqr: Sequence[float] | None = None  # quartiles of the looks from single pairs of blocks
    number_of_looks: float | None = None  # median of the product's layer numberOfLooks, if known


class Blocks:
    """Square blocks of samples, collected date by date: of 32 samples on a side, or fewer where none counts in full."""

    def __init__(self, shape: tuple[int, int], dates: int):
        self.lattices = [Lattice(shape, dates, side) for side in SIDES]

    def add(self, power: np.ndarray, use: np.ndarray, first_row: int, layer: np.ndarray | None = None) -> None:
        """Add rows (n, columns) of a date, in full width, starting at `first_row`, a multiple of 32.

        `power` is linear and counts where `use` is True. `layer` is numberOfLooks in these rows, if the stack has it.
        """
        for lattice in self.lattices:
            lattice.add(power, use, first_row, layer)

    def end_date(self) -> None:
        """Compare the date that was added with the two before it, in blocks of each size that may still be needed."""
        for number, lattice in enumerate(self.lattices):
            lattice.end_date()
            if lattice.holds_pairs:
                del self.lattices[number + 1 :]

    def estimate(self) -> Estimate:
        """The estimate from the largest blocks of which one counts in full on two dates."""
        return self.lattices[-1].estimate()


class Lattice:
    """Blocks of `side` x `side` samples on a regular lattice, and semivariances of their log-ratios.

    Memory does not grow with the number of dates: only the last two are kept, and more dates mean fewer blocks.
    """

    def __init__(self, shape: tuple[int, int], dates: int, side: int):
        rows, columns = (n // side for n in shape)
        most = min(BLOCKS, max(1, PAIRS // max(2 * dates, 1)))
        self.side = side
        self.step = next(step for step in range(1, max(shape) + 2) if -(-rows // step) * -(-columns // step) <= most)
        self._date: list[np.ndarray] = []
        self._last: list[np.ndarray] = []  # natural logarithms (blocks, side, side) of the last two dates, newer last
        self._found: tuple[list[np.ndarray], list[np.ndarray]] = [], []  # semivariances one and two dates apart
        self._averaged: list[np.ndarray] = []  # medians of numberOfLooks in blocks

    @property
    def holds_pairs(self) -> bool:
        """Whether any block counts in full on two dates that are compared."""
        return any(len(found) for several in self._found for found in several)

    def add(self, power: np.ndarray, use: np.ndarray, first_row: int, layer: np.ndarray | None) -> None:
        """Add rows of a date, as for `Blocks`."""
        side = self.side
        rows, columns = (n // side for n in power.shape)
        above = -(first_row // side) % self.step

        def lattice(samples: np.ndarray) -> np.ndarray:
            whole = samples[: rows * side, : columns * side].reshape(rows, side, columns, side)
            few = whole[above :: self.step, :, :: self.step].swapaxes(1, 2)
            return few.reshape(-1, side, side)

        blocks = lattice(power)
        full = lattice(use).all(axis=(1, 2)) & (blocks > 0).all(axis=(1, 2))
        logs = np.full(blocks.shape, np.nan, np.float32)
        logs[full] = np.log(blocks[full])
        self._date.append(logs)
        if layer is not None:
            self._averaged.append(np.median(lattice(layer)[full], axis=(1, 2)))

    def end_date(self) -> None:
        """Compare the date that was added with the two before it."""
        logs = np.concatenate(self._date)
        self._date.clear()
        for found, earlier in zip(self._found, reversed(self._last)):
            ratio = logs - earlier
            found.append(semivariances(ratio[np.isfinite(ratio[:, 0, 0])]))
        self._last = [*self._last[-1:], logs]

    def estimate(self) -> Estimate:
        """The looks of a sample and the correlation of neighbours: medians over blocks and pairs of dates.

        Estimates are typically 1.0 to 1.4 times the product's numberOfLooks. Above 1.5 times, dates share speckle and
        there is no estimate of the looks.
        """
        averaged = np.concatenate(self._averaged) if self._averaged else np.empty(0)
        layer = float(np.median(averaged)) if averaged.size else None
        found = [np.concatenate(several) if several else np.empty((0, 2, len(LAGS))) for several in self._found]
        looks = [float(of_variance(np.median(sill(one)))) if len(one) else np.inf for one in found]
        which = int(looks[1] < DROP * looks[0])
        best = found[which]
        facts: dict[str, Any] = {"number_of_looks": layer, "pairs": len(self._found[which]), "blocks": len(best)}
        block = f"{self.side} x {self.side}"
        if not self._found[0]:
            return Estimate(None, "one date alone: there is nothing to compare it with", **facts)
        if not len(best):
            return Estimate(None, f"no block of {block} samples counts in full on two neighbouring dates", **facts)
        if looks[which] > MOST_LOOKS:
            return Estimate(None, "the dates have one speckle: their ratios do not vary", **facts)
        facts["rho"] = correlations(best)  # known even where the looks are not
        if layer and looks[which] > SHARED * layer:
            many = f"{looks[which]:.3g} looks, of {layer:.3g} radar samples averaged"
            return Estimate(None, f"the dates share speckle: {many}", **facts)
        few = "" if best.shape[0] * self.side**2 >= FEW else " (few: rough)"
        method = (
            f"log-ratios of dates {which + 1} apart, semivariance at {LAGS[-1]} samples, median over blocks of {block}"
        )
        quartiles = np.quantile(of_variance(sill(best)), (0.25, 0.75)).tolist()
        return Estimate(looks[which], method + few, iqr=quartiles, **facts)


def correlations(found: np.ndarray) -> list[list[float]]:
    """The correlations of neighbours (axis, lag), as medians over blocks (blocks, axis, lag); empty if none varies."""
    varies = found[found[..., -1].min(axis=1) > 0]
    return np.median(1 - varies[..., :-1] / varies[..., -1:], axis=0).tolist() if len(varies) else [[], []]


def sill(found: np.ndarray) -> np.ndarray:
    """The variances (blocks,) of blocks: their semivariances at the largest lag, averaged over both axes."""
    return found[..., -1].mean(axis=1)


def semivariances(values: np.ndarray) -> np.ndarray:
    """Half the mean squared difference of samples 1, 2 and 3 apart: (blocks, axis, lag) from (blocks, ny, nx)."""
    found = np.empty((len(values), 2, len(LAGS)), np.float32)
    for number, lag in enumerate(LAGS):
        for axis, apart in enumerate((values[:, lag:] - values[:, :-lag], values[:, :, lag:] - values[:, :, :-lag])):
            found[:, axis, number] = np.einsum("bij,bij->b", apart, apart) / (2 * apart.shape[1] * apart.shape[2])
    return found


def of_variance(variance: np.ndarray | float) -> np.ndarray:
    """The looks L for which the log-ratio of two dates has this variance, 2 psi1(L); very large where it is 0."""
    half = np.maximum(np.asarray(variance, np.float64) / 2, 1e-12)
    looks = 1 / half + 0.5
    for _ in range(50):  # Newton's method in ln L, from above; converges in about five steps
        value, slope = polygammas(looks)
        step = (value - half) / (slope * looks)
        looks = looks * np.exp(np.clip(-step, -1, 1))
        if np.all(np.abs(step) < 1e-12):
            break
    return looks


def polygammas(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Trigamma and tetragamma functions of positive x, accurate to 1e-12: recurrence, then the asymptotic series.

    scipy is not used, because importing it takes as long as summarizing two dates.
    """
    z = np.asarray(x, np.float64)
    first, second = np.zeros_like(z), np.zeros_like(z)
    for _ in range(10):
        first, second, z = first + z**-2, second - 2 * z**-3, z + 1
    first += 1 / z + 1 / (2 * z**2) + 1 / (6 * z**3) - 1 / (30 * z**5) + 1 / (42 * z**7) - 1 / (30 * z**9)
    second += -1 / z**2 - 1 / z**3 - 1 / (2 * z**4) + 1 / (6 * z**6) - 1 / (6 * z**8) + 3 / (10 * z**10)
    return first, second


def n_effective(samples: tuple[int, int] | np.ndarray | float, rho: Sequence[Sequence[float]]) -> np.ndarray:
    """The number of independent samples in a mean over n samples (a number or an array), or over a window (ny, nx).

    n is divided, along each axis, by 1 + 2 sum rho(h), up to the first lag without positive correlation. In a window
    with m samples along an axis, rho(h) is weighted by (1 - h / m). The result is at least 1 if there is a sample.
    """
    sides = samples if isinstance(samples, tuple) else (np.inf, np.inf)
    n = np.prod(np.asarray(samples, np.float64)) if isinstance(samples, tuple) else np.asarray(samples, np.float64)
    shared = [_correlated_samples(correlations, side) for correlations, side in zip(rho, sides)]
    return np.maximum(n / np.prod(shared), np.minimum(n, 1))


def _correlated_samples(correlations: Sequence[float], side: float) -> float:
    """The number of samples, in a row of `side` samples, that count as one independent sample."""
    total = 1.0
    for lag, r in enumerate(correlations, start=1):
        if r <= 0 or lag >= side:
            break
        total += 2 * (1 - lag / side) * r
    return total


def standard_error(squares: np.ndarray, n: np.ndarray, looks: np.ndarray, effective: np.ndarray) -> np.ndarray:
    """The standard error of a mean of linear power due to speckle: sqrt(mean(I^2) / ((L + 1) n_effective)).

    `squares` is the sum of I^2 over n samples. Texture is excluded, because it is not an error of the mean.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(squares / n / ((looks + 1) * effective))
