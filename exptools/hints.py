"""What an error says of a wrong name: the nearest right one, or all there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import accumulate

from exptools.visible import visible

MOST_LISTED = 12
MOST_COMPARED = 2_000_000  # characters of names, times those of
LONGEST_COMPARED = 200  # at most in the one that was given: that takes a moment


def nearest(given: str, allowed: Iterable[str]) -> str | None:
    """The name that was probably meant, None where none is close.

    First a dotted name that ends in what was given (``lr`` of ``optim.lr``), then the most similar
    one by difflib's ratio (0.5 or more), then one that contains it.
    """
    names = list(allowed)
    close = similar(given, names)
    return close or next((name for name in names if given and given in name), None)


def similar(given: str, allowed: Iterable[str]) -> str | None:
    """The same, but for names that only contain what was given."""
    import difflib  # an error may take its time; what never fails should not pay for it

    names = list(allowed)
    close = _ending(given, names)
    if not close and len(given) <= LONGEST_COMPARED:
        close = difflib.get_close_matches(given, _comparable(given, names), n=1, cutoff=0.5)
    return close[0] if close else None


def _comparable(given: str, names: list[str]) -> list[str]:
    """As many names of about its length as a moment is enough for: anybody may have made them."""
    most = MOST_COMPARED // max(1, len(given))  # characters
    if sum(map(len, names)) <= most:
        return names
    nearest_first = sorted(names, key=lambda name: abs(len(name) - len(given)))
    sums = accumulate(map(len, nearest_first))
    return [
        name for name, characters in zip(nearest_first, sums, strict=True) if characters <= most
    ]


def _ending(given: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if re.split(r"[./]", name)[-1] == given]


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """What to add to the error: ``; did you mean 'lr'?``, or nothing where no name is close."""
    close = nearest(given, allowed)
    return f"; did you mean {close!r}?" if close else ""


def each_by_itself(given: str, there_is: Callable[[str], bool]) -> str:
    """What to say of several names in one text, ``lr,seed``; "" where it is not that."""
    parts = [part.strip() for part in given.split(",")]
    if len(parts) < 2 or not all(map(there_is, parts)):
        return ""
    return f"give each by itself, {' and '.join(map(repr, parts))}"


def suggestion(given: str, allowed: Iterable[str]) -> str:
    """The end of an error's sentence: the nearest of what is allowed, or the first of all of it."""
    names = list(allowed)
    ending = _ending(given, names)[:MOST_LISTED]
    if len(ending) > 1:
        *others, last = map(repr, ending)
        return f"did you mean {', '.join(others)} or {last}?"
    close = nearest(given, names)
    if close:
        return f"did you mean {close!r}?"
    if not names:
        return "there is none to choose from"
    shown = visible(", ".join(names[:MOST_LISTED]))
    return f"there are {shown}{', …' if len(names) > MOST_LISTED else ''}"
