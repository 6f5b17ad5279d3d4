"""Prefixes of tags: ``with logger.prefix("eval/"):``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])

# A context variable: threads and asyncio's tasks have a value each.
current_prefix: ContextVar[str] = ContextVar("exptools_prefix", default="")


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
