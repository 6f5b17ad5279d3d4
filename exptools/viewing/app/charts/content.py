"""What can be chosen in the tab of pictures, what is where nobody has, and the picture of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from exptools.metrics import default_metric
from exptools.viewing.app.facts import Facts, counted_runs
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import BANDS
from exptools.viewing.charts.bars import bars
from exptools.viewing.charts.chart import Chart
from exptools.viewing.charts.heat_map import heat_map
from exptools.viewing.charts.parallel import parallel
from exptools.viewing.charts.quantities import KEY, METRIC, Measure, of_key
from exptools.viewing.charts.scatter import scatter
from exptools.viewing.charts.sweeps import SideBySide, side_by_side
from exptools.viewing.charts.timeline import timeline
from exptools.viewing.curves.endings import ALL, STATES
from exptools.viewing.curves.remarks import remarks
from exptools.viewing.curves.statistics import CENTERS
from exptools.viewing.curves.summaries import summary_of as summary_of_metric
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.theme import Theme
from exptools.viewing.groups.names import SUMMARY
from exptools.viewing.index import Index
from exptools.viewing.run import Run

PICTURES = {
    "bars": "Final values",
    "heat-map": "Heat map",
    "parallel": "Parallel coordinates",
    "scatter": "Scatter",
    "timeline": "Timeline",
    "sweeps": "Two sweeps",
}
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


def picture_of(view: View) -> str:
    """The picture that is chosen."""
    return view.picture if view.picture in PICTURES else next(iter(PICTURES))


def controls(facts: Facts, view: View) -> list[Control]:
    """The controls of the chosen picture, as they stand."""
    metric = _metric(facts, view)
    summary = [] if metric.value not in facts.metrics and facts.measured else _summary(view)
    center = Control("center", "Centre", CENTERS, view.center)
    by = Control("by", "Group by", _keys(facts, each=True), tuple(view.by or ()))
    states = Control("states", "Runs that count", STATES, view.states)
    match picture_of(view):
        case "bars":
            return [metric, *summary, by, center, _band(view), states, _style(view)]
        case "heat-map":
            return [metric, *summary, *_pair(facts, view), center, states]
        case "parallel":
            return [metric, *summary, _axes(facts, view), states]
        case "scatter":
            return [*_places(facts, view), *_summary(view), states]
        case "sweeps":
            return [
                *_sweeps(facts, view),
                _curve(facts, view),
                *_summary(view),
                by,
                center,
                _band(view),
                states,
            ]
    return []


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
    usual = view.metrics[:1] or (f"{SUMMARY}{default_metric(facts.measured)}",)
    return Control("metric", "Metric", options, _option(view, "metric", options, usual[0]))


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
    first = METRIC + view.metrics[0] if view.metrics else next(iter(options), "")
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


def _sweeps(facts: Facts, view: View) -> list[Control]:
    options = {sweep: sweep for sweep in sweeps_of(facts)}
    left, right = (*["", ""], *options)[-2:]
    return [
        Control("left", "Left", options, _option(view, "left", options, left)),
        Control("right", "Right", options, _option(view, "right", options, right)),
    ]


@dataclass(frozen=True)
class PictureContent:
    """A picture, or why there is none."""

    picture: Chart | None = None
    empty: str = ""
    sweeps: SideBySide | None = None  # what stands below the picture of two sweeps


def picture_content(index: Index, facts: Facts, view: View, theme: Theme) -> PictureContent:
    """What the tab shows."""
    try:
        # A timeline shows what became of the runs.
        asked = replace(view, states=ALL) if picture_of(view) == "timeline" else view
        runs, left_out = counted_runs(index, facts, asked)
        need = next(_needs(facts, view, runs), None)
        if need:
            return PictureContent(empty=need)
        drawn = _drawn(index, facts, view, runs, theme)
        return _with_caveats(drawn, (*left_out, *_remarks(index, facts, view, runs)))
    except QueryError as error:
        text = str(error)
        return PictureContent(
            empty=f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.?' else '.'}"
        )


def _remarks(index: Index, facts: Facts, view: View, runs: Sequence[Run]) -> Iterator[str]:
    """What to know of the runs' numbers."""
    values = chosen(controls(facts, view))
    asked = [str(values.get(name, "")) for name in ("metric", "x", "y", "color")]
    names = dict.fromkeys(name.removeprefix(METRIC) for name in asked)
    for name in (name for name in names if name in facts.metrics):
        yield from remarks(index, runs, name, summary_of_metric(name, summary_of(values)))


def _with_caveats(content: PictureContent, sentences: Sequence[str]) -> PictureContent:
    """The same, with more to say in the caption."""
    picture = content.picture
    if picture is None:
        return content
    return replace(
        content, picture=replace(picture, caption=" ".join([picture.caption, *sentences]))
    )


def _needs(facts: Facts, view: View, runs: Sequence[Run]) -> Iterator[str]:
    """What is missing for the picture to be drawn, a sentence each."""
    picture = picture_of(view)
    if not facts.runs:
        yield "No runs here yet. They appear as soon as one starts."
    elif not runs:
        yield f"No run fulfils {view.where}."
    if picture == "timeline":
        return
    if not facts.metrics and (not facts.measured or picture == "sweeps"):
        yield "No metric yet. Pictures appear here as soon as a run logs its first value."
    keys = f"only {facts.keys[0]} does" if facts.keys else "none does"
    if picture == "heat-map" and len(facts.keys) < 2:
        yield f"A heat map needs two keys that vary between the runs; here {keys}."
    if picture == "parallel" and not facts.keys:
        yield f"Parallel coordinates need a key that varies between the runs; here {keys}."
    if picture == "sweeps" and (number := len(sweeps_of(facts))) < 2:
        have = "one" if number else "none"
        yield f"Sweeps stand side by side where there are two of them; here there is {have}."
    elif picture == "sweeps":
        yield from _without_runs(facts, view, runs)


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
    index: Index, facts: Facts, view: View, runs: Sequence[Run], theme: Theme
) -> PictureContent:
    picture = picture_of(view)
    values = chosen(controls(facts, view))

    def one(name: str) -> str:
        return str(values[name])

    def many(name: str) -> tuple[str, ...]:
        return tuple(values[name])

    if picture == "timeline":
        return PictureContent(timeline(runs, time.time(), theme=theme))
    summary = summary_of(values)
    if picture == "scatter":
        color = None if one("color") == NOTHING else one("color")
        return PictureContent(
            scatter(index, runs, one("x"), one("y"), color, summary=summary, theme=theme)
        )
    measure = Measure(one("metric"), summary, view.center, view.band)
    if picture == "heat-map":
        return PictureContent(
            heat_map(index, runs, measure, one("columns"), one("rows"), theme=theme)
        )
    if picture == "parallel":
        return PictureContent(parallel(index, runs, measure, many("axes"), theme=theme))
    if picture == "sweeps":
        sides = (one("left"), one("right"))
        both = side_by_side(index, runs, sides, measure, many("by"), band=view.band, theme=theme)
        return PictureContent(both.chart, sweeps=both)
    filled = one("style") == "bars"
    return PictureContent(bars(index, runs, measure, many("by"), filled=filled, theme=theme))
