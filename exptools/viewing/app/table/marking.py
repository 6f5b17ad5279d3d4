"""What is done to the ticked runs at once: hide them for good, or give them tags; and the way back.

A hidden run is in nothing that the page shows. How many there are stands in the page's header, and
a click on it lists them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, Patch, State, ctx, html, no_update

from exptools.viewing.app.serving.shapes import expect
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import labelled, popover
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.run import Run
from exptools.viewing.run_files.user_marks import MAX_TAG, parse_tags

MOST_LISTED = 200  # hidden runs, each with its button


def buttons() -> list[Any]:
    """What stands in the table's heading while runs are ticked."""
    field = dmc.TextInput(
        id="tag-names",
        label="Tags of the ticked runs",
        placeholder="baseline, for the paper",
        size="xs",
        debounce=True,  # else Enter may come before the letters that were typed last
        inputProps={"autoComplete": "off", "maxLength": MAX_TAG * 4},
    )
    choices = html.Div([_button("Add", "tag-add"), _button("Take back", "tag-remove")])
    return [
        _button("Hide", "hide"),
        popover(_button("Tag", "tag"), html.Div([field, choices], className="tagging"), "Tag"),
    ]


def header_button() -> Any:
    """How many runs are hidden; nothing where none is."""
    return html.Button("", id="hidden-open", hidden=True, title="List the hidden runs")


def modal() -> Any:
    """The list of hidden runs."""
    return dmc.Modal(
        html.Div(id="hidden-list"),
        id="hidden-runs",
        title="Hidden runs",
        size="lg",
        closeButtonProps=labelled("Close"),
    )


def _button(text: str, id_: Any) -> Any:
    return dmc.Button(text, id=id_, variant="subtle", size="compact-xs")


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the buttons to the runs that are ticked."""
    view = State("view", "data")
    hint = Output("hint", "children", allow_duplicate=True)
    version = Output("version", "data", allow_duplicate=True)
    app.callback(
        version,
        Output("view", "data", allow_duplicate=True),
        hint,
        Input("hide", "n_clicks"),
        view,
        prevent_initial_call=True,
    )(partial(hide, workspace))
    app.callback(
        Output("marks", "data", allow_duplicate=True),
        hint,
        Input("tag-add", "n_clicks"),
        Input("tag-remove", "n_clicks"),
        Input("tag-names", "n_submit"),
        State("tag-names", "value"),
        view,
        prevent_initial_call=True,
    )(lambda _add, _back, _enter, names, data: tag(workspace, str(ctx.triggered_id), names, data))
    app.callback(
        Output("hidden-runs", "opened"),
        Output("hidden-list", "children"),
        Input("hidden-open", "n_clicks"),
        prevent_initial_call=True,
    )(lambda clicks: (True, listed(workspace)) if clicks else (no_update, no_update))
    app.callback(
        version,
        Output("hidden-list", "children", allow_duplicate=True),
        Output("hidden-runs", "opened", allow_duplicate=True),
        Input({"unhide": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )(partial(_unhide_clicked, workspace))


def hide(workspace: Workspace, clicks: int | None, data: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Hide the ticked runs: the new version, the view without them, or why it cannot be."""
    runs = _named(workspace, View.from_data(data).selected) if clicks else []
    if not runs:
        return no_update, no_update, no_update
    version, problem = workspace.hide(runs, hidden=True)
    if version is None:
        return no_update, no_update, problem
    patch = Patch()
    patch["selected"] = []
    return version, patch, no_update


def tag(
    workspace: Workspace, button: str, names: str | None, data: dict[str, Any]
) -> tuple[Any, Any]:
    """Give the ticked runs tags, or take them back: the new ``marks``, or why it cannot be."""
    tags, runs = parse_tags(names or ""), _named(workspace, View.from_data(data).selected)
    if not tags or not runs:
        return no_update, "Type a tag first; several have commas between them."
    stamp, problem = workspace.marks.tag(runs, tags, taken_back=button == "tag-remove")
    return stamp or no_update, problem or no_update


def listed(workspace: Workspace) -> list[Any]:
    """The hidden runs, each with a button that shows it again."""
    names = workspace.facts().hidden
    if not names:
        return [html.P("No run is hidden.")]
    rows = [
        html.Li([html.Span(name), _button("Show again", {"unhide": name})])
        for name in names[:MOST_LISTED]
    ]
    more = len(names) - len(rows)
    return [
        html.P(
            "They are in no chart, table, number or export of this page. Python and the command "
            "line count them, unless a condition says: not run.hidden."
        ),
        html.Ul(rows, className="hidden-runs"),
        *([html.P(f"… and {more:,} more")] if more else []),
        *([_button(f"Show all {len(names):,} again", {"unhide": ""})] if len(names) > 1 else []),
    ]


def unhide(workspace: Workspace, name: str) -> tuple[Any, Any, Any]:
    """Show a hidden run again, or with "" all: the version, what is left of the list, or why not.

    The list closes with its last run.
    """
    hidden = workspace.facts().hidden
    runs = _named(workspace, hidden if not name else [name])
    version, problem = workspace.hide(runs, hidden=False)
    if version is None:
        return no_update, [html.P(problem)], no_update
    left = workspace.facts().hidden
    return version, listed(workspace), bool(left)


def _unhide_clicked(workspace: Workspace, clicks: list[int | None]) -> tuple[Any, Any, Any]:
    if not any(clicks) or not ctx.triggered_id:  # the list has come, and nobody has clicked
        return no_update, no_update, no_update
    expect(ctx.triggered_id, {"unhide": str})
    return unhide(workspace, ctx.triggered_id["unhide"])


def _named(workspace: Workspace, names: Iterable[str]) -> list[Run]:
    wanted = {*names}
    return [run for run in workspace.index.snapshot.runs if run.name in wanted]
