"""The section between chart and table that opens to a small chart of each metric.

``assets/small_multiples.js`` fills it: nothing is asked before it is open.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html

from exptools.viewing.app.facts import Facts
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import in_browser, labelled

CHOSEN: dict[str, Any] = {  # what is chosen here draws no other chart: its fields, left alone
    name: getattr(View(), name) for name in ("all_metrics", "search", "folded")
}


def layout(facts: Facts) -> list[Any]:
    """A line that opens; there is none where one metric is all there is."""
    number = len(facts.metrics)
    search = dmc.TextInput(
        id="metric-search",
        value="",
        placeholder="Search by name",
        size="xs",
        inputProps={"autoComplete": "off", "spellCheck": "false", **labelled("Search metrics")},
    )
    details = html.Details(
        [
            html.Summary([html.H2("All metrics"), html.Span(str(number), id="metric-count")]),
            search,
            html.Div(id="small-charts"),
            html.P(id="no-metric", role="status"),
        ],
        id="all-metrics",
    )
    section = html.Section(details, id="all-metrics-card", className="card", hidden=number < 2)
    return [dcc.Store(id="chosen-metrics"), section]


def register(app: Dash) -> None:
    """Tie the section to the view."""
    tie = partial(in_browser, app)
    view = ("view", "data")
    tie(
        "exptools_multiples.show",
        Output("metric-count", "children"),
        Output("metric-search", "value"),
        Output("all-metrics-card", "hidden"),
        Output("no-metric", "children"),
        Input(*view),
        Input("version", "data"),
        Input("metrics", "data"),
        State("defaults", "data"),
        State("metric-search", "value"),
    )
    tie(
        "exptools_multiples.choose",
        Output(*view, allow_duplicate=True),
        Input("chosen-metrics", "data"),
        State(*view),
    )
