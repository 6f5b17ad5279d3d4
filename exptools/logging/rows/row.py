"""Numbers and steps as they are logged, and the rows that they make."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple, SupportsIndex, TypeAlias

Number: TypeAlias = int | float

MAX_STEP = 2**62  # in the 64 bits of TensorBoard's steps there is room to count on from it


class Row(NamedTuple):
    """All that was logged for one step."""

    step: int
    wall_time: float  # Unix seconds at which the row ended
    scalars: Mapping[str, Number]


class OpenRow:
    """What was logged for a step so far."""

    __slots__ = ("_means", "scalars")

    def __init__(self) -> None:
        self.scalars: dict[str, Number] = {}
        self._means: dict[str, list[Number]] | None = None  # tag → sum, count

    def add(self, tag: str, value: Number) -> None:
        """Take a value into the mean of a tag; NaN does not count, but is the mean of nothing."""
        if self._means is None:
            self._means = {}
        mean = self._means.setdefault(tag, [0, 0])
        if value == value:  # noqa: PLR0124 (NaN)
            mean[0] += float(value)
            mean[1] += 1
        self.scalars[tag] = mean[0] / mean[1] if mean[1] else math.nan


class OpenRows:
    """The rows that have not ended: the current one, and those of earlier steps logged beside it.

    Values without a step belong to the current row. The first step that is named, by a value or
    by the end of the row, is its step; where none is, steps are counted on from the greatest so
    far.

    Args:
        count: the step with which counting begins.
    """

    def __init__(self, count: int = 0) -> None:
        self.current = OpenRow()
        self.named_step: int | None = None  # of the current row
        self._earlier: dict[int, OpenRow] = {}
        self.count = count

    @property
    def step(self) -> int | None:
        """The step that the current row will have, if it ended now; None if it is empty."""
        if not self.current.scalars:
            return None
        return self.count if self.named_step is None else self.named_step

    def ended_by(self, step: int) -> bool:
        """Whether a value of this step can only be logged after the current row has ended."""
        return self.named_step is not None and step > self.named_step

    def at(self, step: int) -> OpenRow:
        """The row to which a value of this step belongs."""
        if step == self.named_step:
            return self.current
        if not self.current.scalars or (self.named_step is None and step >= self.count):
            self.named_step = step
            return self.current
        return self._earlier.setdefault(step, OpenRow())

    def end(self, step: int | None, wall_time: float) -> list[Row]:
        """End all rows and hand them over, earliest step first; a row may be named here."""
        scalars = self.current.scalars
        if not scalars:
            self.named_step = None
            return []
        at = self.named_step
        if at is None:
            at = self.count if step is None else step
        rows = [Row(at, wall_time, scalars)]
        if self._earlier:
            earlier = sorted(self._earlier.items())
            rows[:0] = [Row(before, wall_time, row.scalars) for before, row in earlier]
            self._earlier = {}
        if at >= self.count:
            self.count = at + 1
        self.current, self.named_step = OpenRow(), None
        return rows


def as_number(tag: str, value: object) -> Number:
    """The Python int or float of a scalar: booleans are 1 and 0, tensors of one element unpacked.

    Raises:
        TypeError: the value is no number.
        ValueError: it holds several values, or none, or is beyond the range of a 64-bit float.
    """
    if type(value) is float:
        return value  # the usual case, without the slow questions below
    if _is_masked(value):
        raise ValueError(f"the scalar {tag!r} is masked: it has no value")
    item = getattr(value, "item", None)
    if callable(item):
        try:
            value = item()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(_refusal(tag, value)) from error
    return _in_range(tag, value if isinstance(value, Real) else _converted(tag, value))


def as_step(step: SupportsIndex) -> int:
    """The step as a Python int.

    Raises:
        TypeError: it is no integer.
        ValueError: it is not within ±``MAX_STEP``.
    """
    try:
        at = operator.index(step)
    except TypeError as error:
        kind = type(step).__name__
        raise TypeError(f"a step is an integer, not {step!r} ({kind})") from error
    if not -MAX_STEP <= at <= MAX_STEP:
        raise ValueError("a step should lie between -2**62 and 2**62: files keep it in 64 bits")
    return at


def _converted(tag: str, value: Any) -> Any:
    """A number of what says itself that it is one: a Decimal, or a tensor of TensorFlow."""
    if not hasattr(type(value), "__float__"):
        raise TypeError(_refusal(tag, value))
    try:
        with contextlib.suppress(TypeError):
            return operator.index(value)  # of a tensor of integers: all of its digits
        float(value)
    except OverflowError:
        pass  # it is a number, if one beyond the range
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(_refusal(tag, value)) from error
    return value


def _in_range(tag: str, value: Any) -> Number:
    """The number, an integer exactly; refused where a float cannot say its size."""
    try:
        number = float(value)
        # NumPy's long doubles become infinite without a word.
        fits = math.isfinite(number) or number == value or number != number  # noqa: PLR0124 (NaN)
    except OverflowError:
        fits = False
    if not fits:
        raise ValueError(
            f"the scalar {tag!r} is beyond the range of a 64-bit float, which is about ±1.8e308"
        )
    return int(value) if isinstance(value, Integral) else number


def _is_masked(value: object) -> bool:
    # NumPy's masked arrays give what lies under the mask as their item.
    return type(value).__module__.startswith("numpy.ma") and bool(getattr(value, "mask", False))


def _refusal(tag: str, value: object) -> str:
    if getattr(value, "is_meta", False):
        return f"the scalar {tag!r} is a tensor on the meta device, where tensors have no values"
    shape = getattr(value, "shape", None)
    text = f"of shape {tuple(shape)}" if shape else f"{value!r:.60}"
    return (
        f"the scalar {tag!r} should be one number (int, float, bool, or an array or tensor of one "
        f"element), not {type(value).__name__} {text}"
    )
