"""Horizontal lines with a name in the panels of their metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from exptools.viewing.app.compare.log_axes import is_log
from exptools.viewing.app.compare.panels import Drawing, Panel
from exptools.viewing.app.view import Range, View
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import reference_dash, reference_trace
from exptools.viewing.figures.references import Reference, parse_reference
from exptools.viewing.figures.theme import Theme

NOTE = "Reference lines are of the metric itself: they are left out of differences to a baseline."


def references_of(panel: Panel, view: View) -> list[Reference]:
    """The lines of a panel's metrics; none where it shows differences."""
    if panel.is_difference:
        return []
    every = []
    for text in view.references:
        with suppress(QueryError):  # it is said at its field
            every.append(parse_reference(text))
    first = view.metrics[0] if view.metrics else ""
    metrics = panel.metrics or (panel.metric,)
    return [one for one in every if (first if one.metric is None else one.metric) in metrics]


def with_references(ends: Range, panel: Panel, view: View) -> Range:
    """A range of a vertical axis that has the lines in it, too."""
    values = [one.value for one in references_of(panel, view)]
    return min([ends[0], *values]), max([ends[1], *values])


def reference_traces(
    drawing: Drawing, panel: Panel, view: View, theme: Theme
) -> Iterator[dict[str, Any]]:
    """A trace a line, over what the panel's curves reach of x, in the axis's own units."""
    ends = [float(end) for line in panel.lines for end in (*line.curve.x[:1], *line.curve.x[-1:])]
    if not ends:
        return
    times = 1000.0 if view.x == "wall_time" else 1.0
    span = min(ends) * times, max(ends) * times
    for number, one in enumerate(reference_places(drawing, panel, view)):
        yield reference_trace(one.place, one.label, span, number, theme)


class ReferencePlace(NamedTuple):
    """Where a line is on its axis, and how it is told from others."""

    place: float
    label: str
    dash: str


def reference_places(drawing: Drawing, panel: Panel, view: View) -> list[ReferencePlace]:
    """The lines of a panel that its axis can show."""
    symlog = drawing.symlogs.get(("y", panel.metric))
    placed = []
    for number, one in enumerate(references_of(panel, view)):
        if one.value <= 0 and is_log(view, "y") and not symlog:
            continue
        place = float(symlog.forward(np.array(one.value))) if symlog else one.value
        placed.append(ReferencePlace(place, one.label, reference_dash(number)))
    return placed
