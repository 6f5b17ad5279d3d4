"""The texts that describe runs: read when they have changed, and remembered between sessions."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from exptools.asides import remove_leftovers
from exptools.rundir import read_regular, write_atomic
from exptools.viewing.signatures import Signature, file_signature

MAX_TEXT = 2**20  # bytes
VERSION = 3  # of the file
MAX_FILE = 2**26  # bytes of the texts of an index; more are not kept
MAX_BYTES = 2**28  # of those of all indexes: the least recently used ones go first

_Texts = dict[str, tuple[Signature, list[str]]]


def read_text(path: str, limit: int) -> str:
    """The text of a file."""
    return read_regular(path, limit).decode()


class TextCache:
    """Texts by path and signature, in parts that many share, kept in ``file`` between sessions."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._changed = False

    @cached_property
    def _parts(self) -> _Texts:
        return _stored(self._file) if self._file else {}

    def parts(
        self,
        path: str,
        signature: Signature,
        cut: Callable[[str], list[str]] = lambda text: [text],
        limit: int = MAX_TEXT,
        read: Callable[[str, int], str] = read_text,
    ) -> list[str]:
        """The text of a file of at most ``limit`` bytes, as ``cut`` divides it."""
        remembered = self._parts.get(path)
        if remembered is not None and remembered[0] == signature:
            return remembered[1]
        parts = cut(read(path, limit))
        # Should it have been written to since it was looked at, its signature never comes again.
        if signature.settled:
            self._parts[path] = signature, parts
            self._changed = True
        return parts

    def save(self, paths: Iterable[str]) -> None:
        """Write the texts of these files to the cache, if it has not got them; forget others."""
        kept = {path: self._parts[path] for path in paths if path in self._parts}
        changed = self._changed or len(kept) < len(self._parts)
        self._parts, self._changed = kept, False
        if changed and self._file is not None:
            _save(self._file, kept)


def _stored(file: Path) -> _Texts:
    """The texts of an earlier session; none where the file is not exactly what was written."""
    with suppress(OSError, ValueError, TypeError, LookupError):  # none yet, or not one of ours
        head, _, content = read_regular(file, 2 * MAX_FILE).partition(b"\n")
        if head == _head(content):
            stored = json.loads(content)
            os.utime(file)  # used: it goes last
            parts = stored["parts"]
            return {
                path: (Signature(size, mtime_ns, inode), [parts[number] for number in numbers])
                for path, (size, mtime_ns, inode, numbers) in stored["texts"].items()
            }
    return {}


def _save(file: Path, texts: _Texts) -> None:
    numbers: dict[str, int] = {}
    entries = {
        path: (*signature, [numbers.setdefault(part, len(numbers)) for part in parts])
        for path, (signature, parts) in texts.items()
    }
    content = json.dumps({"parts": list(numbers), "texts": entries}).encode()
    remove_leftovers(file.parent)
    with suppress(OSError):  # no room, or not ours to write: the next session is slower, no more
        if len(content) > MAX_FILE:
            file.unlink(missing_ok=True)  # it is of no use any more
        else:
            write_atomic(file, _head(content) + b"\n" + content)
        _prune(file)


def _head(content: bytes) -> bytes:
    return b"exptools texts %d %08x" % (VERSION, zlib.crc32(content))


def _prune(file: Path) -> None:
    """Remove the texts of the indexes that were not used for the longest."""
    looked = [(file_signature(each), each) for each in file.parent.parent.glob(f"*/{file.name}")]
    total = 0
    for _, size, each in sorted((s.mtime_ns, s.size, each) for s, each in looked if s)[::-1]:
        total += size
        if total > MAX_BYTES:
            each.unlink(missing_ok=True)
