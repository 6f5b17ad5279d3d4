"""Take it away: the figure for a paper, its exact numbers, a table, and the lines that make it.

All of it is made from the view alone, by what notebooks and the command line use, too.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.api import Runs
from exptools.viewing.app.compare.as_python import python_lines
from exptools.viewing.app.facts import resolve, shown_runs
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.curves.curve_data import CurveData
from exptools.viewing.curves.query import Best
from exptools.viewing.errors import QueryError

LARGEST = 64 * 2**20  # bytes that a browser is handed at once
_drawing = threading.Lock()  # Matplotlib's settings are the process's


class Shown(NamedTuple):
    """The runs that a view shows, and the view with everything chosen."""

    runs: Runs
    view: View


def shown(workspace: Workspace, view: View) -> Shown:
    """What a view shows.

    Raises:
        QueryError: nothing has been logged yet, or the view's condition cannot be read.
    """
    facts = workspace.facts()
    chosen = resolve(view, facts)
    if not chosen.metrics:
        raise QueryError("there is nothing to take away: no run has logged a metric yet")
    runs = tuple(shown_runs(facts, chosen))
    wanted = set(view.selected)
    selected = tuple(run.name for run in runs if run.name in wanted)
    return Shown(Runs(workspace.index, runs), replace(chosen, selected=selected))


def figure(what: Shown, suffix: str) -> bytes:
    """The curves as a file of a paper: ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        QueryError: there is nothing to draw, or what no figure can show.
    """
    from exptools.viewing.paper import compose as paper

    facet = what.view.split[0] if what.view.split else None
    with _drawing, TemporaryDirectory() as directory:
        path = Path(directory, f"figure{suffix}")
        paper.figure(_curves(what), facet=facet, size="text", out=path)
        return path.read_bytes()


def numbers(what: Shown) -> bytes:
    """Every point of every curve as CSV, the metric before it; nothing is rounded."""
    import polars as pl

    from exptools.viewing.tables.export import csv

    frames = [
        part.frame().select(pl.lit(part.metric).alias("metric"), pl.all()) for part in _curves(what)
    ]
    return _joined(csv(pl.concat(frames, how="vertical_relaxed")))


def logged_rows(what: Shown) -> bytes:
    """Every row of the metrics as it was logged, with the keys of its run, as CSV."""
    from exptools.viewing.tables.export import csv, logged

    keys = [key for key in _keys(what.view) if key not in ("name", "run.name")]
    return _joined(csv(logged(what.runs, what.view.metrics, keys)))


def latex_table(what: Shown) -> bytes:
    """Centre and band of each group's results as a LaTeX table for booktabs."""
    from exptools.viewing.tables.export import latex
    from exptools.viewing.tables.results import results

    view = what.view
    summary = view.summaries[0] if view.summaries else "last"
    table = results(
        *(what.runs, view.metrics, _keys(view)), summary=summary, center=view.center, band=view.band
    )
    return latex(table).encode()


class _Kind(NamedTuple):
    label: str
    suffix: str
    make: Callable[[Shown], bytes]


KINDS = {
    "png": _Kind("Figure, PNG", ".png", partial(figure, suffix=".png")),
    "svg": _Kind("Figure, SVG", ".svg", partial(figure, suffix=".svg")),
    "pdf": _Kind("Figure, PDF", ".pdf", partial(figure, suffix=".pdf")),
    "csv": _Kind("Curves, CSV", ".csv", numbers),
    "rows": _Kind("Logged rows, CSV", ".rows.csv", logged_rows),
    "latex": _Kind("Table of results, LaTeX", ".tex", latex_table),
}


def menu() -> Component:
    """The button "Take away" with what it offers, and what that needs on the page."""
    offers = [(f"download-{name}", kind.label) for name, kind in KINDS.items()]
    buttons = [
        dmc.Button(label, id=id_, variant="subtle", size="xs", fullWidth=True, justify="left")
        for id_, label in (*offers, ("as-python", "Copy as Python"))
    ]
    button = dmc.Button("Take away", id="take-away", variant="default", size="xs")
    return html.Div(
        [
            dmc.Popover(
                [dmc.PopoverTarget(button), dmc.PopoverDropdown(html.Div(buttons))],
                position="bottom-end",
                shadow="md",
                trapFocus=True,
                keepMounted=True,
                withRoles=False,  # they would stand on a box around the button
            ),
            html.Span(id="download-refused", role="status"),
            dcc.Download(id="download"),
            dmc.Modal(
                [
                    html.Pre(id="python-lines", tabIndex="0"),
                    dcc.Clipboard(target_id="python-lines", title="Copy", className="copy"),
                ],
                id="python",
                title="The same in Python",
                size="xl",
            ),
        ],
        className="take-away",
    )


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the menu to the page's view."""
    app.callback(
        Output("download", "data"),
        Output("download-refused", "children"),
        *[Input(f"download-{name}", "n_clicks") for name in KINDS],
        State("view", "data"),
        running=[(Output("take-away", "loading"), True, False)],
        prevent_initial_call=True,
    )(partial(_clicked, workspace))
    app.callback(
        Output("python", "opened"),
        Output("python-lines", "children"),
        Input("as-python", "n_clicks"),
        State("view", "data"),
        prevent_initial_call=True,
    )(lambda _clicks, data: (True, as_python(workspace, data)))


def _clicked(workspace: Workspace, *given: Any) -> tuple[Any, Any]:
    if not ctx.triggered[0]["value"]:  # the menu has come, and nobody has clicked
        return no_update, no_update
    return download(workspace, str(ctx.triggered_id).partition("-")[2], given[-1])


def download(workspace: Workspace, kind: str, data: dict[str, Any] | None) -> tuple[Any, str]:
    """The file that the browser saves, or the sentence that says why there is none."""
    _, suffix, make = KINDS[kind]
    try:
        what = shown(workspace, View.from_data(data))
        content = make(what)
    except QueryError as error:
        return no_update, str(error)
    name = re.sub(r"[^\w.=+-]+", "-", "-".join(what.view.metrics))[:100] + suffix
    return {"filename": name, "content": base64.b64encode(content).decode(), "base64": True}, ""


def as_python(workspace: Workspace, data: dict[str, Any] | None) -> str:
    """The lines that make the figure, or the sentence that says why there are none."""
    try:
        return python_lines(shown(workspace, View.from_data(data)).view, workspace.index.roots)
    except QueryError as error:
        return f"# {error}"


def _keys(view: View) -> list[str]:
    return list(dict.fromkeys([*view.split, *(view.by or ())]))


def _curves(what: Shown) -> list[CurveData]:
    view = what.view
    over = tuple(key for key in view.best if key not in _keys(view))
    return [
        what.runs.curves(
            metric,
            _keys(view),
            view.x,
            center=view.center,
            band=view.band,
            smooth=view.smooth,
            smooth_when="after" if view.smooth_when == "after" else "before",
            best=Best(over, "min" if view.best_mode == "min" else "max") if over else None,
        )
        for metric in view.metrics
    ]


def _joined(pieces: Iterable[bytes]) -> bytes:
    """The pieces of a file.

    Raises:
        QueryError: they are more than a browser should be handed.
    """
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise QueryError(
                f"that is more than {LARGEST // 2**20} MB: choose fewer runs or metrics, or have "
                "it written by `exptools export`"
            )
    return b"".join(kept)
