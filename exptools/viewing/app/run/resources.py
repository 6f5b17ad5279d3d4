"""What a run used and kept, in its tab: resources over time, its snapshots, the logged files."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.rundir import SNAPSHOTS_DIR, USAGE_FILE
from exptools.viewing.app.run import tables
from exptools.viewing.app.run.reading import (
    FAILED,
    MediaCache,
    Unreadable,
    instead,
    read,
    shown_run,
)
from exptools.viewing.app.served_files import file_url
from exptools.viewing.app.widgets import STILL, theme_of
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.single_run import usage_figures
from exptools.viewing.figures.theme import Theme
from exptools.viewing.run import Run
from exptools.viewing.run_files.directory import snapshots
from exptools.viewing.run_files.media import MediaIndex
from exptools.viewing.run_files.usage import read_usage

TABLES = ("run-snapshots", "run-files")


def layout() -> Component:
    """The card of what it used and kept."""
    return html.Section(
        [
            html.Div([html.H2("Resources")], className="run-heading"),
            html.Div(id="run-usage"),
            html.Div([html.H2("Snapshots and files")], className="run-heading"),
            *(part for name in TABLES for part in tables.place(name)),
            dcc.Store(id="run-stamps"),
        ],
        className="card",
    )


def register(app: Dash, workspace: Workspace, cache: MediaCache) -> None:
    """Tie the card to the run that is shown."""
    for name in TABLES:
        tables.register(app, name)
    empty = asdict(tables.Table())
    app.callback(
        output={
            "usage": Output("run-usage", "children"),
            "snapshots": Output("run-snapshots-table", "data"),
            "files": Output("run-files-table", "data"),
            "stamps": Output("run-stamps", "data"),
        },
        inputs={
            "shown": Input("run-shown", "data"),
            "clock": [Input("run-clock", "n_intervals"), Input("run-clock", "disabled")],
            "colors": Input("run-colors", "data"),
        },
        state={"before": State("run-stamps", "data")},
        on_error=instead({"usage": FAILED, "snapshots": empty, "files": empty, "stamps": None}),
        prevent_initial_call=True,
    )(partial(show_resources, workspace, cache, app))


def show_resources(
    workspace: Workspace,
    cache: MediaCache,
    app: Dash,
    *,
    shown: Any,
    clock: Any,  # only triggers
    colors: str | None,
    before: Any,
) -> Any:
    """Charts and tables; nothing where the clock ticks and no file has changed."""
    run = shown_run(workspace, shown)
    if run is None:
        return no_update
    try:
        media = cache.get(run)
    except Unreadable:  # it is said where the media would be
        media = MediaIndex()
    stamps = [run.name, _stamp(run, USAGE_FILE), _stamp(run, SNAPSHOTS_DIR), media.read_to]
    if str(ctx.triggered_id).startswith("run-clock") and stamps == before:
        return no_update
    url = partial(file_url, app, run.name, download=True)
    logged = [one for kind, tag in media.tags if kind == "file" for one in media.steps(kind, tag)]
    return {
        "usage": _usage(workspace, run, theme_of(colors)),
        "snapshots": asdict(_snapshots(run)),
        "files": asdict(tables.files(logged, url)),
        "stamps": stamps,
    }


def _stamp(run: Run, name: str) -> list[int] | None:
    """What changes whenever a file or directory of a run does; None where there is none."""
    try:
        stat = (run.directory / name).stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns // 1000, stat.st_ino]


def _usage(workspace: Workspace, run: Run, theme: Theme) -> Any:
    try:
        usage = read(workspace, run, USAGE_FILE, read_usage)
    except Unreadable as said:
        return tables.sentence(str(said))
    if usage is None or not len(usage.time):
        return tables.sentence("Nobody has sampled what it uses.")
    return [
        html.Figure(
            [
                html.Figcaption([html.B(name), " ", html.Span(said)]),
                dcc.Graph(figure=figure, config=STILL, responsive=True, style={"height": 110}),
            ]
        )
        for name, said, figure in usage_figures(usage, theme)
    ]


def _snapshots(run: Run) -> tables.Table:
    try:
        return tables.snapshots(snapshots(run.directory / SNAPSHOTS_DIR))
    except OSError as error:
        return tables.Table(sentence=f"{SNAPSHOTS_DIR} cannot be read: {error.strerror}.")
