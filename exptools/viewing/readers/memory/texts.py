"""The texts that describe runs: read when they have changed, and remembered between sessions."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path

from exptools.rundir import read_listed
from exptools.viewing.cache_files import CacheFile, parse_kept
from exptools.viewing.memo import Memo
from exptools.viewing.signatures import Signature

MAX_TEXT = 2**20  # bytes
VERSION = "texts 5"
MAX_FILE = 2**26  # bytes of the texts of an index; more are not kept
MAX_BYTES = 2**28  # of those of all indexes: the least recently used ones go first


def read_text(path: str, limit: int) -> str:
    """The text of a file."""
    return read_listed(path, limit).decode()


class TextCache:
    """Texts by path and signature, in parts that many share, kept in ``file`` between sessions."""

    def __init__(self, file: Path | None) -> None:
        self._file = CacheFile(file, VERSION, MAX_FILE) if file else None
        self._changed = False

    @cached_property
    def _texts(self) -> _Texts:
        return _stored(self._file) if self._file else _Texts({}, [])

    def parts(
        self,
        path: str,
        signature: Signature,
        cut: Callable[[str], list[str]] = lambda text: [text],
        limit: int = MAX_TEXT,
        read: Callable[[str, int], str] = read_text,
    ) -> list[str]:
        """The text of a file of at most ``limit`` bytes, as ``cut`` divides it."""
        remembered = self._texts.parts(path, signature)
        if remembered is not None:
            return remembered
        parts = cut(read(path, limit))
        # Should it have been written to since it was looked at, its signature never comes again.
        if signature.settled:
            self._texts.add(path, signature, parts)
            self._changed = True
        return parts

    def save(self, described: Mapping[str, Collection[str]]) -> None:
        """Write these texts to the cache, if it has not got them; forget others.

        ``described``: the names of the files in each directory.
        """
        if not self._changed and len(self._texts) == sum(map(len, described.values())):
            return
        paths = (f"{path}/{name}" for path, names in described.items() for name in names)
        kept = self._texts.only(paths)
        changed = self._changed or len(kept) < len(self._texts)
        self._texts, self._changed = kept, False
        if changed and self._file is not None:
            content = json.dumps({"parts": kept.all_parts, "texts": kept.rows})
            self._file.write(content.encode(), MAX_BYTES)


class _Texts:
    """Texts, each as its signature and the numbers of its parts in one row."""

    def __init__(self, rows: dict[str, list[int]], all_parts: list[str]) -> None:
        self.rows, self.all_parts = rows, all_parts

    def __len__(self) -> int:
        return len(self.rows)

    def parts(self, path: str, signature: Signature) -> list[str] | None:
        """The parts of a text that had this signature; None where that is not known."""
        row = self.rows.get(path)
        try:
            if row is not None and tuple(row[:3]) == signature:
                return [self.all_parts[number] for number in row[3:]]
        except (TypeError, LookupError):  # it is none of ours
            pass
        return None

    def add(self, path: str, signature: Signature, parts: Sequence[str]) -> None:
        """Have a text, too, or another one at this path."""
        self.rows[path] = [*signature, *map(self._numbers.__getitem__, parts)]

    def only(self, paths: Iterable[str]) -> _Texts:
        """Those at these paths, without the parts that no other has."""
        rows = {path: self.rows[path] for path in paths if path in self.rows}
        used = dict.fromkeys(chain.from_iterable([row[3:] for row in rows.values()]))
        if len(used) == len(self.all_parts):
            return _Texts(rows, self.all_parts)
        numbers = {old: number for number, old in enumerate(used)}
        rows = {path: [*row[:3], *[numbers[n] for n in row[3:]]] for path, row in rows.items()}
        return _Texts(rows, [self.all_parts[number] for number in used])

    @cached_property
    def _numbers(self) -> Memo[str, int]:
        numbers = Memo(self._add_part)
        numbers.update((part, number) for number, part in enumerate(self.all_parts))
        return numbers

    def _add_part(self, part: str) -> int:
        self.all_parts.append(part)
        return len(self.all_parts) - 1


def _stored(file: CacheFile) -> _Texts:
    """The texts of an earlier session; none where the file is not exactly what was written."""
    content = file.read()
    with suppress(ValueError, TypeError, LookupError):  # not one of ours
        if content is not None:
            stored = parse_kept(content)
            return _Texts(dict(stored["texts"]), list(stored["parts"]))
    return _Texts({}, [])
