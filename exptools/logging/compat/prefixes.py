"""Prefixes of the rlpyt-compatible logger: of all, or of texts, scalars, images or GIFs alone."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from exptools.logging.rows.prefixes import Prefix, current_prefix


class KindPrefixes:
    """Prefixes of a kind stand behind those of all kinds; inner ones behind outer ones."""

    def __init__(self) -> None:
        self._of_kind: dict[str, list[str]] = {"text": [], "scalar": [], "image": [], "gif": []}
        self._before: list[str] = []  # the prefix of all kinds before each push

    def tag(self, kind: str, tag: str) -> str:
        """A tag, or a line of text, with all its prefixes."""
        return "".join([current_prefix.get(), *self._of_kind[kind], tag])

    def prefix(self, prefix: str) -> Prefix:
        """Put a text before all tags and lines of a block."""
        return Prefix(prefix)

    def push_prefix(self, prefix: str) -> None:
        """Put a text before all tags and lines until :meth:`pop_prefix`."""
        self._before.append(current_prefix.get())
        current_prefix.set(self._before[-1] + prefix)

    def pop_prefix(self) -> None:
        """Take the last pushed prefix of all kinds away."""
        current_prefix.set(self._before.pop())

    def _push(self, kind: str, prefix: str) -> None:
        self._of_kind[kind].append(prefix)

    def _pop(self, kind: str) -> None:
        self._of_kind[kind].pop()

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


@contextlib.contextmanager
def without_prefix() -> Iterator[None]:
    """In the block tags are as they are: all prefixes are in them already."""
    token = current_prefix.set("")
    try:
        yield
    finally:
        current_prefix.reset(token)
