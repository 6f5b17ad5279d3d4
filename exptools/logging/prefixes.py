"""Prefixes of tags: ``with logger.prefix("eval/"):``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
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
        self._tokens: list[Token[str]] = []

    def __enter__(self) -> None:
        self._tokens.append(current_prefix.set(current_prefix.get() + self._text))

    def __exit__(self, *exception: object) -> None:
        current_prefix.reset(self._tokens.pop())

    def __call__(self, function: _Function) -> _Function:
        """The function, with the prefix in all that it logs; coroutine functions, too."""
        # Each call has a block of its own: calls may overlap, in threads or in asyncio.
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                with Prefix(self._text):
                    return await function(*args, **kwargs)

            return cast("_Function", run_async)

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with Prefix(self._text):
                return function(*args, **kwargs)

        return cast("_Function", run)
