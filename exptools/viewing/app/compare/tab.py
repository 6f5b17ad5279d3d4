"""The tab that compares: curves of groups of runs, and the table of runs under them.

Each callback is a plain function of the workspace and of the page's values; ``register`` ties them
to the page. What is chosen goes through the store ``view``: page.js takes it from the controls and
shows it in them, so that an address sets them as a hand does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from exptools.viewing.app.compare import controls, downloads
from exptools.viewing.app.compare.captions import caption, pager, reason
from exptools.viewing.app.compare.chart import chart, height
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.facts import Facts, shown_runs
from exptools.viewing.app.table import callbacks as table_callbacks
from exptools.viewing.app.table import grid as table
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import GRAPH
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.theme import DARK, LIGHT

Answers = tuple[Any, ...]  # one for each output; no_update leaves it as it is


def layout(facts: Facts) -> list[Any]:
    """What the tab holds; the chart and the rows follow once the page is there."""
    view = View()
    chart_card = html.Section(
        [
            controls.bar(facts, view),
            html.Div(
                [
                    html.P(
                        [html.Span(id="caption"), " ", html.Span(id="reason")],
                        className="captions",
                    ),
                    downloads.menu(),
                ],
                className="under-controls",
            ),
            html.Div(
                [
                    html.Div(id="busy", hidden=True),
                    dcc.Graph(id="curves", responsive=True, config=GRAPH),
                    html.P(id="empty"),
                ],
                id="chart",
                className="loading",
            ),
            html.Div(
                [
                    html.Span(id="pager-text"),
                    _page_button("Previous", "page-back"),
                    _page_button("Next", "page-on"),
                ],
                id="pager",
                hidden=True,
            ),
            html.Ul(id="notes", className="notes"),
        ],
        className="card",
    )
    stores = [
        *(dcc.Store(id=name) for name in ("drawing", "drawn", "clicked", "opened", "sorted")),
        *(dcc.Store(id=name) for name in ("rows-data", "rows-key", "shown-columns", "starred")),
    ]
    return [*stores, chart_card, html.Div(id="faults"), table.section()]


def _page_button(title: str, id_: str) -> Any:
    return dmc.Button(title, id=id_, variant="default", size="compact-xs")


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the callbacks to the page."""
    version, view = Input("version", "data"), Input("view", "data")
    app.callback(
        Output("metrics", "data"),
        Output("by", "data"),
        Output("split", "data"),
        Output("best", "data"),
        Output("x", "data"),
        version,
        prevent_initial_call=True,
    )(partial(update_options, workspace))
    app.callback(
        Output("drawing", "data"),
        Output("drawn", "data"),
        Output("chart", "className"),
        Output("chart", "style"),
        Output("empty", "children"),
        Output("caption", "children"),
        Output("reason", "children"),
        Output("notes", "children"),
        Output("pager", "hidden"),
        Output("pager-text", "children"),
        Output("page-back", "disabled"),
        Output("page-on", "disabled"),
        Output("where", "error"),
        version,
        view,
        Input("colors", "data"),
        State("drawn", "data"),
        running=[(Output("busy", "hidden"), False, True)],
        prevent_initial_call=True,
    )(partial(draw, workspace))
    app.callback(
        Output("view", "data", allow_duplicate=True),
        Input("clicked", "data"),
        State("view", "data"),
        prevent_initial_call=True,
    )(partial(click, workspace))
    table_callbacks.register(app, workspace)
    _register_in_browser(app)


def _register_in_browser(app: Dash) -> None:
    """What needs no server: the chart's figure, the table's rows, controls to view and back."""

    def in_browser(name: str, *parts: Any, initially: bool = False) -> None:
        function = ClientsideFunction("exptools", name)
        app.clientside_callback(function, *parts, prevent_initial_call=not initially)  # type: ignore[no-untyped-call]

    changed = Output("view", "data", allow_duplicate=True)
    view = State("view", "data")
    names = controls.CONTROLS
    in_browser("keepView", Output("curves", "figure"), Input("drawing", "data"))
    in_browser("rows", Output("runs", "rowData"), Input("rows-data", "data"))
    in_browser("choose", changed, *(Input(*control) for control in names.items()), view)
    in_browser(
        "show",
        *(Output(*control) for control in names.items()),
        Input("view", "data"),
        *(State(*control) for control in names.items()),
    )
    in_browser("zoom", changed, Input("curves", "relayoutData"), view)
    in_browser("select", changed, Input("runs", "selectedRows"), view)
    in_browser(
        "tick",
        Output("runs", "selectedRows"),
        Input("view", "data"),
        Input("runs", "rowData"),
        State("runs", "selectedRows"),
    )
    in_browser("clear", changed, Input("clear", "n_clicks"), view)
    in_browser("turn", changed, Input("page-back", "n_clicks"), Input("page-on", "n_clicks"), view)
    in_browser("open", changed, Input("opened", "data"), view)
    in_browser("sort", changed, Input("sorted", "data"), view)
    in_browser(
        "chooseColumns", changed, Input("columns", "value"), State("shown-columns", "data"), view
    )
    in_browser("showColumns", Output("columns", "value"), Input("shown-columns", "data"))


def update_options(workspace: Workspace, _version: int) -> Answers:
    """What can be chosen now."""
    facts = workspace.facts()
    keys = controls.keys(facts)
    best = [option for option in keys if option["value"] != facts.seed]
    by = controls.keys(facts, each=True)
    return list(facts.metrics), by, keys, best, controls.x_options(facts)


def draw(
    workspace: Workspace,
    _version: int,
    data: dict[str, Any],
    colors: str | None,
    drawn: str | None,
) -> Answers:
    """The figure, and the sentences around it; nothing where that is what the page has."""
    view, facts = View.from_data(data), workspace.facts()
    parts = (view, facts.version, colors)
    key = repr(parts)
    if view.tab != "compare" or key == drawn:
        return (no_update,) * 13
    found = drawing(workspace, view)
    if found.panels:
        workspace.read_ahead(view.metrics[0])
    theme = DARK if colors == "dark" else LIGHT
    tall = height(found, view)
    notes = [html.Li(note) for note in (*view.notes, *found.notes)]
    more = pager(found, view)
    return (
        chart(found, view, theme),
        key,
        "empty" if found.empty else "",
        {"height": f"{tall}px"} if tall else {},
        found.empty,
        caption(facts, view, found),
        reason(facts, view) if not found.empty else "",
        notes,
        not more,
        more,
        found.first == 0,
        found.first + found.shown >= found.all,
        _complaint(facts, view),
    )


def _complaint(facts: Facts, view: View) -> str | None:
    """What is wrong with the filter."""
    try:
        shown_runs(facts, View(where=view.where))
    except QueryError as error:
        return str(error)
    return None


def click(workspace: Workspace, clicked: dict[str, Any] | None, data: dict[str, Any]) -> Any:
    """The view with the runs of the clicked curve selected, or with none where they were."""
    if not clicked:
        return no_update
    panels = drawing(workspace, View.from_data(data)).panels
    panel, line = clicked["curve"]
    if panel >= len(panels) or line >= len(panels[panel].groups):
        return no_update
    names = [run.name for run in panels[panel].groups[line].runs]
    selected = [] if set(names) == set(data["selected"]) else names
    return data | {"selected": selected}
