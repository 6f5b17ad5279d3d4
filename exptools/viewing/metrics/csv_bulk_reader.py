"""Read the CSVs of many runs at once: files with one header are joined and parsed as one text.

Only the columns that are asked for are turned into numbers. What is exactly as it should be takes
this way; a file in which anything is not (a row with other cells, a cell that is no number, quotes)
is left to ``parse_csv``, which takes longer and names every fault. No file spoils another.
"""

from __future__ import annotations

import itertools
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import NamedTuple

import numpy as np

from exptools.rundir import open_without_waiting
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.columns import Values, column_of
from exptools.viewing.metrics.csv_reader import split_header

CHUNK = 8 * 2**20  # bytes: joined at once, so that the text takes little memory beside the columns
LARGE = 8 * 2**20  # bytes: a file of so many is parsed by itself, where it lies
STILL = 60.0  # seconds since the last write after which nobody is taken to be writing
HEAD = 2**16  # bytes in which a large file's header is looked for
GUARD = 64  # bytes before the end of what was read, by which a grown file is known again

Numbers = dict[str, Values]


@dataclass(frozen=True)
class Layout:
    """What the files that can be read as one have in common."""

    names: tuple[str, ...]
    separator: str
    head: bytes  # the header as it stands in the file

    @classmethod
    def of(cls, content: bytes, separator: str) -> Layout | None:
        """The layout of a file by its beginning; None where it takes the careful reader."""
        head = content[: content.find(b"\n") + 1]
        if not head or b'"' in head or head.startswith(b"\xef\xbb\xbf"):
            return None
        names, _, _ = split_header(head.replace(b"\r\n", b"\n"), separator)
        proper = len(set(names)) == len(names) and all(names)
        return cls(tuple(names), separator, head) if proper else None


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
            with open(path, "rb", buffering=0, opener=open_without_waiting) as raw:
                about = os.fstat(raw.fileno())
                large = about.st_size >= LARGE
                size = HEAD if large else about.st_size
                content = raw.read(size) if stat.S_ISREG(about.st_mode) else b""
        except OSError:
            content = b""
        layout = Layout.of(content or b"", separator)
        if layout is None:
            yield path, None
            continue
        if layout not in blocks:
            blocks[layout] = _Block(layout, choose(layout.names) or [layout.names[0]])
        block = blocks[layout]
        if large:
            yield path, read_large(path, layout, block.names)
        elif block.add(path, content):
            yield from block.parse()
    for block in blocks.values():
        yield from block.parse()


def read_large(path: str, layout: Layout, names: Sequence[str]) -> CsvPart | None:
    """As ``read_many``, of one file; one that nobody writes to is not copied."""
    try:
        with open(path, "rb") as file:
            about = os.fstat(file.fileno())
            if time.time() - about.st_mtime < STILL or b"\r" in layout.head:
                return _read_whole(file.read(), layout, names)
            # Only where nobody writes: of a file that shrinks, what is mapped is no longer there.
            with mmap(file.fileno(), 0, access=ACCESS_READ) as text:
                if text[-1:] != b"\n":
                    return _read_whole(text[:], layout, names)
                with memoryview(text) as whole, whole[len(layout.head) :] as rows_only:
                    columns = parse(rows_only, layout, names, path)
                end, guard = len(text), text[-GUARD:]
            if os.stat(path).st_size != end:  # it has grown meanwhile: who knows what was read
                return _read_whole(file.read(), layout, names)
    except (OSError, ValueError):  # gone meanwhile, or empty now
        return None
    if columns is None:
        return None
    rows = len(next(iter(columns.values())))
    return CsvPart(layout, columns, rows, end, guard, torn=False)


def _read_whole(content: bytes, layout: Layout, names: Sequence[str]) -> CsvPart | None:
    end = content.rfind(b"\n") + 1
    columns = parse(content[len(layout.head) : end], layout, names)
    if columns is None:
        return None
    rows, guard = len(next(iter(columns.values()))), content[max(0, end - GUARD) : end]
    return CsvPart(layout, columns, rows, end, guard, end < len(content))


def read_tail(read: CsvPart, path: str) -> CsvPart | None:
    """What a file has now, of which ``read`` was read before: only the new rows are parsed.

    None where the file is not the same one grown longer, or the new rows need the careful way.
    """
    try:
        with open(path, "rb", buffering=0, opener=open_without_waiting) as raw:
            start = read.end - len(read.guard)
            same = os.pread(raw.fileno(), len(read.layout.head), 0) == read.layout.head
            new = os.pread(raw.fileno(), os.fstat(raw.fileno()).st_size - start, start)
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
    rows = len(next(iter(columns.values())))
    end, guard, torn = start + cut, new[:cut][-GUARD:], cut < len(new)
    return CsvPart(read.layout, columns, rows, end, guard, torn)


def parse(
    text: bytes | memoryview, layout: Layout, names: Sequence[str], path: str | None = None
) -> Numbers | None:
    """Columns of whole rows; None where a row or one of the cells is not as it should be.

    If ``path`` is given, it holds nothing but a header and ``text``, and is parsed in place.
    """
    if isinstance(text, bytes):
        if b'"' in text:
            return None
        if b"\r" in layout.head:
            text = text.replace(b"\r\n", b"\n")
    last = layout.names[-1]
    columns = {name: at for at, name in enumerate(layout.names)}
    schema = dict.fromkeys(layout.names, pl.String) | dict.fromkeys(names, pl.Float64)
    try:
        frame = pl.read_csv(
            path or bytes(text),
            has_header=False,
            skip_rows=1 if path else 0,
            schema=schema,
            columns=[columns[name] for name in dict.fromkeys([*names, last])],
            separator=layout.separator,
            quote_char=None,
        )
    except pl.exceptions.PolarsError:  # of which kind differs with what is wrong, and the version
        return None
    # Polars takes a short row for one with empty cells, and looks at no cell that is not asked for.
    # No row is too short if the last cell of none is empty; if then there are as many separators
    # as there should be, none is too long.
    cells = _count(text, layout.separator) + frame.height
    full = frame[last].null_count() == 0 and cells == frame.height * len(layout.names)
    if not full and not _is_rectangular(text, layout):
        return None
    return {name: column_of(frame[name]) for name in dict.fromkeys(names)}


def _count(text: bytes | memoryview, separator: str) -> int:
    # In pieces that stay in the processor's cache: a fifth of the time that bytes.count takes.
    data, step = np.frombuffer(text, np.uint8), 2**17
    code = ord(separator)
    return sum(
        int(np.count_nonzero(data[at : at + step] == code)) for at in range(0, len(data), step)
    )


def _is_rectangular(text: bytes | memoryview, layout: Layout) -> bool:
    """Whether each line has its number of cells and none is blank."""
    data = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    separators = np.flatnonzero(data == ord(layout.separator))
    cells = np.diff(np.searchsorted(separators, ends), prepend=0) + 1
    blank = np.diff(ends, prepend=-1) == 1
    return bool((cells == len(layout.names)).all() and not blank.any())


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
