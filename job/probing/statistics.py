"""Tests and intervals for two models on the same rows. Knows no score; numpy alone.

Chosen so that they hold where probes live, at a dozen to a few hundred rows with few events or none:

- a mean of losses: studentized bootstrap of whole questions (Efron and Tibshirani 1993, chapter 12)
- harm in a paired rate: exact conditional test on the rows where the models differ (McNemar)
- no harm as large as a margin in a paired rate: exact unconditional test, ordered by the score statistic (Tango 1998, Stat.
  Med. 17:891; Hsueh, Liu and Chen 2001, Biometrics 57:478). A bootstrap of 0 events in 12 rows gives an interval of width 0 and
  calls everything safe; at a margin of 0.1 the chance to see none is 28 %, and so says this test.
- other means: Student's t, never more certain than that many rows without an event allow
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy
import numpy.typing as npt

Numbers = npt.NDArray[numpy.float64]
CONFIDENCE = 0.95
ALPHA = 0.05
"""Level of one-sided tests."""
POWER = 0.8
FEWEST_QUESTIONS = 6
"""With five, all of them lie on one side of zero in 3 % of samples without a difference: no interval of 95 % can be had."""
RESAMPLES = 2_000
FARTHEST = 100.0
"""Standard errors; a resample in which all rows are alike has none, and would give an interval without ends."""
BINS = 1_000
"""More questions than that are dealt into so many bins, which are drawn as wholes: 100,000 rows take 0.2 s, not 10."""
EXACT_ROWS = 200
"""Above, the score statistic is taken for normal: the exact test's time grows with the square of the rows."""
GRID = 30
_NORMAL = NormalDist()


class Interval(NamedTuple):
    estimate: float
    low: float
    high: float
    error: float
    """Standard error of the estimate."""


# --- means of rows in clusters ---------------------------------------------------------------------------------------


def bootstrap(values: Sequence[float], clusters: Sequence[int], *, seed: int = 0) -> Interval:
    """The mean of `values` with its 95 % interval; values of the same cluster are drawn together. Needs FEWEST_QUESTIONS.

    The wider of the studentized bootstrap, which minds that a few rows may change far more than the rest, and Student's t:
    measured on 12 to 100 questions, 2-3 % of intervals miss on the side of equal tails (t with 3 degrees of freedom), and
    4-6 % on the worse side of a lognormal, where a percentile bootstrap misses in 6-9 %.
    """
    sums, counts = _sums(numpy.asarray(values, float), clusters)
    rng = numpy.random.default_rng(seed)
    if len(sums) > BINS:
        bins = rng.permutation(len(sums)) % BINS
        sums, counts = _totals(bins, sums), _totals(bins, counts)
    size = len(sums)
    products = (sums, counts, sums * sums, sums * counts, counts * counts)
    found, errors = _means(numpy.array([[product.sum()] for product in products]), size)
    mean, error = float(found[0]), float(errors[0])
    if not error:
        return Interval(mean, mean, mean, 0.0)
    drawn = rng.integers(size, size=(RESAMPLES, size))
    means, errors = _means(numpy.array([product[drawn].sum(axis=1) for product in products]), size)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        studentized = numpy.nan_to_num((means - mean) / errors, nan=0.0)
    share = (1 + CONFIDENCE) / 2
    below, above = numpy.quantile(numpy.clip(studentized, -FARTHEST, FARTHEST), [1 - share, share])
    least = t_quantile(share, size - 1)
    return Interval(mean, mean - max(float(above), least) * error, mean + max(-float(below), least) * error, error)


def _sums(values: Numbers, clusters: Sequence[int]) -> tuple[Numbers, Numbers]:
    """Sum and number of the values in each cluster."""
    _, which = numpy.unique(numpy.asarray(clusters), return_inverse=True)
    return _totals(which, values), _totals(which, numpy.ones(len(values)))


def _totals(groups: npt.NDArray[numpy.intp], values: Numbers) -> Numbers:
    return numpy.bincount(groups, values).astype(float)


def _means(totals: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """Means of clustered values and their standard errors, from totals over `size` clusters of s, n, s * s, s * n and n * n."""
    sums, counts, squares, products, squared_counts = totals
    means = sums / counts
    spread = numpy.maximum(squares - 2 * means * products + means**2 * squared_counts, 0)
    spread = numpy.where(spread > 1e-14 * squares, spread, 0)  # all alike, but for rounding
    return means, numpy.sqrt(spread * size / (size - 1)) / counts


def t_tail(t: float, freedom: int) -> float:
    """P(T <= t) for Student's t: with t = sqrt(freedom) * tan(angle) its density is a power of the cosine."""
    end = math.atan(t / math.sqrt(freedom))

    def area(to: float) -> float:
        angles, step = numpy.linspace(-math.pi / 2, to, 4001, retstep=True)
        heights = numpy.maximum(numpy.cos(angles), 0) ** (freedom - 1)
        return float((heights.sum() - (heights[0] + heights[-1]) / 2) * step)

    return area(end) / area(math.pi / 2)


@functools.cache
def t_quantile(share: float, freedom: int) -> float:
    """By bisection. From 1,000 degrees of freedom on the normal one, which differs by less than 0.2 %."""
    if freedom >= 1000:
        return _NORMAL.inv_cdf(share)
    low, high = -1000.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, freedom) < share else (low, middle)
    return (low + high) / 2


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % interval by Student's t."""
    found = numpy.asarray(values, float)
    mean = float(found.mean())
    if len(found) < 2:
        return Interval(mean, mean, mean, 0.0)
    error = float(found.std(ddof=1)) / math.sqrt(len(found))
    reach = error * t_quantile((1 + CONFIDENCE) / 2, len(found) - 1)
    return Interval(mean, mean - reach, mean + reach, error)


def p_mean_below(values: Sequence[float], bound: float, *, floor: float = 0.5) -> float:
    """How likely a mean this far below `bound` is if the true one is `bound`: at least `floor` ** rows, so that a sample
    without any spread proves no more than so many rows can."""
    interval = mean_interval(values)
    rows = len(values)
    if rows < 2 or interval.estimate >= bound:
        return 1.0
    chance = t_tail((interval.estimate - bound) / interval.error, rows - 1) if interval.error else 0.0
    return max(chance, floor**rows)


def p_mean_above(values: Sequence[float], bound: float) -> float:
    return p_mean_below([-value for value in values], -bound)


# --- paired rates ----------------------------------------------------------------------------------------------------


def p_rate_harm(harmed: int, helped: int) -> float:
    """How likely so many of the rows in which the models differ speak against the tuned one, if each way were as likely."""
    differing = harmed + helped
    log_choose = _log_choose(differing)[harmed:]
    return min(1.0, float(numpy.exp(log_choose - differing * math.log(2)).sum()))


def _log_choose(total: int) -> Numbers:
    """Logarithms of the binomial coefficients of `total` over 0, 1, ..., total."""
    logs = _log_factorials(total)
    ways: Numbers = logs[total] - logs - logs[::-1]
    return ways


@functools.lru_cache(maxsize=64)
def _log_factorials(total: int) -> Numbers:
    return numpy.concatenate([[0.0], numpy.cumsum(numpy.log(numpy.arange(1.0, total + 1)))])


def p_at_most(events: int, rows: int, rate: float) -> float:
    """P(X <= events) for the number of events in `rows` rows of this rate."""
    numbers = numpy.arange(events + 1)
    logs = _log_choose(rows)[: events + 1] + numbers * math.log(rate) + (rows - numbers) * math.log1p(-rate)
    return min(1.0, float(numpy.exp(logs).sum()))


def rate_score(harmed: npt.ArrayLike, helped: npt.ArrayLike, rows: int, margin: npt.ArrayLike) -> Numbers:
    """Tango's statistic: standard errors by which (harmed - helped) / rows lies above `margin`, at the most likely rates for
    which the margin is the truth. -1 < margin < 1."""
    harmed, helped, margin = (numpy.asarray(value, float) for value in (harmed, helped, margin))
    linear = (2 * rows - harmed + helped) * margin - harmed - helped
    root = numpy.sqrt(numpy.maximum(linear**2 + 8 * rows * helped * margin * (1 - margin), 0))
    rate = numpy.maximum((root - linear) / (4 * rows), 0)  # of helped rows
    variance = rows * numpy.maximum(2 * rate + margin * (1 - margin), 0)
    distance = harmed - helped - rows * margin
    certain = numpy.where(distance == 0, 0.0, numpy.copysign(numpy.inf, distance))
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return numpy.where(variance > 1e-12, distance / numpy.sqrt(variance), certain)


@functools.lru_cache(maxsize=10_000)
def rate_interval(harmed: int, helped: int, rows: int) -> Interval:
    """Difference of the rates with its 95 % score interval: the margins that the statistic does not refuse."""
    difference = (harmed - helped) / rows
    reach = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)
    ends = []
    for edge, wanted in ((-1.0, reach), (1.0, -reach)):
        inside, outside = difference, edge
        for _ in range(25):
            middle = (inside + outside) / 2
            refused = abs(float(rate_score(harmed, helped, rows, middle))) > abs(wanted)
            inside, outside = (inside, middle) if refused else (middle, outside)
        ends.append((inside + outside) / 2)
    error = math.sqrt(max(harmed + helped - (harmed - helped) ** 2 / rows, 0)) / rows
    return Interval(difference, ends[0], ends[1], error)


@functools.lru_cache(maxsize=100_000)
def p_rate_safe(harmed: int, helped: int, rows: int, margin: float) -> float:
    """How likely a result as good as this one or better is if the true harm is `margin`, at the worst rate of helped rows."""
    observed = float(rate_score(harmed, helped, rows, margin))
    if rows > EXACT_ROWS:
        return _NORMAL.cdf(observed)
    against, for_, log_ways = _outcomes(rows)
    region = rate_score(against, for_, rows, margin) <= observed + 1e-9
    against, for_, log_ways = against[region], for_[region], log_ways[region]
    highest = 0.0
    for helped_rate in numpy.linspace(0, (1 - margin) / 2, GRID):
        harmed_rate = margin + helped_rate
        same = max(1 - harmed_rate - helped_rate, 0.0)
        logs = log_ways + against * math.log(harmed_rate)
        for count, rate in ((for_, helped_rate), (rows - against - for_, same)):
            logs = logs + (count * math.log(rate) if rate > 0 else numpy.where(count > 0, -numpy.inf, 0.0))
        highest = max(highest, float(numpy.exp(logs).sum()))
    return min(1.0, highest)


@functools.lru_cache(maxsize=64)
def _outcomes(rows: int) -> tuple[Numbers, Numbers, Numbers]:
    """Every pair of harmed and helped rows, and the logarithm of the number of ways to each."""
    against, for_ = (numbers.ravel() for numbers in numpy.mgrid[0 : rows + 1, 0 : rows + 1])
    possible = against + for_ <= rows
    against, for_ = against[possible], for_[possible]
    logs = _log_factorials(rows)
    ways = logs[rows] - logs[against] - logs[for_] - logs[rows - against - for_]
    return against.astype(float), for_.astype(float), ways


# --- several tests, and samples that would do ------------------------------------------------------------------------


def holm(chances: Sequence[float]) -> list[float]:
    """Adjusted by Holm's step-down: one of them is below a level by chance alone no more often than that level says."""
    order = sorted(range(len(chances)), key=lambda number: chances[number])
    adjusted = [0.0] * len(chances)
    highest = 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[number]))
        adjusted[number] = highest
    return adjusted


def reach(level: float = ALPHA) -> float:
    """Standard errors between no difference and one that a one-sided test at `level` shows with 80 % power."""
    return _NORMAL.inv_cdf(1 - level) + _NORMAL.inv_cdf(POWER)


def detectable_rate(harmed: int, helped: int, rows: int, level: float = ALPHA) -> float:
    """The smallest harm that so many rows show with 80 % power, where as many rows as seen are helped (Connor 1987, Biometrics
    43:207); 1 where they show none."""
    helped_rate = min(harmed, helped) / rows
    z_level, z_power = _NORMAL.inv_cdf(1 - level), _NORMAL.inv_cdf(POWER)
    low, high = 0.0, 1.0
    for _ in range(40):
        harm = (low + high) / 2
        differing = 2 * helped_rate + harm
        needed = z_level * math.sqrt(differing) + z_power * math.sqrt(max(differing - harm**2, 0))
        low, high = (low, harm) if math.sqrt(rows) * harm >= needed else (harm, high)
    return high


def rows_for(deviation: float, difference: float, level: float = ALPHA) -> int:
    """Rows in which a mean with this deviation per row shows this difference with 80 % power."""
    return math.ceil((reach(level) * deviation / difference) ** 2)


def rows_without_event(margin: float) -> int:
    """Rows without a harmed one that exclude a harm of `margin`."""
    return math.ceil(math.log(ALPHA) / math.log1p(-margin)) if margin < 1 else 1
