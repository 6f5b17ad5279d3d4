"""The head of a run's tab: which run, the user's star and note on it, its status, its errors.

A change of a star or a note raises ``marks``, which all that show them follow.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, MATCH, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from exptools.rundir import Status
from exptools.units import format_bytes, format_duration
from exptools.viewing.app.run.reading import FAILED, instead, shown_run
from exptools.viewing.app.states import STATE_WORDS, state_class
from exptools.viewing.app.widgets import SELECT, labelled
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.configs.tree import bounded
from exptools.viewing.run import Run, TrackedStatus, duration
from exptools.viewing.run_files.user_marks import Mark, UserMarks
from exptools.viewing.wording import escape_invalid_unicode, moment
from exptools.visible import visible, visible_lines

STARS = {False: "☆", True: "★"}
LONGEST = 5000  # characters of an error or a fault, or a value
LONGEST_NAME = 200
MOST_SAID = 100  # values of a summary


def layout() -> Component:
    """The card before a run is shown."""
    select = dmc.Select(
        id="run-select",
        label="Run",
        searchable=True,
        allowDeselect=False,
        className="control",
        **SELECT,
    )
    star = html.Button(
        STARS[False],
        id="run-star",
        title="Star this run",
        **{"aria-pressed": "false"} | labelled("Star this run"),
    )
    marks = [star, html.Div(id="run-note"), html.P(id="run-star-problem"), dcc.Store(id="marks")]
    return html.Section(
        [
            html.Div([select, *marks], className="run-controls"),
            html.Dl(id="run-facts"),
            html.Dl(id="run-summary", **labelled("Summary")),
            html.Div(id="run-complaints"),
        ],
        className="card run-head",
    )


def register(app: Dash, workspace: Workspace, marks: UserMarks) -> None:
    """Tie the card to the run that is shown."""
    shown = Input("run-shown", "data")
    app.callback(
        Output("run-facts", "children"),
        Output("run-summary", "children"),
        Output("run-complaints", "children"),
        shown,
        Input("run-clock", "n_intervals"),
        Input("run-clock", "disabled"),
        Input("version", "data"),
        on_error=instead(([], [], FAILED)),
        prevent_initial_call=True,
    )(partial(show_status, workspace))
    note: Any = {"type": "run-note", "run": ALL}
    app.callback(
        Output("run-star", "children"),
        Output("run-star", "aria-pressed"),
        Output("run-note", "children"),
        shown,
        Input("marks", "data"),
        State(note, "value"),
        State(note, "id"),
        prevent_initial_call=True,
    )(partial(show_mark, workspace, marks))
    app.callback(
        Output("marks", "data", allow_duplicate=True),
        Output("run-star-problem", "children"),
        Input("run-star", "n_clicks"),
        State("run-shown", "data"),
        prevent_initial_call=True,
    )(partial(turn_star, workspace, marks))
    note = {"type": "run-note", "run": MATCH}
    app.callback(
        Output("marks", "data", allow_duplicate=True),
        Output(note, "error"),
        Input(note, "value"),
        State(note, "id"),
        prevent_initial_call=True,
    )(partial(keep_note, workspace, marks))


def show_status(workspace: Workspace, shown: Any, *_events: Any) -> tuple[Any, Any, Any]:
    """What the run's status says, and its summary, and what went wrong."""
    run = shown_run(workspace, shown)
    if run is None:
        return [], [], []
    directory = workspace.index.hiding.path(run)
    return facts(run, directory, time.time()), summary(run), complaints(run)


def show_mark(
    workspace: Workspace,
    marks: UserMarks,
    shown: Any,
    _marks: Any,
    notes: Sequence[str | None],
    ids: Sequence[Mapping[str, str]],
) -> tuple[Any, ...]:
    """The star, whether it is pressed, and the note's field.

    A field that says so already stays as it is, for somebody may be typing in it.
    """
    run = shown_run(workspace, shown)
    mark = marks.get(run) if run else Mark()
    typed = {id_["run"]: _stripped(note) for id_, note in zip(ids, notes, strict=True)}
    same = run is not None and typed.get(run.name) == mark.note
    field = no_update if same else [_note_field(run.name, mark.note)] if run else []
    return STARS[mark.star], str(mark.star).lower(), field


def turn_star(workspace: Workspace, marks: UserMarks, _clicks: int, shown: Any) -> tuple[Any, str]:
    """Turn the run's star."""
    run = shown_run(workspace, shown)
    if run is None:
        return no_update, ""
    stamp, problem = marks.turn_star(run)
    return stamp or no_update, problem


def keep_note(
    workspace: Workspace, marks: UserMarks, note: str | None, id_: Mapping[str, str]
) -> tuple[Any, str]:
    """Keep what was typed as the note of the run that the field names."""
    run, text = workspace.run(id_["run"]), _stripped(note)
    if run is None or marks.get(run).note == text:
        return no_update, ""
    stamp, problem = marks.keep(run, note=text)
    return stamp or no_update, problem


def facts(run: Run, directory: str, now: float) -> list[Component]:
    """What a run's status says, as names and values."""
    word = STATE_WORDS[run.state]
    values: dict[str, Any] = {"State": html.Span(word, className=f"state {state_class(word)}")}
    if run.status is not None:
        values |= _status_facts(run.status, now)
    else:
        values |= {"Format": run.format, "Last written": run.updated and moment(run.updated)}
    values["Directory"] = html.Code(visible(directory))
    return [
        html.Div([html.Dt(name), html.Dd(value)])
        for name, value in values.items()
        if value not in (None, 0)
    ]


def summary(run: Run) -> list[Component]:
    """What was said of the run as a whole, as names and values."""
    names = list(run.summary)
    shown = [_said(name, run.summary[name]) for name in names[:MOST_SAID]]
    if len(names) > MOST_SAID:
        shown.append(_said(f"and {len(names) - MOST_SAID:,} more", ""))
    return shown


def _said(name: str, value: Any) -> Component:
    text = f"{value:.6g}" if isinstance(value, float) else bounded(value, LONGEST)[0]
    return html.Div([html.Dt(name[:LONGEST_NAME]), html.Dd(text, title=str(value)[:LONGEST])])


def _status_facts(status: Status, now: float) -> dict[str, Any]:
    lasted = duration(status, now)
    return {
        "Duration": None if lasted is None else format_duration(lasted),
        "Started": None if status.started is None else moment(status.started),
        "Last sign of life": _last_sign(status, now),
        "Host": status.host or None,
        "Element": status.element,
        "Slot": _slot(status.slot, status.cpus, status.gpus),
        "Attempt": status.attempt if status.attempt > 1 else None,
        "Ended by": status.signal or (status.exit_code and f"exit code {status.exit_code}"),
        "CPU time": status.cpu_seconds and format_duration(status.cpu_seconds),
        "Peak memory": status.max_rss and format_bytes(status.max_rss),
        "Code": _code(status.git),
    }


def _last_sign(status: Status, now: float) -> str | None:
    """When a run whose end nobody has written was last heard of."""
    if not isinstance(status, TrackedStatus) or status.seen is None or status.state.ended:
        return None
    return f"{moment(status.seen)}, {format_duration(max(0.0, now - status.seen))} ago"


def complaints(run: Run) -> list[Component]:
    """The error that ended the run, and what of it could not be read."""
    error = run.status.error if run.status else None
    said: list[Component] = []
    if error:
        said.append(html.P(visible_lines(error[:LONGEST]), className="run-error"))
    return said + [html.P(visible_lines(str(fault))[:LONGEST]) for fault in run.faults]


def _slot(slot: int | None, cpus: str | None, gpus: Sequence[str]) -> str | None:
    parts = [str(slot)] if slot is not None else []
    parts += [f"CPUs {cpus}"] if cpus else []
    parts += [f"GPU {', '.join(gpu.removeprefix('GPU-')[:8] for gpu in gpus[:8])}"] if gpus else []
    return " · ".join(parts)[:200] or None


def _code(git: Any) -> Any:
    if not git or not isinstance(git.get("commit"), str):
        return None
    commit = visible(git["commit"])
    code = html.Code(commit[:10], title=commit[:100])
    return [code, " with changes"] if git.get("dirty") else code


def _note_field(run: str, note: str) -> Component:
    """The note of one run, which it names: what is typed late belongs to no other one."""
    field: Component = dmc.Textarea(
        id={"type": "run-note", "run": run},
        label="Note",
        value=note,
        placeholder="Your own: it is kept with you, not in the run's directory",
        autosize=True,
        minRows=1,
        maxRows=6,
        debounce=300,
    )
    return field


def _stripped(note: str | None) -> str:
    return escape_invalid_unicode(note or "").strip()
