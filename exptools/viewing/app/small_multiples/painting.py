"""One metric as a small chart: what the server paints, and what is said of it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from exptools.error_line import error_line
from exptools.viewing.app.compare.chart import columns_of, names_of
from exptools.viewing.app.compare.content import drawing_beside
from exptools.viewing.app.compare.log_axes import on_log_axes
from exptools.viewing.app.compare.panels import Drawing, Panel
from exptools.viewing.app.facts import shown_runs
from exptools.viewing.app.painted.picture import Size, picture
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.curves.statistics.aggregation import final_value
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import from_the_top
from exptools.viewing.figures.numbers import large_number

SMALL = Size(width=300, up=5, points=500, line=1.6, words=False)
MOST_SAID = 12  # groups whose last values are told
FAULTY_FILTER = "Drawn again once the filter can be read."
LONGEST = 80  # characters of what a group is called


@dataclass(frozen=True)
class SmallChart:
    """A metric's small chart, or in its place why there is none."""

    html: str  # "" where there is nothing to see
    says: str  # the last value of each group, or why there is nothing to see
    rows: int = 1  # of panels, one over the other

    @property
    def digest(self) -> str:
        """Another one where anything is different."""
        whole = repr((self.html, self.says, self.rows))
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


def paint(workspace: Workspace, view: View, metric: str) -> SmallChart:
    """The chart of one metric as the view would show it; a fault takes no other chart with it."""
    view = replace(view, show_runs=False)
    shown = replace(view, metrics=(metric,))
    try:
        content = on_log_axes(drawing_beside(workspace, view, metric), shown)
        html = picture(content, shown, SMALL)
        if not html:
            return SmallChart("", _why_empty(workspace, view, content))
        rows = -(-len(content.panels) // columns_of(content, shown))
        return SmallChart(html, "\n".join([*content.notes, *_last_values(content)]), rows)
    except Exception as error:
        logging.getLogger(__name__).warning("no small chart of %r", metric, exc_info=True)
        return SmallChart("", f"This chart could not be drawn: {error_line(error)}")


def _why_empty(workspace: Workspace, view: View, content: Drawing) -> str:
    """Why there is nothing to see. A fault of the filter is told once, beside the filter."""
    try:
        shown_runs(workspace.index, workspace.facts(), View(where=view.where))
    except QueryError:
        return FAULTY_FILTER
    return content.empty


def _last_values(content: Drawing) -> Iterator[str]:
    """The last value of each line, in the order in which they end."""
    names = names_of(content)
    lines = [
        (panel, line)
        for panel in content.panels
        for line in sorted(panel.lines, key=from_the_top)
        if np.isfinite(final_value(line.curve))
    ]
    for panel, line in lines[:MOST_SAID]:
        value = large_number(float(f"{final_value(line.curve):.4g}"))
        yield f"{_label(panel, names[line.label])}: {value}"
    if len(lines) > MOST_SAID:
        yield f"… and {len(lines) - MOST_SAID} more"


def _label(panel: Panel, name: str) -> str:
    label = f"{panel.title}, {name}" if panel.title else name
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
