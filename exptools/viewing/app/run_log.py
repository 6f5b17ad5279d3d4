"""A run's logs in its tab: the end, followed while it grows; what stood before; its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, Patch, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing import logs
from exptools.viewing.app.run_files import Unreadable, find_run, read
from exptools.viewing.app.run_parts import labelled, size
from exptools.viewing.index import Index
from exptools.viewing.run_files import log_names
from exptools.viewing.runs import Run

MOST_SHOWN = 2_000_000  # bytes: when a page shows more, it begins again with the end

Answer = tuple[Any, ...]
SAME: Answer = (no_update,) * 6


@dataclass(frozen=True)
class Shown:
    """What of a log a page shows."""

    run: str
    log: str
    start: int = 0  # bytes of the log
    end: int = 0
    inode: int = 0
    follows: bool = True  # whether it shows the end, and goes on with it
    jump: str = ""  # where the page should look: "end", "error", "earlier"; and a number behind it


def section() -> Component:
    """The log's card."""
    buttons = [
        ("run-log-earlier", "Load earlier"),
        ("run-log-jump", "Jump to the error"),
        ("run-log-last", "Follow the end"),
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Output"),
                    dmc.Select(
                        id="run-log-name",
                        size="xs",
                        allowDeselect=False,
                        checkIconPosition="right",
                        **labelled("Which log"),
                    ),
                    html.Span(id="run-log-note", className="run-muted"),
                    *(
                        dmc.Button(name, id=id_, variant="default", size="compact-xs")
                        for id_, name in buttons
                    ),
                ],
                className="run-heading",
            ),
            html.Pre(
                [html.Span(id="run-log-text"), html.Span(id="run-log-rest")],
                id="run-log",
                tabIndex=0,
                role="log",
                **labelled("The log"),
            ),
            dcc.Store(id="run-log-shown"),
        ],
        className="card run-output",
    )


def register(app: Dash, index: Index) -> None:
    """Tie the log to the run that is shown."""

    @app.callback(
        Output("run-log-text", "children"),
        Output("run-log-rest", "children"),
        Output("run-log-note", "children"),
        Output("run-log-name", "data"),
        Output("run-log-name", "value"),
        Output("run-log-shown", "data"),
        Input("run-shown", "data"),
        Input("run-log-name", "value"),
        Input("run-clock", "n_intervals"),
        Input("run-clock", "disabled"),
        Input("run-log-earlier", "n_clicks"),
        Input("run-log-jump", "n_clicks"),
        Input("run-log-last", "n_clicks"),
        State("run-log-shown", "data"),
        prevent_initial_call=True,
    )
    def show(shown: Any, name: str | None, *others: Any) -> Answer:
        run = find_run(index, (shown or {}).get("name", ""))
        if run is None:
            return SAME
        before = Shown(**others[-1]) if others[-1] else None
        return answer(index, run, name, str(ctx.triggered_id), before)

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("exptoolsRun", "lookAt"),
        Input("run-log-text", "children"),
        Input("run-log-rest", "children"),
        State("run-log-shown", "data"),
    )


def answer(index: Index, run: Run, name: str | None, asked: str, before: Shown | None) -> Answer:
    """What the page should show now: text, unfinished line, note, logs, log, and what that is.

    Args:
        index: where the run is.
        run: the run.
        name: the log that is chosen; None where none is yet.
        asked: the component that asks: a button, the clock, or what chose run or log.
        before: what the page shows.
    """
    names = _names(run)
    chosen = name if name in names else next(iter(names), None)
    if chosen is None:
        said = "Nothing yet." if run.state is None or not run.state.ended else "It left no log."
        return [], "", said, names, None, None
    same = before is not None and (before.run, before.log) == (run.name, chosen)
    known = before if same and asked.startswith(("run-clock", "run-log-")) else None
    known = None if asked == "run-log-name" else known
    try:
        given = _asked(index, run, chosen, asked, known)
    except Unreadable as sentence:
        return [], "", str(sentence), names, chosen, None
    return given if given is SAME else (*given[:3], names, chosen, asdict(given[3]))


def _asked(index: Index, run: Run, log: str, asked: str, known: Shown | None) -> Answer:
    if known is None or asked == "run-log-last":
        return _tail(index, run, log)
    if asked == "run-log-earlier":
        return _earlier(index, run, known)
    if asked == "run-log-jump":
        return _error(index, run, known)
    return _followed(index, run, known) if known.follows else SAME


def _tail(index: Index, run: Run, log: str) -> Answer:
    window = read(index, run, log, logs.tail)
    if window is None:
        raise Unreadable(f"{log} is gone.")
    return _fresh(run, Shown(run.name, log, jump=f"end {window.size}"), window)


def _followed(index: Index, run: Run, known: Shown) -> Answer:
    place = known.end, known.inode
    window = read(index, run, known.log, lambda file: logs.after(file, place))
    if window is None or window.end - known.start > MOST_SHOWN:
        return _tail(index, run, known.log)
    if window.end == known.end and not window.rest:
        return SAME
    text: Any = no_update
    if window.text:
        text = Patch()
        text.append(_chunk(window.text, run))
    after = replace(known, end=window.end, jump="")
    return text, window.rest, _note(after, window), after


def _earlier(index: Index, run: Run, known: Shown) -> Answer:
    if known.start == 0:
        return SAME
    window = read(index, run, known.log, lambda file: logs.before(file, known.start))
    if window is None:
        return _tail(index, run, known.log)
    text = Patch()
    text.prepend(_chunk(window.text + window.rest, run))
    after = replace(known, start=window.start, jump=f"earlier {window.start}")
    return text, no_update, _note(after, window), after


def _error(index: Index, run: Run, known: Shown) -> Answer:
    said = run.status.error if run.status else None
    place = read(index, run, known.log, lambda file: logs.find_error(file, said))
    if place is None:
        nothing = "No line of its last 64 MB looks like an error."
        return no_update, no_update, nothing, replace(known, jump="")
    window = read(index, run, known.log, lambda file: logs.around(file, place))
    if window is None:
        return _tail(index, run, known.log)
    number = int(known.jump.rpartition(" ")[2] or 0) + 1 if "error" in known.jump else 1
    return _fresh(run, replace(known, jump=f"error {number}", follows=window.last), window)


def _fresh(run: Run, shown: Shown, window: logs.Window) -> Answer:
    after = replace(shown, start=window.start, end=window.end, inode=window.inode)
    return [_chunk(window.text, run)], window.rest, _note(after, window), after


def _chunk(text: str, run: Run) -> Component:
    """A part of the log, the line of its error marked."""
    divided = logs.error_line(text, run.status.error if run.status else None)
    if divided is None:
        return html.Span(text)
    before, line, behind = divided
    return html.Span([before, html.Mark(line, className="run-log-error"), behind])


def _note(shown: Shown, window: logs.Window) -> str:
    if window.size == 0:
        return "Empty so far."
    if shown.start == 0 and shown.follows:
        return size(window.size)
    part = "last" if shown.follows else "part:"
    return f"{part} {size(shown.end - shown.start)} of {size(window.size)}"


def _names(run: Run) -> Sequence[str]:
    try:
        return log_names(run.directory)
    except OSError:
        return []
