"""Two groups of runs, a dot a run, and below them the difference of the means with its interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from exptools.viewing.analysis.verdict import Improvement
from exptools.viewing.charts.bars import GOLDEN, JITTER, UNFINISHED
from exptools.viewing.charts.caveats import state_line
from exptools.viewing.charts.chart import Chart, axis, hover, layout, named, note, number
from exptools.viewing.curves.endings import is_finished
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.numbers import large_numbers, largest
from exptools.viewing.figures.theme import LIGHT, Theme, short_text, translucent

HEIGHT = 330  # px
MOST_DOTS = 1500  # of a group; with more, dots are left out
RUNS_ABOVE, DIFFERENCE_BELOW = [0.44, 1], [0, 0.2]  # parts of the height


def improvement_chart(
    found: Improvement, theme: Theme = LIGHT, colors: tuple[str, str] | None = None
) -> Chart:
    """The runs of both groups, and their difference; ``colors`` are those of the groups."""
    pair = colors or (theme.lines[0], theme.lines[1])
    dots = [
        _dots(found, at, pair[at], theme) for at in range(2) if len(found.values[at]) <= MOST_DOTS
    ]
    figure = {
        "data": [*dots, _means(found, pair, theme), _difference(found, theme)],
        "layout": _layout(found, theme),
    }
    headline, *rest = found.sentences
    caption = " ".join(rest)
    return Chart(figure, caption, HEIGHT, fills=False, headline=headline, notes=found.notes)


def _dots(found: Improvement, side: int, color: str, theme: Theme) -> dict[str, Any]:
    values, runs = found.values[side], found.runs[side]
    places = (np.arange(float(len(values))) * GOLDEN % 1 - 0.5) * (len(values) > 1)
    pairs = list(zip(values.tolist(), runs, strict=True))
    return {
        "type": "scatter",
        "mode": "markers",
        "x": typed_array(values),
        "y": typed_array(side + JITTER * places),
        "customdata": [run.name for run in runs],
        "hovertext": [hover({"value": number(v)} | state_line(run), run.name) for v, run in pairs],
        "hoverinfo": "text",
        "marker": {
            "size": 8,
            "symbol": ["circle" if is_finished(run) else UNFINISHED for run in runs],
            "color": translucent(color, 0.55),
            "line": {"width": 1, "color": theme.background},
        },
    }


def _means(found: Improvement, colors: tuple[str, str], theme: Theme) -> dict[str, Any]:
    lines = [
        hover({"mean": number(mean), "runs": f"{len(values)}"}, label)
        for label, mean, values in zip(found.labels, found.means, found.values, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(found.means),
        "y": [0, 1],
        "hovertext": lines,
        "hoverinfo": "text",
        "marker": {
            "symbol": "diamond",
            "size": 12,
            "color": list(colors),
            "line": {"width": 1.5, "color": theme.background},
        },
    }


def _difference(found: Improvement, theme: Theme) -> dict[str, Any]:
    gap = found.difference
    span = {"difference": number(gap.value)}
    if not math.isnan(gap.low):
        span[f"{found.interval.numbers[0]:g} % interval"] = (
            f"{number(gap.low)} to {number(gap.high)}"
        )
    reach = {
        "type": "data",
        "symmetric": False,
        "array": [_finite(gap.high - gap.value)],
        "arrayminus": [_finite(gap.value - gap.low)],
        "color": theme.text,
        "thickness": 2,
        "width": 7,
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [gap.value],
        "y": [0],
        "xaxis": "x2",
        "yaxis": "y2",
        "hovertext": [hover(span)],
        "hoverinfo": "text",
        "marker": {"size": 10, "color": theme.text},
        "error_x": reach,
    }


def _finite(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _layout(found: Improvement, theme: Theme) -> dict[str, Any]:
    labels = {"showgrid": False, "fixedrange": True}
    names = {"tickfont": {"color": theme.text, "size": 13}}
    title = {"xref": "paper", "x": 0, "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    level = f"{found.interval.numbers[0]:g} % interval"
    head = f"difference of the means, {level}"
    gap = found.difference
    ends = [abs(v) for v in (gap.value, gap.low, gap.high) if not math.isnan(v)]
    reach = 1.08 * max(ends) or 1.0
    zero = {"xref": "x2", "yref": "y2 domain", "x0": 0, "x1": 0, "y0": 0, "y1": 1}
    return layout(
        theme,
        xaxis=axis(theme, nticks=5, tickangle=0) | large_numbers(largest(found.values)),
        yaxis=axis(theme, domain=RUNS_ABOVE)
        | named(found.labels)
        | labels
        | names
        | {"range": [1.5, -0.5]},
        xaxis2=axis(theme, nticks=5, tickangle=0, anchor="y2", range=[-reach, reach]),
        yaxis2=axis(theme, domain=DIFFERENCE_BELOW, anchor="x2", range=[-1, 1], tickvals=[])
        | labels,
        shapes=[
            {"type": "line", "line": {"width": 1.5, "dash": "dot", "color": theme.muted}} | zero
        ],
        annotations=[
            note(f"{short_text(found.words, 60)}, a dot a run", 12, theme.muted, y=1, **title),
            note(head, 12, theme.muted, y=DIFFERENCE_BELOW[1], yshift=2, **title),
        ],
        margin={"l": 8, "r": 24, "t": 28, "b": 8},
    )
