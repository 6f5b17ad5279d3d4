"""What the button "Options" opens: how the chart is drawn, in five parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from exptools.viewing.app.facts import Facts
from exptools.viewing.app.widgets import (
    BANDS,
    MAX_OPTIONS,
    SMOOTHINGS,
    X,
    options,
    popover,
)
from exptools.viewing.curves.endings import STATES
from exptools.viewing.curves.statistics.centers import CENTERS

REFERENCE = "0.95 PPO (paper)"  # what a reference line looks like
INSIDE = {"withinPortal": False}  # the popover would close by a click beside it


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


def options_menu(facts: Facts) -> Any:
    """The button and what it opens."""
    parts = [_axes(facts), _runs(), _against(), _smoothing(), _best(facts)]
    chevron = html.Span(className="glyph chevron")
    button = dmc.Button("Options", id="options", variant="default", rightSection=chevron)
    return popover(button, html.Div(parts, className="options"), "Options")


def _axes(facts: Facts) -> Any:
    chips = [
        dmc.Chip(f"log {letter}", value=letter, size="xs", variant="outline") for letter in "xy"
    ]
    return _part(
        "Axes",
        _one("x", "Horizontal axis", x_options(facts)),
        html.Span("Several metrics", className="label"),
        _either("together", {"apart": "a panel each", "one": "in one panel"}),
        dmc.ChipGroup(html.Div(chips, className="chips"), id="log", multiple=True, value=[]),
        html.Span("Values ≤ 0 on a log axis", className="label"),
        _either("nonpositive", {"left-out": "left out", "symlog": "symlog"}),
        html.Div(id="ranges"),
        dmc.Switch(id="clip", label="Leave outliers out of view", checked=False, size="xs"),
    )


def _runs() -> Any:
    return _part(
        "Runs of a group",
        _one("center", "Line", options(CENTERS)),
        _one("band", "Band", options(BANDS)),
        html.Span("Bands shown", className="label"),
        _either("bands", {"auto": "auto", "all": "all", "pointed": "pointed at"}),
        _either("states", STATES),
        dmc.Switch(id="lines", label="Show single runs", checked=False, size="xs"),
    )


def _against() -> Any:
    return _part(
        "Compare with",
        dmc.Select(
            id="baseline",
            label="Baseline: show the difference to it",
            data=[],
            placeholder="none",
            searchable=True,
            clearable=True,
            openOnFocus=False,
            limit=MAX_OPTIONS,
            size="xs",
            comboboxProps=INSIDE,
        ),
        _either("difference", {"absolute": "absolute", "percent": "in %"}),
        dmc.TagsInput(
            id="references",
            label="Reference lines: a number and its name",
            value=[],
            placeholder=f"{REFERENCE}, then Enter",
            splitChars=[],
            acceptValueOnBlur=True,
            size="xs",
            comboboxProps=INSIDE,
        ),
    )


def _smoothing() -> Any:
    return _part(
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
    )


def _best(facts: Facts) -> Any:
    return _part(
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
            comboboxProps=INSIDE,
        ),
        _either("mode", {"auto": "auto", "max": "highest", "min": "lowest"}),
    )


def _part(title: str, *children: Any) -> Any:
    return html.Fieldset([html.Legend(title), *children])


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
        comboboxProps=INSIDE,
    )


def _either(id_: str, names: dict[str, str]) -> Any:
    first = next(iter(names))
    return dmc.SegmentedControl(id=id_, data=options(names), value=first, size="xs", fullWidth=True)
