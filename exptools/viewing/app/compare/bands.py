"""Which bands are seen: where all would bury the lines, that of the line that is pointed at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from exptools.viewing.app.compare.content import MANY_BANDS, bands_on_demand
from exptools.viewing.app.compare.panels import Drawing, Panel
from exptools.viewing.app.view import Range, View
from exptools.viewing.arrays import Floats
from exptools.viewing.figures.theme import css_name

SMALLEST, LARGEST = float(np.finfo(float).tiny), float(np.finfo(float).max)
LARGEST_POWER = 308.25  # of ten: beyond it a float has none
PART_OF_LINES = 0.5  # of the vertical axis: at least so much of it the lines have for themselves


def for_pointer(drawing: Drawing, view: View) -> dict[str, Any]:
    """What ``assets/pointing.js`` has to know where bands are seen on demand.

    That is how many lines make too many bands, and the runs of each line, by its ``legendgroup``.
    """
    if not bands_on_demand(drawing, view):
        return {}
    runs: dict[str, dict[str, None]] = {}
    for panel in drawing.panels:
        for line, group in zip(panel.lines, panel.groups, strict=True):
            names = runs.setdefault(css_name(line.label), {})
            names |= dict.fromkeys(run.name for run in group.runs)
    many = 0 if view.bands == "pointed" else MANY_BANDS
    return {"many": many, "runs": {name: list(group) for name, group in runs.items()}}


def room(panels: Sequence[Panel], *, log: bool) -> Range | None:
    """Where a vertical axis ends whose bands are seen on demand.

    It shows all of the lines, and of the bands what leaves these half of its height: one that is
    much wider than the lines lie apart would make all of them one. None where that is no limit.
    """
    lines = [line.curve for panel in panels for line in panel.lines]
    center = places((curve.center for curve in lines), log=log)
    edges = places((part for c in lines for part in (c.low, c.high)), log=log)
    if not len(center) or not len(edges):
        return None
    low, high = float(center.min()), float(center.max())
    more = (high - low) * (1 / PART_OF_LINES - 1)
    if not 0 < more < np.inf:
        return None
    ends = max(low - more, min(low, edges.min())), min(high + more, max(high, edges.max()))
    start, end = (value_of(float(end), log=log) for end in ends)
    return start, end


def places(parts: Iterable[Floats], *, log: bool) -> Floats:
    """All numbers that an axis can show, as it has them."""
    values = np.concatenate([*parts, np.empty(0)])
    values = values[np.isfinite(values) & (values > 0 if log else True)]
    return np.asarray(np.log10(values) if log else values)


def value_of(place: float, *, log: bool) -> float:
    """The number at a place of an axis, or the nearest one that a float can be."""
    if not log:
        return place
    return LARGEST if place > LARGEST_POWER else max(10.0**place, SMALLEST)
