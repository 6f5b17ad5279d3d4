"""A drawing as a Plotly figure: panels side by side under one legend, no more points than seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from exptools.viewing.app.compare.content import Drawing, Panel
from exptools.viewing.app.compare.log_axes import is_log
from exptools.viewing.app.compare.thinning import points_of, window_of
from exptools.viewing.app.view import Range, View
from exptools.viewing.arrays import Floats, Series
from exptools.viewing.curves.aggregation import Curve
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
    x_axis,
    y_axis,
)
from exptools.viewing.figures.names import telling
from exptools.viewing.figures.numbers import large_numbers, largest
from exptools.viewing.figures.theme import Theme, short_text

POINTS_OF_RUNS = 20_000  # of all thin lines together
X_TITLES = {"relative_time": "seconds since the run's first row", "wall_time": "time, UTC"}
PANEL_HEIGHT = 250  # px, where there are several rows
OUTLIERS = (1.0, 99.0)  # percentiles between which the y axis ends, where it leaves outliers out
CROWD = 12  # lines in a panel; of more each is drawn lighter
GAP_X, GAP_Y = 0.05, 0.13  # between panels, in parts of the figure, for two of them

Trace = dict[str, Any]


def chart(drawing: Drawing, view: View, theme: Theme) -> dict[str, Any]:
    """The figure; each trace's ``meta`` is [panel, line], by which a click is understood."""
    columns = columns_of(drawing, view)
    rows = max(1, math.ceil(len(drawing.panels) / columns))
    layout = curve_layout(drawing.legend, theme, drawing.remark)
    traces: list[Trace] = []
    named: set[str] = set()
    lines = sum(len(panel.lines) for panel in drawing.panels)
    names = names_of(drawing)
    points = points_of(lines, columns)
    for at, panel in enumerate(drawing.panels):
        layout |= axes(drawing, view, theme, at, columns, rows)
        for trace in _traces(panel, view, theme, at, points):
            group = trace["legendgroup"]
            if "name" in trace:
                trace["name"] = short_text(names[panel.lines[trace["meta"][1]].label])
            trace["showlegend"] = bool(trace.get("showlegend")) and group not in named
            if trace["showlegend"]:
                named.add(group)
            traces.append(trace)
    if len(drawing.panels) > 1:
        layout["annotations"] = [
            _title(drawing, theme, at, columns, rows) for at in range(len(drawing.panels))
        ]
    layout["showlegend"] = len(named) > 1 or bool(named and (view.selected or view.where))
    layout["meta"] = {
        "names": {short_text(short): whole for whole, short in names.items()},
        "metrics": [panel.metric for panel in drawing.panels],
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
    return telling(list({line.label: None for panel in drawing.panels for line in panel.lines}))


def columns_of(drawing: Drawing, view: View) -> int:
    """How many panels stand side by side: a row a metric where they fit, about a square else."""
    panels = len(drawing.panels)
    parts = panels // max(1, len(view.metrics))
    if len(view.metrics) > 1 and 1 < parts <= 5 and parts * len(view.metrics) == panels:
        return parts
    return max(1, panels if panels <= 3 else min(4, math.ceil(math.sqrt(panels))))


def most_lines(drawing: Drawing) -> int:
    """How many lines a panel has at most: on a phone so high is the legend."""
    return max((len(panel.lines) for panel in drawing.panels), default=1)


def height(drawing: Drawing, view: View) -> int | None:
    """The chart's height in px where it needs more than the page gives it."""
    rows = math.ceil(len(drawing.panels) / columns_of(drawing, view))
    return rows * PANEL_HEIGHT if rows > 1 else None


def _traces(panel: Panel, view: View, theme: Theme, at: int, points: int) -> Iterator[Trace]:
    """Bands first, then the runs' thin lines, then the centres over them."""
    suffix = "" if at == 0 else str(at + 1)
    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    order = sorted(range(len(panel.lines)), key=lambda place: from_the_top(panel.lines[place]))
    thin = [thinned(panel.lines[place], view, points) for place in order]
    number = sum(len(runs) for runs in panel.runs)
    each = max(40, min(500, POINTS_OF_RUNS // max(1, number)))
    made: list[tuple[int, Trace | None]] = []
    made += [(place, band_trace(line, theme)) for place, line in zip(order, thin, strict=True)]
    for place, line in zip(order, thin, strict=True):
        if panel.runs:
            made.append((place, _runs_trace(line, panel.runs[place], view, theme, each)))
    for place, line in zip(order, thin, strict=True):
        whole = most_runs(panel.lines[place].curve)
        made += [(place, trace) for trace in center_traces(line, theme, whole)]
    for place, trace in made:
        if trace is not None:
            if len(thin) > CROWD:
                _make_light(trace, CROWD / len(thin))
            yield trace | axes | {"meta": [at, place], "uid": f"{trace['uid']}-{at}"}


def _make_light(trace: Trace, part: float) -> None:
    """Thinner lines and fainter bands, lest many of them make one blot."""
    trace["line"] = trace["line"] | {"width": trace["line"]["width"] * max(0.6, part)}
    if "fillcolor" in trace:
        trace["opacity"] = max(0.3, part)


def thinned(line: Line, view: View, points: int) -> Line:
    """The line with about so many points in what is seen of x, as the axis has them."""
    curve = downsample(line.curve, points, window_of(view))
    return replace(line, curve=replace(curve, x=on_axis(curve.x, view.x)))


def on_axis(values: Any, x: str) -> Any:
    """Values of x as the axis has them: times in ms."""
    return values * 1000.0 if x == "wall_time" else values


def _runs_trace(
    line: Line, runs: Sequence[Series], view: View, theme: Theme, points: int
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
        seen = downsample(alone, points, window_of(view))
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


def axes(
    drawing: Drawing, view: View, theme: Theme, at: int, columns: int, rows: int
) -> dict[str, Any]:
    """The axes of a panel as the layout has them: first the horizontal one."""
    panel = drawing.panels[at]
    suffix = "" if at == 0 else str(at + 1)
    left, right, bottom, top = place_of(at, columns, rows)
    below = at + columns >= len(drawing.panels)
    title = X_TITLES.get(view.x, view.x) if below else ""
    x = x_axis(title, theme) | _scale(view, "x", view.x_range)
    if view.x == "wall_time":
        x |= {"type": "date", "hoverformat": "%b %-d %H:%M:%S"}
        x["unifiedhovertitle"] = {"text": "%{x|%b %-d, %H:%M:%S}"}
    span = view.y_ranges.get(panel.metric)
    y = y_axis(panel.metric, theme)
    if span is None and view.clip:
        span = _without_outliers([p for p in drawing.panels if p.metric == panel.metric])
    y |= _scale(view, "y", span)
    x |= {"domain": [left, right], "anchor": f"y{suffix}"}
    y |= {"domain": [bottom, top], "anchor": f"x{suffix}"}
    if at:
        x["matches"] = "x"
        same = next(i for i, p in enumerate(drawing.panels) if p.metric == panel.metric)
        if same != at:
            y["matches"] = "y" if same == 0 else f"y{same + 1}"
    if rows > 1:
        y["nticks"] = 5
    curves = [line.curve for panel in drawing.panels for line in panel.lines]
    if view.x != "wall_time":
        x |= large_numbers(largest(curve.x for curve in curves))
    y |= large_numbers(largest(curve.center for curve in curves))
    return {f"xaxis{suffix}": x, f"yaxis{suffix}": y}


def _scale(view: View, axis: str, span: Range | None) -> dict[str, Any]:
    """Type and range of an axis; a range that a logarithm cannot show is left to Plotly."""
    log = is_log(view, axis)
    scale: dict[str, Any] = {"type": "log" if log else "linear"}
    if span is None or (log and span[1] <= 0):
        return scale | {"autorange": True}
    low, high = span if axis == "y" else (on_axis(value, view.x) for value in span)
    if log:
        low, high = math.log10(low if low > 0 else high / 1e6), math.log10(high)
    return scale | {"range": [low, high], "autorange": False}


def _without_outliers(panels: Sequence[Panel]) -> Range | None:
    """The range of y in which nearly all of the lines and bands lie."""
    values = [
        part
        for panel in panels
        for line in panel.lines
        for part in (line.curve.center, line.curve.low, line.curve.high)
    ]
    finite = np.concatenate([part[np.isfinite(part)] for part in values] or [np.empty(0)])
    if not len(finite):
        return None
    low, high = map(float, np.percentile(finite, OUTLIERS))
    room = (high - low) * 0.08
    return (low - room, high + room) if high > low and math.isfinite(high - low) else None


def place_of(at: int, columns: int, rows: int) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a panel, in parts of the figure."""
    row, column = divmod(at, columns)
    gap_x, gap_y = GAP_X * 2 / max(2, columns), GAP_Y * 2 / max(2, rows)
    width = (1 - gap_x * (columns - 1)) / columns
    tall = (1 - gap_y * (rows - 1)) / rows
    left, top = column * (width + gap_x), 1 - row * (tall + gap_y)
    return left, left + width, max(0.0, top - tall), top


def panel_title(drawing: Drawing, at: int) -> str:
    """What a panel is of, where there are several."""
    panel = drawing.panels[at]
    several = len({p.metric for p in drawing.panels}) > 1
    parts = [short_text(panel.metric)] if several else []
    return " · ".join(parts + ([short_text(panel.title)] if panel.title else []))


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
