"""What the runs of each group came to: a dot a run, and the centre with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exptools.metrics import better
from exptools.viewing.charts.caveats import of_centers, state_line
from exptools.viewing.charts.chart import (
    Chart,
    axis,
    each,
    hover,
    layout,
    named,
    note,
    number,
    runs_of,
)
from exptools.viewing.charts.quantities import Measure, without_value
from exptools.viewing.curves.endings import is_finished
from exptools.viewing.curves.statistics.aggregation import Method
from exptools.viewing.curves.statistics.centers import CENTERS, band_words
from exptools.viewing.curves.summaries import Cell, cell_of, in_numbers
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.numbers import large_numbers, largest
from exptools.viewing.figures.theme import LIGHT, Theme, short_text, translucent
from exptools.viewing.groups.grouping import Group, Key, find_keys, groups
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files.group_names import NO_NAME, OwnName, group_id

MOST_GROUPS = 40
MOST_DOTS = 3000  # of all groups; with more, dots are left out
ROW, TALL_ROW, AROUND = 30, 64, 96  # px: a group, one of few, and what is around all
ROOM = 400  # px that few groups fill
GOLDEN = 0.618  # its multiples spread evenly, however many there are
JITTER = 0.44  # of a row
UNFINISHED = "x"  # the symbol of a run that failed, was killed or is still running


@dataclass(frozen=True)
class _Row:
    """A group with what it came to."""

    group: Group
    cell: Cell
    color: str


def bars(
    index: Index,
    runs: Sequence[Run],
    measure: Measure,
    by: Sequence[str],
    *,
    filled: bool = False,
    theme: Theme = LIGHT,
    names: Mapping[str, OwnName] | None = None,
) -> Chart:
    """Centre and interval of each group's runs, the best group first, and every run as a dot.

    ``filled`` puts a bar from zero behind each centre; ``names`` are a user's own ones of groups,
    by ``group_id``.
    """
    values = measure.of_runs(index, runs)
    keys = find_keys(runs, by, index.snapshot.runs)
    settings = groups(runs, keys)
    method = measure.method(len(in_numbers(group.runs, values)) for group in settings)
    ordered = _rows(index, settings, values, method, measure.metric, by, theme)
    if not ordered:
        raise QueryError(f"All values of {measure.words} are NaN or infinite: nothing to show")
    rows = [_called(row, keys, names or {}) for row in ordered[:MOST_GROUPS]]
    legend = ", ".join(key.short for key in keys)
    with_dots = sum(row.cell.n for row in rows) <= MOST_DOTS
    figure: dict[str, Any] = {
        "data": [
            *([_bars(rows)] if filled else []),
            *([_dots(rows, values, theme)] if with_dots else []),
            _centers(rows, method, theme),
        ],
        "layout": _layout(rows, measure, legend, theme, filled=filled),
    }
    if not filled:
        figure["layout"]["xaxis"] |= _room(rows, values)
    row = max(ROW, min(TALL_ROW, ROOM // len(rows)))
    caption = _caption(rows, len(ordered), measure, method, legend, with_dots=with_dots)
    caveats = of_centers(index, [row.group.runs for row in rows], values, measure, method)
    text = " ".join([caption, *caveats, *without_value(values)])
    return Chart(figure, text, AROUND + row * len(rows), fills=False)


def _rows(
    index: Index,
    settings: Sequence[Group],
    values: Mapping[str, float],
    method: Method,
    metric: str,
    by: Sequence[str],
    theme: Theme,
) -> list[_Row]:
    """The groups that have a value, the best first."""
    cells = [(group, cell_of(group.runs, values, method)) for group in settings]
    styles = index.styles("\0".join(by), [group.comparison_key for group in settings])
    shown = [
        (group, cell, style)
        for (group, cell), style in zip(cells, styles, strict=True)
        if cell and cell.n
    ]
    colors = max((style for _, _, style in shown), default=0) + 1
    rows = [_Row(group, cell, group_color(style, colors, theme)) for group, cell, style in shown]
    lowest_first = better(metric) == "min"
    return sorted(rows, key=lambda row: row.cell.center if lowest_first else -row.cell.center)


def _called(row: _Row, keys: Sequence[Key], names: Mapping[str, OwnName]) -> _Row:
    """A row as the user calls and colours its group."""
    own = names.get(group_id([key.name for key in keys], row.group.values), NO_NAME)
    group = replace(row.group, label=own.label or row.group.label)
    return replace(row, group=group, color=own.color or row.color)


def group_color(style: int, number_of_groups: int, theme: Theme) -> str:
    """A group's colour, as in the curves."""
    # But where colours would come again, one is enough: the rows have names.
    return theme.lines[style if style < len(theme.lines) >= number_of_groups else 0]


def _bars(rows: Sequence[_Row]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "x": typed_array(np.array([row.cell.center for row in rows])),
        "y": list(range(len(rows))),
        "width": 0.62,
        "marker": {"color": [translucent(row.color, 0.3) for row in rows], "line": {"width": 0}},
        "hoverinfo": "skip",
    }


def _dots(rows: Sequence[_Row], values: Mapping[str, float], theme: Theme) -> dict[str, Any]:
    """A dot a run, above and below the middle of its group's row by its place in the group."""
    dots = [
        (at + JITTER * (place * GOLDEN % 1 - 0.5) * (row.cell.n > 1), run, row.color)
        for at, row in enumerate(rows)
        for place, run in enumerate(row.group.runs)
        if not math.isnan(values[run.name])
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": typed_array(np.array([values[run.name] for _, run, _ in dots])),
        "y": typed_array(np.array([y for y, _, _ in dots])),
        "customdata": [run.name for _, run, _ in dots],
        "hovertext": [
            hover({"value": number(values[run.name])} | state_line(run), run.name)
            for _, run, _ in dots
        ],
        "hoverinfo": "text",
        "marker": {
            "size": 7,
            "symbol": ["circle" if is_finished(run) else UNFINISHED for _, run, _ in dots],
            "color": [translucent(color, 0.55) for _, _, color in dots],
            "line": {"width": 1, "color": theme.background},
        },
    }


def _centers(rows: Sequence[_Row], method: Method, theme: Theme) -> dict[str, Any]:
    cells = [row.cell for row in rows]
    center = np.array([cell.center for cell in cells])
    high = np.array([cell.high for cell in cells]) - center
    low = center - np.array([cell.low for cell in cells])
    return {
        "type": "scatter",
        "mode": "markers",
        "x": typed_array(center),
        "y": list(range(len(rows))),
        "hovertext": [_hover(row, method) for row in rows],
        "hoverinfo": "text",
        "marker": {
            "symbol": "diamond",
            "size": 11,
            "color": [row.color for row in rows],
            "line": {"width": 1.5, "color": theme.background},
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": typed_array(np.nan_to_num(high)),
            "arrayminus": typed_array(np.nan_to_num(low)),
            "color": theme.text,
            "thickness": 1.6,
            "width": 5,
        },
    }


def _hover(row: _Row, method: Method) -> str:
    cell = row.cell
    lines = {CENTERS[method.center]: number(cell.center)}
    if math.isfinite(cell.low):
        band = band_words(str(method.band))
        lines[band] = f"{number(cell.low)} to {number(cell.high)}"
    lines["runs"] = runs_of(cell)
    return hover(lines, row.group.label)


def _layout(
    rows: Sequence[_Row], measure: Measure, legend: str, theme: Theme, *, filled: bool
) -> dict[str, Any]:
    labels = named([row.group.label for row in rows])
    edges = {"range": [len(rows) - 0.5, -0.5], "fixedrange": True, "showgrid": False}
    names = {"tickfont": {"color": theme.text, "size": 13}}
    longest = max(len(row.group.label) for row in rows)
    over_names = {"xanchor": "right", "xshift": -6}
    over_dots = {"xanchor": "left", "xshift": 0}  # where the names have too little room for it
    beside = [f"{number(row.cell.center)} ({row.cell.n})" for row in rows]
    return layout(
        theme,
        xaxis=axis(theme, measure.words, nticks=8, zeroline=filled, zerolinecolor=theme.muted)
        | large_numbers(largest(np.array([row.cell.center]) for row in rows)),
        yaxis=axis(theme) | labels | edges | names,
        margin={"l": 8, "r": max(116, 24 + 7 * max(map(len, beside))), "t": 36, "b": 8},
        annotations=[
            _beside(f"{CENTERS[measure.center]} (n)", -0.5, theme.muted) | {"yshift": 12},
            _beside(legend, -0.5, theme.muted)
            | {"x": 0, "yshift": 12, **(over_names if len(legend) <= longest else over_dots)},
            *(_beside(text, at, theme.text) for at, text in enumerate(beside)),
        ],
    )


def _room(rows: Sequence[_Row], values: Mapping[str, float]) -> dict[str, Any]:
    """The range of an axis whose numbers are all but the same: Plotly's own is then too narrow."""
    shown = [row.cell.center for row in rows]
    shown += [values[run.name] for row in rows for run in row.group.runs]
    finite = np.array(shown)[np.isfinite(shown)]
    low, high = float(finite.min()), float(finite.max())
    largest = max(abs(low), abs(high))
    if low == high or high - low > 1e-9 * largest:
        return {}
    return {"range": [low - largest / 10, high + largest / 10]}


def _beside(text: str, y: float, color: str) -> dict[str, Any]:
    """A text at the right of a row."""
    place = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": 12, "y": y}
    return note(short_text(text), 12, color, **place)


def _caption(
    rows: Sequence[_Row],
    number: int,
    measure: Measure,
    method: Method,
    legend: str,
    *,
    with_dots: bool,
) -> str:
    drawn = [row.cell.n for row in rows]
    same = legend.replace(", ", " and ")
    groups_ = f"the runs with the same {same}" if legend else "all runs"
    band = band_words(str(method.band))
    line = f"; the line is {band}" if band and max(drawn) > 1 else ""
    best = "lowest" if better(measure.metric) == "min" else "highest"
    order = f", {best} first" if number > 1 else ""
    unfinished = any(row.cell.early or row.cell.going for row in rows)
    crosses = ", a cross if it did not finish" if unfinished else ""
    diamond = f"the {CENTERS[measure.center]} of {groups_} ({each(drawn)}{order}){line}"
    parts = [f"A dot is the {measure.words} of a run{crosses}, a diamond {diamond}."]
    if not with_dots:
        parts = [
            f"A diamond is, of the {measure.words} of each run, {diamond}.",
            f"Of more than {MOST_DOTS:,} runs no dots are drawn.",
        ]
    if number > len(rows):
        parts.append(f"The first {len(rows)} of {number} groups are shown.")
    return " ".join(parts)
