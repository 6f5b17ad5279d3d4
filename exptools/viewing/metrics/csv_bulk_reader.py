"""Read the CSVs of many runs at once: files with one header are joined and parsed as one text.

Only the columns that are asked for are turned into numbers. What is exactly as it should be takes
this way; a file in which anything is not (a row with other cells, a cell that is no number, quotes)
is left to ``parse_csv``, which takes longer and names every fault. No file spoils another.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from exptools.plain_files import LARGE, first_hole, open_plain, read_beginning
from exptools.rundir import read_regular
from exptools.viewing.metrics.csv_columns import Layout, Numbers, parse, parse_file
from exptools.viewing.metrics.logged_rows import MAX_BYTES
from exptools.viewing.signatures import Signature, file_signature

CHUNK = 8 * 2**20  # bytes: joined at once, so that the text takes little memory beside the columns
MAX_IN_PIECES = 2**32  # bytes of a file that is parsed piece by piece
STILL = 60.0  # seconds since the last write after which nobody is taken to be writing
HEAD = 2**16  # bytes in which a large file's header is looked for
GUARD = 64  # bytes before the end of what was read, by which a grown file is known again


@dataclass
class CsvPart:
    """What was read of one file: some columns of all rows that were whole by then."""

    layout: Layout
    columns: Numbers
    rows: int
    end: int  # bytes, up to the end of the last whole row
    guard: bytes  # the last of them
    torn: bool  # whether an unfinished row follows


def read_many(
    files: Iterable[tuple[str, str]], choose: Callable[[tuple[str, ...]], list[str]]
) -> Iterator[tuple[str, CsvPart | None]]:
    """Read columns of files, given as (path, separator); None for one that needs the careful way.

    ``choose`` says which of a header's columns to read; where it wants none, the first one is read.
    The answers come in any order.
    """
    blocks: dict[Layout, _Block] = {}
    for path, separator in files:
        try:
            content, about = read_beginning(path, HEAD, small=LARGE)
        except OSError:
            yield path, None
            continue
        layout = Layout.of(content, separator)
        if layout is None:
            yield path, None
            continue
        if layout not in blocks:
            blocks[layout] = _Block(layout, choose(layout.names) or [layout.names[0]])
        block = blocks[layout]
        if about.st_size >= LARGE:
            yield path, read_large(path, layout, block.names)
        elif block.add(path, content):
            yield from block.parse()
    for block in blocks.values():
        yield from block.parse()


def read_large(path: str, layout: Layout, names: Sequence[str]) -> CsvPart | None:
    """As ``read_many``, of one large file; one that nobody writes to is never whole in memory."""
    try:
        with open(path, "rb", buffering=0, opener=open_plain) as file:
            about = os.fstat(file.fileno())
            end = about.st_size
            if end > MAX_IN_PIECES or first_hole(file.fileno()) is not None:
                return None
            file.seek(max(0, end - GUARD))
            guard = file.read(GUARD)
            # Only where nobody writes: else it will be another by the end.
            still = time.time() - about.st_mtime >= STILL
            if still and guard.endswith(b"\n") and b"\r" not in layout.head:
                columns = parse_file(file, end, layout, names)
                if file_signature(path) == Signature.of(about):
                    return None if columns is None else _part(columns, layout, end, guard)
        # It is written to, or was so meanwhile: who knows what was read.
        return _read_whole(read_regular(path, MAX_BYTES), layout, names)
    except (OSError, ValueError, MemoryError):  # gone meanwhile, or empty now, or too large
        return None


def _read_whole(content: bytes, layout: Layout, names: Sequence[str]) -> CsvPart | None:
    end = content.rfind(b"\n") + 1
    same = content.startswith(layout.head)
    columns = parse(content[len(layout.head) : end], layout, names) if same else None
    if columns is None:
        return None
    guard = content[max(0, end - GUARD) : end]
    return _part(columns, layout, end, guard, torn=end < len(content))


def _part(
    columns: Numbers, layout: Layout, end: int, guard: bytes, *, torn: bool = False
) -> CsvPart:
    return CsvPart(layout, columns, len(next(iter(columns.values()))), end, guard, torn)


def read_tail(read: CsvPart, path: str) -> CsvPart | None:
    """What a file has now, of which ``read`` was read before: only the new rows are parsed.

    None where the file is not the same one grown longer, or the new rows need the careful way.
    """
    try:
        with open(path, "rb", buffering=0, opener=open_plain) as raw:
            start = read.end - len(read.guard)
            same = os.pread(raw.fileno(), len(read.layout.head), 0) == read.layout.head
            size = os.fstat(raw.fileno()).st_size
            if size - start > MAX_BYTES or (size - start > LARGE and first_hole(raw.fileno())):
                return None
            new = os.pread(raw.fileno(), size - start, start)
    except OSError:
        return None
    cut = new.rfind(b"\n") + 1
    if not same or not new.startswith(read.guard) or cut < len(read.guard):
        return None
    body = new[len(read.guard) : cut]
    numbers = parse(body, read.layout, list(read.columns)) if body else {}
    if numbers is None:
        return None
    columns = {
        name: np.concatenate([old, numbers[name]]) if numbers else old
        for name, old in read.columns.items()
    }
    end, guard, torn = start + cut, new[:cut][-GUARD:], cut < len(new)
    return _part(columns, read.layout, end, guard, torn=torn)


class _File(NamedTuple):
    """A small file, of which the rows wait to be parsed with those of others."""

    path: str
    rows: memoryview
    end: int
    guard: bytes
    torn: bool


class _Block:
    """Files of one layout that are joined and parsed at once."""

    def __init__(self, layout: Layout, names: Sequence[str]) -> None:
        self.layout = layout
        self.names = names
        self._files: list[_File] = []
        self._size = 0

    def add(self, path: str, content: bytes) -> bool:
        """Take a file, whole; whether there is enough to be parsed."""
        end = content.rfind(b"\n") + 1
        rows = memoryview(content)[len(self.layout.head) : end]
        guard = content[max(0, end - GUARD) : end]
        self._files.append(_File(path, rows, end, guard, end < len(content)))
        self._size += len(rows)
        return self._size >= CHUNK

    def parse(self) -> Iterator[tuple[str, CsvPart | None]]:
        """Parse what waits: as one text, and each file's alone where that will not do."""
        files, self._files, self._size = self._files, [], 0
        text = b"".join(file.rows for file in files)
        heights = _heights(text, [len(file.rows) for file in files])
        numbers = parse(text, self.layout, self.names)
        if numbers is not None and sum(heights) == len(numbers[self.names[0]]):
            # Copies, so that what polars has allocated beside the columns can be used again.
            numbers = {name: np.array(column) for name, column in numbers.items()}
            starts = itertools.accumulate(heights, initial=0)
            for file, start, height in zip(files, starts, heights, strict=False):
                yield file.path, self._read(file, numbers, start, height)
            return
        for file, height in zip(files, heights, strict=True):
            alone = parse(bytes(file.rows), self.layout, self.names)
            yield file.path, None if alone is None else self._read(file, alone, 0, height)

    def _read(self, file: _File, numbers: Numbers, start: int, rows: int) -> CsvPart:
        columns = {name: column[start : start + rows] for name, column in numbers.items()}
        return CsvPart(self.layout, columns, rows, file.end, file.guard, file.torn)


def _heights(text: bytes, sizes: list[int]) -> list[int]:
    """The lines in consecutive parts of a text."""
    heights, at = [], 0
    for size in sizes:
        heights.append(text.count(b"\n", at, at + size))
        at += size
    return heights
