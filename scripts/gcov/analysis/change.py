"""Did it change, where and when, and could it be speckle? Tests with a false-alarm rate, on blocks of images.

Power is linear gamma0, NaN where no sample counts. Without change the samples of a pixel are Gamma distributed with one
mean and `looks`, the equivalent number of looks of each date's image, as shape; each test says how probable it is that
speckle alone makes a difference as large as the one seen. Each pixel is judged on its own valid dates.

Two periods: the ratio of their means follows an F distribution exactly. All dates: the sequential omnibus test of
Conradsen, Nielsen and Skriver, "Determining the points of change in time series of polarimetric SAR data", IEEE TGRS
54(5), 2016, doi 10.1109/TGRS.2015.2510160, for the diagonal terms, with looks that may differ from date to date.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, fdtr, fdtrc

NO_DATA = -128  # of int8 maps
NO_COUNT = 255  # of n_changes
NEVER = -1  # instead of the index of a date
ROWS = 128  # taken at once of a change between two periods
TILE = 4096  # pixels taken at once: what is computed of them stays in the processor's cache


# ---- two periods


@dataclass(frozen=True)
class Period:
    """A pixel's mean over a period: all arrays (y, x).

    `mean` is linear power, NaN where no date is valid; `looks` the sum over the valid dates, `dates` their number.
    """

    mean: np.ndarray
    looks: np.ndarray
    dates: np.ndarray


def period(power: np.ndarray, looks: np.ndarray) -> Period:
    """The mean of power (time, y, x) weighted by the looks (time,) of its dates: that of least variance."""
    valid = np.isfinite(power)
    # not by BLAS, whose threads take a second core and wait for each other
    total = np.einsum("t,tyx->yx", looks, np.where(valid, power, power.dtype.type(0)))
    weight = np.einsum("t,tyx->yx", looks, valid)
    mean = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)
    return Period(mean, weight, valid.sum(axis=0))


def ratio_test(before: Period, after: Period) -> tuple[np.ndarray, np.ndarray]:
    """The change from one period to another in dB, and the probability that speckle alone makes one as large.

    Both (y, x), NaN where a period has no valid date or a mean that is not positive. Without change the ratio of the
    means is distributed as F(2 L_after, 2 L_before), not symmetric where the looks differ, and p = 2 min(P, 1 - P).
    """
    tested = (before.mean > 0) & (after.mean > 0)
    log_ratio, p = np.full((2, *tested.shape), np.nan)
    ratio = after.mean[tested] / before.mean[tested]
    freedom = 2 * after.looks[tested], 2 * before.looks[tested]
    tail = np.where(ratio > 1, fdtrc(*freedom, ratio), fdtr(*freedom, ratio))  # the small one, with all its digits
    log_ratio[tested] = 10 * np.log10(ratio)
    p[tested] = 2 * np.minimum(tail, 1 - tail)
    return log_ratio, p


def direction(log_ratio: np.ndarray, p: np.ndarray, significance: float) -> np.ndarray:
    """1 where backscatter rose, -1 where it fell, 0 where speckle may be all; int8, NO_DATA where there is no test."""
    change = np.where(p < significance, np.sign(np.nan_to_num(log_ratio)), 0)
    return np.where(np.isfinite(p), change, NO_DATA).astype(np.int8)


def significant_after_bh(p: np.ndarray, tested: int, significance: float) -> int:
    """How many of `tested` pixels are significant by the procedure of Benjamini and Hochberg (1995).

    Of those at most the share `significance` is expected to be false. `p` (n,) holds at least every probability below
    `significance`: greater ones are never significant.
    """
    ranks = np.flatnonzero(np.sort(p) * tested <= significance * np.arange(1, p.size + 1))
    return int(ranks[-1]) + 1 if ranks.size else 0


@dataclass(frozen=True)
class Change:
    """The change from one period to another; arrays (y, x)."""

    log_ratio_db: np.ndarray  # float32; NaN where there is no test
    p_value: np.ndarray  # float32
    change: np.ndarray  # int8: 1 rose, -1 fell, 0 not significant, NO_DATA where there is no test
    n_before: np.ndarray  # uint16: valid dates
    n_after: np.ndarray


def change_between(power: np.ndarray, looks: np.ndarray, before: int, significance: float) -> Change:
    """The change from the first `before` dates of a block to the others: power (time, y, x), looks (time,)."""
    shape = power.shape[1:]
    floats, numbers = np.empty((2, *shape), np.float32), np.empty((2, *shape), np.uint16)
    maps = Change(floats[0], floats[1], np.empty(shape, np.int8), numbers[0], numbers[1])
    for row in range(0, shape[0], ROWS):
        rows = slice(row, row + ROWS)
        one, other = (period(power[part, rows], looks[part]) for part in (slice(before), slice(before, None)))
        log_ratio, p = ratio_test(one, other)
        found = log_ratio, p, direction(log_ratio, p, significance), one.dates, other.dates
        for whole, part in zip(vars(maps).values(), found):
            whole[rows] = part
    return maps


# ---- all dates


@dataclass(frozen=True)
class History:
    """When pixels changed, by the sequential omnibus test of all terms together; arrays (y, x) but for `direction`.

    Dates are indices, NEVER where nothing changed: a change belongs to the interval that ends with its date, the first
    valid one after it. `direction` says for each term and interval how the mean of the dates up to the change before or
    after differs: 1 rose, -1 fell, 0 no change; NO_DATA where pixel or term have no test, or one of the sides no date.
    """

    p_value: np.ndarray  # that nothing changed over all dates; NaN where no term has two valid dates
    n_changes: np.ndarray  # uint8, NO_COUNT where there is no test
    first: np.ndarray  # int16
    last: np.ndarray  # int16
    largest: np.ndarray  # int16: by -2 ln R
    direction: np.ndarray  # (term, interval, y, x) int8

    @classmethod
    def empty(cls, terms: int, dates: int, shape: tuple[int, ...]) -> "History":
        """Nothing tested."""
        first, last, largest = np.full((3, *shape), NEVER, np.int16)
        signs = np.full((terms, max(dates - 1, 0), *shape), NO_DATA, np.int8)
        return cls(np.full(shape, np.nan, np.float32), np.full(shape, NO_COUNT, np.uint8), first, last, largest, signs)

    def reshape(self, *shape: int) -> "History":
        """A history of pixels in a row, as an image."""
        return History(*(values.reshape(*values.shape[:-1], *shape) for values in vars(self).values()))


def change_history(power: Mapping[str, np.ndarray], looks: Mapping[str, np.ndarray], significance: float) -> History:
    """The history of blocks of power (time, y, x) by term, with the looks (time,) of each; NaN on dates without it.

    The dates are tested as a whole; where that is significant, the first date that differs from the mean of those
    before it is a change, and the test begins again there. Samples that are not positive have no logarithm and are left
    out. The share of unchanged pixels that get a change is at most `significance`.
    """
    flat = [values.reshape(len(values), -1) for values in power.values()]
    weights = np.nan_to_num([looks[term] for term in power], nan=1.0)  # of dates without a sample
    dates, pixels = flat[0].shape
    limits = np.append(np.inf, chdtri(np.arange(1, weights.size + 1), significance))  # by degrees of freedom
    history = History.empty(len(flat), dates, (pixels,))
    changed = []
    for start in range(0, pixels, TILE):
        part = slice(start, min(start + TILE, pixels))
        changed.append(start + _test(history, part, _Samples.of(flat, weights, part), limits))
    found = np.concatenate(changed)
    for start in range(0, found.size, TILE):
        few = found[start : start + TILE]
        _find(history, few, _Samples.of(flat, weights, few), limits)
    return history.reshape(*next(iter(power.values())).shape[1:])


@dataclass(frozen=True)
class _Samples:
    """All dates of some pixels: arrays (term, time, n), looks (term, time)."""

    looks: np.ndarray
    valid: np.ndarray  # bool
    power: np.ndarray  # over the pixel's mean, on which no test depends: numbers near 1 lose no digits; 0 if not valid
    log: np.ndarray  # its natural logarithm; 0 if not valid

    @classmethod
    def of(cls, flat: list[np.ndarray], looks: np.ndarray, pixels: slice | np.ndarray) -> "_Samples":
        """Those of some pixels of each term's linear power (time, n)."""
        power = np.stack([values[:, pixels] for values in flat])
        valid = power > 0
        power = np.where(valid, power, power.dtype.type(0))
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.einsum("tk,tkn->tn", looks, valid) / np.einsum("tk,tkn->tn", looks, power)
        power *= scale[:, None]
        return cls(looks, valid, power, np.log(np.where(valid, power, power.dtype.type(1))))

    def only(self, pixels: np.ndarray) -> "_Samples":
        """Those of some pixels."""
        return _Samples(self.looks, *(values[..., pixels] for values in (self.valid, self.power, self.log)))

    def sums(self) -> np.ndarray:
        """Sums over all dates of their number, looks L, 1 / L, L I and L ln I: (5, term, n)."""
        weights = np.stack([np.ones_like(self.looks), self.looks, 1 / self.looks])
        weighted = [np.einsum("tk,tkn->tn", self.looks, values)[None] for values in (self.power, self.log)]
        return np.concatenate([np.einsum("wtk,tkn->wtn", weights, self.valid), *weighted])

    def on(self, date: int) -> np.ndarray:
        """What a date adds to the sums."""
        looks, added = self.looks[:, date, None], np.empty((5, self.power.shape[0], self.power.shape[2]))
        added[0] = self.valid[:, date]
        np.multiply(looks, added[0], out=added[1])
        np.divide(added[0], looks, out=added[2])
        np.multiply(looks, self.power[:, date], out=added[3])
        np.multiply(looks, self.log[:, date], out=added[4])
        return added


def omnibus(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The statistic rho (-2 ln Q) of all terms (n,) and its degrees of freedom (n,), 0 where there is no test.

    From the sums (5, term, n) over the dates of their number, looks L, 1 / L, L I and L ln I:
    -2 ln Q = 2 (sum L ln(sum L I / sum L) - sum L ln I), with (number - 1) degrees, and
    rho = 1 - (sum 1/L - 1 / sum L) / (6 degrees). Both are added up over the terms.
    """
    number, looks, inverse, power, log = sums
    freedom = np.maximum(number - 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (inverse - 1 / looks) / (6 * freedom)
        statistic = 2 * rho * (looks * np.log(power / looks) - log)
    return np.where(freedom > 0, statistic, 0).sum(axis=0), freedom.sum(axis=0).astype(int)


@dataclass
class Segment:
    """The dates since the last change of each pixel: what the factor R of the next date is computed from.

    All arrays (term, n): sums of looks and of looks times power, and two functions of them that the next date needs.
    """

    looks: np.ndarray
    power: np.ndarray
    inverse: np.ndarray
    entropy: np.ndarray

    def only(self, pixels: np.ndarray) -> "Segment":
        """Those of some pixels."""
        return Segment(*(values[:, pixels] for values in vars(self).values()))

    def add(self, added: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Add a date, the sums (5, term, n) of it alone; rho (-2 ln R) of all terms (n,) and its degrees of freedom.

        -2 ln R is -2 ln Q of the segment with the date less that without it. A term takes part, with one degree, where
        it has samples on the date and before it; rho = 1 - (1 / sum L before + 1 / L - 1 / sum L with it) / 6.
        """
        tested = (added[0] > 0) & (self.looks > 0)
        self.looks = self.looks + added[1]
        self.power += added[3]
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / self.looks
            entropy = self.looks * np.log(self.power * inverse)
            rho = 1 - (self.inverse - inverse + added[2]) / 6
            statistic = 2 * rho * (entropy - self.entropy - added[4])
        self.inverse, self.entropy = inverse, entropy
        return np.where(tested, statistic, 0).sum(axis=0), tested.sum(axis=0)

    def restart(self, pixels: np.ndarray, added: np.ndarray) -> None:
        """Begin anew with one date of some pixels, the sums (5, term, pixels) of it."""
        self.looks[:, pixels], self.power[:, pixels] = added[1], added[3]
        self.entropy[:, pixels] = added[4]
        with np.errstate(divide="ignore"):
            self.inverse[:, pixels] = 1 / added[1]


def _test(history: History, pixels: slice, samples: _Samples, limits: np.ndarray) -> np.ndarray:
    """Test pixels for any change and note the probability; returns which of them changed."""
    statistic, freedom = omnibus(samples.sums())
    tested = freedom > 0
    history.p_value[pixels][tested] = chdtrc(freedom[tested], statistic[tested])
    history.n_changes[pixels][tested] = 0
    for signs, number in zip(history.direction, np.count_nonzero(samples.valid, axis=1)):
        signs[:, pixels] = np.where(number > 1, 0, NO_DATA)
    return np.flatnonzero(statistic > limits[freedom])


def _find(history: History, pixels: np.ndarray, samples: _Samples, limits: np.ndarray) -> None:
    """Find the changes of `pixels` (n,), which changed as a whole, date by date."""
    rest = samples.sums()  # of this date and those after it
    segment, before = Segment(*np.zeros((4, *rest.shape[1:]))), np.full(rest.shape[1:], np.nan)
    interval, largest, going = np.full(pixels.size, NEVER), np.zeros(pixels.size), np.ones(pixels.size, bool)
    for date in range(samples.looks.shape[1]):
        added = samples.on(date)
        statistic, freedom = segment.add(added)
        found = np.flatnonzero(going & (statistic > limits[freedom]))
        if found.size:
            new = added[:, :, found]
            ended = _mean(segment.power[:, found] - new[3], segment.looks[:, found] - new[1])
            _settle(history, pixels[found], interval[found], before[:, found], ended)
            segment.restart(found, new)
            before[:, found], interval[found] = ended, date - 1
            _count(history, pixels[found], date, statistic[found] > largest[found])
            largest[found] = np.maximum(largest[found], statistic[found])
            left, freedom = omnibus(rest[:, :, found])
            done = found[left <= limits[freedom]]
            number, looks, _, power, _ = rest[:, :, done]
            after = np.where(number > 0, _mean(power, looks), np.nan)  # looks may leave a rest of rounding
            _settle(history, pixels[done], interval[done], before[:, done], after)
            going[done] = False
        rest -= added
        if 2 * np.count_nonzero(going) < going.size:  # the others are finished
            keep = np.flatnonzero(going)
            samples, segment = samples.only(keep), segment.only(keep)
            state = pixels, rest, before, interval, largest, going
            pixels, rest, before, interval, largest, going = (values[..., keep] for values in state)
    after = _mean(segment.power, segment.looks)
    _settle(history, pixels[going], interval[going], before[:, going], after[:, going])


def _mean(power: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """The mean from sums of looks times power and of looks; NaN without a date."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return power / looks


def _count(history: History, pixels: np.ndarray, date: int, is_largest: np.ndarray) -> None:
    """Note a change on a date."""
    history.n_changes[pixels] += 1
    history.first[pixels] = np.where(history.first[pixels] == NEVER, date, history.first[pixels])
    history.last[pixels] = date
    history.largest[pixels[is_largest]] = date


def _settle(history: History, pixels: np.ndarray, interval: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Note the direction of changes, where there was one, by the means (term, n) on both sides; NaN without a date."""
    changed = interval != NEVER
    difference = (after - before)[:, changed]
    signs = np.where(np.isfinite(difference), np.sign(difference), NO_DATA)
    history.direction[:, interval[changed], pixels[changed]] = signs
