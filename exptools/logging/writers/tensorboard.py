"""TensorBoard event files: one event a row, written at once, without a queue or a thread.

Rows are put into protobuf's wire format by hand: the official messages take four times as long,
and importing them longer than all the rest of the logger. What is not a scalar goes through the
official messages. ``docs/benchmarks.md`` has the figures.
"""

from __future__ import annotations

import math
import os
import socket
import struct
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c

from exptools.logging.rows.row import Row
from exptools.logging.writers.append_file import AppendFile

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

_LOOK_EVERY = 1.0  # seconds, for a look whether the file is still there
_SHAPES = 256  # sets of tags whose encoding is remembered
_MAX_FLOAT = 3.4028235677973366e38  # from here on a 32-bit float is infinite

_TIME = struct.Struct("<Bd").pack  # Event.wall_time, behind its field's number
_UINT32 = struct.Struct("<I").pack

_VERSION = b"\x1a\x0dbrain.Event:2"  # Event.file_version
_STARTED = b"\x3a\x02\x08\x01"  # Event.session_log, of status START


class TensorBoardWriter:
    """Writes rows to an event file.

    TensorBoard keeps values as 32-bit floats: what these cannot hold is infinite there.

    Args:
        path: the file; see :func:`new_event_file`.
        keep: whether events that stand there stay, because another process writes there, too.
        purge_from: in a new file, the step from which on TensorBoard should forget what earlier
            files of the directory say; None forgets nothing.

    Raises:
        LoggingError: the file cannot be written.
    """

    def __init__(self, path: Path, *, keep: bool = False, purge_from: int | None = None) -> None:
        self.path = path
        self._file = AppendFile(path, keep=keep)
        self._encoders: dict[tuple[str, ...], _Encoder] = {}
        self._next_look = -math.inf  # on the monotonic clock, which nobody sets back
        if not keep:
            now = time.time()
            self._file.append(as_record(_head(now, 0) + _VERSION))
            if purge_from is not None:
                self._file.append(as_record(_head(now, purge_from) + _STARTED))

    def write(self, row: Row) -> None:
        """Add a row; the operating system has it when this returns.

        Raises:
            LoggingError: the row was not written; the events before it are as they were.
        """
        step, wall_time, scalars = row
        if time.monotonic() >= self._next_look:
            self.look()
        tags = tuple(scalars)
        encoder = self._encoders.get(tags)
        if encoder is None:
            if len(self._encoders) >= _SHAPES:
                self._encoders.clear()
            encoder = self._encoders[tags] = _Encoder(tags)
        self._file.append(as_record(_head(wall_time, step) + encoder.summary(scalars.values())))

    def write_summary(self, values: Sequence[Summary.Value], step: int, wall_time: float) -> None:
        """Add what is not a scalar, as TensorBoard's own messages say it.

        Raises:
            LoggingError: as :meth:`write`.
        """
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        self.look()
        event = Event(wall_time=wall_time, step=step, summary=Summary(value=values))
        self._file.append(as_record(event.SerializeToString()))

    def look(self) -> None:
        """See whether the file is still there: writing to a deleted one succeeds.

        Raises:
            LoggingError: it is not.
        """
        self._file.is_in_place()
        self._next_look = time.monotonic() + _LOOK_EVERY

    def close(self) -> None:
        """Close the file; nothing is pending."""
        self._file.close()


def new_event_file(directory: Path) -> Path:
    """A name for an event file that sorts behind all others there, as readers go by the names."""
    stamps = [_stamp(path.name) for path in directory.glob("events.out.tfevents.*")]
    stamp = max([int(time.time()), *(stamp + 1 for stamp in stamps)])
    name = f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}.0"
    return directory / name


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
    return int(digits) if digits.isdecimal() else 0
