"""What a logarithmic axis has no place for: said, and left out or shown on a symlog axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from exptools.viewing.app.compare.panels import Drawing, Panel
from exptools.viewing.app.view import View
from exptools.viewing.arrays import Bools, Floats
from exptools.viewing.curves.statistics.aggregation import Curve
from exptools.viewing.figures.lines import Line
from exptools.viewing.figures.symlog import Symlog, fitting, number_text

MOST_NAMED = 3  # lines of which nothing is left
SWITCH = "Options has the switches log x and log y."


def on_log_axes(drawing: Drawing, view: View) -> Drawing:
    """The drawing as its axes can show it, and a note on what they cannot.

    Where the view wants it, an axis that has values ≤ 0 becomes symlog: its lines then have places
    instead of numbers. Otherwise such values are left out. Bands that reach down to 0 end with the
    lowest value that can be shown. Where nothing is left a sentence takes the chart's place.
    """
    if not drawing.panels or not (is_log(view, "x") or is_log(view, "y")):
        return drawing
    drawing = replace(drawing, symlogs=_symlogs(drawing, view))
    lost = [note for metric in _metrics(drawing) for note in _lost(drawing, view, metric)]
    notes = [*_said(drawing, view), *lost]
    offer = "symlog" if lost else "left-out" if drawing.symlogs else ""
    panels = tuple(_shown_panel(drawing, panel, view) for panel in drawing.panels)
    seen = any(np.isfinite(line.curve.center).any() for panel in panels for line in panel.lines)
    if notes and not seen:
        empty = f"{' '.join(notes)} {SWITCH}"
        return replace(drawing, panels=(), symlogs={}, empty=empty, offer=offer)
    return replace(drawing, panels=panels, notes=(*drawing.notes, *notes), offer=offer)


def is_log(view: View, letter: str) -> bool:
    """Whether an axis should be logarithmic; the time of day never is."""
    return letter in view.log and not (letter == "x" and view.x == "wall_time")


def _metrics(drawing: Drawing) -> list[str]:
    return list(dict.fromkeys(panel.metric for panel in drawing.panels))


def _lines(drawing: Drawing, metric: str | None = None) -> list[Line]:
    panels = (p for p in drawing.panels if metric is None or p.metric == metric)
    return [line for panel in panels for line in panel.lines]


def _symlogs(drawing: Drawing, view: View) -> dict[tuple[str, str], Symlog]:
    """The axes that become symlog, as they have values ≤ 0."""
    found: dict[tuple[str, str], Symlog] = {}
    if view.nonpositive != "symlog":
        return found
    wanted = [("y", metric, _lines(drawing, metric)) for metric in _metrics(drawing)]
    for letter, name, lines in [("x", "", _lines(drawing)), *wanted]:
        values = [part for line in lines for part in _numbers(line.curve, letter)]
        if is_log(view, letter) and any((part <= 0).any() for part in values):
            found[letter, name] = fitting(values)
    return found


def _numbers(curve: Curve, letter: str) -> list[Floats]:
    """What an axis has to show of a curve."""
    if letter == "x":
        return [curve.x[np.isfinite(curve.center)]]
    return [part[np.isfinite(part)] for part in (curve.center, curve.low, curve.high)]


def _is_left_out(drawing: Drawing, view: View, letter: str, metric: str) -> bool:
    """Whether an axis shows no values ≤ 0."""
    key = (letter, metric if letter == "y" else "")
    return is_log(view, letter) and key not in drawing.symlogs


def _said(drawing: Drawing, view: View) -> Iterator[str]:
    """Where symlog axes are no logarithms, and why they are symlog."""
    for (letter, metric), symlog in drawing.symlogs.items():
        curves = [line.curve for line in _lines(drawing, metric or None)]
        few = sum(int((_numbers(curve, letter)[0] <= 0).sum()) for curve in curves)
        edge = number_text(symlog.threshold)
        yield (
            f"The axis of {metric or view.x} is symlog: linear from −{edge} to {edge}, logarithmic "
            f"beyond. {few:,} {'point is' if few == 1 else 'points are'} ≤ 0."
        )


def _lost(drawing: Drawing, view: View, metric: str) -> Iterator[str]:
    """How many points of a metric the axes have no place for, and of which lines no point is left.

    Points are those of the lines, as they are computed from all rows.
    """
    lines = _lines(drawing, metric)
    finite = sum(int(np.isfinite(line.curve.center).sum()) for line in lines)
    parts = []
    up, across = (_is_left_out(drawing, view, letter, metric) for letter in "yx")
    if up and (low := sum(_below(line, line.curve.center) for line in lines)):
        parts.append(f"{_are(low)} ≤ 0")
    if across and (left := sum(_below(line, line.curve.x) for line in lines)):
        parts.append(f"{_are(left)} at {'a time' if 'time' in view.x else view.x} ≤ 0")
    if parts:
        gone = _gone([line for line in lines if not _shown(line, up=up, across=across).any()])
        points = f"Of the {finite:,} points of {metric}"
        yield f"{points} {' and '.join(parts)}, where a log axis has no place for them.{gone}"
    cut = sum(bool((line.curve.low <= 0).any()) for line in lines)
    if up and cut:
        bands = "band reaches" if cut == 1 else "bands reach"
        yield f"{cut} {bands} below 0, and {'ends' if cut == 1 else 'end'} where the axis does."


def _are(number: int) -> str:
    return f"{number:,} {'is' if number == 1 else 'are'}"


def _gone(lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    named = [line.label for line in lines[:MOST_NAMED] if line.label]
    more = [f"{len(lines) - MOST_NAMED} more"] if len(lines) > MOST_NAMED else []
    noun = "line" if len(lines) == 1 else "lines"
    return f" Nothing is left of {' '.join(['the', noun, ', '.join([*named, *more])]).strip()}."


def _below(line: Line, values: Floats) -> int:
    return int((np.isfinite(line.curve.center) & (values <= 0)).sum())


def _shown(line: Line, *, up: bool, across: bool) -> Bools:
    """The points that are left where y (``up``) or x has no place for values ≤ 0."""
    shown: Bools = np.isfinite(line.curve.center)
    for left_out, values in ((across, line.curve.x), (up, line.curve.center)):
        if left_out:
            shown &= values > 0
    return shown


def _shown_panel(drawing: Drawing, panel: Panel, view: View) -> Panel:
    up, across = (_is_left_out(drawing, view, letter, panel.metric) for letter in "yx")
    values = [v for line in panel.lines for v in (line.curve.center, line.curve.low)]
    positive = np.concatenate([*(v[np.isfinite(v) & (v > 0)] for v in values), np.empty(0)])
    lowest = float(positive.min()) if up and len(positive) else -np.inf
    lines = (_shown_line(line, lowest, up=up, across=across) for line in panel.lines)
    x, y = drawing.symlogs.get(("x", "")), drawing.symlogs.get(("y", panel.metric))
    return replace(
        panel,
        lines=tuple(replace(line, curve=_placed(line.curve, x, y)) for line in lines),
        runs=tuple(
            tuple((x.forward(a) if x else a, y.forward(b) if y else b) for a, b in runs)
            for runs in panel.runs
        ),
    )


def _placed(curve: Curve, x: Symlog | None, y: Symlog | None) -> Curve:
    """The curve with places instead of numbers, of each axis that is symlog."""
    if x:
        curve = replace(curve, x=x.forward(curve.x))
    if y:
        center, low, high = map(y.forward, (curve.center, curve.low, curve.high))
        curve = replace(curve, center=center, low=low, high=high)
    return curve


def _shown_line(line: Line, lowest: float, *, up: bool, across: bool) -> Line:
    """Gaps where there is no place, for Plotly would draw a line down to the axis."""
    curve = line.curve
    there = (curve.x > 0) | (not across)
    banded = there & ((curve.high > 0) | (not up))
    curve = replace(
        curve,
        center=np.where(_shown(line, up=up, across=across), curve.center, np.nan),
        low=np.where(banded, np.maximum(curve.low, lowest), np.nan),
        high=np.where(banded, curve.high, np.nan),
    )
    return replace(line, curve=curve)
