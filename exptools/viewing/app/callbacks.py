"""What happens when something is chosen, and when runs have changed on disk.

Each callback is a plain function of the index and of the page's values; ``register`` ties them to
the page. A change on disk raises the page's version, and everything that shows runs follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from exptools.viewing.app import layout, pictures_tab, run_tab, table, view
from exptools.viewing.app.facts import Workspace, settled
from exptools.viewing.app.state import View
from exptools.viewing.figures import DARK, LIGHT, figure
from exptools.viewing.index import Index
from exptools.viewing.variation import varying

Answers = tuple[Any, ...]  # one for each output; no_update leaves it as it is


def register(app: Dash, index: Index) -> None:
    """Tie the callbacks to the page."""
    version = Input("version", "data")
    app.callback(
        Output("version", "data"),
        Input("clock", "n_intervals"),
        State("version", "data"),
        prevent_initial_call=True,
    )(partial(look, index))
    app.callback(
        Output("counts", "children"),
        Output("faults", "children"),
        Output("metric", "data"),
        Output("metric", "value"),
        Output("group", "data"),
        Output("group", "value"),
        version,
        State("metric", "value"),
        State("group", "value"),
        prevent_initial_call=True,
    )(partial(update_controls, index))
    app.callback(
        Output("runs", "rowData"),
        Output("runs", "columnDefs"),
        Output("runs", "style"),
        version,
        Input("metric", "value"),
        State("runs", "columnDefs"),
        prevent_initial_call=True,
    )(partial(update_table, index))
    app.callback(
        Output("drawing", "data"),
        Output("chart", "className"),
        Output("empty", "children"),
        Output("caption", "children"),
        Output("hint", "children"),
        version,
        Input("metric", "value"),
        Input("group", "value"),
        Input("runs", "selectedRows"),
        Input("colors", "data"),
    )(partial(draw, index))
    app.clientside_callback(  # type: ignore[no-untyped-call]
        "figure => exptools.keepView(figure)",
        Output("curves", "figure"),
        Input("drawing", "data"),
        prevent_initial_call=True,
    )
    for tab in (pictures_tab, run_tab):
        tab.register(app, index)
    app.callback(
        Output("view", "data"),
        Input("address", "data"),
        version,
        State("view", "data"),
        prevent_initial_call=True,
    )(partial(settle, Workspace(index)))
    app.callback(Output("query", "data"), Input("view", "data"), prevent_initial_call=True)(
        to_query
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        "() => window.location.search", Output("address", "data"), Input("address", "id")
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        "query => exptools.remember(query)", Input("query", "data"), prevent_initial_call=True
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        "(tab, view) => exptools.chosen(view, {tab})",
        Output("view", "data", allow_duplicate=True),
        Input("tabs", "value"),
        State("view", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        "view => view.tab", Output("tabs", "value"), Input("view", "data")
    )
    # For the first time: assets/page.js tells of later changes.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        "() => exptools.colors()", Output("colors", "data"), Input("scheme", "id")
    )


def settle(
    workspace: Workspace, query: str | None, _version: int, data: dict[str, Any]
) -> dict[str, Any] | Any:
    """The view of an address, or the present one with what could not be chosen before."""
    opened = ctx.triggered_id != "version"
    before = View.from_query(query or "") if opened else View.from_data(data)
    after = settled(before, workspace.facts())
    return no_update if not opened and after == before else after.to_data()


def to_query(data: dict[str, Any]) -> str:
    """The view as the address has it."""
    return View.from_data(data).to_query()


def look(index: Index, _ticks: int, version: int) -> Any:
    """The index's version where it is another than the page's. Other pages may have refreshed."""
    index.refresh()
    current = index.snapshot.version
    return no_update if current == version else current


def update_controls(index: Index, _version: int, metric: str | None, group: str) -> Answers:
    """Counts, faults and options; what was chosen stays chosen for as long as it can be."""
    snapshot = index.snapshot
    choices = view.choices(index, snapshot.runs)
    groups = layout.group_options(choices)
    metric_stays = metric in choices.metrics
    # "Each run by itself" is nobody's choice while there is nothing else to choose.
    chosen = group != layout.EACH_RUN or len(groups) > 1
    group_stays = chosen and group in [option["value"] for option in groups]
    return (
        layout.counts(view.counts(snapshot.runs)),
        layout.faults(view.faults(index, snapshot.runs, snapshot.faults)),
        layout.metric_options(choices),
        no_update if metric_stays else choices.metric,
        groups,
        no_update if group_stays else layout.group_value(choices.key),
    )


def update_table(
    index: Index, _version: int, metric: str | None, columns: Sequence[Any]
) -> Answers:
    """Rows, columns and height; the grid keeps its selection by the rows' names."""
    runs = index.snapshot.runs
    wanted = table.columns(runs, metric)
    return (
        view.table_rows(index, runs, metric),
        no_update if wanted == columns else wanted,
        table.height(len(runs)),
    )


def draw(
    index: Index,
    _version: int,
    metric: str | None,
    group: str | None,
    rows: Sequence[dict[str, Any]] | None,
    colors: str | None,
) -> Answers:
    """The figure, and the sentences around it."""
    runs = index.snapshot.runs
    selected = {row["id"] for row in rows or ()} & {run.name for run in runs}
    drawing = view.drawing(index, runs, metric, layout.group_key(group), selected)
    look_of_page = DARK if colors == "dark" else LIGHT
    return (
        figure(drawing.lines, metric or "", drawing.legend, look_of_page),
        "empty" if drawing.empty else "",
        drawing.empty,
        drawing.caption,
        table.hint(len(selected), len(runs), len(varying(runs))),
    )
