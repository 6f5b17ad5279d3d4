"""The table of runs: its columns, its height, and the component around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
from dash import html
from dash.development.base_component import Component

from exptools.viewing.app import view
from exptools.viewing.configs import short_names
from exptools.viewing.index import Index
from exptools.viewing.runs import Run

ROW, HEADER, MOST_ROWS = 36, 40, 14  # px, px, and how many rows before the table scrolls
HINT = "Tick runs to draw only those."

# The colours are the page's own variables, so the table follows light and dark by itself.
THEME = """themeQuartz.withParams({
    accentColor: 'var(--accent)', backgroundColor: 'var(--surface)',
    foregroundColor: 'var(--text)', borderColor: 'var(--line)', browserColorScheme: 'inherit',
    headerBackgroundColor: 'var(--surface)', headerTextColor: 'var(--muted)',
    headerFontWeight: 500, headerFontSize: 12, fontFamily: 'inherit', fontSize: 13,
    wrapperBorder: false,
    rowHoverColor: 'var(--hover)', selectedRowBackgroundColor: 'var(--picked)', spacing: 7
})"""

OR_DASH = "params.value == null ? '—' : "


def section(index: Index, runs: Sequence[Run], metric: str | None) -> Component:
    """The table with its heading."""
    grid = dag.AgGrid(
        id="runs",
        rowData=view.table_rows(index, runs, metric),
        columnDefs=columns(runs, metric),
        defaultColDef={"sortable": True, "resizable": True, "flex": 1, "minWidth": 110}
        | {"cellDataType": False, "suppressHeaderMenuButton": True},
        getRowId="params.data.id",
        selectedRows=[],
        dashGridOptions={
            "theme": {"function": THEME},
            "rowHeight": ROW,
            "headerHeight": HEADER,
            "rowSelection": {"mode": "multiRow", "enableClickSelection": False},
            "suppressFieldDotNotation": True,  # a config's keys have dots in them
            "suppressCellFocus": True,
            "enableBrowserTooltips": True,
            "animateRows": False,
        },
        style=height(len(runs)),
    )
    heading = [html.H2("Runs"), html.Span(HINT, id="hint")]
    return html.Section([html.Div(heading, className="heading"), grid], className="card table")


def columns(runs: Sequence[Run], metric: str | None) -> list[dict[str, Any]]:
    """The columns: run, state, every key that differs, the step reached, the last value."""
    name = {
        "colId": "run",
        "field": "order",  # the runs' natural order, in which 10 comes after 9
        "headerName": "Run",
        "valueFormatter": {"function": "params.data.id"},
        "minWidth": 180,
        "flex": 2,
    }
    state = {
        "colId": "state",
        "field": "state",
        "headerName": "State",
        "tooltipField": "error",
        "cellClassRules": {
            f"state {state_class(word)}": f"params.value == '{word}'"
            for word in view.STATE_WORDS.values()
        },
    }
    keys = view.table_keys(runs)
    names = short_names(keys)
    config = [_column(f"config {key}", names[key], key, "params.value") for key in keys]
    step = _column("step", "Last step", "step of the last row", "d3.format(',')(params.value)")
    last = f"last value of {metric}"
    value = _column("value", f"Last {metric}", last, "d3.format('.6~g')(params.value)")
    return [name, state, *config, step, *([value] if metric else [])]


def height(runs: int) -> dict[str, str]:
    """As high as the rows, up to where the table scrolls."""
    return {"height": f"{HEADER + ROW * max(1, min(runs, MOST_ROWS)) + 4}px"}


def hint(selected: int, runs: int, keys: int) -> str:
    """How many of the runs are drawn, and whether keys that differ have no column."""
    text = f"{selected} of {runs} runs drawn. Untick them to draw all." if selected else HINT
    if keys <= view.MAX_COLUMNS:
        return text
    return f"{text} Of {keys} keys that differ, the first {view.MAX_COLUMNS} have a column."


def state_class(word: str) -> str:
    """The CSS class that colours a state."""
    return f"is-{word.replace(' ', '-')}"


def _column(field: str, title: str, tooltip: str, formatted: str) -> dict[str, Any]:
    return {
        "colId": field,
        "field": field,
        "headerName": title,
        "headerTooltip": tooltip,
        "valueFormatter": {"function": OR_DASH + formatted},
        "cellClass": "number",
        "headerClass": "number",
    }
