"""TensorBoard event files: one event a row, written at once, without a queue or a thread.

Rows are put into protobuf's wire format by hand: the official messages take four times as long,
and importing them longer than all the rest of the logger. What is not a scalar goes through the
official messages. ``docs/benchmarks.md`` has the figures.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import google_crc32c

from exptools.logging.errors import LoggingError, as_logging_error, warn_user
from exptools.logging.rows.row import Row
from exptools.logging.writers.append_file import replace_file
from exptools.logging.writers.event_order import Event, OrderedFile, records_that_count
from exptools.plain_files import refuse_others_below
from exptools.rundir import EVENT_FILE_SUFFIX, OUT_OF_ORDER_DIR, PROGRESS_CSV

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

_LOOK_EVERY = 1e-3  # seconds, for a look whether the file is still there, and has no other name
_SHAPES = 256  # sets of tags whose encoding is remembered
_DIGITS = 19  # of a time in a name of an event file: of nanoseconds, as long as anybody writes
_MOST_ASIDES = 8  # files for what goes back
_MAX_FLOAT = 3.4028235677973366e38  # from here on a 32-bit float is infinite

_TIME = struct.Struct("<Bd").pack  # Event.wall_time, behind its field's number
_UINT32 = struct.Struct("<I").pack

_VERSION = b"\x1a\x0dbrain.Event:2"  # Event.file_version
_STARTED = b"\x3a\x02\x08\x01"  # Event.session_log, of status START

_HPARAMS = "_hparams_/"  # begins the tags of TensorBoard's table

EVENT_FILES = "events.out.tfevents.*"


class Purge(NamedTuple):
    """What TensorBoard should forget of earlier attempts: all from a step on, but for some."""

    step: int
    kept: frozenset[tuple[int, float]]  # step and wall time of what counts all the same

    def spares(self, event: Event) -> bool:
        """Whether an event of an earlier attempt counts."""
        return event.step < self.step or (event.step, event.wall_time) in self.kept


class TensorBoardWriter:
    """Writes rows to an event file.

    TensorBoard keeps values as 32-bit floats: what these cannot hold is infinite there.

    It does not show what stands before a step back: see ``event_order``. So a point that goes
    back, or stands still, goes to a file in ``out_of_order/1``, or the next of these directories
    in which it does not. TensorBoard shows them as runs beside this one. They are few: what has no
    place in any is left out, which is said once.

    Args:
        path: the file; see :func:`new_event_file`.
        keep: whether events that stand there stay, because another process writes there, too.
        purge: in a new file, what TensorBoard should forget of earlier files of the directory.

    Raises:
        LoggingError: the file cannot be written.
    """

    def __init__(self, path: Path, *, keep: bool = False, purge: Purge | None = None) -> None:
        self.path = path
        earlier = [] if purge is None else _earlier_files(path)
        self._main = OrderedFile(path, _version, keep=keep)
        self._asides: list[OrderedFile] = []
        self._encoders: dict[tuple[str, ...], _Encoder] = {}
        self._next_look = -math.inf  # on the monotonic clock, which nobody sets back
        self._has_warned = False
        if not keep:
            self._main.file.append(_beginning(0 if purge is None else purge.step))
        if purge is not None:
            self._take_over(earlier, purge)

    def write(self, row: Row) -> None:
        """Add a row; the operating system has it when this returns.

        Raises:
            LoggingError: the row was not written; the events before it are as they were.
        """
        step, wall_time, scalars = row
        if time.monotonic() >= self._next_look:
            self.look()
        main = self._main
        main.catch_up()
        if step <= main.newest:
            self._write_in_order(row)
            return
        tags = tuple(scalars)
        encoder = self._encoders.get(tags) or self._encoder(tags)
        record = as_record(_head(wall_time, step) + encoder.summary(scalars.values()))
        main.append(record, encoder, step, scalars)

    def write_summary(self, values: Sequence[Summary.Value], step: int, wall_time: float) -> None:
        """Add what is not a scalar, as TensorBoard's own messages say it.

        Raises:
            LoggingError: as :meth:`write`.
        """
        from tensorboard.compat.proto import event_pb2
        from tensorboard.compat.proto.summary_pb2 import Summary

        self.look()
        event = event_pb2.Event(wall_time=wall_time, step=step, summary=Summary(value=values))
        tags = [value.tag for value in values]
        record = as_record(event.SerializeToString())
        self._file_of_medium(tags, step).append_medium(record, tags, step)

    def look(self) -> None:
        """See whether the file is still there: writing to a deleted one succeeds.

        Raises:
            LoggingError: it is not.
        """
        self._main.look()
        for ordered in self._asides:
            with contextlib.suppress(LoggingError):  # the rows are in progress.csv
                ordered.look()
        self._next_look = time.monotonic() + _LOOK_EVERY

    def close(self) -> None:
        """Close the files; nothing is pending."""
        for ordered in (self._main, *self._asides):
            ordered.file.close()

    def _encoder(self, tags: tuple[str, ...]) -> _Encoder:
        """The encoder of some tags, which is made where it is missing."""
        if tags not in self._encoders:
            if len(self._encoders) >= _SHAPES:
                self._encoders.clear()
                for ordered in (self._main, *self._asides):
                    ordered.settle()
            self._encoders[tags] = _Encoder(tags)
        return self._encoders[tags]

    def _write_in_order(self, row: Row) -> None:
        """Write a row's points to the first files in which they go forward."""
        step, wall_time, scalars = row
        left = {t: v for t, v in scalars.items() if not self._main.has(t, step, v)}
        for ordered in self._files():
            ordered.catch_up()
            fit = {tag: value for tag, value in left.items() if ordered.goes_forward(tag, step)}
            if fit:
                encoder = self._encoder(tuple(fit))
                record = as_record(_head(wall_time, step) + encoder.summary(fit.values()))
                ordered.append(record, encoder, step, fit)
                left = {tag: value for tag, value in left.items() if tag not in fit}
            if not left:
                return
        if not self._has_warned:
            self._has_warned = True
            warn_user(
                f"TensorBoard does not show all of {next(iter(left))!r}: its steps go back too "
                f"often, at {step} for example; {PROGRESS_CSV} has them all"
            )

    def _file_of_medium(self, tags: Sequence[str], step: int) -> OrderedFile:
        """The first file in which it hides nothing earlier; of one step the last one is shown."""
        if any(tag.startswith(_HPARAMS) for tag in tags):
            return self._main  # elsewhere they would be another trial's
        for ordered in self._files():
            if all(ordered.goes_forward(tag, step + 1) for tag in tags):
                return ordered
        return self._main

    def _files(self) -> Iterator[OrderedFile]:
        yield self._main
        for number in range(_MOST_ASIDES):
            if number == len(self._asides):
                self._asides.append(_open_aside(self.path, number + 1))
            yield self._asides[number]

    def _take_over(self, earlier: Sequence[Path], purge: Purge) -> None:
        """Say again what counts of that which TensorBoard forgets."""
        if purge.kept:
            records = _records_of(earlier, lambda e: e.step >= purge.step and purge.spares(e))
            for record in records:
                self._main.file.append(record)
        # What went back has no order by which it could be forgotten: there the files are replaced.
        for directory in aside_directories(self.path.parent):
            replaced = sorted(directory.glob(EVENT_FILES))
            if records := _records_of(replaced, purge.spares):
                new = directory / self.path.name
                replace_file(new, _beginning(0) + b"".join(records)).close()
            for path in replaced:
                with as_logging_error(path):
                    path.rename(path.with_name(path.name.replace("tfevents", "replaced")))


def _beginning(purge_from: int) -> bytes:
    """The first records of a file, with the mark from which TensorBoard's Python loader forgets.

    The first file has it, too, for the loader takes the first mark that it meets for no restart.
    """
    return _version() + as_record(_head(time.time(), purge_from) + _STARTED)


def _version() -> bytes:
    """The first record of a file."""
    return as_record(_head(time.time(), 0) + _VERSION)


def _earlier_files(path: Path) -> list[Path]:
    return sorted(other for other in path.parent.glob(EVENT_FILES) if other.name < path.name)


def _records_of(paths: Sequence[Path], counts: Callable[[Event], bool]) -> list[bytes]:
    return [*dict.fromkeys(r for path in paths for r in records_that_count(path, counts))]


def _open_aside(path: Path, number: int) -> OrderedFile:
    directory = path.parent / OUT_OF_ORDER_DIR / str(number)
    with as_logging_error(directory):
        refuse_others_below(path.parent, directory)
        directory.mkdir(parents=True, exist_ok=True)
    ordered = OrderedFile(directory / path.name, _version, keep=True)
    if not ordered.file.size():
        ordered.file.append(_beginning(0))
    return ordered


def aside_directories(run_dir: Path) -> list[Path]:
    """The directories of what goes back.

    Raises:
        LoggingError: one is a link, or all are in one: the files could be those of other runs.
    """
    directories = sorted(run_dir.glob(f"{OUT_OF_ORDER_DIR}/*"))
    for directory in (run_dir / OUT_OF_ORDER_DIR, *directories):
        with as_logging_error(directory):
            refuse_others_below(run_dir, directory)
    return directories


def new_event_file(directory: Path) -> Path:
    """A name for an event file that sorts behind all others there, as readers go by the names."""
    stamps = [_stamp(path.name) for path in directory.glob(EVENT_FILES)]
    stamp = max([int(time.time()), *(stamp + 1 for stamp in stamps)])
    name = f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}.0"
    return directory / f"{name}{EVENT_FILE_SUFFIX}"


def as_record(message: bytes) -> bytes:
    """A message as a TFRecord: its length and itself, each with a masked CRC-32C."""
    return _record_head(len(message)) + message + _crc(message)


@lru_cache(maxsize=1024)
def _record_head(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + _crc(packed)


def _crc(data: bytes) -> bytes:
    crc: int = google_crc32c.value(data)
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return _UINT32((rotated + 0xA282EAD8) & 0xFFFFFFFF)


class _Encoder:
    """Event.summary for one set of tags: all but the numbers is made once.

    A summary is a list of values; a value is a tag and, here, a 32-bit float.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        heads = [_value_head(tag) for tag in tags]
        size = sum(len(head) + 4 for head in heads)
        self._head = b"\x2a" + _varint(size)
        self._parts: list[Any] = [None] * (2 * len(heads))  # head, number, head, number, …
        self._parts[::2] = heads
        self._pack = struct.Struct("<" + "".join(f"{len(head)}sf" for head in heads)).pack

    def summary(self, numbers: Any) -> bytes:
        """The field for the numbers of one row, in the order of the tags."""
        self._parts[1::2] = numbers
        try:
            return self._head + self._pack(*self._parts)
        except (OverflowError, struct.error):  # beyond 32 bits
            self._parts[1::2] = map(_as_float32, numbers)
            return self._head + self._pack(*self._parts)


def _value_head(tag: str) -> bytes:
    name = tag.encode()
    tag_field = b"\x0a" + _varint(len(name)) + name
    # The last byte names the float that follows.
    return b"\x0a" + _varint(len(tag_field) + 5) + tag_field + b"\x15"


def _head(wall_time: float, step: int) -> bytes:
    """Event.wall_time and Event.step; protobuf leaves a step of 0 out."""
    if not step:
        return _TIME(9, wall_time)
    return _TIME(9, wall_time) + b"\x10" + _varint(step)


def _varint(number: int) -> bytes:
    if 0 <= number < 0x80:
        return bytes((number,))
    if 0 <= number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    number &= 0xFFFF_FFFF_FFFF_FFFF  # negative steps, as protobuf has them
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _as_float32(number: float) -> float:
    if -_MAX_FLOAT < number < _MAX_FLOAT:
        return float(number)
    return float(number) if number != number else float("inf" if number > 0 else "-inf")  # noqa: PLR0124 (NaN)


def _stamp(name: str) -> int:
    digits = name.split(".")[3]
    # Of more digits, as of no clock, names would become longer than any file's.
    return int(digits) if digits.isdecimal() and len(digits) <= _DIGITS else 0
