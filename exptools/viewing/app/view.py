"""What the page shows, computed from an index; nothing in here knows of Dash."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from exptools.metrics import default_metric
from exptools.rundir import STEP, State
from exptools.viewing.configs import MISSING, display, short_names
from exptools.viewing.curves import aggregate
from exptools.viewing.figures import Line
from exptools.viewing.grouping import config_key, groups, run_key
from exptools.viewing.index import Index
from exptools.viewing.runs import Fault, Run, natural_key
from exptools.viewing.variation import default_group_key, is_seed, varying

EXACT_INTEGER = 2**53  # beyond it a browser's numbers are not
MAX_COLUMNS = 50  # differing keys in the table; nobody reads more, and thousands stop a browser
MAX_CELL = 300  # characters

STATE_WORDS = {
    State.RUNNING: "running",
    State.COMPLETED: "finished",
    State.FAILED: "failed",
    State.KILLED: "killed",
    State.TIMEOUT: "timed out",
    State.INTERRUPTED: "interrupted",
    State.QUEUED: "queued",
    None: "no status",
}


@dataclass(frozen=True)
class Choices:
    """What can be chosen in the controls, and what is by default."""

    metrics: tuple[str, ...]
    metric: str | None
    keys: tuple[str, ...]  # by which runs can be grouped
    key: str | None
    names: dict[str, str]  # the keys' short names


@dataclass(frozen=True)
class Drawing:
    """The chart's content: lines, or in their place the sentence that says why there are none."""

    lines: tuple[Line, ...]
    legend: str  # what the lines' labels are values of
    caption: str
    empty: str | None


def choices(index: Index, runs: Sequence[Run]) -> Choices:
    """The metrics and keys of the runs, and which of them say most at first sight."""
    tags = dict.fromkeys(tag for run in runs for tag in index.progress(run).tags)
    keys = varying(runs)
    return Choices(
        metrics=tuple(sorted(tags, key=natural_key)),
        metric=default_metric(list(tags)),
        keys=tuple(keys),
        key=default_group_key(runs),
        names=short_names(keys),
    )


def counts(runs: Sequence[Run]) -> list[tuple[str, int]]:
    """How many runs are in each state that occurs, as (word, number)."""
    states = [run.state for run in runs]
    return [(word, states.count(state)) for state, word in STATE_WORDS.items() if state in states]


def faults(index: Index, runs: Sequence[Run], of_index: Sequence[Fault]) -> list[str]:
    """Everything that could not be read, a line each."""
    of_runs = [fault for run in runs for fault in (*run.faults, *index.progress(run).faults)]
    return [str(fault) for fault in (*of_index, *of_runs)]


def table_keys(runs: Sequence[Run]) -> list[str]:
    """The differing keys as columns: the first ``MAX_COLUMNS``, seeds, which matter least, last."""
    return sorted(varying(runs), key=is_seed)[:MAX_COLUMNS]


def table_rows(index: Index, runs: Sequence[Run], metric: str | None) -> list[dict[str, Any]]:
    """A row for each run: cells are numbers or texts, None where there is no value."""
    keys = table_keys(runs)
    rows = (_row(index, run, keys, metric) for run in runs)
    return [row | {"order": order} for order, row in enumerate(rows)]


def _row(index: Index, run: Run, keys: Sequence[str], metric: str | None) -> dict[str, Any]:
    progress = index.progress(run)
    steps, _ = progress.series(STEP)
    _, values = progress.series(metric or STEP)
    row: dict[str, Any] = {
        "id": run.name,
        "state": STATE_WORDS[run.state],
        "error": _cut(run.status.error) if run.status and run.status.error else None,
        "step": _cell(float(steps[-1])) if len(steps) else None,
        "value": _cell(float(values[-1])) if metric and len(values) else None,
    }
    return row | {f"config {key}": _cell(run.config.get(key, MISSING)) for key in keys}


def _cell(value: Any) -> str | float | None:
    """A number where the browser can hold it exactly; its text elsewhere; None for no value."""
    if value is MISSING:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _cut(display(value))
    exact = math.isfinite(value) if isinstance(value, float) else abs(value) < EXACT_INTEGER
    return value if exact else display(value)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"


def drawing(
    index: Index,
    runs: Sequence[Run],
    metric: str | None,
    key: str | None,
    selected: Collection[str],
) -> Drawing:
    """The curves of a metric: one a group of ``key``, or one a run where the key is None.

    Args:
        index: where the runs' progress is read.
        runs: all runs; a group keeps its colour whichever of them are drawn, come or go.
        metric: what to draw, None where nothing has been logged.
        key: what to group by.
        selected: the names of the runs to draw; none means all.
    """
    shown = {run.name for run in runs if not selected or run.name in selected}
    lines = []
    found = groups(runs, [config_key(key) if key else run_key("name")])
    styles = index.styles(key, [group.identity for group in found])
    for style, group in zip(styles, found, strict=True):
        members = [run for run in group.runs if run.name in shown]
        series = [index.progress(run).series(metric or "") for run in members]
        curve = aggregate(series)
        if len(curve.x):
            lines.append(Line(group.label, curve, style))
    legend = short_names(varying(runs)).get(key, key) if key else "run"
    drawn = [runs_ for line in lines if (runs_ := int(line.curve.n.max()))]
    caption = _caption(drawn, legend, key) if varying(runs) else _nothing_differs(runs, drawn)
    empty = None if drawn else _empty(metric, logged=bool(lines))
    return Drawing(tuple(lines) if drawn else (), legend, caption, empty)


def _caption(drawn: Sequence[int], name: str, key: str | None) -> str:
    """How to read the chart; ``drawn`` is how many runs each line stands for."""
    if not drawn:
        return ""
    if key is None:
        return "Each line is one run, as it was logged."
    if max(drawn) == 1:
        return f"One line a value of {name}, with one run each, so there is no band."
    low, high = min(drawn), max(drawn)
    number = str(low) if low == high else f"{low} to {high}"
    return (
        f"Each line is the mean of {number} runs with the same {name}; "
        "the band is ± one standard deviation."
    )


def _nothing_differs(runs: Sequence[Run], drawn: Sequence[int]) -> str:
    if not drawn:
        return ""
    if len(runs) == 1:
        return "The only run so far: there is nothing to compare it with yet."
    return "The configs of these runs do not differ, so each line is one run."


def _empty(metric: str | None, *, logged: bool) -> str:
    """Why no line can be seen."""
    if metric is None:
        return "No metric yet. Curves appear here as soon as a run logs its first value."
    if logged:
        return f"All values of {metric} are NaN or infinite in the selected runs: no line to draw."
    return f"None of the selected runs has logged {metric} so far."
