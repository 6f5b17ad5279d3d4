"""The tab of charts besides curves: a control to choose one, its options, the chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.charts import taking
from exptools.viewing.app.charts.analyses import with_best_pair
from exptools.viewing.app.charts.content import chart_content
from exptools.viewing.app.charts.controls import (
    ANALYSES,
    CHARTS,
    Control,
    chart_of,
    chosen,
    controls,
)
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import (
    COLUMN,
    GRAPH,
    GRID,
    SELECT,
    grid_height,
    in_browser,
    options,
    theme_of,
)
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.charts.sweeps import Match, SideBySide
from exptools.viewing.run import Run
from exptools.viewing.wording import shortened
from exptools.visible import visible

PAGE = "clamp(380px, calc(100vh - 330px), 760px)"  # the height that the page has for a chart
CONTROL = "chart-control"
HIDDEN = {"display": "none"}
MOST_ROWS = 12  # of the table before it scrolls
MOST_DIFFERENCES = 30
MOST_NAMES = 200
MAX_CELL = 200  # characters

_NUMBER = "params.value == null ? '—' : d3.format('.5~g')(params.value)"
_SIGNED = "params.value == null ? '—' : d3.format('+.4~g')(params.value)"


def layout() -> Component:
    """What the tab holds before anything is chosen."""
    charts = options(CHARTS)
    return html.Section(
        [
            dcc.Store(id="chart-drawn"),  # what the controls said when they were drawn
            dcc.Store(id="chart-drawing"),
            dmc.SegmentedControl(id="chart-kind", data=charts, value=charts[0]["value"], size="sm"),
            html.Div(id="chart-controls"),
            html.P(id="chart-caption", className="chart-caption"),
            dcc.Graph(
                id="chart-graph",
                responsive=True,
                style=HIDDEN,
                config=GRAPH,
            ),
            taking.buttons(),
            html.P(id="chart-empty"),
            html.Div(id="chart-more", className="chart-more"),
        ],
        id="charts-tab",
        className="card charts",
    )


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the tab's callbacks to the page."""
    view, version = Input("charts-view", "data"), State("version", "data")
    app.callback(
        Output("chart-controls", "children"),
        Output("chart-drawn", "data"),
        view,
        version,
        State("chart-drawn", "data"),
        prevent_initial_call=True,
    )(partial(draw_controls, workspace))
    app.callback(
        output={
            "drawing": Output("chart-drawing", "data"),
            "style": Output("chart-graph", "style"),
            "caption": Output("chart-caption", "children"),
            "empty": Output("chart-empty", "children"),
            "more": Output("chart-more", "children"),
            "take": Output("chart-take", "style"),
        },
        inputs=[view, version, State("colors", "data")],
        prevent_initial_call=True,
    )(partial(draw_chart, workspace))
    taking.register(app, workspace)
    _register_in_browser(app)


def _register_in_browser(app: Dash) -> None:
    changed, state = Output("view", "data", allow_duplicate=True), State("view", "data")
    drawn: Any = ("chart-drawn", "data")
    values: Any = ({"type": CONTROL, "name": ALL}, "value")
    tie = partial(in_browser, app)
    kind: Any = ("chart-kind", "value")
    # Not by the server: a choice that is made while it answers would be taken back.
    tie("exptools_charts.showKind", Output(*kind), Input("charts-view", "data"), State(*kind))
    tie("exptools_charts.choose", changed, Input(*kind), state)
    tie("exptools_charts.adjust", changed, Input(*values), State(*drawn), state)
    tie("exptools_charts.say", Output(*values), Input(*drawn), State(*values))
    tie("exptools_charts.open", changed, Input("chart-graph", "clickData"), state)
    figure = Output("chart-graph", "figure")
    tie("exptools_charts.keepZoom", figure, Input("chart-drawing", "data"))


def draw_controls(
    workspace: Workspace, data: dict[str, Any], _version: int, drawn: dict[str, Any] | None
) -> Any:
    """The chosen chart's controls, where others are there; and what they say now.

    Controls that stay are not drawn anew: whoever has the keyboard in one shall keep it.
    """
    view = View.from_data(data)
    if view.tab != "charts":
        return no_update
    facts = workspace.facts()
    now = with_best_pair(workspace.index, facts, resolve(view, facts))
    shown = controls(facts, now)
    chart = chart_of(view)
    kinds = [(control.name, control.label, control.options) for control in shown]
    drawn_now: dict[str, Any] = {"chart": chart, "kinds": str(hash(repr(kinds)))}
    drawn_now |= {name: list(v) if isinstance(v, tuple) else v for name, v in chosen(shown).items()}
    if drawn_now == drawn:
        return no_update
    stay = drawn is not None and drawn_now["kinds"] == drawn["kinds"]
    return no_update if stay else [_component(control) for control in shown], drawn_now


def draw_chart(
    workspace: Workspace, data: dict[str, Any], _version: int, colors: str | None
) -> Any:
    """The chart with the sentences around it."""
    view = View.from_data(data)
    if view.tab != "charts":
        return no_update
    facts = workspace.facts()
    now = resolve(view, facts)
    content = chart_content(workspace.index, facts, now, theme_of(colors), workspace.group_names())
    chart = content.chart
    if chart is None:
        empty = {"caption": "", "empty": content.empty, "more": [], "take": HIDDEN}
        return empty | {"drawing": None, "style": HIDDEN}
    chart.figure["layout"]["meta"] = _zoomed_for(now)
    least = f"{chart.height}px"
    return {
        "drawing": chart.figure,
        "style": {"height": f"max({least}, {PAGE})" if chart.fills else least},
        "caption": [
            *([html.Strong(chart.headline), " "] if chart.headline else []),
            *_caption(now, chart.caption),
        ],
        "empty": "",
        "more": [*_notes(chart.notes), *below(content.sweeps)],
        "take": {} if chart_of(now) in ANALYSES else HIDDEN,
    }


def _notes(sentences: Sequence[str]) -> list[Component]:
    """What to know of a chart, below it."""
    if not sentences:
        return []
    items = [html.Li(sentence) for sentence in sentences]
    return [html.H2("What to know"), html.Ul(items, className="chart-caption")]


def _zoomed_for(view: View) -> str:
    """What the chart is of: a zoom is kept for as long as this stays the same."""
    return repr((chart_of(view), view.metrics, view.by, sorted(view.options.items())))


def _caption(view: View, text: str) -> list[Any]:
    """The chart's sentence; before it, which of the runs it is of."""
    parts = []
    if view.selected:
        parts.append(f"{len(view.selected)} selected runs")
    if view.where.strip():
        parts.append(f"runs with {view.where}")
    if not parts:
        return [text]
    return [html.Span(f"Of {', '.join(parts)}. ", className="chart-note"), text]


def _component(control: Control) -> Any:
    """The control as it stands on the page."""
    id_ = {"type": CONTROL, "name": control.name}
    data = options(control.options)
    if control.segmented:
        sides = dmc.SegmentedControl(id=id_, data=data, value=control.value, size="sm")
        return html.Div([html.Label(control.label), sides], className="control segmented")
    if not data:
        typed = dmc.NumberInput(id=id_, label=control.label, value=_number(control.value))
        typed.min, typed.debounce, typed.className = 0, 400, "control number"
        return typed
    several = isinstance(control.value, tuple)
    return (dmc.MultiSelect if several else dmc.Select)(
        id=id_,
        label=control.label,
        data=data,
        value=list(control.value) if several else control.value or None,
        placeholder="" if control.value else "all runs together" if several else "none yet",
        searchable=len(data) > 8 or several,
        className=f"control {control.name}{' several' if several else ''}",
        **SELECT | ({} if several else {"allowDeselect": False}),
    )


def _number(text: str | tuple[str, ...]) -> float | str:
    try:
        return float(str(text))
    except ValueError:
        return ""


def below(sides: SideBySide | None) -> list[Component]:
    """Differences, matched runs, and runs without a partner; nothing below other charts."""
    if sides is None:
        return []
    alone = [("the left", sides.only_left), ("the right", sides.only_right)]
    return [
        html.H2("What they differ in"),
        _differences(sides),
        *([html.H2("Matched runs"), _pairs(sides.matches)] if sides.matches else []),
        *(_alone(side, runs) for side, runs in alone if runs),
    ]


def _differences(sides: SideBySide) -> Component:
    if not sides.differences:
        return html.P("Nothing: every key has values in common.", className="chart-caption")
    rows = [
        html.Tr([html.Td(_cut(text)) for text in (difference.key, *difference.texts)])
        for difference in sides.differences[:MOST_DIFFERENCES]
    ]
    more = len(sides.differences) - MOST_DIFFERENCES
    if more > 0:
        rows.append(html.Tr([html.Td(f"and {more} more keys")]))
    head = html.Tr([html.Th(name) for name in ("key", "left", "right")])
    return html.Table([html.Thead(head), html.Tbody(rows)], className="differences")


def _pairs(matches: Sequence[Match]) -> Any:
    names = list(matches[0].values)
    rows = [_row(match) for match in matches]
    columns = [
        *({"field": f"key {name}", "headerName": name} for name in names),
        {"field": "left", "headerName": "Left run"},
        {"field": "right", "headerName": "Right run"},
        _number_column("left value", "Left", _NUMBER),
        _number_column("right value", "Right", _NUMBER),
        _number_column("difference", "Right − left", _SIGNED),
    ]
    return dag.AgGrid(
        id="chart-pairs",
        rowData=rows,
        columnDefs=columns,
        defaultColDef=COLUMN | {"minWidth": 100, "suppressHeaderMenuButton": True},
        dashGridOptions=GRID | {"suppressCellFocus": True},
        style=grid_height(len(rows), MOST_ROWS, 4),
    )


def _row(match: Match) -> dict[str, str | float | None]:
    values = {f"key {name}": _cut(value) for name, value in match.values.items()}
    return values | {
        "left": match.left.name,
        "right": match.right.name,
        "left value": _finite(match.left_value),
        "right value": _finite(match.right_value),
        "difference": _finite(match.difference),
    }


def _number_column(field: str, title: str, formatted: str) -> dict[str, Any]:
    return {
        "field": field,
        "headerName": title,
        "valueFormatter": {"function": formatted},
        "cellClass": "number",
    }


def _alone(side: str, runs: Sequence[Run]) -> Component:
    names = [html.Li(run.name) for run in runs[:MOST_NAMES]]
    if len(runs) > MOST_NAMES:
        names.append(html.Li(f"and {len(runs) - MOST_NAMES} more"))
    number = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return html.Details([html.Summary(f"{number} of {side} without a partner"), html.Ul(names)])


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _cut(text: str) -> str:
    return shortened(visible(text[: MAX_CELL + 1]), MAX_CELL)
