"""The axes of a drawing's panels as Plotly's layout has them: their places, ranges and ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from exptools.viewing.app.compare.bands import places, room, value_of
from exptools.viewing.app.compare.content import bands_on_demand, x_heads_of
from exptools.viewing.app.compare.log_axes import is_log
from exptools.viewing.app.compare.panels import Drawing, Panel, base_of, base_panels
from exptools.viewing.app.compare.reference_lines import with_references
from exptools.viewing.app.view import Range, View
from exptools.viewing.figures.lines import x_axis, x_title, y_axis, y_title
from exptools.viewing.figures.numbers import large_numbers, largest
from exptools.viewing.figures.symlog import Symlog
from exptools.viewing.figures.theme import Theme, short_text

OUTLIERS = (1.0, 99.0)  # percentiles between which the y axis ends, where it leaves outliers out
GAP_X, GAP_Y = 0.05, 0.13  # between panels, in parts of the figure, for two of them
LONGEST_TITLE = 60  # characters
TICKS = 7  # of a symlog axis


def axes(
    drawing: Drawing, view: View, theme: Theme, at: int, columns: int, rows: int
) -> dict[str, Any]:
    """The axes of a panel as the layout has them: first the horizontal one."""
    if drawing.panels[at].over is not None:
        return _at_the_right(drawing, view, theme, at, columns)
    suffix = "" if at == 0 else str(at + 1)
    left, right, bottom, top = place_of(at, columns, rows)
    x, y = _across(drawing, view, theme, at, columns), _up(drawing, view, theme, at, columns)
    x |= {"domain": [left, right], "anchor": f"y{suffix}"}
    y |= {"domain": [bottom, top], "anchor": f"x{suffix}"}
    if rows > 1:
        y["nticks"] = 5
    return {f"xaxis{suffix}": x, f"yaxis{suffix}": y}


def _at_the_right(
    drawing: Drawing, view: View, theme: Theme, at: int, columns: int
) -> dict[str, Any]:
    """The axis of a panel that lies over another one."""
    base, number = base_of(drawing, at), len(base_panels(drawing))
    is_last = (base + 1) % columns == 0 or base + 1 == number
    y = _up(drawing, view, theme, at, columns, titled=is_last)
    beside = {"overlaying": _name("y", base), "anchor": _name("x", base), "side": "right"}
    y.setdefault("tickmode", "auto")  # or its ticks stand where those at the left do
    return {f"yaxis{at + 1}": y | beside | {"showgrid": False, "showticklabels": is_last}}


def _across(drawing: Drawing, view: View, theme: Theme, at: int, columns: int) -> dict[str, Any]:
    panels, panel = base_panels(drawing), drawing.panels[at]
    heads = x_heads_of(drawing)
    alike = [p for p in panels if heads[p.metric] == heads[panel.metric]]
    symlog = drawing.symlogs.get(("x", ""))
    named = "time, UTC" if view.x == "wall_time" else x_title(view.x)
    title = named if at + columns >= len(panels) else ""
    x = x_axis(title, theme) | _scale(
        "log" if is_log(view, "x") and not symlog else "linear",
        _on_axis(x_span(drawing, view, panel.metric), view, symlog),
    )
    if view.x == "wall_time":
        x |= {"type": "date", "hoverformat": "%b %-d %H:%M:%S"}
        x["unifiedhovertitle"] = {"text": "%{x|%b %-d, %H:%M:%S}"}
    elif symlog:
        x |= _symlog_ticks(symlog, _shown(x, [line.curve.x for p in alike for line in p.lines]))
        if title:
            x["title"]["text"] += f" ({symlog.words})"
        x["unifiedhovertitle"] = {"text": " "}  # the first line of the hover says it
    else:
        x |= large_numbers(largest(line.curve.x for p in alike for line in p.lines))
    first = next(i for i, p in enumerate(panels) if heads[p.metric] == heads[panel.metric])
    return x | ({"matches": _name("x", first)} if first != at else {})


def _up(
    drawing: Drawing, view: View, theme: Theme, at: int, columns: int, *, titled: bool | None = None
) -> dict[str, Any]:
    panels, panel = drawing.panels, drawing.panels[at]
    same = [p for p in panels if p.metric == panel.metric]
    symlog = drawing.symlogs.get(("y", panel.metric))
    kind = "log" if is_log(view, "y") and not symlog else "linear"
    first_column = at % columns == 0 if titled is None else titled
    title = (panel.says or panel.metric) if first_column and not several_metrics(drawing) else ""
    y = y_axis(panel.metric, theme) | y_title(title, theme)
    span = _on_axis(view.y_ranges.get(panel.metric), view, symlog, letter="y")
    y |= _scale(kind, span)
    pointed = bands_on_demand(drawing, view)
    ends = None
    if y["autorange"] and view.clip:
        ends = _without_outliers(same, bands=not pointed, log=kind == "log")
    elif y["autorange"] and pointed:
        ends = room(same, log=kind == "log")
    if ends:
        ends = with_references(ends, panel, view)
        y["autorangeoptions"] = dict(zip(("clipmin", "clipmax"), ends, strict=True))
    if symlog:
        y |= _symlog_ticks(symlog, _shown(y, [v for p in same for v in _values(p)]))
        if title:
            y["title"]["text"] += f" ({symlog.words})"
    else:
        y |= large_numbers(largest(line.curve.center for p in panels for line in p.lines))
    first = next(i for i, p in enumerate(panels) if p.metric == panel.metric)
    return y | ({"matches": _name("y", first)} if first != at else {})


def _name(letter: str, at: int) -> str:
    return letter if at == 0 else f"{letter}{at + 1}"


def several_metrics(drawing: Drawing) -> bool:
    """Whether the panels' titles say which metric each is of."""
    return len({panel.metric for panel in base_panels(drawing)}) > 1


def x_span(drawing: Drawing, view: View, metric: str) -> Range | None:
    """What is seen of a metric's horizontal axis, in units of x; None: all."""
    heads = x_heads_of(drawing)
    first = next(iter(heads.values()), metric)
    head = heads.get(metric, metric)
    return view.x_range if head == first else view.x_ranges.get(head)


def _on_axis(
    span: Range | None, view: View, symlog: Symlog | None, letter: str = "x"
) -> Range | None:
    """A range in units of the data as the axis has it, less what a logarithm knows of it."""
    if span is None:
        return None
    if symlog:
        low, high = map(float, symlog.forward(np.array(span)))
        return low, high
    return span if letter == "y" else (on_axis(span[0], view.x), on_axis(span[1], view.x))


def on_axis(values: Any, x: str) -> Any:
    """Values of x as the axis has them: times in ms."""
    return values * 1000.0 if x == "wall_time" else values


def _scale(kind: str, span: Range | None) -> dict[str, Any]:
    """Type and range of an axis; a range that a logarithm cannot show is left to Plotly."""
    scale: dict[str, Any] = {"type": kind}
    if span is None or (kind == "log" and span[1] <= 0):
        return scale | {"autorange": True}
    low, high = span
    if kind == "log":
        low, high = math.log10(low if low > 0 else high / 1e6), math.log10(high)
    return scale | {"range": [low, high], "autorange": False}


def _shown(axis: dict[str, Any], values: Sequence[Any]) -> Range:
    """From where to where a symlog axis goes, or its data."""
    if not axis["autorange"]:
        low, high = axis["range"]
        return low, high
    finite = np.concatenate([*(part[np.isfinite(part)] for part in values), np.zeros(1)])
    return float(finite.min()), float(finite.max())


def _values(panel: Panel) -> list[Any]:
    curves = [line.curve for line in panel.lines]
    return [part for curve in curves for part in (curve.center, curve.low, curve.high)]


def _symlog_ticks(symlog: Symlog, span: Range) -> dict[str, Any]:
    ticks = symlog.ticks(*span, TICKS)
    places, texts = [place for place, _ in ticks], [text for _, text in ticks]
    return {"tickmode": "array", "tickvals": places, "ticktext": texts}


def _without_outliers(panels: Sequence[Panel], *, bands: bool, log: bool) -> Range | None:
    """The range of y in which nearly all of the lines lie, and of the bands that are seen."""
    lines = [line.curve for panel in panels for line in panel.lines]
    edges = [part for curve in lines for part in (curve.low, curve.high)]
    values = places([*(curve.center for curve in lines), *(edges if bands else ())], log=log)
    if not len(values):
        return None
    low, high = map(float, np.percentile(values, OUTLIERS))
    more = (high - low) * 0.08
    if not (high > low and math.isfinite(high - low)):
        return None
    start, end = (value_of(end, log=log) for end in (low - more, high + more))
    return start, end


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
    names = panel.says if panel.is_difference else ", ".join(panel.metrics or (panel.metric,))
    parts = [short_text(names, LONGEST_TITLE)] if several_metrics(drawing) else []
    return " · ".join(parts + ([short_text(panel.title)] if panel.title else []))
