"""What can be asked for, by name: ``"iqm"``, ``"ci:95"``, ``"ema:0.9"``; and the error if not.

An option that takes numbers has them after a colon, separated by commas, so that the same text
works in Python, on a command line and in an address.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exptools.hints import LONGEST_COMPARED, suggestion
from exptools.viewing.errors import QueryError
from exptools.viewing.wording import shortened

ALIKE = 0.6  # difflib's ratio from which on a name is a mistyped one


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
    whole: bool = False  # whether they count something

    def takes(self, number: float | None) -> bool:
        """Whether it may be this number; None is one that the user did not say."""
        if number is None or not self.low <= number <= self.high:
            return False
        return not self.whole or number == int(number)


def parse(what: str, text: str, choices: Mapping[str, Choice]) -> Option:
    """Read ``name`` or ``name:number,number``."""
    if not isinstance(text, str):
        raise QueryError(f"a {what} is a text, one of {', '.join(choices)}; not {text!r}")
    name, colon, given = text.partition(":")
    if name not in choices:
        meant = _with_colon(text, choices)
        near = f"did you mean {meant!r}?" if meant else _suggested(name, choices)
        raise QueryError(f"there is no {what} {name!r}; {near}")
    choice = choices[name]
    numbers = _numbers(given) if colon else choice.defaults
    if len(numbers) != len(choice.defaults) or not all(map(choice.takes, numbers)):
        takes = choice.meaning or "no number"
        raise QueryError(f"{what} {text!r}: {name} takes {takes} after a colon")
    return Option(name, tuple(number for number in numbers if number is not None))


def one_name(what: str, given: Any) -> str:
    """A name that is asked for, of a key or a metric; also where it stands alone in a list."""
    alone = isinstance(given, list | tuple) and len(given) == 1
    name = given[0] if alone else given
    if not isinstance(name, str):
        raise QueryError(f"{what} is one text, not {shortened(repr(given))}")
    return name


def several_names(what: str, given: Any) -> tuple[str, ...]:
    """Names that are asked for, each once: of a text that one, of a list or the like all."""
    if isinstance(given, str):
        return (given,)
    names = list(given) if isinstance(given, Iterable) and not isinstance(given, bytes) else [given]
    for name in names:
        if not isinstance(name, str):
            raise QueryError(f"{what} is a text or a list of texts, not {shortened(repr(given))}")
    return tuple(dict.fromkeys(names))


def _suggested(name: str, choices: Mapping[str, Choice]) -> str:
    """The name that was mistyped; of these few all, where it is another word."""
    import difflib  # an error may take its time

    if difflib.get_close_matches(name[:LONGEST_COMPARED], choices, n=1, cutoff=ALIKE):
        return suggestion(name, choices)
    return f"there are {', '.join(choices)}"


def _with_colon(text: str, choices: Mapping[str, Choice]) -> str:
    """``t:95`` of ``t95``; "" where it is no option of a number without its colon."""
    parts = re.fullmatch(r"([a-z]+)[ =_-]?(\d[\d.,]*)", text)
    return f"{parts[1]}:{parts[2]}" if parts and choices.get(parts[1], Choice()).defaults else ""


def _numbers(text: str) -> tuple[float | None, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return (math.nan,)  # lies in no range
