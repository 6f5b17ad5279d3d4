"""Cut the text of a CSV into cells, less the rows that have more or fewer than the header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.csv_numbers import MAX_FAULTS, Cells
from exptools.viewing.run import Fault

PIECE = 2**22  # bytes whose lines are looked at at once
Lines = NDArray[np.int64]  # their numbers


def read_rows(
    names: list[str], body: bytes, first_line: int, path: Path, of_lines: Lines | None
) -> Cells:
    """Cells as texts, without the rows that have more or fewer of them than the header.

    ``of_lines`` tells which lines of the file those of the body are, if not the same from 1.
    """
    width = len(names)
    split = _split_quoted if b'"' in body else _split_plain
    rows, lines, faults = list[bytes](), [np.empty(0, np.int64)], list[Fault]()
    for piece in _pieces(body):
        kept, good, counts, bad = split(piece, width)
        rows.append(kept)
        lines.append(good + first_line)
        for line, count in list(zip(bad, counts, strict=True))[: MAX_FAULTS + 1 - len(faults)]:
            at = line + first_line if of_lines is None else of_lines[line + first_line - 1] + 1
            reason = f"{count} cells where the header has {width}; left out"
            faults.append(Fault(path, int(at), reason))
        first_line += piece.count(b"\n")
    kept, numbers = b"".join(rows), np.concatenate(lines)
    if of_lines is not None:
        numbers = of_lines[numbers - 1] + 1
    schema = {str(column): pl.String for column in range(width)}
    if not kept:
        return Cells(names, pl.DataFrame(schema=schema), numbers, faults)
    cells = pl.read_csv(
        kept, has_header=False, schema=schema, encoding="utf8-lossy", raise_if_empty=False
    )
    return Cells(names, cells, numbers, faults)


def _pieces(body: bytes) -> Iterator[bytes]:
    """Whole lines, some at a time: what is computed of each line takes a multiple of it."""
    start = 0
    while start < len(body):
        end = body.find(b"\n", start + PIECE) + 1 or len(body)
        yield body[start:end]
        start = end


_Rows = tuple[bytes, Lines, list[int], list[int]]


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
        row = cells_of(line)
        if len(row) == width:
            writer.writerow(row)
            lines.append(number)
        elif row:
            bad.append(number)
            counts.append(len(row))
    return out.getvalue().encode(), np.array(lines, np.int64), counts, bad


def cells_of(row: bytes, separator: str = ",") -> list[str]:
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
