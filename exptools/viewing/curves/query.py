"""A question about the curves of some runs, and how it is answered: read, group, aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exptools.rundir import STEP
from exptools.viewing.arrays import Series
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves import endings
from exptools.viewing.curves.baseline import Against
from exptools.viewing.curves.comparison import Comparison
from exptools.viewing.curves.curve_data import CurveData, GroupCurve
from exptools.viewing.curves.endings import Member
from exptools.viewing.curves.resources import unequal_resources
from exptools.viewing.curves.selection import Best, Setting, select_runs, setting_of
from exptools.viewing.curves.series import find_series, not_placed, what_step_is
from exptools.viewing.curves.statistics.aggregation import (
    MEAN_AND_STD,
    Method,
    Seen,
    aggregate,
    fitting,
)
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Key, find_keys, groups, run_key
from exptools.viewing.groups.metric_names import nothing_yet
from exptools.viewing.index import Index
from exptools.viewing.run import Run


@dataclass(frozen=True)
class CurveQuery:
    """The curves that are asked for; ``Runs.curves`` tells more of each part."""

    metric: str
    by: tuple[str, ...] | None = None  # the keys to group by; (): all runs together; None: each run
    x: str = STEP  # also "wall_time", "relative_time", or a logged column
    method: Method = MEAN_AND_STD
    strata: str | None = None  # the key within whose values the bootstrap draws runs
    best: Best | None = None
    where: str | None = None  # a condition; None: all runs
    states: str = endings.ALL  # which of them count: "all", "finished"
    seen: Seen | None = None  # the points at which to take a bootstrap; None: all
    against: Against | None = None  # the baseline, whose difference is shown


def curve_set(index: Index, runs: Sequence[Run], query: CurveQuery) -> CurveData:
    """The curves that are asked for, of these runs."""
    every = index.snapshot.runs
    runs = _chosen(index, runs, query.where)
    runs, everyone = endings.counted(runs, query.states), runs
    metric, x, series = find_series(index, runs, query.metric, query.x)
    query = replace(query, metric=metric, x=x, best=query.best and query.best.of(metric))
    keys = [run_key("name")] if query.by is None else find_keys(runs, query.by, every)
    over = find_keys(runs, query.best.keys, every) if query.best else []
    stratum = find_keys(runs, [query.strata], every)[0] if query.strata else None
    settings = [setting_of(group, series, over, query.best) for group in groups(runs, keys)]
    method = _fitting(query, settings, series)
    compared = _comparison(settings, keys, runs, query)
    curves = [
        compared.curve(setting, series, method, query.seen)
        if compared
        else _group_curve(setting, series, method, stratum, query.seen)
        for setting in settings
    ]
    drawn = _with_members([curve for curve in curves if len(curve.curve.x)], series)
    without = [run for run in runs if not np.isfinite(series[run.name][0]).any()]
    fewer = _of_fewer(drawn, without)
    lack = tuple(_without_value(index, runs, without, fewer, len(drawn), query))
    plain = CurveData(
        metric=query.metric,
        x=query.x,
        by=tuple(key.name for key in keys),
        legend="run" if query.by is None else ", ".join(key.short for key in keys),
        center=method.center,
        band=str(method.band),
        smooth=str(method.smoothing),
        groups=drawn,
        over=tuple(key.name for key in over),
        left_out=endings.left_out(everyone, runs),
        heads=tuple(key.short for key in keys),
        baseline=compared.name if compared else "",
        percent=bool(compared and compared.percent),
        said=(
            *(compared.sentences(method) if compared else ()),
            *_chosen_over(runs, settings, over),
            *unequal_resources(runs, metric, x),
            *(lack if fewer else ()),
        ),
    )
    notes = _notes(index, runs, series, plain, query, lack)
    said = (*plain.caveats, *notes, *_lonely(drawn, stratum, method))
    return replace(plain, notes=tuple(dict.fromkeys(said)))


def _chosen_over(
    runs: Sequence[Run], settings: Sequence[Setting], over: Sequence[Key]
) -> tuple[str, ...]:
    """What to know of the choice of the best settings."""
    shown = {run.name for setting in settings for run in setting.runs}
    others = [run for run in runs if run.name not in shown]
    keys = " and ".join(key.short for key in over)
    without = sum(setting.without for setting in settings)
    return (
        *endings.chosen_without(without, len(shown), keys),
        *endings.chosen_over(others, keys),
    )


def _comparison(
    settings: Sequence[Setting], keys: Sequence[Key], runs: Sequence[Run], query: CurveQuery
) -> Comparison | None:
    if query.against is None:
        return None
    if query.strata:
        raise QueryError("strata and a baseline do not go together: leave one of them out")
    return Comparison.of(settings, keys, runs, query.against)


def _chosen(index: Index, runs: Sequence[Run], condition: str | None) -> Sequence[Run]:
    if not condition:
        return runs
    chosen = select_runs(index, runs, condition)
    if runs and not chosen:
        raise QueryError(f"of the {len(runs)} runs there is none with {condition}")
    return chosen


def settled(query: CurveQuery, sets: Iterable[CurveData]) -> CurveQuery:
    """The query for curves that stand beside these of the same question.

    Where it left the interval open and parts of the figure came to different ones, it is
    Student's in all.
    """
    band = query.method.band
    if band.name != "interval" or len({part.band for part in sets if part.groups}) < 2:
        return query
    return replace(query, method=replace(query.method, band=Option("t", band.numbers)))


def curve_sets(index: Index, runs: Sequence[Run], queries: Sequence[CurveQuery]) -> list[CurveData]:
    """The curves of several metrics for one figure: their bands are of one kind."""
    sets = [curve_set(index, runs, query) for query in queries]
    again = [settled(query, sets) for query in queries]
    return sets if again == list(queries) else [curve_set(index, runs, q) for q in again]


def _fitting(
    query: CurveQuery, settings: Sequence[Setting], series: Mapping[str, Series]
) -> Method:
    """The method with the interval that fits, where the query leaves it open."""
    method = query.method
    if method.band.name != "interval":
        return method
    if query.strata:  # which Student's interval does not know
        return replace(method, band=Option("ci", method.band.numbers))
    counting = replace(method, band=Option("none"), smoothing=Option("none"))
    runs = ([series[run.name] for run in setting.runs] for setting in settings)
    return fitting(
        method, {int(n) for part in runs for n in np.unique(aggregate(part, counting).n)}
    )


def _group_curve(
    setting: Setting,
    series: Mapping[str, Series],
    method: Method,
    stratum: Key | None,
    seen: Seen | None,
) -> GroupCurve:
    runs = setting.runs
    strata = [comparison_key(stratum.value(run)) for run in runs] if stratum else None
    curve = aggregate([series[run.name] for run in runs], method, strata, seen)
    return GroupCurve(setting.group, setting.label, runs, curve, setting.best)


def _with_members(
    drawn: Sequence[GroupCurve], series: Mapping[str, Series]
) -> tuple[GroupCurve, ...]:
    """The curves with how far their runs got."""
    finished = all(endings.is_finished(run) for group in drawn for run in group.runs)
    if not finished or any(g.curve.n[-1] < np.max(g.curve.n) for g in drawn if len(g.curve.n)):
        return tuple(replace(g, members=endings.members(g.runs, series)) for g in drawn)
    return tuple(replace(g, members=_finished(g, series)) for g in drawn)


def _finished(group: GroupCurve, series: Mapping[str, Series]) -> tuple[Member, ...]:
    """Where all finished, at the same place, it is enough to know how far one of them got."""
    end = float(group.curve.x[-1])
    return tuple(Member(r.name, r.state, end) for r in group.runs if len(series[r.name][0]))


def _notes(
    index: Index,
    runs: Sequence[Run],
    series: Mapping[str, Series],
    curves: CurveData,
    query: CurveQuery,
    lack: Sequence[str],
) -> Iterator[str]:
    """What to know of the values and of the runs that have none, which ``lack`` says."""
    metric, x = query.metric, query.x
    averaged = [run for group in curves.groups for run in group.runs]
    yield from what_step_is(index, averaged, metric, x)
    if lost := not_placed(index, metric, x, series, averaged):
        yield _without_x(lost, query)
    nothing = "" if curves.groups else nothing_yet(index.tags(runs), runs)
    if nothing:
        yield nothing
    else:
        yield from lack
    yield from _irregular(curves, x)


def _without_value(
    index: Index,
    runs: Sequence[Run],
    without: Sequence[Run],
    fewer: int,
    drawn: int,
    query: CurveQuery,
) -> Iterator[str]:
    """How many runs have nothing to draw, and how many lines are of the others of their group."""
    if not without:
        return
    have = f"{len(without)} of {len(runs)} runs {'has' if len(without) == 1 else 'have'}"
    waits = len(endings.still_going(without)) == len(without)
    lack = f"not logged {query.metric}{' yet' if waits else ''}"
    if query.metric in index.every_metric(without):
        lack = f"no row with both {query.metric} and {query.x}"
    lines = f"1 of the {drawn} lines is" if fewer == 1 else f"{fewer} of {drawn} lines are"
    yield f"{have} {lack}{f': {lines} of the others alone' if fewer and drawn > 1 else ''}."


def _of_fewer(drawn: Sequence[GroupCurve], without: Sequence[Run]) -> int:
    """How many lines there are of whose runs some have nothing to draw."""
    names = {run.name for run in without}
    return sum(any(run.name in names for run in group.runs) for group in drawn) if names else 0


def _irregular(curves: CurveData, x: str) -> Iterator[str]:
    """How many values are gaps, and how many rows are out of order."""
    gaps = sum(group.curve.not_finite for group in curves.groups)
    backward = sum(group.curve.backward for group in curves.groups)
    if gaps:
        are = "values are NaN or infinite: they are gaps of their runs"
        if gaps == 1:
            are = "value is NaN or infinite: it is a gap of its run"
        yield f"{gaps} logged {are}."
    if backward:
        rows = "row" if backward == 1 else "rows"
        yield (
            f"{x} does not grow in {backward} {rows}: points are in its order, and of several at "
            "one value the last logged counts."
        )


def _without_x(lost: int, query: CurveQuery) -> str:
    are, their = ("value of", "its step") if lost == 1 else ("values of", "their steps")
    is_left = "is" if lost == 1 else "are"
    return f"{lost} {are} {query.metric} {is_left} left out: {query.x} was not logged at {their}."


def _lonely(drawn: Sequence[GroupCurve], stratum: Key | None, method: Method) -> Iterator[str]:
    """What to know of strata that have nothing to draw from."""
    if stratum is None or method.band.name != "ci":
        return
    strata = [part for group in drawn for part in groups(group.runs, [stratum])]
    alone = sum(len(part.runs) == 1 for part in strata)
    if alone:
        are, them = ("run is the only one of its", "it")
        if alone > 1:
            are, them = ("runs are the only ones of their", "them")
        yield (
            f"{alone} {are} {stratum.name} in {'its' if alone == 1 else 'their'} group: the "
            f"bootstrap takes {them} for certain."
        )
