"""The chart that the tab of charts shows, or why there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from exptools.viewing.app.charts.analyses import analysis_chart, with_best_pair
from exptools.viewing.app.charts.controls import (
    ANALYSES,
    NOTHING,
    chart_of,
    chosen,
    controls,
    groups_of,
    summary_of,
    sweeps_of,
)
from exptools.viewing.app.compare.absences import not_logged, nothing_logged
from exptools.viewing.app.facts import Facts, counted_runs
from exptools.viewing.app.view import View
from exptools.viewing.charts.bars import bars
from exptools.viewing.charts.chart import Chart
from exptools.viewing.charts.heat_map import heat_map
from exptools.viewing.charts.parallel import parallel
from exptools.viewing.charts.quantities import METRIC, Measure
from exptools.viewing.charts.scatter import scatter
from exptools.viewing.charts.sweeps import SideBySide, side_by_side
from exptools.viewing.charts.timeline import timeline
from exptools.viewing.curves.endings import ALL
from exptools.viewing.curves.remarks import remarks
from exptools.viewing.curves.summaries import measured_names
from exptools.viewing.curves.summaries import summary_of as summary_of_metric
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.theme import Theme
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files.group_names import OwnName


@dataclass(frozen=True)
class ChartContent:
    """A chart, or why there is none."""

    chart: Chart | None = None
    empty: str = ""
    sweeps: SideBySide | None = None  # what stands below the chart of two sweeps


def chart_content(
    index: Index,
    facts: Facts,
    view: View,
    theme: Theme,
    names: Mapping[str, OwnName] | None = None,
) -> ChartContent:
    """What the tab shows; ``names`` are the user's own ones of groups, by ``group_id``."""
    own = names or {}
    try:
        view = with_best_pair(index, facts, view)
        # A timeline shows what became of the runs.
        asked = replace(view, states=ALL) if chart_of(view) == "timeline" else view
        runs, left_out = counted_runs(index, facts, asked)
        need = next(_needs(index, facts, view, runs), None)
        if need:
            return ChartContent(empty=need)
        if chart_of(view) in ANALYSES:
            drawn = ChartContent(analysis_chart(index, facts, view, runs, theme, own))
        else:
            drawn = _drawn(index, facts, view, runs, theme, own)
        return _with_caveats(drawn, (*left_out, *_remarks(index, facts, view, runs)))
    except QueryError as error:
        text = str(error)
        return ChartContent(empty=f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.?' else '.'}")


def _remarks(index: Index, facts: Facts, view: View, runs: Sequence[Run]) -> Iterator[str]:
    """What to know of the runs' numbers."""
    values = chosen(controls(facts, view))
    for name in _asked_metrics(facts, view):
        yield from remarks(index, runs, name, summary_of_metric(name, summary_of(values)))


def _with_caveats(content: ChartContent, sentences: Sequence[str]) -> ChartContent:
    """The same, with more to say in the caption."""
    chart = content.chart
    if chart is None:
        return content
    return replace(content, chart=replace(chart, caption=" ".join([chart.caption, *sentences])))


def _needs(index: Index, facts: Facts, view: View, runs: Sequence[Run]) -> Iterator[str]:
    """What is missing for the chart to be drawn, a sentence each."""
    chart = chart_of(view)
    if not facts.runs:
        yield "No runs here yet. They appear as soon as one starts."
    elif not runs:
        yield f"No run fulfils {view.where}."
    if chart == "timeline":
        return
    if not facts.metrics and not facts.measured:
        yield nothing_logged(index, runs)
    elif not facts.metrics and chart == "sweeps":
        yield (
            "Two sweeps are compared by a metric that the runs logged, and these logged none. "
            "What they came to is in Final values: group it by sweep."
        )
    keys = f"only {facts.keys[0]} does" if facts.keys else "none does"
    if chart == "heat-map" and len(facts.keys) < 2:
        yield f"A heat map needs two keys that vary between the runs; here {keys}."
    if chart == "parallel" and not facts.keys:
        yield f"Parallel coordinates need a key that varies between the runs; here {keys}."
    if chart == "improvement" and len(groups_of(facts, view)) < 2:
        yield "Two groups are compared where there are two: group by a key with several values."
    if chart == "sweeps" and (number := len(sweeps_of(facts))) < 2:
        have = "one" if number else "none"
        yield f"Sweeps stand side by side where there are two of them; here there is {have}."
    elif chart == "sweeps":
        yield from _without_runs(facts, view, runs)
    for metric in _asked_metrics(facts, view):
        if metric not in index.runs_by_tag(runs):
            yield _not_there(index, view, runs, metric)


def _asked_metrics(facts: Facts, view: View) -> list[str]:
    """The metrics that the chart is to show."""
    values = chosen(controls(facts, view))
    asked = [str(values.get(name, "")) for name in ("metric", "x", "y", "color")]
    names = dict.fromkeys(name.removeprefix(METRIC) for name in asked)
    return [name for name in names if name in facts.metrics]


def _not_there(index: Index, view: View, runs: Sequence[Run], metric: str) -> str:
    """That none of the runs has logged a metric, and which of their values to choose."""
    measured = measured_names(runs)
    if measured and not index.runs_by_tag(runs):
        return f"None of the runs shown has logged {metric}. They have {measured[0]}: choose that."
    return not_logged(index, view, runs, metric)


def _without_runs(facts: Facts, view: View, runs: Sequence[Run]) -> Iterator[str]:
    """Which of the chosen sweeps has no run among those that are drawn."""
    values, drawn = chosen(controls(facts, view)), {run.sweep for run in runs}
    for sweep in (values["left"], values["right"]):
        if sweep not in drawn:
            yield (
                f"No run of the sweep {sweep} is left by the filter, the ticks and the runs that "
                "count: change these, or choose another sweep."
            )


def _drawn(
    index: Index,
    facts: Facts,
    view: View,
    runs: Sequence[Run],
    theme: Theme,
    names: Mapping[str, OwnName],
) -> ChartContent:
    chart = chart_of(view)
    values = chosen(controls(facts, view))

    def one(name: str) -> str:
        return str(values[name])

    def many(name: str) -> tuple[str, ...]:
        return tuple(values[name])

    if chart == "timeline":
        return ChartContent(timeline(runs, time.time(), theme=theme))
    summary = summary_of(values)
    if chart == "scatter":
        color = None if one("color") == NOTHING else one("color")
        return ChartContent(
            scatter(index, runs, one("x"), one("y"), color, summary=summary, theme=theme)
        )
    measure = Measure(one("metric"), summary, view.center, view.band)
    if chart == "heat-map":
        return ChartContent(
            heat_map(index, runs, measure, one("columns"), one("rows"), theme=theme)
        )
    if chart == "parallel":
        return ChartContent(parallel(index, runs, measure, many("axes"), theme=theme))
    if chart == "sweeps":
        sides = (one("left"), one("right"))
        both = side_by_side(index, runs, sides, measure, many("by"), band=view.band, theme=theme)
        return ChartContent(both.chart, sweeps=both)
    filled = one("style") == "bars"
    by = many("by")
    return ChartContent(bars(index, runs, measure, by, filled=filled, theme=theme, names=names))
