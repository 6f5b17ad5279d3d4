"""How far a run had come when a snapshot was saved, and where that is in its files now.

The rows that stood in ``progress.csv`` then are those that count when the run goes on: not those
up to a step, for not all of them go by the same steps.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from exptools.logging.errors import as_logging_error
from exptools.logging.rows.row import MAX_STEP, PendingRow
from exptools.logging.writers.csv import read_header
from exptools.plain_files import Unwritten, is_sparse, open_plain, read_plain

_TAIL = 2**16  # bytes in which the last row is looked for, at first
_LONGEST_ROW = 2**20  # bytes; behind a longer one no step is found


@dataclass(frozen=True)
class Position:
    """How far a run had come."""

    last_row: tuple[int, float] | None  # step and wall time; None: the table had no row
    media: int | None  # bytes of the media's index; None: not known
    count: int  # the step with which counting went on
    pending: tuple[PendingRow, ...] = ()  # the rows that had not ended

    def plain(self) -> dict[str, Any]:
        """The same in types that any pickle takes."""
        return asdict(self) | {"pending": [tuple(row) for row in self.pending]}

    @classmethod
    def of(cls, plain: object) -> Position | None:
        """What :meth:`plain` gave, None where it is something else."""
        try:
            fields: dict[str, Any] = dict(plain)  # type: ignore[call-overload]
            last = fields["last_row"]
            pending = tuple(PendingRow(*row) for row in fields["pending"])
            return cls(
                None if last is None else (*last,), fields["media"], fields["count"], pending
            )
        except (TypeError, ValueError, KeyError):
            return None


class Place(NamedTuple):
    """Where a position is in a table."""

    rows: int  # that count, from its beginning
    later_rows: tuple[int, ...]  # their numbers: rows that were pending then and have ended since
    missing: list[PendingRow]  # those of which there is no row
    is_at_end: bool  # whether the table has no other rows


class EarlierRows:
    """The rows of a ``progress.csv`` as they stand there, a line each."""

    def __init__(self, content: bytes) -> None:
        self.header, self._tags = read_header(io.BytesIO(content))
        self.is_ours = self._tags is not None
        self.lines = content[len(self.header) :].splitlines(keepends=True) if self.is_ours else []

    @classmethod
    def read(cls, path: Path) -> EarlierRows:
        """Those of a file; none where there is none, or it is sparse."""
        with as_logging_error(path), suppress(Unwritten):
            return cls(read_plain(path) if path.exists() else b"")
        return cls(b"")

    @cached_property
    def steps(self) -> list[float]:
        """Each row's step; infinite where a line is torn or no row."""
        return [_step(line) for line in self.lines]

    def wall_time(self, number: int) -> float:
        """When a row ended, in Unix seconds; NaN where it does not say so."""
        try:
            return float(self.lines[number].split(b",", 2)[1])
        except (ValueError, IndexError):
            return math.nan

    def columns(self, tags: Collection[str]) -> list[int]:
        """The columns of those of the tags that the table has."""
        return [at for at, tag in enumerate(self._tags or (), 2) if tag in tags]

    @property
    def all_columns(self) -> range:
        """Those of all tags."""
        return range(2, 2 + len(self._tags or ()))

    def held(self, number: int, columns: Sequence[int]) -> Iterator[int]:
        """Those of some columns, in their order, in which a row has a value."""
        if not columns:
            return iter(())
        cells = self.lines[number].rstrip(b"\n").split(b",")
        # A header may have far more columns than a row.
        return (at for at in takewhile(len(cells).__gt__, columns) if cells[at])

    def find(self, last_row: tuple[int, float] | None) -> int | None:
        """How many rows there are up to a row, told by step and wall time; None if it is gone."""
        if last_row is None:
            return 0
        step, wall_time = last_row
        numbers = (n for n, at in enumerate(self.steps, 1) if at == step)
        return next((n for n in numbers if self.wall_time(n - 1) == wall_time), None)


def locate(table: Path, position: Position) -> Place | None:
    """Where a position is in ``progress.csv``; None where its last row is not there any more.

    A row that was pending counts as it has ended since, perhaps with more values.

    Raises:
        LoggingError: the file cannot be read.
    """
    earlier = EarlierRows.read(table)
    rows = earlier.find(position.last_row)
    if rows is None:
        return None
    later, missing = [], []
    for row in position.pending:
        ended = _ended(row, earlier, rows, position.count)
        if ended is None:
            missing.append(row)
        else:
            later.append(ended)
    is_at_end = rows + len({*later}) == len(earlier.lines)
    return Place(rows, tuple(later), missing, is_at_end)


def last_row_of(table: Path) -> tuple[int, float] | None:
    """Step and wall time of the last row of ``progress.csv``; None where there is none of ours.

    Raises:
        LoggingError: the file cannot be read.
    """
    if not table.exists():
        return None
    tail = _TAIL
    with as_logging_error(table), open(table, "rb", opener=open_plain) as file:
        if is_sparse(file.fileno()):  # it may claim a line of any length
            return None
        header, tags = read_header(file)
        if tags is None:
            return None
        size = file.seek(0, 2)
        while True:
            start = max(len(header), size - tail)
            file.seek(start)
            lines = file.read(size - start).split(b"\n")
            if len(lines) > 2 or start == len(header):
                break
            tail *= 8
    cells = lines[-2].split(b",", 2) if len(lines) > 1 else []
    with suppress(ValueError):
        return (int(cells[0]), float(cells[1])) if len(cells) > 1 else None
    return None


def last_step(table: Path) -> int | None:
    """The step of the last row that can be read; None where there is none near the end."""
    with suppress(OSError), open(table, "rb", opener=open_plain) as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _LONGEST_ROW, 0))
        for line in reversed(file.read().splitlines()):
            with suppress(ValueError):
                step = int(line.partition(b",")[0])
                return step if abs(step) <= MAX_STEP else None
    return None


def _ended(row: PendingRow, table: EarlierRows, rows: int, count: int) -> int | None:
    """The number of the later row that a pending one has become."""
    columns = table.columns(row.scalars)
    if len(columns) < len(row.scalars):
        return None
    for number in range(rows, len(table.lines)):
        step = table.steps[number]
        is_its_step = count <= step < math.inf if row.step is None else step == row.step
        if is_its_step and [*table.held(number, columns)] == columns:
            return number
    return None


def _step(line: bytes) -> float:
    try:
        return int(line.partition(b",")[0]) if line.endswith(b"\n") else math.inf
    except ValueError:  # a torn line, too, may begin with a number
        return math.inf
