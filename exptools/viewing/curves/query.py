"""From runs and a question to their curves: read, group, choose the best settings, aggregate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exptools.hints import suggestion
from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.configs.values import comparison_key, short_names
from exptools.viewing.curves.aggregation import Method, aggregate
from exptools.viewing.curves.curve_data import CurveData, GroupCurve
from exptools.viewing.curves.options import Choice, parse
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Group, Key, find_keys, groups, run_key
from exptools.viewing.index import Index
from exptools.viewing.run import Run

RELATIVE_TIME = "relative_time"  # seconds since the run's first row
MODES = {"max": Choice(), "min": Choice()}

Series = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Best:
    """Keep of each group only the runs with its best setting of other keys."""

    over: str | tuple[str, ...]  # the keys among whose settings the best one is taken
    mode: Literal["max", "min"] = "max"
    summary: str = "last"  # what a run is worth; a setting is worth the mean over its runs


def check_metric(index: Index, runs: Sequence[Run], name: str) -> None:
    """Raise QueryError where no run has logged this, with the nearest name that one has."""
    tags = index.tags(runs)
    if name not in tags:
        raise QueryError(f"no run has logged {name!r}; {suggestion(name, tags)}")


def read_series(index: Index, runs: Sequence[Run], metric: str, x: str) -> dict[str, Series]:
    """x and y of each run by its name: the rows that have both.

    Raises:
        QueryError: no run has logged the metric, or x.
    """
    series = _timed(index, runs, metric) if x == RELATIVE_TIME else index.series(runs, metric, x)
    if not any(len(points) for points, _ in series.values()):
        check_metric(index, runs, metric)
        tags = index.tags(runs)
        if x not in (STEP, WALL_TIME, RELATIVE_TIME, *tags):
            names = [STEP, WALL_TIME, RELATIVE_TIME, *tags]
            raise QueryError(f"no run has logged x={x!r}; {suggestion(x, names)}")
    return series


def curve_set(
    index: Index,
    runs: Sequence[Run],
    metric: str,
    by: Sequence[str] | None,
    x: str,
    how: Method,
    strata: str | None,
    best: Best | None,
) -> CurveData:
    """The curves of a metric; the arguments are those of ``Runs.curves``."""
    series = read_series(index, runs, metric, x)
    keys = [run_key("name")] if by is None else find_keys(runs, by)
    over = find_keys(runs, _checked(best)) if best else []
    stratum = find_keys(runs, [strata])[0] if strata else None
    curves = [_group_curve(group, series, how, stratum, over, best) for group in groups(runs, keys)]
    drawn = tuple(curve for curve in curves if len(curve.curve.x))
    names = short_names([key.name for key in keys])
    return CurveData(
        metric=metric,
        x=x,
        by=tuple(key.name for key in keys),
        legend=", ".join(names[key.name] for key in keys) if by is not None else "run",
        center=how.center,
        band=str(how.band),
        smooth=str(how.smooth),
        groups=drawn,
        over=tuple(key.name for key in over),
        notes=(*_notes(series, drawn, metric, x), *_lonely(drawn, stratum, how)),
    )


def _checked(best: Best) -> Sequence[str]:
    """The keys of a well-formed request."""
    parse("mode", best.mode, MODES)
    parse_summary(best.summary)
    return (best.over,) if isinstance(best.over, str) else best.over


def _timed(index: Index, runs: Sequence[Run], metric: str) -> dict[str, Series]:
    """Seconds since the first row of the run, and the metric."""
    timed = {}
    for name, columns in index.columns(runs, [WALL_TIME, metric]).items():
        x, y = columns.series(metric, WALL_TIME)
        clock = columns[WALL_TIME] if WALL_TIME in columns else np.empty(0)
        started = clock[np.isfinite(clock)]
        timed[name] = (x - started[0] if len(started) else x, y)
    return timed


def _group_curve(
    group: Group,
    series: Mapping[str, Series],
    how: Method,
    stratum: Key | None,
    over: Sequence[Key],
    best: Best | None,
) -> GroupCurve:
    setting = _best_setting(group, series, over, best) if best else None
    runs = setting.runs if setting else group.runs
    label = f"{group.label} ({setting.label})" if setting else group.label
    strata = [comparison_key(stratum.value(run)) for run in runs] if stratum else None
    curve = aggregate([series[run.name] for run in runs], how, strata)
    return GroupCurve(group.values, label, runs, curve, setting.values if setting else ())


def _best_setting(
    group: Group, series: Mapping[str, Series], over: Sequence[Key], best: Best
) -> Group:
    """The setting with the best mean summary; the first of equal ones, NaN behind all others."""
    sign = {"max": 1.0, "min": -1.0}[best.mode]
    summary = parse_summary(best.summary)

    def worth(setting: Group) -> float:
        values = np.array([summarize(*series[run.name], summary) for run in setting.runs])
        mean = float(np.mean(values / len(values)) * len(values))
        return -np.inf if np.isnan(mean) else sign * mean

    return max(groups(group.runs, over), key=worth)


def _notes(
    series: Mapping[str, Series], drawn: Sequence[GroupCurve], metric: str, x: str
) -> tuple[str, ...]:
    without = sum(not np.isfinite(points).any() for points, _ in series.values())
    gaps = sum(group.curve.not_finite for group in drawn)
    backward = sum(group.curve.backward for group in drawn)
    notes = []
    if without:
        notes.append(f"{without} of {len(series)} runs have no row with both {metric} and {x}.")
    if gaps:
        notes.append(f"{gaps} logged values are NaN or infinite: they are gaps of their runs.")
    if backward:
        notes.append(
            f"{x} does not grow in {backward} rows: points are in its order, and of several at "
            "one value the last logged counts."
        )
    return tuple(notes)


def _lonely(drawn: Sequence[GroupCurve], stratum: Key | None, how: Method) -> Iterator[str]:
    """What to know of strata that have nothing to draw from."""
    if stratum is None or how.band.name != "ci":
        return
    strata = [part for group in drawn for part in groups(group.runs, [stratum])]
    alone = sum(len(part.runs) == 1 for part in strata)
    if alone:
        yield (
            f"{alone} runs are the only ones of their {stratum.name} in their group: the "
            "bootstrap takes them for certain."
        )
