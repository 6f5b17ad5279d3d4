"""Draw curves: plain dicts in Plotly's format, so that nothing here needs Plotly itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exptools.viewing.arrays import Bools, Floats
from exptools.viewing.curves.statistics.aggregation import Curve, final_value
from exptools.viewing.figures.downsampling import downsample
from exptools.viewing.figures.encoding import banded, hover, hover_in_words, typed_array
from exptools.viewing.figures.numbers import large_numbers, largest
from exptools.viewing.figures.theme import (
    CLEAR,
    DASHES,
    LEGEND_CHARACTERS,
    LIGHT,
    Theme,
    base_axis,
    base_layout,
    css_name,
    short_text,
    translucent,
)

THINNER = 0.5  # the width of a line where some of its runs have ended, in parts of its own
X_TITLES = {
    "relative_time": "seconds since the run's first row",
    "wall_time": "wall time in seconds since 1970",
}
NAME_CHARACTERS = 48  # of a name in a legend; the app, which has less room, has its own
LONGEST_TITLE = 60  # characters of what an axis is of
MAX_POINTS = 1000  # a line; the screen has no more
ALL_POINTS, FEWEST = 100_000, 60  # of all lines together, and of a line however many there are


@dataclass(frozen=True)
class Line:
    """A curve with what it needs to be drawn."""

    label: str  # as found in the runs; escaped when it is drawn
    curve: Curve
    style: int  # its place among all groups: it keeps its colour when others are hidden
    name: str = ""  # what to call it; "": its label
    own_name: str = ""  # what the user calls its group; "": nothing of their own
    color: str = ""  # "#2b62d1"; "": that of its place
    dash: int | None = None  # by its place in ``DASHES``; None: solid until colours run out

    @property
    def shown(self) -> str:
        """What it is called where people read it."""
        return self.name or self.label


def figure(
    lines: Sequence[Line],
    metric: str,
    legend: str,
    theme: Theme = LIGHT,
    x: str = "step",
    remark: str = "",
    title: str = "",
) -> dict[str, Any]:
    """A figure with a line for each curve's centre and its band around it.

    The legend, with what the labels are values of as its title, is ordered as the lines end: the
    highest first. A line has about ``MAX_POINTS`` points, fewer where there are hundreds of lines:
    those that decide how a longer one looks, its spikes and gaps among them. A zoom is kept until
    another metric is shown. ``remark`` is what the legend says of the bands; ``title`` is what the
    vertical axis says, by default the metric.
    """
    each = max(FEWEST, min(MAX_POINTS, ALL_POINTS // max(1, len(lines))))
    thin = [replace(line, curve=downsample(line.curve, each)) for line in lines]
    ordered = sorted(thin, key=from_the_top)
    bands = [band for line in ordered if (band := band_trace(line, theme))]
    most = {line.label: most_runs(line.curve) for line in lines}
    centers = [part for line in ordered for part in center_traces(line, theme, most[line.label])]
    across = x_axis(x_title(x), theme) | large_numbers(largest(line.curve.x for line in lines))
    up = y_axis(metric, theme) | large_numbers(largest(line.curve.center for line in lines))
    axes = {"xaxis": across, "yaxis": up | y_title(title or metric, theme)}
    layout = curve_layout(legend, theme, remark) | axes | {"showlegend": len(lines) > 1}
    return {"data": bands + centers, "layout": layout}


def from_the_top(line: Line) -> tuple[bool, float]:
    """Sort by this to have the line first that ends highest; one that has no value comes last."""
    value = final_value(line.curve)
    return bool(np.isnan(value)), -value


def center_trace(line: Line, theme: Theme, told: Curve | None = None) -> dict[str, Any]:
    """The line, as it stands in the legend; ``told`` are its numbers where it has their places."""
    curve = line.curve
    alone = isolated(curve.center)
    color, dash = style_of(line, theme)
    trace = {
        "type": "scatter",
        "uid": f"mean{css_name(line.label)}",
        "name": short_text(line.shown, NAME_CHARACTERS),
        "legendgroup": css_name(line.label),
        "showlegend": True,
        "x": typed_array(curve.x, exact=True),
        "y": typed_array(curve.center),
        "mode": "lines",
        "line": {"color": color, "width": 2.2, "dash": dash},
        **(hover_in_words(told) if told else hover(curve)),
    }
    if alone.any():
        sizes = np.where(alone, 7, 0).tolist()
        trace |= {
            "mode": "lines+markers",
            "marker": {"size": sizes, "color": color, "opacity": 1},
        }
    return trace


def most_runs(curve: Curve) -> int:
    """The largest number of runs that a curve is made of at any x."""
    return int(curve.n.max()) if len(curve.n) else 0


def part_of_fewer(curve: Curve, most: int) -> int:
    """The first point after which never again all runs have a value, by its place.

    As many as points where that is never so, ``most`` being the runs that there are at most.
    """
    whole = np.flatnonzero(curve.n >= most)
    return int(whole[-1]) + 1 if len(whole) else 0


def center_traces(
    line: Line, theme: Theme, most: int, told: Curve | None = None
) -> list[dict[str, Any]]:
    """The line; where some of its ``most`` runs have ended, it goes on thinner."""
    trace, curve = center_trace(line, theme, told), line.curve
    start = part_of_fewer(curve, most)
    if start == len(curve.n):
        return [trace]
    thin = trace["line"] | {"width": trace["line"]["width"] * THINNER}
    if start == 0:
        return [trace | {"line": thin}]
    few = {"line": thin, "showlegend": False}
    return [
        trace | {"y": typed_array(_only(curve.center, slice(0, start)))},
        trace
        | few
        | {"uid": trace["uid"].replace("mean", "few", 1)}
        | {"y": typed_array(_only(curve.center, slice(start, None)))},
        {name: value for name, value in trace.items() if name not in ("hovertemplate", "marker")}
        | few
        | {"uid": trace["uid"].replace("mean", "step", 1)}
        | {"y": typed_array(_only(curve.center, slice(start - 1, start + 1)))}
        | {"mode": "lines", "hoverinfo": "skip"},
    ]


def _only(values: Floats, part: slice) -> Floats:
    """The values with gaps everywhere else."""
    kept = np.full(len(values), np.nan)
    kept[part] = values[part]
    return kept


def band_trace(line: Line, theme: Theme) -> dict[str, Any] | None:
    """The band around a line, None where it has none."""
    if not banded(line.curve).any():
        return None
    color, _ = style_of(line, theme)
    x, y = _outline(line.curve)
    return {
        "type": "scatter",
        "uid": f"band{css_name(line.label)}",
        "legendgroup": css_name(line.label),
        "showlegend": False,
        "x": typed_array(x),
        "y": typed_array(y),
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": translucent(color, 0.16),
        "hoverinfo": "skip",
    }


def _outline(curve: Curve) -> tuple[Floats, Floats]:
    """The corners of the band where there is one: a polygon for each stretch of it."""
    rows_with_band = np.flatnonzero(banded(curve))
    stretches = np.split(rows_with_band, np.flatnonzero(np.diff(rows_with_band) > 1) + 1)
    gap = np.array([np.nan])
    xs, ys = [], []
    for rows in stretches:
        xs += [curve.x[rows], curve.x[rows][::-1], gap]
        ys += [curve.high[rows], curve.low[rows][::-1], gap]
    return np.concatenate(xs[:-1]), np.concatenate(ys[:-1])


def reference_dash(number: int) -> str:
    """The dashes of the ``number``-th reference line of a panel."""
    return DASHES[1 + number % 3]


def reference_trace(
    value: float, name: str, span: tuple[float, float], number: int, theme: Theme
) -> dict[str, Any]:
    """A horizontal line with its name over it, the ``number``-th of its panel."""
    return {
        "type": "scatter",
        "uid": f"reference{number}",
        "name": short_text(name),
        "legendgroup": f"reference{number}",
        "showlegend": False,
        "x": list(span),
        "y": [value, value],
        "mode": "lines+text",
        # A text makes Plotly widen the horizontal axis, but not where there is something filled.
        **{"fill": "tonexty", "fillcolor": CLEAR},
        "text": [short_text(name), ""],
        "textposition": "top right",
        "textfont": {"color": theme.muted, "size": 12},
        "line": {"color": theme.muted, "width": 1.4, "dash": reference_dash(number)},
        "hoverinfo": "skip",
    }


def isolated(center: Floats) -> Bools:
    """Points without a neighbour: no line passes through them, so they need a marker."""
    finite = np.concatenate([[False], np.isfinite(center), [False]])
    alone: Bools = finite[1:-1] & ~finite[:-2] & ~finite[2:]
    return alone


def style_of(line: Line, theme: Theme) -> tuple[str, str]:
    """Colour and dashes."""
    cycle, place = divmod(line.style, len(theme.lines))
    dash = cycle if line.dash is None else line.dash
    return line.color or theme.lines[place], DASHES[dash % len(DASHES)]


def x_title(x: str) -> str:
    """What the horizontal axis is of, with its unit where that is known."""
    return X_TITLES.get(x, x)


def x_axis(x: str, theme: Theme) -> dict[str, Any]:
    """The horizontal axis, with the line that follows the mouse."""
    title = {
        "text": short_text(x, LONGEST_TITLE),
        "font": {"size": 12, "color": theme.muted},
        "standoff": 8,
    }
    spike = {"spikemode": "across", "spikethickness": 1, "spikedash": "solid"}
    return (
        base_axis(theme)
        | {"ticks": "outside"}
        | {"showgrid": False, "title": title, "tickcolor": theme.grid}
        | {
            "unifiedhovertitle": {"text": f"{short_text(x, LONGEST_TITLE)} %{{x:,}}"},
            "hoverformat": ",",
        }
        | {"showspikes": True, "spikecolor": theme.muted, "uirevision": x, **spike}
    )


def y_axis(metric: str, theme: Theme) -> dict[str, Any]:
    """The vertical axis; its invisible ticks keep the labels off the lines."""
    room = {"ticks": "outside", "ticklen": 6, "tickcolor": CLEAR}
    return base_axis(theme) | room | {"nticks": 7, "uirevision": metric}


def y_title(metric: str, theme: Theme) -> dict[str, Any]:
    """What the vertical axis is of; nothing, and no room for it, where something else says it."""
    if not metric:
        return {}
    font = {"size": 12, "color": theme.muted}
    text = short_text(metric, LONGEST_TITLE)
    return {"title": {"text": text, "font": font, "standoff": 8}}


def curve_layout(legend: str, theme: Theme, remark: str = "") -> dict[str, Any]:
    """A layout without its axes; ``remark`` is what the legend says of the bands."""
    layout = base_layout(theme)
    # Too long for a line, what the colours tell stands above what the dashes tell.
    parts = [legend] if len(legend) <= LEGEND_CHARACTERS else legend.split(" · ")
    title = "<br>".join(short_text(text) for text in (*parts, remark) if text)
    return layout | {
        "hovermode": "x unified",
        "hoverlabel": layout["hoverlabel"] | {"namelength": LEGEND_CHARACTERS},
        "legend": {
            "title": {"text": title, "font": {"color": theme.muted, "size": 12}},
            "font": {"color": theme.text, "size": 12},
            "bgcolor": CLEAR,
            "x": 1.01,
            "y": 1,
            "itemwidth": 30,
            "tracegroupgap": 2,
            "uirevision": legend,
        },
    }
