"""The controls over the chart: what each is, and what can be chosen in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from exptools.viewing.app.facts import Facts
from exptools.viewing.app.widgets import (
    BANDS,
    MAX_OPTIONS,
    SELECT,
    SMOOTHINGS,
    X,
    options,
    popover,
)
from exptools.viewing.curves.endings import STATES
from exptools.viewing.curves.statistics import CENTERS

# The controls by which page.js sets the view, and the property of each that holds the choice.
CONTROLS = {
    **dict.fromkeys(("metrics", "by", "split", "where", "x", "log", "center", "band"), "value"),
    **dict.fromkeys(("bands", "nonpositive"), "value"),
    **dict.fromkeys(("smoothing", "amount", "when", "best", "mode", "states"), "value"),
    **dict.fromkeys(("summaries", "rows"), "value"),
    **dict.fromkeys(("clip", "lines"), "checked"),
}
FILTER = "lr > 1e-4 and env = 'Hopper'"  # what a filter looks like


def bar(facts: Facts) -> Any:
    """The controls that are always there, and the button that opens the others."""
    return html.Div(
        [
            _many("metrics", "Metrics", list(facts.metrics), "none"),
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
            _more(facts),
        ],
        className="controls",
    )


def keys(facts: Facts, *, each: bool = False) -> list[dict[str, str]]:
    """The keys by which runs can be told apart."""
    names = {key: facts.names[key] for key in facts.keys}
    return options(names | ({facts.each_run: "run: each by itself"} if each else {}))


def best_of(facts: Facts) -> list[dict[str, str]]:
    """The keys of whose settings each group may keep the best."""
    return [option for option in keys(facts) if option["value"] != facts.seed]


def x_options(facts: Facts) -> list[dict[str, str]]:
    """What the horizontal axis can be."""
    return options(X | {metric: metric for metric in facts.metrics if metric not in X})


def _more(facts: Facts) -> Any:
    parts = [
        _part(
            "Axes",
            _one("x", "Horizontal axis", x_options(facts)),
            dmc.ChipGroup(
                html.Div(
                    [
                        dmc.Chip("log x", value="x", size="xs", variant="outline"),
                        dmc.Chip("log y", value="y", size="xs", variant="outline"),
                    ],
                    className="chips",
                ),
                id="log",
                multiple=True,
                value=[],
            ),
            html.Span("Values ≤ 0 on a log axis", className="label"),
            _either("nonpositive", {"left-out": "left out", "symlog": "symlog"}),
            html.Div(id="ranges"),
            dmc.Switch(id="clip", label="Leave outliers out of view", checked=False, size="xs"),
        ),
        _part(
            "Runs of a group",
            _one("center", "Line", options(CENTERS)),
            _one("band", "Band", options(BANDS)),
            html.Span("Bands shown", className="label"),
            _either("bands", {"auto": "auto", "all": "all", "pointed": "pointed at"}),
            _either("states", STATES),
            dmc.Switch(id="lines", label="Show single runs", checked=False, size="xs"),
        ),
        _part(
            "Smoothing",
            _one("smoothing", "Kind", options(SMOOTHINGS)),
            dmc.NumberInput(
                id="amount",
                label="Weight (exponential) or rows",
                value=0.9,
                min=0,
                step=0.05,
                decimalScale=4,
                size="xs",
                debounce=350,
            ),
            _either("when", {"before": "before", "after": "after averaging"}),
        ),
        _part(
            "Best only",
            dmc.MultiSelect(
                id="best",
                label="Of these keys, each group's best",
                data=best_of(facts),
                value=[],
                placeholder="all are averaged",
                searchable=True,
                limit=MAX_OPTIONS,
                size="xs",
                comboboxProps={"withinPortal": False},
            ),
            _either("mode", {"auto": "auto", "max": "highest", "min": "lowest"}),
        ),
    ]
    chevron = html.Span(className="glyph chevron")
    button = dmc.Button("Options", id="options", variant="default", rightSection=chevron)
    return popover(button, html.Div(parts, className="options"), "Options")


def _part(title: str, *children: Any) -> Any:
    return html.Fieldset([html.Legend(title), *children])


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


def _one(id_: str, label: str, data: Sequence[Any]) -> Any:
    return dmc.Select(
        id=id_,
        label=label,
        data=data,
        value=data[0]["value"],  # the view's default, too
        searchable=len(data) > 8,
        openOnFocus=False,  # Options opens with the focus on its first control
        limit=MAX_OPTIONS,
        allowDeselect=False,
        size="xs",
        comboboxProps={"withinPortal": False},
    )


def _either(id_: str, names: dict[str, str]) -> Any:
    first = next(iter(names))
    return dmc.SegmentedControl(id=id_, data=options(names), value=first, size="xs", fullWidth=True)
