"""The page before the app is there: its header, its controls, and the place of the chart.

It has the app's own classes, so that its parts stand where those of the app will stand.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from html import escape

from exptools.viewing.app.compare.controls import FILTER
from exptools.viewing.app.facts import Facts
from exptools.viewing.app.states import count_states, state_class, time_left
from exptools.viewing.app.view import TABS, View

CONTROLS = {
    "Metrics": "none",
    "Group by": "all runs together",
    "Split by": "one chart",
    "Filter": FILTER,
}


def empty_frame(place: str) -> str:
    """What is seen while the runs are read."""
    chart = '<div class="first-chart">Reading the runs …</div>'
    return _page(place, "", dict.fromkeys(CONTROLS, ()), "", chart)


def full_frame(place: str, facts: Facts, view: View, sentence: str, picture: str) -> str:
    """What is seen until the app is there: its controls say what is drawn."""
    names = facts.names | {facts.each_run: "run: each by itself"}
    chosen = {
        "Metrics": view.metrics,
        "Group by": [names.get(key, key) for key in view.by or ()],
        "Split by": [names.get(key, key) for key in view.split],
        "Filter": [view.where] if view.where else [],
    }
    return _page(place, _counts(facts), chosen, sentence, picture)


def _page(
    place: str, counts: str, chosen: Mapping[str, Iterable[str]], sentence: str, chart: str
) -> str:
    tabs = "".join(f"<span>{name.title()}</span>" for name in TABS)
    controls = "".join(_control(name, values) for name, values in chosen.items())
    return (
        '<div class="first-page" aria-hidden="true"><header><b class="brand">exptools</b>'
        f'<span class="place">{escape(place)}</span><div class="first-tabs">{tabs}</div>'
        f'<div class="first-counts">{counts}</div><i class="first-icon">?</i>'
        '<i class="first-icon"></i></header><main><section class="card"><div class="controls">'
        f'{controls}<span class="first-button">Options<i class="glyph chevron"></i></span></div>'
        f'<div class="under-controls"><p class="captions">{sentence}</p>'
        '<span class="first-button first-small">Export</span></div>'
        f"{chart}</section></main></div>"
    )


def _control(name: str, values: Iterable[str]) -> str:
    kind = "first-typed" if name == "Filter" else "first-pill"
    shown = "".join(f'<span class="{kind}">{escape(value)}</span>' for value in values)
    shown = shown or f'<span class="first-nothing">{escape(CONTROLS[name])}</span>'
    return f'<div class="control"><label>{name}</label><div class="first-input">{shown}</div></div>'


def _counts(facts: Facts) -> str:
    states = "".join(
        f'<span class="state {state_class(word)}"><b>{number:,}</b> {word}</span>'
        for word, number in count_states(facts.runs)
    )
    left = time_left(facts.runs, time.time())
    if facts.hidden:
        states += f'<span class="hidden-count">{len(facts.hidden):,} hidden</span>'
    return states + (f'<span class="left">{left}</span>' if left else "")
