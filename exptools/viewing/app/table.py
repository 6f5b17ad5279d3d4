"""The table of runs: its columns, its height, and the component around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import html

from exptools.viewing.app.controls import SUMMARIES, options
from exptools.viewing.app.facts import Facts
from exptools.viewing.app.rows import MAX_COLUMNS, table_keys, values_of
from exptools.viewing.app.state import View
from exptools.viewing.app.sweeps import STATE_WORDS
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
NUMBER = "short(params.value)"
Column = dict[str, Any]


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
            "cellClicked": ["opened(params)"],
            "cellKeyDown": ["opened(params)"],
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
    )


def _chips() -> list[Any]:
    return [
        dmc.Chip(option["label"], value=option["value"], size="xs", variant="outline")
        for option in options(SUMMARIES)
    ]


def columns(facts: Facts, view: View) -> list[Column]:
    """The columns for a view, those hidden that say nothing or were hidden by hand."""
    found = _group_columns(facts, view) if view.rows == "groups" else _run_columns(facts, view)
    order = {name.lstrip("-"): at for at, name in enumerate(view.sort)}
    for column in found:
        name = column["colId"]
        column["hide"] = name not in visible(facts, view, found)
        if name in order:
            column["sort"] = "desc" if f"-{name}" in view.sort else "asc"
            column["sortIndex"] = order[name]
        else:
            column["sort"] = None
    return found


def visible(facts: Facts, view: View, found: Sequence[Column]) -> set[str]:
    """Which columns are shown: those that tell something, as changed by hand."""
    shown = {column["colId"] for column in found} - set(quiet(facts.runs))
    shown |= {name[1:] for name in view.columns if name.startswith("+")}
    return (shown - {name[1:] for name in view.columns if name.startswith("-")}) | {"run"}


def quiet(runs: Sequence[Run]) -> list[str]:
    """Columns that say the same of all runs, or little."""
    statuses = [run.status for run in runs if run.status]
    hosts = {status.host for status in statuses}
    commits = {str((status.git or {}).get("commit")) for status in statuses}
    found = ["slot"]
    found += ["host"] if len(hosts) < 2 else []
    found += ["commit"] if len(commits) < 2 else []
    found += ["duration", "started"] if not any(s.started for s in statuses) else []
    return found


def _run_columns(facts: Facts, view: View) -> list[Column]:
    state = {
        "colId": "state",
        "field": "state",
        "headerName": "State",
        "tooltipField": "error",
        "cellClassRules": {
            f"state {state_class(word)}": f"params.value == '{word}'"
            for word in STATE_WORDS.values()
        },
    }
    keys = table_keys(facts)
    config = [_column(f"config {key}", facts.names[key], key, "params.value") for key in keys]
    step = _column("step", "Last step", "step of the last row", "d3.format(',')(params.value)")
    return [
        _name("Run"),
        state,
        *config,
        *_values(view),
        step,
        _column("duration", "Duration", "how long the job ran", "duration(params.value)"),
        _column("started", "Started", "when the job began", "time(params.value)")
        | {"minWidth": 126},
        _column("host", "Host", "the machine", "params.value"),
        _column("slot", "Slot", "the launcher's slot", "params.value"),
        _column("commit", "Commit", "of the code's git repository", "params.value"),
    ]


def _group_columns(facts: Facts, view: View) -> list[Column]:
    names = facts.names
    keys = [_column(f"config {k}", names.get(k, k), k, "params.value") for k in view.by or ()]
    values = _values(view)
    for column in values:
        column["valueFormatter"] = {"function": "spread(params)"}
    return [
        _name("Group"),
        _column("runs", "Runs", "how many runs", "params.value"),
        _column("states", "States", "of its runs", "params.value"),
        *(keys if len(keys) > 1 else []),
        *values,
        _column("duration", "Mean duration", "of its jobs", "duration(params.value)"),
    ]


def _name(title: str) -> Column:
    return {
        "colId": "run",
        "field": "order",  # the runs' natural order, in which 10 comes after 9
        "headerName": title,
        "valueFormatter": {"function": "params.data.id"},
        "filterValueGetter": {"function": "params.data.id"},
        "cellStyle": {"function": "swatch(params.data)"},
        "cellClass": "swatch",
        "minWidth": 150,
        "flex": 2,
        "pinned": "left",
        "lockVisible": True,
    }


def _values(view: View) -> list[Column]:
    return [
        _column(field, f"{SUMMARIES.get(s, s).capitalize()} {metric}", f"{s} of {metric}", NUMBER)
        | {"filter": "agNumberColumnFilter", "minWidth": 130}
        for field, metric, s in values_of(view)
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


def state_class(word: str) -> str:
    """The CSS class that colours a state."""
    return f"is-{word.replace(' ', '-')}"


def _column(field: str, title: str, tooltip: str, formatted: str) -> Column:
    return {
        "colId": field,
        "field": field,
        "headerName": title,
        "headerTooltip": tooltip,
        "valueFormatter": {"function": f"{OR_DASH}({formatted})"},
        "cellClass": "number",
        "headerClass": "number",
    }
