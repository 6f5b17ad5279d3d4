"""Prefixes of the rlpyt-compatible API: of all kinds, or of texts, scalars, images, GIFs alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from exptools.logging.rows.tags import current_prefix


class KindPrefixes:
    """Prefixes of a kind stand behind those of all kinds; inner ones behind outer ones."""

    def __init__(self) -> None:
        self._of_kind: dict[str, list[str]] = {"text": [], "scalar": [], "image": [], "gif": []}
        self._before: list[str] = []  # the prefix of all kinds before each push

    def full_tag(self, kind: str, tag: str) -> str:
        """A tag, or a line of text, with all its prefixes."""
        return "".join([current_prefix.get(), *self._of_kind[kind], tag])

    def push(self, prefix: str) -> None:
        """Put a text before all tags and lines until :meth:`pop`."""
        self._before.append(current_prefix.get())
        current_prefix.set(self._before[-1] + prefix)

    def pop(self) -> None:
        """Take the last pushed prefix of all kinds away."""
        current_prefix.set(self._before.pop())

    def push_kind(self, kind: str, prefix: str) -> None:
        """Put a text before all tags or lines of a kind until :meth:`pop_kind`."""
        self._of_kind[kind].append(prefix)

    def pop_kind(self, kind: str) -> None:
        """Take the last prefix of a kind away."""
        self._of_kind[kind].pop()


@contextlib.contextmanager
def without_prefix() -> Iterator[None]:
    """In the block tags are as they are: all prefixes are in them already."""
    token = current_prefix.set("")
    try:
        yield
    finally:
        current_prefix.reset(token)
