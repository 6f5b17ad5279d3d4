"""A run's logs in its tab: the end, followed while it grows; what stood before; its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.rundir import State as RunState
from exptools.units import format_bytes
from exptools.viewing.app.run.reading import FAILED, Unreadable, instead, read, shown_run
from exptools.viewing.app.widgets import card, in_browser, labelled
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.run import Run
from exptools.viewing.run_files import logs
from exptools.viewing.run_files.directory import log_names

MOST_SHOWN = 2_000_000  # bytes: when a page shows more, it begins again with the end
BUTTONS = {
    "run-log-earlier": "Load earlier",
    "run-log-jump": "Jump to the error",
    "run-log-last": "Follow the end",
}


@dataclass(frozen=True)
class ShownLog:
    """What of a log a page shows."""

    run: str
    log: str
    start: int = 0  # bytes of the log
    end: int = 0
    size: int = 0  # of the whole log, when it was read
    inode: int = 0
    follows: bool = True  # whether it shows the end, and goes on with it
    completed: bool = False  # whether its run has ended as it should: then there is no error

    def note(self) -> str:
        """How much of the log this is."""
        if self.size == 0:
            return "Empty so far."
        if self.start == 0 and self.follows:
            return format_bytes(self.size)
        part = "last" if self.follows else "part:"
        return f"{part} {format_bytes(self.end - self.start)} of {format_bytes(self.size)}"


@dataclass(frozen=True)
class Lines:
    """Lines for the page, the one of an error apart."""

    how: str = "end"  # "after" or "before" ``at``, or instead of all: look at "end" or "error" then
    at: int | None = None  # the place in the log, in bytes
    lines: tuple[str, ...] = ()  # one text, or what is before the error, its line, what is behind
    rest: str = ""  # a line that has not ended yet


@dataclass(frozen=True)
class Update:
    """What changes on the page."""

    shown: ShownLog
    lines: Lines | None = None
    note: str = ""


def layout() -> Component:
    """The log's card."""
    select = dmc.Select(
        id="run-log-name",
        size="xs",
        allowDeselect=False,
        checkIconPosition="right",
        **labelled("Which log"),
    )
    note = html.Span(id="run-log-note", className="run-muted")
    buttons = [
        dmc.Button(name, id=id_, variant="default", size="compact-xs")
        for id_, name in BUTTONS.items()
    ]
    text = html.Pre(
        # Filled by the page's script: a log of a long day is too much for components.
        [html.Span(id="run-log-text"), html.Span(id="run-log-rest")],
        id="run-log",
        tabIndex=0,
        role="log",
        **labelled("The log"),
    )
    stores = [dcc.Store(id="run-log-new"), dcc.Store(id="run-log-shown")]
    return card("Output", [select, note, *buttons], text, *stores)


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the log to the run that is shown."""
    app.callback(
        output={
            "lines": Output("run-log-new", "data"),
            "note": Output("run-log-note", "children"),
            "logs": Output("run-log-name", "data"),
            "log": Output("run-log-name", "value"),
            "shown": Output("run-log-shown", "data"),
        },
        inputs={
            "run": Input("run-shown", "data"),
            "log": Input("run-log-name", "value"),
            "events": [
                *(Input("run-clock", "n_intervals"), Input("run-clock", "disabled")),
                *(Input(button, "n_clicks") for button in BUTTONS),
            ],
        },
        state={"before": State("run-log-shown", "data")},
        on_error=instead(empty_log() | {"note": FAILED}),
        prevent_initial_call=True,
    )(partial(show_log, workspace))
    in_browser(
        app,
        "exptools_run.drawLog",
        Input("run-log-new", "data"),
        State("run-log-shown", "data"),
        initially=True,
    )


def show_log(workspace: Workspace, *, run: Any, log: str | None, events: Any, before: Any) -> Any:
    """What is new of the log; ``events`` only trigger."""
    shown = shown_run(workspace, run)
    if shown is None:
        return no_update
    had = ShownLog(**{one.name: before[one.name] for one in fields(ShownLog)}) if before else None
    return answer(workspace, shown, log, str(ctx.triggered_id), had)


def empty_log() -> dict[str, Any]:
    """The outputs without a log."""
    return {"lines": asdict(Lines()), "note": "", "logs": [], "log": None, "shown": None}


def answer(
    workspace: Workspace, run: Run, name: str | None, asked: str, before: ShownLog | None
) -> Any:
    """What is new for a page that shows ``before``, of the log of a name, or of the first log.

    ``asked`` is the component that asks: a button, the clock, or what chose run or log.
    """
    names = _names(run)
    chosen = name if name in names else next(iter(names), None)
    empty = empty_log() | {"logs": names, "log": chosen}
    if chosen is None:
        ended = run.state is not None and run.state.ended
        return empty | {"note": "It left no log." if ended else "Nothing yet."}
    same = before is not None and (before.run, before.log) == (run.name, chosen)
    goes_on = asked.startswith("run-clock") or asked in BUTTONS
    try:
        update = _asked(workspace, run, chosen, asked, before if same and goes_on else None)
    except Unreadable as sentence:
        return empty | {"note": str(sentence)}
    if update is None:
        return no_update
    return {
        "lines": no_update if update.lines is None else asdict(update.lines),
        "note": update.note or update.shown.note(),
        "logs": names,
        "log": no_update if chosen == name else chosen,  # else a choice made meanwhile is lost
        "shown": asdict(replace(update.shown, completed=run.state is RunState.COMPLETED)),
    }


def _asked(
    workspace: Workspace, run: Run, log: str, asked: str, before: ShownLog | None
) -> Update | None:
    if before is None or asked == "run-log-last":
        return _tail(workspace, run, log)
    if asked == "run-log-earlier":
        return _earlier(workspace, run, before)
    if asked == "run-log-jump":
        return _error(workspace, run, before)
    return _followed(workspace, run, before) if before.follows else None


def _tail(workspace: Workspace, run: Run, log: str) -> Update:
    window = read(workspace, run, log, logs.tail)
    if window is None:
        raise Unreadable(f"{log} is gone.")
    return _fresh(run, ShownLog(run.name, log), window, "end")


def _followed(workspace: Workspace, run: Run, before: ShownLog) -> Update | None:
    place = before.end, before.inode
    window = read(workspace, run, before.log, lambda file: logs.after(file, place))
    if window is None or window.end - before.start > MOST_SHOWN:
        return _tail(workspace, run, before.log)
    if window.size == before.size:
        return None
    shown = replace(before, end=window.end, size=window.size)
    return Update(shown, _lines("after", before.end, window, run))


def _earlier(workspace: Workspace, run: Run, before: ShownLog) -> Update | None:
    if before.start == 0:
        return None
    window = read(workspace, run, before.log, lambda file: logs.before(file, before.start))
    if window is None:
        return _tail(workspace, run, before.log)
    shown = replace(before, start=window.start)
    return Update(shown, _lines("before", before.start, window, run))


def _error(workspace: Workspace, run: Run, before: ShownLog) -> Update:
    said = run.status.error if run.status else None
    place = read(workspace, run, before.log, lambda file: logs.find_error(file, said))
    if place is None:
        return Update(before, note="No line at its end looks like an error.")
    window = read(workspace, run, before.log, lambda file: logs.around(file, place))
    if window is None:
        return _tail(workspace, run, before.log)
    return _fresh(run, replace(before, follows=window.last), window, "error")


def _fresh(run: Run, shown: ShownLog, window: logs.Window, look_at: str) -> Update:
    shown = replace(shown, start=window.start, end=window.end, size=window.size, inode=window.inode)
    return Update(shown, _lines(look_at, None, window, run))


def _lines(how: str, at: int | None, window: logs.Window, run: Run) -> Lines:
    text = window.text if how != "before" else window.text + window.rest
    divided = logs.error_line(text, run.status.error if run.status else None)
    return Lines(how, at, tuple(divided or (text,)), window.rest)


def _names(run: Run) -> Sequence[str]:
    try:
        return log_names(run.directory)
    except OSError:
        return []
