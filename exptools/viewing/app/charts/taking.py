"""What can be taken away of an analysis: the lines that make it, its numbers, its figure."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.analysis.importance import Importance
from exptools.viewing.analysis.verdict import Improvement
from exptools.viewing.app.charts.analyses import importance_of, improvement_of, with_best_pair
from exptools.viewing.app.charts.controls import (
    ANALYSES,
    chart_of,
    chosen,
    controls,
    groups_of,
    summary_of,
)
from exptools.viewing.app.compare.downloads import (
    drawing_lock,
    joined,
    literal,
    runs_lines,
    without_marks,
)
from exptools.viewing.app.facts import Facts, counted_runs, resolve, shown_runs
from exptools.viewing.app.table.funnels import number_text, quoted_key, quoted_text
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.curves.endings import ALL
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Group
from exptools.visible import visible

KINDS = {"python": "Copy as Python", "csv": "Numbers, CSV", "pdf": "Figure, PDF"}


def buttons() -> Component:
    """The buttons below the chart, and what they need on the page."""
    offers = [
        dmc.Button(label, id=f"chart-{name}", variant="default", size="xs")
        for name, label in KINDS.items()
    ]
    return html.Div(
        [
            *offers,
            html.Span(id="chart-refused", role="status"),
            dcc.Download(id="chart-download"),
        ],
        id="chart-take",
        style={"display": "none"},
    )


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the buttons to the page's view."""
    app.callback(
        Output("chart-download", "data"),
        Output("chart-refused", "children"),
        Input("chart-csv", "n_clicks"),
        Input("chart-pdf", "n_clicks"),
        State("view", "data"),
        prevent_initial_call=True,
    )(partial(_clicked, workspace))
    app.callback(
        Output("python", "opened", allow_duplicate=True),
        Output("python-lines", "children", allow_duplicate=True),
        Input("chart-python", "n_clicks"),
        State("view", "data"),
        prevent_initial_call=True,
    )(lambda _clicks, data: (True, as_python(workspace, data)))


def _clicked(workspace: Workspace, _csv: int, _pdf: int, data: dict[str, Any]) -> tuple[Any, Any]:
    return download(workspace, str(ctx.triggered_id).removeprefix("chart-"), data)


def download(workspace: Workspace, kind: str, data: dict[str, Any] | None) -> tuple[Any, str]:
    """The file that the browser saves, or the sentence that says why there is none."""
    try:
        found, view = _found(workspace, View.from_data(data))
        file = _csv(found) if kind == "csv" else _figure(found)
    except QueryError as error:
        return no_update, str(error)
    name = re.sub(r"[^\w.=+-]+", "-", f"{chart_of(view)}-{found.metric}")[:100] + f".{kind}"
    return {"filename": name, "content": base64.b64encode(file).decode(), "base64": True}, ""


def _found(workspace: Workspace, view: View) -> tuple[Importance | Improvement, View]:
    index, facts = workspace.index, workspace.facts()
    now = with_best_pair(index, facts, resolve(view, facts))
    _expect_analysis(facts, now)
    runs, _ = counted_runs(index, facts, now)
    make = importance_of if chart_of(now) == "importance" else improvement_of
    return make(index, facts, now, runs), now


def _expect_analysis(facts: Facts, view: View) -> None:
    """Raise QueryError where the page shows none: the chart has just been changed, say."""
    if chart_of(view) not in ANALYSES:
        raise QueryError(f"only {' and '.join(ANALYSES)} can be taken away in this way")
    if chart_of(view) == "improvement" and len(groups_of(facts, view)) < 2:
        raise QueryError("two groups are compared where there are two: group by another key")


def _csv(found: Importance | Improvement) -> bytes:
    from exptools.viewing.tables.export import csv

    return joined(csv(found.frame()))


def _figure(found: Importance | Improvement) -> bytes:
    from exptools.viewing.analysis.paper import importance_figure, improvement_figure

    with drawing_lock, TemporaryDirectory() as directory:
        path = Path(directory, "figure.pdf")
        if isinstance(found, Importance):
            importance_figure(found, size="text", out=path)
        else:
            improvement_figure(found, size="text", out=path)
        return path.read_bytes()


def as_python(workspace: Workspace, data: dict[str, Any] | None) -> str:
    """The lines that make the analysis, or the sentence that says why there are none."""
    facts = workspace.facts()
    try:
        view = resolve(View.from_data(data), facts)
        view = with_best_pair(workspace.index, facts, view)
        _expect_analysis(facts, view)
        runs = shown_runs(workspace.index, facts, view)
        plain = without_marks(workspace, view, runs)
        lines = runs_lines(plain, workspace.index.roots, facts.hidden)
        return "\n".join([*lines, *_lines(facts, view)]) + "\n"
    except QueryError as error:
        return f"# {visible(str(error))}"


def _lines(facts: Facts, view: View) -> list[str]:
    values, chart = chosen(controls(facts, view)), chart_of(view)
    options = [literal(str(values["metric"]))]
    if chart == "improvement":
        groups = {group.label: group for group in groups_of(facts, view)}
        for side in ("of", "over"):
            condition = _condition(facts, view.by or (), groups[str(values[side])])
            options.append(f"{side}={literal(condition)}")
    if (summary := summary_of(values)) != "last":
        options.append(f"summary={literal(summary)}")
    if view.states != ALL:
        options.append(f"states={literal(view.states)}")
    return [
        f"found = runs.{chart}({', '.join(options)})",
        "print(found)",
        "figure = found.plot()",
        f'drawing = found.paper(size="text", out="{chart}.pdf")',
    ]


def _condition(facts: Facts, names: Sequence[str], group: Group) -> str:
    """The condition that the runs of a group fulfil, and no others."""
    keys = [key.whole or key.name for key in facts.find(names)]
    try:
        parts = [_equal(key, value) for key, value in zip(keys, group.values, strict=True)]
    except ValueError:  # a list, or no value: null and to lack the key are one to a condition
        return f"name in ({', '.join(quoted_text(run.name) for run in group.runs)})"
    return " and ".join(parts)


def _equal(key: str, value: Any) -> str:
    """That a key has a value; raises ValueError where no condition says so in short."""
    if isinstance(value, bool):
        return f"{quoted_key(key)} = {'true' if value else 'false'}"
    said = quoted_text(value) if isinstance(value, str) else number_text(value)
    return f"{quoted_key(key)} = {said}"
