"""The rows of each run as x and y."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from exptools.hints import suggestion
from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.arrays import Series
from exptools.viewing.curves.statistics.options import several_names
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.metric_names import find_metric, means_metric, nothing_yet
from exptools.viewing.groups.names import SUMMARY
from exptools.viewing.index import Index
from exptools.viewing.metrics.columns import Columns, is_absent
from exptools.viewing.run import Run, natural_key

RELATIVE_TIME = "relative_time"  # seconds since the run's first row
ROWS = "the number of the row"


def logged_metric(index: Index, runs: Sequence[Run], name: str) -> str:
    """The whole name of a metric, of which the end may be given.

    Raises:
        QueryError: no run has logged it, with the nearest name that one has; or several metrics
            end so.
    """
    tags = index.every_metric(runs)
    metric = find_metric(tags, runs, name, of_a_curve=True)
    if metric not in tags and any(metric.removeprefix(SUMMARY) in run.summary for run in runs):
        raise QueryError(f"{name!r} is one value a run, in its summary: it has no curve")
    return metric


def metric_names(
    index: Index, runs: Sequence[Run], metrics: str | Sequence[str] | None
) -> Sequence[str]:
    """The whole names of the metrics that are asked for; None: of all, in natural order."""
    if metrics is None:
        return sorted(index.tags(runs), key=natural_key)
    names = several_names("metrics", metrics)
    return [logged_metric(index, runs, name) for name in names]


def axis(index: Index, runs: Sequence[Run], metric: str, x: str) -> str:
    """The whole name of what a metric is drawn over, of which the end may be given.

    Raises:
        QueryError: several metrics end so.
    """
    tags = index.tags(runs)
    if x in (STEP, WALL_TIME, RELATIVE_TIME, metric) or not means_metric(tags, x):
        return x
    return find_metric(tags, (), x)


def find_series(
    index: Index, runs: Sequence[Run], metric: str, x: str
) -> tuple[str, str, dict[str, Series]]:
    """The whole names of a metric and of x, of which the ends may be given, and their series."""
    series = _read(index, runs, metric, x)
    if any(len(points) for points, _ in series.values()):  # they are whole, and nobody need look
        return metric, x, series
    whole = logged_metric(index, runs, metric)
    over = axis(index, runs, whole, x)
    return whole, over, read_series(index, runs, whole, over)


def read_series(index: Index, runs: Sequence[Run], metric: str, x: str) -> dict[str, Series]:
    """x and y of each run by its name: the rows that have both.

    What else was logged and stands in other rows than the metric is joined to it by step.
    """
    series = _read(index, runs, metric, x)
    if not any(len(points) for points, _ in series.values()):
        logged_metric(index, runs, metric)
        tags = index.every_metric(runs)
        names = [STEP, WALL_TIME, RELATIVE_TIME, *tags]
        if x not in names and not nothing_yet(tags, runs):
            raise QueryError(f"no run has logged x={x!r}; {suggestion(x, names)}")
    return series


def _read(index: Index, runs: Sequence[Run], metric: str, x: str) -> dict[str, Series]:
    if x == RELATIVE_TIME:
        return _since_start(index, runs, metric)
    if x in (STEP, WALL_TIME, metric):
        return index.series(runs, metric, x)
    return _joined(index, runs, metric, x)


def what_step_is(index: Index, runs: Iterable[Run], metric: str, x: str) -> Iterator[str]:
    """A sentence where the files of a metric do not call it ``step`` themselves."""
    if x != STEP:
        return
    counted = Counter(name for run in runs for name in index.counted_by(run, metric))
    if counted.keys() <= {STEP}:
        return
    if len(counted) == 1:
        (name,) = counted
        yield f"step is {ROWS if name is None else name}, as no column is called step."
        return
    each = ", ".join(
        f"{ROWS if name is None else name} in {number} run{'s' * (number > 1)}"
        for name, number in counted.items()
    )
    yield f"step is not the same in all runs: {each}. x can be any column that all have."


def not_placed(
    index: Index, metric: str, x: str, series: Mapping[str, Series], runs: Iterable[Run]
) -> int:
    """How many values of a metric have no x, as nothing was logged of it at their steps."""
    if x in (STEP, WALL_TIME, RELATIVE_TIME, metric):
        return 0
    those = [run for run in runs if len(series[run.name][0])]
    logged = index.columns(those, [metric])
    return sum(
        int(np.count_nonzero(columns.logged(metric))) - len(series[name][0])
        for name, columns in logged.items()
    )


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
