"""A question about the curves of some runs, and how it is answered: read, group, aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exptools.rundir import STEP
from exptools.viewing.arrays import Series
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves import endings
from exptools.viewing.curves.aggregation import (
    MEAN_AND_STD,
    Curve,
    Method,
    Seen,
    aggregate,
    fitting,
)
from exptools.viewing.curves.best import Best, Setting, setting_of
from exptools.viewing.curves.endings import Member
from exptools.viewing.curves.options import Option
from exptools.viewing.curves.selection import select_runs
from exptools.viewing.curves.series import not_placed, read_series, what_step_is
from exptools.viewing.curves.statistics import CENTERS, bootstrap_of_few, few_runs, parse_band
from exptools.viewing.frames import column, frame_of
from exptools.viewing.groups.grouping import Key, find_keys, groups, run_key
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
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


@dataclass(frozen=True, eq=False, repr=False)
class GroupCurve:
    """The curve of the runs that share their values of the keys grouped by."""

    values: tuple[Any, ...]  # one for each key; MISSING where the runs lack it
    label: str  # the values as a person reads them; MISSING is "—"
    runs: tuple[Run, ...]  # those that are averaged
    curve: Curve
    setting: tuple[Any, ...] = ()  # where the best setting was kept: its values
    members: tuple[Member, ...] = ()  # the runs that have a point

    @property
    def ended_early(self) -> tuple[Run, ...]:
        """The runs that failed, were killed or interrupted, or timed out."""
        return endings.ended_early(self.runs)

    def __repr__(self) -> str:
        return f"<GroupCurve {self.label!r}: {len(self.runs)} runs, {len(self.curve.x)} points>"


@dataclass(frozen=True)
class CurveData:
    """The curves of one metric; what is drawn, printed and exported is this and nothing else."""

    metric: str
    x: str  # "step", "wall_time", "relative_time", or the column
    by: tuple[str, ...]  # the keys grouped by; ("name",) where each run is its own group
    legend: str  # what the labels are values of: the keys' short names
    center: str  # as asked for: "mean", "median", "iqm"
    band: str  # as asked for: "none", "std", "ci:95", …
    smooth: str  # as asked for: "none", "ema:0.9", …
    groups: tuple[GroupCurve, ...]  # in the order of their values, MISSING last
    over: tuple[str, ...] = ()  # the keys whose best setting was kept in each group
    notes: tuple[str, ...] = ()  # sentences: gaps, runs without a point, …, and the caveats
    left_out: tuple[str, ...] = ()  # the sentence on the runs that do not count, if there are any
    heads: tuple[str, ...] = ()  # the keys grouped by, by the shortest names that find them

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a caption must say: runs that did not finish, an interval of few."""
        return caveats([self])

    @property
    def remark(self) -> str:
        """What a legend must say of the bands; mostly nothing."""
        return remark([self])

    def frame(self) -> pl.DataFrame:
        """Every point of every curve: a column for each key, then x, center, low, high, n.

        ``x`` has the name of what it is. A gap is NaN in center, no band NaN in low and high.
        """
        curves = [group.curve for group in self.groups]
        rows = np.repeat(np.arange(len(curves)), [len(curve.x) for curve in curves])
        keys = [(*group.values, *group.setting) for group in self.groups]
        names = (*self.by, *self.over)
        parts = [
            ("key", name, column(name, [values[at] for values in keys]).gather(rows))
            for at, name in enumerate(names)
        ]
        for name in ("x", "center", "low", "high", "n"):
            points = np.concatenate([*(getattr(c, name) for c in curves), np.empty(0)])
            dtype = pl.Int64 if name == "n" else pl.Float64
            title = self.x if name == "x" else name
            parts.append(("curve", title, pl.Series(points).cast(dtype)))
        return frame_of(parts)


def curve_set(index: Index, runs: Sequence[Run], query: CurveQuery) -> CurveData:
    """The curves that are asked for, of these runs."""
    runs = select_runs(index, runs, query.where) if query.where else runs
    runs, everyone = endings.counted(runs, query.states), runs
    series = read_series(index, runs, query.metric, query.x)
    keys = [run_key("name")] if query.by is None else find_keys(runs, query.by)
    if query.best:
        query.best.check()
    over = find_keys(runs, query.best.keys) if query.best else []
    stratum = find_keys(runs, [query.strata])[0] if query.strata else None
    settings = [setting_of(group, series, over, query.best) for group in groups(runs, keys)]
    method = _fitting(query, settings, series)
    curves = [_group_curve(setting, series, method, stratum, query.seen) for setting in settings]
    drawn = _with_members([curve for curve in curves if len(curve.curve.x)], series)
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
    )
    averaged = [run for group in drawn for run in group.runs]
    steps = tuple(what_step_is(index, averaged, query.metric, query.x))
    lost = not_placed(index, query.metric, query.x, series, averaged)
    if lost:
        steps = (*steps, _without_x(lost, query))
    notes = (*steps, *_notes(series, drawn, query), *_lonely(drawn, stratum, method))
    return replace(plain, notes=(*plain.caveats, *notes))


def points(curves: Iterable[CurveData]) -> pl.DataFrame:
    """Every point of the curves of several metrics, the metric before it."""
    frames = (part.frame().select(pl.lit(part.metric).alias("metric"), pl.all()) for part in curves)
    return pl.concat(frames, how="vertical_relaxed")


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


def caveats(sets: Sequence[CurveData]) -> tuple[str, ...]:
    """What the caption of a figure of these curves must say, in sentences, once each."""
    shown = [group for part in sets for group in part.groups]
    ends = endings.endings(
        [group.members for group in shown],
        sets[0].x,
        f"the {CENTERS[sets[0].center]}",
    )
    left_out = (sentence for part in sets for sentence in part.left_out)
    few = (
        sentence
        for (center, band), counts in _counts(sets).items()
        for sentence in few_runs(center, parse_band(band), counts)
    )
    return tuple(dict.fromkeys([*left_out, *ends, *few]))


def remark(sets: Sequence[CurveData]) -> str:
    """What the legend of a figure of these curves must say of the bands; mostly nothing."""
    remarks = (bootstrap_of_few(parse_band(band), n) for (_, band), n in _counts(sets).items())
    return "; ".join(dict.fromkeys(filter(None, remarks)))


def _counts(sets: Sequence[CurveData]) -> dict[tuple[str, str], set[int]]:
    """Of how many runs the curves of each centre and band are, wherever they are of several."""
    counts: dict[tuple[str, str], set[int]] = {}
    for part in sets:
        several = (group for group in part.groups if len(group.runs) > 1)
        numbers = (n for group in several for n in np.unique(group.curve.n))
        counts.setdefault((part.center, part.band), set()).update(map(int, numbers))
    return counts


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
    if not all(endings.is_finished(run) for group in drawn for run in group.runs):
        return tuple(replace(g, members=endings.members(g.runs, series)) for g in drawn)
    return tuple(replace(g, members=_finished(g, series)) for g in drawn)


def _finished(group: GroupCurve, series: Mapping[str, Series]) -> tuple[Member, ...]:
    """Where all finished, it is enough to know how far one of them got."""
    end = float(group.curve.x[-1])
    return tuple(Member(r.name, r.state, end) for r in group.runs if len(series[r.name][0]))


def _notes(
    series: Mapping[str, Series], drawn: Sequence[GroupCurve], query: CurveQuery
) -> tuple[str, ...]:
    metric, x = query.metric, query.x
    without = sum(not np.isfinite(points).any() for points, _ in series.values())
    gaps = sum(group.curve.not_finite for group in drawn)
    backward = sum(group.curve.backward for group in drawn)
    notes = []
    if without:
        have = "has" if without == 1 else "have"
        notes.append(f"{without} of {len(series)} runs {have} no row with both {metric} and {x}.")
    if gaps:
        are = "values are NaN or infinite: they are gaps of their runs"
        if gaps == 1:
            are = "value is NaN or infinite: it is a gap of its run"
        notes.append(f"{gaps} logged {are}.")
    if backward:
        rows = "row" if backward == 1 else "rows"
        notes.append(
            f"{x} does not grow in {backward} {rows}: points are in its order, and of several at "
            "one value the last logged counts."
        )
    return tuple(notes)


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
        yield (
            f"{alone} runs are the only ones of their {stratum.name} in their group: the "
            "bootstrap takes them for certain."
        )
