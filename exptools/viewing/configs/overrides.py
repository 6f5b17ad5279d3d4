"""What a job's overrides say of its config, before Hydra has composed it.

Hydra's own parser is slow, and the viewer does without Hydra. This one reads what sweeps are made
of: numbers, texts, lists and mappings. What it cannot read stays the text that somebody typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from exptools.viewing.memo import Memo
from exptools.viewing.wording import escape_invalid_unicode
from exptools.visible import visible_lines

MAX_OVERRIDE = 2000  # characters of a value; a longer one is a text
MAX_DEPTH = 20  # of its brackets

_OVERRIDE = re.compile(r"(?P<sign>\+\+|\+|~)?(?P<key>[^=\s]+)(?:=(?P<value>.*))?", re.DOTALL)
_INTEGER = re.compile(r"[+-]?(?:0|[1-9](?:_?[0-9])*)")
_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9](?:_?[0-9])*)?\.(?:[0-9](?:_?[0-9])*)?(?:e[+-]?[0-9]+)?"
    r"|[0-9](?:_?[0-9])*e[+-]?[0-9]+|inf|nan)",
    re.IGNORECASE,
)
_WORDS = {"true": True, "false": False, "null": None}
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
# A quoted text, a bracket or what parts the items, or anything up to the next of these; behind a
# quote that nothing ends, all the rest.
_TOKEN = re.compile(rf"\s*({_QUOTED.pattern}|[][{{}}:,]|[^][{{}}:,'\"]+|['\"].*)", re.DOTALL)


class Override(NamedTuple):
    """One override: what is set, added or removed."""

    sign: str  # "", "+", "++", or "~": removed
    key: str  # dotted; of a config group with its slashes: "optim/schedule"
    value: Any  # None where it is removed


def parse_override(text: str) -> Override | None:
    """Read ``lr=0.1``, ``+model.hidden=[64,64]`` or ``~key``; None where it is none of these."""
    return _PARSED[text]


def _parsed(text: str) -> Override | None:
    match = _OVERRIDE.fullmatch(text)
    if match is None or (match["value"] is None and match["sign"] != "~"):
        return None
    value = None if match["value"] is None else parse_value(match["value"])
    return Override(match["sign"] or "", visible_lines(match["key"]), value)


_PARSED = Memo(_parsed)


def parse_value(text: str) -> Any:
    """The value that Hydra reads in an override; lists become tuples, mappings read-only."""
    text = escape_invalid_unicode(text.strip())
    if text[:1] in ("[", "{") and len(text) <= MAX_OVERRIDE:
        try:
            return _collection(text)
        except (ValueError, IndexError):
            return text
    return _scalar(text)


def _scalar(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if len(text) < 100 and _INTEGER.fullmatch(text):
        return int(text)
    if len(text) < 100 and text != "." and _FLOAT.fullmatch(text):
        return float(text)
    if _QUOTED.fullmatch(text):
        return re.sub(rf"\\([\\{text[0]}])", r"\1", text[1:-1])
    return re.sub(r"\\([\\()\[\]{}:=,\s])", r"\1", text) if "\\" in text else text


def _collection(text: str) -> Any:
    """A list or mapping; a ValueError or IndexError where it is neither."""
    tokens = _TOKEN.findall(text)[::-1]
    value = _next(tokens, 0)
    if tokens:
        raise ValueError("more follows")
    return value


def _next(tokens: list[str], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    first = tokens.pop()
    if first == "[":
        return _list(tokens, depth)
    if first == "{":
        return _mapping(tokens, depth)
    if first in ("]", "}", ","):
        raise ValueError(f"{first} is out of place")
    while tokens[-1] == ":":  # in a list a colon is a letter
        first += tokens.pop() + tokens.pop()
    return _scalar(first.strip())


def _list(tokens: list[str], depth: int) -> tuple[Any, ...]:
    items: list[Any] = []
    while tokens[-1] != "]":
        items.append(_next(tokens, depth + 1))
        _separated(tokens, "]")
    tokens.pop()
    return tuple(items)


def _mapping(tokens: list[str], depth: int) -> Mapping[str, Any]:
    items: dict[str, Any] = {}
    while tokens[-1] != "}":
        key = tokens.pop().strip()
        if tokens.pop() != ":":
            raise ValueError(f"no value for {key}")
        items[str(_scalar(key))] = _next(tokens, depth + 1)
        _separated(tokens, "}")
    tokens.pop()
    return MappingProxyType(items)


def _separated(tokens: list[str], end: str) -> None:
    if tokens[-1] == ",":
        tokens.pop()
    elif tokens[-1] != end:
        raise ValueError(f"{end} is missing")
