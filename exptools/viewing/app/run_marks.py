"""The user's star and note on a run. A change raises ``marks``, which all that show them follow."""

from __future__ import annotations

import time
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.run_files import find_run
from exptools.viewing.config_tree import clean
from exptools.viewing.index import Index
from exptools.viewing.userdata import Mark, UserData

STARS = {False: "☆", True: "★"}


def controls() -> list[Component]:
    """The star, the note, and the store ``marks``."""
    return [
        html.Button(STARS[False], id="run-star", title="Star this run", **_pressed(False)),
        dmc.Textarea(
            id="run-note",
            label="Note",
            placeholder="Your own: it is kept with you, not in the run's directory",
            autosize=True,
            minRows=1,
            maxRows=6,
            debounce=600,
        ),
        dcc.Store(id="marks"),
    ]


def register(app: Dash, index: Index, userdata: UserData) -> None:
    """Tie them to the run that is shown."""

    @app.callback(
        Output("run-star", "children"),
        Output("run-star", "aria-pressed"),
        Output("run-note", "value"),
        Input("run-shown", "data"),
        Input("marks", "data"),
        State("run-note", "value"),
        prevent_initial_call=True,
    )
    def show(shown: Any, _marks: Any, note: str | None) -> tuple[Any, ...]:
        run = find_run(index, (shown or {}).get("name", ""))
        mark = userdata.get(run) if run else Mark()
        # What is being typed must not lose a space at its end.
        kept = no_update if mark.note == _clean(note) else mark.note
        return STARS[mark.star], str(mark.star).lower(), kept

    @app.callback(
        Output("marks", "data", allow_duplicate=True),
        Output("run-note", "error"),
        Input("run-star", "n_clicks"),
        Input("run-note", "value"),
        State("run-shown", "data"),
        prevent_initial_call=True,
    )
    def change(_clicks: int | None, note: str | None, shown: Any) -> tuple[Any, Any]:
        run = find_run(index, (shown or {}).get("name", ""))
        if run is None:
            return no_update, ""
        before = userdata.get(run)
        try:
            if ctx.triggered_id == "run-star":
                after = userdata.set(run, star=not before.star)
            else:
                after = userdata.set(run, note=_clean(note))
        except (OSError, ValueError) as error:
            return no_update, f"This could not be kept: {error}"
        return (no_update if after == before else time.time_ns() // 1_000_000), ""


def _clean(note: str | None) -> str:
    return clean(note or "").strip()


def _pressed(star: bool) -> Any:
    return {"aria-pressed": str(star).lower()}
