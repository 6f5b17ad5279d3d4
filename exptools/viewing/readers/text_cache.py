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


class Texts:
    """Texts by path and signature, in parts that many share, also in a file of the cache.

    Args:
        file: where to keep them for the next session; None to forget.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[str, tuple[Signature, list[str]]] = {}
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
        known = self._known.get(path)
        if known is None and self._stored is not None:
            known = self._stored.get(path)
        if known is not None and known[0] == signature:
            self._known[path] = known
            return known[1]
        parts = cut(read_regular(path, limit).decode())
        if signature.settled and file_signature(path) == signature:
            self._known[path] = signature, parts
            self._changed = True
        return parts

    def save(self, paths: Iterable[str]) -> None:
        """Write the texts of these files to the cache, if it has not got them; forget others."""
        kept = {path: self._known[path] for path in paths if path in self._known}
        changed = self._changed or len(kept) < len(self._known)
        self._known, self._changed, self._stored = kept, False, None
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


def _save(file: Path, known: dict[str, tuple[Signature, list[str]]]) -> None:
    numbers: dict[str, int] = {}
    texts = {
        path: (*signature, [numbers.setdefault(part, len(numbers)) for part in parts])
        for path, (signature, parts) in known.items()
    }
    content = json.dumps({"version": VERSION, "parts": list(numbers), "texts": texts})
    with suppress(OSError):  # no room, or not ours to write: the next session is slower, no more
        write_atomic(file, content.encode())
