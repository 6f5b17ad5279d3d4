"""In which order an event file says its points: TensorBoard shows those of a tag that go forward.

Its default loader keeps one list a tag and directory. A point whose step is not behind the last
one takes the place of all that are not before it: those it does not show any more. So each tag
only goes forward in a file, and what goes back has to be written elsewhere.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from exptools.logging.errors import LoggingError, as_logging_error
from exptools.logging.rows.row import Number
from exptools.logging.writers.append_file import AppendFile, Place
from exptools.plain_files import is_sparse, open_plain

_BEFORE_ALL = -(2**63)  # no step is less
_MOST_READ = 2**22  # bytes of what others have appended before we came: tens of thousands of rows

_PIECE = 2**18  # bytes that are read at once

_LENGTH = struct.Struct("<Q").unpack_from
_HEAD, _TAIL = 12, 4  # bytes around a message: its length and the checksums
_DOUBLE = struct.Struct("<d")
_LONGEST_VARINT = 10  # bytes, as protobuf has it


class Event(NamedTuple):
    """What is to be known of an event to tell whether it counts, and where it belongs."""

    step: int
    wall_time: float  # Unix seconds
    tags: list[str]


class _Broken(Exception):
    """A message is none of protobuf's."""


class OrderedFile:
    """An event file, and how far each of its tags has come in it.

    Other processes may append, too, one at a time. Where a backup has linked the file, or another
    one stands in its place, a new one is begun that sorts behind it: readers keep the old one open,
    so nothing may be put in its place.

    Args:
        path: the file, whose directory is there.
        keep: whether events that stand there stay.
        head: makes the first record of a file that goes on from it.

    Raises:
        LoggingError: the file cannot be opened.
    """

    def __init__(self, path: Path, head: Callable[[], bytes], *, keep: bool) -> None:
        self._first, self._head, self._number = path, head, 0
        self._counts_links = True  # else the file system gives a new file several names
        self.file = AppendFile(path, keep=keep)
        self.newest = _BEFORE_ALL  # no tag has come further
        self._last: dict[str, tuple[int, Number | None]] = {}  # by tag: step and, of ours, value
        self._new: dict[Hashable, tuple[int, Mapping[str, Number]]] = {}  # not in _last yet
        self._end = 0  # bytes, up to which we know the file
        self._following = str(self._path(1))
        if keep:
            self.look()

    def look(self) -> None:
        """Go on in another file if that is due, or another process has done so.

        Raises:
            LoggingError: the file or its directory was deleted, which writing would not tell.
        """
        while not self._is_right(self.file.look()):
            self.catch_up()
            try:
                following = self._begin(self._number + 1)
            except LoggingError:  # no room: records are better in a linked file than nowhere
                return
            former, self.file = self.file, following
            self._number, self._end = self._number + 1, 0
            self._following = str(self._path(self._number + 1))
            former.close()

    def _is_right(self, place: Place) -> bool:
        if place is Place.REPLACED or (place is Place.LINKED and self._counts_links):
            return False
        return not os.path.lexists(self._following)

    def _begin(self, number: int) -> AppendFile:
        file = AppendFile(self._path(number), keep=True)
        try:
            if not file.size():
                file.append(self._head())
                self._counts_links = file.look() is not Place.LINKED
        except BaseException:
            file.close()
            raise
        return file

    def _path(self, number: int) -> Path:
        return self._first.with_name(f"{self._first.name}.{number:06d}") if number else self._first

    def catch_up(self) -> None:
        """Take note of what other processes have appended."""
        if (size := self.file.size()) == self._end:
            return
        for event in _newest_events(self.file.path, self._end if self._end < size else 0):
            if event.tags:
                self._note(dict.fromkeys(event.tags), event.step)
        self._end = size

    def append(
        self, record: bytes, shape: Hashable, step: int, values: Mapping[str, Number]
    ) -> None:
        """Add a record; ``shape`` is the same for all records that have the tags of ``values``.

        Raises:
            LoggingError: as :meth:`AppendFile.append`.
        """
        self.file.append(record)
        self._end += len(record)
        if step > self.newest:  # noqa: PLR1730 (a call of max takes longer than the rest)
            self.newest = step
        self._new[shape] = step, values

    def append_medium(self, record: bytes, tags: Iterable[str], step: int) -> None:
        """Add a record of what is no scalar.

        Raises:
            LoggingError: as :meth:`AppendFile.append`.
        """
        self.file.append(record)
        self._end += len(record)
        for tag in tags:
            self._last[tag] = step, None

    def goes_forward(self, tag: str, step: int) -> bool:
        """Whether a point would hide none of those that stand there."""
        self.settle()
        last = self._last.get(tag)
        return last is None or step > last[0]

    def has(self, tag: str, step: int, value: Number) -> bool:
        """Whether the tag's last point is this one."""
        self.settle()
        return self._last.get(tag) == (step, value)

    def settle(self) -> None:
        """Forget the shapes, but not how far their tags have come."""
        new, self._new = self._new, {}
        for step, values in new.values():
            self._note(values, step)

    def _note(self, values: Mapping[str, Number | None], step: int) -> None:
        self.newest = max(self.newest, step)
        for tag, value in values.items():
            if tag not in self._last or step >= self._last[tag][0]:
                self._last[tag] = step, value


def records_that_count(path: Path, counts: Callable[[Event], bool]) -> Iterator[bytes]:
    """The records of an event file that hold points, and that a function wants.

    Raises:
        LoggingError: the file cannot be read.
    """
    with _opened(path) as (descriptor, size):
        for record in _records(descriptor, 0, size):
            event = _parse(record[_HEAD:-_TAIL])
            if event.tags and counts(event):
                yield record


def _newest_events(path: Path, begin: int) -> Iterator[Event]:
    with _opened(path) as (descriptor, size):
        for record in _records(descriptor, begin, size, wanted_from=size - _MOST_READ):
            yield _parse(record[_HEAD:-_TAIL])


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, int]]:
    """A file's descriptor, and how many bytes of it are looked at: none of a sparse one.

    It is not mapped into memory: whoever cut it off meanwhile would end this process.
    """
    with as_logging_error(path), open(path, "rb", opener=open_plain, buffering=0) as file:
        descriptor = file.fileno()
        yield descriptor, 0 if is_sparse(descriptor) else os.fstat(descriptor).st_size


def _records(descriptor: int, at: int, size: int, wanted_from: int = 0) -> Iterator[bytes]:
    """The whole records that end behind a place; the first that is none ends them."""
    piece, begin = b"", at
    while at + _HEAD <= size:
        if at + _HEAD > begin + len(piece):
            piece, begin = os.pread(descriptor, _PIECE, at), at
            if len(piece) < _HEAD:
                return
        (length,) = _LENGTH(piece, at - begin)
        end = at + _HEAD + length + _TAIL
        if not length or end > size:
            return
        if end > wanted_from:
            record = piece[at - begin : end - begin]
            if len(record) < end - at:
                record = os.pread(descriptor, end - at, at)
            if len(record) < end - at:
                return
            yield record
        at = end


def _parse(message: bytes) -> Event:
    """What is to be known of a message; of what is none, that it has no tags."""
    try:
        return _parsed(message)
    except _Broken:
        return Event(0, 0.0, [])


def _parsed(message: bytes) -> Event:
    step, wall_time, tags = 0, 0.0, []
    for number, value in _fields(message):
        if number == 1 and isinstance(value, bytes):
            if len(value) != _DOUBLE.size:
                raise _Broken
            (wall_time,) = _DOUBLE.unpack(value)
        elif number == 2 and isinstance(value, int):
            step = value - 2**64 if value >= 2**63 else value
        elif number == 5 and isinstance(value, bytes):
            tags = [_tag(part) for _, part in _fields(value) if isinstance(part, bytes)]
    return Event(step, wall_time, tags)


def _tag(value: bytes) -> str:
    names = (part for number, part in _fields(value) if number == 1 and isinstance(part, bytes))
    return next(names, b"").decode(errors="replace")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Protobuf's fields of a message: their numbers and, undecoded, their values."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind, length = key & 7, 0
        if kind == 0:
            number, at = _varint(message, at)
            yield key >> 3, number
            continue
        if kind == 2:
            length, at = _varint(message, at)
        else:
            length = 8 if kind == 1 else 4
        yield key >> 3, message[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for digit in data[at : at + _LONGEST_VARINT]:
        at += 1
        number |= (digit & 0x7F) << shift
        if digit < 0x80:
            return number, at
        shift += 7
    raise _Broken
