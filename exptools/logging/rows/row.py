"""Numbers and steps as they are logged, and the rows that they make."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Collection, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple, SupportsIndex, TypeAlias

from exptools.logging.verbs import verb_for

Number: TypeAlias = int | float

MAX_STEP = 2**62  # in the 64 bits of TensorBoard's steps there is room to count on from it

_MOST_AXES = 8  # beyond that the open rows end, and their axes are forgotten


class Row(NamedTuple):
    """All that was logged for one step."""

    step: int
    wall_time: float  # Unix seconds at which the row ended
    scalars: Mapping[str, Number]


class OpenRow:
    """What was logged for a step so far.

    A thread may put a number into ``scalars`` without a lock, if it then looks whether the row is
    still the current one. If not, :meth:`took` says whether the number came in time.
    """

    __slots__ = ("ended", "means", "scalars", "step")

    def __init__(self) -> None:
        self.step: int | None = None  # None: it will be counted, if no value of it names one
        self.scalars: dict[str, Number] = {}
        self.means: dict[str, list[Number]] | None = None  # tag → sum, count
        self.ended: dict[str, Number] | None = None  # what it held when it ended

    def end(self) -> dict[str, Number]:
        """What it holds, for good. It should not be the current row any more."""
        self.ended = dict(self.scalars)
        return self.ended

    def took(self, tag: str, value: object) -> bool:
        """Whether a number that was put into it is written, or will be."""
        return self.ended is None or self.ended.get(tag) is value

    def add(self, tag: str, value: Number) -> None:
        """Take a value into the mean of a tag; NaN does not count, but is the mean of nothing."""
        if self.means is None:
            self.means = {}
        mean = self.means.setdefault(tag, [0, 0])
        if value == value:  # noqa: PLR0124 (NaN)
            mean[0] += float(value)
            mean[1] += 1
        self.scalars[tag] = mean[0] / mean[1] if mean[1] else math.nan


class PendingRow(NamedTuple):
    """What an open row held when a snapshot was saved, in plain types that any pickle takes."""

    step: int | None  # None: it was to be counted
    scalars: dict[str, Number]
    means: dict[str, list[Number]]  # tag → sum, count


class _Axis:
    """Tags whose steps go up together, a row after the other."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = -MAX_STEP - 1  # the step of its last row, open or not


def _last(item: tuple[_Axis, OpenRow]) -> int:
    return item[0].last


class OpenRows:
    """The rows that have not ended, one an axis: that of the tags whose steps go up together.

    Most programs have one axis. A value of an earlier step than its axis's makes another one, as
    do updates that are counted beside the steps of an environment; from then on each of them
    remembers its tags. When a step goes up in one of the axes, the rows of all of them have to
    end: so no more is in memory than the rows that are being filled just now.

    Values without a step belong to the row that was logged to last. One that has no step gets the
    first that is named, by a value or by the end of the row, and takes all values without a step
    until then. Where none is named, steps are counted on from the greatest so far.

    Args:
        count: the step with which counting begins.
    """

    def __init__(self, count: int = 0) -> None:
        self.current = OpenRow()  # that was logged to last
        self.named_step: int | None = None  # of the current row
        self.count = count
        self._open: dict[_Axis, OpenRow] = {}  # those that have a step
        self._axes: list[_Axis] = []
        self._axis_of: dict[str, _Axis] = {}  # by tag, as long as there are several

    @property
    def step(self) -> int | None:
        """The step that the current row will have, if it ended now; None if it is empty."""
        if not self.current.scalars:
            return None
        return self.count if self.named_step is None else self.named_step

    def ended_by(self, tags: Collection[str], step: int) -> bool:
        """Whether values of this step can only be logged after the open rows have ended."""
        if not self._open:
            return False
        if self.named_step is not None and len(self._axes) == 1:  # as usual
            return step > self._axes[0].last
        if self._names_current(step) or self._open_at(step) is not None:
            return False
        axis = self._axis(tags, step)
        return len(self._axes) >= _MOST_AXES if axis is None else axis in self._open

    def at(self, tags: Collection[str], step: int) -> OpenRow:
        """The row to which values of this step belong; it is the current one from now on."""
        if not self._open and len(self._axes) == 1 and not self.current.scalars:  # as usual
            axis, row = self._axes[0], self.current
            if step >= axis.last:
                row.step = axis.last = self.named_step = step
                self._open[axis] = row
                return row
        found = self._open_at(step)
        if found is None:
            is_free = not self.current.scalars and self.named_step is None
            found = self.current if is_free or self._names_current(step) else OpenRow()
            self._enter(found, tags, step, self._open)
        if found is self.current or self.named_step is not None or not self.current.scalars:
            former, self.current, self.named_step = self.current, found, step
            if former.step is None:
                former.end()
        return found

    def end(self, step: int | None, wall_time: float) -> list[Row]:
        """End all rows and hand them over, earliest step first; a row may be named here."""
        # Replaced as a whole: a signal may interrupt us anywhere, to log.
        current, is_counted = self.current, self.named_step is None
        ended, self._open = self._open, {}
        self.current, self.named_step = OpenRow(), None
        scalars = current.end()
        if is_counted and scalars:
            self._enter(current, scalars, self.count if step is None else step, ended)
        rows = []
        for axis, row in sorted(ended.items(), key=_last) if len(ended) > 1 else ended.items():
            scalars = row.ended or row.end()
            if not scalars:
                continue
            rows.append(Row(axis.last, wall_time, scalars))
            if len(self._axes) > 1:
                self._axis_of.update(dict.fromkeys(scalars, axis))
        if rows and rows[-1].step >= self.count:
            self.count = rows[-1].step + 1
        return rows

    def pending(self) -> list[PendingRow]:
        """What the open rows hold, for a snapshot."""
        rows = [*self._open.values()]
        if self.named_step is None:
            rows.append(self.current)
        return [
            PendingRow(row.step, dict(row.scalars), {t: [*m] for t, m in (row.means or {}).items()})
            for row in rows
            if row.scalars
        ]

    def restore(self, pending: Iterable[PendingRow]) -> None:
        """Open rows of some steps as they were; what was logged to them since stays."""
        for step, scalars, means in pending:
            if step is None:
                continue
            row = self.at(scalars, step)
            for tag, value in scalars.items():
                row.scalars.setdefault(tag, value)
            row.means = {**means, **(row.means or {})}

    def _names_current(self, step: int) -> bool:
        """Whether the current row has waited for this step."""
        return self.named_step is None and step >= self.count and bool(self.current.scalars)

    def _open_at(self, step: int) -> OpenRow | None:
        return next((row for row in self._open.values() if row.step == step), None)

    def _axis(self, tags: Collection[str], step: int) -> _Axis | None:
        """The axis that goes on with these tags at this step; None where none can."""
        if len(self._axes) == 1:  # as usual
            (axis,) = self._axes
            return axis if axis.last <= step else None
        behind = [axis for axis in self._axes if axis.last <= step]  # equal: its row has ended
        if len(behind) > 1:
            own = {self._axis_of.get(tag) for tag in tags}
            for axis, row in [*self._open.items()]:
                if not row.scalars.keys().isdisjoint(tags):
                    own.add(axis)
            behind = [axis for axis in behind if axis in own] or behind
        return max(behind, key=lambda axis: axis.last, default=None)

    def _enter(
        self, row: OpenRow, tags: Collection[str], step: int, rows: dict[_Axis, OpenRow]
    ) -> None:
        """Put a row among those that have a step, as the one of its axis."""
        axis = self._axis(tags, step)
        if axis is None or axis in rows:
            if len(self._axes) >= _MOST_AXES:  # such steps make no axes: learn them anew
                self._axes, self._axis_of = [*rows], {}
            axis = _Axis()
            self._axes.append(axis)
        row.step = axis.last = step
        rows[axis] = row


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
    verb = verb_for(value)
    return (
        f"the scalar {tag!r} should be one number (int, float, bool, or an array or tensor of one "
        f"element), not {type(value).__name__} {text}{verb and f'; {verb} logs it'}"
    )
