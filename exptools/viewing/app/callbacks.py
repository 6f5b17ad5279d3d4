"""What happens to the page as a whole: its tabs, its address, and runs that change on disk.

A change on disk raises the page's version, and everything that shows runs follows it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from exptools.viewing.app import page as layout
from exptools.viewing.app.charts import tab as pictures_tab
from exptools.viewing.app.compare import tab as compare_tab
from exptools.viewing.app.facts import settled
from exptools.viewing.app.run import tab as run_tab
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace

Answers = tuple[Any, ...]  # one for each output; no_update leaves it as it is


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the callbacks to the page."""
    version = Input("version", "data")
    app.callback(
        Output("version", "data"),
        Input("clock", "n_intervals"),
        State("version", "data"),
        prevent_initial_call=True,
    )(partial(look, workspace))
    app.callback(
        Output("counts", "children"), Output("faults", "children"), version, Input("faults", "id")
    )(partial(update_header, workspace))
    app.callback(
        Output("view", "data"),
        Input("address", "data"),
        version,
        State("view", "data"),
        prevent_initial_call=True,
    )(partial(settle, workspace))
    app.callback(Output("query", "data"), Input("view", "data"), prevent_initial_call=True)(
        to_query
    )
    compare_tab.register(app, workspace)
    pictures_tab.register(app, workspace)
    run_tab.register(app, workspace.index)
    _register_in_browser(app)


def _register_in_browser(app: Dash) -> None:
    def in_browser(name: str, *parts: Any, initially: bool = False) -> None:
        function = ClientsideFunction("exptools", name)
        app.clientside_callback(function, *parts, prevent_initial_call=not initially)  # type: ignore[no-untyped-call]

    in_browser("address", Output("address", "data"), Input("address", "id"), initially=True)
    in_browser("remember", Input("query", "data"))
    in_browser(
        "chooseTab",
        Output("view", "data", allow_duplicate=True),
        Input("tabs", "value"),
        State("view", "data"),
    )
    in_browser("showTab", Output("tabs", "value"), Input("view", "data"), State("tabs", "value"))
    # For the first time: assets/page.js tells of later changes.
    in_browser("colors", Output("colors", "data"), Input("scheme", "id"), initially=True)
    in_browser(
        "help",
        Output("help", "opened"),
        Input("help-button", "n_clicks"),
        State("help", "opened"),
    )


def look(workspace: Workspace, _ticks: int, version: int) -> Any:
    """The index's version where it is another than the page's."""
    current = workspace.look()
    return no_update if current == version else current


def update_header(workspace: Workspace, _version: int, _id: str) -> Answers:
    """How many runs are in which state, how long yet, and what could not be read."""
    facts = workspace.facts()
    index = workspace.index
    of_runs = [fault for run in facts.runs for fault in index.faults(run)]
    faults = [str(fault) for fault in (*index.snapshot.faults, *of_runs)]
    return layout.counts(facts.runs, time.time()), layout.faults(faults)


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
