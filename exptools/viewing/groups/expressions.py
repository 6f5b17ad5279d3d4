"""The expressions of conditions, from sqlglot's parts to functions of a run."""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from exptools.viewing.errors import QueryError
from exptools.viewing.groups.asked import Asked, Effort
from exptools.viewing.groups.mismatches import check_own, check_values
from exptools.viewing.groups.operands import (
    MOST_SHOWN,
    Term,
    as_written,
    is_number_of_runs,
    key,
    key_of,
    literal,
    negative,
    not_understood,
    result,
    value_of,
    which_value,
    without_blanks,
)
from exptools.viewing.groups.tokens import quoted
from exptools.viewing.groups.truth import Once, Truth, as_text, compare, inverse, least
from exptools.viewing.run import Run
from exptools.viewing.wording import shortened

# Of the parsed parts, those that are heeded; an expression with any other is refused.
_PARTS = {"this", "expression", "expressions", "low", "high", "negate", "is_string"} | {
    *("table", "db", "catalog"),
}
LONGEST = 50_000  # characters of a condition: a list of thousands of names is one
_COLLECTIONS = (exp.Array, exp.Tuple)

_COMPARISONS: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
}
_SIGNS: dict[type[exp.Expression], str] = {
    **{exp.EQ: "=", exp.NEQ: "!="},
    **{exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="},
}
_KEY_IN_QUOTES = re.compile(r"\"([^\"]*)\"")
_IN_QUOTES = re.compile(r"""'[^']*'|"[^"]*\"""")
_OF_NO_CONDITION = re.compile(r"[`{}\\$@?#^]")
# What stands before a bracket with an item in it: sqlglot may try at that item again and again.
_ITEM = re.compile(r"(?:[\"\d\])]|\b(?:null|true|false))\s*\[", re.IGNORECASE)
_OF_A_CALL = re.compile(r"\)\s*\.")  # a chain of these takes it long, too
_SIGN_FOR_WORD = re.compile(r"&&?|\|\|?|~|!(?!=)")
_MIRRORED = str.maketrans("<>", "><")


def parse(condition: str, asked: Asked) -> Term:
    """What a condition says of a run: True, False, or None for what is not known."""
    if len(condition) > LONGEST:
        raise QueryError(f"a condition of more than {LONGEST:,} characters is not read")
    in_quotes = frozenset(_KEY_IN_QUOTES.findall(condition))
    asked = replace(asked, in_quotes=in_quotes, effort=Effort(), once=Once())
    try:
        text = quoted(condition)
        _refuse_signs(text, asked)
        return _truth(sqlglot.parse_one(text, into=exp.Condition), asked)
    except SqlglotError as error:
        raise QueryError(
            f"{shortened(condition, MOST_SHOWN)!r} cannot be read as a condition; one is, for "
            "example, algo.lr > 1e-4 and env.name = 'Hopper'"
        ) from error
    except RecursionError as error:
        raise QueryError("the condition is nested too deeply to be read") from error


def _refuse_signs(text: str, asked: Asked) -> None:
    """Raise QueryError where a word of the conditions is written as in Python, C or pandas."""
    bare = _IN_QUOTES.sub('""', text)
    if odd := _OF_NO_CONDITION.search(bare):
        raise QueryError(
            f"{odd[0]!r} is not understood in a condition; a text stands in single quotes, and a "
            "key with odd characters in double quotes"
        )
    if _ITEM.search(bare):
        raise QueryError(
            "an item in brackets is not understood in a condition; a list is compared as a whole: "
            "key = [64, 64]"
        )
    if _OF_A_CALL.search(bare):
        raise QueryError("a dot behind a bracket is not understood in a condition")
    found = _SIGN_FOR_WORD.search(bare)
    if found and not any(found[0] in key for key in asked.names.keys):
        word = {"&": "and", "|": "or"}.get(found[0][0], "not")
        raise QueryError(
            f"{found[0]!r} is not understood in a condition: say {word}, as in "
            "lr > 0.1 and not (seed = 1 or seed = 2)"
        )


def _term(node: Any, asked: Asked) -> Term:
    """The function that an expression stands for."""
    translate = next((t for kinds, t in _TRANSLATIONS.items() if isinstance(node, kinds)), None)
    if translate is None or any(node.args[part] and part not in _PARTS for part in node.args):
        if asked.names.has(name := without_blanks(node)):
            raise QueryError(f'a key with odd characters stands in double quotes: "{name}"')
        if asked.results and (metrics := asked.results.named(name)):
            raise which_value(name, metrics)
        raise not_understood(node)
    term = translate(node, asked)
    if node.args.get("negate"):  # newer versions of sqlglot: not like, without a Not around it
        return lambda run: inverse(term(run))
    return term


def _given(node: Any, asked: Asked) -> Term:
    """What a key is compared with: a word that is no key was probably meant as a text."""
    word = node.name if isinstance(node, exp.Column) and not node.table else ""
    if isinstance(node, exp.Binary) and not isinstance(node, exp.Dot):
        text = without_blanks(node)
        if asked.results and (metrics := asked.results.named(text)):
            raise which_value(text, metrics)
        raise QueryError(f"{text} is not understood; a text stands in single quotes: '{text}'")
    if not word or asked.names.has(word) or (asked.results and asked.results.named(word)):
        return _term(node, asked)
    if word.lower() == "none":
        raise QueryError(f"there is no {word} in a condition: say null, as in key is null")
    word = shortened(word)
    raise QueryError(f"no run has a key {word!r}; a text stands in single quotes: '{word}'")


def _list(node: Any, asked: Asked) -> Term:
    items = [_given(item, asked) for item in node.expressions]
    return lambda run: tuple(item(run) for item in items)


def _comparison(node: Any, asked: Asked) -> Term:
    for side, other in ((node.this, node.expression), (node.expression, node.this)):
        if isinstance(side, exp.Null):
            text = as_written(other)
            raise QueryError(f"nothing is equal to null, not even null: say {text} is null")
        if is_number_of_runs(side) and isinstance(value_of(other), str):
            number, text = as_written(side), value_of(other)
            raise QueryError(f"{number} is a number, and never '{text}'; write it without quotes")
    left, right = _term(node.this, asked), _given(node.expression, asked)
    sign = _SIGNS[type(node)]
    _check(node.this, [node.expression], asked, _advice(node.this, sign))
    mirrored = sign.translate(_MIRRORED)  # 1 < x is x > 1
    _check(node.expression, [node.this], asked, _advice(node.expression, mirrored))
    return lambda run: compare(_COMPARISONS[type(node)], left(run), right(run), asked.once)


def _advice(node: Any, sign: str) -> Callable[[str], str]:
    """How to compare a key with a value; true and false have no order, and neither have lists."""

    def say(value: str) -> str:
        name, in_order = as_written(node), sign not in ("=", "!=")
        if value in ("true", "false") and in_order:
            return f"{name} = true or {name} = false"
        if value.startswith("[") and in_order:
            return f"{name} = {value}, for lists have no order"
        return f"{name} {sign} {value}"

    return say


def _check(side: Any, given: Sequence[Any], asked: Asked, say: Callable[..., str]) -> None:
    """Refuse what no value of a key can be compared with; ``say`` is how it can."""
    values = [() if isinstance(node, _COLLECTIONS) else value_of(node) for node in given]
    if isinstance(side, (exp.Column, exp.Dot)) and None not in values:
        key = key_of(side, asked)
        check_own(key, asked, values)
        check_values(key, asked.runs, values, say)


def _and(node: exp.And, asked: Asked) -> Term:
    terms = [_truth(part, asked) for part in node.flatten()]
    return lambda run: least([term(run) for term in terms])


def _or(node: exp.Or, asked: Asked) -> Term:
    terms = [_not(part, asked) for part in node.flatten()]
    return lambda run: inverse(least([term(run) for term in terms]))


def _not(node: Any, asked: Asked) -> Term:
    term = _truth(node, asked)
    return lambda run: inverse(term(run))


def _truth(node: Any, asked: Asked) -> Term:
    """A term that is true, false or not known: a key that holds a bool is one, too."""
    term = _term(node, asked)
    if is_number_of_runs(node) or isinstance(node, exp.Literal):
        text = as_written(node)
        raise QueryError(f"{text} is neither true nor false: compare it, as in {text} > 0")
    name = as_written(node)
    example = lambda value: f"what it is compared with, as in {name} = {value}"  # noqa: E731
    _check(node, [exp.true()], asked, example)

    def truth(run: Run) -> Truth:
        value = term(run)
        return value if isinstance(value, bool) else None

    return truth


def _in(node: exp.In, asked: Asked) -> Term:
    value = _term(node.this, asked)
    options = [_given(option, asked) for option in node.expressions]
    if not options:
        raise QueryError(f"{as_written(node)!r}: in takes values in brackets, as in x in (1, 2)")
    name = as_written(node.this)
    _check(node.this, node.expressions, asked, lambda *of: f"{name} in ({', '.join(of)})")

    def holds(run: Run) -> Truth:
        of_run = value(run)
        unequal = [compare(operator.ne, of_run, option(run), asked.once) for option in options]
        return inverse(least(unequal))

    return holds


def _between(node: exp.Between, asked: Asked) -> Term:
    ends = [node.args["low"], node.args["high"]]
    value, (low, high) = _term(node.this, asked), (_given(end, asked) for end in ends)
    name, first, last = map(as_written, (node.this, *ends))
    _check(node.this, ends, asked, lambda low, high: f"{name} between {low} and {high}")
    _check(node.this, ends[:1], asked, lambda end: f"{name} between {end} and {last}")
    _check(node.this, ends[1:], asked, lambda end: f"{name} between {first} and {end}")

    def holds(run: Run) -> Truth:
        of_run = value(run)
        above = compare(operator.ge, of_run, low(run), asked.once)
        return least([above, compare(operator.le, of_run, high(run), asked.once)])

    return holds


def _is(node: exp.Is, asked: Asked) -> Term:
    value, wanted = _term(node.this, asked), _given(node.expression, asked)
    if not isinstance(node.expression, (exp.Null, exp.Boolean)):
        left, right = as_written(node.this), as_written(node.expression)
        raise QueryError(f"is stands before null, true and false: say {left} = {right}")
    return lambda run: value(run) is wanted(run)


def _like(node: Any, asked: Asked, escape: str = "") -> Term:
    value, pattern = _term(node.this, asked), _given(node.expression, asked)
    flags = re.IGNORECASE if isinstance(node, exp.ILike) else 0
    if isinstance(value_of(node.expression), (int, float)):
        raise QueryError(f"{node.key} takes a text in single quotes, as in {node.key} '%a%'")
    _check(node.this, [node.expression], asked, _advice(node.this, "="))

    def holds(run: Run) -> Truth:
        text, wanted = value(run), pattern(run)
        if text is None or wanted is None:
            return None
        text = as_text(text, asked.once)
        asked.effort.spend(text, str(wanted))
        return re.match(_regex(str(wanted), escape), text, flags) is not None

    return holds


def _escape(node: exp.Escape, asked: Asked) -> Term:
    """``like '50!%' escape '!'``: what follows the sign in the pattern stands for itself."""
    like, sign = node.this, value_of(node.expression)
    negated = isinstance(like, exp.Not)
    like = like.this if negated else like
    if not isinstance(like, (exp.Like, exp.ILike)) or not isinstance(sign, str) or len(sign) != 1:
        raise QueryError("escape stands behind like, with one sign: key like '50!%' escape '!'")
    term = _like(like, asked, sign)
    return (lambda run: inverse(term(run))) if negated or like.args.get("negate") else term


@lru_cache(maxsize=64)
def _regex(pattern: str, escape: str) -> str:
    """A pattern of ``like`` as a regular expression; fnmatch's are quick whatever the pattern."""
    plain = {char: f"[{char}]" for char in "*?["}
    special = {"%": "*", "_": "?", **plain}
    signs = re.findall(f"{re.escape(escape)}.|.", pattern, re.DOTALL) if escape else pattern
    return fnmatch.translate(
        "".join(
            plain.get(sign[1], sign[1]) if len(sign) == 2 else special.get(sign, sign)
            for sign in signs
        )
    )


_TRANSLATIONS: dict[Any, Callable[[Any, Asked], Term]] = {
    exp.Paren: lambda node, asked: _term(node.this, asked),
    exp.And: _and,
    exp.Or: _or,
    exp.Not: lambda node, asked: _not(node.this, asked),
    tuple(_COMPARISONS): _comparison,
    exp.In: _in,
    exp.Between: _between,
    exp.Is: _is,
    (exp.Like, exp.ILike): _like,
    exp.Escape: _escape,
    (exp.Column, exp.Dot): key,
    exp.Literal: literal,
    _COLLECTIONS: _list,
    exp.Anonymous: result,
    exp.Neg: negative,
    exp.Boolean: literal,
    exp.Null: lambda node, asked: lambda run: None,
}
