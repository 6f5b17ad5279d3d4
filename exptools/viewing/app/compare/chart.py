"""A drawing as a Plotly figure: panels side by side under one legend, no more points than seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from exptools.viewing.app.compare.axes import (
    axes,
    on_axis,
    panel_title,
    place_of,
    x_span,
)
from exptools.viewing.app.compare.bands import for_pointer
from exptools.viewing.app.compare.content import bands_on_demand, x_heads_of
from exptools.viewing.app.compare.panels import Drawing, Panel, base_of, base_panels
from exptools.viewing.app.compare.reference_lines import reference_traces
from exptools.viewing.app.compare.thinning import points_of
from exptools.viewing.app.view import Range, View
from exptools.viewing.arrays import Floats, Series
from exptools.viewing.curves.statistics.aggregation import Curve
from exptools.viewing.figures.downsampling import downsample
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.lines import (
    Line,
    band_trace,
    center_trace,
    center_traces,
    curve_layout,
    from_the_top,
    most_runs,
    style_of,
)
from exptools.viewing.figures.names import telling
from exptools.viewing.figures.theme import LEGEND_CHARACTERS, Theme, short_text
from exptools.viewing.figures.together import BETWEEN

POINTS_OF_RUNS = 20_000  # of all thin lines together
PANEL_HEIGHT = 250  # px, where there are several rows
LONGEST_OF_TWO = 48  # characters of a group and a metric
CROWD = 12  # lines in a panel; of more each is drawn lighter

Trace = dict[str, Any]


def chart(drawing: Drawing, view: View, theme: Theme) -> dict[str, Any]:
    """The figure; each trace's ``meta`` is [panel, line], by which a click is understood."""
    columns = columns_of(drawing, view)
    based = base_panels(drawing)
    rows = max(1, math.ceil(len(based) / columns))
    layout = curve_layout(drawing.legend, theme, drawing.remark)
    traces: list[Trace] = []
    named: set[str] = set()
    lines = sum(len(panel.lines) for panel in drawing.panels)
    names = names_of(drawing)
    points = points_of(lines, columns)
    for at, panel in enumerate(drawing.panels):
        layout |= axes(drawing, view, theme, at, columns, rows)
        for trace in _traces(drawing, view, theme, at, points):
            group = trace["legendgroup"]
            if "name" in trace and "meta" in trace:
                trace["name"] = legend_text(names[panel.lines[trace["meta"][1]].label])
            trace["showlegend"] = bool(trace.get("showlegend")) and group not in named
            if trace["showlegend"]:
                named.add(group)
            traces.append(trace)
    if len(based) > 1:
        layout["annotations"] = [
            _title(drawing, theme, at, columns, rows) for at in range(len(based))
        ]
    if len(based) < len(drawing.panels):  # the axis at the right needs room
        layout["legend"] |= {"x": 1.1}
    layout["showlegend"] = len(named) > 1 or bool(named and (view.selected or view.where))
    heads = x_heads_of(drawing)
    layout["meta"] = {
        "names": {legend_text(short): whole for whole, short in names.items()},
        "metrics": [panel.metric for panel in drawing.panels],
        "x": [heads[based[base_of(drawing, at)].metric] for at in range(len(drawing.panels))],
        "symlog": {
            f"{letter} {metric}".strip(): symlog.threshold
            for (letter, metric), symlog in drawing.symlogs.items()
        },
        "pointing": for_pointer(drawing, view),
        "colors": {
            run.name: style_of(line, theme)[0]
            for panel in drawing.panels
            for line, group in zip(panel.lines, panel.groups, strict=True)
            for run in group.runs
        },
    }
    return {"data": traces, "layout": layout}


def names_of(drawing: Drawing) -> dict[str, str]:
    """What the legend calls each line, by its label."""
    lines = {line.label: line for panel in drawing.panels for line in panel.lines}
    short = telling([label for label, line in lines.items() if not line.name])
    return {label: line.name or short[label] for label, line in lines.items()}


def legend_text(name: str) -> str:
    """A name as the legend has it: with more room where it is of a group and of a metric."""
    return short_text(name, LONGEST_OF_TWO if BETWEEN in name else LEGEND_CHARACTERS)


def columns_of(drawing: Drawing, view: View) -> int:
    """How many panels stand side by side: a row a metric where they fit, about a square else."""
    based = base_panels(drawing)
    panels, metrics = len(based), len({panel.metric for panel in based})
    parts = panels // max(1, metrics)
    if metrics > 1 and 1 < parts <= 5 and parts * metrics == panels:
        return parts
    return max(1, panels if panels <= 3 else min(4, math.ceil(math.sqrt(panels))))


def most_lines(drawing: Drawing) -> int:
    """How many lines a panel has at most: on a phone so high is the legend."""
    counts: dict[int, int] = {}
    for at, panel in enumerate(drawing.panels):
        base = base_of(drawing, at)
        counts[base] = counts.get(base, 0) + len(panel.lines)
    return max(counts.values(), default=1)


def height(drawing: Drawing, view: View) -> int | None:
    """The chart's height in px where it needs more than the page gives it."""
    rows = math.ceil(len(base_panels(drawing)) / columns_of(drawing, view))
    return rows * PANEL_HEIGHT if rows > 1 else None


def _traces(drawing: Drawing, view: View, theme: Theme, at: int, points: int) -> Iterator[Trace]:
    """Bands first, then the runs' thin lines, then the centres over them."""
    panel = drawing.panels[at]
    base = base_of(drawing, at)
    axes = {"xaxis": f"x{base + 1 if base else ''}", "yaxis": f"y{at + 1 if at else ''}"}
    order = sorted(range(len(panel.lines)), key=lambda place: from_the_top(panel.lines[place]))
    window = window_of(drawing, view, drawing.panels[base].metric)
    thin = [thinned(panel.lines[place], view, points, window) for place in order]
    made: list[tuple[int, Trace | None]] = []
    made += [(place, band_trace(line, theme)) for place, line in zip(order, thin, strict=True)]
    number = sum(len(runs) for runs in panel.runs)
    each = max(40, min(500, POINTS_OF_RUNS // max(1, number)))
    for place, line in zip(order, thin, strict=True):
        if panel.runs:
            runs = panel.runs[place]
            made.append((place, _runs_trace(line, runs, view, theme, each, window)))
    for place, line in zip(order, thin, strict=True):
        whole, told = most_runs(panel.lines[place].curve), _told(drawing, panel, line)
        made += [(place, trace) for trace in center_traces(line, theme, whole, told)]
    if thin and ("x", "") in drawing.symlogs:
        yield _x_in_hover(drawing, thin, view.x) | axes | {"uid": f"x-{at}"}
    pointed = bands_on_demand(drawing, view)
    for place, trace in made:
        if trace is not None:
            if len(thin) > CROWD:
                _make_light(trace, CROWD / len(thin))
            if pointed and "fillcolor" in trace:
                trace["opacity"] = 0  # until ``assets/pointing.js`` shows it
            yield trace | axes | {"meta": [at, place], "uid": f"{trace['uid']}-{at}"}
    for trace in reference_traces(drawing, panel, view, theme):
        yield trace | axes | {"uid": f"{trace['uid']}-{at}"}


def _told(drawing: Drawing, panel: Panel, line: Line) -> Curve | None:
    """The numbers of a line whose vertical axis has their places."""
    symlog, curve = drawing.symlogs.get(("y", panel.metric)), line.curve
    if symlog is None:
        return None
    center, low, high = map(symlog.back, (curve.center, curve.low, curve.high))
    return replace(curve, center=center, low=low, high=high)


def _x_in_hover(drawing: Drawing, lines: Sequence[Line], x: str) -> Trace:
    """A trace that is not seen: of a symlog axis the hover's title knows only places."""
    places = np.unique(np.concatenate([line.curve.x for line in lines]))
    first = lines[0].curve
    return {
        "type": "scatter",
        "x": typed_array(places, exact=True),
        "y": typed_array(np.interp(places, first.x, np.nan_to_num(first.center))),
        "customdata": [f"{x:,.6g}" for x in drawing.symlogs["x", ""].back(places).tolist()],
        "mode": "lines",
        "line": {"width": 0},
        "showlegend": False,
        "legendgroup": "",
        "hovertemplate": f"{short_text(x)} %{{customdata}}<extra></extra>",
    }


def _make_light(trace: Trace, part: float) -> None:
    """Thinner lines and fainter bands, lest many of them make one blot."""
    trace["line"] = trace["line"] | {"width": trace["line"]["width"] * max(0.6, part)}
    if "fillcolor" in trace:
        trace["opacity"] = max(0.3, part)


def thinned(line: Line, view: View, points: int, window: Range | None) -> Line:
    """The line with about so many points in what is seen of x, as the axis has them."""
    curve = downsample(line.curve, points, window)
    return replace(line, curve=replace(curve, x=on_axis(curve.x, view.x)))


def window_of(drawing: Drawing, view: View, metric: str) -> Range | None:
    """What is seen of x, and a little on both sides, for the hand that moves it."""
    span = x_span(drawing, view, metric)
    if span is None:
        return None
    symlog = drawing.symlogs.get(("x", ""))
    low, high = map(float, symlog.forward(np.array(span))) if symlog else span
    return low - (high - low) / 8, high + (high - low) / 8


def _runs_trace(
    line: Line,
    runs: Sequence[Series],
    view: View,
    theme: Theme,
    points: int,
    window: Range | None,
) -> Trace | None:
    """All runs of a line in one trace, a gap between each."""
    gap = np.array([np.nan])
    xs: list[Floats] = []
    ys: list[Floats] = []
    for x, y in runs:
        if not len(x):
            continue
        nothing = np.full(len(x), np.nan)
        order = np.argsort(x, kind="stable")
        alone = Curve(x[order], y[order], nothing, nothing, np.ones(len(x), np.int64))
        seen = downsample(alone, points, window)
        xs += [on_axis(seen.x, view.x), gap]
        ys += [np.where(np.isfinite(seen.center), seen.center, np.nan), gap]
    if not xs:
        return None
    color, _ = style_of(line, theme)
    center = center_trace(line, theme)
    return {
        "type": "scatter",
        "uid": center["uid"].replace("mean", "runs", 1),
        "legendgroup": center["legendgroup"],
        "x": typed_array(np.concatenate(xs), exact=True),
        "y": typed_array(np.concatenate(ys)),
        "mode": "lines",
        "line": {"color": color, "width": 1},
        "opacity": 0.35,
        "hoverinfo": "skip",
    }


def _title(drawing: Drawing, theme: Theme, at: int, columns: int, rows: int) -> dict[str, Any]:
    left, _, _, top = place_of(at, columns, rows)
    return {
        "text": f"<b>{panel_title(drawing, at)}</b>",
        "x": left,
        "y": top,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "yshift": 4,
        "showarrow": False,
        "font": {"size": 12, "color": theme.muted},
    }
