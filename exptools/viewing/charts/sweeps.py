"""Two sweeps side by side: a metric's curves in two panels, and the runs that match."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exptools.rundir import STEP
from exptools.viewing.charts.chart import Chart, count, note, number
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.configs.values import MISSING, comparison_key, display
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, caveats
from exptools.viewing.curves.query import CurveQuery, curve_set, settled
from exptools.viewing.curves.statistics.aggregation import aggregate, fitting, parse_method
from exptools.viewing.curves.statistics.centers import CENTERS, band_words, few_runs
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.downsampling import downsample
from exptools.viewing.figures.lines import (
    MAX_POINTS,
    Line,
    band_trace,
    center_trace,
    curve_layout,
    from_the_top,
    x_axis,
    y_axis,
)
from exptools.viewing.figures.theme import LIGHT, Theme, short_text
from exptools.viewing.groups.differences import Difference, SweepComparison, compare_sweeps
from exptools.viewing.groups.grouping import Key, find_keys
from exptools.viewing.groups.names import config_name
from exptools.viewing.index import Index
from exptools.viewing.run import Run

GUTTER = 0.02  # between the panels, in parts of the width
HEIGHT = 400  # px
CERTAINTY = "interval:95"  # the interval of the differences, whatever the band of the curves is


@dataclass(frozen=True)
class Match:
    """A run of either sweep, equal in the keys by which the sweeps are matched."""

    values: Mapping[str, str]  # of these keys by their short names, as a person reads them
    left: Run
    right: Run
    left_value: float  # the measure; NaN where the run has none
    right_value: float

    @property
    def difference(self) -> float:
        """Right less left; NaN where either has no value."""
        return self.right_value - self.left_value


@dataclass(frozen=True)
class SideBySide:
    """Two sweeps, drawn and told."""

    chart: Chart
    differences: tuple[Difference, ...]  # what all runs of one and of the other differ in
    matches: tuple[Match, ...]
    only_left: tuple[Run, ...]  # runs without a partner
    only_right: tuple[Run, ...]


@dataclass(frozen=True)
class _Panel:
    """A sweep's curves."""

    sweep: str
    runs: tuple[Run, ...]
    curves: CurveData | None  # None where none of the runs has logged the metric

    @property
    def groups(self) -> tuple[GroupCurve, ...]:
        """The groups that have a curve."""
        return self.curves.groups if self.curves else ()


def side_by_side(
    index: Index,
    runs: Sequence[Run],
    sweeps: tuple[str, str],
    measure: Measure,
    by: Sequence[str],
    *,
    band: str = "interval:95",
    theme: Theme = LIGHT,
) -> SideBySide:
    """Compare two sweeps: the curves of either, and the runs that match by their measure.

    ``band`` is that of the curves; their centre is the measure's.
    """
    if sweeps[0] == sweeps[1]:
        raise QueryError(f"The sweep {sweeps[0]} cannot be compared with itself: choose another")
    comparison = compare_sweeps(runs, *sweeps)
    of_sweeps = [run for run in runs if run.sweep in sweeps]
    numbers = measure.of_runs(index, of_sweeps)
    panels = _panels(index, of_sweeps, sweeps, measure, by, band)
    matches = _matches(comparison, of_sweeps, numbers)
    keys = find_keys(of_sweeps, by, index.snapshot.runs)
    figure = _figure(index, panels, measure.metric, keys, theme)
    caption = _caption(matches, comparison, measure, panels)
    chart = Chart(figure, caption, HEIGHT, fills=False)
    only_left, only_right = comparison.only_left, comparison.only_right
    return SideBySide(chart, comparison.differences, matches, only_left, only_right)


def _panels(
    index: Index,
    runs: Sequence[Run],
    sweeps: Sequence[str],
    measure: Measure,
    by: Sequence[str],
    band: str,
) -> list[_Panel]:
    """The curves of each sweep; their bands are of one kind."""
    query = CurveQuery(measure.metric, method=parse_method(measure.center, band))
    panels = [_panel(index, runs, sweep, query, by) for sweep in sweeps]
    again = settled(query, [panel.curves for panel in panels if panel.curves])
    if again == query:
        return panels
    return [_panel(index, runs, sweep, again, by) for sweep in sweeps]


def _panel(
    index: Index, runs: Sequence[Run], sweep: str, query: CurveQuery, by: Sequence[str]
) -> _Panel:
    own = tuple(run for run in runs if run.sweep == sweep)
    if query.metric not in index.tags(own):
        return _Panel(sweep, own, None)
    # A key that only the other sweep has groups nothing here.
    keys = (key for key in by if key in ("sweep", "state") or any(key in r.config for r in own))
    return _Panel(sweep, own, curve_set(index, own, replace(query, by=tuple(keys))))


def _matches(
    comparison: SweepComparison, runs: Sequence[Run], numbers: Mapping[str, float]
) -> tuple[Match, ...]:
    keys = find_keys(runs, [config_name(key) for key in comparison.matched_by])
    names = {key: of.short for key, of in zip(comparison.matched_by, keys, strict=True)}

    def match(left: Run, right: Run) -> Match:
        values = {name: display(left.config.get(key, MISSING)) for key, name in names.items()}
        return Match(values, left, right, numbers[left.name], numbers[right.name])

    return tuple(match(left, right) for left, right in comparison.matched)


def _figure(
    index: Index, panels: Sequence[_Panel], metric: str, by: Sequence[Key], theme: Theme
) -> dict[str, Any]:
    identities = [
        tuple(map(comparison_key, group.values)) for panel in panels for group in panel.groups
    ]
    styles = iter(index.styles("\0".join(key.name for key in by), identities))
    legend = ", ".join(key.short for key in by)
    traces: list[dict[str, Any]] = []
    for at, panel in enumerate(panels, start=1):
        lines = [
            Line(group.label, downsample(group.curve, MAX_POINTS), next(styles))
            for group in panel.groups
        ]
        traces += _traces(sorted(lines, key=from_the_top), at, theme)
    shown: set[str] = set()
    for trace in traces:  # a group that both sweeps have stands in the legend once
        if trace["showlegend"]:
            trace["showlegend"] = trace["legendgroup"] not in shown
            shown.add(trace["legendgroup"])
    layout = curve_layout(legend, theme) | _axes(metric, theme)
    titles = [_title(panel, at, theme) for at, panel in enumerate(panels)]
    layout |= {"annotations": titles, "showlegend": len(shown) > 1}
    return {"data": traces, "layout": layout}


def _traces(lines: Sequence[Line], panel: int, theme: Theme) -> list[dict[str, Any]]:
    bands = [trace for line in lines if (trace := band_trace(line, theme))]
    traces = [*bands, *(center_trace(line, theme) for line in lines)]
    own = {"xaxis": "x" if panel == 1 else f"x{panel}"}
    return [trace | own | {"uid": f"{panel}{trace['uid']}"} for trace in traces]


def _axes(metric: str, theme: Theme) -> dict[str, Any]:
    """Two panels that share both axes: to zoom into one is to zoom into the other."""
    first, second = ([0, 0.5 - GUTTER / 2], [0.5 + GUTTER / 2, 1])
    return {
        "xaxis": x_axis(STEP, theme) | {"domain": first},
        "xaxis2": x_axis(STEP, theme) | {"domain": second, "matches": "x", "anchor": "y"},
        "yaxis": y_axis(metric, theme),
        "margin": {"l": 8, "r": 8, "t": 40, "b": 8},
    }


def _title(panel: _Panel, at: int, theme: Theme) -> dict[str, Any]:
    text = f"<b>{short_text(panel.sweep, 44)}</b>  {count(len(panel.runs))}"
    text += "" if panel.groups else ", none has logged it"
    across = {"x": at * (0.5 + GUTTER / 2), "xref": "paper", "xanchor": "left"}
    up = {"y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 8}
    return note(text, 13, theme.text, **across, **up)


def _caption(
    matches: Sequence[Match],
    comparison: SweepComparison,
    measure: Measure,
    panels: Sequence[_Panel],
) -> str:
    groups = [len(group.runs) for panel in panels for group in panel.groups]
    sets = [panel.curves for panel in panels if panel.curves]
    words = band_words(sets[0].band) if sets else ""
    shade = f", the band {words}" if words and max(groups, default=0) > 1 else ""
    parts = [f"Lines are the {CENTERS[measure.center]} of the runs of a group{shade}."]
    parts += caveats(sets) if sets else ()
    differences = [m.difference for m in matches if math.isfinite(m.difference)]
    if differences:
        parts += _difference(differences, measure)
    else:
        parts.append("No run of one sweep matches one of the other with a value of both.")
    alone = len(comparison.only_left) + len(comparison.only_right)
    if alone:
        parts.append(f"{count(alone)} without a partner.")
    return " ".join(parts)


def _difference(differences: Sequence[float], measure: Measure) -> list[str]:
    """What matched runs differ by: centre and interval are of the differences, pair by pair."""
    points = [(np.zeros(1), np.array([value])) for value in differences]
    number_of_pairs = len(differences)
    method = fitting(parse_method(measure.center, CERTAINTY), [number_of_pairs])
    curve = aggregate(points, method)
    center, low, high = (float(values[0]) for values in (curve.center, curve.low, curve.high))
    words = band_words(str(method.band))
    span = f" ({words}: {number(low)} to {number(high)})" if math.isfinite(low) else ""
    sentence = (
        f"Right less left, {measure.words} of matched runs: {number(center)} in the "
        f"{CENTERS[measure.center]} of {count(number_of_pairs, 'pair')}{span}."
    )
    few = few_runs(method.center, method.band, [number_of_pairs])
    return [sentence, *(text.replace(" runs", " pairs") for text in few)]
