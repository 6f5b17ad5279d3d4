"""Whether what was sent is what a page sends: its types, as far as somebody relies on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# A type, a tuple of shapes of which one fits, a list with the shape of its items or one for each of
# several, a dict of shapes that are there, or the range that a whole number is in.
Shape = type | tuple[Any, ...] | list[Any] | dict[str, Any] | range

NUMBER = (int, float, type(None))
TEXT = (str, type(None))
PLACE = range(2**53)  # in a list, or in a file


class MalformedError(ValueError):
    """This is nothing that a page sends."""


def expect(value: Any, shape: Shape) -> None:
    """See that what was sent is of a shape.

    Raises:
        MalformedError: it is not.
    """
    parts: Sequence[tuple[Any, Shape]] = ()
    if isinstance(shape, dict):
        fits = isinstance(value, dict) and value.keys() >= shape.keys()
        parts = [(value[name], inner) for name, inner in shape.items()] if fits else []
    elif isinstance(shape, list):
        fits = isinstance(value, (list, tuple)) and len(shape) in (1, len(value))
        shapes = shape if len(shape) > 1 or not fits else shape * len(value)
        parts = [*zip(value, shapes, strict=True)] if fits else []
    elif isinstance(shape, tuple):
        fits = any(_fits(value, one) for one in shape)
    elif isinstance(shape, range):
        fits = isinstance(value, int) and value in shape
    else:
        fits = isinstance(value, shape)
    if not fits:
        raise MalformedError("this is nothing that a page of exptools-dash sends")
    for part, inner in parts:
        expect(part, inner)


def _fits(value: Any, shape: Shape) -> bool:
    if isinstance(shape, type):
        return isinstance(value, shape)
    try:
        expect(value, shape)
    except MalformedError:
        return False
    return True


def expect_data(data: Any) -> None:
    """See that what was sent is a store's value that is a table of something, or nothing at all.

    Raises:
        MalformedError: it is neither.
    """
    expect(data, (dict, type(None)))
