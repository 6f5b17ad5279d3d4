"""Columns of a CSV as numbers, if each row and each cell that is asked for is as it should be."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.columns import Values, column_of
from exptools.viewing.metrics.csv_reader import split_header
from exptools.viewing.metrics.logged_rows import MAX_COLUMNS, step_column

Numbers = dict[str, Values]

FIRST_ROW = 2**14  # bytes in which a piece's first row is looked for
PIECE = 2**22  # bytes of a large file that are read at once: memory that is soon used again
CACHED = 2**18  # bytes that the processor has at hand


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
        return _layout(head, separator)


@lru_cache(maxsize=32)
def _layout(head: bytes, separator: str) -> Layout | None:
    # The files of a sweep begin alike.
    names, _, _ = split_header(head.replace(b"\r\n", b"\n"), separator)
    proper = 0 < len(names) <= MAX_COLUMNS and len(set(names)) == len(names) and all(names)
    return Layout(tuple(names), separator, head) if proper else None


def parse(text: bytes, layout: Layout, names: Sequence[str]) -> Numbers | None:
    """Columns of whole rows; None where a row or one of the cells is not as it should be."""
    if b'"' in text:
        return None
    if b"\r" in layout.head:
        text = text.replace(b"\r\n", b"\n")
    return _of_rows(text, _count(text, layout.separator), layout, names)


def parse_file(file: io.FileIO, end: int, layout: Layout, names: Sequence[str]) -> Numbers | None:
    """As ``parse``, of a file that has nothing but the header and whole rows up to ``end``.

    It is read in pieces, and never mapped into memory, as Polars maps what it opens itself: whoever
    cut such a file off would end the process that looks at it.

    Raises:
        OSError, ValueError: it cannot be read, or has no whole row where there should be one.
    """
    columns = {name: np.empty(0) for name in names}
    for rows, separators in _ahead(_pieces(file, end, layout)):
        numbers = _of_rows(rows, separators, layout, names, _integers(rows, layout, names))
        if numbers is None or _goes_over_lines(rows):
            return None
        for name, values in numbers.items():
            _append(columns[name], values)
    return columns


def _goes_over_lines(rows: bytes) -> bool:
    """Whether a text in quotes may go over the end of a line: then lines are no rows."""
    if b'"' not in rows:
        return False
    data = np.frombuffer(rows, np.uint8)
    quotes, ends = np.flatnonzero(data == ord('"')), np.flatnonzero(data == ord("\n"))
    return bool((np.searchsorted(quotes, ends) % 2).any())


def _append(column: Values, values: Values) -> None:
    # In place: where the system moves pages, nothing is copied, nor there twice.
    before = len(column)
    column.resize(before + len(values), refcheck=False)
    column[before:] = values


def _of_rows(
    text: bytes,
    separators: int,
    layout: Layout,
    names: Sequence[str],
    integers: Sequence[str] = (),
) -> Numbers | None:
    if separators < _count(text, "\n") * (len(layout.names) - 1):
        return None  # of rows that are too short Polars makes cells that nobody wrote
    frame = _frame(text, layout, names, integers)
    if frame is None and integers:
        frame = _frame(text, layout, names)
    if frame is None:
        return None
    if not _is_full(frame, layout, separators) and not _is_rectangular(text, layout):
        return None
    return _numbers(frame, names)


def _pieces(file: io.FileIO, end: int, layout: Layout) -> Iterator[tuple[bytes, int]]:
    """Whole rows below the header, some at a time, and how many separators are in them."""
    start = len(layout.head)
    while start < end:
        rows = os.pread(file.fileno(), min(PIECE, end - start), start)
        rows = rows[: rows.rfind(b"\n") + 1]
        if not rows:
            raise ValueError("no whole row")
        yield rows, _count(rows, layout.separator)
        start += len(rows)


def _ahead(pieces: Iterator[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """The pieces, each read while the one before is parsed."""
    with ThreadPoolExecutor(1) as meanwhile:
        coming = meanwhile.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = meanwhile.submit(next, pieces, None)
            yield piece


def _integers(text: bytes, layout: Layout, names: Sequence[str]) -> list[str]:
    """The column that counts the steps, if asked for and begun with an integer: soon read."""
    steps = step_column(layout.names)
    if steps is None or steps not in names:
        return []
    row = text[:FIRST_ROW].partition(b"\n")[0]
    cells = dict(zip(layout.names, row.split(layout.separator.encode()), strict=False))
    return [steps] if cells.get(steps, b"").isdigit() else []


def _frame(
    text: bytes, layout: Layout, names: Sequence[str], integers: Sequence[str] = ()
) -> pl.DataFrame | None:
    """Some columns of rows, and the last one as texts."""
    columns = {name: at for at, name in enumerate(layout.names)}
    schema: dict[str, type[pl.DataType]] = dict.fromkeys(layout.names, pl.String)
    schema |= dict.fromkeys(names, pl.Float64) | dict.fromkeys(integers, pl.Int64)
    try:
        return pl.read_csv(
            text,
            has_header=False,
            schema=schema,
            columns=[columns[name] for name in dict.fromkeys([*names, layout.names[-1]])],
            separator=layout.separator,
            quote_char=None,
        )
    except pl.exceptions.PolarsError:  # of which kind differs with what is wrong, and the version
        return None


def _is_full(frame: pl.DataFrame, layout: Layout, separators: int) -> bool:
    """Whether it is certain, without a look at each row, that every one has all its cells.

    Polars takes a short row for one with empty cells, and looks at no cell that is not asked for.
    No row is too short if the last cell of none is empty; if then there are as many separators
    as there should be, none is too long.
    """
    if frame[layout.names[-1]].null_count():
        return False
    return separators + frame.height == frame.height * len(layout.names)


def _numbers(frame: pl.DataFrame, names: Sequence[str]) -> Numbers:
    return {name: column_of(frame[name].cast(pl.Float64)) for name in dict.fromkeys(names)}


def _count(text: bytes, separator: str) -> int:
    # In pieces that stay in the processor's cache: a fifth of the time that bytes.count takes.
    data, code = np.frombuffer(text, np.uint8), ord(separator)
    return sum(
        int(np.count_nonzero(data[at : at + CACHED] == code)) for at in range(0, len(data), CACHED)
    )


def _is_rectangular(text: bytes, layout: Layout) -> bool:
    """Whether each line has its number of cells and none is blank."""
    data = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    separators = np.flatnonzero(data == ord(layout.separator))
    cells = np.diff(np.searchsorted(separators, ends), prepend=0) + 1
    lengths = np.diff(ends, prepend=-1)
    blank = (lengths == 1) | ((lengths == 2) & (data[ends - 1] == ord("\r")))
    return bool((cells == len(layout.names)).all() and not blank.any())
