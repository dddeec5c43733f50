"""Speckle: the equivalent number of looks (ENL) of a sample, and the correlation of neighbouring samples.

A sample with L looks is gamma distributed, with the backscatter as its mean and mean^2 / L as its variance (Conradsen
et al. 2016, TGRS 54(5)). Texture that does not change cancels in the log-ratio of two dates, so that var(ln I2 - ln I1)
= 2 psi1(L), where psi1 is the trigamma function. This variance is taken as the semivariance gamma at a lag of 3
samples, which trends and smooth changes hardly affect. Lower semivariances at lags of 1 and 2 are due to correlation:
rho(h) = 1 - gamma(h) / gamma(3). Dates that share speckle have a lower variance; see `shared`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcov.analysis.shared import LAGS, REPEAT, lag_of, shared_speckle

SIDES = (32, 16, 8)  # samples on a side of a block; smaller ones are used only where no larger one counts in full
BLOCKS = 400  # most blocks per date
PAIRS = 10_000  # most pairs of blocks: with more dates, fewer blocks are used
OFFSETS = (1, 2, 3)  # samples between neighbours
MOST_LOOKS = 1000  # more looks mean that two dates are the same image
SHARED = 1.5  # times numberOfLooks; more looks mean that dates share speckle
FEW = 51_200  # samples in pairs of blocks (50 pairs of 32 x 32); an estimate from fewer is rough


@dataclass(frozen=True)
class Estimate:
    """The speckle estimate of one term and polarization code. `looks` is None if there is no estimate.

    `rho` are the correlations of neighbours along y and along x, at offsets of 1 and 2 samples; empty if unknown.
    `shared` are the correlations of dates 1, 2, ... repeats apart; `coherence` is None if no two dates are 1 apart.
    """

    looks: float | None
    method: str  # how the estimate was made, or why there is none
    rho: Sequence[Sequence[float]] = ((), ())
    shared: Sequence[float] = ()
    coherence: float | None = None
    pairs: int = 0  # pairs of dates
    blocks: int = 0  # pairs of blocks behind the median
    iqr: Sequence[float] | None = None  # quartiles of the looks from single pairs of blocks
    number_of_looks: float | None = None  # median of the product's layer numberOfLooks, if known


class Blocks:
    """Square blocks of samples, collected date by date: of 32 samples on a side, or fewer where none counts in full."""

    def __init__(self, shape: tuple[int, int], dates: int):
        self.sizes = [OneSize(shape, dates, side) for side in SIDES]

    def add(self, power: np.ndarray, first_row: int, layer: np.ndarray | None = None) -> None:
        """Add rows (n, columns) of a date, in full width, starting at `first_row`, a multiple of 32.

        `power` is linear, NaN where a sample does not count. `layer` is numberOfLooks in these rows, if the stack has
        it.
        """
        for one in self.sizes:
            one.add(power, first_row, layer)

    def end_date(self, day: float) -> None:
        """Compare the date that was added, on a `day` since any, with those before it.

        Blocks of sizes that are no longer needed are dropped.
        """
        for number, one in enumerate(self.sizes):
            one.end_date(day)
            if one.holds_pairs:
                del self.sizes[number + 1 :]

    def measured(self) -> dict[str, Any]:
        """What the largest blocks of which one counts in full on two dates have shown; see `OneSize.measured`."""
        return self.sizes[-1].measured()


class OneSize:
    """Blocks of `side` x `side` samples at regular distances, and semivariances of their log-ratios.

    Memory does not grow with the number of dates: only dates up to the largest lag are kept, and more dates mean fewer
    blocks.
    """

    def __init__(self, shape: tuple[int, int], dates: int, side: int):
        rows, columns = (n // side for n in shape)
        most = min(BLOCKS, max(1, PAIRS // max(2 * dates, 1)))
        self.side, self.dates = side, 0
        self.step = next(step for step in range(1, max(shape) + 2) if -(-rows // step) * -(-columns // step) <= most)
        self._date: list[np.ndarray] = []
        self._earlier: list[tuple[float, np.ndarray]] = []  # days and natural logarithms (blocks, side, side) of dates
        self._found: dict[int, list[np.ndarray]] = {}  # semivariances of pairs of dates, by lag
        self._averaged: list[np.ndarray] = []  # medians of numberOfLooks in blocks

    @property
    def holds_pairs(self) -> bool:
        """Whether any block counts in full on two dates that are compared."""
        return bool(self._found)

    def add(self, power: np.ndarray, first_row: int, layer: np.ndarray | None) -> None:
        """Add rows of a date, as for `Blocks`."""
        side = self.side
        rows, columns = (n // side for n in power.shape)
        above = -(first_row // side) % self.step

        def blocks_of(samples: np.ndarray) -> np.ndarray:
            whole = samples[: rows * side, : columns * side].reshape(rows, side, columns, side)
            few = whole[above :: self.step, :, :: self.step].swapaxes(1, 2)
            return few.reshape(-1, side, side)

        blocks = blocks_of(power)
        full = (blocks > 0).all(axis=(1, 2))
        logs = np.full(blocks.shape, np.nan, np.float32)
        logs[full] = np.log(blocks[full])
        self._date.append(logs)
        if layer is not None:
            self._averaged.append(np.median(blocks_of(layer)[full].reshape(-1, side**2), axis=1))

    def end_date(self, day: float) -> None:
        """Compare the date that was added with those that are one of LAGS before it."""
        logs = np.concatenate(self._date)
        self._date.clear()
        self.dates += 1
        self._earlier = [one for one in self._earlier if lag_of(day - one[0]) <= LAGS[-1]][-LAGS[-1] :]
        for day_before, earlier in self._earlier:
            if (lag := int(lag_of(day - day_before))) in LAGS:
                ratio = logs - earlier
                if len(both := ratio[np.isfinite(ratio[:, 0, 0])]):
                    self._found.setdefault(lag, []).append(semivariances(both))
        self._earlier.append((day, logs))

    def measured(self) -> dict[str, Any]:
        """What `estimated` needs, as in speckle.json.

        side, dates, number_of_looks, and by lag (repeats between dates): pairs (of dates), blocks, half_variance (of
        log-ratios, median over blocks and pairs), quartiles (of the same), rho.
        """
        averaged = np.concatenate(self._averaged) if self._averaged else np.empty(0)
        lags = {}  # the variance of a block is the mean over both axes of its semivariances at the largest offset
        for lag, several in sorted(self._found.items()):
            found = np.concatenate(several)
            low, half, high = np.quantile(found[..., -1].mean(axis=1) / 2, (0.25, 0.5, 0.75)).tolist()
            facts = {"pairs": len(several), "blocks": len(found), "half_variance": half, "quartiles": [low, high]}
            lags[lag] = {**facts, "rho": correlations(found)}
        layer = float(np.median(averaged)) if averaged.size else None
        return {"side": self.side, "dates": self.dates, "number_of_looks": layer, "lags": lags}


def estimated(measured: Mapping[str, Any]) -> Estimate:
    """The looks of a sample, the correlation of neighbours and that of dates, from `Blocks.measured`.

    Estimates are typically 1.0 to 1.4 times the product's numberOfLooks. Above 1.5 times, dates share speckle and there
    is no estimate of the looks.
    """
    layer, block = measured["number_of_looks"], f"{measured['side']} x {measured['side']}"
    lags = {int(lag): found for lag, found in measured["lags"].items()}
    facts: dict[str, Any] = {"number_of_looks": layer}
    if measured["dates"] < 2:
        return Estimate(None, "one date alone: there is nothing to compare it with", **facts)
    if not lags:
        return Estimate(None, f"no block of {block} samples counts in full on two neighbouring dates", **facts)
    shared = shared_speckle({lag: found["half_variance"] for lag, found in lags.items()})
    used = [lags[lag] for lag in shared.lags]
    facts |= {name: sum(found[name] for found in used) for name in ("pairs", "blocks")}
    looks = float(of_variance(2 * shared.half_variance))
    if looks > MOST_LOOKS:
        return Estimate(None, "the dates have one speckle: their ratios do not vary", **facts)
    coherence = (float(np.sqrt(shared.rho[0])) if shared.rho else 0.0) if 1 in lags else None
    # known even where the looks are not; neighbours are correlated alike at every lag, and the first one has most pairs
    facts |= {"rho": lags[min(lags)]["rho"], "shared": shared.rho, "coherence": coherence}
    if layer and looks > SHARED * layer:
        many = f"{looks:.3g} looks, of {layer:.3g} radar samples averaged"
        return Estimate(None, f"the dates share speckle: {many}", **facts)
    few = "" if facts["blocks"] * measured["side"] ** 2 >= FEW else " (few: rough)"
    apart = " and ".join(str(REPEAT * lag) for lag in shared.lags)
    method = f"log-ratios of dates about {apart} days apart, semivariance at {OFFSETS[-1]} samples,"
    quartiles = of_variance(2 * np.array(used[0]["quartiles"][::-1])).tolist()
    return Estimate(looks, f"{method} median over blocks of {block}{few}", iqr=quartiles, **facts)


def correlations(found: np.ndarray) -> list[list[float]]:
    """The correlations of neighbours (axis, offset), as medians over blocks (blocks, axis, offset).

    Empty if no block varies.
    """
    varies = found[found[..., -1].min(axis=1) > 0]
    return np.median(1 - varies[..., :-1] / varies[..., -1:], axis=0).tolist() if len(varies) else [[], []]


def semivariances(values: np.ndarray) -> np.ndarray:
    """Half the mean squared difference of samples 1, 2 and 3 apart: (blocks, axis, offset) from (blocks, ny, nx)."""
    found = np.empty((len(values), 2, len(OFFSETS)), np.float32)
    for number, by in enumerate(OFFSETS):
        for axis, apart in enumerate((values[:, by:] - values[:, :-by], values[:, :, by:] - values[:, :, :-by])):
            found[:, axis, number] = np.einsum("bij,bij->b", apart, apart) / (2 * apart.shape[1] * apart.shape[2])
    return found


def of_variance(variance: np.ndarray | float) -> np.ndarray:
    """The looks L for which the log-ratio of two dates has this variance, 2 psi1(L); very large where it is 0."""
    from scipy.special import polygamma  # 0.1 s, for estimates alone

    half = np.maximum(np.asarray(variance, np.float64) / 2, 1e-12)
    looks = 1 / half + 0.5
    for _ in range(50):  # Newton's method in ln L, from above; converges in about five steps
        step = (polygamma(1, looks) - half) / (polygamma(2, looks) * looks)
        looks = looks * np.exp(np.clip(-step, -1, 1))
        if np.all(np.abs(step) < 1e-12):
            break
    return looks


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
