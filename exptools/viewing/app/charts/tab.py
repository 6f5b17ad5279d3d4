"""The tab of pictures besides curves: a control to choose one, its options, the picture."""

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
from exptools.viewing.app.charts.content import picture_content
from exptools.viewing.app.charts.controls import (
    ANALYSES,
    PICTURES,
    Control,
    chosen,
    controls,
    picture_of,
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

PAGE = "clamp(380px, calc(100vh - 330px), 760px)"  # the height that the page has for a picture
CONTROL = "picture-control"
HIDDEN = {"display": "none"}
MOST_ROWS = 12  # of the table before it scrolls
MOST_DIFFERENCES = 30
MOST_NAMES = 200
MAX_CELL = 200  # characters

_NUMBER = "params.value == null ? '—' : d3.format('.5~g')(params.value)"
_SIGNED = "params.value == null ? '—' : d3.format('+.4~g')(params.value)"


def layout() -> Component:
    """What the tab holds before anything is chosen."""
    pictures = options(PICTURES)
    return html.Section(
        [
            dcc.Store(id="picture-drawn"),  # what the controls said when they were drawn
            dcc.Store(id="picture-drawing"),
            dmc.SegmentedControl(
                id="picture", data=pictures, value=pictures[0]["value"], size="sm"
            ),
            html.Div(id="picture-controls"),
            html.P(id="picture-caption", className="picture-caption"),
            dcc.Graph(
                id="picture-graph",
                responsive=True,
                style=HIDDEN,
                config=GRAPH,
            ),
            taking.buttons(),
            html.P(id="picture-empty"),
            html.Div(id="picture-more", className="picture-more"),
        ],
        id="pictures-tab",
        className="card pictures",
    )


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the tab's callbacks to the page."""
    view, version = Input("pictures-view", "data"), State("version", "data")
    app.callback(
        Output("picture", "value"),
        Output("picture-controls", "children"),
        Output("picture-drawn", "data"),
        view,
        version,
        State("picture-drawn", "data"),
        prevent_initial_call=True,
    )(partial(draw_controls, workspace))
    app.callback(
        output={
            "drawing": Output("picture-drawing", "data"),
            "style": Output("picture-graph", "style"),
            "caption": Output("picture-caption", "children"),
            "empty": Output("picture-empty", "children"),
            "more": Output("picture-more", "children"),
            "take": Output("picture-take", "style"),
        },
        inputs=[view, version, State("colors", "data")],
        prevent_initial_call=True,
    )(partial(draw_picture, workspace))
    taking.register(app, workspace)
    _register_in_browser(app)


def _register_in_browser(app: Dash) -> None:
    changed, state = Output("view", "data", allow_duplicate=True), State("view", "data")
    drawn: Any = ("picture-drawn", "data")
    values: Any = ({"type": CONTROL, "name": ALL}, "value")
    tie = partial(in_browser, app)
    tie("exptools_pictures.choose", changed, Input("picture", "value"), state)
    tie("exptools_pictures.adjust", changed, Input(*values), State(*drawn), state)
    tie("exptools_pictures.say", Output(*values), Input(*drawn), State(*values))
    tie("exptools_pictures.open", changed, Input("picture-graph", "clickData"), state)
    figure = Output("picture-graph", "figure")
    tie("exptools_pictures.keepZoom", figure, Input("picture-drawing", "data"))


def draw_controls(
    workspace: Workspace, data: dict[str, Any], _version: int, drawn: dict[str, Any] | None
) -> Any:
    """The chosen picture's controls, where others are there; and what they say now.

    Controls that stay are not drawn anew: whoever has the keyboard in one shall keep it.
    """
    view = View.from_data(data)
    if view.tab != "pictures":
        return no_update
    facts = workspace.facts()
    now = with_best_pair(workspace.index, facts, resolve(view, facts))
    shown = controls(facts, now)
    picture = picture_of(view)
    kinds = [(control.name, control.label, control.options) for control in shown]
    drawn_now: dict[str, Any] = {"picture": picture, "kinds": str(hash(repr(kinds)))}
    drawn_now |= {name: list(v) if isinstance(v, tuple) else v for name, v in chosen(shown).items()}
    if drawn_now == drawn:
        return no_update
    stay = drawn is not None and drawn_now["kinds"] == drawn["kinds"]
    return picture, no_update if stay else [_component(control) for control in shown], drawn_now


def draw_picture(
    workspace: Workspace, data: dict[str, Any], _version: int, colors: str | None
) -> Any:
    """The picture with the sentences around it."""
    view = View.from_data(data)
    if view.tab != "pictures":
        return no_update
    facts = workspace.facts()
    now = resolve(view, facts)
    content = picture_content(workspace.index, facts, now, theme_of(colors))
    picture = content.picture
    if picture is None:
        empty = {"caption": "", "empty": content.empty, "more": [], "take": HIDDEN}
        return empty | {"drawing": None, "style": HIDDEN}
    picture.figure["layout"]["meta"] = _zoomed_for(now)
    least = f"{picture.height}px"
    return {
        "drawing": picture.figure,
        "style": {"height": f"max({least}, {PAGE})" if picture.fills else least},
        "caption": [
            *([html.Strong(picture.headline), " "] if picture.headline else []),
            *_caption(now, picture.caption),
        ],
        "empty": "",
        "more": [*_notes(picture.notes), *below(content.sweeps)],
        "take": {} if picture_of(now) in ANALYSES else HIDDEN,
    }


def _notes(sentences: Sequence[str]) -> list[Component]:
    """What to know of a picture, below it."""
    if not sentences:
        return []
    items = [html.Li(sentence) for sentence in sentences]
    return [html.H2("What to know"), html.Ul(items, className="picture-caption")]


def _zoomed_for(view: View) -> str:
    """What the picture is of: a zoom is kept for as long as this stays the same."""
    return repr((picture_of(view), view.metrics, view.by, sorted(view.options.items())))


def _caption(view: View, text: str) -> list[Any]:
    """The picture's sentence; before it, which of the runs it is of."""
    parts = []
    if view.selected:
        parts.append(f"{len(view.selected)} selected runs")
    if view.where.strip():
        parts.append(f"runs with {view.where}")
    if not parts:
        return [text]
    return [html.Span(f"Of {', '.join(parts)}. ", className="picture-note"), text]


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
    """Differences, matched runs, and runs without a partner; nothing below other pictures."""
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
        return html.P("Nothing: every key has values in common.", className="picture-caption")
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
        id="picture-pairs",
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
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
