"""Two samples of runs, in one or several strata: how far apart they are, and how sure that is.

A stratum is for example a task. What is said of all of them is the mean of what holds in each, as
Agarwal et al. (2021) and rliable do it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Literal

import numpy as np

from exptools.viewing.arrays import Floats
from exptools.viewing.curves.statistics import bootstrap, student

HALVINGS = 60
POWER = 80.0  # percent, as Colas et al. (2018) ask for
MOST_RUNS = 1000  # a group and stratum: with more needed, nobody would run them


_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
_Counts = Sequence[tuple[Floats, Floats]]  # of either sample of a stratum: [samples, runs]


@dataclass(frozen=True)
class Stratum:
    """The numbers of the runs of either sample; at least one each, all finite."""

    one: Floats
    other: Floats


@dataclass(frozen=True)
class Estimate:
    """A number and the edges of its interval, NaN where it has none."""

    value: float
    low: float = math.nan
    high: float = math.nan


def difference(strata: Sequence[Stratum]) -> float:
    """The mean of one less that of the other."""
    return float(np.mean([part.one.mean() - part.other.mean() for part in strata]))


def welch(strata: Sequence[Stratum], level: float) -> Estimate:
    """The difference with Welch's interval; of several strata Satterthwaite's freedom is of all.

    There is none where a sample has one run. ``level`` is in percent.
    """
    value = difference(strata)
    error, freedom = _error(strata)
    if math.isnan(error):
        return Estimate(value)
    reach = student.quantile(freedom, level) * error
    return Estimate(value, value - reach, value + reach)


def _error(strata: Sequence[Stratum]) -> tuple[float, float]:
    """The standard error of the difference and its degrees of freedom; NaN where there is none."""
    samples = [values for part in strata for values in (part.one, part.other)]
    if min(map(len, samples)) < 2:
        return math.nan, math.nan
    parts = np.array([values.var(ddof=1) / len(values) for values in samples]) / len(strata) ** 2
    error = math.sqrt(parts.sum())
    if error == 0:
        return 0.0, float(sum(len(values) - 1 for values in samples))
    # As parts of all, so that squares of tiny numbers do not vanish.
    weights = parts / parts.sum()
    freedoms = np.array([len(values) - 1 for values in samples])
    return error, float(1 / np.sum(weights**2 / freedoms))


def bootstrapped_difference(strata: Sequence[Stratum], level: float) -> Estimate:
    """The difference with the interval by stratified bootstrap."""

    def differences(counts: _Counts) -> Floats:
        parts = [
            one @ part.one / len(part.one) - other @ part.other / len(part.other)
            for part, (one, other) in zip(strata, counts, strict=True)
        ]
        mean: Floats = np.mean(parts, axis=0)
        return mean

    return Estimate(difference(strata), *_bootstrap(strata, differences, level))


def probability(strata: Sequence[Stratum]) -> float:
    """How likely a run of one is above a run of the other: P(X > Y), ties counting half."""
    once = [(np.ones((1, len(part.one))), np.ones((1, len(part.other)))) for part in strata]
    return float(_probabilities(strata, once)[0])


def bootstrapped_probability(strata: Sequence[Stratum], level: float) -> Estimate:
    """The probability with its interval by stratified bootstrap, as rliable has it."""
    edges = _bootstrap(strata, partial(_probabilities, strata), level)
    return Estimate(probability(strata), *edges)


def _probabilities(strata: Sequence[Stratum], counts: _Counts) -> Floats:
    """The probability in each of some samples, in which runs are so many times."""
    parts = []
    for part, (one, other) in zip(strata, counts, strict=True):
        order = np.argsort(part.other)
        ascending = part.other[order]
        below = np.cumsum(np.pad(other[:, order], ((0, 0), (1, 0))), axis=1)
        # How many runs are below each of the first sample's, and how many are not above it.
        first, last = (np.searchsorted(ascending, part.one, side) for side in _SIDES)
        wins = one * (below[:, first] + below[:, last]) / 2
        parts.append(wins.sum(axis=1) / (len(part.one) * len(part.other)))
    mean: Floats = np.mean(parts, axis=0)
    return mean


def newcombe(strata: Sequence[Stratum], level: float) -> Estimate:
    """The probability with an interval that also holds where few runs are all on one side.

    It is Newcombe's fifth (2006), the score interval with Hanley and McNeil's variance; of several
    strata it is that of their mean. ``level`` is in percent.
    """
    value = probability(strata)
    reach = NormalDist().inv_cdf(0.5 + level / 200)

    def inside(true: float) -> bool:
        return abs(value - true) <= reach * math.sqrt(_variance(strata, true))

    return Estimate(value, _edge(value, 0.0, inside), _edge(value, 1.0, inside))


def _variance(strata: Sequence[Stratum], true: float) -> float:
    """How widely the estimated probability scatters around the true one."""
    one_more, two = (1 - true) / (2 - true), true / (1 + true)
    parts = []
    for part in strata:
        n, m = len(part.one), len(part.other)
        others = (n + m) / 2 - 1
        parts.append(true * (1 - true) * (1 + others * (one_more + two)) / (n * m))
    return sum(parts) / len(parts) ** 2


def _edge(value: float, end: float, inside: Callable[[float], bool]) -> float:
    """The last true probability from the estimate to an end that it may be of."""
    if value == end:
        return end
    near, far = value, end
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        near, far = (middle, far) if inside(middle) else (near, middle)
    return (near + far) / 2


def _bootstrap(
    strata: Sequence[Stratum],
    statistic: Callable[[_Counts], Floats],
    level: float,
) -> tuple[float, float]:
    sizes = [len(values) for part in strata for values in (part.one, part.other)]
    if min(sizes) < 2:
        return math.nan, math.nan
    labels = np.repeat(np.arange(len(sizes)), sizes).tolist()
    ends = np.cumsum(sizes)[:-1]

    def of_counts(counts: Floats) -> Floats:
        pieces = np.split(counts, ends, axis=1)
        return statistic(list(zip(pieces[::2], pieces[1::2], strict=True)))

    return bootstrap.interval_of(of_counts, level, labels)


def runs_needed(strata: Sequence[Stratum], level: float) -> float:
    """How many runs each sample needs in each stratum for Welch's interval to leave zero out.

    That is what it does in 80 of 100 such experiments (its power, as Colas et al., 2018, plan it),
    if difference and deviations are those that were seen. Infinite where more than a thousand
    are needed, NaN where a sample has one run or no run differs from another.
    """
    error, _ = _error(strata)
    gap = abs(difference(strata))
    if math.isnan(error) or (error == 0 and gap == 0):
        return math.nan
    variances = np.array([v.var(ddof=1) for part in strata for v in (part.one, part.other)])
    spread = float(variances.sum()) / len(strata) ** 2
    if spread == 0:
        return 2.0
    weights = variances / variances.sum()

    def settles(runs: int) -> bool:
        freedom = (runs - 1) / float(np.sum(weights**2))
        # The one-sided quantile of 80 % is the two-sided one of 60 %.
        reach = student.quantile(freedom, level) + student.quantile(freedom, 2 * POWER - 100)
        return reach * math.sqrt(spread / runs) <= gap

    if not settles(MOST_RUNS):
        return math.inf
    return 2.0 + bisect_left(range(2, MOST_RUNS), True, key=settles)  # noqa: FBT003
