"""Tags: what they may be, the prefixes before them, and how much of what they name is kept."""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from exptools.rundir import STEP, WALL_TIME

_Function = TypeVar("_Function", bound=Callable[..., Any])

MAX_TAG = 2**17  # characters; Python's csv reads no longer fields

_DEEPEST = 50  # slashes that nested mappings make

# A context variable: threads and asyncio's tasks have a value each.
current_prefix: ContextVar[str] = ContextVar("exptools_prefix", default="")


class Tags:
    """The tags that a logger was given: each is checked once, some are throttled.

    Not safe for threads by itself: the logger asks while it holds its run's lock.
    """

    def __init__(self) -> None:
        self.unthrottled: set[str] = set()  # with their prefixes; checked, so always kept
        self._throttles: dict[str, list[int]] = {}  # tag → [every, calls so far]

    def admit(self, tag: str) -> str | None:
        """The tag with its prefix; None if its throttle drops this call.

        Raises:
            TypeError, ValueError: as :func:`check_tag`.
        """
        prefix = current_prefix.get()
        full = prefix + tag if prefix and isinstance(tag, str) else tag
        return full if self.keeps(full) else None

    def keeps(self, full: str) -> bool:
        """Count a call under a tag with its prefix, and say whether its throttle lets it through.

        Raises:
            TypeError, ValueError: as :func:`check_tag`.
        """
        if type(full) is str and full in self.unthrottled:
            return True
        throttle = self._throttles.get(check_tag(full))
        if throttle is None:
            self.unthrottled.add(full)
            return True
        every, calls = throttle
        throttle[1] += 1
        return calls % every == 0

    def throttle(self, tag: str, every: int) -> None:
        """See :meth:`Logger.throttle`."""
        try:
            number = operator.index(every)
        except TypeError as error:
            raise TypeError(
                f"every should be an integer from 1 on, not {every!r} ({type(every).__name__})"
            ) from error
        if number < 1:
            raise ValueError(f"every should be an integer from 1 on, not {number}")
        self._throttles[check_tag(tag)] = [number, 0]
        self.unthrottled.discard(tag)


def check_tag(tag: object) -> str:
    """Give the tag back if it can name a scalar.

    Raises:
        TypeError: it is no text.
        ValueError: it is empty, longer than ``MAX_TAG``, not writable as UTF-8 or unreadable in a
            CSV file, or the name of a column of every row.
    """
    if not isinstance(tag, str):
        raise TypeError(f"a tag is text, not {tag!r} ({type(tag).__name__})")
    if not tag:
        raise ValueError("a tag needs at least one character")
    if tag in (STEP, WALL_TIME):
        raise ValueError(
            f"the tag {tag!r} is taken: {STEP!r} and {WALL_TIME!r} are columns of every row; "
            f"choose another, for example 'my/{tag}'"
        )
    if len(tag) > MAX_TAG or "\0" in tag:
        why = (
            f"has {len(tag)} characters, not {MAX_TAG} at most"
            if len(tag) > MAX_TAG
            else "has a NUL"
        )
        raise ValueError(f"the tag {tag[:60]!r} {why}: programs could not read progress.csv")
    try:
        tag.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the tag {tag!r} cannot be written as UTF-8: {error.reason}") from error
    return tag


def by_tag(values: Mapping[str, object]) -> dict[str, object]:
    """The values of a mapping by their tags; those of nested mappings have their names joined.

    Raises:
        TypeError: the name of a nested mapping, or one within it, is no text.
        ValueError: two values have one tag, or a mapping holds itself.
    """
    tags: dict[str, object] = {}
    for tag, value in _leaves(values, ""):
        if tag in tags:
            raise ValueError(f"the tag {tag!r} is there twice, once within a mapping")
        tags[tag] = value
    return tags


def _leaves(values: Mapping[str, object], above: str) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        tag = f"{above}/{check_tag(name)}" if above else name
        if type(value) is float or not isinstance(value, Mapping):
            yield tag, value
        elif tag.count("/") > _DEEPEST:
            raise ValueError(f"the mapping {tag[:60]!r} is nested too deeply, or holds itself")
        else:
            yield from _leaves(value, check_tag(tag))


class Prefix:
    """Puts a text before every tag that is logged inside a ``with`` block or a function."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f'a prefix is text, such as "eval/", not {text!r} ({kind})')
        self._text = text

    def __enter__(self) -> None:
        current_prefix.set(current_prefix.get() + self._text)

    def __exit__(self, *exception: object) -> None:
        # Nothing is remembered here: one prefix may serve several threads and tasks at once.
        current_prefix.set(current_prefix.get().removesuffix(self._text))

    def __call__(self, function: _Function) -> _Function:
        """The function, with the prefix in all that it logs; coroutine functions, too."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast("_Function", run_async)

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return cast("_Function", run)


@contextlib.contextmanager
def without_prefix() -> Iterator[None]:
    """In the block tags are as they are: all prefixes are in them already."""
    token = current_prefix.set("")
    try:
        yield
    finally:
        current_prefix.reset(token)
