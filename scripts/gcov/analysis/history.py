"""Change over all dates with a known false-alarm rate, on blocks of images.

The sequential omnibus test of Conradsen, Nielsen and Skriver, "Determining the points of change in time series of
polarimetric SAR data", IEEE TGRS 54(5), 2016, doi 10.1109/TGRS.2015.2510160, applied to the diagonal terms, with looks
that may differ between dates. Power is linear gamma0, NaN where a cell does not count; each pixel is tested on its own
valid dates. The test finds changes; how large each is follows from the segments of dates on both sides (see `steps`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, chdtri

from gcov.analysis.maps import NEVER, NO_COUNT, NO_DATA, NO_NUMBER
from gcov.analysis.shared import box
from gcov.analysis.steps import step_db, step_p, step_se_db, testable

TILE = 8192  # pixels processed at once, so that intermediate arrays stay in the processor's cache


class Dates:
    """What the tests know of the dates, in every pixel alike: their looks, and the speckle that they share.

    `looks` are those of a cell, (dates,) by term, NaN on dates that do not take part. `correlations` (dates, dates) are
    those of speckle by term; without them, dates are independent.
    """

    def __init__(self, looks: Mapping[str, np.ndarray], correlations: Mapping[str, np.ndarray] | None = None):
        given = np.array(list(looks.values()), np.float64)
        self.use = np.isfinite(given)  # (term, time)
        self.looks = np.where(self.use, given, 1)
        of_terms = list(correlations.values()) if correlations else []
        self.shared = not all(np.array_equal(one, np.eye(len(one))) for one in of_terms)
        # sums over pairs of dates of sqrt(L) R sqrt(L), from the first date on, to take those of any segments from
        self._pairs, self._sums = np.zeros((0, 0, 0)), np.zeros((0, 0))
        self.scale, self.share = np.ones((2, given.shape[1]))
        if self.shared:
            weights = np.where(self.use, self.looks, 0)
            root = np.sqrt(weights)
            pairs = root[:, :, None] * np.array(of_terms) * root[:, None, :]
            self._pairs = np.pad(pairs.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
            self._sums = np.pad(weights.cumsum(axis=1), ((0, 0), (1, 0)))
            for first in range(given.shape[1]):
                self.scale[first], self.share[first] = self._box(first, of_terms)

    def _box(self, first: int, correlations: Sequence[np.ndarray]) -> tuple[float, float]:
        """Scale and share of the degrees of freedom of the omnibus test of the dates from `first` on."""
        later = [(term, np.flatnonzero(use[first:]) + first) for term, use in enumerate(self.use)]
        of_terms = [(term, dates) for term, dates in later if len(dates) > 1]
        if not of_terms:
            return 1, 1
        scale, degrees = box(
            [correlations[term][np.ix_(dates, dates)] for term, dates in of_terms],
            [self.looks[term, dates] for term, dates in of_terms],
        )
        return scale, degrees / sum(len(dates) - 1 for _, dates in of_terms)

    def p_value(self, statistic: np.ndarray, freedom: np.ndarray) -> np.ndarray:
        """The probability (n,) of the omnibus statistic of all dates.

        The larger of those for independent dates and for dates that share speckle: shared speckle never makes a
        difference more significant, because some areas are less coherent than the scene.
        """
        p = chdtrc(freedom, statistic)
        if not self.shared:
            return p
        return np.maximum(p, chdtrc(freedom * self.share[0], statistic / self.scale[0]))

    def limits(self, significance: float) -> tuple[np.ndarray, np.ndarray]:
        """What statistics must exceed, by degrees of freedom: -2 ln R, and (time, degrees) the omnibus statistic.

        The latter is that of the dates from each date on.
        """
        degrees = np.arange(1, self.looks.size + 1)
        plain = np.append(np.inf, chdtri(degrees, significance))
        if not self.shared:
            return plain, np.broadcast_to(plain, (len(self.scale), len(plain)))
        boxed = [scale * chdtri(degrees * share, significance) for scale, share in zip(self.scale, self.share)]
        return plain, np.maximum(plain, np.pad(boxed, ((0, 0), (1, 0))))

    def inflation(self, start: np.ndarray, change: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The inflation (term, n) of the variance of steps between dates start..change-1 and change..end-1 (n,).

        See `shared.inflation`. All dates of the term count, whichever a pixel lacks; NaN if a segment has none.
        """
        if not self.shared:
            return np.ones((len(self.looks), len(change)))

        def pairs(first: tuple, second: tuple) -> np.ndarray:
            (a, b), (c, d) = first, second
            of = self._pairs
            return of[:, b, d] - of[:, a, d] - of[:, b, c] + of[:, a, c]

        before, after = (start, change), (change, end)
        one, other = (self._sums[:, last] - self._sums[:, first] for first, last in (before, after))
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = pairs(before, before) / one**2 + pairs(after, after) / other**2
            return (variance - 2 * pairs(before, after) / (one * other)) / (1 / one + 1 / other)


@dataclass(frozen=True)
class Rule:
    """Which changes are found, and which of them count."""

    significance: float
    min_change_db: float = 0


@dataclass(frozen=True)
class History:
    """When pixels changed; arrays (y, x), with a leading axis `term`, or (term, interval), where stated.

    Dates are indices, NEVER if nothing changed. A change is in the interval that ends at its date, the first valid date
    after it. It counts if its step in at least one term is significant on its own (see `steps.step_p`); only counted
    changes are recorded.
    """

    p_value: np.ndarray  # float32, for no change over all dates; NaN where no term has two valid dates
    n_changes: np.ndarray  # uint8, NO_COUNT where not tested
    first: np.ndarray  # int16
    last: np.ndarray  # int16
    largest: np.ndarray  # int16, by -2 ln R, summed over the terms
    step_db: np.ndarray  # (term) float32, the step at the largest change; NaN without one
    step_se_db: np.ndarray  # (term) float32, its standard error
    step_p: np.ndarray  # (term) float32, its probability if the true step is at most the least change that counts
    n_before: np.ndarray  # uint16, valid dates between the counted change before the largest and it; NO_NUMBER without
    n_after: np.ndarray  # uint16, from the largest on to the next counted one
    lasts: np.ndarray  # uint8, whether the largest change counts between the counted ones around it; NO_COUNT without
    last_valid: np.ndarray  # int16, the last valid date in any term
    direction: np.ndarray  # (term, interval) int8: 1 rose, -1 fell, 0 no change of this term, NO_DATA not tested

    @classmethod
    def empty(cls, terms: int, dates: int, shape: tuple[int, ...]) -> "History":
        """A history with no pixel tested."""
        steps = np.full((3, terms, *shape), np.nan, np.float32)
        numbers = np.full((2, *shape), NO_NUMBER, np.uint16)
        signs = np.full((terms, max(dates - 1, 0), *shape), NO_DATA, np.int8)
        moments = np.full((4, *shape), NEVER, np.int16)
        p_value, (n_changes, lasts) = np.full(shape, np.nan, np.float32), np.full((2, *shape), NO_COUNT, np.uint8)
        first, last, largest, last_valid = moments
        step, error, p, n_before, n_after = *steps, *numbers
        return cls(
            p_value, n_changes, first, last, largest, step, error, p, n_before, n_after, lasts, last_valid, signs
        )

    def reshape(self, *shape: int) -> "History":
        """A history of flattened pixels, reshaped to an image."""
        return History(*(values.reshape(*values.shape[:-1], *shape) for values in vars(self).values()))


def change_history(
    power: Mapping[str, np.ndarray], dates: Dates, rule: Rule, share: Mapping[str, np.ndarray] | None = None
) -> History:
    """The history of blocks of linear power (time, y, x), by term; power that is not positive counts as missing.

    All dates are first tested together. If that is significant, the first date that differs from the mean of those
    before it is a change, and the test restarts there. The fraction of unchanged pixels with a change is at most
    `rule.significance`. `share` (y, x) is the share of the looks that texture leaves a cell, by term.
    """
    flat = [values.reshape(len(values), -1) for values in power.values()]
    pixels = flat[0].shape[1]
    shares = np.array([share[term].ravel() for term in power]) if share else np.ones((len(flat), 1))
    shares = np.broadcast_to(shares, (len(flat), pixels))
    history, limits = History.empty(len(flat), len(flat[0]), (pixels,)), dates.limits(rule.significance)
    changed = []
    for start in range(0, pixels, TILE):
        part = slice(start, min(start + TILE, pixels))
        samples = _Samples.of(flat, dates.looks, shares, part)
        changed.append(start + _test(history, part, samples, dates, limits[1][0]))
    found = np.concatenate(changed)
    for start in range(0, found.size, TILE):
        few = found[start : start + TILE]
        samples = _Samples.of(flat, dates.looks, shares, few)
        record = _Record(history, few, samples, dates, rule)
        for settled in _search(samples, *limits):
            record.settle(settled)
        record.finish(samples)
    return history.reshape(*next(iter(power.values())).shape[1:])


def changes_of_series(power: np.ndarray, dates: Dates, significance: float) -> tuple[float, list[int]]:
    """The probability of no change over all dates of one series, and the dates of all changes found, counted or not.

    `power` (time,) is linear; `dates` know one term. Dates are indices, as in `History`. The probability is NaN with
    fewer than two valid dates.
    """
    single, remaining = dates.limits(significance)
    samples = _Samples.of([power[:, None]], dates.looks, np.ones((1, 1)), slice(None))
    statistic, freedom = omnibus(samples.sums(), samples.share)
    if not freedom[0]:
        return np.nan, []
    changed = statistic[0] > remaining[0][freedom[0]]
    found = [int(date) for settled in _search(samples, single, remaining) for date in settled.found.date]
    return float(dates.p_value(statistic, freedom)[0]), found if changed else []


@dataclass(frozen=True)
class _Samples:
    """All dates of n pixels: arrays (term, time, n), looks (term, time), share of the looks (term, n)."""

    looks: np.ndarray
    share: np.ndarray
    valid: np.ndarray  # bool
    power: np.ndarray  # relative to the pixel's mean, for precision; the tests do not depend on it; 0 if not valid
    log: np.ndarray  # its natural logarithm; 0 if not valid

    @classmethod
    def of(cls, flat: list[np.ndarray], looks: np.ndarray, share: np.ndarray, pixels: slice | np.ndarray) -> "_Samples":
        """The samples of some pixels, from each term's linear power (time, all pixels)."""
        power = np.stack([values[:, pixels] for values in flat])
        valid = testable(power)
        power[~valid] = 0
        with np.errstate(divide="ignore", invalid="ignore"):
            power *= (valid.sum(axis=1, dtype=power.dtype) / power.sum(axis=1))[:, None]
            log = np.log(power)
        log[~valid] = 0
        return cls(looks, share[:, pixels], valid, power, log)

    def only(self, pixels: np.ndarray) -> "_Samples":
        """Those of some pixels."""
        several = (self.share, self.valid, self.power, self.log)
        return _Samples(self.looks, *(values[..., pixels] for values in several))

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


def omnibus(sums: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The statistic rho (-2 ln Q) over all terms (n,), and its degrees of freedom (n,); 0 where there is no test.

    From the sums (5, term, n) over the valid dates of 1 (their number), L (looks), 1 / L, L I and L ln I:
    -2 ln Q = 2 (sum L ln(sum L I / sum L) - sum L ln I), with (number - 1) degrees of freedom, and
    rho = 1 - (sum 1/L - 1 / sum L) / (6 degrees). `share` (term, n) multiplies every L. Statistic and degrees are
    summed over the terms.
    """
    number, looks, inverse, power, log = sums
    freedom = np.maximum(number - 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (inverse - 1 / looks) / (6 * freedom * share)
        statistic = 2 * rho * share * (looks * np.log(power / looks) - log)
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

    def add(self, added: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Add a date (its sums, (5, term, n)); return rho (-2 ln R) over all terms (n,) and its degrees of freedom.

        -2 ln R is -2 ln Q of the segment with the date minus -2 ln Q without it. A term contributes one degree of
        freedom if it has samples on the date and before it; rho = 1 - (1 / sum L before + 1 / L - 1 / sum L with it) /
        6. `share` (term, n) multiplies every L.
        """
        tested = (added[0] > 0) & (self.looks > 0)
        self.looks = self.looks + added[1]
        self.power += added[3]
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / self.looks
            entropy = self.looks * np.log(self.power * inverse)
            rho = 1 - (self.inverse - inverse + added[2]) / (6 * share)
            statistic = 2 * rho * share * (entropy - self.entropy - added[4])
        self.inverse, self.entropy = inverse, entropy
        return np.where(tested, statistic, 0).sum(axis=0), tested.sum(axis=0)

    def restart(self, pixels: np.ndarray, added: np.ndarray) -> None:
        """Restart the segments of some pixels with one date, given by its sums (5, term, pixels)."""
        self.looks[:, pixels], self.power[:, pixels] = added[1], added[3]
        self.entropy[:, pixels] = added[4]
        with np.errstate(divide="ignore"):
            self.inverse[:, pixels] = 1 / added[1]


def _test(history: History, pixels: slice, samples: _Samples, dates: Dates, limits: np.ndarray) -> np.ndarray:
    """Test pixels for any change, record the p-values, and return the indices of those that changed."""
    statistic, freedom = omnibus(samples.sums(), samples.share)
    tested = freedom > 0
    history.p_value[pixels][tested] = dates.p_value(statistic[tested], freedom[tested])
    history.n_changes[pixels][tested] = 0
    valid = np.logical_or.reduce(samples.valid)[::-1]
    history.last_valid[pixels] = np.where(valid.any(axis=0), len(valid) - 1 - valid.argmax(axis=0), NEVER)
    for signs, number in zip(history.direction, np.count_nonzero(samples.valid, axis=1)):
        signs[:, pixels] = np.where(number > 1, 0, NO_DATA)
    return np.flatnonzero(statistic > limits[freedom])


class _Found(NamedTuple):
    """The last change found in each of n pixels, which waits for the segment after it; `date` is NEVER without one."""

    date: np.ndarray
    start: np.ndarray  # the first date of the segment before
    looks: np.ndarray  # (term, n), sum over the segment before
    mean: np.ndarray  # (term, n), of the segment before
    statistic: np.ndarray  # rho (-2 ln R)
    dates_before: np.ndarray  # valid dates in any term before it, from the start of the series

    @classmethod
    def none(cls, terms: int, pixels: int) -> "_Found":
        never, start, dates_before = np.full(pixels, NEVER), np.zeros(pixels, int), np.zeros(pixels, int)
        looks, mean = np.zeros((2, terms, pixels))
        return cls(never, start, looks, mean, np.zeros(pixels), dates_before)

    def only(self, pixels: np.ndarray) -> "_Found":
        """Those of some pixels."""
        return _Found(*(values[..., pixels] for values in self))

    def put(self, pixels: np.ndarray, other: "_Found") -> None:
        """Replace those of some pixels."""
        for values, new in zip(self, other):
            values[..., pixels] = new


class _Settled(NamedTuple):
    """Changes of n pixels whose segments on both sides are known."""

    place: np.ndarray  # of the pixels among those searched
    found: _Found
    looks: np.ndarray  # (term, n), sum over the segment after the change
    mean: np.ndarray  # (term, n), of that segment
    end: int  # the date after it

    @classmethod
    def of(
        cls, place: np.ndarray, waiting: _Found, pixels: np.ndarray, looks: np.ndarray, power: np.ndarray, end: int
    ) -> "_Settled":
        """The changes that wait in `pixels`, if any; `looks` and `power` (term, pixels) are the sums after them."""
        found = waiting.only(pixels)
        changed = np.flatnonzero(found.date != NEVER)
        mean = _mean(power[:, changed], looks[:, changed])
        return cls(place[pixels[changed]], found.only(changed), looks[:, changed], mean, end)


def _search(samples: _Samples, single: np.ndarray, remaining: np.ndarray) -> Iterator[_Settled]:
    """Find the changes of pixels in which the test over all dates found change, date by date; see `Dates.limits`."""
    rest = samples.sums()  # of this date and all later ones
    terms, number = rest.shape[1:]
    segment, waiting = Segment(*np.zeros((4, terms, number))), _Found.none(terms, number)
    place, seen = np.arange(number), np.zeros(number, int)  # among the pixels searched; valid dates before this one
    going = np.ones(number, bool)
    last = samples.looks.shape[1]
    for date in range(last):
        added = samples.on(date)
        statistic, freedom = segment.add(added, samples.share)
        found = np.flatnonzero(going & (statistic > single[freedom]))
        if found.size:
            new = added[:, :, found]
            looks, power = segment.looks[:, found] - new[1], segment.power[:, found] - new[3]
            yield _Settled.of(place, waiting, found, looks, power, date)
            start, when = np.maximum(waiting.date[found], 0), np.full(found.size, date)
            waiting.put(found, _Found(when, start, looks, _mean(power, looks), statistic[found], seen[found]))
            segment.restart(found, new)
            left, freedom = omnibus(rest[:, :, found], samples.share[:, found])
            done = found[left <= remaining[date][freedom]]
            count, looks, _, power, _ = rest[:, :, done]
            yield _Settled.of(place, waiting, done, np.where(count > 0, looks, 0), power, last)  # not rounding errors
            going[done] = False
        rest -= added
        seen = seen + (added[0] > 0).any(axis=0)
        if 2 * np.count_nonzero(going) < going.size:  # drop the finished ones
            keep = np.flatnonzero(going)
            if not keep.size:
                return
            samples, segment, waiting = samples.only(keep), segment.only(keep), waiting.only(keep)
            rest, place, seen, going = (values[..., keep] for values in (rest, place, seen, going))
    left_over = np.flatnonzero(going)
    yield _Settled.of(place, waiting, left_over, segment.looks[:, left_over], segment.power[:, left_over], last)


class _Record:
    """Records the changes of `pixels` (n,), which were searched together, in a history."""

    def __init__(self, history: History, pixels: np.ndarray, samples: _Samples, dates: Dates, rule: Rule):
        self.history, self.pixels, self.dates, self.rule = history, pixels, dates, rule
        self.share = samples.share
        self.all_dates = samples.valid.any(axis=0).sum(axis=0)  # valid in any term
        self.largest = np.zeros(pixels.size)  # statistic of the largest counted change
        self.largest_from = np.zeros(pixels.size, int)  # valid dates before it
        self.counted_from = np.zeros(pixels.size, int)  # valid dates before the last counted change

    def settle(self, settled: _Settled) -> None:
        """Record changes, each with its step."""
        place, found, looks, mean, end = settled
        if not place.size:
            return
        share = self.share[:, place]
        one, other = found.looks * share, looks * share
        inflation = self.dates.inflation(found.start, found.date, np.full(place.size, end))
        step = step_db(found.mean, mean)
        p = step_p(step, one, other, inflation, self.rule.min_change_db)
        own = p < self.rule.significance
        counts = own.any(axis=0)
        signs = np.where(np.isfinite(step), np.where(own & counts, np.sign(step), 0), NO_DATA)
        self.history.direction[:, found.date - 1, self.pixels[place]] = signs
        few = np.flatnonzero(counts)
        errors = step_se_db(one[:, few], other[:, few], inflation[:, few])
        self.count(place[few], found.only(few), np.stack([step[:, few], errors, p[:, few]]))

    def count(self, place: np.ndarray, found: _Found, steps: np.ndarray) -> None:
        """Record changes that count, with their steps, errors and probabilities (3, term, n)."""
        history, pixels = self.history, self.pixels[place]
        history.n_changes[pixels] += 1
        history.first[pixels] = np.where(history.first[pixels] == NEVER, found.date, history.first[pixels])
        was_largest = (history.n_changes[pixels] > 1) & (history.last[pixels] == history.largest[pixels])
        ended = np.flatnonzero(was_largest)
        history.n_after[pixels[ended]] = found.dates_before[ended] - self.largest_from[place[ended]]
        history.last[pixels] = found.date
        new = np.flatnonzero(found.statistic > self.largest[place])
        at, where = pixels[new], place[new]
        history.largest[at] = found.date[new]
        for values, step in zip((history.step_db, history.step_se_db, history.step_p), steps):
            values[:, at] = np.where(np.isfinite(steps[0]), step, np.nan)[:, new]
        history.n_before[at] = found.dates_before[new] - self.counted_from[where]
        history.n_after[at] = self.all_dates[where] - found.dates_before[new]
        self.largest[where], self.largest_from[where] = found.statistic[new], found.dates_before[new]
        self.counted_from[place] = found.dates_before

    def finish(self, samples: _Samples) -> None:
        """Record which of the largest changes last, once all changes of `samples` are settled.

        A change that is found but does not count, such as the end of rain, may follow it at once. It lasts if its step
        counts with the same sign, taken between all dates up to the counted changes on both sides.
        """
        where = np.flatnonzero(self.largest > 0)
        history, pixels, samples = self.history, self.pixels[where], samples.only(where)
        largest, before, after = (of[pixels].astype(int) for of in (history.largest, history.n_before, history.n_after))
        valid = np.logical_or.reduce(samples.valid)
        rank = valid.cumsum(axis=0) - 1
        rank -= np.take_along_axis(rank, largest[None], axis=0)
        sides = valid & (rank < 0) & (rank >= -before), valid & (rank >= 0) & (rank < after)
        looks = [np.einsum("tk,tkn->tn", samples.looks, samples.valid & side) for side in sides]
        power = [np.einsum("tk,tkn->tn", samples.looks, samples.power * side) for side in sides]
        step = step_db(*map(_mean, power, looks))
        inflation = self.dates.inflation(sides[0].argmax(axis=0), largest, len(valid) - sides[1][::-1].argmax(axis=0))
        one, other = (of * samples.share for of in looks)
        p = step_p(step, one, other, inflation, self.rule.min_change_db)
        alike = np.sign(step) == np.sign(history.step_db[:, pixels])
        history.lasts[pixels] = ((p < self.rule.significance) & alike).any(axis=0)


def _mean(power: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """The mean from sums of looks times power and of looks; NaN without a date."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(looks > 0, power / looks, np.nan)
