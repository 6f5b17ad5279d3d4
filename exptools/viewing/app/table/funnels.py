"""What the funnel in a column's head says, as a part of the filter's condition, and back.

A funnel's part stands in brackets in the filter: ``(optim.lr > 0.1)``. What stands there in this
very form is the funnel's; all else was typed by hand, and a funnel leaves it alone. A model is what
AG Grid knows of a funnel: ``{"filterType": "number", "type": "greaterThan", "filter": 0.1}``, or
``operator`` and ``conditions`` of several.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exptools.viewing.groups.grouping import TIME
from exptools.viewing.groups.names import WORDS

Model = dict[str, Any]

COMPARISONS = {
    "equals": "=",
    "notEqual": "!=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
    "lessThan": "<",
    "lessThanOrEqual": "<=",
}
PATTERNS = {  # of texts: what stands before and behind, and whether it is excluded
    "contains": ("%", "%", ""),
    "notContains": ("%", "%", "not "),
    "startsWith": ("", "%", ""),
    "endsWith": ("%", "", ""),
}
NULLS = {"blank": "is null", "notBlank": "is not null"}
MOST = 16  # conditions of one funnel
_BARE = re.compile(r"[^\W\d]\w*(\.\w+)*")
_TEXT = r"'(?:[^']|'')*'"
_NUMBER = r"-?\d[\d.e+-]*"
_VALUE = rf"(?:{_TEXT}|{_NUMBER}|true|false)"


def quoted_text(text: str) -> str:
    """A text as a condition has it."""
    return "'" + text.replace("'", "''") + "'"


def quoted_key(key: str) -> str:
    """A key's whole name as a condition has it."""
    if _BARE.fullmatch(key) and not {part.lower() for part in key.split(".")} & WORDS:
        return key
    return '"' + key.replace('"', '""') + '"'


def number_text(value: Any) -> str:
    """A number as a condition has it; raises ValueError where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(value)
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


@dataclass(frozen=True)
class Funnel:
    """The funnel of a column: of what it speaks, and in which words.

    Its ``kind`` is ``number``, ``text``, ``date`` or ``choice``; the choices of the last are names
    with what they stand for in a condition, None for what a run lacks.
    """

    term: str  # of a condition: a key, or a result such as last("loss")
    kind: str
    value: Callable[[str], str | None] = quoted_text  # what a cell's text stands for
    choices: Mapping[str, str | None] = field(default_factory=dict)

    def part(self, model: Model) -> str:
        """The part of the filter for a model.

        Raises:
            ValueError, TypeError, LookupError: it is no model of such a funnel.
        """
        if self.kind == "date":
            return f"({self._dates(model)})"
        conditions = model.get("conditions") or [model]
        operator = {"AND": " and ", "OR": " or "}[model.get("operator") or "AND"]
        if len(conditions) > MOST:
            raise ValueError(f"{len(conditions)} conditions")
        equal = [self._equal(one) for one in conditions]
        if operator == " or " and len(equal) > 1 and None not in equal:
            return f"({self.term} in ({', '.join(map(str, equal))}))"
        return f"({operator.join(map(self._condition, conditions))})"

    def model(self, part: str) -> Model | None:
        """The model whose part this is; None where it is none of this funnel's."""
        text = part[1:-1]
        try:
            model = self._read_dates(text) if self.kind == "date" else self._read(text)
            return model if model is not None and self.part(model) == part else None
        except (ValueError, TypeError, LookupError, OverflowError, OSError):
            return None

    def _equal(self, one: Model) -> str | None:
        """What a condition says that the term is equal to, if it says that."""
        if one["type"] in self.choices:
            return self.choices[one["type"]]
        if one["type"] != "equals" or self.kind == "choice":
            return None
        return number_text(one["filter"]) if self.kind == "number" else self.value(_filter(one))

    def _condition(self, one: Model) -> str:
        kind = one["type"]
        if kind in NULLS:
            return f"{self.term} {NULLS[kind]}"
        if kind in self.choices or kind == "equals":
            equal = self._equal(one)
            return f"{self.term} = {equal}" if equal is not None else f"{self.term} is null"
        if self.kind == "number" and kind == "inRange":
            low, high = number_text(one["filter"]), number_text(one["filterTo"])
            return f"{self.term} between {low} and {high}"
        if self.kind == "number":
            return f"{self.term} {COMPARISONS[kind]} {number_text(one['filter'])}"
        if kind == "notEqual":
            equal = self.value(_filter(one))
            return f"{self.term} {'is not null' if equal is None else f'!= {equal}'}"
        return self._like(kind, _filter(one))

    def _like(self, kind: str, text: str) -> str:
        before, behind, negated = PATTERNS[kind]
        escaped = re.sub(r"[\\%_]", r"\\\g<0>", text) if re.search("[%_]", text) else text
        pattern = quoted_text(f"{before}{escaped}{behind}")
        escape = " escape '\\'" if re.search("[%_]", text) else ""
        return f"{negated}{self.term} ilike {pattern}{escape}"

    def _dates(self, model: Model) -> str:
        """Of days: ``from`` where the first one begins, ``to`` where the last one has ended."""
        kind = model["type"]
        if kind in NULLS:
            return f"{self.term} {NULLS[kind]}"
        since, until = (
            f"{datetime.fromtimestamp(model[end]):{TIME}}".removesuffix(" 00:00:00")
            for end in ("from", "to")
        )
        after, before = f"{self.term} >= {{}}", f"{self.term} < {{}}"
        if kind == "lessThan":
            return before.format(quoted_text(since))
        if kind == "greaterThan":
            return after.format(quoted_text(until))
        if kind not in ("equals", "inRange"):
            raise ValueError(kind)
        return f"{after.format(quoted_text(since))} and {before.format(quoted_text(until))}"

    def _read(self, text: str) -> Model | None:
        """The model of a text, if it is one's; ``model`` proves it."""
        one = re.compile(
            rf"(?P<not>not )?{re.escape(self.term)} (?:(?P<null>is (?:not )?null)"
            rf"|(?P<sign>[<>!=]{{1,2}}) (?P<value>{_VALUE})"
            rf"|in \((?P<values>{_VALUE}(?:, {_VALUE})*)\)"
            rf"|between (?P<low>{_NUMBER}) and (?P<high>{_NUMBER})"
            rf"|ilike (?P<pattern>{_TEXT})(?P<escape> escape '\\')?)"
        )
        conditions: list[Model] = []
        joint, at = "", 0
        while (found := one.match(text, at)) is not None:
            # Before any of them is looked up among the runs' values.
            more = len(re.findall(_VALUE, found["values"])) if found["values"] else 1
            if len(conditions) + more > MOST:
                return None
            conditions += self._models(found)
            joint = joint or ("OR" if found["values"] else "")
            at = found.end()
            if at == len(text):
                several = {"filterType": self._type, "operator": joint, "conditions": conditions}
                return conditions[0] if len(conditions) == 1 else several
            joint = "OR" if text.startswith(" or ", at) else "AND"
            at += len(f" {joint} ")
        return None

    @property
    def _type(self) -> str:
        return "number" if self.kind == "number" else "text"

    def _models(self, found: re.Match[str]) -> list[Model]:
        """The conditions that one expression stands for."""
        if found["null"]:
            return [self._null(found["null"])]
        if found["sign"]:
            kind = next(name for name, sign in COMPARISONS.items() if sign == found["sign"])
            return [self._compared(kind, found["value"])]
        if found["values"]:
            values = re.findall(_VALUE, found["values"])
            return [self._compared("equals", value) for value in values]
        if found["low"]:
            low, high = (_plain_number(found[end]) for end in ("low", "high"))
            return [self._one("inRange", filter=low, filterTo=high)]
        return [self._matching(found)]

    def _one(self, kind: str, **more: Any) -> Model:
        return {"filterType": self._type, "type": kind, **more}

    def _null(self, text: str) -> Model:
        lacking = [name for name, value in self.choices.items() if value is None]
        if lacking and text == NULLS["blank"]:
            return self._one(lacking[0])
        return self._one(next(kind for kind, words in NULLS.items() if words == text))

    def _compared(self, kind: str, value: str) -> Model:
        if self.kind == "choice":
            return self._one(next(name for name, v in self.choices.items() if v == value))
        if self.kind == "number":
            return self._one(kind, filter=_plain_number(value))
        text = _plain_text(value) if value.startswith("'") else value
        shown = (text, f'"{text}"')  # as it is, or where it would pass for another type
        fits = (one for one in shown if self.value(one) == value)
        return self._one(kind, filter=next(fits))

    def _matching(self, found: re.Match[str]) -> Model:
        pattern = _plain_text(found["pattern"])
        negated = "not " if found["not"] else ""
        for kind, (before, behind, excluded) in PATTERNS.items():
            if (
                excluded == negated
                and pattern.startswith(before)
                and pattern.endswith(behind)
                and len(pattern) >= len(before + behind)
            ):
                text = pattern[len(before) : len(pattern) - len(behind)]
                text = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if found["escape"] else text
                model = self._one(kind, filter=text)
                if self._condition(model) == found[0]:
                    return model
        raise ValueError(found[0])

    def _read_dates(self, text: str) -> Model | None:
        term = re.escape(self.term)
        if text in (f"{self.term} {words}" for words in NULLS.values()):
            kind = next(kind for kind, words in NULLS.items() if text.endswith(words))
            return {"filterType": "date", "type": kind}
        ends = rf"(?:{term} >= (?P<since>{_TEXT}))?(?: and )?(?:{term} < (?P<until>{_TEXT}))?"
        found = re.fullmatch(ends, text)
        if found is None:
            return None
        since, until = (
            datetime.fromisoformat(_plain_text(end)).timestamp() if end else None
            for end in (found["since"], found["until"])
        )
        if since is None:
            return {"filterType": "date", "type": "lessThan", "from": until, "to": until}
        if until is None:
            return {"filterType": "date", "type": "greaterThan", "from": since, "to": since}
        kind = "equals" if until - since <= 25 * 3600 else "inRange"
        return {"filterType": "date", "type": kind, "from": since, "to": until}


def _filter(one: Model) -> str:
    text = one["filter"]
    if not isinstance(text, str):
        raise TypeError(text)
    return text


def _plain_text(quoted: str) -> str:
    return quoted[1:-1].replace("''", "'")


def _plain_number(text: str) -> float | int:
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
