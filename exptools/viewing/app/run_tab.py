"""The tab of one run: which one, what is known of it, and the cards of its log, config and files.

``run-shown`` names the run, and changes only when another one is shown or its config has changed;
the cards follow it. While more may happen to the run, ``run-clock`` ticks, and each card looks
whether its own files have grown. For a run that has ended it stands still.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.rundir import SNAPSHOTS_DIR
from exptools.viewing.app import run_config, run_log, run_media, run_parts, served
from exptools.viewing.app.run_files import (
    MediaCache,
    Unreadable,
    find_run,
    is_live,
    latest_run,
    no_such_run,
    read,
)
from exptools.viewing.app.state import View
from exptools.viewing.config_tree import clean
from exptools.viewing.index import Index
from exptools.viewing.run_figures import usage_figures
from exptools.viewing.run_files import USAGE_FILE, read_usage, snapshots
from exptools.viewing.runs import Run
from exptools.viewing.userdata import UserData

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
        _files_section(),
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
    _register_facts(app, index, cache)
    _register_marks(app, index, userdata or UserData())
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

    # Not what is shown by itself, lest it become a step that the back button undoes in vain.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        "(run, shown, view) => run && run !== shown?.name ? exptools.chosen(view, {run})"
        " : dash_clientside.no_update",
        Output("view", "data", allow_duplicate=True),
        Input("run-select", "value"),
        State("run-shown", "data"),
        State("view", "data"),
        prevent_initial_call=True,
    )


def _register_facts(app: Dash, index: Index, cache: MediaCache) -> None:
    @app.callback(
        Output("run-facts", "children"),
        Output("run-complaints", "children"),
        Input("run-shown", "data"),
        Input("run-clock", "n_intervals"),
        Input("run-clock", "disabled"),
        Input("version", "data"),
        prevent_initial_call=True,
    )
    def show_facts(shown: Any, *_others: Any) -> tuple[Any, Any]:
        run = find_run(index, (shown or {}).get("name", ""))
        if run is None:
            return [], []
        return run_parts.facts(run, time.time()), run_parts.complaints(run)

    @app.callback(
        Output("run-usage", "children"),
        Output("run-snapshots", "children"),
        Output("run-files", "children"),
        Output("run-stamps", "data"),
        Input("run-shown", "data"),
        Input("run-clock", "n_intervals"),
        Input("run-clock", "disabled"),
        Input("colors", "data"),
        State("run-stamps", "data"),
        prevent_initial_call=True,
    )
    def show_files(
        shown: Any, _tick: int, _off: bool, colors: str | None, before: Any
    ) -> tuple[Any, ...]:
        run = find_run(index, (shown or {}).get("name", ""))
        if run is None:
            return (no_update,) * 4
        stamps = [run.name, _stamp(run, USAGE_FILE), _stamp(run, SNAPSHOTS_DIR), _media(cache, run)]
        if str(ctx.triggered_id).startswith("run-clock") and stamps == before:
            return (no_update,) * 4
        look = run_media.look_of(colors)
        files = _files(cache, run, lambda path: served.file_url(app, run.name, path, download=True))
        return _usage(index, run, look), _snapshots(run), files, stamps


def _register_marks(app: Dash, index: Index, userdata: UserData) -> None:
    @app.callback(
        Output("run-star", "checked"),
        Output("run-note", "value"),
        Output("run-note", "error"),
        Input("run-shown", "data"),
        Input("run-star", "checked"),
        Input("run-note", "value"),
        prevent_initial_call=True,
    )
    def mark(shown: Any, star: bool | None, note: str | None) -> tuple[Any, Any, Any]:
        run = find_run(index, (shown or {}).get("name", ""))
        if run is None:
            return no_update, no_update, no_update
        if ctx.triggered_id == "run-shown":
            known = userdata.get(run)
            return known.star, known.note, ""
        try:
            userdata.set(run, star=bool(star), note=clean(note or "").strip())
        except (OSError, ValueError) as error:
            return no_update, no_update, f"This could not be kept: {error}"
        return no_update, no_update, ""


def _head() -> Component:
    return html.Section(
        [
            html.Div(
                [
                    dmc.Select(
                        id="run-select",
                        label="Run",
                        searchable=True,
                        allowDeselect=False,
                        limit=MAX_OPTIONS,
                        nothingFoundMessage="nothing like that",
                        maxDropdownHeight=360,
                        className="control",
                    ),
                    dmc.Checkbox(id="run-star", label="Star", className="run-star", size="sm"),
                    dmc.Textarea(
                        id="run-note",
                        label="Note",
                        placeholder="Your own; kept with you, not with the run",
                        autosize=True,
                        minRows=1,
                        maxRows=6,
                        debounce=600,
                    ),
                ],
                className="run-controls",
            ),
            html.Dl(id="run-facts"),
            html.Div(id="run-complaints"),
        ],
        className="card run-head",
    )


def _files_section() -> Component:
    return html.Section(
        [
            html.Div([html.H2("Resources")], className="run-heading"),
            html.Div(id="run-usage"),
            html.Div([html.H2("Snapshots and files")], className="run-heading"),
            html.Div(id="run-snapshots"),
            html.Div(id="run-files"),
            dcc.Store(id="run-stamps"),
        ],
        className="card",
    )


def _options(names: list[str]) -> list[dict[str, str]]:
    return [{"value": name, "label": clean(name)} for name in names]


def _stamp(run: Run, name: str) -> list[int] | None:
    """What changes whenever a file or directory of a run does; None where there is none."""
    try:
        found = (run.directory / name).stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns // 1000, found.st_ino]


def _media(cache: MediaCache, run: Run) -> int:
    try:
        return cache.get(run).read_to
    except Unreadable:
        return 0


def _usage(index: Index, run: Run, look: Any) -> Any:
    try:
        usage = read(index, run, USAGE_FILE, read_usage)
    except Unreadable as said:
        return run_parts.sentence(str(said))
    if usage is None or not len(usage.time):
        return run_parts.sentence("Nobody has sampled what it uses.")
    return run_parts.usage_charts(list(usage_figures(usage, look)))


def _snapshots(run: Run) -> Any:
    try:
        return run_parts.snapshot_table(snapshots(run.directory / SNAPSHOTS_DIR))
    except OSError as error:
        return run_parts.sentence(f"{SNAPSHOTS_DIR} cannot be read: {error.strerror}.")


def _files(cache: MediaCache, run: Run, url: Any) -> Any:
    try:
        media = cache.get(run)
    except Unreadable:
        return []  # said where the media would be
    files = [item for kind, tag in media.tags if kind == "file" for item in media.steps(kind, tag)]
    return run_parts.file_table(files, url) if files else []
