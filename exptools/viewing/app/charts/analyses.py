"""Which setting mattered, and whether one group is better, for what a view shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from exptools.metrics import better
from exptools.viewing.analysis.importance import Importance, ImportanceQuery, importance
from exptools.viewing.analysis.importance_chart import importance_chart
from exptools.viewing.analysis.improvement import ImprovementQuery, improvement
from exptools.viewing.analysis.improvement_chart import improvement_chart
from exptools.viewing.analysis.strata import Side
from exptools.viewing.analysis.verdict import Improvement
from exptools.viewing.app.charts.controls import (
    chart_of,
    chosen,
    controls,
    groups_of,
    summary_of,
)
from exptools.viewing.app.facts import Facts, counted_runs
from exptools.viewing.app.view import View
from exptools.viewing.charts.bars import group_color
from exptools.viewing.charts.chart import Chart
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.theme import Theme
from exptools.viewing.groups.grouping import Group
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files.group_names import NO_NAME, OwnName, group_id


def with_best_pair(index: Index, facts: Facts, view: View) -> View:
    """The view with the two groups that are compared where nobody has chosen: the best two."""
    if chart_of(view) != "improvement":
        return view
    groups, values = groups_of(facts, view), chosen(controls(facts, view))
    labels = {group.label for group in groups}
    given = {name: view.options.get(name, "") for name in ("of", "over")}
    if len(groups) < 3 or labels.issuperset(given.values()):
        return view
    try:
        runs, _ = counted_runs(index, facts, view)
        measure = Measure(str(values["metric"]), summary_of(values))
        numbers = measure.of_runs(index, runs)
    except QueryError:  # which the chart itself says
        return view
    # One that somebody has chosen stays, and the best of the others is compared with it.
    taken = [label for label in given.values() if label in labels]
    ranked = [label for label in _ranked(groups, numbers, measure.metric) if label not in taken]
    pair = {name: label if label in labels else ranked.pop(0) for name, label in given.items()}
    return replace(view, options={**view.options, **pair})


def _ranked(groups: Sequence[Group], numbers: Mapping[str, float], metric: str) -> list[str]:
    """The groups by their means, the best first; those without a number last."""
    sign = -1 if better(metric) == "min" else 1

    def worth(group: Group) -> float:
        values = [numbers.get(run.name, math.nan) for run in group.runs]
        finite = [value for value in values if math.isfinite(value)]
        return -math.inf if not finite else sign * float(np.mean(finite))

    return [group.label for group in sorted(groups, key=worth, reverse=True)]


def importance_of(index: Index, facts: Facts, view: View, runs: Sequence[Run]) -> Importance:
    """How much each key explains of the metric that is chosen."""
    values = chosen(controls(facts, view))
    return importance(index, runs, ImportanceQuery(str(values["metric"]), None, summary_of(values)))


def improvement_of(index: Index, facts: Facts, view: View, runs: Sequence[Run]) -> Improvement:
    """Whether the one of two groups that is chosen is better than the other."""
    values = chosen(controls(facts, view))
    of, over = (str(values[name]) for name in ("of", "over"))
    if of == over:
        raise QueryError(f"{of} cannot be compared with itself: choose another group")
    groups = {group.label: {run.name for run in group.runs} for group in groups_of(facts, view)}
    sides = [
        Side(_named(facts, view, label), tuple(run for run in runs if run.name in groups[label]))
        for label in (of, over)
    ]
    for side in sides:
        if not side.runs:
            raise QueryError(
                f"no run of {side.label} is left by the filter, the ticks and the runs that count"
            )
    query = ImprovementQuery(str(values["metric"]), summary_of(values))
    found = improvement(index, sides[0], sides[1], query)
    if len(groups) < 3:
        return found
    note = (
        f"These are two of {len(groups)} groups: if you chose them by their results, the "
        "difference looks larger than it is."
    )
    return replace(found, notes=(*found.notes, note))


def _named(facts: Facts, view: View, label: str) -> str:
    """A group by its key and value: "lr=0.01"."""
    keys = facts.find(view.by or ())
    return f"{keys[0].short}={label}" if len(keys) == 1 and keys[0].whole in facts.names else label


def analysis_chart(
    index: Index,
    facts: Facts,
    view: View,
    runs: Sequence[Run],
    theme: Theme,
    names: Mapping[str, OwnName],
) -> Chart:
    """The chart of either analysis; groups are called and coloured as they are among the curves."""
    if chart_of(view) == "importance":
        return importance_chart(importance_of(index, facts, view, runs), theme)
    found = improvement_of(index, facts, view, runs)
    by, groups = view.by or (), groups_of(facts, view)
    styles = index.styles("\0".join(by), [group.comparison_key for group in groups])
    own: dict[str, tuple[str, str]] = {}  # by what they are called otherwise
    for group, style in zip(groups, styles, strict=True):
        label, name = (
            _named(facts, view, group.label),
            names.get(group_id(by, group.values), NO_NAME),
        )
        color = name.color or group_color(style, len(groups), theme)
        own[label] = (name.label or label, color)
    labels, colors = zip(*(own[label] for label in found.labels), strict=True)
    pair = (colors[0], colors[1]) if colors[0] != colors[1] else None
    return improvement_chart(replace(found, labels=(labels[0], labels[1])), theme, pair)
