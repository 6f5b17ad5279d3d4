"""The controls over the chart: what each is, and what can be chosen in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from exptools.viewing.app.compare.options import keys, options_menu
from exptools.viewing.app.facts import Facts
from exptools.viewing.app.widgets import SELECT

# The controls by which page.js sets the view, and the property of each that holds the choice.
CONTROLS = {
    **dict.fromkeys(("metrics", "by", "split", "where", "x", "log", "center", "band"), "value"),
    **dict.fromkeys(("bands", "nonpositive"), "value"),
    **dict.fromkeys(("smoothing", "amount", "when", "best", "mode", "states"), "value"),
    **dict.fromkeys(("summaries", "rows"), "value"),
    **dict.fromkeys(("together", "baseline", "difference", "references"), "value"),
    **dict.fromkeys(("clip", "lines"), "checked"),
}
FILTER = "lr > 1e-4 and env = 'Hopper'"  # what a filter looks like


def bar(facts: Facts) -> Any:
    """The controls that are always there, and the button that opens the others."""
    return html.Div(
        [
            _many("metrics", "Metrics", metric_options(facts), "none"),
            _many("by", "Group by", keys(facts, each=True), "all runs together"),
            _many("split", "Split by", keys(facts), "one chart"),
            dmc.TextInput(
                id="where",
                label="Filter",
                value="",
                placeholder=FILTER,
                rightSection=dmc.Kbd("/", size="xs"),
                className="control",
                inputProps={"autoComplete": "off", "spellCheck": "false"},
            ),
            options_menu(facts),
        ],
        className="controls",
    )


def metric_options(facts: Facts) -> list[Any]:
    """What can be drawn: what was logged and, under a heading, what the runs used."""
    if not facts.resources:
        return list(facts.metrics)
    logged = [{"group": "Logged", "items": list(facts.metrics)}] if facts.metrics else []
    return [*logged, {"group": "Resources", "items": list(facts.resources)}]


def _many(id_: str, label: str, data: Sequence[Any], placeholder: str) -> Any:
    return dmc.MultiSelect(
        id=id_,
        label=label,
        data=data,
        value=[],
        placeholder=placeholder,
        searchable=True,
        clearSearchOnChange=True,
        className="control",
        **SELECT,
    )
