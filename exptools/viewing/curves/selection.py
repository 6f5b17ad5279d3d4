"""Runs chosen by a condition, which may ask what their metrics came to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from exptools.viewing.curves.summaries import parse_summary, summarize_runs, summary_of
from exptools.viewing.groups.conditions import select
from exptools.viewing.index import Index
from exptools.viewing.run import Run


@dataclass(frozen=True)
class _Results:
    """The metrics of some runs, read when a condition asks for one."""

    index: Index
    runs: Sequence[Run]

    @cached_property
    def metrics(self) -> Collection[str]:
        return frozenset(self.index.tags(self.runs))

    def of(self, metric: str, summary: str) -> Mapping[str, float | None]:
        wanted = parse_summary(summary_of(metric, summary))
        return summarize_runs(self.index, self.runs, metric, wanted)


def select_runs(index: Index, runs: Sequence[Run], condition: str) -> list[Run]:
    """The runs for which a condition is true; ``groups.conditions`` has the rules."""
    if not isinstance(condition, str):
        raise TypeError("where takes a condition as a text; filter takes a function of a run")
    return select(runs, condition, _Results(index, runs))
