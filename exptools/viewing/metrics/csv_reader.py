"""Read progress.csv and its like: every value that stands there, and a fault for what does not.

An empty cell is "not logged in this row" (null), ``NaN`` is a value that was logged. Whatever is
torn or is no number is named with its line; it is never taken for 0, and never takes the rows
around it with it.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exptools.plain_files import open_plain
from exptools.rundir import STEP
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.csv_numbers import MAX_FAULTS, Cells, Numbers, as_numbers
from exptools.viewing.metrics.logged_rows import (
    MAX_CELLS,
    UNFINISHED,
    LoggedRows,
    TooManyCells,
    step_column,
)
from exptools.viewing.run import Fault

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_NAME = 2**16  # bytes that a name in the header may go on below the first line
HEAD, MAX_HEAD = 2**16, 2**20  # bytes in which a header is looked for: at first, and at most
MAX_HEADERS = 32  # different ones in a file
MAX_COLUMNS = 25_000
TAIL = 2**14  # bytes in which the last row is looked for
OTHER_COMMA = "\N{FULLWIDTH COMMA}".encode()  # where a comma separates nothing


def parse_csv(
    content: bytes, path: Path, separator: str = ",", numbers: Numbers = as_numbers
) -> LoggedRows:
    """All that stands in the content of a CSV; ``path`` is named in the faults.

    Where training began anew and the header stands again, with the same columns or others, the
    rows below it are those of the new header.

    Args:
        content: of the file.
        path: of the file.
        separator: between cells.
        numbers: what makes numbers of the texts.
    """
    if separator != ",":  # the few files with others have no commas, except in quotes
        content = content.replace(b",", OTHER_COMMA).replace(separator.encode(), b",")
    content = content.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n")
    whole, _, torn = content.rpartition(b"\n")
    last_line = whole.count(b"\n") + bool(whole) + 1
    faults = [Fault(path, last_line, UNFINISHED)] if torn else []
    if not whole:
        return LoggedRows(faults=tuple(faults))
    frames, lines = [], []
    whole += b"\n"
    if (size := whole.count(b",") + whole.count(b"\n")) > MAX_CELLS:
        raise TooManyCells(f"{size:,} cells are not read")
    for part in _parts(whole):
        names, body, first_line = split_header(part)
        if len(names) > MAX_COLUMNS:
            raise TooManyCells(f"a header of {len(names):,} columns is not read")
        cells = _read_rows(names, body, first_line, path)
        frame, wrong = numbers(cells, path)
        frames.append(frame)
        lines.append(cells.lines)
        faults += [*cells.faults, *wrong]
    frame = frames[0]
    if len(frames) > 1:
        frame = pl.concat(frames, how="diagonal")[np.argsort(np.concatenate(lines))]
    step_from = step_column(frame.columns)
    if step_from is None:
        frame = frame.insert_column(0, pl.Series(STEP, np.arange(frame.height), pl.Float64))
    elif step_from != STEP:
        frame = frame.insert_column(0, frame[step_from].alias(STEP))
    return LoggedRows(frame, _capped(faults, path), step_from)


def _parts(content: bytes) -> list[bytes]:
    """The rows of each header in a file below it, in their lines: those of others are left blank.

    Headers are told by beginning alike and having no number.
    """
    begin = re.split(rb"[,\n]", content, maxsplit=1)[0]
    if b"\n" + begin not in content or not re.search(rb"[A-Za-z]", begin):
        return [content]
    lines = content.split(b"\n")
    header, parts = lines[0], {lines[0]: [lines[0], *[b""] * (len(lines) - 1)]}
    for number, line in enumerate(lines):
        if line in parts:
            header = line
        elif line.split(b",", 1)[0] != begin or _has_number(line) or len(parts) == MAX_HEADERS:
            parts[header][number] = line
        else:
            header = line
            parts[header] = [header, *[b""] * (len(lines) - 1)]
    return [b"\n".join(rows) for rows in parts.values()]


def _has_number(line: bytes) -> bool:
    return any(as_number(cell) is not None for cell in _cells(line))


def split_header(content: bytes, separator: str = ",") -> tuple[list[str], bytes, int]:
    """The names of the columns, the bytes of the rows, and the line on which these start."""
    first = end = content.index(b"\n") + 1
    lines, quotes = 1, content.count(b'"', 0, end)
    while quotes % 2:  # a tag with a newline in it
        begin, end = end, content.find(b"\n", end) + 1
        if not end or end - first > MAX_NAME:  # a quote that nobody closes
            return _cells(content[: first - 1], separator), content[first:], 2
        lines, quotes = lines + 1, quotes + content.count(b'"', begin, end)
    return _cells(content[: end - 1], separator), content[end:], lines + 1


def _read_rows(names: list[str], body: bytes, first_line: int, path: Path) -> Cells:
    """Cells as texts, without the rows that have more or fewer of them than the header."""
    width = len(names)
    split = _split_quoted if b'"' in body else _split_plain
    kept, lines, counts, bad = split(body, width)
    faults = [
        Fault(path, int(first_line + line), f"{count} cells where the header has {width}; left out")
        for line, count in list(zip(bad, counts, strict=True))[: MAX_FAULTS + 1]
    ]
    schema = {str(column): pl.String for column in range(width)}
    if not kept:
        return Cells(names, pl.DataFrame(schema=schema), lines + first_line, faults)
    cells = pl.read_csv(
        kept, has_header=False, schema=schema, encoding="utf8-lossy", raise_if_empty=False
    )
    return Cells(names, cells, lines + first_line, faults)


_Rows = tuple[bytes, NDArray[np.int64], list[int], list[int]]


def _split_plain(body: bytes, width: int) -> _Rows:
    """Whole rows as bytes, their lines from 0; the cells and lines of the bad ones."""
    text = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    commas = np.flatnonzero(text == ord(","))
    cells = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    blank = starts == ends
    good = (cells == width) & ~blank
    bad = np.flatnonzero((cells != width) & ~blank)
    if good.all():
        kept = body
    else:
        rows = body.split(b"\n")
        kept = b"".join(rows[line] + b"\n" for line in np.flatnonzero(good))
    return kept, np.flatnonzero(good), cells[bad].tolist(), bad.tolist()


def _split_quoted(body: bytes, width: int) -> _Rows:
    """As ``_split_plain``, for the rare file with quotes.

    Line by line, though a quoted cell might go on in the next: numbers never do, and so a quote
    that nobody closes spoils its own row and not all that follow.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    lines, counts, bad = [], [], []
    for number, line in enumerate(body.split(b"\n")):
        row = _cells(line)
        if len(row) == width:
            writer.writerow(row)
            lines.append(number)
        elif row:
            bad.append(number)
            counts.append(len(row))
    return out.getvalue().encode(), np.array(lines, np.int64), counts, bad


def _cells(row: bytes, separator: str = ",") -> list[str]:
    """The cells of one row; what is no CSV at all is one cell."""
    text = row.decode(errors="replace").replace("\0", "�")  # Python 3.10's csv takes no NUL
    if '"' not in text:
        return text.split(separator) if text else []
    if text.count('"') % 2:
        return [text]
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:  # a cell beyond csv.field_size_limit(), for example
        return [text]


def _capped(faults: list[Fault], path: Path) -> tuple[Fault, ...]:
    faults.sort(key=lambda fault: fault.line or 0)
    if len(faults) <= MAX_FAULTS:
        return tuple(faults)
    return (*faults[:MAX_FAULTS], Fault(path, None, "more lines like these are not listed"))


def read_header(path: str, separator: str) -> tuple[str, ...]:
    """The names of a file's columns; none where there is no file or not even a line is whole."""
    try:
        with open(path, "rb", opener=open_plain) as file:
            content = file.read(HEAD) or b""
            if b"\n" not in content:
                content += file.readline(MAX_HEAD) or b""
    except OSError:
        return ()
    content = content.removeprefix(BYTE_ORDER_MARK)
    line = content[: content.find(b"\n") + 1].replace(b"\r\n", b"\n")
    header = content if b'"' in line else line  # in quotes it may go on in the next line
    names = split_header(header, separator)[0] if line else []
    return tuple(names) if len(names) <= MAX_COLUMNS else ()  # it is a fault when the rows are read


def read_last_row(path: str, header: Sequence[str], separator: str) -> dict[str, float]:
    """The numbers in the last whole row of a file; nothing where there is no such row."""
    try:
        with open(path, "rb", buffering=0, opener=open_plain) as file:
            size = os.fstat(file.fileno()).st_size
            lines = os.pread(file.fileno(), TAIL, max(0, size - TAIL)).split(b"\n")
    except OSError:
        return {}
    # The first one may have lost its beginning, or is the header; the last one has no end.
    cells = lines[-2].decode(errors="replace").split(separator) if len(lines) > 2 else []
    if len(cells) != len(header):
        return {}
    numbers = {name: as_number(cell) for name, cell in zip(header, cells, strict=True)}
    return {name: number for name, number in numbers.items() if number is not None}


def as_number(cell: str) -> float | None:
    """The number that a cell holds, None where it holds none."""
    try:
        return None if "_" in cell else float(cell)  # Python also reads 1_000
    except ValueError:
        return None
