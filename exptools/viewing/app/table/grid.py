"""The table of runs: rows that come and change, columns, and the user's stars and notes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from exptools.viewing.app.table.columns import columns, keep_narrow, usual
from exptools.viewing.app.table.rows import (
    MAX_COLUMNS,
    Tables,
    table_key,
    table_rows,
    with_marks,
)
from exptools.viewing.app.user_marks import UserMarks
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import (
    COLUMN,
    GRID,
    SUMMARIES,
    grid_height,
    labelled,
    options,
    popover,
)
from exptools.viewing.app.workspace import Workspace

HINT = "Tick runs to draw only those."
MOST_ROWS = 14  # before the table scrolls
ROOM = 18  # px, below the rows


def layout() -> Any:
    """The table with its heading; its rows follow."""
    grid = dag.AgGrid(
        id="runs",
        rowData=[],
        columnDefs=[],
        defaultColDef=COLUMN | {"minWidth": 96, "filter": True},
        getRowId="params.data.id",
        selectedRows=[],
        dashGridOptions=GRID
        | {
            "rowSelection": {
                "mode": "multiRow",
                "enableClickSelection": False,
                "selectAll": "filtered",
            },
            "selectionColumnDef": {"pinned": "left", "width": 44, "sortable": True},
            "maintainColumnOrder": True,
            "suppressColumnMoveAnimation": True,
        },
        style=grid_height(0, MOST_ROWS, ROOM),
        eventListeners={
            "sortChanged": ["sorted(params)"],
            "cellClicked": ["pressed(params)"],
            "cellKeyDown": ["pressed(params)"],
            "columnResized": ["resized(params)"],
            "selectionChanged": ["mend()"],
            "rowDataUpdated": ["mend()"],
        },
    )
    return html.Section([_heading(), grid], className="card table")


def _heading() -> Any:
    chips = [
        dmc.Chip(label, value=name, size="xs", variant="outline")
        for name, label in SUMMARIES.items()
    ]
    results, names = html.Div(chips, id="summaries-list"), html.Div(id="columns-list")
    return html.Div(
        [
            html.H2("Runs"),
            html.Span(HINT, id="hint"),
            html.Span(
                dmc.Button("Draw all", id="clear", variant="subtle", size="compact-xs"),
                id="clearing",
                hidden=True,
            ),
            html.Span(className="space"),
            dmc.SegmentedControl(
                id="rows",
                data=options({"runs": "Runs", "groups": "Groups"}),
                value="runs",
                size="xs",
                **labelled("A row a run or a row a group"),
            ),
            _popover("Results", dmc.ChipGroup(results, id="summaries", value=[], multiple=True)),
            _popover("Columns", dmc.CheckboxGroup(names, id="columns", value=[])),
        ],
        className="heading",
    )


def _popover(title: str, group: Any) -> Any:
    chevron = html.Span(className="glyph chevron")
    button = dmc.Button(title, variant="default", size="xs", rightSection=chevron)
    return popover(button, html.Div(group, className="list"), title)


def register(app: Dash, workspace: Workspace, marks: UserMarks) -> None:
    """Tie the table's callbacks to the page."""
    app.callback(
        output={
            "rows": Output("rows-data", "data"),
            "key": Output("rows-key", "data"),
            "columns": Output("runs", "columnDefs"),
            "names": Output("shown-columns", "data"),
            "boxes": Output("columns-list", "children"),
            "style": Output("runs", "style"),
            "hint": Output("hint", "children"),
            "all_drawn": Output("clearing", "hidden"),
        },
        inputs={
            "version": State("version", "data"),
            "data": Input("table-view", "data"),
            "changed_marks": Input("marks", "data"),
        },
        state={
            "had": State("rows-key", "data"),
            "had_columns": State("runs", "columnDefs"),
        },
        prevent_initial_call=True,
    )(partial(update_table, workspace, marks, Tables()))
    for event, keep in (
        (Input("starred", "data"), turn_star),
        (Input("runs", "cellValueChanged"), keep_notes),
    ):
        app.callback(
            Output("marks", "data", allow_duplicate=True),
            Output("hint", "children", allow_duplicate=True),
            event,
            prevent_initial_call=True,
        )(partial(keep, workspace, marks))


def update_table(
    workspace: Workspace,
    marks: UserMarks,
    tables: Tables,
    *,
    version: int,
    data: dict[str, Any] | None,  # none yet where a star was turned in another tab
    changed_marks: Any,
    had: str | None,
    had_columns: list[dict[str, Any]],
) -> Any:
    """The rows that the page does not have, and columns and sentences that have changed.

    ``version`` and ``changed_marks`` only trigger.
    """
    view, facts = View.from_data(data), workspace.facts()
    if view.tab != "compare":
        return no_update
    key = table_key(facts, view)
    rows = workspace.remembered(facts.version, key, lambda: table_rows(workspace, view))
    marked = marks.of(facts.runs)
    if view.rows == "runs":
        rows, key = with_marks(rows, marked), repr((key, sorted(marked.items(), key=str)))
    wanted = columns(facts, view, marked)
    if data and data.get("narrow"):
        keep_narrow(wanted)
    selected = len({*view.selected} & {run.name for run in facts.runs})
    answer = {
        "rows": no_update if key == had else tables.update(key, rows, had),
        "key": key,
        "style": grid_height(len(rows), MOST_ROWS, ROOM),
        "hint": hint(selected, len(facts.runs), len(facts.keys)),
        "all_drawn": not selected,
    }
    if wanted == had_columns:
        return answer | dict.fromkeys(("columns", "names", "boxes"), no_update)
    names = {
        "all": [[column["colId"], column["headerName"]] for column in wanted],
        "shown": [column["colId"] for column in wanted if not column["hide"]],
        "usual": sorted(usual(facts, marked, wanted)),
    }
    boxes = [
        dmc.Checkbox(label=title, value=name, size="xs")
        for name, title in names["all"]
        if name != "run"
    ]
    return answer | {"columns": wanted, "names": names, "boxes": boxes}


def turn_star(workspace: Workspace, marks: UserMarks, starred: dict[str, Any]) -> tuple[Any, Any]:
    """Turn the star of a run: the new ``marks``, or why it could not be kept."""
    run = workspace.run(starred["run"])
    if run is None:
        return no_update, no_update
    stamp, problem = marks.turn_star(run)
    return stamp or no_update, problem or no_update


def keep_notes(
    workspace: Workspace, marks: UserMarks, changes: Sequence[dict[str, Any]]
) -> tuple[Any, Any]:
    """Keep the notes that were written into the table: the new ``marks``, or why not."""
    stamp, problem = None, ""
    for change in changes:
        run = workspace.run(change["rowId"])
        if run is not None and change["colId"] == "note" and not problem:
            stamp, problem = marks.keep(run, note=(change["value"] or "").strip())
    return stamp or no_update, problem or no_update


def hint(selected: int, runs: int, keys: int) -> str:
    """How many of the runs are drawn, and whether keys that differ have no column."""
    text = f"{selected} of {runs} run{'s' * (runs > 1)} drawn." if selected else HINT
    if keys <= MAX_COLUMNS:
        return text
    return f"{text} Of {keys} keys that differ, the first {MAX_COLUMNS} have a column."
