"""Verbs for what stands before tags and lines: of all kinds, or of one."""

from __future__ import annotations

import contextlib
import functools
from collections import defaultdict
from collections.abc import Iterator

from exptools.logging.rows.tags import Prefix, current_prefix
from exptools.logging.run_logger import Logger

_NO_PREFIX = "there is no prefix to take away: call push_{}prefix before, once for each"


class Defaults:
    """What verbs go by that are called often. Python finds the attributes of a class that has a
    ``__getattr__`` slowly, so these are not the logger's own.
    """

    __slots__ = ("iteration", "log_scalar", "prefixes", "recorded")

    def __init__(self, engine: Logger) -> None:
        self.log_scalar = engine.log_scalar
        self.iteration: int | None = None
        self.prefixes: dict[str, list[str]] = defaultdict(list)  # by kind, each with outer ones
        self.recorded: dict[str, str] = {}  # column of this row → what ``prefix`` stood then


class PrefixVerbs:
    """The part of :class:`CompatLogger` that keeps prefixes.

    Those of a kind (``text_prefix`` and so on) stand behind those of all kinds (``prefix``).
    """

    _defaults: Defaults
    _prefixes_before: list[str]  # the prefix of all kinds, before each push

    def prefix(self, prefix: str) -> Prefix:
        """Put a text before all tags and lines of a block."""
        return Prefix(prefix)

    def push_prefix(self, prefix: str) -> None:
        """Put a text before all tags and lines until :meth:`pop_prefix`."""
        self._prefixes_before.append(current_prefix.get())
        current_prefix.set(self._prefixes_before[-1] + prefix)

    def pop_prefix(self) -> None:
        """Take the last pushed prefix of all kinds away."""
        if not self._prefixes_before:
            raise IndexError(_NO_PREFIX.format(""))
        current_prefix.set(self._prefixes_before.pop())

    def _push(self, kind: str, prefix: str) -> None:
        self._defaults.prefixes[kind].append(self._kind_prefix(kind) + prefix)

    def _pop(self, kind: str) -> None:
        if not self._defaults.prefixes[kind]:
            raise IndexError(_NO_PREFIX.format(f"{kind}_"))
        self._defaults.prefixes[kind].pop()

    @contextlib.contextmanager
    def _inside(self, kind: str, prefix: str) -> Iterator[None]:
        self._push(kind, prefix)
        try:
            yield
        finally:
            self._pop(kind)

    text_prefix = functools.partialmethod(_inside, "text")
    scalar_prefix = functools.partialmethod(_inside, "scalar")
    tabular_prefix = functools.partialmethod(_inside, "scalar")
    image_prefix = functools.partialmethod(_inside, "image")
    gif_prefix = functools.partialmethod(_inside, "gif")
    push_text_prefix = functools.partialmethod(_push, "text")
    push_scalar_prefix = functools.partialmethod(_push, "scalar")
    push_tabular_prefix = functools.partialmethod(_push, "scalar")
    push_image_prefix = functools.partialmethod(_push, "image")
    push_gif_prefix = functools.partialmethod(_push, "gif")
    pop_text_prefix = functools.partialmethod(_pop, "text")
    pop_scalar_prefix = functools.partialmethod(_pop, "scalar")
    pop_tabular_prefix = functools.partialmethod(_pop, "scalar")
    pop_image_prefix = functools.partialmethod(_pop, "image")
    pop_gif_prefix = functools.partialmethod(_pop, "gif")

    def _full(self, kind: str, tag: str) -> str:
        """A tag, or a line of text, with all its prefixes."""
        return current_prefix.get() + self._kind_prefix(kind) + tag

    def _kind_prefix(self, kind: str) -> str:
        prefixes = self._defaults.prefixes[kind]
        return prefixes[-1] if prefixes else ""
