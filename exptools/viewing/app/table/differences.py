"""The table's columns of differences: what each run or group has more than the baseline.

They are of the same runs and pairs as the chart's: see ``curves.baseline``. Of a group it is the
mean with its 95 % interval: Student's of the pairs' differences, or Welch's where runs have no
partners.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exptools.viewing.app.table.rows import (
    Row,
    cell,
    number_in,
    rows_of_runs,
    table_rows,
    values_of,
)
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.curves.baseline import Against, difference, partners
from exptools.viewing.curves.comparison import Comparison
from exptools.viewing.curves.selection import Setting
from exptools.viewing.curves.statistics.aggregation import parse_method
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import groups
from exptools.viewing.run import Run

METHOD = parse_method("mean", "t:95")


def difference_fields(view: View) -> list[tuple[str, str]]:
    """Field of each difference, and the field that it is of."""
    if not view.baseline:
        return []
    return [(f"difference {field}", field) for field, _, _ in values_of(view)]


def rows_with_differences(workspace: Workspace, view: View) -> list[Row]:
    """The table's rows with their differences; empty where the baseline is not among the runs.

    Raises:
        QueryError: the view's condition cannot be read.
    """
    rows = table_rows(workspace, view)
    if not view.baseline:
        return rows
    facts = workspace.facts()
    runs, of_runs = rows_of_runs(workspace, view)
    fields = difference_fields(view)
    keys = facts.find(view.by or ())
    settings = [Setting(g.values, g.label, g.runs) for g in groups(runs, keys)]
    try:
        against = Against(view.baseline, view.difference == "percent")
        compared = Comparison.of(settings, keys, runs, against) if fields else None
    except QueryError:  # said in place of the chart
        compared = None
    if compared is None:
        return [row | _nothing(fields) for row in rows]
    by_name = {row["id"]: row for row in of_runs}
    found: dict[str, Row] = {}
    for setting in settings:
        base = compared.runs_of(setting)
        if view.rows == "groups":
            first = setting.runs[0].name
            found[first] = _of_group(setting.runs, base, by_name, fields, view)
        else:
            found |= _of_runs(setting.runs, base, by_name, fields, view)
    return [row | found[row.get("members", [row["id"]])[0]] for row in rows]


def _nothing(fields: Sequence[tuple[str, str]]) -> Row:
    return {name: None for field, _ in fields for name in (field, f"low {field}", f"high {field}")}


def _of_group(
    runs: Sequence[Run],
    base: Sequence[Run],
    rows: Mapping[str, Row],
    fields: Sequence[tuple[str, str]],
    view: View,
) -> Row:
    row = _nothing(fields) | {"baseline": tuple(runs) == tuple(base)}
    if row["baseline"] or not base:
        return row
    for field, of in fields:
        series = {run.name: _point(rows[run.name][of]) for run in (*runs, *base)}
        percent = view.difference == "percent"
        curve, _ = difference(runs, base, series, METHOD, percent=percent)
        if len(curve.x):
            edges = (curve.center[0], curve.low[0], curve.high[0])
            names = (field, f"low {field}", f"high {field}")
            row |= {n: _cell(float(edge)) for n, edge in zip(names, edges, strict=True)}
    return row


def _point(value: Any) -> tuple[Any, Any]:
    number = number_in(value)
    if number is None or not math.isfinite(number):
        return np.empty(0), np.empty(0)
    return np.zeros(1), np.array([number])


def _of_runs(
    runs: Sequence[Run],
    base: Sequence[Run],
    rows: Mapping[str, Row],
    fields: Sequence[tuple[str, str]],
    view: View,
) -> dict[str, Row]:
    """Each run less its partner; less the baseline's mean where runs have none."""
    pairs = {run.name: partner for run, partner in partners(runs, base).pairs} if base else {}
    own = {run.name for run in base}
    found: dict[str, Row] = {}
    for run in runs:
        row = _nothing(fields) | {"baseline": run.name in own}
        others = () if run.name in own else (pairs[run.name],) if run.name in pairs else base
        if pairs and run.name not in pairs:
            others = ()
        for field, of in fields:
            row[field] = _less(rows[run.name][of], [rows[o.name][of] for o in others], view)
        found[run.name] = row
    return found


def _less(value: Any, others: Sequence[Any], view: View) -> Any:
    number = number_in(value)
    finite = [n for one in others if (n := number_in(one)) is not None and math.isfinite(n)]
    if number is None or not finite:
        return None
    mean = sum(one / len(finite) for one in finite)
    if view.difference == "percent":
        return _cell(100 * (number - mean) / abs(mean)) if mean else None
    return _cell(number - mean)


def _cell(value: float) -> Any:
    return None if math.isnan(value) else cell(value)
