"""The table of runs: the component, its height and the sentence above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import html

from exptools.viewing.app.table.rows import MAX_COLUMNS
from exptools.viewing.app.widgets import HEADER, MOST_ROWS, ROW, SUMMARIES, THEME, options

HINT = "Tick runs to draw only those."


def section() -> Any:
    """The table with its heading; its rows follow."""
    grid = dag.AgGrid(
        id="runs",
        rowData=[],
        columnDefs=[],
        defaultColDef={"sortable": True, "resizable": True, "flex": 1, "minWidth": 96}
        | {"filter": True, "cellDataType": False},
        getRowId="params.data.id",
        selectedRows=[],
        dashGridOptions={
            "theme": {"function": THEME},
            "rowHeight": ROW,
            "headerHeight": HEADER,
            "rowSelection": {
                "mode": "multiRow",
                "enableClickSelection": False,
                "selectAll": "filtered",
            },
            "selectionColumnDef": {"pinned": "left", "width": 44, "sortable": True},
            "maintainColumnOrder": True,
            "suppressFieldDotNotation": True,  # a config's keys have dots in them
            "enableBrowserTooltips": True,
            "animateRows": False,
            "suppressColumnMoveAnimation": True,
        },
        style=height(0),
        eventListeners={
            "sortChanged": ["sorted(params.api)"],
            "cellClicked": ["pressed(params)"],
            "cellKeyDown": ["pressed(params)"],
        },
    )
    return html.Section([_heading(), grid], className="card table")


def _heading() -> Any:
    return html.Div(
        [
            html.H2("Runs"),
            html.Span(HINT, id="hint"),
            html.Span(
                dmc.Button("Draw all", id="clear", variant="subtle", size="compact-xs"),
                id="clearing",
                hidden=True,
            ),
            html.Span(className="space"),
            dmc.SegmentedControl(
                id="rows",
                data=[{"value": "runs", "label": "Runs"}, {"value": "groups", "label": "Groups"}],
                value="runs",
                size="xs",
                **{"aria-label": "A row a run or a row a group"},
            ),
            _popover("Results", "summaries", dmc.ChipGroup, _chips()),
            _popover("Columns", "columns", dmc.CheckboxGroup, []),
        ],
        className="heading",
    )


def _popover(title: str, id_: str, group: Any, children: Sequence[Any]) -> Any:
    more = {"multiple": True} if group is dmc.ChipGroup else {}
    inner = group(html.Div(children, id=f"{id_}-list"), id=id_, value=[], **more)
    button = dmc.Button(
        title,
        variant="default",
        size="xs",
        rightSection=html.Span(className="glyph chevron"),
    )
    return dmc.Popover(
        [dmc.PopoverTarget(button), dmc.PopoverDropdown(html.Div(inner, className="list"))],
        position="bottom-end",
        shadow="md",
        trapFocus=True,
        keepMounted=True,
        withRoles=False,  # they would stand on a box around the button
    )


def _chips() -> list[Any]:
    return [
        dmc.Chip(option["label"], value=option["value"], size="xs", variant="outline")
        for option in options(SUMMARIES)
    ]


def height(rows: int) -> dict[str, str]:
    """As high as the rows, up to where the table scrolls."""
    return {"height": f"{HEADER + ROW * max(1, min(rows, MOST_ROWS)) + 18}px"}


def hint(selected: int, runs: int, keys: int) -> str:
    """How many of the runs are drawn, and whether keys that differ have no column."""
    text = f"{selected} of {runs} runs drawn." if selected else HINT
    if keys <= MAX_COLUMNS:
        return text
    return f"{text} Of {keys} keys that differ, the first {MAX_COLUMNS} have a column."
