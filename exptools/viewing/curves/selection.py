"""Runs chosen by a condition, which may ask what their metrics came to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from exptools.rundir import STEP
from exptools.viewing.curves.options import Option
from exptools.viewing.curves.summaries import (
    parse_summary,
    summarize,
    summarize_runs,
    summary_of,
)
from exptools.viewing.groups.conditions import select
from exptools.viewing.index import Index
from exptools.viewing.metrics.columns import Columns
from exptools.viewing.run import Run


@dataclass(frozen=True)
class MetricResults:
    """The metrics of some runs, read when a condition asks for one."""

    index: Index
    runs: Sequence[Run]

    @cached_property
    def metrics(self) -> Collection[str]:
        """The names of what the runs have logged."""
        return frozenset(self.index.tags(self.runs))

    def of(self, metric: str, summary: str) -> Mapping[str, float | None]:
        """A metric's summary of each run by its name; see ``groups.asked.Results``."""
        wanted = parse_summary(summary_of(metric, summary))
        if metric == STEP and metric not in self.metrics:
            columns = self.index.columns(self.runs, [STEP])
            return {run.name: _of_steps(columns[run.name], wanted) for run in self.runs}
        return summarize_runs(self.index, self.runs, metric, wanted)


def _of_steps(columns: Columns, wanted: Option) -> float | None:
    """The steps themselves, of which ``max`` tells how far a run has come."""
    steps = columns.get(STEP)
    return None if steps is None or not len(steps) else summarize(steps, steps, wanted)


def select_runs(index: Index, runs: Sequence[Run], condition: str) -> list[Run]:
    """The runs for which a condition is true; ``groups.conditions`` has the rules."""
    if not isinstance(condition, str):
        raise TypeError("where takes a condition as a text; filter takes a function of a run")
    return select(runs, condition, MetricResults(index, runs))
