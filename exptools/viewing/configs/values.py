"""Configs: their leaves, their values as they compare and as they read, the parts of keys."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

NOISE = 6  # digits that a number has less without it; of twelve, one of seventeen has five less


MOST_PARTS = 16  # of an end: those of thousands of deep keys would take all memory
BETWEEN_SEGMENTS = re.compile(r"(?<!\\)\.")


class Missing:
    """The value of a key that a run's config does not have."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # by its name: there is one, also where it was copied or pickled to


MISSING = Missing()


def flatten(config: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nested config as (dotted key, value).

    Lists and empty mappings are leaves. A dot that belongs to a key is written ``\\.``, as in
    Hydra's overrides.
    """
    for key, value in config.items():
        name = prefix + str(key).replace(".", "\\.")
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{name}.")
        else:
            yield name, value


def comparison_key(value: Any) -> tuple[Any, ...]:
    """A hashable stand-in that is equal for equal values and keeps types apart.

    1 and 1.0 are one number; True, 1 and "1" are three values; NaN equals itself.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ("number", "nan" if _is_nan(value) else value)
    if isinstance(value, (list, tuple)):
        return ("list", *map(comparison_key, value))
    if isinstance(value, Mapping):
        items = ((str(key), comparison_key(item)) for key, item in value.items())
        return ("mapping", *sorted(items, key=lambda item: item[0]))
    return (type(value).__name__, repr(value))


def display(value: Any) -> str:
    """A value as a person reads it; a text that would pass for another type stands in quotes."""
    if value is MISSING:
        return "—"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _passes_for(value) is not str else value
    if isinstance(value, (list, tuple, Mapping)):
        return "".join(pieces(value))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return plain_power(str(value)) if isinstance(value, float) else str(value)


def plain_power(text: str) -> str:
    """A number as Python writes it, its power of ten as people do: 1e-5 for 1e-05."""
    return re.sub(r"e([+-])0*(\d)", lambda power: f"e{power[1].strip('+')}{power[2]}", text)


def display_among(values: Iterable[Any]) -> Callable[[Any], str]:
    """How to ``display`` each of some values: in quotes only what could be another of them.

    A text "3" stands as it is, unless a number stands beside it; so do "true" and "null".
    """
    kinds = {_kind(value) for value in values if not isinstance(value, str)}

    def shown(value: Any) -> str:
        if not isinstance(value, str) or value.strip() in ("", display(MISSING)):
            return display(value)
        return display(value) if _passes_for(value) in kinds else value

    return shown


def label_among(values: Iterable[Any]) -> Callable[[Any], str]:
    """How to name each of some values: as ``display_among``, less what is noise of arithmetic.

    0.30000000000000004 is 0.3, unless that is another one of them.
    """
    every = list(values)
    show = display_among(every)
    different = {value for value in every if isinstance(value, (int, float))}
    taken = Counter(map(without_noise, different))

    def shown(value: Any) -> str:
        plain = without_noise(value) if isinstance(value, float) else value
        return show(plain if plain != value and taken[plain] == 1 else value)

    return shown


def without_noise(value: float) -> float:
    """The number that is meant: of twelve digits, where it is written with many more than that."""
    if not isinstance(value, float):
        return value
    plain = float(f"{value:.12g}")
    return plain if len(repr(value)) - len(repr(plain)) >= NOISE else value


def _kind(value: Any) -> type:
    """Of numbers float, of others their type."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float if is_number else type(value)


def pieces(value: Any) -> Iterator[str]:
    """What ``display`` puts together, one after the other."""
    if isinstance(value, (list, tuple)):
        yield "["
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from pieces(item)
        yield "]"
    elif isinstance(value, Mapping):
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield f"{', ' if number else ''}{key}: "
            yield from pieces(item)
        yield "}"
    else:
        yield display(value)


def segments(key: str) -> list[str]:
    """A dotted key's parts; a dot behind a backslash belongs to its part."""
    return BETWEEN_SEGMENTS.split(key)


def endings(key: str) -> list[str]:
    """The ends of a dotted key of at most ``MOST_PARTS``, its last part first; itself last."""
    parts = segments(key)
    first = max(0, len(parts) - MOST_PARTS)
    ends = [".".join(parts[start:]) for start in range(len(parts) - 1, first, -1)]
    return [*ends, key]


def _is_nan(value: float) -> bool:
    # math.isnan(), and what else makes a float of it, takes no integer of hundreds of digits.
    return isinstance(value, float) and math.isnan(value)


def _passes_for(text: str) -> type:
    """The type of the value that the text could be taken for."""
    word = text.strip().lower()
    if word in ("true", "false"):
        return bool
    if word in ("", "null", "none", "~", "—"):
        return type(None)
    try:
        float(text)
    except ValueError:
        return str
    return float
