"""What happens to the page as a whole: its tabs, its address, and runs that change on disk.

A change on disk raises the page's version, and everything that shows runs follows it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from dash import Dash, Input, Output, Patch, State, ctx, no_update

from exptools.viewing.app import page
from exptools.viewing.app.charts import tab as pictures_tab
from exptools.viewing.app.compare import tab as compare_tab
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.run import tab as run_tab
from exptools.viewing.app.user_marks import UserMarks
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import in_browser
from exptools.viewing.app.workspace import Workspace


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the callbacks to the page; stars and notes are the user's own."""
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
    )(partial(complete_view, workspace))
    app.callback(Output("query", "data"), Input("view", "data"), prevent_initial_call=True)(
        to_query
    )
    marks = UserMarks()
    compare_tab.register(app, workspace, marks)
    pictures_tab.register(app, workspace)
    run_tab.register(app, workspace, marks)
    _register_in_browser(app)


def _register_in_browser(app: Dash) -> None:
    view, changed = State("view", "data"), Output("view", "data", allow_duplicate=True)
    tabs, address = ("tabs", "value"), ("address", "data")
    tie = partial(in_browser, app)
    tie("exptools.address", Output(*address), Input("address", "id"), initially=True)
    tie("exptools.remember", Input("query", "data"))
    tie("exptools.chooseTab", changed, Input(*tabs), view)
    tie("exptools.showTab", Output(*tabs), Input("view", "data"), State(*tabs))
    # For the first time: assets/page.js tells of later changes.
    tie("exptools.colors", Output("colors", "data"), Input("scheme", "id"), initially=True)
    help_ = ("help", "opened")
    tie("exptools.help", Output(*help_), Input("help-button", "n_clicks"), State(*help_))


def look(workspace: Workspace, _ticks: int, version: int) -> Any:
    """The index's version where it is another than the page's."""
    current = workspace.look()
    return no_update if current == version else current


def update_header(workspace: Workspace, _version: int, _id: str) -> tuple[Any, Any]:
    """How many runs are in which state, how long yet, and what could not be read."""
    facts = workspace.facts()
    index = workspace.index
    of_runs = [fault for run in facts.runs for fault in index.faults(run)]
    faults = [str(fault) for fault in (*index.snapshot.faults, *of_runs)]
    return page.state_counts(facts.runs, time.time()), page.faults(faults)


def complete_view(
    workspace: Workspace, query: str | None, _version: int, data: dict[str, Any]
) -> dict[str, Any] | Any:
    """The view of an address, or what can be chosen by now of the present one.

    Of the present view only what changes is sent: what is chosen meanwhile stays.
    """
    facts = workspace.facts()
    if ctx.triggered_id != "version":
        return resolve(View.from_query(query or ""), facts).to_data()
    before = View.from_data(data)
    old, new = before.to_data(), resolve(before, facts).to_data()
    changes = {name: value for name, value in new.items() if value != old[name]}
    patch = Patch()
    for name, value in changes.items():
        patch[name] = value
    return patch if changes.keys() - {"notes"} else no_update


def to_query(data: dict[str, Any]) -> str:
    """The view as the address has it."""
    return View.from_data(data).to_query()
