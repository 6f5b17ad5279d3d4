"""What a logarithmic axis cannot show, said instead of silently left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from exptools.viewing.app.compare.content import Drawing, Panel
from exptools.viewing.app.view import View
from exptools.viewing.arrays import Bools, Floats
from exptools.viewing.figures.lines import Line

MOST_NAMED = 3  # lines of which nothing is left
SWITCH = "Options has the switches log x and log y."


def on_log_axes(drawing: Drawing, view: View) -> Drawing:
    """The drawing as its axes can show it, and a note on what they cannot.

    Bands that reach down to 0 end with the lowest value that can be shown. Where nothing is left
    a sentence takes the chart's place.
    """
    if not drawing.panels or not (is_log(view, "x") or is_log(view, "y")):
        return drawing
    notes = [note for metric in _metrics(drawing) for note in _lost(drawing, view, metric)]
    panels = tuple(_shown_panel(panel, view) for panel in drawing.panels)
    seen = any(np.isfinite(line.curve.center).any() for panel in panels for line in panel.lines)
    if notes and not seen:
        return replace(drawing, panels=(), empty=f"{' '.join(notes)} {SWITCH}")
    return replace(drawing, panels=panels, notes=(*drawing.notes, *notes))


def is_log(view: View, letter: str) -> bool:
    """Whether an axis is logarithmic; the time of day never is."""
    return letter in view.log and not (letter == "x" and view.x == "wall_time")


def _metrics(drawing: Drawing) -> list[str]:
    return list(dict.fromkeys(panel.metric for panel in drawing.panels))


def _lost(drawing: Drawing, view: View, metric: str) -> Iterator[str]:
    """How many points of a metric the axes have no place for, and of which lines no point is left.

    Points are those of the lines, as they are computed from all rows.
    """
    lines = [line for p in drawing.panels if p.metric == metric for line in p.lines]
    finite = sum(int(np.isfinite(line.curve.center).sum()) for line in lines)
    parts = []
    if is_log(view, "y") and (low := sum(_below(line, line.curve.center) for line in lines)):
        parts.append(f"{_are(low)} ≤ 0")
    if is_log(view, "x") and (left := sum(_below(line, line.curve.x) for line in lines)):
        parts.append(f"{_are(left)} at {'a time' if 'time' in view.x else view.x} ≤ 0")
    if parts:
        gone = _gone([line for line in lines if not _shown(line, view).any()])
        points = f"Of the {finite:,} points of {metric}"
        yield f"{points} {' and '.join(parts)}, where a log axis has no place for them.{gone}"


def _are(number: int) -> str:
    return f"{number:,} {'is' if number == 1 else 'are'}"


def _gone(lines: Sequence[Line]) -> str:
    named = [line.label or "the line" for line in lines[:MOST_NAMED]]
    more = [f"{len(lines) - MOST_NAMED} more"] if len(lines) > MOST_NAMED else []
    return f" Nothing is left of {', '.join([*named, *more])}." if lines else ""


def _below(line: Line, values: Floats) -> int:
    return int((np.isfinite(line.curve.center) & (values <= 0)).sum())


def _shown(line: Line, view: View) -> Bools:
    shown: Bools = np.isfinite(line.curve.center)
    for letter, values in (("x", line.curve.x), ("y", line.curve.center)):
        if is_log(view, letter):
            shown &= values > 0
    return shown


def _shown_panel(panel: Panel, view: View) -> Panel:
    values = [v for line in panel.lines for v in (line.curve.center, line.curve.low)]
    positive = np.concatenate([*(v[np.isfinite(v) & (v > 0)] for v in values), np.empty(0)])
    lowest = float(positive.min()) if is_log(view, "y") and len(positive) else -np.inf
    return replace(panel, lines=tuple(_shown_line(line, view, lowest) for line in panel.lines))


def _shown_line(line: Line, view: View, lowest: float) -> Line:
    """Gaps where there is no place, for Plotly would draw a line down to the axis."""
    curve = line.curve
    there = (curve.x > 0) | (not is_log(view, "x"))
    banded = there & ((curve.high > 0) | (not is_log(view, "y")))
    curve = replace(
        curve,
        center=np.where(_shown(line, view), curve.center, np.nan),
        low=np.where(banded, np.maximum(curve.low, lowest), np.nan),
        high=np.where(banded, curve.high, np.nan),
    )
    return replace(line, curve=curve)
