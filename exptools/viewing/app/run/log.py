"""A run's logs in its tab: the end, followed while it grows; what stood before; its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.run.parts import labelled
from exptools.viewing.app.run.reading import Unreadable, find_run, read
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files import logs
from exptools.viewing.run_files.directory import log_names
from exptools.viewing.wording import size

MOST_SHOWN = 2_000_000  # bytes: when a page shows more, it begins again with the end

Answer = tuple[Any, ...]
SAME: Answer = (no_update,) * 5
EMPTY: dict[str, Any] = {"how": "end", "at": None, "lines": [], "rest": ""}


@dataclass(frozen=True)
class Shown:
    """What of a log a page shows."""

    run: str
    log: str
    start: int = 0  # bytes of the log
    end: int = 0
    size: int = 0  # of the whole log, when it was read
    inode: int = 0
    follows: bool = True  # whether it shows the end, and goes on with it


Given = tuple[Any, str, Shown]  # lines for the page, note, what it shows then


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
                # Filled by the page's script: a log of a long day is too much for components.
                [html.Span(id="run-log-text"), html.Span(id="run-log-rest")],
                id="run-log",
                tabIndex=0,
                role="log",
                **labelled("The log"),
            ),
            dcc.Store(id="run-log-new"),
            dcc.Store(id="run-log-shown"),
        ],
        className="card run-output",
    )


def register(app: Dash, index: Index) -> None:
    """Tie the log to the run that is shown."""

    @app.callback(
        Output("run-log-new", "data"),
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
        ClientsideFunction("exptoolsRun", "drawLog"),
        Input("run-log-new", "data"),
        State("run-log-shown", "data"),
    )


def answer(index: Index, run: Run, name: str | None, asked: str, before: Shown | None) -> Answer:
    """What is new for the page: lines, note, logs, log, and what it shows then.

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
        return EMPTY, said, names, None, None
    same = before is not None and (before.run, before.log) == (run.name, chosen)
    goes_on = asked.startswith(("run-clock", "run-log-")) and asked != "run-log-name"
    try:
        given = _asked(index, run, chosen, asked, before if same and goes_on else None)
    except Unreadable as sentence:
        return EMPTY, str(sentence), names, chosen, None
    return SAME if given is None else (given[0], given[1], names, chosen, asdict(given[2]))


def _asked(index: Index, run: Run, log: str, asked: str, known: Shown | None) -> Given | None:
    if known is None or asked == "run-log-last":
        return _tail(index, run, log)
    if asked == "run-log-earlier":
        return _earlier(index, run, known)
    if asked == "run-log-jump":
        return _error(index, run, known)
    return _followed(index, run, known) if known.follows else None


def _tail(index: Index, run: Run, log: str) -> Given:
    window = read(index, run, log, logs.tail)
    if window is None:
        raise Unreadable(f"{log} is gone.")
    return _fresh(run, Shown(run.name, log), window, "end")


def _followed(index: Index, run: Run, known: Shown) -> Given | None:
    place = known.end, known.inode
    window = read(index, run, known.log, lambda file: logs.after(file, place))
    if window is None or window.end - known.start > MOST_SHOWN:
        return _tail(index, run, known.log)
    if window.size == known.size:
        return None
    after = replace(known, end=window.end, size=window.size)
    return _new("after", known.end, window, run), _note(after), after


def _earlier(index: Index, run: Run, known: Shown) -> Given | None:
    if known.start == 0:
        return None
    window = read(index, run, known.log, lambda file: logs.before(file, known.start))
    if window is None:
        return _tail(index, run, known.log)
    after = replace(known, start=window.start)
    return _new("before", known.start, window, run), _note(after), after


def _error(index: Index, run: Run, known: Shown) -> Given:
    said = run.status.error if run.status else None
    place = read(index, run, known.log, lambda file: logs.find_error(file, said))
    if place is None:
        return no_update, "No line at its end looks like an error.", known
    window = read(index, run, known.log, lambda file: logs.around(file, place))
    if window is None:
        return _tail(index, run, known.log)
    return _fresh(run, replace(known, follows=window.last), window, "error")


def _fresh(run: Run, shown: Shown, window: logs.Window, look_at: str) -> Given:
    after = replace(shown, start=window.start, end=window.end, size=window.size, inode=window.inode)
    return _new(look_at, None, window, run), _note(after), after


def _new(how: str, at: int | None, window: logs.Window, run: Run) -> dict[str, Any]:
    """Lines for the page, the one of an error apart.

    ``how``: "after" or "before" the place ``at`` in what is shown, or instead of it; then the page
    should look at the "end" or at the "error".
    """
    rest = window.text if how != "before" else window.text + window.rest
    divided = logs.error_line(rest, run.status.error if run.status else None)
    lines = list(divided) if divided else [rest]
    return {"how": how, "at": at, "lines": lines, "rest": window.rest}


def _note(shown: Shown) -> str:
    if shown.size == 0:
        return "Empty so far."
    if shown.start == 0 and shown.follows:
        return size(shown.size)
    part = "last" if shown.follows else "part:"
    return f"{part} {size(shown.end - shown.start)} of {size(shown.size)}"


def _names(run: Run) -> Sequence[str]:
    try:
        return log_names(run.directory)
    except OSError:
        return []
