"""Values compared as a condition does: true, false, or not known."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from exptools.viewing.configs.values import MISSING, comparison_key, display

Truth = bool | None  # None: not known
MOST_KEPT = 4096  # more lists than a condition that can be read names keys


class Once:
    """What is made of a run's list, made once for a condition that compares it many times."""

    def __init__(self) -> None:
        # By what is one object; that is kept beside it, so that no other one takes its number.
        self._made: dict[tuple[Any, int], tuple[Any, Any]] = {}

    def of(self, make: Callable[[Any], Any], value: Any) -> Any:
        """What ``make`` makes of a value."""
        known = self._made.get((make, id(value)))
        if known is None:
            if len(self._made) >= MOST_KEPT:
                self._made.clear()
            known = self._made[make, id(value)] = value, make(value)
        return known[1]


def comparable(value: Any) -> Any:
    """A run's value of a key, None where it has none."""
    return None if value is MISSING else value


def compare(holds: Callable[[Any, Any], Any], left: Any, right: Any, once: Once) -> Truth:
    """Whether one of ``operator``'s comparisons holds; not known where types have no order."""
    if left is None or right is None:
        return None
    if is_collection(left) and is_collection(right):
        left, right = once.of(comparison_key, left), once.of(comparison_key, right)
        return bool(holds(left, right)) if holds in (operator.eq, operator.ne) else None
    left, right = (as_text(side, once) if is_collection(side) else side for side in (left, right))
    if kind(left) == kind(right):
        return bool(holds(left, right))
    return holds is operator.ne if holds in (operator.eq, operator.ne) else None


def as_text(value: Any, once: Once) -> str:
    """A value that is no text as the table shows it."""
    return value if isinstance(value, str) else str(once.of(display, value))


def is_collection(value: Any) -> bool:
    """Whether a value is a list or a mapping."""
    return isinstance(value, (tuple, list, Mapping))


def kind(value: Any) -> str:
    """What a value is, as an error calls it."""
    if is_collection(value):
        return "list"
    kinds = {bool: "true or false", int: "number", float: "number", str: "text"}
    return kinds.get(type(value), type(value).__name__)


def least(truths: Sequence[Truth]) -> Truth:
    """Whether all are true."""
    if False in truths:
        return False
    return None if None in truths else True


def inverse(truth: Truth) -> Truth:
    """The opposite; of what is not known there is none."""
    return None if truth is None else not truth
