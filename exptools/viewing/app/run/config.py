"""A run's config in its tab: as a tree, against other runs, and as a command that runs it again."""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import Any, BinaryIO

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.rundir import HYDRA_OVERRIDES, PATCH_FILE
from exptools.viewing.app.run import parts as run_parts
from exptools.viewing.app.run import tables as run_tables
from exptools.viewing.app.run.reading import Unreadable, find_run, group_of, is_sweep_run, read
from exptools.viewing.configs.tree import leaves
from exptools.viewing.groups.differences import diff, peculiarities
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files.rerun import HYDRA_SETTINGS, read_hydra, read_overrides, rerun
from exptools.viewing.wording import clean

GROUP = "group"  # to compare with; a run's own value begins with RUN
RUN = "run:"
MAX_OPTIONS = 200
MAX_OVERRIDES = 100  # shown; the command has all
MAX_PATCH = 2**20  # bytes; more is not written

Row = list[Any]  # path, text, type, whether it was cut


def config_section() -> Component:
    """The card of the config's tree."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Config"),
                    html.Span(id="run-config-count", className="run-muted"),
                    dmc.TextInput(
                        id="run-config-filter",
                        size="xs",
                        placeholder="Filter keys and values",
                        **run_parts.labelled("Filter keys and values"),
                    ),
                ],
                className="run-heading",
            ),
            html.Div(id="run-config-tree"),
            dcc.Store(id="run-config"),
        ],
        className="card",
    )


def difference_section() -> Component:
    """The card of what the run differs in."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Differences"),
                    dmc.Select(
                        id="run-compare",
                        value=GROUP,
                        size="xs",
                        searchable=True,
                        allowDeselect=False,
                        limit=MAX_OPTIONS,
                        **run_parts.labelled("Compare the config with"),
                    ),
                ],
                className="run-heading",
            ),
            *run_tables.place("run-differences"),
        ],
        className="card",
    )


def command_section() -> Component:
    """The card of commands."""
    return html.Section(
        [
            html.Div([html.H2("Commands")], className="run-heading"),
            html.Div(id="run-commands"),
            dmc.Button(
                "Show the changes in the code",
                id="run-patch-open",
                variant="default",
                size="compact-xs",
                style={"display": "none"},
            ),
            html.Pre(id="run-patch", tabIndex=0, **run_parts.labelled("Changes in the code")),
        ],
        className="card",
    )


def register(app: Dash, index: Index) -> None:
    """Tie config, differences and commands to the run that is shown."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("exptoolsRun", "drawConfig"),
        Output("run-config-count", "children"),
        Input("run-config", "data"),
        Input("run-config-filter", "value"),
    )

    run_tables.register(app, "run-differences")

    @app.callback(
        Output("run-differences-table", "data"),
        Input("run-shown", "data"),
        Input("run-compare", "value"),
        prevent_initial_call=True,
    )
    def show_differences(shown: Any, other: str | None) -> Any:
        run = find_run(index, (shown or {}).get("name", ""))
        return no_update if run is None else compared(index, run, other or GROUP)

    @app.callback(
        Output("run-commands", "children"),
        Output("run-patch-open", "style"),
        Output("run-patch", "children"),
        Input("run-shown", "data"),
        Input("run-patch-open", "n_clicks"),
        State("run-patch", "children"),
        prevent_initial_call=True,
    )
    def show_commands(shown: Any, _clicks: int | None, patch: str | None) -> tuple[Any, Any, Any]:
        run = find_run(index, (shown or {}).get("name", ""))
        if run is None:
            return no_update, no_update, no_update
        if ctx.triggered_id == "run-patch-open":
            return no_update, no_update, "" if patch else patch_text(index, run)
        has_patch = (run.directory / PATCH_FILE).exists()
        return commands(index, run), {} if has_patch else {"display": "none"}, ""


def config_rows(run: Run) -> tuple[list[Row], str]:
    """A run's config as the page's script takes it, and a digest of that."""
    rows = [[list(leaf.path), leaf.text, leaf.kind, leaf.cut] for leaf in leaves(run.config)]
    return rows, hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def compare_options(index: Index, run: Run) -> list[dict[str, str]]:
    """What a run can be compared with."""
    group = "its sweep: what most runs have" if run.sweep else "all runs: what most have"
    others = (other.name for other in index.snapshot.runs if other.name != run.name)
    return [
        {"value": GROUP, "label": group},
        *({"value": RUN + name, "label": clean(name)} for name in others),
    ]


def compared(index: Index, run: Run, other: str) -> run_tables.Table:
    """What a run differs in from another one, or from most of its group."""
    if other == GROUP:
        group = group_of(index, run)
        return run_tables.peculiarities(peculiarities(run, group), len(group))
    name = other.removeprefix(RUN)
    found = find_run(index, name)
    if found is None:
        return run_tables.saying(f"There is no run {clean(name)!r} any more.")
    return run_tables.differences(diff(run, found), name)


def commands(index: Index, run: Run) -> list[Component]:
    """The run's overrides, the command that runs it again, and the one that hands it over."""
    shown: list[Component] = []
    try:
        overrides = _overrides(index, run)
        hydra = read(index, run, HYDRA_SETTINGS, read_hydra)
    except Unreadable as said:
        return [run_parts.sentence(str(said)), *tensorboard(run)]
    words: list[Any] = [html.Code(clean(one)[:500]) for one in overrides[:MAX_OVERRIDES]]
    if len(overrides) > MAX_OVERRIDES:
        words.append(f"and {len(overrides) - MAX_OVERRIDES:,} more")
    shown += [html.H3("Overrides"), html.Div(words or "None.", className="run-overrides")]
    given = run.status.command if run.status else ()
    again = rerun(given, overrides, hydra, in_sweep=is_sweep_run(run))
    if again is None:
        shown.append(run_parts.sentence("Nobody has written down the command that started it."))
    else:
        shown += run_parts.command("Run it again", clean(again.text), again.note)
    return [*shown, *tensorboard(run)]


def tensorboard(run: Run) -> list[Component]:
    """The command that opens the run in TensorBoard; none where it would show nothing."""
    try:
        has_events = any(".tfevents." in name.name for name in run.directory.iterdir())
    except OSError:
        has_events = False
    if not has_events:
        return []
    text = f"tensorboard --host localhost --logdir {shlex.quote(str(run.directory))}"
    note = "TensorBoard shows what is not here: graphs, embeddings, profiles, audio."
    return run_parts.command("Open it in TensorBoard", clean(text), note)


def patch_text(index: Index, run: Run) -> str:
    """What the code differed in from its commit."""
    try:
        content = read(index, run, PATCH_FILE, _patch)
    except Unreadable as said:
        return str(said)
    return "There are no changes." if content is None else content


def _patch(file: BinaryIO) -> str:
    content = file.read(MAX_PATCH + 1)
    end = "\n… (cut)" if len(content) > MAX_PATCH else ""
    return clean(content[:MAX_PATCH].decode(errors="replace")) + end


def _overrides(index: Index, run: Run) -> tuple[str, ...]:
    if run.status and run.status.overrides:
        return run.status.overrides
    return read(index, run, HYDRA_OVERRIDES, read_overrides) or ()
