"""From the runs of a group to one curve: aligned by x, with mean, spread and number of runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGE = 1e150  # squares of larger numbers overflow

Floats = NDArray[np.float64]
Series = tuple[Floats, Floats]  # x and y of one run, of one length, in any order of x


@dataclass(frozen=True)
class Curve:
    """A group's curve; all arrays have the shape [points]."""

    x: Floats  # ascending
    mean: Floats  # NaN where no run has a value: a gap
    std: Floats  # sample standard deviation (ddof=1) over the runs; 0 where n < 2
    n: NDArray[np.int64]  # runs that have a value at x


def aggregate(runs: Iterable[Series]) -> Curve:
    """Average runs at every x that any of them has.

    Between its own points a run counts with the straight line through them; before its first and
    after its last point it does not count. A value that is not finite is a gap of its run up to
    the neighbouring points. Of several values at one x the last one counts. Runs without a point
    do not count at all. Where no run reaches, a NaN keeps the line from bridging the hole.
    """
    tidy = [series for series in (_tidy(x, y) for x, y in runs) if len(series[0])]
    scale = _scale(y for _, y in tidy)
    points = np.unique(np.concatenate([x for x, _ in tidy] + [_holes(tidy)]))
    n = np.zeros(len(points), np.int64)
    mean, squares = np.zeros(len(points)), np.zeros(len(points))
    for x, y in tidy:  # Welford's update: one run at a time in memory, and numerically stable
        values = _interpolate(points, x, y / scale)
        has = np.isfinite(values)
        n += has
        delta = np.where(has, values - mean, 0.0)
        mean += delta / np.maximum(n, 1)
        squares += delta * np.where(has, values - mean, 0.0)
    mean[n == 0] = np.nan
    return Curve(points, mean * scale, np.sqrt(squares / np.maximum(n - 1, 1)) * scale, n)


def final_value(curve: Curve) -> float:
    """The last mean that is a number, NaN where none is."""
    values = curve.mean[np.isfinite(curve.mean)]
    return float(values[-1]) if len(values) else float("nan")


def _scale(values: Iterable[Floats]) -> float:
    """What to divide by so that squares stay finite: a power of two, which loses no digit."""
    largest = max((float(np.nanmax(np.abs(y), initial=0.0)) for y in values), default=0.0)
    return 2.0 ** (math.frexp(largest)[1] - 1) if largest > LARGE else 1.0


def _tidy(x: Floats, y: Floats) -> Series:
    """Ascending and unique in x, every value that is not finite as NaN."""
    known = np.isfinite(x)
    x, y = x[known], y[known]
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    last = np.append(x[1:] != x[:-1], True)[: len(x)]
    x, y = x[last], y[last]
    return x, np.where(np.isfinite(y), y, np.nan)


def _holes(runs: list[Series]) -> Floats:
    """An x within every stretch that lies between the ranges of runs and in none of them."""
    ranges = sorted((x[0], x[-1]) for x, _ in runs)
    holes, reach = [], ranges[0][1] if ranges else 0.0
    for start, end in ranges:
        if start > reach:
            holes.append((reach + start) / 2)
        reach = max(reach, end)
    return np.array(holes, np.float64)


def _interpolate(points: Floats, x: Floats, y: Floats) -> Floats:
    right = np.minimum(np.searchsorted(x, points), len(x) - 1)
    left = np.maximum(right - 1, 0)
    width = np.where(right > left, x[right] - x[left], 1.0)
    # Weights, not slopes: at a point of the run itself its neighbour, NaN perhaps, has no say.
    between = y[left] + (points - x[left]) / width * (y[right] - y[left])
    values = np.where(x[right] == points, y[right], between)
    return np.where((points >= x[0]) & (points <= x[-1]), values, np.nan)
