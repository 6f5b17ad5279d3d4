"""The controls of the tab of charts: what can be chosen, and what is where nobody has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from exptools.viewing.app.facts import Facts
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import BANDS
from exptools.viewing.charts.quantities import KEY, METRIC, of_key
from exptools.viewing.curves.endings import STATES
from exptools.viewing.curves.statistics.centers import CENTERS
from exptools.viewing.groups.grouping import Group, groups
from exptools.viewing.groups.names import SUMMARY

CHARTS = {
    "bars": "Final values",
    "heat-map": "Heat map",
    "parallel": "Parallel coordinates",
    "scatter": "Scatter",
    "timeline": "Timeline",
    "sweeps": "Two sweeps",
    "importance": "What mattered",
    "improvement": "Is it better?",
}
ANALYSES = ("importance", "improvement")  # charts of an analysis, whose numbers can be had
SUMMARIES = {
    "last": "last",
    "best": "best",
    "max": "highest",
    "min": "lowest",
    "mean": "mean of the last …",
    "at": "at step …",
    "auc": "area under the curve",
}
STYLES = {"dots": "Dots", "bars": "Bars"}
MEAN_OF = 10  # values, where nobody says of how many
MOST_AXES = 8
MOST_CELLS = 20  # values of a key that a heat map shows by itself
NOTHING = "nothing"  # as a colour

Options = dict[str, str]  # values and their labels


@dataclass(frozen=True)
class Control:
    """One control: what can be chosen in it, and what is."""

    name: str
    label: str
    options: Options = field(default_factory=dict)  # none: a number is typed
    value: str | tuple[str, ...] = ""  # several where several can be chosen
    segmented: bool = False  # whether the few options stand side by side


def chart_of(view: View) -> str:
    """The chart that is chosen."""
    return view.chart if view.chart in CHARTS else next(iter(CHARTS))


def controls(facts: Facts, view: View) -> list[Control]:
    """The controls of the chosen chart, as they stand."""
    metric = _metric(facts, view)
    summary = [] if metric.value not in facts.metrics and facts.measured else _summary(view)
    center = Control("center", "Centre", CENTERS, view.center)
    by = Control("by", "Group by", _keys(facts, each=True), tuple(view.by or ()))
    states = Control("states", "Runs that count", STATES, view.states)
    own: dict[str, Callable[[], list[Control]]] = {
        "bars": lambda: [metric, *summary, by, center, _band(view), states, _style(view)],
        "heat-map": lambda: [metric, *summary, *_pair(facts, view), center, states],
        "parallel": lambda: [metric, *summary, _axes(facts, view), states],
        "scatter": lambda: [*_places(facts, view), *_summary(view), states],
        "sweeps": lambda: [
            *_sweeps(facts, view),
            _curve(facts, view),
            *_summary(view),
            by,
            center,
            _band(view),
            states,
        ],
        "importance": lambda: [metric, *summary, states],
        "improvement": lambda: [metric, *summary, by, *_sides(facts, view), states],
    }
    return own.get(chart_of(view), list)()


def chosen(shown: Sequence[Control]) -> dict[str, str | tuple[str, ...]]:
    """What the controls say, by their names."""
    return {control.name: control.value for control in shown}


def summary_of(values: dict[str, str | tuple[str, ...]]) -> str:
    """The summary that the controls say, as ``Measure`` takes it."""
    name = str(values.get("summary", "last"))
    return f"{name}:{values['number']}" if "number" in values else name


def sweeps_of(facts: Facts) -> list[str]:
    """The sweeps, the oldest first, as far as their names tell."""
    sweeps = dict.fromkeys(run.sweep for run in facts.runs)  # runs come in the order of names
    return [sweep for sweep in sweeps if sweep is not None]


def _metric(facts: Facts, view: View) -> Control:
    options = _measured(facts)
    return Control(
        "metric", "Metric", options, _option(view, "metric", options, _first(facts, view))
    )


def _first(facts: Facts, view: View) -> str:
    """The metric with curves; where the page chose it and few have one, what the runs came to."""
    metric = next(iter(view.metrics), None)
    if metric is not None and (metric != facts.metric or not facts.few):
        return metric
    return f"{SUMMARY}{facts.result}"


def _measured(facts: Facts) -> Options:
    """What gives a run a number: the metrics, and the values of the runs' summaries."""
    said = {f"{SUMMARY}{name}": f"{name} (of the run)" for name in facts.measured}
    return {metric: metric for metric in facts.metrics} | said


def _curve(facts: Facts, view: View) -> Control:
    """The metric where only one with a curve will do."""
    options = {metric: metric for metric in facts.metrics}
    return Control("metric", "Metric", options, (*view.metrics, "")[0])


def _summary(view: View) -> list[Control]:
    """A run's number, and of how many values or at which step it is."""
    name, _, number = view.options.get("summary", "last").partition(":")
    name = name if name in SUMMARIES else "last"
    control = Control("summary", "Value of a run", SUMMARIES, name)
    if name not in ("mean", "at"):
        return [control]
    label = "Values" if name == "mean" else "Step"
    default = str(MEAN_OF) if name == "mean" else "0"
    return [control, Control("number", label, value=number or default)]


def _band(view: View) -> Control:
    others = {} if view.band in BANDS else {view.band: view.band}
    return Control("band", "Interval", BANDS | others, view.band)


def _style(view: View) -> Control:
    return Control("style", "Centre as", STYLES, _option(view, "style", STYLES), segmented=True)


def _option(view: View, name: str, options: Options, default: str = "") -> str:
    given = view.options.get(name, "")
    return given if given in options else default or next(iter(options), "")


def _keys(facts: Facts, *, each: bool = False) -> Options:
    own = {facts.each_run: "run: each by itself"} if each else {}
    return {key: facts.names[key] for key in facts.keys} | own


def _telling(facts: Facts) -> list[str]:
    """The keys that differ, the seed last."""
    return sorted(facts.keys, key=lambda key: key == facts.seed)


def _pair(facts: Facts, view: View) -> list[Control]:
    """The two keys of a heat map: those with few values first."""
    options = _keys(facts)
    few = [key for key in _telling(facts) if len(set(of_key(facts.runs, key).texts)) <= MOST_CELLS]
    first, second = [*dict.fromkeys([*few, *options]), "", ""][:2]
    across = _option(view, "columns", options, first)
    down = _option(view, "rows", options, second if across != second else first)
    return [Control("columns", "Columns", options, across), Control("rows", "Rows", options, down)]


def _axes(facts: Facts, view: View) -> Control:
    options = _keys(facts)
    given = tuple(key for key in view.options.get("axes", "").split("\n") if key in options)
    default = tuple(key for key in facts.keys if key not in (facts.seed, "sweep"))[:MOST_AXES]
    return Control("axes", "Axes", options, given or default or tuple(options)[:1])


def _places(facts: Facts, view: View) -> list[Control]:
    """What the axes of a scatter are, and the colour of its dots."""
    keys = {KEY + key: facts.names[key] for key in _telling(facts)}
    options = keys | {METRIC + name: label for name, label in _measured(facts).items()}
    first = METRIC + _first(facts, view)
    first = first if first in options else next(iter(options), "")
    numbers = [KEY + key for key in _telling(facts) if not of_key(facts.runs, key).levels]
    wanted = [option for option in (*numbers, *options) if option != KEY + (facts.seed or "")]
    x = _option(view, "x", options, next((o for o in wanted if o != first), first))
    y = _option(view, "y", options, first)
    colors = {NOTHING: "nothing"} | options
    other = [key for key in keys if key != x and key != KEY + (facts.seed or "")]
    color = _option(view, "color", colors, next(iter(other), NOTHING))
    return [
        Control("x", "Across", options, x),
        Control("y", "Up", options, y),
        Control("color", "Colour", colors, color),
    ]


def _sides(facts: Facts, view: View) -> list[Control]:
    """The two groups that are compared."""
    options = {group.label: group.label for group in groups_of(facts, view)}
    first, second = [*options, "", ""][:2]
    of = _option(view, "of", options, first)
    over = _option(view, "over", options, second if of != second else first)
    return [Control("of", "Is", options, of), Control("over", "better than", options, over)]


def groups_of(facts: Facts, view: View) -> list[Group]:
    """All runs by the keys that the view groups by."""
    return groups(facts.runs, facts.find(view.by or ()))


def _sweeps(facts: Facts, view: View) -> list[Control]:
    options = {sweep: sweep for sweep in sweeps_of(facts)}
    left, right = (*["", ""], *options)[-2:]
    return [
        Control("left", "Left", options, _option(view, "left", options, left)),
        Control("right", "Right", options, _option(view, "right", options, right)),
    ]
