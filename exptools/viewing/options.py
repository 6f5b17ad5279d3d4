"""What can be asked for, by name: ``"iqm"``, ``"ci:95"``, ``"ema:0.9"``; and the error if not.

An option that takes numbers has them after a colon, separated by commas, so that the same text
works in Python, on a command line and in an address.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


class QueryError(ValueError):
    """What was asked for is not there or makes no sense; the message says what to ask instead."""


@dataclass(frozen=True)
class Option:
    """An option as it was chosen."""

    name: str
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        numbers = ",".join(f"{number:.15g}" for number in self.numbers)
        return f"{self.name}:{numbers}" if numbers else self.name


@dataclass(frozen=True)
class Choice:
    """An option that there is: its numbers' defaults, and the range that each must lie in."""

    defaults: tuple[float | None, ...] = ()  # None where the user must say
    low: float = -math.inf
    high: float = math.inf
    meaning: str = ""  # of the numbers, as the error names them


def parse(what: str, text: str, choices: Mapping[str, Choice]) -> Option:
    """Read ``name`` or ``name:number,number``.

    Raises:
        QueryError: there is no such option, or it takes other numbers.
    """
    name, colon, given = text.partition(":")
    if name not in choices:
        raise QueryError(f"there is no {what} {name!r}; {suggestion(name, choices)}")
    choice = choices[name]
    numbers = _numbers(given) if colon else choice.defaults
    fits = len(numbers) == len(choice.defaults)
    if not fits or not all(n is not None and choice.low <= n <= choice.high for n in numbers):
        takes = choice.meaning or "no number"
        raise QueryError(f"{what} {text!r}: {name} takes {takes} after a colon")
    return Option(name, tuple(number for number in numbers if number is not None))


def suggestion(given: str, allowed: Iterable[str]) -> str:
    """The end of an error's sentence: the nearest of what is allowed, or all of it if short."""
    names = list(allowed)
    ending = [name for name in names if re.split(r"[./]", name)[-1] == given]
    close = ending or difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    close = close or [name for name in names if given and given in name]
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return "there is none to choose from"
    shown = ", ".join(names[:12])
    return f"there are {shown}{', …' if len(names) > 12 else ''}"


def _numbers(text: str) -> tuple[float | None, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return (math.nan,)  # lies in no range
