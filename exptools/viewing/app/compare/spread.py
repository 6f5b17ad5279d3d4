"""Which of the keys that are not grouped by may make a band wide."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exptools.viewing.app.compare.captions import averaged_candidates
from exptools.viewing.app.compare.panels import Drawing
from exptools.viewing.app.facts import Facts
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.curves.averaged import (
    AveragedKey,
    averaged_keys,
    last_values,
    reason_for_spread,
)

MOST_KEYS = 8  # that are looked at


@dataclass(frozen=True)
class Spread:
    """What a band may be wide of."""

    sentence: str = ""
    key: str = ""  # by which grouping makes it narrower
    short: str = ""


def spread(workspace: Workspace, view: View, drawing: Drawing) -> Spread:
    """The reason for the bands of a drawing, as far as keys are one."""
    groups = [group for panel in drawing.panels for group in panel.groups]
    if drawing.band == "none" or not any(len(group.runs) > 1 for group in groups):
        return Spread()
    facts = workspace.facts()
    which = (view.metrics, view.by, view.split, view.best, view.where, view.states, view.selected)
    question = ("spread", *which, view.page)
    found = workspace.remembered(
        facts.version, question, lambda: _keys(workspace, facts, view, drawing)
    )
    if not found:
        return Spread()
    # The sentence above the chart names the others.
    return Spread(reason_for_spread(found[:1]), found[0].name, found[0].short)


def _keys(workspace: Workspace, facts: Facts, view: View, drawing: Drawing) -> list[AveragedKey]:
    metric = view.metrics[0]
    parts = [
        group.drawn_runs
        for panel in drawing.panels
        for group in panel.groups
        if panel.metric == metric
    ]
    keys = [
        replace(key, short=facts.names.get(key.name, key.name))
        for key in facts.find(averaged_candidates(facts, view)[:MOST_KEYS])
    ]
    results = last_values(workspace.index, parts, metric)
    return averaged_keys(parts, keys, results, facts.settings)
