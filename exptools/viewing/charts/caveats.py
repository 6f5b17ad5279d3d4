"""What a picture says of runs that did not finish, and of numbers of few runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from exptools.rundir import STEP
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.curves.endings import Member, endings, is_finished
from exptools.viewing.curves.statistics.aggregation import Method
from exptools.viewing.curves.statistics.centers import few_runs
from exptools.viewing.curves.summaries import in_numbers, members_of
from exptools.viewing.index import Index
from exptools.viewing.run import Run


def of_centers(
    index: Index,
    parts: Sequence[Sequence[Run]],
    values: Mapping[str, float],
    measure: Measure,
    method: Method,
) -> list[str]:
    """The sentences of a picture of centres; ``parts`` has the runs of each."""
    runs = [run for part in parts for run in part]
    members = members_of(index, runs, measure.metric, values)
    groups = [[members[run.name] for run in part if run.name in members] for part in parts]
    counts = {len(in_numbers(part, values)) for part in parts}
    return [*endings(groups, STEP), *few_runs(method.center, method.band, counts)]


def of_marks(runs: Sequence[Run]) -> list[str]:
    """The sentences of a picture in which each run is by itself."""
    if all(map(is_finished, runs)):
        return []
    return [*endings([[Member(run.name, run.state, math.nan) for run in runs]])]


def state_line(run: Run) -> dict[str, str]:
    """The line of a hover that says how a run ended, if it did not finish."""
    return {} if is_finished(run) or run.state is None else {"state": run.state.value}
