"""The tab of pictures besides curves: a control to choose one, its options, the picture."""

from __future__ import annotations

from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.charts.content import Shown, shown
from exptools.viewing.app.charts.controls import PICTURES, Control, chosen, controls, picture_of
from exptools.viewing.app.charts.sweep_tables import below
from exptools.viewing.app.facts import settled
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import GRAPH, MAX_OPTIONS
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import DARK, LIGHT

PAGE = "clamp(380px, calc(100vh - 330px), 760px)"  # the height that the page has for a picture
CONTROL = "picture-control"
HIDDEN = {"display": "none"}

Answers = tuple[Any, ...]


def layout() -> Component:
    """What the tab holds before anything is chosen."""
    pictures = [{"value": name, "label": label} for name, label in PICTURES.items()]
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
            html.P(id="picture-empty"),
            html.Div(id="picture-more", className="picture-more"),
        ],
        id="pictures-tab",
        className="card pictures",
    )


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the tab's callbacks to the page."""
    view, version = Input("view", "data"), Input("version", "data")
    app.callback(
        Output("picture", "value"),
        Output("picture-controls", "children"),
        Output("picture-drawn", "data"),
        view,
        version,
        State("picture-drawn", "data"),
    )(partial(draw_controls, workspace))
    app.callback(
        Output("picture-drawing", "data"),
        Output("picture-graph", "style"),
        Output("picture-caption", "children"),
        Output("picture-empty", "children"),
        Output("picture-more", "children"),
        view,
        version,
        Input("colors", "data"),
    )(partial(draw_picture, workspace))
    _register_in_browser(app)


def _register_in_browser(app: Dash) -> None:
    state = State("view", "data")

    def in_browser(name: str, output: Output, *parts: Any) -> None:
        function = ClientsideFunction("exptools_pictures", name)
        app.clientside_callback(function, output, *parts, prevent_initial_call=True)  # type: ignore[no-untyped-call]

    chosen_view = Output("view", "data", allow_duplicate=True)
    in_browser("choose", chosen_view, Input("picture", "value"), state)
    all_ = {"type": CONTROL, "name": ALL}
    in_browser("adjust", chosen_view, Input(all_, "value"), State("picture-drawn", "data"), state)
    in_browser("say", Output(all_, "value"), Input("picture-drawn", "data"), State(all_, "value"))
    in_browser("open", chosen_view, Input("picture-graph", "clickData"), state)
    in_browser("keepZoom", Output("picture-graph", "figure"), Input("picture-drawing", "data"))


def draw_controls(
    workspace: Workspace, data: dict[str, Any], _version: int, drawn: dict[str, Any] | None
) -> Answers:
    """The chosen picture's controls, where others are there; and what they say now.

    Controls that stay are not drawn anew: whoever has the keyboard in one shall keep it.
    """
    view = View.from_data(data)
    if view.tab != "pictures":
        return no_update, no_update, no_update
    facts = workspace.facts()
    found = controls(facts, settled(view, facts))
    picture = picture_of(view)
    kinds = [(control.name, control.label, control.options) for control in found]
    now: dict[str, Any] = {"picture": picture, "kinds": str(hash(repr(kinds)))}
    now |= {name: list(v) if isinstance(v, tuple) else v for name, v in chosen(found).items()}
    if now == drawn:
        return no_update, no_update, no_update
    stay = drawn is not None and now["kinds"] == drawn["kinds"]
    return picture, no_update if stay else [_component(control) for control in found], now


def draw_picture(
    workspace: Workspace, data: dict[str, Any], _version: int, colors: str | None
) -> Answers:
    """The picture with the sentences around it."""
    view = View.from_data(data)
    if view.tab != "pictures":
        return (no_update,) * 5
    facts = workspace.facts()
    now = settled(view, facts)
    theme = DARK if colors == "dark" else LIGHT
    found = shown(workspace.index, facts, now, theme)
    picture = found.picture
    if picture is None:
        return None, HIDDEN, "", found.empty, []
    figure = picture.figure
    figure["layout"]["meta"] = _zoomed_for(now)
    return figure, _style(found), _caption(now, picture.caption), "", below(found.sweeps)


def _zoomed_for(view: View) -> str:
    """Another one, another picture: a zoom is kept for as long as this is the same."""
    return repr((picture_of(view), view.metrics, view.by, sorted(view.options.items())))


def _style(found: Shown) -> dict[str, str]:
    if found.picture is None:
        return HIDDEN
    least = f"{found.picture.height}px"
    return {"height": f"max({least}, {PAGE})" if found.picture.fills else least}


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
    data = [{"value": value, "label": label} for value, label in control.options.items()]
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
        limit=MAX_OPTIONS,
        nothingFoundMessage="nothing like that",
        maxDropdownHeight=360,
        className=f"control {control.name}{' several' if several else ''}",
        **({} if several else {"allowDeselect": False}),
    )


def _number(text: str | tuple[str, ...]) -> float | str:
    try:
        return float(str(text))
    except ValueError:
        return ""
