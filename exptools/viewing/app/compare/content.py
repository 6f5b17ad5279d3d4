"""What the chart shows, and the sentences around it; nothing in here knows of Dash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from exptools.metrics import better
from exptools.viewing.app.facts import Facts, counted_runs
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.arrays import Series
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves.aggregation import parse_method
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, caveats, remark
from exptools.viewing.curves.options import parse
from exptools.viewing.curves.query import CurveQuery, curve_set, settled
from exptools.viewing.curves.selection import Best
from exptools.viewing.curves.series import read_series
from exptools.viewing.curves.smoothing import SMOOTHINGS
from exptools.viewing.curves.statistics import CENTERS, band_words
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import Line
from exptools.viewing.groups.grouping import Group, groups
from exptools.viewing.readers.unread import found_there, instead_of_metrics, read_formats
from exptools.viewing.run import Run

MOST_GROUPS = 40  # in one chart; more can neither be told apart nor be drawn at once
MOST_PANELS = 24
LAST = parse_summary("last")
LONGEST = 40  # characters of a key in a sentence
SMOOTHED = {
    "ema": "smoothed exponentially with weight {0:g}",
    "gaussian": "smoothed with a Gaussian of {0:g} rows",
    "mean": "smoothed by the mean of {0:g} rows",
}


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


# A zoom or a click on the table's head draws no other curves.
_DRAWN_ELSEWHERE = (
    *("tab", "log", "x_range", "clip", "rows", "summaries", "columns", "sort", "run", "picture"),
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
    best = Best(over, "min" if view.best_mode == "min" else "max") if over else None
    return [
        CurveQuery(metric, keys, view.x, method, best=best, states=view.states)
        for metric in view.metrics
    ]


def drawing(workspace: Workspace, view: View) -> Drawing:
    """The curves that a view shows; of what makes no sense a sentence says so in their place."""
    facts = workspace.facts()
    asked = replace(view, **_BLANK, notes=(), y_ranges={}, options={})
    question = ("drawing", repr(asked))
    first = next(iter(view.metrics), "")
    return workspace.remembered(
        facts.version, question, lambda: _computed(workspace, facts, view, first)
    )


def drawing_beside(workspace: Workspace, view: View, metric: str) -> Drawing:
    """The curves of one metric as the view shows its own ones: of the same runs and groups."""
    first = view.metrics[0] if view.metrics else metric
    return _computed(workspace, workspace.facts(), replace(view, metrics=(metric,)), first)


def _computed(workspace: Workspace, facts: Facts, view: View, ranked_by: str) -> Drawing:
    """``ranked_by`` is the metric that says which of too many groups are drawn."""
    if not facts.runs:
        return Drawing(empty=nothing_there(workspace.index.roots))
    if not view.metrics:
        return Drawing(empty=_nothing_logged(facts.runs))
    try:
        runs, left_out = counted_runs(workspace.index, facts, view)
        drawn = _drawn(workspace, facts, view, runs, ranked_by)
        return replace(drawn, caveats=(*left_out, *drawn.caveats))
    except QueryError as error:
        text = str(error)
        return Drawing(empty=f"{text[:1].upper()}{text[1:]}")


def nothing_there(roots: Sequence[Path]) -> str:
    """What to say where there is no run."""
    found = found_there(roots)
    there = f" What lies here: {found}." if found else ""
    return f"No runs here yet. They appear as soon as one starts.{there} A run is {read_formats()}."


def _nothing_logged(runs: Sequence[Run]) -> str:
    unread = instead_of_metrics(runs)
    beside = f" {unread[0].upper()}{unread[1:]}." if unread else ""
    return f"No metric yet. Curves appear here as soon as a run logs its first value.{beside}"


def _drawn(
    workspace: Workspace, facts: Facts, view: View, runs: Sequence[Run], ranked_by: str
) -> Drawing:
    if not runs:
        return Drawing(empty=f"No run fulfils {view.where}.")
    by, split = view.by or (), [key for key in view.split if key not in (view.by or ())]
    queries = [replace(query, by=by) for query in curve_queries(view)]
    lines = groups(runs, facts.find(by))
    places, first = _page(workspace, facts, view, lines, ranked_by)
    ranked = [lines[place] for place in places]
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
        empty="" if seen else _why_empty(view, panels),
        notes=tuple(notes),
        caveats=caveats(sets),
        band=next((curves.band for curves in sets if curves.groups), "none"),
        remark=remark(sets),
        first=first,
        shown=len(ranked),
        all=len(lines),
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


def _why_empty(view: View, panels: Sequence[Panel]) -> str:
    """Why no line can be seen."""
    metrics = " or ".join(view.metrics)
    of = "selected runs" if view.selected else "runs shown"
    if any(panel.lines for panel in panels):
        return f"All values of {metrics} are NaN or infinite in the {of}: no line to draw."
    return f"None of the {of} has logged {metrics} so far."


def caption(facts: Facts, view: View, drawing: Drawing) -> str:
    """How to read the chart; "" where it shows nothing."""
    shown = [group for panel in drawing.panels for group in panel.groups]
    sizes = [int(group.curve.n.max()) for group in shown if len(group.curve.n)]
    sizes = [size for size in sizes if size]
    if not sizes:
        return ""
    smoothing = parse("smoothing", view.smooth, SMOOTHINGS)
    smoothed = SMOOTHED.get(smoothing.name, "").format(*smoothing.numbers)
    text = _lines(facts, replace(view, band=drawing.band), shown, sizes, smoothed=bool(smoothed))
    if smoothed:
        when = "" if max(sizes) == 1 else f", {view.smooth_when} averaging"
        text += f" Lines are {smoothed}{when}."
    return " ".join([text, *drawing.caveats])


def _lines(
    facts: Facts, view: View, shown: Sequence[GroupCurve], sizes: Sequence[int], *, smoothed: bool
) -> str:
    if len(facts.runs) == 1:
        return "The only run so far: there is nothing to compare it with yet."
    if view.by == (facts.each_run,):
        if not facts.keys:
            return "The configs of these runs do not differ, so each line is one run."
        return "Each line is one run." if smoothed else "Each line is one run, as it was logged."
    names = " and ".join(_short(facts, key) for key in view.by or ())
    if max(sizes) == 1:
        return f"One line a value of {names}, with one run each, so there is no band."
    low, high = min(sizes), max(sizes)
    number = str(low) if low == high else f"{low} to {high}"
    averaged = averaged_over(facts, view, shown)
    inside = f" ({averaged} averaged)" if averaged else ""
    center = CENTERS[view.center]
    start = (
        f"Each line is the {center} of {number} runs with the same {names}{inside}"
        if names
        else f"The line is the {center} of {number} runs{inside}"
    )
    band = band_words(view.band)
    return f"{start}; the band is {band}." if band else f"{start}."


def averaged_over(facts: Facts, view: View, shown: Sequence[GroupCurve]) -> str:
    """In what the runs of one line differ: ``3 seeds and 2 values of layers``."""
    # Keys of which each run has its own value (a directory, a time) are no settings.
    own = {*(view.by or ()), *view.split, *view.best}
    keys = [key for key in facts.keys if key not in own and key != facts.seed]
    keys = ([facts.seed] if facts.seed and facts.seed not in own else []) + keys
    differing = []
    for key in keys[:8]:
        (own_key,) = facts.find([key])
        values = max(len({comparison_key(own_key.value(run)) for run in g.runs}) for g in shown)
        if key == facts.seed and values > 1:
            differing.append(f"{values} seeds")
        elif 1 < values < max(len(group.runs) for group in shown):
            differing.append(f"{values} values of {_short(facts, key)}")
    named, more = differing[:3], len(differing) - 3
    if more > 0:
        return f"{', '.join(named)} and of {more} other keys"
    return " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]]))


def reason(facts: Facts, view: View) -> str:
    """Why the page shows this metric and these groups, where it has chosen both."""
    if view.metrics != (facts.metric,) or view.by != facts.by or len(facts.runs) < 2:
        return ""
    chosen = f"Chosen for you: {_short(facts, facts.metric or '')}"
    if not facts.by or len(facts.keys) < 2 or facts.by == (facts.each_run,):
        return f"{chosen}."
    most = ", which matters most" if facts.depends else ""
    return f"{chosen} by {_short(facts, facts.by[0])}{most}."


def pager(drawing: Drawing, view: View) -> str:
    """Which of too many groups are drawn; "" where all are."""
    if drawing.shown == drawing.all:
        return ""
    last = drawing.first + drawing.shown
    extreme = "lowest" if better(view.metrics[0]) == "min" else "highest"
    return (
        f"Groups {drawing.first + 1} to {last} of {drawing.all}, those with the {extreme} last "
        f"{view.metrics[0]} first. A filter or ticked runs show others, too."
    )


def _short(facts: Facts, key: str) -> str:
    name = facts.names.get(key, key)
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[1 - LONGEST // 2 :]}"
