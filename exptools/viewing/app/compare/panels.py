"""What a chart is made of: panels with lines, and what has to be said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exptools.viewing.arrays import Series
from exptools.viewing.curves.curve_data import GroupCurve
from exptools.viewing.figures.lines import Line
from exptools.viewing.figures.symlog import Symlog


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    metric: str  # of its vertical axis, the first where several share it
    title: str  # which part of the runs it shows; "" for all
    lines: tuple[Line, ...]
    groups: tuple[GroupCurve, ...]  # what the lines stand for, in their order
    runs: tuple[tuple[Series, ...], ...] = ()  # for each line, its runs as logged if wanted
    says: str = ""  # what its vertical axis is of
    metrics: tuple[str, ...] = ()  # all of its axis
    over: int | None = None  # the panel over which it is drawn, with an axis at the right of that
    is_difference: bool = False  # to a baseline


@dataclass(frozen=True)
class Drawing:
    """The chart's content, or in its place the sentence that says why there is none."""

    panels: tuple[Panel, ...] = ()
    legend: str = ""  # what the lines' labels are values of
    empty: str = ""
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()  # runs that did not finish, an interval of few, in sentences
    band: str = "none"  # the band of all lines: of an interval left open, the one that fits
    remark: str = ""  # what the legend says of the bands
    first: int = 0  # of the groups that are drawn, ``shown`` of ``all`` from this one on
    shown: int = 0
    all: int = 0
    is_thinned: bool = False  # of the curves there are only the points to be seen
    # Axes that are symlog, by "x" or "y" and the metric ("" of x); the lines then have places.
    symlogs: Mapping[tuple[str, str], Symlog] = field(default_factory=dict)
    baselines: tuple[str, ...] = ()  # what can be the baseline, as ``View.baseline`` says it
    offer: str = ""  # another way to show values ≤ 0 on a log axis, of ``View.nonpositive``


def base_panels(drawing: Drawing) -> list[Panel]:
    """The panels that have a place of their own; those over others come behind them."""
    return [panel for panel in drawing.panels if panel.over is None]


def base_of(drawing: Drawing, at: int) -> int:
    """The panel over which one is drawn, or itself."""
    over = drawing.panels[at].over
    return at if over is None else over
