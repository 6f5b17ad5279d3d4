"""A dot a run, at the values of any two of its keys and metrics; a third one gives the colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exptools.viewing.arrays import Floats
from exptools.viewing.charts.caveats import of_marks, state_line
from exptools.viewing.charts.chart import Chart, axis, count, hover, layout, named
from exptools.viewing.charts.quantities import Quantity, level_style, quantity, scale_marker
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.numbers import large_numbers, largest
from exptools.viewing.figures.theme import LIGHT, Theme, short_text
from exptools.viewing.index import Index
from exptools.viewing.run import Run

MOST_DOTS = 3000
JITTER = 0.3  # between the levels of what is no number, whose dots would hide each other
GOLDEN = 0.618


def scatter(
    index: Index,
    runs: Sequence[Run],
    x: str,
    y: str,
    color: str | None = None,
    *,
    summary: str = "last",
    theme: Theme = LIGHT,
) -> Chart:
    """Runs as dots; ``x``, ``y`` and ``color`` are ``key:…`` or ``metric:…``."""
    whole = [quantity(index, runs, name, summary) for name in (x, y)]
    rows = np.flatnonzero(whole[0].has_value & whole[1].has_value)
    if not len(rows):
        raise QueryError(f"No run has both {whole[0].title} and {whole[1].title}")
    shown = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_DOTS)).astype(np.int64)]
    across, up = (each.at(shown) for each in whole)
    tint = quantity(index, runs, color, summary).at(shown) if color else None
    drawn = [runs[row] for row in shown]
    traces = [
        _dots(part, drawn, across, up, tint) | style
        for part, style in _parts(tint, len(shown), theme)
    ]
    legend = tint is not None and bool(tint.levels)
    figure = {"data": traces, "layout": _layout(across, up, tint if legend else None, theme)}
    caption = _caption(across, up, tint, len(shown), len(rows), len(runs))
    return Chart(figure, " ".join([caption, *of_marks(drawn)]))


def _parts(
    tint: Quantity | None, dots: int, theme: Theme
) -> Iterator[tuple[NDArray[np.intp], dict[str, Any]]]:
    """The dots that are one trace, and how they look."""
    common = {"size": 9, "opacity": 0.85, "line": {"width": 1, "color": theme.background}}
    everything = np.arange(dots)
    if tint is None:
        yield everything, {"marker": common | {"color": theme.lines[0]}}
        return
    if not tint.levels:
        for part in (everything[~tint.has_value], everything[tint.has_value]):
            if len(part):
                on_scale = tint.has_value[part[0]]
                color = scale_marker(tint.at(part), theme) if on_scale else {"color": theme.muted}
                yield part, {"marker": common | color}
        return
    styled = [(level, level_style(level, theme)) for level in range(len(tint.levels))]
    for level, style in styled:
        part = everything[tint.places == level]
        if style and len(part):
            yield part, {"marker": common | style, "name": short_text(tint.levels[level])}
    others = everything[tint.places >= sum(style is not None for _, style in styled)]
    if len(others):
        yield others, {"marker": common | {"color": theme.muted}, "name": "others"}


def _dots(
    part: NDArray[np.intp],
    runs: Sequence[Run],
    across: Quantity,
    up: Quantity,
    tint: Quantity | None,
) -> dict[str, Any]:
    shown = [across, up, *([tint] if tint else [])]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": typed_array(_spread(across)[part]),
        "y": typed_array(_spread(up)[part]),
        "customdata": [runs[at].name for at in part],
        "hovertext": [
            hover({q.title: q.texts[at] for q in shown} | state_line(runs[at]), runs[at].name)
            for at in part
        ],
        "hoverinfo": "text",
        "showlegend": True,
    }


def _spread(values: Quantity) -> Floats:
    """Places on the axis; those of one level a little apart."""
    if not values.levels:
        return values.places
    return values.places + JITTER * (np.arange(len(values.places)) * GOLDEN % 1 - 0.5)


def _layout(
    across: Quantity, up: Quantity, legend: Quantity | None, theme: Theme
) -> dict[str, Any]:
    title = {"text": short_text(legend.title) if legend else "", "side": "left"}
    return layout(
        theme,
        xaxis=_axis(across, theme),
        yaxis=_axis(up, theme),
        showlegend=legend is not None,
        legend={"title": title | {"font": {"color": theme.muted, "size": 12}}},
    )


def _axis(values: Quantity, theme: Theme) -> dict[str, Any]:
    if values.levels:
        edges = [-0.5, len(values.levels) - 0.5]
        return axis(theme, values.title) | named(values.levels, range=edges)
    ticks = large_numbers(largest([values.places]))
    if values.log:
        return axis(theme, f"{values.title} (log)", type="log", dtick=1) | ticks
    return axis(theme, values.title) | ticks


def _caption(
    across: Quantity, up: Quantity, tint: Quantity | None, shown: int, placed: int, runs: int
) -> str:
    color = f", coloured by {tint.title}" if tint else ""
    parts = [f"A dot is a run: {up.title} over {across.title}{color} (n = {shown:,})."]
    if shown < placed:
        parts.append(f"{shown:,} of {placed:,} runs are drawn, evenly among their names.")
    if placed < runs:
        parts.append(f"{count(runs - placed)} without one of the two values.")
    parts.append("Click a dot to open its run.")
    return " ".join(parts)
