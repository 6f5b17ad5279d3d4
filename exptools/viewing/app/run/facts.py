"""What is known of a run in its tab: its status, what it used, its snapshots and files."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.rundir import SNAPSHOTS_DIR
from exptools.viewing.app import served_files as served
from exptools.viewing.app.run import media as run_media
from exptools.viewing.app.run import parts as run_parts
from exptools.viewing.app.run import tables as run_tables
from exptools.viewing.app.run.reading import MediaCache, Unreadable, find_run, read
from exptools.viewing.figures.single_run import usage_figures
from exptools.viewing.figures.theme import Theme
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files.listing import USAGE_FILE, read_usage, snapshots


def section() -> Component:
    """The card of what it used and kept."""
    return html.Section(
        [
            html.Div([html.H2("Resources")], className="run-heading"),
            html.Div(id="run-usage"),
            html.Div([html.H2("Snapshots and files")], className="run-heading"),
            *run_tables.place("run-snapshots"),
            *run_tables.place("run-files"),
            dcc.Store(id="run-stamps"),
        ],
        className="card",
    )


def register(app: Dash, index: Index, cache: MediaCache) -> None:
    """Tie them to the run that is shown."""
    for name in ("run-snapshots", "run-files"):
        run_tables.register(app, name)

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
        Output("run-snapshots-table", "data"),
        Output("run-files-table", "data"),
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
        theme = run_media.theme_of(colors)
        files = _files(cache, run, lambda path: served.file_url(app, run.name, path, download=True))
        return _usage(index, run, theme), _snapshots(run), files, stamps


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


def _usage(index: Index, run: Run, theme: Theme) -> Any:
    try:
        usage = read(index, run, USAGE_FILE, read_usage)
    except Unreadable as said:
        return run_parts.sentence(str(said))
    if usage is None or not len(usage.time):
        return run_parts.sentence("Nobody has sampled what it uses.")
    return run_parts.usage_charts(list(usage_figures(usage, theme)))


def _snapshots(run: Run) -> run_tables.Table:
    try:
        return run_tables.snapshots(snapshots(run.directory / SNAPSHOTS_DIR))
    except OSError as error:
        return run_tables.saying(f"{SNAPSHOTS_DIR} cannot be read: {error.strerror}.")


def _files(cache: MediaCache, run: Run, url: Callable[[str], str]) -> run_tables.Table:
    try:
        media = cache.get(run)
    except Unreadable:
        return run_tables.saying("")  # it is said where the media would be
    files = [item for kind, tag in media.tags if kind == "file" for item in media.steps(kind, tag)]
    return run_tables.files(files, url)
