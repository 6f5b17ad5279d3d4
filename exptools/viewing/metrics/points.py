"""Rows from metrics that were logged one by one: a row a step, as progress.csv has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.metrics.logged_rows import LoggedRows
from exptools.viewing.run import Fault

MAX_CELLS = 2**27  # of a run's rows: 1 GiB of numbers


class TooManyCells(Exception):
    """Metrics that share hardly any steps would fill the memory with gaps."""


class Points(NamedTuple):
    """What was logged of one metric, in the order in which it was logged."""

    steps: NDArray[np.float64]
    walls: NDArray[np.float64]  # Unix seconds, NaN where not known
    values: NDArray[np.float64]


def as_rows(metrics: Mapping[str, Points], faults: Sequence[Fault] = ()) -> LoggedRows:
    """One row for each step, in their order; the wall time of a row is its last value's.

    A metric that was logged n times for a step makes n rows of it. A metric's own step and wall
    time, should it be named like them, is left to those. Points that share hardly any steps would
    make a table of nearly nothing but gaps: with more than ``MAX_CELLS`` they are refused.

    Raises:
        TooManyCells: there are too many metrics at too many steps.
    """
    points = {tag: points for tag, points in metrics.items() if tag not in (STEP, WALL_TIME)}
    if not points:
        return LoggedRows(faults=tuple(faults))
    times = {tag: _times(its.steps) for tag, its in points.items()}
    steps, row_of = _rows(
        np.concatenate([points[tag].steps for tag in points]),
        np.concatenate([times[tag] for tag in points]),
    )
    if len(points) * len(steps) > MAX_CELLS:
        raise TooManyCells(f"{len(points):,} metrics at {len(steps):,} steps are not read")
    walls = np.full(len(steps), -np.inf)
    np.fmax.at(walls, row_of, np.concatenate([its.walls for its in points.values()]))
    columns = [pl.Series(STEP, steps), pl.Series(WALL_TIME, walls).replace(-np.inf, None)]
    begin = 0
    for tag, its in points.items():
        here = row_of[begin : begin + len(its.values)]
        columns.append(_scattered(tag, its.values, here, len(steps)))
        begin += len(its.values)
    return LoggedRows(pl.DataFrame(columns), tuple(faults))


def _rows(
    steps: NDArray[np.float64], times: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The steps of the rows, and each point's row: told by its step and its time."""
    if not times.any():
        return np.unique(steps, return_inverse=True)
    order = np.lexsort((times, steps))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(steps[order]) != 0) | (np.diff(times[order]) != 0)
    row_of = np.empty(len(order), np.intp)
    row_of[order] = np.cumsum(new) - 1
    return steps[order][new], row_of


def _times(steps: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each point, how many points of the same step stand before it."""
    if len(steps) < 2 or (np.diff(steps) > 0).all():
        return np.zeros(len(steps), np.int64)
    order = np.argsort(steps, kind="stable")
    ordered = steps[order]
    first = np.searchsorted(ordered, ordered, side="left")
    times = np.empty(len(steps), np.int64)
    times[order] = np.arange(len(steps)) - first
    return times


def _scattered(
    name: str, values: NDArray[np.float64], rows: NDArray[np.intp], height: int
) -> pl.Series:
    spread, missing = np.full(height, np.nan), np.ones(height, bool)
    spread[rows], missing[rows] = values, False
    series = pl.Series(name, spread)
    return series.set(pl.Series(missing), None) if missing.any() else series
