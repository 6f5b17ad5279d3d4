"""Values compared as a condition does: true, false, or not known."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from exptools.viewing.configs.values import MISSING, comparison_key, display

Truth = bool | None  # None: not known


def comparable(value: Any) -> Any:
    """A run's value of a key, None where it has none."""
    return None if value is MISSING else value


def compare(holds: Callable[[Any, Any], Any], left: Any, right: Any) -> Truth:
    """Whether one of ``operator``'s comparisons holds; not known where types have no order."""
    if left is None or right is None:
        return None
    if is_collection(left) and is_collection(right):
        left, right = comparison_key(left), comparison_key(right)
        return bool(holds(left, right)) if holds in (operator.eq, operator.ne) else None
    left, right = (display(side) if is_collection(side) else side for side in (left, right))
    if kind(left) == kind(right):
        return bool(holds(left, right))
    return holds is operator.ne if holds in (operator.eq, operator.ne) else None


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
