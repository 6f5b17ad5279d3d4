"""A heat map over two keys: in each cell the centre over all runs that share both values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from exptools.viewing.charts.caveats import of_centers
from exptools.viewing.charts.chart import (
    HEIGHT,
    Chart,
    axis,
    colorbar,
    colorscale,
    count,
    each,
    hover,
    layout,
    named,
    number,
    runs_of,
)
from exptools.viewing.charts.quantities import Measure, without_value
from exptools.viewing.curves.statistics.aggregation import parse_method
from exptools.viewing.curves.statistics.centers import CENTERS
from exptools.viewing.curves.summaries import Cell, cell_of
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import LIGHT, Theme
from exptools.viewing.groups.grouping import Group, Key, find_keys, groups
from exptools.viewing.index import Index
from exptools.viewing.run import Run

MOST_VALUES = 40  # of either key
MOST_TEXTS = 150  # cells; in more of them numbers are too small to read
ROW, AROUND = 26, 110  # px

_Cells = list[list[Cell | None]]


def heat_map(
    index: Index,
    runs: Sequence[Run],
    measure: Measure,
    across: str,
    down: str,
    *,
    theme: Theme = LIGHT,
) -> Chart:
    """The centre of a metric's summary for each pair of values of two keys."""
    if across == down:
        raise QueryError(f"A heat map needs two keys, and {across} was given twice")
    keys = find_keys(runs, [across, down], index.snapshot.runs)
    columns, rows = (groups(runs, [key]) for key in keys)
    for key, values in zip(keys, (columns, rows), strict=True):
        if len(values) > MOST_VALUES:
            raise QueryError(
                f"{key.name} has {len(values):,} values, and a heat map shows at most "
                f"{MOST_VALUES}: a scatter shows more"
            )
    numbers = measure.of_runs(index, runs)
    cells = _cells(columns, rows, numbers, measure)
    filled = [cell for cell in chain.from_iterable(cells) if cell and cell.n]
    if not filled:
        raise QueryError(f"All values of {measure.words} are NaN or infinite: nothing to show")
    figure = {
        "data": [_heat(cells, columns, rows, keys, measure, theme), _empty(cells, theme)],
        "layout": _layout(columns, rows, keys, theme),
    }
    caption = _caption(filled, len(columns) * len(rows), measure)
    parts = [runs for line in _members(columns, rows) for runs in line]
    caveats = of_centers(index, parts, numbers, measure, parse_method(measure.center, "none"))
    text = " ".join([caption, *caveats, *without_value(numbers)])
    return Chart(figure, text, max(HEIGHT, AROUND + ROW * len(rows)))


def _members(columns: Sequence[Group], rows: Sequence[Group]) -> list[list[list[Run]]]:
    """The runs that have both values: [rows][columns]."""
    place = {run.name: at for at, column in enumerate(columns) for run in column.runs}
    table: list[list[list[Run]]] = [[[] for _ in columns] for _ in rows]
    for row, cells in zip(rows, table, strict=True):
        for run in row.runs:
            cells[place[run.name]].append(run)
    return table


def _cells(
    columns: Sequence[Group],
    rows: Sequence[Group],
    numbers: Mapping[str, float],
    measure: Measure,
) -> _Cells:
    """[rows][columns]; None where no run has both values."""
    method = parse_method(measure.center, "none")
    members = _members(columns, rows)
    return [[cell_of(runs, numbers, method) for runs in row] for row in members]


def _heat(
    cells: _Cells,
    columns: Sequence[Group],
    rows: Sequence[Group],
    keys: Sequence[Key],
    measure: Measure,
    theme: Theme,
) -> dict[str, Any]:
    centers = np.array([[cell.center if cell else math.nan for cell in row] for row in cells])
    texts = [
        [
            hover({keys[1].name: row.label, keys[0].name: column.label, **_told(cell, measure)})
            for column, cell in zip(columns, line, strict=True)
        ]
        for row, line in zip(rows, cells, strict=True)
    ]
    return {
        "type": "heatmap",
        "z": typed_array(centers) | {"shape": f"{len(rows)}, {len(columns)}"},
        "hovertext": texts,
        "hoverinfo": "text",
        "hoverongaps": True,
        "colorscale": colorscale(theme.cells),
        "colorbar": colorbar(theme, measure.words),
        "xgap": 2,
        "ygap": 2,
        "text": [[_mark(cell) for cell in row] for row in cells],
        "texttemplate": "%{z:.3~g}%{text}" if centers.size <= MOST_TEXTS else "",
        "textfont": {"size": 12},
    }


def _mark(cell: Cell | None) -> str:
    return "*" if cell and (cell.early or cell.going) else ""


def _told(cell: Cell | None, measure: Measure) -> dict[str, str]:
    """What the hover says of a cell."""
    if cell is None:
        return {"runs": "none"}
    if not cell.n:
        return {"runs": f"{cell.runs}, none with such a value"}
    name = f"{CENTERS[measure.center]} of {measure.words}"
    return {name: number(cell.center), "runs": runs_of(cell)}


def _empty(cells: _Cells, theme: Theme) -> dict[str, Any]:
    """A dash where no run is, a cross where those that are have no such value."""
    places = [
        (x, y, "–" if cell is None else "×")
        for y, row in enumerate(cells)
        for x, cell in enumerate(row)
        if cell is None or not cell.n
    ]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [x for x, _, _ in places],
        "y": [y for _, y, _ in places],
        "text": [sign for _, _, sign in places],
        "textfont": {"color": theme.muted, "size": 13},
        "hoverinfo": "skip",
    }


def _layout(
    columns: Sequence[Group], rows: Sequence[Group], keys: Sequence[Key], theme: Theme
) -> dict[str, Any]:
    labels = {"showgrid": False, "fixedrange": True, "tickfont": {"color": theme.text, "size": 12}}
    across = named([group.label for group in columns], range=[-0.5, len(columns) - 0.5])
    down = named([group.label for group in rows], range=[-0.5, len(rows) - 0.5])
    return layout(
        theme,
        xaxis=axis(theme, keys[0].name) | labels | across,
        yaxis=axis(theme, keys[1].name) | labels | down,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
    )


def _caption(filled: Sequence[Cell], cells: int, measure: Measure) -> str:
    runs = [cell.n for cell in filled]
    one = f"the {measure.words} of its run"
    over = one if max(runs) == 1 else f"the {CENTERS[measure.center]} of {one}s"
    parts = [f"Each cell is {over} ({each(runs)})."]
    if any(map(_mark, filled)):
        parts.append("* has runs that did not finish.")
    empty = cells - len(filled)
    if empty:
        parts.append(f"{empty} of {count(cells, 'cell')} have no such run.")
    return " ".join(parts)
