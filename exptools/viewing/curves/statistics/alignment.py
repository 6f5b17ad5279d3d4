"""Runs side by side by value of x: the points of a group, and each run's value at them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exptools.viewing.arrays import Floats, Ints, Series

MOST_CELLS = 2**21  # values of all runs at some of the points, in memory at once


@dataclass(frozen=True)
class Tidy:
    """The points of one run in order."""

    x: Floats  # ascending, unique, finite
    y: Floats  # NaN where the value is not finite
    not_finite: int  # values that are NaN or infinite
    backward: int  # rows whose x is not above that of the row before
    bound: float  # no value is larger


@dataclass(frozen=True)
class _Order:
    """How the points of some x come in order; runs with the same x share it."""

    raw: Floats
    x: Floats
    rows: Ints | None  # of the raw ones; None where these are in order
    backward: int


def tidy(runs: Iterable[Series]) -> list[Tidy]:
    """Order the points of each run by x, if finite; of several values at one x the last counts."""
    tidied: list[Tidy] = []
    order: _Order | None = None
    with np.errstate(over="ignore", invalid="ignore"):  # in the squares
        for x, y in runs:
            if order is None or (x is not order.raw and not np.array_equal(x, order.raw)):
                order = _ordered(x)
            tidied.append(_tidy(order, y))
    return tidied


def _ordered(x: Floats) -> _Order:
    forward = x[1:] > x[:-1]
    if forward.all() and np.isfinite(x).all():
        return _Order(x, x, None, 0)
    finite = np.flatnonzero(np.isfinite(x))
    backward = len(finite) - 1 - int(np.count_nonzero(x[finite][1:] > x[finite][:-1]))
    rows = finite[np.argsort(x[finite], kind="stable")]
    last = np.append(x[rows][1:] != x[rows][:-1], True)[: len(rows)]
    return _Order(x, x[rows[last]], rows[last], max(backward, 0))


def _tidy(order: _Order, y: Floats) -> Tidy:
    y = y if order.rows is None else y[order.rows]
    squares = float(y @ y)  # finite only where every value is: the cheapest way to see that
    if squares < math.inf:
        return Tidy(order.x, y, 0, order.backward, math.sqrt(squares))
    finite = np.isfinite(y)
    y = np.where(finite, y, np.nan)
    largest = float(np.max(np.abs(y[finite]), initial=0.0))
    return Tidy(order.x, y, int(np.count_nonzero(~finite)), order.backward, largest)


def binned(run: Tidy, width: float) -> Tidy:
    """A point at the middle of every bin in which a run has values: their mean.

    The bins' edges are the multiples of ``width``, the same for all runs, whichever are shown.
    """
    number = np.floor(run.x / width)
    finite = np.isfinite(run.y)
    bins, place = np.unique(number, return_inverse=True)
    count = np.bincount(place[finite], minlength=len(bins))
    total = np.bincount(place[finite], weights=run.y[finite], minlength=len(bins))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return replace(run, x=(bins + 0.5) * width, y=mean)


def shared_x(runs: Sequence[Tidy]) -> Floats | None:
    """The x of all runs if they have the same, which spares to interpolate."""
    first = runs[0].x
    same = all(run.x is first or np.array_equal(run.x, first) for run in runs[1:])
    return first if same else None


def union(runs: Sequence[Tidy]) -> Floats:
    """Every x that any run has, and one in every stretch between runs in which none has any."""
    return np.unique(np.concatenate([*(run.x for run in runs), _holes(runs)]))


def values_at(
    runs: Sequence[Tidy], points: Floats, *, aligned: bool, between: bool
) -> Iterator[Floats]:
    """The runs' values at ascending points, in pieces of shape [runs, some of the points].

    Before a run's first point, after its last one and next to its gaps the value is NaN; and
    ``between`` its points, too, if that is not set. ``aligned``: the points are the x of all runs.
    """
    at_once = max(1, MOST_CELLS // len(runs))
    for start in range(0, len(points), at_once):
        piece = slice(start, start + at_once)
        if aligned:
            yield np.stack([run.y[piece] for run in runs])
        else:
            yield np.stack([_values(points[piece], run.x, run.y, between=between) for run in runs])


def _holes(runs: Sequence[Tidy]) -> Floats:
    ranges = sorted((run.x[0], run.x[-1]) for run in runs)
    holes, reach = [], ranges[0][1]
    for start, end in ranges:
        if start > reach:
            holes.append(reach + (start - reach) / 2)
        reach = max(reach, end)
    return np.array(holes, np.float64)


def _values(points: Floats, x: Floats, y: Floats, *, between: bool) -> Floats:
    right = np.minimum(np.searchsorted(x, points), len(x) - 1)
    own = x[right] == points
    if not between:
        return np.where(own, y[right], np.nan)
    left = np.maximum(right - 1, 0)
    width = np.where(right > left, x[right] - x[left], 1.0)
    # Weights, not slopes: at a point of the run itself its neighbour, NaN perhaps, has no say.
    # In halves, for the largest numbers are as far apart as no number is large.
    line = 2 * (y[left] / 2 + (points - x[left]) / width * (y[right] / 2 - y[left] / 2))
    values = np.where(own, y[right], line)
    return np.where((points >= x[0]) & (points <= x[-1]), values, np.nan)
