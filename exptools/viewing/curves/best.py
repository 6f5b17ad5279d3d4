"""Of each group only its best setting of some keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from exptools.viewing.arrays import Series
from exptools.viewing.curves.options import Choice, parse
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.groups.grouping import Group, Key, groups
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

    def check(self) -> None:
        """Raise QueryError where there is no such mode or summary."""
        parse("mode", self.mode, MODES)
        parse_summary(self.summary)


@dataclass(frozen=True)
class Setting:
    """The runs of a group that make its curve."""

    group: tuple[Any, ...]  # the group's values
    label: str
    runs: tuple[Run, ...]
    best: tuple[Any, ...] = ()  # the values of the setting that was kept


def setting_of(
    group: Group, series: Mapping[str, Series], over: Sequence[Key], best: Best | None
) -> Setting:
    """A group's best setting; the whole group where none is asked for."""
    if best is None:
        return Setting(group.values, group.label, group.runs)
    kept = _best_setting(group, series, over, best)
    return Setting(group.values, f"{group.label} ({kept.label})", kept.runs, kept.values)


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
