"""What the chart shows, and the sentences around it; nothing in here knows of Dash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from exptools.metrics import better
from exptools.viewing.app.compare.absences import (
    not_logged,
    nothing_logged,
    nothing_there,
    which_runs,
)
from exptools.viewing.app.compare.thinning import Thinning
from exptools.viewing.app.facts import Facts, counted_runs
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.arrays import Series
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves.aggregation import parse_method
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, caveats, remark
from exptools.viewing.curves.query import CurveQuery, curve_set, settled
from exptools.viewing.curves.selection import Best
from exptools.viewing.curves.series import read_series
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.encoding import banded
from exptools.viewing.figures.lines import Line
from exptools.viewing.figures.panels import reach, x_heads
from exptools.viewing.figures.symlog import Symlog
from exptools.viewing.groups.grouping import Group, groups
from exptools.viewing.index import Index
from exptools.viewing.run import Run

MOST_GROUPS = 40  # in one chart; more can neither be told apart nor be drawn at once
MOST_PANELS = 24
MANY_BANDS = 6  # lines with a band in one panel; of fewer all bands are seen
LAST = parse_summary("last")


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    metric: str
    title: str  # which part of the runs it shows; "" for all
    lines: tuple[Line, ...]
    groups: tuple[GroupCurve, ...]  # what the lines stand for, in their order
    runs: tuple[tuple[Series, ...], ...] = ()  # for each line, its runs as logged if wanted


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
    offer: str = ""  # another way to show values ≤ 0 on a log axis, of ``View.nonpositive``


# A zoom or a click on the table's head draws no other curves.
_DRAWN_ELSEWHERE = (
    *("tab", "log", "nonpositive", "bands", "x_range", "clip", "run", "chart"),
    *("all_metrics", "search", "folded"),
)
_BLANK = {name: getattr(View(), name) for name in _DRAWN_ELSEWHERE}


def curve_queries(view: View) -> list[CurveQuery]:
    """What a view asks once its metrics and groups are chosen: the curves of each metric.

    They are grouped by all keys, those that divide the runs into panels first.
    """
    keys = tuple(dict.fromkeys([*view.split, *(view.by or ())]))
    method = parse_method(view.center, view.band, view.smooth, view.smooth_when)
    over = tuple(key for key in view.best if key not in keys)
    return [
        CurveQuery(metric, keys, view.x, method, best=_best(view, over, metric), states=view.states)
        for metric in view.metrics
    ]


def _best(view: View, over: tuple[str, ...], metric: str) -> Best | None:
    """The settings to keep; the highest where neither the view nor the metric's name tells."""
    named = better(metric) or "max"
    modes: dict[str, Literal["max", "min"]] = {"max": "max", "min": "min"}
    return Best(over, modes.get(view.best_mode, named)) if over else None


def drawing(workspace: Workspace, view: View) -> Drawing:
    """The curves that a view shows; of what makes no sense a sentence says so in their place."""
    facts = workspace.facts()
    chart = view.of_chart()
    asked = replace(chart, **_BLANK, notes=(), x_ranges={}, y_ranges={}, options={})

    def drawn(asked: View) -> Drawing:
        question = ("drawing", repr(asked), repr(facts.marked(view.where)))
        first = next(iter(asked.metrics), "")
        return workspace.remembered(
            facts.version, question, lambda: _computed(workspace, facts, asked, first)
        )

    whole = drawn(asked)
    if not whole.is_thinned or view.x_range is None or len({*x_heads_of(whole).values()}) > 1:
        return whole
    return drawn(replace(asked, x_range=view.x_range))


def drawing_beside(workspace: Workspace, view: View, metric: str) -> Drawing:
    """The curves of one metric as the view shows its own ones: of the same runs and groups."""
    first = view.metrics[0] if view.metrics else metric
    return _computed(workspace, workspace.facts(), replace(view, metrics=(metric,)), first)


def _computed(workspace: Workspace, facts: Facts, view: View, ranked_by: str) -> Drawing:
    """``ranked_by`` is the metric that says which of too many groups are drawn."""
    if not facts.runs:
        return Drawing(empty=nothing_there(workspace.index.roots))
    try:
        runs, left_out = counted_runs(workspace.index, facts, view)
        if not runs:
            return Drawing(empty=f"No run fulfils {view.where}.")
        if not view.metrics:
            return Drawing(empty=nothing_logged(runs), caveats=left_out)
        drawn = _drawn(workspace, facts, view, runs, ranked_by)
        return replace(drawn, caveats=(*left_out, *drawn.caveats))
    except QueryError as error:
        text = str(error)
        return Drawing(empty=f"{text[:1].upper()}{text[1:]}")


def _drawn(
    workspace: Workspace, facts: Facts, view: View, runs: Sequence[Run], ranked_by: str
) -> Drawing:
    by, split = view.by or (), [key for key in view.split if key not in (view.by or ())]
    queries = curve_queries(view)
    lines = groups(runs, facts.find(by))
    places, first = _page(workspace, facts, view, lines, ranked_by)
    ranked = [lines[place] for place in places]
    thinning = Thinning(view, len(ranked) * len(queries))
    queries = [replace(query, by=by, seen=thinning) for query in queries]
    kept = {run.name for group in ranked for run in group.runs}
    parts = groups([run for run in runs if run.name in kept], facts.find(split))
    wanted = [(query, part) for query in queries for part in parts]
    notes: dict[str, None] = {}
    if len(wanted) > MOST_PANELS:
        notes[f"{len(wanted)} panels are too many: the first {MOST_PANELS} are drawn."] = None
    sets = _all_curves(workspace, wanted[:MOST_PANELS])
    panels = []
    legend = ""
    for curves, (_, part) in zip(sets, wanted, strict=False):
        legend = "run" if by == (facts.each_run,) else curves.legend
        notes |= dict.fromkeys(note for note in curves.notes if note not in curves.caveats)
        title = f"{facts.names.get(split[0], split[0])}=" if len(split) == 1 else ""
        panels.append(_panel(workspace, view, curves, title + part.label if split else ""))
    seen = any(np.isfinite(line.curve.center).any() for panel in panels for line in panel.lines)
    return Drawing(
        panels=tuple(panels) if seen else (),
        legend=legend,
        empty="" if seen else _why_empty(workspace.index, view, panels, runs),
        notes=tuple(notes),
        caveats=caveats(sets),
        band=next((curves.band for curves in sets if curves.groups), "none"),
        remark=remark(sets),
        first=first,
        shown=len(ranked),
        all=len(lines),
        is_thinned=thinning.is_done,
    )


def _page(
    workspace: Workspace, facts: Facts, view: View, lines: list[Group], metric: str
) -> tuple[list[int], int]:
    """The places of the groups that are drawn, the best by a metric, and how many come before."""
    if len(lines) <= MOST_GROUPS:
        return list(range(len(lines))), 0
    which = (view.by, view.where, view.states, view.selected, view.x)
    ranked = workspace.remembered(
        facts.version, ("ranked", metric, *which), lambda: _ranked(workspace, lines, metric, view.x)
    )
    first = min(view.page, (len(lines) - 1) // MOST_GROUPS) * MOST_GROUPS
    return sorted(ranked[first : first + MOST_GROUPS]), first


def _ranked(workspace: Workspace, lines: list[Group], metric: str, x: str) -> list[int]:
    """The places of the groups, the one with the best mean of last values first."""
    runs = [run for group in lines for run in group.runs]
    series = read_series(workspace.index, runs, metric, x)
    worth = np.array(
        [np.mean([summarize(*series[run.name], LAST) for run in group.runs]) for group in lines]
    )
    worth = worth if better(metric) == "min" else -worth
    places: list[int] = np.argsort(worth, kind="stable").tolist()  # NaN comes last
    return places


def _all_curves(
    workspace: Workspace, wanted: Sequence[tuple[CurveQuery, Group]]
) -> list[CurveData]:
    """The curves of each panel; their bands are of one kind."""
    sets = [_curves(workspace, query, part.runs) for query, part in wanted]
    again = [settled(query, sets) for query, _ in wanted]
    return [
        curves if query == asked else _curves(workspace, query, part.runs)
        for curves, query, (asked, part) in zip(sets, again, wanted, strict=True)
    ]


def _curves(workspace: Workspace, query: CurveQuery, runs: Sequence[Run]) -> CurveData:
    try:
        return curve_set(workspace.index, runs, query)
    except QueryError:
        # In a part of the runs a metric may well be missing that others have.
        if not _logged_by_others(workspace, query.metric, query.x):
            raise
        method = query.method
        band, smooth = str(method.band), str(method.smoothing)
        by = query.by or ()
        return CurveData(query.metric, query.x, by, "", method.center, band, smooth, ())


def _logged_by_others(workspace: Workspace, metric: str, x: str) -> bool:
    metrics = workspace.facts().metrics
    return metric in metrics and (x in ("step", "wall_time", "relative_time") or x in metrics)


def _panel(workspace: Workspace, view: View, curves: CurveData, title: str) -> Panel:
    key = "\0".join(curves.by)
    settings = [tuple(map(comparison_key, group.values)) for group in curves.groups]
    styles = workspace.index.styles(key, settings)
    lines = [
        Line(group.label, group.curve, style)
        for group, style in zip(curves.groups, styles, strict=True)
    ]
    runs: list[tuple[Series, ...]] = []
    if view.show_runs:
        for group in curves.groups:
            series = read_series(workspace.index, group.runs, curves.metric, view.x)
            runs.append(tuple(series[run.name] for run in group.runs))
    return Panel(curves.metric, title, tuple(lines), curves.groups, tuple(runs))


def _why_empty(index: Index, view: View, panels: Sequence[Panel], runs: Sequence[Run]) -> str:
    """Why no line can be seen, and what could be."""
    metrics = " or ".join(view.metrics)
    of = which_runs(view)
    if any(panel.lines for panel in panels):
        return f"All values of {metrics} are NaN or infinite in the {of}: no line to draw."
    return not_logged(index, view, runs, metrics)


def x_heads_of(drawing: Drawing) -> dict[str, str]:
    """For each metric the first one with which it shares its horizontal axis."""
    ends: dict[str, float] = {}
    for panel in drawing.panels:
        end = reach(panel.lines)
        ends[panel.metric] = max(end, ends.get(panel.metric, 0.0))
    return x_heads(ends)


def bands_on_demand(drawing: Drawing, view: View) -> bool:
    """Whether a band is only seen while its line is pointed at."""
    if view.bands == "all":
        return False
    most = max((_with_band(panel) for panel in drawing.panels), default=0)
    return most >= (1 if view.bands == "pointed" else MANY_BANDS)


def _with_band(panel: Panel) -> int:
    return sum(bool(banded(line.curve).any()) for line in panel.lines)
