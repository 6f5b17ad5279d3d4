"""Names, sizes and colours that the page's controls share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, html
from dash.development.base_component import Component

from exptools.viewing.curves.statistics.centers import band_label
from exptools.viewing.figures.theme import DARK, LIGHT, Theme

MAX_OPTIONS = 200  # of a control at a time; typing finds the others

SELECT: Any = {
    "limit": MAX_OPTIONS,
    "nothingFoundMessage": "nothing like that",
    "maxDropdownHeight": 360,
}

X = {
    "step": "step",
    "relative_time": "time since the run's start",
    "wall_time": "time of day",
}

BANDS = {
    band: band_label(band)
    for band in (
        *("std", "sem", "interval:95", "t:95", "ci:95", "minmax"),
        *("percentiles:25,75", "percentiles:5,95", "none"),
    )
}

SMOOTHINGS = {"none": "none", "ema": "exponential", "gaussian": "Gaussian", "mean": "running mean"}

SUMMARIES = {
    "last": "last",
    "best": "best",
    "min": "min",
    "max": "max",
    "mean:10": "mean of last 10",
    "auc": "area under curve",
}


def options(names: Mapping[str, str]) -> list[dict[str, str]]:
    """What can be chosen in a control: values and their labels."""
    return [{"value": name, "label": label} for name, label in names.items()]


def theme_of(colors: str | None) -> Theme:
    """The theme of figures for the page's colours, as the browser says them."""
    return DARK if colors == "dark" else LIGHT


def labelled(name: str) -> Any:
    """What a screen reader calls a component."""
    return {"aria-label": name}


def card(title: str, beside: Sequence[Any], *children: Any, **attributes: Any) -> Component:
    """A card of the tab of a run; ``beside`` stands in the line of its title."""
    heading = html.Div([html.H2(title), *beside], className="run-heading")
    return html.Section([heading, *children], className="card", **attributes)


def popover(button: Component, content: Any, name: str) -> Any:
    """What a button opens, and its name; the page has it from the beginning."""
    opened = html.Div(content, role="region", **labelled(name))
    return dmc.Popover(
        [dmc.PopoverTarget(button), dmc.PopoverDropdown(opened)],
        position="bottom-end",
        shadow="md",
        trapFocus=True,
        keepMounted=True,
        withRoles=False,  # they would stand on a box around the button
    )


def grid_height(rows: int, most: int, room: int) -> dict[str, str]:
    """The style of a grid that is as high as its rows, up to where it scrolls; ``room`` in px."""
    return {"height": f"calc(var(--row-head) + {max(1, min(rows, most))} * var(--row) + {room}px)"}


def in_browser(app: Dash, function: str, *parts: Any, initially: bool = False) -> None:
    """Tie a callback to the page that needs no server: ``exptools.zoom`` of a script in assets."""
    script = ClientsideFunction(*function.split("."))
    prevented = "initial_duplicate" if initially else True
    app.clientside_callback(script, *parts, prevent_initial_call=prevented)  # type: ignore[no-untyped-call]


BUTTONS_TO_REMOVE = [
    "sendChartToCloud",  # nothing leaves this machine
    *("select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"),
]

# A flat list: Plotly compares it item by item, and where a nested one would never be the same it
# would start over at each update, without the user's zoom.
GRAPH: Any = {"displaylogo": False, "modeBarButtonsToRemove": BUTTONS_TO_REMOVE}
STILL: Any = {"displayModeBar": False}  # of the small graphs of a run

# Colours and heights are the page's own variables, so the table follows light, dark and fingers.
THEME = """themeQuartz.withParams({
    accentColor: 'var(--accent)', backgroundColor: 'var(--surface)',
    foregroundColor: 'var(--text)', borderColor: 'var(--line)', browserColorScheme: 'inherit',
    headerBackgroundColor: 'var(--surface)', headerTextColor: 'var(--muted)',
    headerFontWeight: 500, headerFontSize: 12, fontFamily: 'inherit', fontSize: 13,
    wrapperBorder: false,
    rowHoverColor: 'var(--hover)', selectedRowBackgroundColor: 'var(--picked)', spacing: 7,
    rowHeight: 'var(--row)', headerHeight: 'var(--row-head)'
})"""

COLUMN = {"sortable": True, "resizable": True, "flex": 1, "cellDataType": False}  # of a grid

GRID: Any = {
    "theme": {"function": THEME},
    "suppressFieldDotNotation": True,  # a config's keys have dots in them
    "enableBrowserTooltips": True,
    "animateRows": False,
}
