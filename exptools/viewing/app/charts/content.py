"""The picture that a view shows, or the sentence that says what it needs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exptools.viewing.app.charts.controls import (
    NOTHING,
    chosen,
    controls,
    picture_of,
    summary_of,
    sweeps_of,
)
from exptools.viewing.app.facts import Facts, shown_runs
from exptools.viewing.app.view import View
from exptools.viewing.charts.bars import bars
from exptools.viewing.charts.chart import Chart
from exptools.viewing.charts.heat_map import heat_map
from exptools.viewing.charts.parallel import parallel
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.charts.scatter import scatter
from exptools.viewing.charts.sweeps import SideBySide, side_by_side
from exptools.viewing.charts.timeline import timeline
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.theme import Theme
from exptools.viewing.index import Index
from exptools.viewing.run import Run


@dataclass(frozen=True)
class PictureContent:
    """A picture, or why there is none."""

    picture: Chart | None = None
    empty: str = ""
    sweeps: SideBySide | None = None  # what stands below the picture of two sweeps


def picture_content(index: Index, facts: Facts, view: View, theme: Theme) -> PictureContent:
    """What the tab shows."""
    try:
        runs = shown_runs(facts, view)
        need = next(_needs(facts, view, runs), None)
        return PictureContent(empty=need) if need else _drawn(index, facts, view, runs, theme)
    except QueryError as error:
        text = str(error)
        return PictureContent(
            empty=f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.?' else '.'}"
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
    if not facts.metrics:
        yield "No metric yet. Pictures appear here as soon as a run logs its first value."
    keys = f"only {facts.keys[0]} does" if facts.keys else "none does"
    if picture == "heat-map" and len(facts.keys) < 2:
        yield f"A heat map needs two keys that vary between the runs; here {keys}."
    if picture == "parallel" and not facts.keys:
        yield f"Parallel coordinates need a key that varies between the runs; here {keys}."
    if picture == "sweeps" and (number := len(sweeps_of(facts))) < 2:
        have = "one" if number else "none"
        yield f"Sweeps stand side by side where there are two of them; here there is {have}."


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
