"""What a function has said, by what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K", bound=str | tuple[str, ...])
V = TypeVar("V")
MOST_LETTERS = 2**23  # of texts that are remembered
OVERHEAD = 100  # letters that a text costs besides its own


class Memo(dict[K, V]):
    """A dict that asks a function for what it lacks; what it has costs no call of Python's.

    It is emptied where the texts by which it asks are too many: a server stays up for weeks, and a
    file may hold others each second.
    """

    def __init__(self, function: Callable[[K], V]) -> None:
        super().__init__()
        self._function, self._letters = function, 0

    def __missing__(self, key: K) -> V:
        self._letters += letters_of(key)
        if self._letters > MOST_LETTERS:
            self.clear()
            self._letters = letters_of(key)
        value = self[key] = self._function(key)
        return value


def letters_of(text: str | tuple[str, ...]) -> int:
    """What it costs to remember a text, or several."""
    return OVERHEAD + (len(text) if isinstance(text, str) else sum(map(letters_of, text)))
