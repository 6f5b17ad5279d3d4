"""Export: the figure for a paper, its exact numbers, a table, and the lines that make it.

All of it is made from the view alone, by what notebooks and the command line use, too.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.units import format_bytes
from exptools.viewing.app.compare.content import bands_on_demand, curve_queries, drawing
from exptools.viewing.app.compare.log_axes import is_log, on_log_axes
from exptools.viewing.app.compare.panels import Drawing
from exptools.viewing.app.facts import resolve, shown_runs
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import labelled, popover
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.curves.curve_data import CurveData, points
from exptools.viewing.curves.endings import counted
from exptools.viewing.curves.query import CurveQuery, curve_sets
from exptools.viewing.curves.statistics.aggregation import parse_method
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.references import parse_reference
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.visible import visible

_OF_BOTH = ("together", "references", "labels", "colors")  # of Plotly's figure and the paper's
LARGEST = 64 * 2**20  # bytes that a browser is handed at once
drawing_lock = threading.Lock()  # Matplotlib's settings are the process's


@dataclass(frozen=True)
class Content:
    """The runs that a view shows, and the view with everything chosen."""

    index: Index  # where metrics are read
    runs: tuple[Run, ...]
    view: View
    shown: Mapping[str, Any]  # how a paper's figure is drawn: its arguments but for the default

    @property
    def curves(self) -> list[CurveData]:
        """The curves of each metric."""
        return curve_sets(self.index, self.runs, curve_queries(self.view))


def content_of(workspace: Workspace, view: View) -> Content:
    """What a view shows.

    Raises:
        QueryError: nothing has been logged yet, or the view's condition cannot be read.
    """
    facts = workspace.facts()
    chosen = resolve(view, facts)
    if not chosen.metrics:
        raise QueryError("there is nothing to export: no run has logged a metric yet")
    runs = tuple(shown_runs(workspace.index, facts, chosen))
    wanted = set(view.selected)
    selected = tuple(run.name for run in runs if run.name in wanted)
    chosen = replace(chosen, selected=selected)
    return Content(workspace.index, runs, chosen, _shown(workspace, chosen))


def _shown(workspace: Workspace, view: View) -> dict[str, Any]:
    """How a paper's figure is drawn as the page is: bands that are seen without pointing, axes."""
    drawn = on_log_axes(drawing(workspace, view), view)
    shown: dict[str, Any] = {"bands": False} if bands_on_demand(drawn, view) else {}
    for letter in "xy":
        if is_log(view, letter):
            symlog = any(axis == letter for axis, _ in drawn.symlogs)
            shown[f"{letter}_scale"] = "symlog" if symlog else "log"
    if view.together and len(view.metrics) > 1:
        shown["together"] = True
    references = [text for text in view.references if not view.baseline and _is_shown(text, view)]
    if references:
        shown["references"] = references
    shown |= _own_names(drawn)
    if view.x_range:
        shown["x_range"] = view.x_range
    ranges = {m: span for m, span in view.y_ranges.items() if m in view.metrics}
    if ranges:
        shown["y_range"] = ranges
    return shown


def _is_shown(text: str, view: View) -> bool:
    try:
        metric = parse_reference(text).metric
    except QueryError:  # it is said at its field
        return False
    return metric is None or metric in view.metrics


def _own_names(drawn: Drawing) -> dict[str, Any]:
    """The names and colours that the user has given the groups, by their labels."""
    pairs = [
        (group.label, line)
        for panel in drawn.panels
        for line, group in zip(panel.lines, panel.groups, strict=True)
    ]
    labels = {label: line.own_name for label, line in pairs if line.own_name}
    colors = {label: line.color for label, line in pairs if line.color}
    found = {"labels": labels, "colors": colors}
    return {name: values for name, values in found.items() if values}


def figure(content: Content, suffix: str) -> bytes:
    """The curves as a file of a paper: ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        QueryError: there is nothing to draw, or what no figure can show.
    """
    from exptools.viewing.paper import compose as paper

    facet = next(iter(content.view.split), None)
    with drawing_lock, TemporaryDirectory() as directory:
        path = Path(directory, f"figure{suffix}")
        paper.figure(content.curves, facet=facet, size="text", out=path, **content.shown)
        return path.read_bytes()


def numbers(content: Content, *, for_spreadsheets: bool = False) -> bytes:
    """Every point of every curve as CSV, the metric before it; nothing is rounded."""
    from exptools.viewing.tables.export import csv

    return joined(csv(points(content.curves), for_spreadsheets=for_spreadsheets))


def logged_rows(content: Content, *, for_spreadsheets: bool = False) -> bytes:
    """Every row of the metrics as it was logged, with the keys of its run, as CSV."""
    from exptools.viewing.tables.export import csv, logged

    view = content.view
    keys = [key for key in _keys(view) if key not in ("name", "run.name")]
    runs = counted(content.runs, view.states)
    rows = logged(content.index, runs, view.metrics, keys)
    return joined(csv(rows, for_spreadsheets=for_spreadsheets))


def latex_table(content: Content) -> bytes:
    """Centre and band of each group's results as a LaTeX table for booktabs."""
    from exptools.viewing.tables.export import latex
    from exptools.viewing.tables.results import ResultsQuery, results_table

    view = content.view
    summary = next(iter(view.summaries), "last")
    method = parse_method(view.center, view.band)
    query = ResultsQuery(
        view.metrics, _keys(view), summary=summary, method=method, states=view.states
    )
    return latex(results_table(content.index, content.runs, query)).encode()


class _Kind(NamedTuple):
    label: str
    suffix: str
    make: Callable[[Content], bytes]


KINDS = {
    "png": _Kind("Figure, PNG", ".png", partial(figure, suffix=".png")),
    "svg": _Kind("Figure, SVG", ".svg", partial(figure, suffix=".svg")),
    "pdf": _Kind("Figure, PDF", ".pdf", partial(figure, suffix=".pdf")),
    "csv": _Kind("Curves, CSV", ".csv", numbers),
    "rows": _Kind("Logged rows, CSV", ".rows.csv", logged_rows),
    "sheet": _Kind("Curves for spreadsheets, CSV", ".csv", partial(numbers, for_spreadsheets=True)),
    "rows-sheet": _Kind(
        "Logged rows for spreadsheets, CSV",
        ".rows.csv",
        partial(logged_rows, for_spreadsheets=True),
    ),
    "latex": _Kind("Table of results, LaTeX", ".tex", latex_table),
}


def menu() -> Component:
    """The button "Export" with what it offers, and what that needs on the page."""
    offers = [(f"download-{name}", kind.label) for name, kind in KINDS.items()]
    buttons = [
        dmc.Button(label, id=id_, variant="subtle", size="xs", fullWidth=True, justify="left")
        for id_, label in (*offers, ("as-python", "Copy as Python"))
    ]
    button = dmc.Button("Export", id="export", variant="default", size="xs")
    return html.Div(
        [
            popover(button, html.Div(buttons), "Export"),
            html.Span(id="download-refused", role="status"),
            dcc.Download(id="download"),
            dmc.Modal(
                [
                    html.Pre(id="python-lines", tabIndex="0"),
                    dcc.Clipboard(target_id="python-lines", title="Copy", className="copy"),
                ],
                id="python",
                title="The same in Python",
                zIndex=400,  # over the menu, which stays open
                closeButtonProps=labelled("Close"),
                size="xl",
            ),
        ],
        className="export",
    )


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the menu to the page's view."""
    app.callback(
        Output("download", "data"),
        Output("download-refused", "children"),
        *[Input(f"download-{name}", "n_clicks") for name in KINDS],
        State("view", "data"),
        running=[(Output("export", "loading"), True, False)],
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
        content = content_of(workspace, View.from_data(data))
        file = make(content)
    except QueryError as error:
        return no_update, str(error)
    name = re.sub(r"[^\w.=+-]+", "-", "-".join(content.view.metrics))[:100] + suffix
    return {"filename": name, "content": base64.b64encode(file).decode(), "base64": True}, ""


def as_python(workspace: Workspace, data: dict[str, Any] | None) -> str:
    """The lines that make the figure, or the sentence that says why there are none."""
    try:
        content = content_of(workspace, View.from_data(data))
        if not content.runs and workspace.facts().marked(content.view.where) is not None:
            return "# the filter leaves no run\n"
        hidden = workspace.facts().hidden
        view = without_marks(workspace, content.view, content.runs)
        return python_lines(view, workspace.index.roots, content.shown, hidden)
    except QueryError as error:
        return f"# {visible(str(error))}"


def _keys(view: View) -> tuple[str, ...]:
    return curve_queries(view)[0].by or ()


def joined(pieces: Iterable[bytes]) -> bytes:
    """The pieces of a file; raises QueryError where a browser should not be handed so much."""
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise QueryError(
                f"that is more than {format_bytes(LARGEST)}: choose fewer runs or metrics, or have "
                "it written by `exptools export`"
            )
    return b"".join(kept)


def python_lines(
    view: View, roots: Sequence[Path], shown: Mapping[str, Any], hidden: Sequence[str] = ()
) -> str:
    """A script that makes the curves of a view, once all is chosen, and draws them as ``shown``."""
    lines = runs_lines(view, roots, hidden)
    options = ", ".join(_arguments(curve_queries(view)))
    if len(view.metrics) == 1:
        lines.append(f"curves = runs.curves({literal(view.metrics[0])}, {options})")
        lines.append(f"figure = curves.plot({_plot(view, shown)})")
        lines += [f'figure.update_{axis}axes(type="log")' for axis in view.log]
        lines.append(f"drawing = curves.paper({_paper(view, shown)})")
    else:
        lines.append(f"metrics = {_list(view.metrics)}")
        lines.append(f"curves = [runs.curves(metric, {options}) for metric in metrics]")
        lines.append(f"figure = xv.CurveSets(tuple(curves)).plot({_plot(view, shown)})")
        lines.insert(1, "from exptools.viewing import paper")
        lines.append(f"drawing = paper.figure(curves, {_paper(view, shown)})")
    return "\n".join(lines) + "\n"


def runs_lines(view: View, roots: Sequence[Path], hidden: Sequence[str] = ()) -> list[str]:
    """The lines of a script that load the runs of a view, without those of these names."""
    lines = ["import exptools.viewing as xv", ""]
    lines.append(f"runs = xv.load({', '.join(literal(str(root)) for root in roots)})")
    if view.where.strip():
        lines.append(f"runs = runs.where({literal(view.where)})")
    if hidden and not view.selected:
        lines.append(f"hidden = {_list(hidden)}")
        lines.append("runs = runs.filter(lambda run: run.name not in hidden)")
    if view.selected:
        lines.append(f"runs = runs[{_list(view.selected)}]")
    return lines


def without_marks(workspace: Workspace, view: View, runs: Sequence[Run]) -> View:
    """The view with the runs themselves where its condition asks for stars or notes."""
    if workspace.facts().marked(view.where) is None:  # they are in no run
        return view
    return replace(view, where="", selected=tuple(run.name for run in runs))


def _arguments(queries: Sequence[CurveQuery]) -> list[str]:
    """The arguments of ``Runs.curves`` behind the metric that are not the default."""
    query = queries[0]
    asked, default = query.method, CurveQuery(query.metric)
    options = [f"by={_list(query.by or ())}"]
    texts = {
        "x": (query.x, default.x),
        "center": (asked.center, default.method.center),
        "band": (str(asked.band), str(default.method.band)),
        "smooth": (str(asked.smoothing), str(default.method.smoothing)),
        "states": (query.states, default.states),
    }
    options += [f"{name}={literal(text)}" for name, (text, usual) in texts.items() if text != usual]
    if asked.smooth_after and asked.smoothing != default.method.smoothing:
        options.append('smooth_when="after"')
    if query.against:
        options.append(f"baseline={literal(query.against.baseline)}")
        if query.against.percent:
            options.append('difference="percent"')
    if query.best:
        over = ", ".join(map(literal, query.best.keys))
        options.append(f"best=xv.Best(({over},), mode={_mode(queries)})")
    return options


def _mode(queries: Sequence[CurveQuery]) -> str:
    """Whether the best is the highest or the lowest: one word, or of each metric its own."""
    modes = {query.metric: query.best.mode or "" for query in queries if query.best}
    if len({*modes.values()}) == 1:
        return literal(modes[queries[0].metric])
    each = ", ".join(f"{literal(metric)}: {literal(mode)}" for metric, mode in modes.items())
    return f"{{{each}}}[metric]"


def _plot(view: View, shown: Mapping[str, Any]) -> str:
    """What a figure of Plotly's has of these; where curves are split its labels are others."""
    names = ("together", "references") if view.split else _OF_BOTH
    return ", ".join(f"{name}={_value(shown[name])}" for name in names if name in shown)


def _paper(view: View, shown: Mapping[str, Any]) -> str:
    facet = [f"facet={literal(view.split[0])}"] if view.split else []
    more = [f"{name}={_value(value)}" for name, value in shown.items()]
    return ", ".join([*facet, 'size="text"', 'out="curves.pdf"', *more])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{literal(key)}: {_value(part)}" for key, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return _list(value)
    return literal(value) if isinstance(value, str) else repr(value)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]"


def literal(text: str) -> str:
    """A text as Python's source has it, in double quotes where these need no escapes."""
    plain = text.isprintable() and '"' not in text and "\\" not in text
    return f'"{text}"' if plain else repr(text)
