"""Figures of curves above each other: a panel each, sharing x and legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEIGHT, MARGINS = 260, 40  # px of a panel, and above and below all of them
GAP = 0.06  # between two panels, in parts of the whole figure


def stacked(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Several figures of ``lines.figure`` as one; a line of several is in the legend once."""
    traces: list[dict[str, Any]] = []
    layout = dict(figures[0]["layout"])
    layout["showlegend"] = any(figure["layout"]["showlegend"] for figure in figures)
    layout["height"] = MARGINS + HEIGHT * len(figures)
    for at, figure in enumerate(figures):
        named = {trace["legendgroup"] for trace in traces if trace["showlegend"]}
        suffix = str(at + 1) if at else ""
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        for trace in figure["data"]:
            shown = trace["showlegend"] and trace["legendgroup"] not in named
            traces.append(trace | axes | {"showlegend": shown, "uid": f"{trace['uid']}-{at}"})
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
