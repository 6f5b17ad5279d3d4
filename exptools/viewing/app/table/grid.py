"""The table of runs: rows that come and change, columns, and the user's stars and notes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import Dash, Input, Output, Patch, State, html, no_update

from exptools.viewing.app.facts import Facts
from exptools.viewing.app.serving.shapes import expect
from exptools.viewing.app.table import marking
from exptools.viewing.app.table.arrangement import rearranged
from exptools.viewing.app.table.columns import columns, in_usual_order, usual
from exptools.viewing.app.table.differences import rows_with_differences
from exptools.viewing.app.table.filtering import filtered, funnels, models
from exptools.viewing.app.table.rows import (
    MAX_COLUMNS,
    Tables,
    readable,
    table_key,
    with_marks,
    with_names,
)
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
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.references import check_color
from exptools.viewing.run_files.user_marks import UserMarks, parse_tags

HINT = "Tick runs to draw only those."
MOST_ROWS = 14  # before the table scrolls
ROOM = 18  # px, below the rows


def layout() -> Any:
    """The table with its heading; its rows follow."""
    grid = dag.AgGrid(
        id="runs",
        rowData=[],
        columnDefs=[],
        defaultColDef=COLUMN | {"minWidth": 96},
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
            "suppressNoRowsOverlay": True,  # it would say so while they are on their way, too
            "suppressContentVisibilityAuto": True,  # out of sight it would have rows without cells
            "suppressColumnMoveAnimation": True,
            "suppressDragLeaveHidesColumns": True,
            "popupParent": {"function": "page()"},  # a short table would cut a funnel off
        },
        style=grid_height(0, MOST_ROWS, ROOM),
        eventListeners={
            "sortChanged": ["sorted(params)"],
            "cellClicked": ["pressed(params)"],
            "cellKeyDown": ["pressed(params)"],
            "columnResized": ["resized(params)"],
            "columnMoved": ["arranged(params)"],
            "columnPinned": ["arranged(params)"],
            "filterChanged": ["funneled(params)"],
            "selectionChanged": ["putBack()"],
            "rowDataUpdated": ["putBack()"],
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
                [
                    dmc.Button("Draw all", id="clear", variant="subtle", size="compact-xs"),
                    *marking.buttons(),
                ],
                id="clearing",
                hidden=True,
            ),
            html.Span(
                dmc.Button("Reset names", id="reset-names", variant="subtle", size="compact-xs"),
                id="reset-names-line",
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
    marking.register(app, workspace)
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
            "unnamed": Output("reset-names-line", "hidden"),
            "funnels": Output("funnels", "data"),
            "shown": Output("shown-where", "data"),
        },
        inputs={
            "version": State("version", "data"),
            "data": Input("table-view", "data"),
            "changed_marks": Input("marks", "data"),
        },
        state={
            "had": {
                "key": State("rows-key", "data"),
                "columns": State("runs", "columnDefs"),
                "where": State("shown-where", "data"),
            },
        },
        prevent_initial_call=True,
    )(partial(update_table, workspace, marks, Tables()))
    app.callback(
        Output("filtered", "data"),
        Output("where", "error", allow_duplicate=True),
        Input("funneled", "data"),
        State("view", "data"),
        prevent_initial_call=True,
    )(partial(funnel, workspace))
    app.callback(
        Output("view", "data", allow_duplicate=True),
        Input("arranged", "data"),
        State("view", "data"),
        prevent_initial_call=True,
    )(partial(arrange, workspace, marks))
    app.callback(
        Output("marks", "data", allow_duplicate=True),
        Output("hint", "children", allow_duplicate=True),
        Input("reset-names", "n_clicks"),
        prevent_initial_call=True,
    )(partial(reset_names, workspace))
    for event, keep in (
        (Input("starred", "data"), keep_stars),
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
    had: dict[str, Any],
) -> Any:
    """The rows that the page does not have, and columns and sentences that have changed.

    ``version`` and ``changed_marks`` only trigger. ``had`` is of the table that the page has: its
    ``key``, its ``columns``, and the filter ``where`` that it shows, which goes on as long as
    nobody can read the view's own.
    """
    asked, facts = View.from_data(data), workspace.facts()
    if asked.tab != "compare":
        return no_update
    view = readable(workspace, asked, had["where"] or "")
    key = table_key(facts, view)
    rows = workspace.remembered(facts.version, key, lambda: rows_with_differences(workspace, view))
    marked = marks.of(facts.runs)
    if view.rows == "groups":
        own = workspace.group_names()
        rows, key = with_names(rows, own), repr((key, sorted(own.items(), key=str)))
    else:
        rows, key = with_marks(rows, marked), repr((key, sorted(marked.items(), key=str)))
    wanted = columns(facts, view, marked, narrow=bool(data and data.get("narrow")))
    there = funnels(facts, view)
    answer = {
        "rows": no_update if key == had["key"] else tables.update(key, rows, had["key"]),
        "key": key,
        "style": grid_height(len(rows), MOST_ROWS, ROOM),
        "hint": hint(*ticked(facts, view, rows), len(facts.runs), len(facts.keys)),
        "all_drawn": not {*view.selected} & {run.name for run in facts.runs},
        "unnamed": view.rows != "groups" or not any(r["label"] or r["color"] for r in rows),
        "funnels": {"where": asked.where, "models": models(asked.where, there)},
        "shown": view.where,
    }
    if wanted == had["columns"]:
        return answer | dict.fromkeys(("columns", "names", "boxes"), no_update)
    names = {
        "all": [[column["colId"], column["headerName"]] for column in wanted],
        "shown": [column["colId"] for column in wanted if not column["hide"]],
        "usual": sorted(usual(facts, marked, wanted)),
        "chosen": list(view.columns),
    }
    boxes = [
        dmc.Checkbox(label=title, value=name, size="xs")
        for name, title in names["all"]
        if name != "run"
    ]
    return answer | {"columns": wanted, "names": names, "boxes": boxes}


def funnel(
    workspace: Workspace, funneled: dict[str, Any], data: dict[str, Any]
) -> tuple[dict[str, Any], Any]:
    """What the funnels that somebody has changed make of the filter's text, and what is wrong."""
    facts, text = workspace.facts(), funneled["text"]
    for model in funneled["models"].values():
        expect(model, (dict, type(None)))
    try:
        where = filtered(text, funnels(facts, View.from_data(data)), funneled["models"])
    except QueryError as error:
        return funneled | {"where": text}, f"{str(error)[:1].upper()}{str(error)[1:]}."
    return funneled | {"where": where}, no_update


def arrange(
    workspace: Workspace, marks: UserMarks, state: dict[str, Any], data: dict[str, Any]
) -> Any:
    """The view's columns as a hand has just moved, pinned or resized them."""
    view, facts = View.from_data(data), workspace.facts()
    every = in_usual_order(facts, view, marks.of(facts.runs), narrow=bool(state["narrow"]))
    new = rearranged(every, view, state["columns"])
    patch = Patch()
    for name in ("order", "pinned", "widths"):
        patch[name] = list(getattr(new, name))
    return patch if new != view else no_update


def keep_stars(workspace: Workspace, marks: UserMarks, starred: dict[str, Any]) -> tuple[Any, Any]:
    """Give runs their stars, or take them back: the new ``marks``, or why they are not kept."""
    stamp, problem = None, ""
    for name, star in starred["stars"]:
        run = workspace.run(name)
        if run is not None and star != marks.get(run).star and not problem:
            stamp, problem = marks.keep(run, star=star)
    return stamp or no_update, problem or no_update


def keep_notes(
    workspace: Workspace, marks: UserMarks, changes: Sequence[dict[str, Any]]
) -> tuple[Any, Any]:
    """Keep the notes and tags that were written into the table: the new ``marks``, or why not."""
    stamp, problem = None, ""
    for change in changes:
        text = change.get("value")
        expect(text, (str, type(None)))
        if change["colId"] in ("label", "color") and not problem:
            stamp, problem = _keep_name(workspace, change, text or "")
            continue
        run = workspace.run(change["rowId"])
        if run is None or problem:
            continue
        if change["colId"] == "note":
            stamp, problem = marks.keep(run, note=(text or "").strip())
        elif change["colId"] == "tags":
            stamp, problem = marks.keep_tags(run, parse_tags(text or ""))
    return stamp or no_update, problem or no_update


def _keep_name(workspace: Workspace, change: dict[str, Any], text: str) -> tuple[int | None, str]:
    """Keep the name or colour that a group was given in the table."""
    expect(change.get("data"), {"group": str})
    group, text = change["data"]["group"], text.strip()
    if change["colId"] == "label":
        return workspace.names.keep(group, label=text)
    try:
        color = check_color(text) if text else ""
    except QueryError as error:
        return None, f"{str(error)[:1].upper()}{str(error)[1:]}."
    return workspace.names.keep(group, color=color)


def reset_names(workspace: Workspace, clicks: int | None) -> tuple[Any, Any]:
    """Take all own names and colours back: the new ``marks``, or why not."""
    if not clicks:
        return no_update, no_update
    stamp, problem = workspace.names.reset()
    return stamp or no_update, problem or no_update


def ticked(facts: Facts, view: View, rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """How many of the ticked runs the table has, and how many its filter hides."""
    shown = {name for row in rows for name in row.get("members", [row["id"]])}
    chosen = {*view.selected} & {run.name for run in facts.runs}
    return len(chosen & shown), len(chosen - shown)


def hint(selected: int, hidden: int, runs: int, keys: int) -> str:
    """How many of the runs are drawn, and whether keys that differ have no column."""
    text = f"{selected} of {runs} run{'s' * (runs > 1)} drawn." if selected else HINT
    if hidden and selected:
        text += f" The filter hides {hidden} that {'is' if hidden == 1 else 'are'} ticked."
    elif hidden:
        text = "The filter hides all ticked runs, so all others are drawn."
    if keys <= MAX_COLUMNS:
        return text
    return f"{text} Of {keys} keys that differ, the first {MAX_COLUMNS} have a column."
