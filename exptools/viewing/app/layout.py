"""The page: a header, the chart with its two controls, the table, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from exptools.viewing.app import pictures_tab, run_tab, table, view
from exptools.viewing.app.state import TABS, View
from exptools.viewing.figures import FONT
from exptools.viewing.index import Index

REFRESH_MS = 3000
EACH_RUN = "run"  # the choice not to group; a key's own value starts with KEY
KEY = "key:"
MAX_OPTIONS = 200  # of a control at a time; typing finds the others
BUTTONS_TO_REMOVE = [
    "sendChartToCloud",  # nothing leaves this machine
    *("select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"),
]
ACCENT = [
    *("#eef3ff", "#dbe5fd", "#b6c9f9", "#8eabf5", "#6d92f2"),
    *("#5883ef", "#4b79ee", "#3c67d4", "#2b62d1", "#1f4fae"),
]


def page(index: Index) -> Any:
    """The whole page, filled from the index as it is now; the chart follows once it is there."""
    index.refresh()
    snapshot = index.snapshot
    choices = view.choices(index, snapshot.runs)
    theme = {
        "primaryColor": "accent",
        "primaryShade": {"light": 8, "dark": 5},
        "colors": {"accent": ACCENT},
        "fontFamily": FONT,
        "defaultRadius": "md",
    }
    compare = [
        _chart(choices),
        html.Div(faults(view.faults(index, snapshot.runs, snapshot.faults)), id="faults"),
        table.section(index, snapshot.runs, choices.metric),
    ]
    tabs = dmc.Tabs(
        [
            _header(", ".join(map(str, index.roots)), counts(view.counts(snapshot.runs))),
            html.Main(
                [
                    dmc.TabsPanel(compare, value="compare"),
                    dmc.TabsPanel(pictures_tab.layout(), value="pictures"),
                    dmc.TabsPanel(run_tab.layout(), value="run"),
                ]
            ),
        ],
        id="tabs",
        value="compare",
        variant="none",
    )
    return dmc.MantineProvider(
        [
            dcc.Store(id="version", data=snapshot.version),
            dcc.Store(id="colors"),
            dcc.Store(id="drawing"),
            dcc.Store(id="address"),  # the query with which the page was opened, or gone back to
            dcc.Store(id="query"),  # the query that the view makes
            dcc.Store(id="view", data=View().to_data()),
            dcc.Interval(id="clock", interval=REFRESH_MS),
            tabs,
        ],
        theme=theme,
        defaultColorScheme="auto",
    )


def counts(states: Sequence[tuple[str, int]]) -> list[Component]:
    """The number of runs in each state, with a dot in the state's colour."""
    return [
        html.Span([html.B(str(number)), f" {word}"], className=f"state {table.state_class(word)}")
        for word, number in states
    ]


def faults(lines: Sequence[str]) -> list[Component]:
    """What could not be read: one quiet line that opens to all of it; nothing if all was well."""
    if not lines:
        return []
    places = "1 place" if len(lines) == 1 else f"{len(lines)} places"
    summary = f"{places} in the runs' files could not be read"
    return [
        html.Details(
            [html.Summary(summary), html.Ul([html.Li(line) for line in lines])],
            className="card faults",
        )
    ]


def metric_options(choices: view.Choices) -> list[str]:
    """The metric control's options."""
    return list(choices.metrics)


def group_options(choices: view.Choices) -> list[dict[str, str]]:
    """The group control's options: the differing keys, and not to group."""
    keys = [{"value": KEY + key, "label": choices.names[key]} for key in choices.keys]
    return [*keys, {"value": EACH_RUN, "label": "nothing: each run by itself"}]


def group_value(key: str | None) -> str:
    """A group key as a value of the control."""
    return EACH_RUN if key is None else KEY + key


def group_key(value: str | None) -> str | None:
    """The control's value as a group key."""
    return value.removeprefix(KEY) if value and value.startswith(KEY) else None


def _header(place: str, state_counts: list[Component]) -> Component:
    return html.Header(
        [
            html.Span("exptools", className="brand"),
            html.Span(place, className="place", title=place),
            dmc.TabsList([dmc.TabsTab(name.title(), value=name) for name in TABS]),
            html.Div(state_counts, id="counts"),
            dmc.ColorSchemeToggle(
                id="scheme",
                lightIcon=html.Span(className="glyph sun"),
                darkIcon=html.Span(className="glyph moon"),
                variant="subtle",
                color="gray",
                **{"aria-label": "Switch between light and dark"},
            ),
        ]
    )


def _chart(choices: view.Choices) -> Component:
    graph = dcc.Graph(
        id="curves",
        responsive=True,
        config={
            "displaylogo": False,
            # A flat list: Plotly compares it item by item, and where a nested one would never be
            # the same it would start over at each update, without the user's zoom.
            "modeBarButtonsToRemove": BUTTONS_TO_REMOVE,
        },
    )
    return html.Section(
        [
            html.Div(
                [
                    _select("metric", "Metric", metric_options(choices), choices.metric),
                    _select("group", "Group by", group_options(choices), group_value(choices.key)),
                    html.P(id="caption"),
                ],
                className="controls",
            ),
            html.Div([graph, html.P(id="empty")], id="chart", className="loading"),
        ],
        className="card",
    )


def _select(id_: str, label: str, data: Sequence[Any], value: str | None) -> Any:
    return dmc.Select(
        id=id_,
        label=label,
        data=data,
        value=value,
        placeholder="none yet",
        searchable=True,
        limit=MAX_OPTIONS,
        allowDeselect=False,
        nothingFoundMessage="nothing like that",
        maxDropdownHeight=360,
        className="control",
    )
