"""What the chart shows, and the sentences around it; nothing in here knows of Dash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from exptools.metrics import better
from exptools.viewing.app.compare.absences import (
    all_hidden,
    not_logged,
    nothing_logged,
    nothing_there,
    which_runs,
)
from exptools.viewing.app.compare.panels import Drawing, Panel, base_panels
from exptools.viewing.app.compare.thinning import Thinning
from exptools.viewing.app.compare.together import in_one_panel
from exptools.viewing.app.facts import Facts, baselines, counted_runs
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.arrays import Series
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves.baseline import Against
from exptools.viewing.curves.comparison import NoBaselineError
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, caveats, remark
from exptools.viewing.curves.query import CurveQuery, curve_set, settled
from exptools.viewing.curves.selection import Best
from exptools.viewing.curves.series import read_series
from exptools.viewing.curves.statistics.aggregation import parse_method
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.encoding import banded
from exptools.viewing.figures.lines import Line
from exptools.viewing.figures.panels import reach, x_heads
from exptools.viewing.figures.several import check_together
from exptools.viewing.groups.grouping import Group, groups
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files.group_names import NO_NAME, OwnName, group_id
from exptools.viewing.wording import shortened

MOST_GROUPS = 40  # in one chart; more can neither be told apart nor be drawn at once
MOST_PANELS = 24
MANY_BANDS = 6  # lines with a band in one panel; of fewer all bands are seen
LAST = parse_summary("last")


# A zoom or a click on the table's head draws no other curves.
_DRAWN_ELSEWHERE = (
    *("tab", "log", "nonpositive", "bands", "x_range", "clip", "run", "chart"),
    *("all_metrics", "search", "folded", "references"),
)
_BLANK = {name: getattr(View(), name) for name in _DRAWN_ELSEWHERE}


def curve_queries(view: View) -> list[CurveQuery]:
    """What a view asks once its metrics and groups are chosen: the curves of each metric.

    They are grouped by all keys, those that divide the runs into panels first.
    """
    keys = tuple(dict.fromkeys([*view.split, *(view.by or ())]))
    method = parse_method(view.center, view.band, view.smooth, view.smooth_when)
    over = tuple(key for key in view.best if key not in keys)
    against = Against(view.baseline, view.difference == "percent") if view.baseline else None
    return [
        CurveQuery(
            metric,
            keys,
            view.x,
            method,
            best=_best(view, over, metric),
            states=view.states,
            against=against,
        )
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
        names = workspace.group_names()
        question = ("drawing", repr(asked), repr(facts.marked(view.where)), repr(names))
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
    if not facts.runs and facts.hidden:
        return Drawing(empty=all_hidden(len(facts.hidden)))
    if not facts.runs:
        return Drawing(empty=nothing_there(workspace.index))
    try:
        runs, left_out = counted_runs(workspace.index, facts, view)
        if not runs:
            return Drawing(empty=f"No run fulfils {view.where}.")
        if not view.metrics:
            return Drawing(empty=nothing_logged(workspace.index, runs), caveats=left_out)
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
    offered = baselines(lines, facts.find(by), facts)
    places, first = _page(workspace, facts, view, lines, ranked_by, offered)
    ranked = [lines[place] for place in places]
    thinning = Thinning(view, len(ranked) * len(queries))
    queries = [replace(query, by=by, seen=thinning) for query in queries]
    kept = {run.name for group in ranked for run in group.runs}
    parts = groups([run for run in runs if run.name in kept], facts.find(split))
    wanted = [(query, part) for query in queries for part in parts]
    notes: dict[str, None] = {}
    if len(wanted) > MOST_PANELS:
        notes[f"{len(wanted)} panels are too many: the first {MOST_PANELS} are drawn."] = None
    check_together(view.metrics if view.together else ())
    sets = _all_curves(workspace, wanted[:MOST_PANELS])
    if view.baseline and not any(curves.baseline for curves in sets):
        raise NoBaselineError(_without_baseline(view))
    panels = []
    legend = ""
    for curves, (_, part) in zip(sets, wanted, strict=False):
        legend = "run" if by == (facts.each_run,) else curves.legend
        notes |= dict.fromkeys(note for note in curves.notes if note not in curves.caveats)
        title = f"{facts.names.get(split[0], split[0])}=" if len(split) == 1 else ""
        panels.append(_panel(workspace, view, curves, title + part.label if split else ""))
    if view.together:
        panels, legend = in_one_panel(panels, legend)
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
        baselines=tuple(dict.fromkeys([*offered, *filter(None, [view.baseline])])),
    )


def _without_baseline(view: View) -> str:
    name = shortened(view.baseline)
    return (
        f"the baseline {name} is not among the runs that are shown: choose another one in Options, "
        "or none"
    )


def _page(
    workspace: Workspace,
    facts: Facts,
    view: View,
    lines: list[Group],
    metric: str,
    names: Sequence[str],
) -> tuple[list[int], int]:
    """The places of the groups that are drawn, the best by a metric, and how many come before.

    The baseline, by its name among ``names``, is one of them whatever its place.
    """
    if len(lines) <= MOST_GROUPS:
        return list(range(len(lines))), 0
    which = (view.by, view.where, view.states, view.selected, view.x)
    ranked = workspace.remembered(
        facts.version, ("ranked", metric, *which), lambda: _ranked(workspace, lines, metric, view.x)
    )
    first = min(view.page, (len(lines) - 1) // MOST_GROUPS) * MOST_GROUPS
    always = [at for at, name in enumerate(names) if name == view.baseline]
    return sorted({*ranked[first : first + MOST_GROUPS], *always}), first


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
    except QueryError as error:
        # In a part of the runs a metric may well be missing that others have, or the baseline.
        is_part = isinstance(error, NoBaselineError)
        if not is_part and not _logged_by_others(workspace, query.metric, query.x):
            raise
        method = query.method
        band, smooth = str(method.band), str(method.smoothing)
        by = query.by or ()
        return CurveData(query.metric, query.x, by, "", method.center, band, smooth, ())


def _logged_by_others(workspace: Workspace, metric: str, x: str) -> bool:
    facts = workspace.facts()
    metrics = (*facts.metrics, *facts.resources)
    return metric in metrics and (x in ("step", "wall_time", "relative_time") or x in metrics)


def _panel(workspace: Workspace, view: View, curves: CurveData, title: str) -> Panel:
    key = "\0".join(curves.by)
    settings = [tuple(map(comparison_key, group.values)) for group in curves.groups]
    styles = workspace.index.styles(key, settings)
    names = workspace.group_names()
    lines = [
        own_line(group, style, names.get(group_id(curves.by, group.values), NO_NAME))
        for group, style in zip(curves.groups, styles, strict=True)
    ]
    runs: list[tuple[Series, ...]] = []
    if view.show_runs:
        for group in curves.groups:
            series = read_series(workspace.index, group.runs, curves.metric, view.x)
            runs.append(tuple(series[run.name] for run in group.runs))
    return Panel(
        curves.metric,
        title,
        tuple(lines),
        curves.groups,
        tuple(runs) if not curves.baseline else (),  # runs are no differences
        says=curves.title,
        metrics=(curves.metric,),
        is_difference=bool(curves.baseline),
    )


def own_line(group: GroupCurve, style: int, own: OwnName) -> Line:
    """A group's line, with the name and colour that the user has given it."""
    name = f"{own.label or group.label} (baseline)" if group.is_baseline else own.label
    return Line(group.label, group.curve, style, name, own.label, own.color)


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
    for panel in base_panels(drawing):
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
