"""The rows of each run as x and y."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exptools.hints import suggestion
from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.arrays import Series
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.names import SUMMARY
from exptools.viewing.index import Index
from exptools.viewing.metrics.columns import Columns, is_absent
from exptools.viewing.run import Run, natural_key

RELATIVE_TIME = "relative_time"  # seconds since the run's first row


def check_metric(index: Index, runs: Sequence[Run], name: str) -> None:
    """Raise QueryError where no run has logged this, with the nearest name that one has."""
    tags = index.tags(runs)
    if name not in tags and any(name.removeprefix(SUMMARY) in run.summary for run in runs):
        raise QueryError(f"{name!r} is one value a run, in its summary: it has no curve")
    if name not in tags:
        raise QueryError(f"no run has logged {name!r}; {suggestion(name, tags)}")


def metric_names(
    index: Index, runs: Sequence[Run], metrics: str | Sequence[str] | None
) -> Sequence[str]:
    """The metrics that are asked for; None: all, in natural order."""
    if metrics is None:
        return sorted(index.tags(runs), key=natural_key)
    names = (metrics,) if isinstance(metrics, str) else metrics
    for name in names:
        check_metric(index, runs, name)
    return names


def read_series(index: Index, runs: Sequence[Run], metric: str, x: str) -> dict[str, Series]:
    """x and y of each run by its name: the rows that have both.

    What else was logged and stands in other rows than the metric is joined to it by step.
    """
    if x == RELATIVE_TIME:
        series = _since_start(index, runs, metric)
    elif x in (STEP, WALL_TIME, metric):
        series = index.series(runs, metric, x)
    else:
        series = _joined(index, runs, metric, x)
    if not any(len(points) for points, _ in series.values()):
        check_metric(index, runs, metric)
        names = [STEP, WALL_TIME, RELATIVE_TIME, *index.tags(runs)]
        if x not in names:
            raise QueryError(f"no run has logged x={x!r}; {suggestion(x, names)}")
    return series


def _since_start(index: Index, runs: Sequence[Run], metric: str) -> dict[str, Series]:
    """Seconds since the first row of the run, and the metric."""
    series = {}
    for name, columns in index.columns(runs, [WALL_TIME, metric]).items():
        x, y = columns.series(metric, WALL_TIME)
        clock = columns[WALL_TIME] if WALL_TIME in columns else np.empty(0)
        times = clock[np.isfinite(clock)]
        series[name] = (x - times[0] if len(times) else x, y)
    return series


def _joined(index: Index, runs: Sequence[Run], metric: str, x: str) -> dict[str, Series]:
    """A metric over another one: of its own row, else the last of those at the same step."""
    by_run = index.columns(runs, [STEP, x, metric])
    return {name: _joined_by_step(columns, metric, x) for name, columns in by_run.items()}


def _joined_by_step(columns: Columns, metric: str, x: str) -> Series:
    own = columns.series(metric, x)
    if metric not in columns or x not in columns:
        return own
    logged = columns.logged(metric)
    steps, values = columns.series(x)
    if not len(steps) or len(own[1]) == np.count_nonzero(logged):  # or every row has both
        return own
    places = columns[x].copy()
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    lacking = np.flatnonzero(logged & ~columns.logged(x))
    wanted = columns[STEP][lacking]
    at = np.searchsorted(steps, wanted, side="right") - 1  # the last of a step
    there = (at >= 0) & (steps[at] == wanted)
    places[lacking[there]] = values[at[there]]
    keep = logged & ~is_absent(places)
    return places[keep], columns[metric][keep]
