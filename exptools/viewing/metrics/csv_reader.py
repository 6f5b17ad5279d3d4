"""Read progress.csv and its like: every value that stands there, and a fault for what does not.

An empty cell is "not logged in this row" (null), ``NaN`` is a value that was logged. Whatever is
torn or is no number is named with its line; it is never taken for 0, and never takes the rows
around it with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from exptools.plain_files import open_plain, read_beginning
from exptools.rundir import STEP
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.csv_numbers import MAX_FAULTS, Numbers, as_numbers
from exptools.viewing.metrics.csv_rows import Lines, cells_of, read_rows
from exptools.viewing.metrics.logged_rows import (
    MAX_CELLS,
    MAX_COLUMNS,
    UNFINISHED,
    LoggedRows,
    TooManyCells,
    one_below_another,
    step_column,
)
from exptools.viewing.run import Fault
from exptools.visible import visible_lines

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_NAME = 2**16  # bytes that a name in the header may go on below the first line
HEAD, MAX_HEAD = 2**16, 2**20  # bytes in which a header is looked for: at first, and at most
MAX_HEADERS = 32  # different ones in a file
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
    commas = separator != "," and b"," in content
    if separator != ",":  # the few files with others have hardly any commas
        content = content.replace(b",", OTHER_COMMA).replace(separator.encode(), b",")
    content = content.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n")
    whole, _, torn = content.rpartition(b"\n")
    last_line = whole.count(b"\n") + bool(whole) + 1
    faults = [Fault(path, last_line, UNFINISHED)] if torn else []
    if not whole:
        return LoggedRows(faults=tuple(faults))
    frames, lines, every = [], [], set[str]()
    whole += b"\n"
    if (size := whole.count(b",") + whole.count(b"\n")) > MAX_CELLS:
        raise TooManyCells(f"{size:,} cells are not read")
    for part, of_lines in _parts(whole):
        names, body, first_line = split_header(part)
        if commas:
            names = [name.replace(OTHER_COMMA.decode(), ",") for name in names]
        every.update(names)
        if len(names) > MAX_COLUMNS or len(every) > MAX_COLUMNS:
            raise TooManyCells(f"a header of {max(len(names), len(every)):,} columns is not read")
        cells = read_rows(names, body, first_line, path, of_lines)
        frame, wrong = numbers(cells, path)
        frames.append(frame)
        lines.append(cells.lines)
        faults += [*cells.faults, *wrong]
    frame = frames[0]
    if len(frames) > 1:
        frame = one_below_another(frames)[np.argsort(np.concatenate(lines))]
    step_from = step_column(frame.columns)
    if step_from is None:
        frame = frame.insert_column(0, pl.Series(STEP, np.arange(frame.height), pl.Float64))
    elif step_from != STEP:
        frame = frame.insert_column(0, frame[step_from].alias(STEP))
    return LoggedRows(frame, _capped(faults, path), step_from)


def _parts(content: bytes) -> list[tuple[bytes, Lines | None]]:
    """The rows of each header in a file below it, and which of its lines these are, from 0.

    Headers are told by beginning alike and having no number. Where there is but one: None.
    """
    begin = re.split(rb"[,\n]", content, maxsplit=1)[0]
    if b"\n" + begin not in content or not re.search(rb"[A-Za-z]", begin):
        return [(content, None)]
    lines = content.split(b"\n")
    header, parts = lines[0], {lines[0]: [0]}
    for number, line in enumerate(lines):
        if line in parts:
            header = line
        elif line.split(b",", 1)[0] != begin or _has_number(line) or len(parts) == MAX_HEADERS:
            parts[header].append(number)
        else:
            header = line
            parts[header] = [number]
    return [
        (b"\n".join([*map(lines.__getitem__, of_part), b""]), np.array(of_part, np.int64))
        for of_part in parts.values()
    ]


def _has_number(line: bytes) -> bool:
    return any(as_number(cell) is not None for cell in cells_of(line))


def split_header(content: bytes, separator: str = ",") -> tuple[list[str], bytes, int]:
    """The names of the columns, the bytes of the rows, and the line on which these start."""
    first = end = content.index(b"\n") + 1
    lines, quotes = 1, content.count(b'"', 0, end)
    while quotes % 2:  # a tag with a newline in it
        begin, end = end, content.find(b"\n", end) + 1
        if not end or end - first > MAX_NAME:  # a quote that nobody closes
            return _names(content[: first - 1], separator), content[first:], 2
        lines, quotes = lines + 1, quotes + content.count(b'"', begin, end)
    return _names(content[: end - 1], separator), content[end:], lines + 1


def _names(header: bytes, separator: str) -> list[str]:
    """Names as they can be shown anywhere."""
    return [visible_lines(name) for name in cells_of(header, separator)]


def _capped(faults: list[Fault], path: Path) -> tuple[Fault, ...]:
    faults.sort(key=lambda fault: fault.line or 0)
    if len(faults) <= MAX_FAULTS:
        return tuple(faults)
    return (*faults[:MAX_FAULTS], Fault(path, None, "more lines like these are not listed"))


def read_header(path: str, separator: str) -> tuple[str, ...]:
    """The names of a file's columns; none where there is no file or not even a line is whole."""
    try:
        content, about = read_beginning(path, HEAD)
        if b"\n" not in content and about.st_size > HEAD:
            content, _ = read_beginning(path, HEAD + MAX_HEAD)
    except OSError:
        return ()
    content = content.removeprefix(BYTE_ORDER_MARK)
    line = content[: content.find(b"\n") + 1].replace(b"\r\n", b"\n")
    if not line:
        return ()
    # In quotes it may go on in the next line; else it is that of many files.
    return _header(content, separator) if b'"' in line else _header_line(line, separator)


def _header(content: bytes, separator: str) -> tuple[str, ...]:
    names = split_header(content, separator)[0]
    return tuple(names) if len(names) <= MAX_COLUMNS else ()  # it is a fault when the rows are read


_header_line = lru_cache(maxsize=32)(_header)


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
