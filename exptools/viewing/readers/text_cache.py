"""The texts that describe runs: read when they have changed, and remembered between sessions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from exptools.rundir import read_regular, write_atomic
from exptools.viewing.signatures import Signature, file_signature

MAX_TEXT = 2**20  # bytes
VERSION = 1  # of the file


class TextCache:
    """TextCache by path and signature, in parts that many share, also in a file of the cache.

    Args:
        file: where to keep them for the next session; None to forget.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._parts: dict[str, tuple[Signature, list[str]]] = {}
        self._stored = _Stored(file) if file else None
        self._changed = False

    def parts(
        self,
        path: str,
        signature: Signature,
        cut: Callable[[str], list[str]] = lambda text: [text],
        limit: int = MAX_TEXT,
    ) -> list[str]:
        """The text of a file, as ``cut`` divides it.

        Raises:
            OSError: it cannot be read, is no regular file, or has more than ``limit`` bytes.
            ValueError: it is no UTF-8.
        """
        remembered = self._parts.get(path)
        if remembered is None and self._stored is not None:
            remembered = self._stored.get(path)
        if remembered is not None and remembered[0] == signature:
            self._parts[path] = remembered
            return remembered[1]
        parts = cut(read_regular(path, limit).decode())
        if signature.settled and file_signature(path) == signature:
            self._parts[path] = signature, parts
            self._changed = True
        return parts

    def save(self, paths: Iterable[str]) -> None:
        """Write the texts of these files to the cache, if it has not got them; forget others."""
        kept = {path: self._parts[path] for path in paths if path in self._parts}
        changed = self._changed or len(kept) < len(self._parts)
        self._parts, self._changed, self._stored = kept, False, None
        if changed and self._file is not None:
            _save(self._file, kept)


class _Stored:
    """The texts of an earlier session, each looked at when it is asked for."""

    def __init__(self, file: Path) -> None:
        self._texts: Any = {}
        self._parts: Any = []
        with suppress(OSError, ValueError, TypeError, LookupError):  # none yet, or not one of ours
            stored = json.loads(file.read_bytes())
            if stored["version"] == VERSION:
                self._texts, self._parts = stored["texts"], stored["parts"]

    def get(self, path: str) -> tuple[Signature, list[str]] | None:
        """The signature and the parts of a file's text; None where they are not there."""
        try:
            size, mtime_ns, inode, numbers = self._texts[path]
            return Signature(size, mtime_ns, inode), [self._parts[number] for number in numbers]
        except (ValueError, TypeError, LookupError):
            return None


def _save(file: Path, texts: dict[str, tuple[Signature, list[str]]]) -> None:
    numbers: dict[str, int] = {}
    entries = {
        path: (*signature, [numbers.setdefault(part, len(numbers)) for part in parts])
        for path, (signature, parts) in texts.items()
    }
    content = json.dumps({"version": VERSION, "parts": list(numbers), "texts": entries})
    with suppress(OSError):  # no room, or not ours to write: the next session is slower, no more
        write_atomic(file, content.encode())
