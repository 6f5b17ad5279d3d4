"""The earlier attempts at a run, in its tab: where they are, how far they came, and when."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from exptools.rundir import STEP
from exptools.viewing.app.run import tables
from exptools.viewing.app.run.reading import FAILED, instead, shown_run
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.index import Index
from exptools.viewing.run import Run

_CARD, _TABLE = "run-attempts-card", "run-attempts"


def layout() -> Component:
    """The card, hidden until there are some."""
    heading = html.Div([html.H2("Earlier attempts")], className="run-heading")
    return html.Section([heading, *tables.place(_TABLE)], id=_CARD, className="card run-empty")


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the card to the run that is shown."""
    tables.register(app, _TABLE)
    app.callback(
        Output(f"{_TABLE}-table", "data"),
        Output(_CARD, "className"),
        Input("run-shown", "data"),
        Input("version", "data"),
        on_error=instead((asdict(tables.Table(sentence=FAILED)), "card")),
        prevent_initial_call=True,
    )(partial(show_attempts, workspace))


def show_attempts(workspace: Workspace, shown: Any, _version: int) -> tuple[Any, str]:
    """The table of the attempts, and whether there is a card."""
    run = shown_run(workspace, shown)
    if run is None or not run.earlier:
        return asdict(tables.Table()), "card run-empty"
    return asdict(attempts(workspace.index, run)), "card"


def attempts(index: Index, run: Run) -> tables.Table:
    """The earlier attempts at a run, the latest first."""
    latest = run.earlier[::-1][: tables.MAX_ROWS]
    tried = [replace(run, name=str(at), sources=one.sources) for at, one in enumerate(latest)]
    columns = index.columns(tried, [STEP])
    return tables.attempts(
        [
            (os.path.relpath(one.directory, run.directory), columns[its.name].rows, one.updated)
            for one, its in zip(latest, tried, strict=True)
        ]
    )
