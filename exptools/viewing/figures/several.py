"""The curves of one metric or of several as one Plotly figure: a panel each, or in one panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves.curve_data import CurveData, GroupCurve
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import Line, figure, reference_trace
from exptools.viewing.figures.panels import stacked
from exptools.viewing.figures.references import (
    Reference,
    check_labels,
    references_by_metric,
    with_own_names,
)
from exptools.viewing.figures.theme import DASHES, LIGHT
from exptools.viewing.figures.together import (
    Shared,
    Telling,
    reach_of,
    shared_panels,
)


@dataclass(frozen=True)
class Look:
    """What a figure has beside its curves, and how its metrics are laid out."""

    together: bool = False  # all metrics in one panel, where two axes are enough for them
    references: Sequence[str | Reference] = ()
    labels: Mapping[str, str] = field(default_factory=dict)  # own names of groups, by their labels
    colors: Mapping[str, str] = field(default_factory=dict)  # own colours, likewise


PLAIN = Look()


def name_of(group: GroupCurve) -> str:
    """What a group is called in a legend: its label, and whether it is the baseline."""
    return f"{group.label} (baseline)" if group.is_baseline else ""


def named_lines(
    sets: Sequence[CurveData], look: Look, styles: dict[Any, int]
) -> dict[str, list[Line]]:
    """The lines of each metric, with their own names and colours."""
    lines: dict[str, list[Line]] = {}
    for curves in sets:
        places = [styles.setdefault(_same(group), len(styles)) for group in curves.groups]
        of_metric = [
            Line(group.label, group.curve, at, name_of(group))
            for group, at in zip(curves.groups, places, strict=True)
        ]
        lines[curves.metric] = with_own_names(of_metric, look.labels, look.colors)
    there = [line.label for of in lines.values() for line in of]
    if there:
        check_labels([*look.labels, *look.colors], there)
    return lines


def several(sets: Sequence[CurveData], look: Look) -> dict[str, Any]:
    """A figure with a panel for each metric, one over the other; or with all in one."""
    metrics = [curves.metric for curves in sets]
    check_references(look, sets)
    references = references_by_metric(look.references, metrics)
    lines = named_lines(sets, look, {})
    if look.together and len(sets) > 1:
        panels = _together(sets, lines, references)
    else:
        panels = [
            _with_references(
                figure(
                    lines[curves.metric],
                    curves.metric,
                    curves.legend,
                    x=curves.x,
                    remark=curves.remark,
                    title=curves.title,
                ),
                lines[curves.metric],
                references.get(curves.metric, []),
            )
            for curves in sets
        ]
    return panels[0] if len(panels) == 1 else stacked(panels)


def check_references(look: Look, sets: Sequence[CurveData]) -> None:
    """Raise QueryError where lines of a metric should stand among differences to a baseline."""
    if look.references and any(curves.baseline for curves in sets):
        raise QueryError(
            "reference lines are of the metric itself, and these curves are differences to "
            f"{sets[0].baseline}: leave the lines or the baseline out"
        )


def check_together(metrics: Sequence[str]) -> None:
    """Raise QueryError where dashes would not be enough to tell metrics apart."""
    if len(metrics) > len(DASHES):
        raise QueryError(
            f"{len(metrics)} metrics in one panel cannot be told apart, {len(DASHES)} can: choose "
            "fewer, or give each its own panel"
        )


def _together(
    sets: Sequence[CurveData],
    lines: Mapping[str, Sequence[Line]],
    references: Mapping[str, Sequence[Reference]],
) -> list[dict[str, Any]]:
    by_metric = {curves.metric: curves for curves in sets}
    check_together([*by_metric])
    telling = Telling.of(lines, len(LIGHT.lines))
    title = telling.title(sets[0].legend)
    told = {metric: [telling.told(line, metric) for line in of] for metric, of in lines.items()}
    reaches = {metric: reach_of(of) for metric, of in lines.items()}
    return [_panel(shared, by_metric, told, title, references) for shared in shared_panels(reaches)]


def _panel(
    shared: Shared,
    sets: Mapping[str, CurveData],
    lines: Mapping[str, Sequence[Line]],
    legend: str,
    references: Mapping[str, Sequence[Reference]],
) -> dict[str, Any]:
    """A panel with a left axis and, where its metrics need it, a right one."""
    first = sets[shared.left[0]]
    parts = []
    for metrics in filter(None, (shared.left, shared.right)):
        own = [line for metric in metrics for line in lines[metric]]
        titles = ", ".join(sets[metric].title for metric in metrics)
        part = figure(own, metrics[0], legend, x=first.x, remark=first.remark, title=titles)
        wanted = [one for metric in metrics for one in references.get(metric, ())]
        parts.append(_with_references(part, own, wanted))
    left, *rights = parts
    left["layout"]["showlegend"] = True
    for right in rights:
        left["data"] += [trace | {"yaxis": "y2"} for trace in right["data"]]
        beside = {
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "tickmode": "auto",
        }
        left["layout"]["yaxis2"] = right["layout"]["yaxis"] | beside
        left["layout"]["legend"] = left["layout"]["legend"] | {"x": 1.1}
    return left


def _with_references(
    drawn: dict[str, Any], lines: Sequence[Line], references: Sequence[Reference]
) -> dict[str, Any]:
    ends = [float(end) for line in lines for end in (*line.curve.x[:1], *line.curve.x[-1:])]
    if not ends:
        return drawn
    span = min(ends), max(ends)
    traces = [
        reference_trace(one.value, one.label, span, number, LIGHT)
        for number, one in enumerate(references)
    ]
    return drawn | {"data": [*drawn["data"], *traces]}


def _same(group: GroupCurve) -> tuple[Any, ...]:
    return tuple(map(comparison_key, group.values))
