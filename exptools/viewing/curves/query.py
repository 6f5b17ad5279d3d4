"""A question about the curves of some runs, and how it is answered: read, group, aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from exptools.rundir import STEP
from exptools.viewing.arrays import Series
from exptools.viewing.configs.values import comparison_key, short_names
from exptools.viewing.curves.aggregation import MEAN_AND_STD, Curve, Method, aggregate
from exptools.viewing.curves.options import Choice, parse
from exptools.viewing.curves.series import read_series
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.frames import column, frame_of
from exptools.viewing.groups.grouping import Group, Key, find_keys, groups, run_key
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Run

MODES = {"max": Choice(), "min": Choice()}


@dataclass(frozen=True)
class Best:
    """Keep of each group only the runs with its best setting of other keys."""

    over: str | tuple[str, ...]  # the keys among whose settings the best one is taken
    mode: Literal["max", "min"] = "max"
    summary: str = "last"  # what a run is worth; a setting is worth the mean over its runs

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, a tuple also where one was given as a text."""
        return (self.over,) if isinstance(self.over, str) else tuple(self.over)


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


@dataclass(frozen=True)
class GroupCurve:
    """The curve of the runs that share their values of the keys grouped by."""

    values: tuple[Any, ...]  # one for each key; MISSING where the runs lack it
    label: str  # the values as a person reads them; MISSING is "—"
    runs: tuple[Run, ...]  # those that are averaged
    curve: Curve
    setting: tuple[Any, ...] = ()  # where the best setting was kept: its values


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
    notes: tuple[str, ...] = ()  # sentences: gaps, runs without a point, …

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
    if query.where:
        from exptools.viewing.groups.conditions import select  # sqlglot takes a while to load

        runs = select(runs, query.where)
    series = read_series(index, runs, query.metric, query.x)
    keys = [run_key("name")] if query.by is None else find_keys(runs, query.by)
    if query.best:
        parse("mode", query.best.mode, MODES)
        parse_summary(query.best.summary)
    over = find_keys(runs, query.best.keys) if query.best else []
    stratum = find_keys(runs, [query.strata])[0] if query.strata else None
    curves = [_group_curve(group, series, query, stratum, over) for group in groups(runs, keys)]
    drawn = tuple(curve for curve in curves if len(curve.curve.x))
    names = short_names([key.name for key in keys])
    return CurveData(
        metric=query.metric,
        x=query.x,
        by=tuple(key.name for key in keys),
        legend="run" if query.by is None else ", ".join(names[key.name] for key in keys),
        center=query.method.center,
        band=str(query.method.band),
        smooth=str(query.method.smoothing),
        groups=drawn,
        over=tuple(key.name for key in over),
        notes=(*_notes(series, drawn, query), *_lonely(drawn, stratum, query.method)),
    )


def points(curves: Iterable[CurveData]) -> pl.DataFrame:
    """Every point of the curves of several metrics, the metric before it."""
    frames = (part.frame().select(pl.lit(part.metric).alias("metric"), pl.all()) for part in curves)
    return pl.concat(frames, how="vertical_relaxed")


def _group_curve(
    group: Group,
    series: Mapping[str, Series],
    query: CurveQuery,
    stratum: Key | None,
    over: Sequence[Key],
) -> GroupCurve:
    setting = _best_setting(group, series, over, query.best) if query.best else None
    runs = setting.runs if setting else group.runs
    label = f"{group.label} ({setting.label})" if setting else group.label
    strata = [comparison_key(stratum.value(run)) for run in runs] if stratum else None
    curve = aggregate([series[run.name] for run in runs], query.method, strata)
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
    series: Mapping[str, Series], drawn: Sequence[GroupCurve], query: CurveQuery
) -> tuple[str, ...]:
    metric, x = query.metric, query.x
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
