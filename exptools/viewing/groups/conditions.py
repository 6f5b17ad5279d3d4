"""Conditions on runs: SQL's expressions, parsed by sqlglot and judged by the rules below.

A key stands as it is written (``algo.lr``), in double quotes where it has odd characters
(``"my-key.0"``); a text stands in single quotes. As in SQL, what compares with a key that a run
lacks, or has null for, is neither true nor false, so that only ``is null`` finds it. Values of
different types are not equal, and neither is the larger: ``lr > 0.1`` leaves a run whose lr is
the text "auto" out. A list or mapping compares as the text that the table shows.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from exptools.viewing.configs.values import MISSING, display
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import OF_RUN, SUMMARY, find_keys, known_keys
from exptools.viewing.run import Run

Truth = bool | None  # None: not known
Term = Callable[[Run], Any]  # of a run: a value, or None for what is not known

_WORDS = {"and", "or", "not", "in", "between", "like", "ilike", "is", "null", "true", "false"}
# A text, a quoted key, or a word that may be a key; only the last is ever changed.
_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|(?<![\w.])[^\W\d]\w*(?:\.\w+)*""")
# Of the parsed parts, those that are heeded; an expression with any other is refused.
_PARTS = {"this", "expression", "expressions", "low", "high", "negate", "is_string"} | {
    *("table", "db", "catalog"),
}

_COMPARISONS: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
}


def select(runs: Sequence[Run], condition: str) -> list[Run]:
    """The runs for which a condition is true."""
    try:
        holds = _truth(sqlglot.parse_one(_quoted(condition, runs)), runs)
    except SqlglotError as error:
        raise QueryError(
            f"{condition!r} cannot be read as a condition; one is, for example, "
            "algo.lr > 1e-4 and env.name = 'Hopper'"
        ) from error
    except RecursionError as error:
        raise QueryError("the condition is nested too deeply to be read") from error
    return [run for run in runs if holds(run) is True]


def _quoted(condition: str, runs: Sequence[Run]) -> str:
    """The condition with every key of the runs in quotes, be it a word of SQL's or a type's."""
    known = known_keys(runs)
    keys = {*known, *(key.removeprefix(SUMMARY) for key in known), *OF_RUN} - _WORDS

    def quote(word: re.Match[str]) -> str:
        return f'"{word[0]}"' if word[0] in keys else word[0]

    return _TOKEN.sub(quote, condition)


def _term(node: Any, runs: Sequence[Run]) -> Term:
    """The function that an expression stands for."""
    translate = next((t for kinds, t in _TRANSLATIONS.items() if isinstance(node, kinds)), None)
    if translate is None or any(node.args[part] and part not in _PARTS for part in node.args):
        raise _not_understood(node)
    term = translate(node, runs)
    if node.args.get("negate"):  # newer versions of sqlglot: not like, without a Not around it
        return lambda run: _inverse(term(run))
    return term


def _not_understood(node: Any) -> QueryError:
    text = node.sql() if isinstance(node, exp.Expression) else str(node)
    return QueryError(
        f"{text!r} is not understood in a condition; there are comparisons, and, or, not, in, "
        "between, like, ilike and is null, keys with odd characters in double quotes"
    )


def _key(node: Any, runs: Sequence[Run]) -> Term:
    parts = _parts(node)
    name = ".".join(part.name for part in parts)
    try:
        (key,) = find_keys(runs, [name])
    except QueryError as error:
        if parts[0].args.get("quoted"):
            raise QueryError(f"{error}; a text stands in single quotes: '{name}'") from error
        raise
    return lambda run: _comparable(key.value(run))


def _parts(node: Any) -> list[Any]:
    if isinstance(node, exp.Dot):
        return [*_parts(node.this), *_parts(node.expression)]
    parts = node.parts if isinstance(node, exp.Column) else [node]
    if not all(isinstance(part, (exp.Identifier, exp.Literal)) for part in parts):
        raise _not_understood(node)
    return list(parts)


def _comparable(value: Any) -> Any:
    if value is MISSING or value is None:
        return None
    return value if isinstance(value, (bool, int, float, str)) else display(value)


def _literal(node: exp.Literal, runs: Sequence[Run]) -> Term:
    text = str(node.this)
    if node.is_string:
        return lambda run: text
    number = int(text) if text.isdecimal() and len(text) < 100 else float(text)
    return lambda run: number


def _negative(node: exp.Neg, runs: Sequence[Run]) -> Term:
    if not isinstance(node.this, exp.Literal) or node.this.is_string:
        raise QueryError(f"{node.sql()!r}: only a number can be negative")
    number = _literal(node.this, runs)
    return lambda run: -number(run)


def _comparison(node: Any, runs: Sequence[Run]) -> Term:
    left, right = _term(node.this, runs), _term(node.expression, runs)
    return lambda run: _compare(_COMPARISONS[type(node)], left(run), right(run))


def _compare(holds: Callable[[Any, Any], Any], left: Any, right: Any) -> Truth:
    if left is None or right is None:
        return None
    if _kind(left) == _kind(right):
        return bool(holds(left, right))
    return holds is operator.ne if holds in (operator.eq, operator.ne) else None


def _kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def _and(node: exp.And, runs: Sequence[Run]) -> Term:
    terms = [_truth(part, runs) for part in node.flatten()]
    return lambda run: _least([term(run) for term in terms])


def _or(node: exp.Or, runs: Sequence[Run]) -> Term:
    terms = [_not(part, runs) for part in node.flatten()]
    return lambda run: _inverse(_least([term(run) for term in terms]))


def _not(node: Any, runs: Sequence[Run]) -> Term:
    term = _truth(node, runs)
    return lambda run: _inverse(term(run))


def _truth(node: Any, runs: Sequence[Run]) -> Term:
    """A term that is true, false or not known: a key that holds a bool is one, too."""
    term = _term(node, runs)

    def truth(run: Run) -> Truth:
        value = term(run)
        return value if isinstance(value, bool) else None

    return truth


def _least(truths: Sequence[Truth]) -> Truth:
    if False in truths:
        return False
    return None if None in truths else True


def _inverse(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _in(node: exp.In, runs: Sequence[Run]) -> Term:
    value = _term(node.this, runs)
    options = [_term(option, runs) for option in node.expressions]
    if not options:
        raise QueryError(f"{node.sql()!r}: in takes values in brackets, as in x in (1, 2)")

    def holds(run: Run) -> Truth:
        unequal = [_compare(operator.ne, value(run), option(run)) for option in options]
        return _inverse(_least(unequal))

    return holds


def _between(node: exp.Between, runs: Sequence[Run]) -> Term:
    value, low, high = (_term(node.args[part], runs) for part in ("this", "low", "high"))

    def holds(run: Run) -> Truth:
        of_run = value(run)
        above = _compare(operator.ge, of_run, low(run))
        return _least([above, _compare(operator.le, of_run, high(run))])

    return holds


def _is(node: exp.Is, runs: Sequence[Run]) -> Term:
    value, wanted = _term(node.this, runs), _term(node.expression, runs)
    return lambda run: value(run) is wanted(run)


def _like(node: Any, runs: Sequence[Run]) -> Term:
    value, pattern = _term(node.this, runs), _term(node.expression, runs)
    flags = re.DOTALL | (re.IGNORECASE if isinstance(node, exp.ILike) else 0)

    def holds(run: Run) -> Truth:
        text, wanted = value(run), pattern(run)
        if text is None or wanted is None:
            return None
        parts = {"%": ".*", "_": "."}
        regex = "".join(parts.get(char, re.escape(char)) for char in str(wanted))
        return isinstance(text, str) and re.fullmatch(regex, text, flags) is not None

    return holds


_TRANSLATIONS: dict[Any, Callable[[Any, Sequence[Run]], Term]] = {
    exp.Paren: lambda node, runs: _term(node.this, runs),
    exp.And: _and,
    exp.Or: _or,
    exp.Not: lambda node, runs: _not(node.this, runs),
    tuple(_COMPARISONS): _comparison,
    exp.In: _in,
    exp.Between: _between,
    exp.Is: _is,
    (exp.Like, exp.ILike): _like,
    (exp.Column, exp.Dot): _key,
    exp.Literal: _literal,
    exp.Neg: _negative,
    exp.Boolean: lambda node, runs: lambda run: bool(node.this),
    exp.Null: lambda node, runs: lambda run: None,
}
