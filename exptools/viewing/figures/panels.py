"""Figures of curves above each other: a panel each, sharing x and legend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exptools.viewing.figures.lines import Line
from exptools.viewing.figures.numbers import largest

HEIGHT, MARGINS = 260, 40  # px of a panel, and above and below all of them
ALIKE = 10  # as many times as far may one metric reach as another with which it shares an axis
GAP = 0.06  # between two panels, in parts of the whole figure


def x_heads(ends: Mapping[str, float]) -> dict[str, str]:
    """For each metric the first one with which it shares its horizontal axis.

    By ``ends``, how far each reaches: one that goes to 100 epochs would be a spot at the edge of an
    axis of a million steps.
    """
    heads: dict[str, float] = {}
    found = {}
    for metric, end in ends.items():
        close = (m for m, other in heads.items() if other <= end * ALIKE and end <= other * ALIKE)
        found[metric] = next(close, metric)
        heads.setdefault(found[metric], end)
    return found


def reach(lines: Iterable[Line]) -> float:
    """How far from 0 some lines go along x."""
    return largest(end for line in lines for end in (line.curve.x[:1], line.curve.x[-1:]))


def stacked(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Several figures of ``lines.figure`` as one; a line of several is in the legend once."""
    traces: list[dict[str, Any]] = []
    layout = dict(figures[0]["layout"])
    layout["showlegend"] = any(figure["layout"]["showlegend"] for figure in figures)
    layout["height"] = MARGINS + HEIGHT * len(figures)
    rights = len(figures)
    for at, figure in enumerate(figures):
        right = f"y{rights + 1}"
        if "yaxis2" in figure["layout"]:
            rights += 1
            beside = {
                "overlaying": f"y{at + 1}" if at else "y",
                "anchor": f"x{at + 1}" if at else "x",
            }
            layout[f"yaxis{rights}"] = figure["layout"]["yaxis2"] | beside
        named = {trace["legendgroup"] for trace in traces if trace["showlegend"]}
        suffix = str(at + 1) if at else ""
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        for trace in figure["data"]:
            shown = trace["showlegend"] and trace["legendgroup"] not in named
            own = axes | ({"yaxis": right} if trace.get("yaxis") == "y2" else {})
            traces.append(trace | own | {"showlegend": shown, "uid": f"{trace['uid']}-{at}"})
        layout |= _axes(figure["layout"], suffix, at, len(figures))
    return {"data": traces, "layout": layout}


def _axes(layout: dict[str, Any], suffix: str, at: int, panels: int) -> dict[str, Any]:
    """The axes of a figure in its place, the first of all at the top."""
    tall = (1 - GAP * (panels - 1)) / panels
    top = 1 - at * (tall + GAP)
    x = layout["xaxis"] | {"anchor": f"y{suffix}"}
    y = layout["yaxis"] | {"anchor": f"x{suffix}", "domain": [max(0.0, top - tall), top]}
    if at:
        x["matches"] = "x"
    if at < panels - 1:
        x |= {"showticklabels": False, "title": {"text": ""}}
    return {f"xaxis{suffix}": x, f"yaxis{suffix}": y | {"nticks": 5}}
