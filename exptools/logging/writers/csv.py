"""``progress.csv``: a row a step, valid CSV with equally many cells in each line at any time."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from exptools.logging.errors import LoggingError, replaced_error
from exptools.logging.rows.row import Number, Row
from exptools.logging.writers.append_file import LOOK_EVERY, AppendFile, Place, replace_file
from exptools.rundir import STEP, WALL_TIME

_MOST_COLUMNS = 2**16  # that a table of ours has: viewers read no more
_NEXT_TRY = 60.0  # seconds, after a file without other names could not be had
_E, _N = b"en"  # bytes of exponents and of null, which are found faster than texts


class _Table(NamedTuple):
    """A file with its columns."""

    file: AppendFile
    tags: list[str]
    columns: frozenset[str]  # the tags again
    header: bytes


class CsvWriter:
    """Writes rows under the columns step, wall_time and the tags as they first appear.

    Several processes may write to one file, each with a writer of its own, while they hold the
    run's row lock.

    Args:
        path: the file.
        keep: whether rows that stand there stay; else the file is replaced by an empty one.

    Raises:
        LoggingError: the file cannot be written, or what is to stay is no such file.
    """

    def __init__(self, path: Path, *, keep: bool = False) -> None:
        self.path = path
        self._next_look = 0.0
        self._next_own = 0.0  # before that we do not try again to have a file without other names
        # Replaced as a whole: a signal may interrupt us anywhere, to log or to raise an exception.
        self._table = self._take_over([]) if keep else self._create([], b"")

    def write(self, row: Row) -> None:
        """Add a row; the operating system has it when this returns.

        Raises:
            LoggingError: the row was not written; the rows before it are as they were.
        """
        now = time.monotonic()
        if now >= self._next_look:
            self.look()
            self._next_look = now + LOOK_EVERY
        table, scalars = self._table, row.scalars
        if list(scalars) == table.tags:
            table.file.append(_line(row, scalars.values()))
            return
        if not table.columns.issuperset(scalars):
            table = self._widen(scalars)
        table.file.append(_line(row, map(scalars.get, table.tags)))

    def look(self) -> None:
        """See whether the file is still there, or take over the one that is in its place.

        Raises:
            LoggingError: there is none, or another one.
        """
        place = self._table.file.look()
        if place is Place.REPLACED:  # another process of the run had new tags
            former = self._table
            self._table = self._take_over(former.tags)
            former.file.close()
            place = self._table.file.look()
        if place is Place.LINKED and time.monotonic() >= self._next_own:
            self._have_own_file()

    def _have_own_file(self) -> None:
        """Go on in a copy, as the rows to come are none of what the file's other names stand for.

        Where there is no room for one the rows are better there than nowhere.
        """
        try:
            self._rewrite([])
            works = self._table.file.look() is Place.OURS
        except LoggingError:
            works = False
        if not works:  # or the file system counts links of its own
            self._next_own = time.monotonic() + _NEXT_TRY

    def close(self) -> None:
        """Close the file; nothing is pending."""
        self._table.file.close()

    def _widen(self, wanted: Iterable[str]) -> _Table:
        self._next_look = 0.0  # should we be interrupted when the file is replaced already
        self.look()
        return self._rewrite([tag for tag in wanted if tag not in self._table.columns])

    def _rewrite(self, new_tags: list[str]) -> _Table:
        """Put a file with these tags, too, in the place of ours."""
        begun = time.monotonic()
        narrow = self._table
        with narrow.file.reading() as file:
            file.seek(len(narrow.header))
            lines = file.read()
        # Below the header there are only numbers, so every line feed ends a row.
        widened = lines.replace(b"\n", b"," * len(new_tags) + b"\n") if new_tags else lines
        self._table = self._create(narrow.tags + new_tags, widened)
        narrow.file.close()
        # The others should not write to the former file: keep our turn until their look is due.
        time.sleep(max(0.0, begun + 2 * LOOK_EVERY - time.monotonic()))
        return self._table

    def _create(self, tags: list[str], lines: bytes) -> _Table:
        header = header_line(tags)
        return _Table(replace_file(self.path, header + lines), tags, frozenset(tags), header)

    def _take_over(self, former: list[str]) -> _Table:
        """The file that stands at the path, if it goes on with the columns that we had."""
        file = AppendFile(self.path, keep=True)
        try:
            with file.reading() as records:
                header, tags = read_header(records)
            if tags is None or tags[: len(former)] != former:
                raise replaced_error(self.path)
        except BaseException:
            file.close()
            raise
        return _Table(file, tags, frozenset(tags), header)


def header_line(tags: Iterable[str]) -> bytes:
    """The first line of a file with these tags."""
    return (",".join([STEP, WALL_TIME, *map(_quoted, tags)]) + "\n").encode()


def read_header(file: BinaryIO) -> tuple[bytes, list[str] | None]:
    """The first line of a file, and its tags; None where it is not one of ours, or torn."""
    lines, quotes = [], 0
    for line in file:
        lines.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:  # the line feed stands in no tag
            break
    header = b"".join(lines)
    if quotes % 2 or not header.endswith(b"\n"):
        return header, None
    try:
        cells = next(csv.reader(io.StringIO(header.decode(errors="replace"), newline="")))
    except csv.Error:  # a cell longer than any tag of ours
        return header, None
    is_ours = cells[:2] == [STEP, WALL_TIME] and len(cells) <= _MOST_COLUMNS
    return header, cells[2:] if is_ours else None


def _quoted(tag: str) -> str:
    if any(character in tag for character in ',"\r\n'):
        return '"' + tag.replace('"', '""') + '"'
    return tag


def _line(row: Row, values: Iterable[Number | None]) -> bytes:
    cells = [row.step, row.wall_time, *values]
    try:
        line = orjson.dumps(cells)
        if _N in line and isfinite(sum(row.scalars.values())):
            line = line.replace(b"null", b"")  # all of these are empty cells
        # orjson spells as repr() does, but for the very large and small, and what is not finite.
        if _E in line or _N in line or b"0.0000" in line:
            line = _exact_line(cells)
    except (TypeError, OverflowError):  # integers of more than 64 bits
        line = _exact_line(cells)
    return line[1:-1] + b"\n"


def _exact_line(cells: Iterable[Number | None]) -> bytes:
    return orjson.dumps(list(map(_as_repr, cells))).replace(b"null", b"")


def _as_repr(cell: Number | None) -> Number | orjson.Fragment | None:
    if cell is None or 1e-4 <= cell < 1e16:
        return cell
    return orjson.Fragment("NaN" if cell != cell else repr(cell))  # noqa: PLR0124
