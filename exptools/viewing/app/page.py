"""The page: a header, and under it the tab that is open; and what happens to it as a whole.

A change on disk raises the page's version, and everything that shows runs follows it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, Patch, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.charts import tab as charts_tab
from exptools.viewing.app.compare import tab as compare_tab
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.media import tab as media_tab
from exptools.viewing.app.run import tab as run_tab
from exptools.viewing.app.run.reading import MediaCache
from exptools.viewing.app.states import count_states, state_class, time_left
from exptools.viewing.app.table import marking
from exptools.viewing.app.view import TABS, View
from exptools.viewing.app.widgets import in_browser, labelled
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import FONT
from exptools.viewing.run import Run

REFRESH_MS = 3000
MOST_FAULTS = 200  # that are listed
ACCENT = [
    *("#eef3ff", "#dbe5fd", "#b6c9f9", "#8eabf5", "#6d92f2"),
    *("#5883ef", "#4b79ee", "#3c67d4", "#2b62d1", "#1f4fae"),
]
KEYS = {
    "/": "go to the filter",
    "← →": "in Media: the step before, the next one",
    "↑ ↓": "go from run to run in the table",
    "Space": "tick the run: only ticked runs are drawn",
    "s": "star the run",
    "b": "compare with the run, or the group, as the baseline; again: with none",
    "Enter": "open the run",
    "Esc": "leave the filter, or close this",
    "?": "this help",
}
ESTIMATED = (
    "Estimated from how long the finished jobs took, those that are left, and the slots in use. "
    "Jobs that take more than twice as long as any that finished may hang and are not in it."
)
HELP = (
    "Click a curve to draw only its runs; click it again to draw all.",
    "Drag over the chart to zoom: it is drawn again from all the data. Double-click to go back.",
    "Click a name in the legend to hide its curve, double-click to see it alone.",
    "Drag a column's head to move it, and to the table's edge to pin it.",
    "The URL holds all that you choose: copy it to share what you see.",
)


def page(workspace: Workspace) -> Any:
    """The whole page, as the index is now; what is drawn follows once it is there."""
    workspace.look()
    facts = workspace.facts()
    theme = {
        "primaryColor": "accent",
        "primaryShade": {"light": 8, "dark": 5},
        "colors": {"accent": ACCENT},
        "fontFamily": FONT,
        "defaultRadius": "md",
    }
    panels = [
        dmc.TabsPanel(compare_tab.layout(facts), value="compare"),
        dmc.TabsPanel(charts_tab.layout(), value="charts"),
        dmc.TabsPanel(media_tab.layout(), value="media"),
        dmc.TabsPanel(run_tab.layout(), value="run"),
    ]
    tabs = dmc.Tabs(
        [
            _header(
                workspace.place,
                state_counts(facts.runs, time.time()),
            ),
            html.Main(panels),
        ],
        id="tabs",
        value="compare",
    )
    return dmc.MantineProvider(
        [
            dcc.Store(id="version", data=facts.version),
            dcc.Store(id="colors"),
            dcc.Store(id="address"),  # the query with which the page was opened, or gone back to
            dcc.Store(id="view", data=View().to_data()),
            dcc.Store(id="defaults", data=View().to_data()),  # what an address need not say
            # The view, and the version, for the tabs: while they are open, and in their turn.
            *(
                dcc.Store(id=name)
                for name in ("table-view", "charts-view", "run-view", "run-colors")
            ),
            dcc.Interval(id="clock", interval=REFRESH_MS),
            tabs,
            _help(),
            marking.modal(),
        ],
        theme=theme,
        defaultColorScheme="auto",
    )


def state_counts(runs: Sequence[Run], now: float) -> list[Component]:
    """The number of runs in each state, with a dot in its colour, and how long the rest takes."""
    counts: list[Component] = [
        html.Span([html.B(f"{number:,}"), f" {word}"], className=f"state {state_class(word)}")
        for word, number in count_states(runs)
    ]
    left = time_left(runs, now)
    if left:
        counts.append(html.Span(left, className="left", title=ESTIMATED))
    return counts


def faults(lines: Sequence[str]) -> list[Component]:
    """What could not be read: one quiet line that opens to all of it; nothing if all was well."""
    if not lines:
        return []
    places = "1 place" if len(lines) == 1 else f"{len(lines)} places"
    summary = f"{places} in the runs' files could not be read"
    shown = [html.Li(line) for line in lines[:MOST_FAULTS]]
    if len(lines) > MOST_FAULTS:
        shown.append(html.Li(f"… and {len(lines) - MOST_FAULTS} more"))
    return [
        html.Details([html.Summary(summary), html.Ul(shown)], className="card faults"),
    ]


def _header(place: str, counts: list[Component]) -> Any:
    return html.Header(
        [
            html.H1("exptools", className="brand"),
            html.Span(place, className="place", title=place),
            dmc.TabsList([dmc.TabsTab(name.title(), value=name) for name in TABS]),
            html.Div(counts, id="counts"),
            marking.header_button(),
            dmc.ActionIcon(
                "?",
                id="help-button",
                variant="subtle",
                color="gray",
                **labelled("Help: keys and clicks"),
            ),
            dmc.ColorSchemeToggle(
                id="scheme",
                lightIcon=html.Span(className="glyph sun"),
                darkIcon=html.Span(className="glyph moon"),
                variant="subtle",
                color="gray",
                **labelled("Switch between light and dark"),
            ),
        ]
    )


def _help() -> Any:
    rows = [html.Tr([html.Td(dmc.Kbd(key)), html.Td(does)]) for key, does in KEYS.items()]
    return dmc.Modal(
        [
            html.Table(html.Tbody(rows), className="keys"),
            html.Ul([html.Li(line) for line in HELP], className="help"),
        ],
        id="help",
        title="Keys and clicks",
        closeButtonProps=labelled("Close"),
        size="lg",
    )


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the callbacks to the page; stars and notes are the user's own."""
    version = Input("version", "data")
    app.callback(
        Output("version", "data"),
        Input("clock", "n_intervals"),
        State("version", "data"),
        prevent_initial_call=True,
    )(partial(look, workspace))
    app.callback(
        Output("counts", "children"),
        Output("faults", "children"),
        Output("hidden-open", "children"),
        Output("hidden-open", "hidden"),
        version,
        Input("faults", "id"),
    )(partial(update_header, workspace))
    app.callback(
        Output("view", "data"),
        Input("address", "data"),
        version,
        State("view", "data"),
        prevent_initial_call=True,
    )(partial(complete_view, workspace))
    marks = workspace.marks
    compare_tab.register(app, workspace, marks)
    charts_tab.register(app, workspace)
    media = MediaCache(workspace)
    media_tab.register(app, workspace, media)
    run_tab.register(app, workspace, marks, media)
    _register_in_browser(app)


def _register_in_browser(app: Dash) -> None:
    view, changed = State("view", "data"), Output("view", "data", allow_duplicate=True)
    tabs, address = ("tabs", "value"), ("address", "data")
    tie = partial(in_browser, app)
    drawn = (Output(*place, allow_duplicate=True) for place in compare_tab.DRAWN.values())
    begun = (Input("address", "id"), State("version", "data"))
    tie("exptools.begin", Output(*address), changed, *drawn, *begun, initially=True)
    tie("exptools.remember", Input("view", "data"), State("defaults", "data"))
    tie("exptools.chooseTab", changed, Input(*tabs), view)
    now = Input("view", "data"), Input("version", "data")
    tie("exptools.tableView", Output("table-view", "data"), *now)
    tie("exptools.chartsView", Output("charts-view", "data"), *now, Input("colors", "data"))
    tie("exptools.runView", Output("run-view", "data"), *now)
    tie("exptools.runColors", Output("run-colors", "data"), Input("colors", "data"), Input(*tabs))
    tie("exptools.showTab", Output(*tabs), Input("view", "data"), State(*tabs))
    # For the first time: assets/page.js tells of later changes.
    tie("exptools.colors", Output("colors", "data"), Input("scheme", "id"), initially=True)
    help_ = ("help", "opened")
    tie("exptools.help", Output(*help_), Input("help-button", "n_clicks"), State(*help_))


def look(workspace: Workspace, _ticks: int, version: int) -> Any:
    """The index's version where it is another than the page's."""
    current = workspace.look()
    return no_update if current == version else current


def update_header(workspace: Workspace, _version: int, _id: str) -> tuple[Any, ...]:
    """How many runs are in which state, how long yet, what could not be read, what is hidden."""
    facts = workspace.facts()
    index = workspace.index
    of_runs = [fault for run in facts.runs for fault in index.faults(run)]
    lines = [str(fault) for fault in (*index.snapshot.faults, *of_runs)]
    hidden = len(facts.hidden)
    return state_counts(facts.runs, time.time()), faults(lines), f"{hidden:,} hidden", not hidden


def complete_view(
    workspace: Workspace, query: str | None, _version: int, data: dict[str, Any]
) -> dict[str, Any] | Any:
    """The view of an address, or what can be chosen by now of the present one.

    Of the present view only what changes is sent: what is chosen meanwhile stays.
    """
    facts = workspace.facts()
    if ctx.triggered_id != "version":
        return resolve(View.from_query(query or ""), facts).to_data()
    before = View.from_data(data)
    old, new = before.to_data(), resolve(before, facts).to_data()
    changes = {name: value for name, value in new.items() if value != old[name]}
    patch = Patch()
    for name, value in changes.items():
        patch[name] = value
    return patch if changes.keys() - {"notes"} else no_update
