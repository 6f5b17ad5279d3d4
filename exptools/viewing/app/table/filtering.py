"""The table's funnels as parts of the filter: which there are, what they say, what they change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from exptools.rundir import STEP
from exptools.viewing.app.facts import Facts
from exptools.viewing.app.states import STATE_WORDS
from exptools.viewing.app.table.filter_box import divide, replace_part, with_part, without_part
from exptools.viewing.app.table.funnels import Funnel, Model, number_text, quoted_key, quoted_text
from exptools.viewing.app.table.rows import cell, cut, summaries_of, table_keys, values_of
from exptools.viewing.app.view import View
from exptools.viewing.configs.values import MISSING, display
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Key
from exptools.viewing.groups.names import RUN, SUMMARY, own_name

Funnels = Mapping[str, Funnel]  # by column

FLAGS = {"true": "true", "false": "false"}
STARS = {"starred": "true", "not starred": "false"}
_ALWAYS = {"function": "true"}  # the server has filtered already
_PAUSE = 400  # ms after the last key until it counts
_TYPES = {
    "number": "agNumberColumnFilter",
    "date": "agDateColumnFilter",
    "text": "agTextColumnFilter",
    "choice": "agTextColumnFilter",
}


def funnels(facts: Facts, view: View) -> Funnels:
    """The funnels of a table, each by its column; what is a group's own has none."""
    if view.rows == "groups":
        keys = facts.find(view.by or ()) if len(view.by or ()) > 1 else []
        return {f"config {key.name}": _of_key(facts, key) for key in keys}
    known = facts.known.keys
    states = {
        word: quoted_text(state.value) if state else None for state, word in STATE_WORDS.items()
    }
    configs = {f"config {key.name}": key for key in facts.find(table_keys(facts))}
    said = {f: f"{SUMMARY}{name}" for f, name in summaries_of(facts)}
    summaries = dict(zip(said, facts.find([*said.values()]), strict=True))
    return {
        "star": Funnel(f"{RUN}star", "choice", choices=STARS),
        "run": Funnel(own_name("name", known), "text"),
        "state": Funnel(own_name("state", known), "choice", choices=states),
        **{column: _of_key(facts, key) for column, key in (configs | summaries).items()},
        **{column: Funnel(_result(m, s), "number") for column, m, s in values_of(view)},
        "step": Funnel(f"max({STEP})", "number"),
        "duration": Funnel(f"{RUN}duration", "number"),
        "started": Funnel(f"{RUN}started", "date"),
        **{name: _of_status(facts, name) for name in ("host", "element", "slot", "commit")},
        **{name: Funnel(f"{RUN}{name}", "text") for name in ("tags", "note")},
    }


def filter_of(funnel: Funnel | None) -> dict[str, Any]:
    """What AG Grid needs to know of a column's filter."""
    if funnel is None:
        return {"filter": False}
    params: dict[str, Any] = {"buttons": ["reset"], "debounceMs": _PAUSE}
    if funnel.kind == "choice":
        choices = [
            {"displayKey": name, "displayName": name, "predicate": _ALWAYS, "numberOfInputs": 0}
            for name in funnel.choices
        ]
        blank = ["blank"] if funnel.choices == FLAGS else []
        params |= {"filterOptions": ["empty", *choices, *blank], "defaultJoinOperator": "OR"}
        params |= {"maxNumConditions": len(choices)}
    elif funnel.kind == "date":
        params |= {"maxNumConditions": 1, "inRangeInclusive": True}
        params |= {"filterOptions": ["equals", "lessThan", "greaterThan", "inRange"]}
    elif funnel.kind == "number":
        params |= {"inRangeInclusive": True}
    return {"filter": _TYPES[funnel.kind], "filterParams": params}


def models(text: str, there: Funnels) -> dict[str, Model]:
    """What the funnels say in a filter's text; those that say nothing are not in it."""
    return {column: model for column, model, _ in _found(text, there)}


def filtered(text: str, there: Funnels, changed: Mapping[str, Model | None]) -> str:
    """The filter's text after some funnels were changed, or cleared: None.

    Raises:
        QueryError: the text is not closed, so that nothing can be joined to it.
    """
    for column, model in changed.items():
        if column not in there:
            continue
        at = next((at for name, _, at in _found(text, there) if name == column), None)
        try:
            part = there[column].part(model) if model else ""
        except (ValueError, TypeError, LookupError, OverflowError, OSError):
            continue  # a page of another version, or no page of ours
        try:
            text = _exchanged(text, at, part)
        except ValueError as error:
            raise QueryError(
                "a quote, a bracket or a comment is left open in the filter: "
                "close it first, so that a funnel can add to it"
            ) from error
    return text


def _exchanged(text: str, at: int | None, part: str) -> str:
    if at is None:
        return with_part(text, part) if part else text
    return replace_part(text, at, part) if part else without_part(text, at)


def _found(text: str, there: Funnels) -> list[tuple[str, Model, int]]:
    """Column, model and place of each funnel's part; of two of one funnel the last."""
    found: dict[str, tuple[str, Model, int]] = {}
    for at, whole in enumerate(divide(text).texts):
        part = whole.strip()
        if not (part.startswith("(") and part.endswith(")")):
            continue
        for column, funnel in there.items():
            model = funnel.model(part) if funnel.term in part else None
            if model is not None:
                found[column] = (column, model, at)
    return list(found.values())


def _of_key(facts: Facts, key: Key) -> Funnel:
    term, kind = quoted_key(key.whole), facts.kind_of(key)
    if kind == "flag":
        return Funnel(term, "choice", choices=FLAGS)
    return Funnel(term, kind, _Meaning(facts, key, cell))


def _of_status(facts: Facts, name: str) -> Funnel:
    (key,) = facts.find([f"{RUN}{name}"])
    if name == "slot" and facts.kind_of(key) == "number":
        return Funnel(key.whole, "number")
    shown: Callable[[Any], Any] = (lambda text: cut(text)[:10]) if name == "commit" else cut
    return Funnel(key.whole, "text", _Meaning(facts, key, shown))


def _result(metric: str, summary: str) -> str:
    name, _, number = summary.partition(":")
    more = f", {number_text(float(number))}" if number else ""
    quoted = metric.replace('"', '""')
    return f'{name}("{quoted}"{more})'


class _Meaning:
    """What the text of a cell stands for in a condition; None for null."""

    def __init__(self, facts: Facts, key: Key, shown: Callable[[Any], Any]) -> None:
        self._facts, self._key, self._shown = facts, key, shown

    def __call__(self, text: str) -> str | None:
        value = self._value(text)
        if value is None:
            return None
        if isinstance(value, float) and math.isinf(value):
            return "1e999" if value > 0 else "-1e999"
        plain = isinstance(value, (bool, int, float)) and not math.isnan(value)
        return display(value) if plain else quoted_text(value if isinstance(value, str) else text)

    def _value(self, text: str) -> Any:
        """What some run has that is shown so, or is so, or the same number in another spelling."""
        shown, texts, numbers = self._values
        if text in shown:
            return shown[text]
        if text in texts:
            return text
        try:
            return numbers.get(float(text), text)
        except ValueError:
            return text

    @cached_property
    def _values(self) -> tuple[dict[str, Any], set[str], dict[float, Any]]:
        """The runs' values by how they are shown, and the texts and numbers among them.

        Made once, for a filter may ask for thousands of values, and a run's may take long to show.
        """
        shown: dict[str, Any] = {}
        texts: set[str] = set()
        numbers: dict[float, Any] = {}
        for run in self._facts.runs:
            value = self._key.value(run)
            if value is MISSING:
                continue
            shown.setdefault(str(self._shown(value)), value)
            if isinstance(value, str):
                texts.add(value)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                numbers.setdefault(value, value)
        return shown, texts, numbers
