"""Draw curves: plain dicts in Plotly's format, so that nothing here needs Plotly itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exptools.viewing.curves.aggregation import Curve, Floats, final_value
from exptools.viewing.figures.downsampling import reduced
from exptools.viewing.figures.encoding import banded, hover, packed
from exptools.viewing.figures.theme import (
    DASHES,
    FONT,
    LEGEND_CHARACTERS,
    LIGHT,
    Look,
    _name_for_css,
    short_text,
    translucent,
)

MAX_POINTS = 1000  # a line; the screen has no more


@dataclass(frozen=True)
class Line:
    """A curve with what it needs to be drawn."""

    label: str  # as found in the runs; escaped when it is drawn
    curve: Curve
    style: int  # its place among all groups: it keeps its colour when others are hidden


def figure(
    lines: Sequence[Line], metric: str, legend: str, look: Look = LIGHT, x: str = "step"
) -> dict[str, Any]:
    """A figure with a line for each curve's centre and its band around it.

    The legend is ordered as the lines end: the highest first. A line has about ``MAX_POINTS``
    points: those that decide how a longer one looks, its spikes and gaps among them.

    Args:
        lines: what to draw.
        metric: the metric shown; a zoom is kept until another one is.
        legend: what the labels are values of.
        look: the colours.
        x: what the horizontal axis is.
    """
    thin = [Line(line.label, reduced(line.curve, MAX_POINTS), line.style) for line in lines]
    ordered = sorted(thin, key=from_the_top)
    bands = [band for line in ordered if (band := band_trace(line, look))]
    centers = [center_trace(line, look) for line in ordered]
    axes = {"xaxis": x_axis(x, look), "yaxis": y_axis(metric, look)}
    layout = frame(legend, look) | axes | {"showlegend": len(lines) > 1}
    return {"data": bands + centers, "layout": layout}


def from_the_top(line: Line) -> tuple[bool, float]:
    """Sort by this to have the line first that ends highest; one that has no value comes last."""
    value = final_value(line.curve)
    return bool(np.isnan(value)), -value


def center_trace(line: Line, look: Look) -> dict[str, Any]:
    """The line, as it stands in the legend."""
    curve = line.curve
    alone = _isolated(curve.center)
    color, dash = style_of(line, look)
    trace = {
        "type": "scatter",
        "uid": f"mean{_name_for_css(line.label)}",
        "name": short_text(line.label),
        "legendgroup": _name_for_css(line.label),
        "showlegend": True,
        "x": packed(curve.x, exact=True),
        "y": packed(curve.center),
        "mode": "lines",
        "line": {"color": color, "width": 2.2, "dash": dash},
        **hover(curve),
    }
    if alone.any():
        sizes = np.where(alone, 7, 0).tolist()
        trace |= {
            "mode": "lines+markers",
            "marker": {"size": sizes, "color": color, "opacity": 1},
        }
    return trace


def band_trace(line: Line, look: Look) -> dict[str, Any] | None:
    """The band around a line, None where it has none."""
    if not banded(line.curve).any():
        return None
    color, _ = style_of(line, look)
    x, y = _outline(line.curve)
    return {
        "type": "scatter",
        "uid": f"band{_name_for_css(line.label)}",
        "legendgroup": _name_for_css(line.label),
        "showlegend": False,
        "x": packed(x),
        "y": packed(y),
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": translucent(color, 0.16),
        "hoverinfo": "skip",
    }


def _outline(curve: Curve) -> tuple[Floats, Floats]:
    """The corners of the band where there is one: a polygon for each stretch of it."""
    known = np.flatnonzero(banded(curve))
    stretches = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    gap = np.array([np.nan])
    xs, ys = [], []
    for rows in stretches:
        xs += [curve.x[rows], curve.x[rows][::-1], gap]
        ys += [curve.high[rows], curve.low[rows][::-1], gap]
    return np.concatenate(xs[:-1]), np.concatenate(ys[:-1])


def _isolated(center: Floats) -> NDArray[np.bool_]:
    """Points without a neighbour: no line passes through them, so they need a marker."""
    known = np.concatenate([[False], np.isfinite(center), [False]])
    alone: NDArray[np.bool_] = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone


def style_of(line: Line, look: Look) -> tuple[str, str]:
    """Colour and dashes."""
    cycle, place = divmod(line.style, len(look.lines))
    return look.lines[place], DASHES[cycle % len(DASHES)]


def _axis(look: Look) -> dict[str, Any]:
    return {
        "showline": False,
        "zeroline": False,
        "gridcolor": look.grid,
        "ticks": "outside",
        "tickfont": {"color": look.muted, "size": 12},
        "automargin": True,
    }


def x_axis(x: str, look: Look) -> dict[str, Any]:
    """The horizontal axis, with the line that follows the mouse."""
    title = {"text": short_text(x), "font": {"size": 12, "color": look.muted}, "standoff": 8}
    spike = {"spikemode": "across", "spikethickness": 1, "spikedash": "solid"}
    return (
        _axis(look)
        | {"showgrid": False, "title": title, "tickcolor": look.grid}
        | {"unifiedhovertitle": {"text": f"{short_text(x)} %{{x:,}}"}, "hoverformat": ","}
        | {"showspikes": True, "spikecolor": look.muted, "uirevision": x, **spike}
    )


def y_axis(metric: str, look: Look) -> dict[str, Any]:
    """The vertical axis; its invisible ticks keep the labels off the lines."""
    room = {"ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}
    return _axis(look) | room | {"nticks": 7, "uirevision": metric}


def frame(legend: str, look: Look) -> dict[str, Any]:
    """A layout without its axes."""
    return {
        "font": {"family": FONT, "color": look.text, "size": 13},
        "paper_bgcolor": look.background,
        "plot_bgcolor": look.background,
        "margin": {"l": 8, "r": 8, "t": 28, "b": 8},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": look.muted, "activecolor": look.text},
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": look.background,
            "bordercolor": look.grid,
            "font": {"color": look.text, "size": 12, "family": FONT},
            "namelength": LEGEND_CHARACTERS,
        },
        "legend": {
            "title": {"text": short_text(legend), "font": {"color": look.muted, "size": 12}},
            "font": {"color": look.text, "size": 12},
            "bgcolor": "rgba(0,0,0,0)",
            "x": 1.01,
            "y": 1,
            "itemwidth": 30,
            "tracegroupgap": 2,
            "uirevision": legend,
        },
    }
