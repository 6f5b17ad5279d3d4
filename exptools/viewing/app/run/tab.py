"""The tab of one run: which one, what is known of it, and the cards of its log, config and files.

``run-shown`` names the run, and changes only when another one is shown or its config has changed;
the cards follow it. While more may happen to the run, ``run-clock`` ticks, and each card looks
whether its own files have grown. For a run that has ended it stands still.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.run import config as run_config
from exptools.viewing.app.run import facts as run_facts
from exptools.viewing.app.run import log as run_log
from exptools.viewing.app.run import marks as run_marks
from exptools.viewing.app.run import media as run_media
from exptools.viewing.app.run.reading import MediaCache, find_run, is_live, latest_run, no_such_run
from exptools.viewing.app.user_marks import UserData
from exptools.viewing.app.view import View
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.wording import clean

TICK_MS = 2000
MAX_OPTIONS = 200

Answer = tuple[Any, ...]
NOTHING_NEW: Answer = (no_update,) * 8


def layout() -> Component:
    """The tab before a run is shown."""
    left = [run_log.section(), run_media.section()]
    right = [
        run_config.difference_section(),
        run_config.config_section(),
        run_config.command_section(),
        run_facts.section(),
    ]
    return html.Div(
        [
            _head(),
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


def register(app: Dash, index: Index, userdata: UserData | None = None) -> None:
    """Tie the tab's callbacks to the page.

    Args:
        app: the app.
        index: where the runs are.
        userdata: the user's stars and notes; by default those in the user's data directory.
    """
    cache = MediaCache(index)
    _register_choice(app, index)
    run_facts.register(app, index, cache)
    run_marks.register(app, index, userdata or UserData())
    run_log.register(app, index)
    run_media.register(app, index, cache)
    run_config.register(app, index)


@dataclass(frozen=True)
class Choice:
    """What the tab shows, and what should be done for that."""

    run: Run | None
    sentence: str  # in place of a run


def choose(index: Index, wanted: str) -> Choice:
    """The run of a name; without a name the latest."""
    run = find_run(index, wanted) if wanted else latest_run(index)
    return Choice(run, "" if run else no_such_run(index, wanted))


def update(index: Index, view: View, before: dict[str, Any] | None) -> Answer:
    """What is shown, the config, the options of both lists, the sentence, and the clock."""
    if view.tab != "run":
        return (*NOTHING_NEW[:-1], True)
    chosen = choose(index, view.run)
    names = [run.name for run in index.snapshot.runs]
    listed = hashlib.sha256("\0".join(names).encode(errors="replace")).hexdigest()[:16]
    if chosen.run is None:
        shown = {"name": "", "config": "", "listed": listed}
        return shown, [], _options(names), None, no_update, chosen.sentence, "run-hidden", True
    rows, digest = run_config.config_rows(chosen.run)
    shown = {"name": chosen.run.name, "config": digest, "listed": listed}
    known = before or {}
    same_list = listed == known.get("listed")
    same_config = digest == known.get("config")
    others = no_update if same_list and shown["name"] == known.get("name") else None
    return (
        no_update if shown == known else shown,
        no_update if same_config else rows,
        no_update if same_list else _options(names),
        chosen.run.name,
        run_config.compare_options(index, chosen.run) if others is None else no_update,
        "",
        "",
        not is_live(chosen.run),
    )


def _register_choice(app: Dash, index: Index) -> None:
    @app.callback(
        Output("run-shown", "data"),
        Output("run-config", "data"),
        Output("run-select", "data"),
        Output("run-select", "value"),
        Output("run-compare", "data"),
        Output("run-none", "children"),
        Output("run-tab", "className"),
        Output("run-clock", "disabled"),
        Input("view", "data"),
        Input("version", "data"),
        State("run-shown", "data"),
    )
    def show(view: Any, _version: int, before: Any) -> Answer:
        return update(index, View.from_data(view), before)

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("exptoolsRun", "choose"),
        Output("view", "data", allow_duplicate=True),
        Input("run-select", "value"),
        State("run-shown", "data"),
        State("view", "data"),
        prevent_initial_call=True,
    )


def _head() -> Component:
    select = dmc.Select(
        id="run-select",
        label="Run",
        searchable=True,
        allowDeselect=False,
        limit=MAX_OPTIONS,
        nothingFoundMessage="nothing like that",
        maxDropdownHeight=360,
        className="control",
    )
    return html.Section(
        [
            html.Div([select, *run_marks.controls()], className="run-controls"),
            html.Dl(id="run-facts"),
            html.Div(id="run-complaints"),
        ],
        className="card run-head",
    )


def _options(names: list[str]) -> list[dict[str, str]]:
    return [{"value": name, "label": clean(name)} for name in names]
