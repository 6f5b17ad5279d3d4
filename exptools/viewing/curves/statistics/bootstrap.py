"""Confidence intervals by stratified bootstrap, as Agarwal et al. (2021) and rliable take them.

Runs are drawn with replacement among those of their stratum, for example of their task; the
interval is between the percentiles of the centres of many such samples. The draws are the same
at each call: the same runs have the same interval, whatever else is shown.

Of few runs the interval is too narrow. Of normal values 95 % intervals hold the mean in 50 % of
cases at two runs, 75 at three, 80 at four, 83 at five, 90 at ten, 93 at twenty; Student's in 95.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from exptools.viewing.arrays import Bools, Floats, Ints
from exptools.viewing.curves.statistics.centers import center, cut_of

SAMPLES = 2000  # as the authors take for curves
MOST_CELLS = 2**22  # drawn values in memory at once


def interval(
    values: Floats, kind: str, level: float, strata: Sequence[Hashable]
) -> tuple[Floats, Floats]:
    """The confidence interval of the centre at each point; NaN where fewer than two runs are.

    A run without a value (NaN in ``values``) is not drawn there. ``level`` is in percent;
    ``strata`` has the stratum of each run.
    """
    low, high = np.full((2, values.shape[1]), np.nan)
    numbers = {stratum: number for number, stratum in enumerate(dict.fromkeys(strata))}
    labels = np.array([numbers[stratum] for stratum in strata])
    for members, columns in _same_runs(np.isfinite(values)):
        if len(members) < 2:
            continue
        drawn, times = _draws(tuple(labels[members].tolist()))
        alike = len(np.unique(labels[members])) == 1
        weights = _weights(drawn, cut_of(len(members), kind)) if alike or kind == "mean" else None
        at_once = max(1, MOST_CELLS // (drawn.size if weights is None else len(drawn)))
        for piece in np.split(columns, range(at_once, len(columns), at_once)):
            there = values[np.ix_(members, piece)]
            if weights is None:
                centers = _centers(there, drawn, kind)
            else:
                centers = (there if kind == "mean" else np.sort(there, axis=0)).T @ weights.T
            low[piece], high[piece] = _edges(centers, times, level)
    return low, high


def difference_interval(
    own: Floats, base: Floats, kind: str, level: float
) -> tuple[Floats, Floats]:
    """The interval of one group's centre less another's, each drawn by itself; NaN of fewer than 2.

    Both are [runs, points]; the draws are the same at each call.
    """
    both = np.concatenate([own, base])
    low, high = np.full((2, both.shape[1]), np.nan)
    tail = (100 - level) / 2
    for members, columns in _same_runs(np.isfinite(both)):
        sides = members[members < len(own)], members[members >= len(own)]
        if min(map(len, sides)) < 2:
            continue
        random = np.random.default_rng(0)
        drawn = [s[random.integers(len(s), size=(SAMPLES, len(s)))] for s in sides]
        at_once = max(1, MOST_CELLS // max(one.size for one in drawn))
        for piece in np.split(columns, range(at_once, len(columns), at_once)):
            mine, theirs = (_centers(both[:, piece], one, kind) for one in drawn)
            low[piece], high[piece] = np.percentile(mine - theirs, [tail, 100 - tail], axis=1)
    return low, high


def interval_of(
    statistic: Callable[[Floats], Floats], level: float, strata: Sequence[Hashable]
) -> tuple[float, float]:
    """The confidence interval of any number that is made of runs, each of some stratum.

    ``statistic`` gets how often each run is in a sample, [samples, runs], and gives each sample's
    number. ``level`` is in percent.
    """
    numbers = {stratum: number for number, stratum in enumerate(dict.fromkeys(strata))}
    drawn, times = _draws(tuple(numbers[stratum] for stratum in strata))
    counts = np.zeros(drawn.shape)
    np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1)
    low, high = _edges(statistic(counts)[None, :], times, level)
    return float(low[0]), float(high[0])


def _same_runs(has: Bools) -> Iterator[tuple[Ints, Ints]]:
    """For each set of runs that has a value somewhere: these runs, and the points where."""
    packed = np.packbits(has, axis=0)
    _, first, which = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    for number, column in enumerate(first):
        yield np.flatnonzero(has[:, column]), np.flatnonzero(which.ravel() == number)


@lru_cache(maxsize=8)
def _draws(strata: tuple[int, ...]) -> tuple[Ints, Ints]:
    """The different samples, [different, runs], 126 of five runs, and how often each was drawn."""
    labels = np.array(strata)
    random = np.random.default_rng(0)
    drawn = np.empty((SAMPLES, len(labels)), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        drawn[:, members] = members[random.integers(len(members), size=(SAMPLES, len(members)))]
    drawn.sort(axis=1)
    different, times = np.unique(drawn, axis=0, return_counts=True)
    return different, times


def _weights(drawn: Ints, cut: int) -> Floats:
    """How much each run counts in the centre of each sample, the runs being in ascending order.

    Where all runs are alike, to draw of them is to draw of their ranks. As the drawn ranks are
    sorted, the sample's own lowest and highest are the first and the last, and a centre is a sum.
    """
    kept = drawn[:, cut : drawn.shape[1] - cut]
    weights = np.zeros(drawn.shape)
    np.add.at(weights, (np.arange(len(drawn))[:, None], kept), 1 / kept.shape[1])
    return weights


def _centers(values: Floats, drawn: Ints, kind: str) -> Floats:
    """The centre of each sample at each point: [points, samples]."""
    samples, runs = drawn.shape
    sampled = values.T[:, drawn.T].transpose(1, 0, 2).reshape(runs, -1)
    n = np.full(sampled.shape[1], runs)
    return center(sampled, n, kind).reshape(-1, samples)


def _edges(centers: Floats, times: Ints, level: float) -> tuple[Floats, Floats]:
    """The percentiles that enclose the level, as of all samples, interpolated linearly."""
    tail = (100 - level) / 200
    if len(times) * 2 < SAMPLES:
        return _weighted(centers, times, tail), _weighted(centers, times, 1 - tail)
    every = centers if len(times) == SAMPLES else np.repeat(centers, times, axis=1)
    high = _taken(every, (1 - tail) * (SAMPLES - 1))
    return _taken(every[:, : math.ceil((1 - tail) * (SAMPLES - 1))], tail * (SAMPLES - 1)), high


def _taken(every: Floats, rank: float) -> Floats:
    """The value at a rank of each row, which puts the lower ones before it.

    To order them all would take several times as long.
    """
    whole = math.ceil(rank)
    every.partition(whole, axis=1)
    high = every[:, whole]
    low = high if rank == whole else every[:, :whole].max(axis=1)
    between: Floats = low + (rank - math.floor(rank)) * (high - low)
    return between


def _weighted(centers: Floats, times: Ints, part: float) -> Floats:
    """The same of few different samples, each of which was drawn several times."""
    order = np.argsort(centers, axis=1)
    reached = np.cumsum(times[order], axis=1)
    rank = part * (SAMPLES - 1)
    low, high = (
        np.take_along_axis(centers, np.take_along_axis(order, at[:, None], 1), 1)[:, 0]
        for at in ((reached <= whole).sum(axis=1) for whole in (np.floor(rank), np.ceil(rank)))
    )
    between: Floats = low + (rank - np.floor(rank)) * (high - low)
    return between
