"""The user's star and note on a run. A change raises ``marks``, which all that show them follow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, MATCH, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.run.parts import labelled
from exptools.viewing.app.run.reading import find_run
from exptools.viewing.app.user_marks import Mark, UserData
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.wording import clean

STARS = {False: "☆", True: "★"}


def controls() -> list[Component]:
    """The star, the place of the note, and the store ``marks``."""
    return [
        html.Button(
            STARS[False],
            id="run-star",
            title="Star this run",
            **_pressed(False) | labelled("Star this run"),
        ),
        html.Div(id="run-note"),
        html.P(id="run-star-problem"),
        dcc.Store(id="marks"),
    ]


def register(app: Dash, index: Index, userdata: UserData) -> None:
    """Tie them to the run that is shown."""

    @app.callback(
        Output("run-star", "children"),
        Output("run-star", "aria-pressed"),
        Output("run-note", "children"),
        Input("run-shown", "data"),
        Input("marks", "data"),
        State({"type": "run-note", "run": ALL}, "value"),
        State({"type": "run-note", "run": ALL}, "id"),
        prevent_initial_call=True,
    )
    def show(shown: Any, _marks: Any, notes: list[str | None], ids: list[Any]) -> tuple[Any, ...]:
        run = find_run(index, (shown or {}).get("name", ""))
        mark = userdata.get(run) if run else Mark()
        star = STARS[mark.star], str(mark.star).lower()
        known = {id_["run"]: _clean(note) for id_, note in zip(ids, notes, strict=True)}
        # A field that says so already stays as it is, for somebody may be typing in it.
        same = run is not None and known.get(run.name) == mark.note
        return *star, no_update if same else [_field(run.name, mark.note)] if run else []

    @app.callback(
        Output("marks", "data", allow_duplicate=True),
        Output("run-star-problem", "children"),
        Input("run-star", "n_clicks"),
        State("run-shown", "data"),
        prevent_initial_call=True,
    )
    def turn_star(_clicks: int, shown: Any) -> tuple[Any, str]:
        run = find_run(index, (shown or {}).get("name", ""))
        star = run is not None and not userdata.get(run).star
        return _kept(userdata, run, star=star)

    @app.callback(
        Output("marks", "data", allow_duplicate=True),
        Output({"type": "run-note", "run": MATCH}, "error"),
        Input({"type": "run-note", "run": MATCH}, "value"),
        State({"type": "run-note", "run": MATCH}, "id"),
        prevent_initial_call=True,
    )
    def keep_note(note: str | None, id_: Mapping[str, str]) -> tuple[Any, str]:
        run = find_run(index, id_["run"])
        unchanged = run is not None and userdata.get(run).note == _clean(note)
        return _kept(userdata, None if unchanged else run, note=_clean(note))


def _kept(userdata: UserData, run: Run | None, **changes: Any) -> tuple[Any, str]:
    """Keep a change: the new ``marks``, and the sentence that says why it could not be kept."""
    if run is None:
        return no_update, ""
    try:
        userdata.set(run, **changes)
    except OSError as error:
        return no_update, f"{userdata.path} cannot be written: {error.strerror}."
    except ValueError as error:
        return no_update, f"This is not kept: {error}."
    return time.time_ns() // 1_000_000, ""


def _field(run: str, note: str) -> Component:
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


def _clean(note: str | None) -> str:
    return clean(note or "").strip()


def _pressed(star: bool) -> Any:
    return {"aria-pressed": str(star).lower()}
