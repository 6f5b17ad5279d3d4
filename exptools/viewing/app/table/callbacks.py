"""What happens in the table: rows that come and change, columns, and the user's stars and notes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, no_update

from exptools.viewing.app.table import grid as table
from exptools.viewing.app.table.columns import columns, usual
from exptools.viewing.app.table.rows import Tables, table_key, table_rows, with_marks
from exptools.viewing.app.user_marks import UserData
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace

Answers = tuple[Any, ...]  # one for each output; no_update leaves it as it is


def register(app: Dash, workspace: Workspace, userdata: UserData | None = None) -> None:
    """Tie the table's callbacks to the page; stars and notes are by default the user's own."""
    userdata = userdata or UserData()
    app.callback(
        Output("rows-data", "data"),
        Output("rows-key", "data"),
        Output("runs", "columnDefs"),
        Output("shown-columns", "data"),
        Output("columns-list", "children"),
        Output("runs", "style"),
        Output("hint", "children"),
        Output("clearing", "hidden"),
        Input("version", "data"),
        Input("view", "data"),
        Input("marks", "data"),
        State("rows-key", "data"),
        State("runs", "columnDefs"),
        prevent_initial_call=True,
    )(partial(update_table, workspace, userdata, Tables()))
    app.callback(
        Output("marks", "data", allow_duplicate=True),
        Output("hint", "children", allow_duplicate=True),
        Input("starred", "data"),
        prevent_initial_call=True,
    )(partial(turn_star, workspace, userdata))
    app.callback(
        Output("marks", "data", allow_duplicate=True),
        Output("hint", "children", allow_duplicate=True),
        Input("runs", "cellValueChanged"),
        prevent_initial_call=True,
    )(partial(keep_notes, workspace, userdata))


def update_table(
    workspace: Workspace,
    userdata: UserData,
    tables: Tables,
    _version: int,
    data: dict[str, Any],
    _marks: Any,
    had: str | None,
    had_columns: list[dict[str, Any]],
) -> Answers:
    """The rows that the page does not have, and columns and sentences that have changed."""
    view, facts = View.from_data(data), workspace.facts()
    if view.tab != "compare":
        return (no_update,) * 8
    key = table_key(facts, view)
    rows = workspace.remembered(facts.version, key, lambda: table_rows(workspace, view))
    marks = userdata.of(facts.runs)
    if view.rows == "runs":
        rows, key = with_marks(rows, marks), repr((key, sorted(marks.items(), key=str)))
    wanted = columns(facts, view, marks)
    shown = {
        "all": [[column["colId"], column["headerName"]] for column in wanted],
        "shown": [column["colId"] for column in wanted if not column["hide"]],
        "usual": sorted(usual(facts, marks, wanted)),
    }
    same = wanted == had_columns
    boxes = [
        dmc.Checkbox(label=c["headerName"], value=c["colId"], size="xs")
        for c in wanted
        if c["colId"] != "run"
    ]
    selected = len({*view.selected} & {run.name for run in facts.runs})
    return (
        no_update if key == had else tables.update(key, rows, had),
        key,
        no_update if same else wanted,
        no_update if same else shown,
        no_update if same else boxes,
        table.height(len(rows)),
        table.hint(selected, len(facts.runs), len(facts.keys)),
        not selected,
    )


def turn_star(workspace: Workspace, userdata: UserData, starred: dict[str, Any]) -> Answers:
    """Turn the star of a run."""
    runs = {run.name: run for run in workspace.facts().runs}
    run = runs.get(starred["run"])
    if run is None:
        return no_update, no_update
    return _kept(userdata, lambda: userdata.set(run, star=not userdata.get(run).star))


def keep_notes(
    workspace: Workspace, userdata: UserData, changes: Sequence[dict[str, Any]]
) -> Answers:
    """Keep the notes that were written into the table."""
    runs = {run.name: run for run in workspace.facts().runs}
    notes = {c["rowId"]: c["value"] or "" for c in changes if c["colId"] == "note"}

    def keep() -> None:
        for name, note in notes.items():
            if name in runs:
                userdata.set(runs[name], note=note.strip())

    return _kept(userdata, keep)


def _kept(userdata: UserData, change: Callable[[], Any]) -> Answers:
    """Keep a change: the new ``marks``, or the sentence that says why it could not be kept."""
    try:
        change()
    except OSError as error:
        return no_update, f"{userdata.path} cannot be written: {error.strerror}."
    except ValueError as error:
        return no_update, f"This is not kept: {error}."
    return time.time_ns() // 1_000_000, no_update
