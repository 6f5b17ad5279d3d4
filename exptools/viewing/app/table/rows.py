"""The table's rows, and which of them a page does not have yet; nothing in here knows of Dash."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from exptools.metrics import better
from exptools.rundir import STEP
from exptools.viewing.app.facts import EXACT_INTEGER, Facts, baselines, counted_runs, shown_runs
from exptools.viewing.app.states import STATE_WORDS
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.configs.values import MISSING, display, label_among
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.curves.summaries import BEST, number_of, parse_summary, summary_of
from exptools.viewing.errors import NoRunError, QueryError
from exptools.viewing.groups.grouping import groups
from exptools.viewing.groups.variation import is_seed
from exptools.viewing.metrics.columns import Columns
from exptools.viewing.run import Run, duration
from exptools.viewing.run_files.group_names import NO_NAME, OwnName, group_id
from exptools.viewing.run_files.user_marks import UNMARKED, Mark
from exptools.visible import visible_lines

MAX_COLUMNS = 50  # differing keys in the table; nobody reads more, and thousands stop a browser
MAX_VALUES = 200  # metrics × summaries in the table: a link may ask for a million of them
MAX_CELL = 300  # characters
REMEMBERED = 6  # tables that pages may have

Row = dict[str, Any]


class Tables:
    """The tables that were sent to pages, lest what a page has is sent to it again."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, dict[str, Row]] = OrderedDict()
        self._lock = threading.Lock()

    def update(self, key: str, rows: Sequence[Row], had: str | None) -> dict[str, Any]:
        """What turns the table that a page had into these rows, each field's values together."""
        new = {row["id"]: row for row in rows}
        with self._lock:
            old = self._sent.get(had or "", {})
            self._sent[key] = new
            self._sent.move_to_end(key)
            while len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)
        changed = [row for name, row in new.items() if old.get(name) != row]
        fields = list(changed[0]) if changed else []
        return {
            "key": key,
            "base": had if old else None,
            "gone": [name for name in old if name not in new],
            "columns": {field: [row[field] for row in changed] for field in fields},
        }


def table_key(facts: Facts, view: View) -> str:
    """Equal for equal tables."""
    by = view.by if view.rows == "groups" else None
    shown = (view.where, view.states, facts.marked(view.where))
    compared = (view.baseline, view.difference, view.by) if view.baseline else None
    return repr((facts.version, view.metrics, view.summaries, shown, view.rows, by, compared))


def readable(workspace: Workspace, view: View, before: str) -> View:
    """The view with a filter that can be read: its own, or the one ``before``, or none at all."""
    facts = workspace.facts()
    for where in (view.where, before):
        try:
            shown_runs(workspace.index, facts, View(where=where))
        except QueryError:  # said beside the filter
            continue
        return replace(view, where=where)
    return replace(view, where="")


def table_rows(workspace: Workspace, view: View) -> list[Row]:
    """A row for each run or group: cells are numbers or texts, None where there is no value.

    Raises:
        QueryError: the view's condition cannot be read.
    """
    runs, rows = rows_of_runs(workspace, view)
    return _group_rows(workspace.facts(), view, runs, rows) if view.rows == "groups" else rows


def rows_of_runs(workspace: Workspace, view: View) -> tuple[Sequence[Run], list[Row]]:
    """The runs of the table, and a row for each of them."""
    facts = workspace.facts()
    runs: Sequence[Run] = ()
    with suppress(NoRunError):  # none counts: said in place of the chart
        shown = View(where=view.where, states=view.states)
        runs, _ = counted_runs(workspace.index, facts, shown)
    return runs, _run_rows(workspace, facts, view, runs)


def with_marks(rows: Sequence[Row], marks: Mapping[str, Mark]) -> list[Row]:
    """The rows with the user's stars, tags and notes."""
    marked = ((row, marks.get(row["id"], UNMARKED)) for row in rows)
    return [
        row | {"star": mark.star, "note": mark.note, "tags": ", ".join(mark.tags)}
        for row, mark in marked
    ]


def with_names(rows: Sequence[Row], names: Mapping[str, OwnName]) -> list[Row]:
    """The rows of groups with the user's own names and colours."""
    named = ((row, names.get(row["group"], NO_NAME)) for row in rows)
    return [row | {"label": own.label, "color": own.color} for row, own in named]


def table_keys(facts: Facts) -> list[str]:
    """The differing keys as columns: the first ``MAX_COLUMNS``, seeds, which matter least, last."""
    keys = [key for key in facts.keys if key not in ("sweep", "run.sweep")]
    return sorted(keys, key=lambda key: key == facts.seed or is_seed(key))[:MAX_COLUMNS]


def values_of(view: View) -> list[tuple[str, str, str]]:
    """Field, metric and summary of each column of results: the first ``MAX_VALUES``.

    There is no best of a metric whose name does not tell whether more or less is better.
    """
    asked = (
        (f"value {summary} {metric}", metric, summary)
        for metric in view.metrics
        for summary in dict.fromkeys(view.summaries)
        if summary != BEST or better(metric)
    )
    return list(itertools.islice(asked, MAX_VALUES))


def beyond_values(view: View) -> str | None:
    """What is to be said where a view asks for more columns of results than the table has."""
    summaries = {*view.summaries}
    asked = len(view.metrics) * len(summaries)
    if BEST in summaries:
        asked -= sum(not better(metric) for metric in view.metrics)
    if asked <= MAX_VALUES:
        return None
    return (
        f"The table has {MAX_VALUES} of {asked:,} columns of results: "
        "choose fewer metrics, or fewer results of each."
    )


def summaries_of(facts: Facts) -> list[tuple[str, str]]:
    """Field and name of each column of the runs' own summaries: the first ``MAX_COLUMNS``."""
    return [(f"summary {name}", name) for name in facts.summaries[:MAX_COLUMNS]]


def _run_rows(workspace: Workspace, facts: Facts, view: View, runs: Sequence[Run]) -> list[Row]:
    """The rows of some runs; those that another filter had left are known."""
    asked = ("rows of runs", view.metrics, view.summaries)
    known: dict[str, Row] = workspace.remembered(facts.version, asked, dict)
    new = [run for run in runs if run.name not in known]
    if new:
        order = {run.name: at for at, run in enumerate(facts.runs)}
        for row in _new_rows(workspace, facts, view, new):
            known[row["id"]] = row | {"order": order[row["id"]]}
    return [known[run.name] for run in runs]


def _new_rows(workspace: Workspace, facts: Facts, view: View, runs: Sequence[Run]) -> list[Row]:
    shown = dict.fromkeys(metric for _, metric, _ in values_of(view))
    columns = workspace.index.columns(runs, [STEP, *shown])
    keys, now = facts.find(table_keys(facts)), time.time()
    values = [(field, m, parse_summary(summary_of(m, s))) for field, m, s in values_of(view)]
    said = summaries_of(facts)
    shows = {key.name: label_among([key.value(run) for run in facts.runs]) for key in keys}
    return [
        _of_status(run, now)
        | {f"config {key.name}": cell(key.value(run), shows[key.name]) for key in keys}
        | {field: cell(run.summary.get(name, MISSING)) for field, name in said}
        | {"step": _last_step(columns[run.name])}
        | {field: _value(columns[run.name], metric, how) for field, metric, how in values}
        for run in runs
    ]


def _of_status(run: Run, now: float) -> Row:
    status = run.status
    seconds = duration(status, now)
    commit = (status.git or {}).get("commit") if status else None
    return {
        "id": run.name,
        "state": STATE_WORDS[run.state],
        "error": cut(status.error) if status and status.error else None,
        "duration": round(seconds, 1) if seconds is not None else None,
        "host": cut(status.host) if status else None,
        "element": cut(status.element) if status and status.element else None,
        "slot": status.slot if status else None,
        "started": status.started if status else None,
        "commit": cut(str(commit))[:10] if commit else None,
    }


def _last_step(columns: Columns) -> float | None:
    steps = columns.get(STEP)  # not those of the last row alone: the steps of all need not ascend
    finite = np.empty(0) if steps is None else steps[np.isfinite(steps)]
    return cell(float(finite.max())) if len(finite) else None


def _value(columns: Columns, metric: str, how: Option) -> Any:
    number = number_of(*columns.series(metric), how)
    return None if number is None else cell(number)


def _group_rows(facts: Facts, view: View, runs: Sequence[Run], rows: Sequence[Row]) -> list[Row]:
    """A row for each group of the chart: means over its runs, and how they spread."""
    by_name = {row["id"]: row for row in rows}
    keys = facts.find(view.by or ())
    wanted = groups(runs, keys)
    shows = [label_among(values) for values in zip(*(g.values for g in wanted), strict=True)]
    labels = [group.label for group in wanted]
    names = baselines(wanted, keys, facts)
    fields = [*(name for name, _ in summaries_of(facts)), *(name for name, _, _ in values_of(view))]
    return [
        _group_row(fields, [by_name[run.name] for run in group.runs], order)
        | {"id": labels[order] + " \N{HAIR SPACE}" * labels[:order].count(labels[order])}
        | {"members": [run.name for run in group.runs]}
        | {"group_name": names[order] if names else labels[order]}
        | {"group": group_id([key.name for key in keys], group.values)}
        | {
            f"config {key}": cell(value, show)
            for key, value, show in zip(view.by or (), group.values, shows, strict=True)
        }
        for order, group in enumerate(wanted)
    ]


def _group_row(fields: Sequence[str], members: Sequence[Row], order: int) -> Row:
    states = [row["state"] for row in members]
    words = [word for word in STATE_WORDS.values() if word in states]
    row: Row = {
        "order": order,
        "runs": len(members),
        "states": ", ".join(f"{states.count(word)} {word}" for word in words),
        "duration": _mean_and_spread(members, "duration")[0],
    }
    for field in fields:
        row[field], row[f"spread {field}"] = _mean_and_spread(members, field)
    return row


def _mean_and_spread(rows: Sequence[Mapping[str, Any]], field: str) -> tuple[Any, Any]:
    """Mean and standard deviation (n - 1) of a field's numbers; a NaN among them is one in both."""
    values = [number for row in rows if (number := number_in(row[field])) is not None]
    if not values:
        return None, None
    mean = sum(value / len(values) for value in values)
    if len(values) < 2 or not math.isfinite(mean):
        return cell(mean), None
    return cell(mean), cell(math.dist(values, [mean] * len(values)) / math.sqrt(len(values) - 1))


def number_in(cell: Any) -> float | None:
    """The number that a cell shows, "nan" among them; None where it shows none."""
    try:
        return None if cell is None else float(cell)
    except ValueError:  # a text of a summary
        return None


def cell(value: Any, show: Callable[[Any], str] = display) -> Any:
    """A number where the browser can hold it exactly; its text elsewhere; None for no value."""
    if value is MISSING:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return cut(show(value))
    exact = math.isfinite(value) if isinstance(value, float) else abs(value) < EXACT_INTEGER
    return value if exact else display(value)


def cut(text: str) -> str:
    """A text of a length that a cell takes."""
    text = visible_lines(text[: MAX_CELL + 1])
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
