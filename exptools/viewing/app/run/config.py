"""A run's config in its tab: as a tree, against other runs, and as a command that runs it again."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from functools import partial
from typing import Any, BinaryIO

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.plain_json import parse_json
from exptools.rundir import HYDRA_OVERRIDES, HYDRA_SETTINGS, PATCH_FILE, PROVENANCE_FILE
from exptools.viewing.app.run import tables
from exptools.viewing.app.run.reading import (
    FAILED,
    Unreadable,
    group_of,
    instead,
    is_sweep_run,
    read,
    shown_run,
)
from exptools.viewing.app.widgets import MAX_OPTIONS, card, in_browser, labelled
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.configs.secrets import has_hidden
from exptools.viewing.groups.differences import diff, peculiarities
from exptools.viewing.run import Run
from exptools.viewing.run_files.rerun import read_hydra, read_overrides, rerun
from exptools.visible import visible_lines

GROUP = "group"  # to compare with; a run's own value begins with RUN
RUN = "run:"
MAX_OVERRIDES = 100  # shown; the command has all
MAX_PATCH = 2**20  # bytes; more is not written
MAX_PROVENANCE = 2**20  # bytes
MAX_LINES = 100  # of what the changes lack, which names no more
HIDDEN = {"display": "none"}
SECRETS_HIDDEN = "Secrets in it are hidden; exptools-dash --show-secrets shows them."


def layout() -> list[Component]:
    """The cards of what the run differs in, of its config, and of commands."""
    return [_differences_card(), _config_card(), _commands_card()]


def _differences_card() -> Component:
    select = dmc.Select(
        id="run-compare",
        value=GROUP,
        size="xs",
        searchable=True,
        allowDeselect=False,
        limit=MAX_OPTIONS,
        **labelled("Compare the config with"),
    )
    return card("Differences", [select], *tables.place("run-differences"))


def _config_card() -> Component:
    search = dmc.TextInput(
        id="run-config-filter",
        size="xs",
        placeholder="Filter keys and values",
        **labelled("Filter keys and values"),
    )
    count = html.Span(id="run-config-count", className="run-muted")
    tree = html.Div(id="run-config-tree")
    return card("Config", [count, search], tree, dcc.Store(id="run-config"))


def _commands_card() -> Component:
    button = dmc.Button(
        "Show the changes in the code",
        id="run-patch-open",
        variant="default",
        size="compact-xs",
        style=HIDDEN,
    )
    patch = html.Pre(id="run-patch", tabIndex=0, **labelled("Changes in the code"))
    return card("Commands", [], html.Div(id="run-commands"), button, patch)


def register(app: Dash, workspace: Workspace) -> None:
    """Tie config, differences and commands to the run that is shown."""
    shown = Input("run-shown", "data")
    in_browser(
        app,
        "exptools_run.drawConfig",
        Output("run-config-count", "children"),
        Input("run-config", "data"),
        Input("run-config-filter", "value"),
        initially=True,
    )
    tables.register(app, "run-differences")
    app.callback(
        Output("run-differences-table", "data"),
        shown,
        Input("run-compare", "value"),
        on_error=instead(asdict(tables.Table(sentence=FAILED))),
        prevent_initial_call=True,
    )(partial(show_differences, workspace))
    app.callback(
        Output("run-commands", "children"),
        Output("run-patch-open", "style"),
        Output("run-patch", "children"),
        shown,
        Input("run-patch-open", "n_clicks"),
        State("run-patch", "children"),
        on_error=instead((FAILED, HIDDEN, "")),
        prevent_initial_call=True,
    )(partial(show_commands, workspace))


def show_differences(workspace: Workspace, shown: Any, other: str | None) -> Any:
    """The table of what the run differs in."""
    run = shown_run(workspace, shown)
    return no_update if run is None else asdict(compared(workspace, run, other or GROUP))


def show_commands(workspace: Workspace, shown: Any, _clicks: int | None, patch: str | None) -> Any:
    """The commands, the button that shows the changes in the code, and these after a click."""
    run = shown_run(workspace, shown)
    if run is None:
        return no_update
    if ctx.triggered_id == "run-patch-open":
        return no_update, no_update, "" if patch else patch_text(workspace, run)
    has_patch = (run.directory / PATCH_FILE).exists() or left_out(workspace, run) != ""
    return commands(workspace, run), {} if has_patch else HIDDEN, ""


def compare_options(workspace: Workspace, run: Run) -> list[dict[str, str]]:
    """What a run can be compared with."""
    group = "its sweep: what most runs have" if run.sweep else "all runs: what most have"
    others = (other.name for other in workspace.index.snapshot.runs if other.name != run.name)
    return [
        {"value": GROUP, "label": group},
        *({"value": RUN + name, "label": visible_lines(name)} for name in others),
    ]


def compared(workspace: Workspace, run: Run, other: str) -> tables.Table:
    """What a run differs in from another one, or from most of its group."""
    if other == GROUP:
        group = group_of(workspace, run)
        return tables.peculiarities(peculiarities(run, group), len(group))
    name = other.removeprefix(RUN)
    partner = workspace.run(name)
    if partner is None:
        return tables.Table(sentence=f"There is no run {visible_lines(name)!r} any more.")
    return tables.differences(diff(run, partner), name)


def commands(workspace: Workspace, run: Run) -> list[Component]:
    """The run's overrides, the command that runs it again, and the one that hands it over."""
    try:
        overrides = _overrides(workspace, run)
        hydra = read(workspace, run, HYDRA_SETTINGS, read_hydra)
    except Unreadable as said:
        return [tables.sentence(str(said)), *tensorboard(workspace, run)]
    words: list[Any] = [html.Code(visible_lines(one)[:500]) for one in overrides[:MAX_OVERRIDES]]
    if len(overrides) > MAX_OVERRIDES:
        words.append(f"and {len(overrides) - MAX_OVERRIDES:,} more")
    shown = [html.H3("Overrides"), html.Div(words or "None.", className="run-overrides")]
    given, directory = _started(workspace, run)
    again = rerun(given, overrides, hydra, directory=directory, in_sweep=is_sweep_run(run))
    if again is None:
        shown.append(tables.sentence("Nobody has written down the command that started it."))
    else:
        # Before the shell's quotes come, of which hiding might take one.
        hiding = workspace.index.hiding
        place = again.directory and hiding.text(run, again.directory)
        text = replace(again, words=hiding.words(run, again.words), directory=place).text
        note = f"{again.note} {SECRETS_HIDDEN}" if has_hidden(text) else again.note
        shown += _command("Run it again", visible_lines(text), note.strip())
    return [*shown, *tensorboard(workspace, run)]


def tensorboard(workspace: Workspace, run: Run) -> list[Component]:
    """The command that opens the run in TensorBoard; none where it would show nothing."""
    try:
        has_events = any(".tfevents." in name.name for name in run.directory.iterdir())
    except OSError:
        has_events = False
    if not has_events:
        return []
    directory = workspace.index.hiding.path(run)
    text = f"tensorboard --host localhost --logdir {shlex.quote(directory)}"
    note = "TensorBoard shows what is not here: graphs, embeddings, profiles."
    return _command("Open it in TensorBoard", visible_lines(text), note)


def _command(name: str, text: str, note: str = "") -> list[Component]:
    """A command with a button that copies it."""
    copy = dmc.CopyButton(
        "Copy", copiedChildren="Copied", value=text, variant="default", size="compact-xs"
    )
    code = html.Code(text, className="run-command", **labelled(name))
    notes = [tables.sentence(note)] if note else []
    return [html.H3(name), html.Div([code, copy], className="run-copy"), *notes]


def patch_text(workspace: Workspace, run: Run) -> str:
    """What the code differed in from its commit, and what of that was not written down."""
    try:
        content = read(workspace, run, PATCH_FILE, _patch)
    except Unreadable as said:
        return str(said)
    lacks = left_out(workspace, run)
    if content is None:
        return lacks or "There are no changes."
    return f"{lacks}\n\n{content}" if lacks else content


def left_out(workspace: Workspace, run: Run) -> str:
    """What the patch lacks of the code's changes, and why, a line each; empty where nothing."""
    try:
        git = read(workspace, run, PROVENANCE_FILE, _git)
        names = [f"{one['path']}: {one['reason']}" for one in git["left_out"]] if git else []
        count = git.get("left_out_count") if git else None
    except (Unreadable, LookupError, TypeError, ValueError, RecursionError):  # not one of ours
        return ""
    if not names:
        return ""
    more = count - len(names) if type(count) is int else 0
    end = [f"and {more:,} more"] if more > 0 else []
    return visible_lines("\n".join(["Not in these changes:", *names[:MAX_LINES], *end]))


def _started(workspace: Workspace, run: Run) -> tuple[tuple[str, ...], str | None]:
    """The command that started a run or its sweep, and where, as far as it was written down."""
    if run.status and run.status.command:
        return run.status.command, None
    try:
        facts = read(workspace, run, PROVENANCE_FILE, _provenance) or {}
        directory = facts["directory"]
        words = workspace.index.hiding.words(run, tuple(map(str, facts["command"])))
        return words, str(directory) if directory else None
    except (Unreadable, LookupError, TypeError, ValueError, RecursionError):  # not one of ours
        return (), None


def _git(file: BinaryIO) -> Any:
    return _provenance(file)["git"]


def _provenance(file: BinaryIO) -> Any:
    return parse_json(file.read(MAX_PROVENANCE))


def _patch(file: BinaryIO) -> str:
    content = file.read(MAX_PATCH + 1)
    end = "\n… (cut)" if len(content) > MAX_PATCH else ""
    return visible_lines(content[:MAX_PATCH].decode(errors="replace")) + end


def _overrides(workspace: Workspace, run: Run) -> tuple[str, ...]:
    if run.status and run.status.overrides:
        return run.status.overrides
    overrides = read(workspace, run, HYDRA_OVERRIDES, read_overrides) or ()
    return workspace.index.hiding.words(run, overrides)
