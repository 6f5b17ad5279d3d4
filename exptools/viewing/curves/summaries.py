"""One number a run, and what the runs of a group came to: for tables, bars and best settings."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exptools.metrics import better as better_by_name
from exptools.viewing.arrays import Floats
from exptools.viewing.configs.values import MISSING
from exptools.viewing.curves.endings import (
    Member,
    ended_early,
    is_finished,
    members,
    still_going,
)
from exptools.viewing.curves.statistics.aggregation import Method, aggregate
from exptools.viewing.curves.statistics.alignment import Tidy, tidy
from exptools.viewing.curves.statistics.centers import scale_of
from exptools.viewing.curves.statistics.options import Choice, Option, parse
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.metric_names import find_metric
from exptools.viewing.groups.names import SUMMARY
from exptools.viewing.index import Index
from exptools.viewing.run import Run, natural_key
from exptools.viewing.wording import shortened

_LARGEST = sys.float_info.max
SUMMARIES = {
    "last": Choice(),
    "min": Choice(),
    "max": Choice(),
    "mean": Choice((None,), 1, 1e9, "a whole number of last values, as in mean:10,", whole=True),
    "at": Choice((None,), -_LARGEST, _LARGEST, "a value of x, as in at:1000,"),
    "auc": Choice(),
}
BEST = "best"  # as a summary: min or max, whichever is better


@dataclass(frozen=True)
class Cell:
    """What the runs of a group came to."""

    center: float  # NaN where no run has a finite value
    low: float  # the band's edges; NaN where it has none: no band asked for, or n < 2
    high: float
    n: int  # runs with a finite value
    runs: int  # all runs of the group; those that diverged or have not logged it are not in n
    best: bool = False  # of its column
    early: int = 0  # runs of n that failed, were killed or interrupted, or timed out
    going: int = 0  # runs of n that are running or queued
    pending: int = 0  # running or queued runs that have no value yet, not in n
    missing: int = 0  # runs that have ended without a value, not in n; the others are not finite


def parse_summary(text: str) -> Option:
    """Read a summary's name: ``last``, ``min``, ``max``, ``mean:10``, ``at:1000``, ``auc``."""
    return parse("summary", text, SUMMARIES)


def summary_said(metric: str, summary: str, said: Mapping[str, str]) -> str:
    """The summary of a metric of a table, of which ``said`` may tell what is better."""
    say = f', or say which by better={{"{metric}": "min"}} (--min on the command line)'
    return summary_of(metric, summary, direction(metric, said), or_else=say)


def summary_of(metric: str, summary: str, mode: str | None = None, *, or_else: str = "") -> str:
    """The summary of a metric; ``best`` is ``max`` or ``min``, as said or as its name tells.

    ``or_else`` is what the error has to say of where it can be said.
    """
    parse("summary", summary, {**SUMMARIES, BEST: Choice()})
    if summary != BEST:
        return summary
    mode = mode or better_by_name(metric)
    if mode is None:
        raise QueryError(
            f"whether more or less of {metric} is better is not known: "
            f"ask for its max or its min instead of the best{or_else}"
        )
    return mode


def direction(metric: str, said: Mapping[str, str]) -> str | None:
    """Which is better of a metric, ``max`` or ``min``, as said or as its name tells."""
    if metric not in said:
        return better_by_name(metric)
    return parse(f"direction of {metric}", said[metric], {"max": Choice(), "min": Choice()}).name


def summarize(x: Floats, y: Floats, summary: Option) -> float:
    """A run's curve in one number; NaN where the run has no such number.

    - ``last``: the last value, NaN if that is not finite, for a run that diverged ends so;
    - ``min``, ``max``: of the values that are finite;
    - ``mean:k``: of the last k values, or of all if there are fewer; NaN if one is not finite;
    - ``at:x``: the value there, or on the line between its neighbours; NaN outside of the run
      or if it is not finite;
    - ``auc``: the area under the curve by trapezoids, in units of x times y; NaN with a gap.

    Of several values at one x ``min``, ``max`` and ``mean`` take all, the others the last.
    """
    if summary.name in ("min", "max", "mean"):
        return _of_all_rows(x, y, summary)
    (run,) = tidy([(x, y)])
    if not len(run.x):
        return math.nan
    if summary.name == "last":
        return float(run.y[-1])
    if summary.name == "at":
        return _at(run, summary.numbers[0])
    return _area(run)


def number_of(x: Floats, y: Floats, summary: Option) -> float | None:
    """The same; None where nothing was logged, or nothing as far as the x that is asked for."""
    if not len(x) or (summary.name == "at" and not _spans(x, summary.numbers[0])):
        return None
    return summarize(x, y, summary)


def _spans(x: Floats, at: float) -> bool:
    placed = x[np.isfinite(x)]
    return bool(len(placed) and placed.min() <= at <= placed.max())


def _of_all_rows(x: Floats, y: Floats, summary: Option) -> float:
    """A summary of each value that was logged at some x, those at one x in the order of the log."""
    placed = np.isfinite(x)
    x, y = (x, y) if placed.all() else (x[placed], y[placed])
    if not len(y):
        return math.nan
    if summary.name == "mean":
        window = y[np.argsort(x, kind="stable")[-int(summary.numbers[0]) :]]
        if not np.isfinite(window).all():
            return math.nan
        with np.errstate(over="ignore"):
            mean = float(np.mean(window))
        return mean if math.isfinite(mean) else float(np.sum(window / len(window)))
    extreme = np.fmin if summary.name == "min" else np.fmax
    return float(extreme.reduce(np.where(np.isfinite(y), y, np.nan)))


def summarize_runs(
    index: Index, runs: Sequence[Run], metric: str, summary: Option
) -> dict[str, float | None]:
    """The number of each run by its name; None where the run has not logged the metric (so far).

    Of a value in the runs' summaries, by its name where no metric has that, or as
    ``summary.<name>``, it is the number itself.
    """
    tags = index.every_metric(runs)
    metric = find_metric(tags, runs, metric)
    said = said_of_runs(tags, runs, metric)
    if said is not None:
        texts = [value for value in said if isinstance(value, str)]
        if texts and len(texts) == sum(value is not MISSING for value in said):
            raise QueryError(
                f"{metric!r} is a text in the runs' summaries, {shortened(repr(texts[0]))}: "
                "there is no number to take"
            )
        return {run.name: _number(value) for run, value in zip(runs, said, strict=True)}
    series = index.series(runs, metric)
    return {name: number_of(x, y, summary) for name, (x, y) in series.items()}


def said_of_runs(tags: Collection[str], runs: Sequence[Run], name: str) -> list[Any] | None:
    """The value of each run's summary, MISSING where it has none; None where it is a metric's name.

    Args:
        tags: the names of the runs' metrics.
        runs: the runs.
        name: what ``find_metric`` found.
    """
    if name in tags:
        return None
    for own in (name, name.removeprefix(SUMMARY)):
        if any(own in run.summary for run in runs):
            return [run.summary.get(own, MISSING) for run in runs]
    return None


def measured_names(runs: Sequence[Run]) -> list[str]:
    """Those of them that a run has a number of."""
    said = (item for run in runs for item in run.summary.items())
    return sorted({name for name, value in said if not isinstance(value, str)}, key=natural_key)


def _number(value: Any) -> float | None:
    """A value of a summary as a number, None where it is none."""
    if value is MISSING or isinstance(value, str):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf if value > 0 else -math.inf


def cell_of(runs: Sequence[Run], values: Mapping[str, float | None], method: Method) -> Cell | None:
    """What some runs came to, given each one's number by its name; None where there is no run."""
    if not runs:
        return None
    numbers = [number for run in runs if (number := values[run.name]) is not None]
    without = [run for run in runs if values[run.name] is None]
    pending = len(still_going(without))
    missing = len(without) - pending
    counted = in_numbers(runs, values)
    # One point a run is a curve, too: the same numbers as in a figure.
    curve = aggregate([(np.zeros(1), np.array([number])) for number in numbers], method)
    if not len(curve.x):
        nothing = (math.nan, math.nan, math.nan, 0, len(runs))
        return Cell(*nothing, pending=pending, missing=missing)
    low, high, n = float(curve.low[0]), float(curve.high[0]), int(curve.n[0])
    early, going = len(ended_early(counted)), len(still_going(counted))
    return Cell(
        *(float(curve.center[0]), low, high, n, len(runs)),
        early=early,
        going=going,
        pending=pending,
        missing=missing,
    )


def in_numbers(runs: Iterable[Run], values: Mapping[str, float | None]) -> list[Run]:
    """The runs whose number is finite."""
    numbers = ((run, values[run.name]) for run in runs)
    return [run for run, number in numbers if number is not None and math.isfinite(number)]


def members_of(
    index: Index, runs: Sequence[Run], metric: str, values: Mapping[str, float | None]
) -> dict[str, Member]:
    """Of each run that has a number, by its name: its state, and the last step of the metric.

    Nothing where all runs finished.
    """
    if all(map(is_finished, runs)):
        return {}
    counted = in_numbers(runs, values)
    if metric not in index.every_metric(runs):  # of a summary, which has no step
        return {run.name: Member(run.name, run.state, math.nan) for run in counted}
    return {member.name: member for member in members(counted, index.series(counted, metric))}


def _at(run: Tidy, x: float) -> float:
    inside = run.x[0] <= x <= run.x[-1]
    exact = np.flatnonzero(run.x == x)
    if len(exact):
        return float(run.y[exact[0]])
    return float(np.interp(x, run.x, run.y)) if inside else math.nan


def _area(run: Tidy) -> float:
    if not np.isfinite(run.y).all():
        return math.nan
    scale = scale_of(run.bound)
    heights = run.y / scale
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(run.x)).sum() * scale)
