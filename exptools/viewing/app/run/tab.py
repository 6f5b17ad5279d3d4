"""The tab of one run: which one, what is known of it, and the cards of its log, config and files.

``run-shown`` names the run, and changes only when another one is shown or its config has changed;
the cards follow it. While more may happen to the run, ``run-clock`` ticks, and each card looks
whether its own files have grown. For a run that has ended it stands still.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.run import attempts, config, head, log, media, resources
from exptools.viewing.app.run.reading import (
    FAILED,
    MediaCache,
    instead,
    is_live,
    latest_run,
    no_such_run,
)
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import in_browser
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.configs.tree import leaves
from exptools.viewing.run_files.user_marks import UserMarks
from exptools.visible import visible_lines

TICK_MS = 2000


def layout() -> Component:
    """The tab before a run is shown."""
    left = [log.layout(), media.layout()]
    right = [*config.layout(), attempts.layout(), resources.layout()]
    return html.Div(
        [
            head.layout(),
            html.P(id="run-none"),
            html.Div(
                [html.Div(left, className="run-column"), html.Div(right, className="run-column")],
                id="run-cards",
            ),
            dcc.Store(id="run-shown"),
            dcc.Interval(id="run-clock", interval=TICK_MS, disabled=True),
        ],
        id="run-tab",
        className="run-hidden",
    )


def register(app: Dash, workspace: Workspace, marks: UserMarks, cache: MediaCache) -> None:
    """Tie the tab's callbacks to the page."""
    app.callback(
        output={
            "shown": Output("run-shown", "data"),
            "config": Output("run-config", "data"),
            "runs": Output("run-select", "data"),
            "run": Output("run-select", "value"),
            "partners": Output("run-compare", "data"),
            "sentence": Output("run-none", "children"),
            "class_name": Output("run-tab", "className"),
            "stands": Output("run-clock", "disabled"),
        },
        inputs={"data": Input("run-view", "data"), "version": State("version", "data")},
        state={"before": State("run-shown", "data")},
        on_error=instead(
            dict.fromkeys(("run", "partners"), no_update)
            | {"shown": {"name": "", "config": "", "listed": ""}, "config": [], "runs": no_update}
            | {"sentence": FAILED, "class_name": "run-hidden", "stands": True}
        ),
        prevent_initial_call=True,
    )(partial(show_run, workspace))
    in_browser(
        app,
        "exptools_run.choose",
        Output("view", "data", allow_duplicate=True),
        Input("run-select", "value"),
        State("run-shown", "data"),
        State("view", "data"),
    )
    head.register(app, workspace, marks)
    log.register(app, workspace)
    media.register(app, workspace, cache)
    config.register(app, workspace)
    attempts.register(app, workspace)
    resources.register(app, workspace, cache)


def show_run(workspace: Workspace, *, data: Any, version: int, before: Any) -> dict[str, Any]:
    """Which run is shown, its config, and what can be chosen; of it what the page does not have.

    That is told by ``before``, the ``shown`` of the answer before; ``version`` only triggers.
    """
    view, before = View.from_data(data), before or {}
    same = dict.fromkeys(("shown", "config", "runs", "run", "partners", "sentence"), no_update)
    if view.tab != "run":
        return same | {"class_name": no_update, "stands": True}
    names = [run.name for run in workspace.index.snapshot.runs]
    shown = {"name": "", "config": "", "listed": _digest(names)}
    runs = no_update if shown["listed"] == before.get("listed") else _options(names)
    run = workspace.run(view.run) if view.run else latest_run(workspace)
    if run is None:
        sentence = no_such_run(workspace, view.run)
        hidden = {"class_name": "run-hidden", "stands": True}
        emptied = {"shown": shown, "config": [], "run": None, "runs": _options(names)}
        return same | emptied | hidden | {"sentence": sentence}
    config_rows = [asdict(leaf) for leaf in leaves(run.config)]
    shown |= {"name": run.name, "config": _digest(config_rows)}
    partners = shown["listed"] != before.get("listed") or run.name != before.get("name")
    return {
        "shown": no_update if shown == before else shown,
        "config": no_update if shown["config"] == before.get("config") else config_rows,
        "runs": runs,
        # Written again, it would take back what is chosen while this is on its way.
        "run": no_update if run.name == before.get("name") else run.name,
        "partners": config.compare_options(workspace, run) if partners else no_update,
        "sentence": "",
        "class_name": "",
        "stands": not is_live(run),
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _options(names: Sequence[str]) -> list[dict[str, str]]:
    return [{"value": name, "label": visible_lines(name)} for name in names]
