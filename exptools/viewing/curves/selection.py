"""Which runs count: those that a condition picks, and the best setting of each group."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from exptools.metrics import better
from exptools.rundir import STEP
from exptools.viewing.arrays import Series
from exptools.viewing.curves.statistics.options import Choice, Option, parse, several_names
from exptools.viewing.curves.summaries import (
    SUMMARIES,
    parse_summary,
    summarize,
    summarize_runs,
    summary_of,
)
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.conditions import keys_in, select
from exptools.viewing.groups.grouping import Group, Key, groups
from exptools.viewing.groups.metric_names import find_metric, metrics_named
from exptools.viewing.index import Index
from exptools.viewing.metrics.columns import Columns
from exptools.viewing.run import Run
from exptools.viewing.run_files.user_marks import OF_MARKS, UserMarks, marked_terms

MODES = {"max": Choice(), "min": Choice()}


@dataclass(frozen=True)
class MetricResults:
    """The metrics of some runs, read when a condition asks for one."""

    index: Index
    runs: Sequence[Run]

    @cached_property
    def _metrics(self) -> Collection[str]:
        # In the order in which they were logged.
        return dict.fromkeys(self.index.every_metric(self.runs))

    def named(self, metric: str) -> Sequence[str]:
        """The metrics of the runs that have this name, or this end."""
        return metrics_named(self._metrics, metric)

    def of(self, metric: str, summary: str) -> Mapping[str, float | None]:
        """A metric's summary of each run by its name; see ``groups.asked.Results``."""
        _check_function(metric, summary)
        if metric == STEP and metric not in self._metrics:
            wanted = parse_summary(summary_of(metric, summary))
            columns = self.index.columns(self.runs, [STEP])
            return {run.name: _of_steps(columns[run.name], wanted) for run in self.runs}
        metric = find_metric(self._metrics, self.runs, metric)
        wanted = parse_summary(summary_of(metric, summary))
        return summarize_runs(self.index, self.runs, metric, wanted)


def _check_function(metric: str, summary: str) -> None:
    """Raise QueryError where there is no such summary, or it takes other numbers than it has."""
    name, _, given = summary.partition(":")
    choice = SUMMARIES.get(name)
    try:
        summary_of("", summary, "max")
    except QueryError as error:
        if choice is None:
            raise
        meaning, _, example = choice.meaning.partition(", as in ")
        takes = f"{meaning} behind the metric" if meaning else "no number"
        numbers = f", {example.rstrip(',').partition(':')[2]}" if example else ""
        shown = metric if re.fullmatch(r"[^\W\d]\w*(?:\.\w+)*", metric) else f'"{metric}"'
        not_this = f", not {given.replace(':', ', ')}" if given else ""
        raise QueryError(
            f"{name} takes {takes}, as in {name}({shown}{numbers}){not_this}"
        ) from error


def _of_steps(columns: Columns, wanted: Option) -> float | None:
    """The steps themselves, of which ``max`` tells how far a run has come."""
    steps = columns.get(STEP)
    return None if steps is None or not len(steps) else summarize(steps, steps, wanted)


def select_runs(index: Index, runs: Sequence[Run], condition: str) -> list[Run]:
    """The runs for which a condition is true; ``groups.conditions`` has the rules."""
    if not isinstance(condition, str):
        raise TypeError("where takes a condition as a text; filter takes a function of a run")
    return select(runs, condition, MetricResults(index, runs), _marks_in(runs, condition))


def keys_in_condition(index: Index, runs: Sequence[Run], condition: str) -> list[str]:
    """The whole names of the keys that a condition asks for."""
    return keys_in(runs, condition, MetricResults(index, runs), _marks_in(runs, condition))


def _marks_in(runs: Sequence[Run], condition: str) -> Mapping[str, Callable[[Run], Any]]:
    """The stars, notes and tags of runs, where a condition may ask for them."""
    return marked_terms(UserMarks().of(runs)) if OF_MARKS.search(condition) else {}


@dataclass(frozen=True)
class Best:
    """Keep of each group only the runs with its best setting of other keys."""

    over: str | Sequence[str]  # the keys among whose settings the best one is taken
    mode: Literal["max", "min"] | None = None  # None: as the metric's name tells
    # What a run is worth; ``best`` is its highest or lowest value, as the mode says. A setting is
    # worth the mean over its runs.
    summary: str = "last"

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, a tuple also where one was given as a text."""
        names = several_names("over of xv.Best", self.over)
        if not names:
            raise QueryError("best takes a key, or a list of keys, as 'lr'")
        return names

    def of(self, metric: str) -> Best:
        """The same with a mode, as the metric's name tells where none is given.

        Raises:
            QueryError: there is no such mode or summary, or the name does not tell.
        """
        summary_of("", self.summary, "max")  # whether there is such a summary
        if self.mode is not None:
            parse("mode", self.mode, MODES)
            return self
        mode = better(metric)
        if mode is None:
            raise QueryError(
                f"whether more or less of {metric} is better is not known: say "
                f"xv.Best({self.over!r}, mode='max') or mode='min'"
            )
        return replace(self, mode=mode)


@dataclass(frozen=True)
class Setting:
    """The runs of a group that make its curve."""

    group: tuple[Any, ...]  # the group's values
    label: str
    runs: tuple[Run, ...]
    best: tuple[Any, ...] = ()  # the values of the setting that was kept
    without: int = 0  # of the runs those that had no finite number when it was chosen


def setting_of(
    group: Group, series: Mapping[str, Series], over: Sequence[Key], best: Best | None
) -> Setting:
    """A group's best setting; the whole group where none is asked for."""
    if best is None:
        return Setting(group.values, group.label, group.runs)
    kept, without = _best_setting(group, series, over, best)
    named = f"{over[0].short}={kept.label}" if len(over) == 1 else kept.label
    return Setting(group.values, f"{group.label} ({named})", kept.runs, kept.values, without)


def _best_setting(
    group: Group, series: Mapping[str, Series], over: Sequence[Key], best: Best
) -> tuple[Group, int]:
    """The setting with the best mean summary, the first of equal ones; and its runs without one.

    As in tables of results the mean is of the finite numbers. What has none is behind all others.
    """
    sign = -1.0 if best.mode == "min" else 1.0
    summary = parse_summary(summary_of("", best.summary, best.mode))
    settings = groups(group.runs, over)
    numbers = [
        np.array([summarize(*series[run.name], summary) for run in setting.runs])
        for setting in settings
    ]
    finite = [of_runs[np.isfinite(of_runs)] for of_runs in numbers]
    means = [float(np.mean(some / len(some)) * len(some)) if len(some) else None for some in finite]
    worth = [-np.inf if mean is None else sign * mean for mean in means]
    at = worth.index(max(worth))
    return settings[at], (len(numbers[at]) - len(finite[at])) * (len(settings) > 1)
