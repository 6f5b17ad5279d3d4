"""What a condition compares: keys, results, numbers and texts, from sqlglot's parts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from exptools.hints import MOST_LISTED
from exptools.rundir import STEP
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.asked import Asked
from exptools.viewing.groups.grouping import Key, keys_among
from exptools.viewing.groups.names import RUN, SUMMARY
from exptools.viewing.groups.tokens import CALL
from exptools.viewing.groups.truth import comparable
from exptools.viewing.run import Run
from exptools.viewing.wording import shortened

Term = Callable[[Run], Any]  # of a run: a value, or None for what is not known
MOST_SHOWN = 200  # characters of a condition in an error


def not_understood(node: Any) -> QueryError:
    """The error for what no condition may have in it."""
    text = as_written(node) if isinstance(node, exp.Expression) else shortened(str(node))
    return QueryError(
        f"{text!r} is not understood in a condition; there are comparisons, and, or, not, in, "
        "between, like, ilike and is null, keys with odd characters in double quotes, and results "
        'as in last("test/loss") < 0.1'
    )


def which_value(name: str, metrics: Sequence[str]) -> QueryError:
    """The error for a metric, or the end of several, where one of its values is to be said."""
    if len(metrics) == 1:
        return QueryError(f'{name!r} is a metric: say which of its values, as in last("{name}")')
    listed = ", ".join(map(shortened, metrics[:MOST_LISTED]))
    listed += ", …" if len(metrics) > MOST_LISTED else ""
    return QueryError(
        f"several metrics are {name!r} at their end, {listed}: say which, and which of its values, "
        f'as in last("{shortened(metrics[0])}")'
    )


def as_written(node: exp.Expression) -> str:
    """An expression as a person may write it, without the quotes that were put in."""
    text = re.sub(rf"\b{CALL}(\w+)", lambda name: name[1].lower(), node.sql(), flags=re.IGNORECASE)
    return shortened(re.sub(r'"([^\W\d]\w*(?:\.\w+)*)"', r"\1", text), MOST_SHOWN)


def without_blanks(node: Any) -> str:
    """What was read as a sum or the like, as a word: ``my-key``, ``Hopper-v4``."""
    return re.sub(r" ([-+/*%&|]) ", r"\1", as_written(node))


def key(node: Any, asked: Asked) -> Term:
    """A run's value of a key."""
    found = key_of(node, asked)
    return lambda run: comparable(found.value(run))


def key_of(node: Any, asked: Asked) -> Key:
    """The key that is meant."""
    name = ".".join(part.name for part in _parts(node))
    own = f"{RUN}{name.removeprefix(RUN)}"
    if own in asked.own and (own == name or not asked.names.has(name)):
        return Key(name, asked.own[own], whole=own)
    try:
        (found,) = keys_among(asked.names, [name])
    except QueryError as error:
        if asked.results and (metrics := asked.results.named(name)):
            raise which_value(name, metrics) from error
        if name == STEP:
            raise QueryError("'step' is no key: max(step) is how far a run has come") from error
        if name in asked.in_quotes and not asked.names.has(name):
            raise QueryError(
                f"{error}; a text stands in single quotes: '{shortened(name)}'"
            ) from error
        raise
    return found


def _parts(node: Any) -> list[Any]:
    if isinstance(node, exp.Dot):
        return [*_parts(node.this), *_parts(node.expression)]
    parts = node.parts if isinstance(node, exp.Column) else [node]
    if not all(isinstance(part, (exp.Identifier, exp.Literal)) for part in parts):
        raise not_understood(node)
    return list(parts)


def result(node: exp.Anonymous, asked: Asked) -> Term:
    """``last("test/loss")``, ``mean("test/loss", 10)``, ``summary("result")``."""
    function = str(node.this).lower().removeprefix(CALL)
    if asked.results is None or not node.expressions:
        raise not_understood(node)
    first, *numbers = node.expressions
    name = str(first.this) if _is_text(first) else ".".join(part.name for part in _parts(first))
    if function == SUMMARY.rstrip(".") and not numbers:
        (found,) = keys_among(asked.names, [f"{SUMMARY}{name}"])
        return lambda run: comparable(found.value(run))
    summary = ":".join([function, *(number.sql() for number in numbers)])
    values = asked.results.of(name, summary)

    def value(run: Run) -> float | None:
        number = values[run.name]
        return None if number is None or math.isnan(number) else number

    return value


def is_number_of_runs(node: Any) -> bool:
    """Whether an expression asks for a result; a summary may also hold texts."""
    if not isinstance(node, exp.Anonymous):
        return False
    return str(node.this).lower().removeprefix(CALL) != SUMMARY.rstrip(".")


def _is_text(node: Any) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def literal(node: Any, asked: Asked) -> Term:
    """A number, a text, true or false, as it is written."""
    value = value_of(node)
    return lambda run: value


def value_of(node: Any) -> Any:
    """What a literal or a negative number stands for; None where it is none of these."""
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        number = value_of(node.this)
        return None if isinstance(number, str) else -number
    if not isinstance(node, exp.Literal):
        return None
    text = str(node.this)
    if node.is_string:
        return text
    return int(text) if text.isdecimal() and len(text) < 100 else float(text)


def negative(node: exp.Neg, asked: Asked) -> Term:
    """A number below zero."""
    number = value_of(node)
    if number is None:
        raise QueryError(f"{as_written(node)!r}: only a number can be negative")
    return lambda run: number
