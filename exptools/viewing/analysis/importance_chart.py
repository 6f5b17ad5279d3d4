"""How much each key explains, as a bar with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from exptools.viewing.analysis.importance import SETTING, Effect, Importance
from exptools.viewing.analysis.words import percent
from exptools.viewing.charts.chart import Chart, axis, hover, layout, named, note
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import CLEAR, LIGHT, Theme, translucent

MOST_ROWS = 20  # keys; all of them are in the numbers
ROW, AROUND = 38, 100  # px
BAR = 0.56  # of a row
VISIBLE = 0.005  # of the variance
MEANING = {
    "combinations": "more than the keys add up to: one setting's effect depends on another's",
    "shared": "keys that were not varied independently: it may be of either",
    "rest": "how far runs of one setting are apart",
}


def shown_effects(found: Importance) -> list[Effect]:
    """The effects that a figure has room for: the first keys, and what is no key."""
    keys = [effect for effect in found.effects if effect.kind == SETTING]
    return [*keys[:MOST_ROWS], *found.effects[len(keys) :]]


def importance_chart(found: Importance, theme: Theme = LIGHT) -> Chart:
    """A bar for each key, a hollow one for what it explains by itself, and its interval."""
    rows = shown_effects(found)
    figure = {
        "data": [_alone(rows, theme), _shares(rows, theme)],
        "layout": _layout(rows, theme),
    }
    parts = [found.described]
    if any(row.alone > row.share + VISIBLE for row in rows):
        parts.append("A hollow bar is what the key explains by itself.")
    keys = sum(effect.kind == SETTING for effect in found.effects)
    if keys > MOST_ROWS:
        parts.append(f"The first {MOST_ROWS} of {keys} keys are shown.")
    caption = " ".join(parts)
    height = AROUND + ROW * len(rows)
    return Chart(figure, caption, height, fills=False, headline=found.headline, notes=found.notes)


def _shares(rows: Sequence[Effect], theme: Theme) -> dict[str, Any]:
    shares = np.array([100 * row.share for row in rows])
    low = shares - np.array([100 * row.low for row in rows])
    high = np.array([100 * row.high for row in rows]) - shares
    return {
        "type": "bar",
        "orientation": "h",
        "x": typed_array(np.nan_to_num(shares)),
        "y": list(range(len(rows))),
        "width": BAR,
        "marker": {"color": [_color(row, theme) for row in rows], "line": {"width": 0}},
        "hovertext": [_hover(row) for row in rows],
        "hoverinfo": "text",
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": typed_array(high),
            "arrayminus": typed_array(low),
            "color": theme.text,
            "thickness": 1.6,
            "width": 5,
        },
    }


def _color(row: Effect, theme: Theme) -> str:
    return theme.lines[0] if row.kind == SETTING else translucent(theme.muted, 0.5)


def _alone(rows: Sequence[Effect], theme: Theme) -> dict[str, Any]:
    """Hollow bars behind the others, which end where a key by itself would."""
    more = [(at, row) for at, row in enumerate(rows) if row.alone > row.share + VISIBLE]
    return {
        "type": "bar",
        "orientation": "h",
        "x": [100 * row.alone for _, row in more],
        "y": [at for at, _ in more],
        "width": BAR,
        "marker": {"color": CLEAR, "line": {"width": 1, "color": theme.lines[0]}},
        "hoverinfo": "skip",
    }


def _hover(row: Effect) -> str:
    lines = {"explains": percent(row.share)}
    if not math.isnan(row.low):
        lines["95 % interval"] = f"{percent(row.low)} to {percent(row.high)}"
    if row.kind == SETTING:
        lines |= {"by itself": percent(row.alone), "values": str(row.values)}
    else:
        lines["that is"] = MEANING[row.kind]
    return hover(lines, row.label)


def _layout(rows: Sequence[Effect], theme: Theme) -> dict[str, Any]:
    edges = {"range": [len(rows) - 0.5, -0.5], "fixedrange": True, "showgrid": False}
    names = {"tickfont": {"color": theme.text, "size": 13}}
    most = max((value for row in rows for value in (row.share, row.high, row.alone)
                if not math.isnan(value)), default=1.0)  # fmt: skip
    across = {"range": [0, min(100.0, 104 * most)], "tickangle": 0, "fixedrange": True}
    beside = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": 12}
    return layout(
        theme,
        barmode="overlay",
        xaxis=axis(theme, "% of the variance between runs", nticks=7) | across,
        yaxis=axis(theme) | named([row.label for row in rows]) | edges | names,
        margin={"l": 8, "r": 72, "t": 12, "b": 8},
        annotations=[
            note(percent(row.share), 12, theme.text, y=at, **beside) for at, row in enumerate(rows)
        ],
    )
