"""What stands below two sweeps side by side: their differences, and their runs in pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
from dash import html
from dash.development.base_component import Component

from exptools.viewing.app.widgets import COLUMN, GRID, grid_height
from exptools.viewing.charts.sweeps import Match, SideBySide
from exptools.viewing.run import Run

MOST_ROWS = 12  # of the table before it scrolls
MOST_DIFFERENCES = 30
MOST_NAMES = 200
MAX_CELL = 200  # characters

_NUMBER = "params.value == null ? '—' : d3.format('.5~g')(params.value)"
_SIGNED = "params.value == null ? '—' : d3.format('+.4~g')(params.value)"


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
        _number("left value", "Left", _NUMBER),
        _number("right value", "Right", _NUMBER),
        _number("difference", "Right − left", _SIGNED),
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


def _number(field: str, title: str, formatted: str) -> dict[str, Any]:
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
