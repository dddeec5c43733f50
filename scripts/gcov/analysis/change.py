"""Change detection with a known false-alarm rate, on blocks of images.

Power is linear gamma0, NaN where no sample counts. Without change, the samples of a pixel are gamma distributed with
one mean; the shape parameter is `looks`, the equivalent number of looks of each date's image. A p-value is the
probability that speckle alone makes a difference at least as large as the observed one. Each pixel is tested on its own
valid dates: those on which its power has a logarithm.

Two periods: the ratio of their means follows an F distribution exactly. All dates: the sequential omnibus test of
Conradsen, Nielsen and Skriver, "Determining the points of change in time series of polarimetric SAR data", IEEE TGRS
54(5), 2016, doi 10.1109/TGRS.2015.2510160, applied to the diagonal terms, with looks that may differ between dates.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, fdtr, fdtrc

NO_DATA = -128  # no data in int8 maps
NO_COUNT = 255  # no data in n_changes
NEVER = -1  # in place of a date index
ROWS = 128  # rows processed at once in a change between two periods
TILE = 8192  # pixels processed at once, so that intermediate arrays stay in the processor's cache


def testable(power: np.ndarray) -> np.ndarray:
    """True where power has a logarithm, and so counts in the tests; not where it is NaN, 0 or below."""
    return power > 0


# ---- two periods


@dataclass(frozen=True)
class Period:
    """The mean of each pixel over a period; all arrays (y, x).

    `mean` is linear power, NaN where no date is valid. `looks` is the sum of looks over the valid dates, and `dates`
    is their number.
    """

    mean: np.ndarray
    looks: np.ndarray
    dates: np.ndarray


def period(power: np.ndarray, looks: np.ndarray) -> Period:
    """The mean of linear power (time, y, x), weighted by the looks (time,) of the dates for least variance."""
    valid = testable(power)
    # einsum, because BLAS threads would occupy a second core and wait for each other
    total = np.einsum("t,tyx->yx", looks, np.where(valid, power, power.dtype.type(0)))
    weight = np.einsum("t,tyx->yx", looks, valid)
    mean = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)
    return Period(mean, weight, valid.sum(axis=0))


def ratio_test(before: Period, after: Period) -> tuple[np.ndarray, np.ndarray]:
    """The change between two periods in dB, and the probability that speckle alone makes one at least as large.

    Both are (y, x), NaN where a period has no valid date. Without change, the ratio of the means is distributed as
    F(2 L_after, 2 L_before), which is asymmetric if the looks differ; p = 2 min(P, 1 - P).
    """
    tested = (before.mean > 0) & (after.mean > 0)
    log_ratio, p = np.full((2, *tested.shape), np.nan)
    ratio = after.mean[tested] / before.mean[tested]
    freedom = 2 * after.looks[tested], 2 * before.looks[tested]
    tail = np.where(ratio > 1, fdtrc(*freedom, ratio), fdtr(*freedom, ratio))  # the smaller tail, at full precision
    log_ratio[tested] = 10 * np.log10(ratio)
    p[tested] = 2 * np.minimum(tail, 1 - tail)
    return log_ratio, p


def direction(log_ratio: np.ndarray, p: np.ndarray, significance: float) -> np.ndarray:
    """1 where backscatter rose, -1 where it fell, 0 where not significant; int8, NO_DATA where not tested."""
    change = np.where(p < significance, np.sign(np.nan_to_num(log_ratio)), 0)
    return np.where(np.isfinite(p), change, NO_DATA).astype(np.int8)


def significant_after_bh(p: np.ndarray, tested: int, significance: float) -> int:
    """The number of `tested` pixels that are significant by the procedure of Benjamini and Hochberg (1995).

    At most the fraction `significance` of them is expected to be false. `p` (n,) must include every probability below
    `significance`; larger ones are never significant.
    """
    ranks = np.flatnonzero(np.sort(p) * tested <= significance * np.arange(1, p.size + 1))
    return int(ranks[-1]) + 1 if ranks.size else 0


@dataclass(frozen=True)
class Change:
    """The change between two periods; arrays (y, x)."""

    log_ratio_db: np.ndarray  # float32; NaN where not tested
    p_value: np.ndarray  # float32; NaN where not tested
    change: np.ndarray  # int8: 1 rose, -1 fell, 0 not significant, NO_DATA where not tested
    n_before: np.ndarray  # uint16: number of valid dates
    n_after: np.ndarray


def change_between(power: np.ndarray, looks: np.ndarray, before: int, significance: float) -> Change:
    """The change between the first `before` dates of a block and the others: power (time, y, x), looks (time,)."""
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
    """When pixels changed, by the sequential omnibus test over all terms; arrays (y, x) except `direction`.

    Dates are indices, NEVER if nothing changed. A change is in the interval that ends at its date, the first valid date
    after it. `direction` compares, per term and interval, the means of the dates between this change and the previous
    or next one: 1 rose, -1 fell, 0 no change. It is NO_DATA where a pixel or a term is not tested, or a side has no
    date.
    """

    p_value: np.ndarray  # float32, for no change over all dates; NaN where no term has two valid dates
    n_changes: np.ndarray  # uint8, NO_COUNT where not tested
    first: np.ndarray  # int16
    last: np.ndarray  # int16
    largest: np.ndarray  # int16, by -2 ln R
    direction: np.ndarray  # (term, interval, y, x) int8

    @classmethod
    def empty(cls, terms: int, dates: int, shape: tuple[int, ...]) -> "History":
        """A history with no pixel tested."""
        first, last, largest = np.full((3, *shape), NEVER, np.int16)
        signs = np.full((terms, max(dates - 1, 0), *shape), NO_DATA, np.int8)
        return cls(np.full(shape, np.nan, np.float32), np.full(shape, NO_COUNT, np.uint8), first, last, largest, signs)

    def reshape(self, *shape: int) -> "History":
        """A history of flattened pixels, reshaped to an image."""
        return History(*(values.reshape(*values.shape[:-1], *shape) for values in vars(self).values()))


def change_history(power: Mapping[str, np.ndarray], looks: Mapping[str, np.ndarray], significance: float) -> History:
    """The history of blocks of linear power (time, y, x), by term; `looks` (time,) are NaN on dates without the term.

    All dates are first tested together. If that is significant, the first date that differs from the mean of those
    before it is a change, and the test restarts there. The fraction of unchanged pixels with a change is at most
    `significance`.
    """
    flat = [values.reshape(len(values), -1) for values in power.values()]
    weights = np.nan_to_num([looks[term] for term in power], nan=1.0)  # NaN only on dates without a sample
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
    """All dates of n pixels: arrays (term, time, n), looks (term, time)."""

    looks: np.ndarray
    valid: np.ndarray  # bool
    power: np.ndarray  # relative to the pixel's mean, for precision; the tests do not depend on it; 0 if not valid
    log: np.ndarray  # its natural logarithm; 0 if not valid

    @classmethod
    def of(cls, flat: list[np.ndarray], looks: np.ndarray, pixels: slice | np.ndarray) -> "_Samples":
        """The samples of some pixels, from each term's linear power (time, all pixels)."""
        power = np.stack([values[:, pixels] for values in flat])
        valid = testable(power)
        power[~valid] = 0
        with np.errstate(divide="ignore", invalid="ignore"):
            power *= (valid.sum(axis=1, dtype=power.dtype) / power.sum(axis=1))[:, None]
            log = np.log(power)
        log[~valid] = 0
        return cls(looks, valid, power, log)

    def only(self, pixels: np.ndarray) -> "_Samples":
        """Those of some pixels."""
        return _Samples(self.looks, *(values[..., pixels] for values in (self.valid, self.power, self.log)))

    def sums(self) -> np.ndarray:
        """Sums over all valid dates of 1, L (looks), 1 / L, L I and L ln I: (5, term, n)."""
        weights = np.ones_like(self.looks), self.looks, 1 / self.looks
        weighted = [np.einsum("tk,tkn->tn", self.looks, values)[None] for values in (self.power, self.log)]
        return np.concatenate([np.stack([_weighted(each, self.valid) for each in weights]), *weighted])

    def on(self, date: int) -> np.ndarray:
        """A date's contribution to the sums."""
        looks, added = self.looks[:, date, None], np.empty((5, self.power.shape[0], self.power.shape[2]))
        added[0] = self.valid[:, date]
        np.multiply(looks, added[0], out=added[1])
        np.divide(added[0], looks, out=added[2])
        np.multiply(looks, self.power[:, date], out=added[3])
        np.multiply(looks, self.log[:, date], out=added[4])
        return added


def _weighted(weights: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The sum (term, n) of the weights (term, time) of valid dates; quick where all are, as nearly everywhere."""
    if valid.all():
        return np.broadcast_to(weights.sum(axis=1)[:, None], (valid.shape[0], valid.shape[2]))
    return np.einsum("tk,tkn->tn", weights, valid)


def omnibus(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The statistic rho (-2 ln Q) over all terms (n,), and its degrees of freedom (n,); 0 where there is no test.

    From the sums (5, term, n) over the valid dates of 1 (their number), L (looks), 1 / L, L I and L ln I:
    -2 ln Q = 2 (sum L ln(sum L I / sum L) - sum L ln I), with (number - 1) degrees of freedom, and
    rho = 1 - (sum 1/L - 1 / sum L) / (6 degrees). Statistic and degrees are summed over the terms.
    """
    number, looks, inverse, power, log = sums
    freedom = np.maximum(number - 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (inverse - 1 / looks) / (6 * freedom)
        statistic = 2 * rho * (looks * np.log(power / looks) - log)
    return np.where(freedom > 0, statistic, 0).sum(axis=0), freedom.sum(axis=0).astype(int)


@dataclass
class Segment:
    """The dates since the last change of each pixel, from which the factor R of the next date is computed.

    All arrays are (term, n): sums of looks and of looks times power, and terms derived from them for the next date.
    """

    looks: np.ndarray
    power: np.ndarray
    inverse: np.ndarray
    entropy: np.ndarray

    def only(self, pixels: np.ndarray) -> "Segment":
        """Those of some pixels."""
        return Segment(*(values[:, pixels] for values in vars(self).values()))

    def add(self, added: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Add a date (its sums, (5, term, n)); return rho (-2 ln R) over all terms (n,) and its degrees of freedom.

        -2 ln R is -2 ln Q of the segment with the date minus -2 ln Q without it. A term contributes one degree of
        freedom if it has samples on the date and before it; rho = 1 - (1 / sum L before + 1 / L - 1 / sum L with it) /
        6.
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
        """Restart the segments of some pixels with one date, given by its sums (5, term, pixels)."""
        self.looks[:, pixels], self.power[:, pixels] = added[1], added[3]
        self.entropy[:, pixels] = added[4]
        with np.errstate(divide="ignore"):
            self.inverse[:, pixels] = 1 / added[1]


def _test(history: History, pixels: slice, samples: _Samples, limits: np.ndarray) -> np.ndarray:
    """Test pixels for any change, record the p-values, and return the indices of those that changed."""
    statistic, freedom = omnibus(samples.sums())
    tested = freedom > 0
    history.p_value[pixels][tested] = chdtrc(freedom[tested], statistic[tested])
    history.n_changes[pixels][tested] = 0
    for signs, number in zip(history.direction, np.count_nonzero(samples.valid, axis=1)):
        signs[:, pixels] = np.where(number > 1, 0, NO_DATA)
    return np.flatnonzero(statistic > limits[freedom])


def _find(history: History, pixels: np.ndarray, samples: _Samples, limits: np.ndarray) -> None:
    """Find the changes of `pixels` (n,), in which the test over all dates found change, date by date."""
    rest = samples.sums()  # of this date and all later ones
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
            after = np.where(number > 0, _mean(power, looks), np.nan)  # looks keep a rounding error
            _settle(history, pixels[done], interval[done], before[:, done], after)
            going[done] = False
        rest -= added
        if 2 * np.count_nonzero(going) < going.size:  # drop the finished ones
            keep = np.flatnonzero(going)
            if not keep.size:
                return
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
    """Record a change on a date."""
    history.n_changes[pixels] += 1
    history.first[pixels] = np.where(history.first[pixels] == NEVER, date, history.first[pixels])
    history.last[pixels] = date
    history.largest[pixels[is_largest]] = date


def _settle(history: History, pixels: np.ndarray, interval: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Record the direction of changes from the means (term, n) before and after; NaN if a side has no date."""
    changed = interval != NEVER
    difference = (after - before)[:, changed]
    signs = np.where(np.isfinite(difference), np.sign(difference), NO_DATA)
    history.direction[:, interval[changed], pixels[changed]] = signs
