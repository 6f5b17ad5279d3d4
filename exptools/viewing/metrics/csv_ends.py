"""What the two ends of a CSV say, without a look at what is between them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from exptools.rundir import open_without_waiting
from exptools.viewing.metrics.csv_reader import BYTE_ORDER_MARK, split_header

HEAD, MAX_HEAD = 2**16, 2**20  # bytes in which a header is looked for: at first, and at most
TAIL = 2**14  # bytes in which the last row is looked for


def read_header(path: str, separator: str) -> tuple[str, ...]:
    """The names of a file's columns; none where there is no file or not even a line is whole."""
    try:
        with open(path, "rb", opener=open_without_waiting) as file:
            content = file.read(HEAD) or b""
            if b"\n" not in content:
                content += file.readline(MAX_HEAD) or b""
    except OSError:
        return ()
    content = content.removeprefix(BYTE_ORDER_MARK)
    line = content[: content.find(b"\n") + 1].replace(b"\r\n", b"\n")
    header = content if b'"' in line else line  # in quotes it may go on in the next line
    return tuple(split_header(header, separator)[0]) if line else ()


def read_last_row(path: str, header: Sequence[str], separator: str) -> dict[str, float]:
    """The numbers in the last whole row of a file; nothing where there is no such row."""
    try:
        with open(path, "rb", buffering=0, opener=open_without_waiting) as file:
            size = os.fstat(file.fileno()).st_size
            lines = os.pread(file.fileno(), TAIL, max(0, size - TAIL)).split(b"\n")
    except OSError:
        return {}
    # The first one may have lost its beginning, or is the header; the last one has no end.
    cells = lines[-2].decode(errors="replace").split(separator) if len(lines) > 2 else []
    if len(cells) != len(header):
        return {}
    numbers = {name: _number(cell) for name, cell in zip(header, cells, strict=True)}
    return {name: number for name, number in numbers.items() if number is not None}


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python also reads 1_000
    except ValueError:
        return None
