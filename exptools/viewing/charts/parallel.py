"""Parallel coordinates: an axis for each key and one for the metric, a line a run.

Drawn with lines as any other figure: Plotly's own trace for this needs WebGL and code made at run
time, and neither names the run below the mouse nor opens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exptools.metrics import better
from exptools.viewing.arrays import Floats
from exptools.viewing.charts.caveats import of_marks, state_line
from exptools.viewing.charts.chart import (
    Chart,
    axis,
    count,
    hover,
    layout,
    note,
    number,
    short_number,
)
from exptools.viewing.charts.quantities import (
    Measure,
    Quantity,
    between,
    decades,
    of_key,
    of_numbers,
    scaled,
)
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import LIGHT, Theme, short_text
from exptools.viewing.groups.grouping import find_keys
from exptools.viewing.index import Index
from exptools.viewing.run import Run

MOST_RUNS = 500
MOST_AXES = 9  # of keys
MOST_LEVELS = 40  # of an axis without numbers: with more it would be a wall of names
MOST_TICKS = 8
COLORS = 16  # into which the scale is divided: a trace each
NOWHERE = -0.12  # where lines pass an axis on which their run has no value
SPREAD = 0.03  # of an axis with few values, on which lines would hide each other
FEW = 12


@dataclass(frozen=True)
class _Axis:
    """A quantity as one of the axes."""

    name: str  # short
    values: Quantity
    heights: Floats  # [runs]: 0 to 1, NOWHERE where a run has no value
    ticks: tuple[tuple[float, str], ...]  # height and label


def parallel(
    index: Index,
    runs: Sequence[Run],
    measure: Measure,
    keys: Sequence[str],
    *,
    theme: Theme = LIGHT,
) -> Chart:
    """A line a run through its values of the keys to its metric, which gives the colour.

    Keys that do not vary are left out. So are runs without the metric's value.
    """
    numbers = measure.of_runs(index, runs)
    valued = [run for run in runs if np.isfinite(numbers[run.name])]
    if not valued:
        raise QueryError(f"All values of {measure.words} are NaN or infinite: nothing to show")
    drawn = _evenly(sorted(valued, key=lambda run: numbers[run.name]))
    quantities = [of_key(drawn, key, index.snapshot.runs) for key in keys]
    fitting = [values for values in quantities if _varies(values) and _fits(values)][:MOST_AXES]
    if not fitting:
        raise QueryError("Parallel coordinates need a key that varies between these runs")
    result = of_numbers(measure.words, [numbers[run.name] for run in drawn])
    titles = [values.title for values in fitting]
    names = {key.name: key.short for key in find_keys(runs, titles, index.snapshot.runs)}
    axes = [_as_axis(values, names[values.title]) for values in fitting]
    axes.append(_as_axis(result, measure.words))
    figure = {
        "data": _lines(axes, drawn, worst_first=better(measure.metric) != "min", theme=theme),
        "layout": _layout(axes, theme),
    }
    varying = [values for values in quantities if _varies(values)]
    caption = _caption(measure, len(drawn), len(valued), len(runs), len(varying) - len(fitting))
    return Chart(figure, " ".join([caption, *of_marks(drawn)]))


def _evenly(runs: Sequence[Run]) -> list[Run]:
    """Not more runs than can be drawn, the first and the last among them."""
    places = np.linspace(0, len(runs) - 1, min(len(runs), MOST_RUNS)).astype(np.int64)
    return [runs[place] for place in places]


def _varies(values: Quantity) -> bool:
    return len(np.unique(values.places)) > 1  # to have no value is one, too


def _fits(values: Quantity) -> bool:
    return len(values.levels) <= MOST_LEVELS


def _as_axis(values: Quantity, name: str) -> _Axis:
    places = scaled(values.places, log=values.log)
    placed = places[values.has_value]
    low, high = (float(placed.min()), float(placed.max())) if len(placed) else (0.0, 0.0)
    width = high - low or 1.0

    def height(place: Floats) -> Floats:
        return (place - low) / width if high > low else np.full_like(place, 0.5)

    heights = np.where(values.has_value, height(places), NOWHERE)
    different, which = np.unique(heights, return_inverse=True)
    if len(different) <= FEW:
        heights = heights + _apart(which, len(different))
    marks = _marks(values)
    at = height(scaled(np.array([place for place, _ in marks]), log=values.log))
    ticks = [(float(h), text) for h, (_, text) in zip(at, marks, strict=True)]
    missing = [] if values.has_value.all() else [(NOWHERE, "—")]
    return _Axis(name, values, heights, (*ticks, *missing))


def _apart(which: NDArray[np.intp], values: int) -> Floats:
    """Lines through the same value, spread around it in their order."""
    offsets = np.zeros(len(which))
    for value in range(values):
        members = np.flatnonzero(which == value)
        if len(members) > 1:
            offsets[members] = SPREAD * np.linspace(-1, 1, len(members))
    return offsets


def _marks(values: Quantity) -> list[tuple[float, str]]:
    """The values that are written beside an axis."""
    if values.levels:
        step = -(-len(values.levels) // MOST_TICKS)
        return [(float(at), values.levels[at]) for at in range(0, len(values.levels), step)]
    different = np.unique(values.places[values.has_value])
    if len(different) > MOST_TICKS:
        ends = (float(different[0]), float(different[-1]))
        different = decades(different) if values.log else np.linspace(*ends, 5)
        return [(float(tick), short_number(float(tick))) for tick in different]
    return [(float(value), number(float(value))) for value in different]


def _lines(
    axes: Sequence[_Axis], runs: Sequence[Run], *, worst_first: bool, theme: Theme
) -> list[dict[str, Any]]:
    """A trace for each colour, the best on top."""
    result = axes[-1].values
    places = scaled(result.places, log=result.log)
    low, width = float(places.min()), float(np.ptp(places)) or 1.0
    shades = np.minimum((places - low) / width * COLORS, COLORS - 1).astype(np.int64)
    heights = np.stack([one.heights for one in axes], axis=1)
    order = range(COLORS) if worst_first else range(COLORS - 1, -1, -1)
    members = [(shade, np.flatnonzero(shades == shade)) for shade in order]
    return [_trace(axes, runs, heights, shade, rows, theme) for shade, rows in members if len(rows)]


def _trace(
    axes: Sequence[_Axis],
    runs: Sequence[Run],
    heights: Floats,
    shade: int,
    rows: NDArray[np.intp],
    theme: Theme,
) -> dict[str, Any]:
    gap = np.full((len(rows), 1), np.nan)
    x = np.tile([*range(len(axes)), np.nan], len(rows))
    width = len(axes) + 1
    texts = [
        hover(
            {one.name: one.values.texts[row] for one in axes} | state_line(runs[row]),
            runs[row].name,
        )
        for row in rows
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": typed_array(x),
        "y": typed_array(np.concatenate([heights[rows], gap], axis=1).ravel()),
        "customdata": [name for row in rows for name in [runs[row].name] * width],
        "hovertext": [text for text in texts for text in [text] * width],
        "hoverinfo": "text",
        "opacity": 0.9 if len(runs) <= 50 else 0.55 if len(runs) <= 200 else 0.35,
        "line": {"color": between(theme.marks, shade / (COLORS - 1)), "width": 1.6},
        "marker": {"size": 4, "color": between(theme.marks, shade / (COLORS - 1))},
    }


def _layout(axes: Sequence[_Axis], theme: Theme) -> dict[str, Any]:
    hidden = {"showgrid": False, "showticklabels": False, "fixedrange": True, "title": None}
    lowest = min(float(one.heights.min()) for one in axes)
    return layout(
        theme,
        xaxis=axis(theme) | hidden | {"range": [-0.25, len(axes) - 0.75]},
        yaxis=axis(theme) | hidden | {"range": [min(-0.06, lowest - 0.06), 1.06]},
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        shapes=[_upright(at, lowest, theme) for at in range(len(axes))],
        annotations=[
            text
            for at, one in enumerate(axes)
            for text in _labels(at, one, theme, last=one is axes[-1])
        ],
    )


def _upright(at: int, lowest: float, theme: Theme) -> dict[str, Any]:
    return {
        "type": "line",
        "layer": "below",
        "x0": at,
        "x1": at,
        "y0": min(0.0, lowest),
        "y1": 1,
        "line": {"color": theme.muted, "width": 1},
    }


def _labels(at: int, one: _Axis, theme: Theme, *, last: bool) -> list[dict[str, Any]]:
    log = " (log)" if one.values.log else ""
    name = short_text(one.name, 24) + log
    title = note(name, 13, theme.text, x=at, y=1, yref="paper", yshift=22)
    side = {"xanchor": "left", "xshift": 6} if last else {"xanchor": "right", "xshift": -6}
    looks = {"bgcolor": theme.background, "borderpad": 1, "opacity": 0.9}
    ticks = [
        note(short_text(text, 18), 11, theme.muted, x=at, y=height, **side, **looks)
        for height, text in one.ticks
    ]
    return [title, *ticks]


def _caption(measure: Measure, drawn: int, valued: int, runs: int, left_out: int) -> str:
    parts = [f"A line is a run, coloured by its {measure.words} (n = {drawn:,})."]
    if drawn < valued:
        parts.append(f"{drawn:,} of {valued:,} runs are drawn, evenly by this value.")
    if valued < runs:
        parts.append(f"{count(runs - valued)} without such a value.")
    if left_out:
        limits = f"more than {MOST_LEVELS} names or {MOST_AXES} axes cannot be read"
        parts.append(f"{count(left_out, 'key')} left out: {limits}.")
    parts.append("Click a line where it meets an axis to open its run.")
    return " ".join(parts)
