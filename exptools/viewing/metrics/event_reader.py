"""Read the scalars of TensorBoard's event files.

The messages are TensorBoard's own; the records around them are read here, because TensorBoard's
readers take four to eight times as long, and its data server cannot say where a file is broken.
Checksums are looked at for all records at once. Values are 32-bit floats mostly: what stands in the
file is shown, not what was meant.

Of files in one directory the later ones continue the earlier. Where a later one begins with
TensorBoard's mark of a restart (a SessionLog START at a step), it replaces the values from that
step on, as TensorBoard shows it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exptools.rundir import read_regular
from exptools.viewing.metrics.logged_rows import MAX_BYTES, Points, Progress, as_rows
from exptools.viewing.run import Fault

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

_LENGTH = struct.Struct("<QI")  # of the message, and the length's own checksum
_CHECKSUM = struct.Struct("<I")
_SCALARS = "scalars"  # the plugin whose tensors are scalars


class _Record(NamedTuple):
    begin: int  # where the message stands in the file
    end: int


class _Scalars:
    """Values by tag, in the order in which they stand in the files."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[int, float, float]]] = {}
        self._scalar_tags: set[str] = set()

    def add(self, event: Event) -> None:
        """Take an event's scalars; at the mark of a restart, drop what it replaces."""
        step, wall_time = event.step, event.wall_time
        for value in event.summary.value:
            number = value.simple_value if value.HasField("simple_value") else self._tensor(value)
            if number is not None:
                self._rows.setdefault(value.tag, []).append((step, wall_time, number))
        if event.HasField("session_log") and event.session_log.status == event.session_log.START:
            self._purge(event.step)

    def points(self) -> dict[str, Points]:
        """The values, by tag."""
        return {
            tag: Points(*np.array(rows, np.float64).T) for tag, rows in self._rows.items() if rows
        }

    def _purge(self, step: int) -> None:
        for tag, rows in self._rows.items():
            self._rows[tag] = [row for row in rows if row[0] < step]

    def _tensor(self, value: Summary.Value) -> float | None:
        if value.metadata.plugin_data.plugin_name == _SCALARS:
            self._scalar_tags.add(value.tag)  # only a tag's first value says so
        if not value.HasField("tensor") or value.tag not in self._scalar_tags:
            return None
        if len(value.tensor.float_val) == 1:
            return float(value.tensor.float_val[0])
        from tensorboard.util.tensor_util import make_ndarray

        array = make_ndarray(value.tensor)
        return float(array.reshape(-1)[0]) if array.size == 1 else None


def read_events(files: Sequence[Path]) -> Progress:
    """The scalars of a run's event files, the earliest first, as rows by step.

    A file is read up to its first broken record: what follows one cannot be found. That is a fault,
    except where the last record is only unfinished, as in a file that is being written to.
    """
    scalars = _Scalars()
    faults: list[Fault] = []
    for file in files:
        try:
            content = read_regular(file, MAX_BYTES)
        except OSError as error:
            faults.append(Fault(file, None, f"cannot be read: {error.strerror}"))
            continue
        faults += _read_file(content, file, scalars)
    return as_rows(scalars.points(), faults)


def _read_file(content: bytes, file: Path, scalars: _Scalars) -> list[Fault]:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    records = list(_records(content))
    whole = records[-1].end + _CHECKSUM.size if records else 0
    sound = _sound(content, records)
    for record in records[:sound]:
        try:
            event = Event.FromString(content[record.begin : record.end])
        except DecodeError:
            return [_broken(file, record.begin)]
        scalars.add(event)
    if sound < len(records):
        return [_broken(file, records[sound].begin)]
    header = content[whole : whole + _LENGTH.size]
    if len(header) == _LENGTH.size and not _is_length(header):
        return [_broken(file, whole)]
    return []


def _broken(file: Path, position: int) -> Fault:
    return Fault(file, None, f"the record at byte {position} is broken; left out with all after it")


def _records(content: bytes) -> Iterator[_Record]:
    """The records that are all there, up to the first length that cannot be one."""
    position, size = 0, len(content)
    while position + _LENGTH.size <= size:
        length, _ = _LENGTH.unpack_from(content, position)
        begin = position + _LENGTH.size
        end = begin + length
        if end + _CHECKSUM.size > size:
            return
        yield _Record(begin, end)
        position = end + _CHECKSUM.size


def _is_length(header: bytes) -> bool:
    stored = np.array([_LENGTH.unpack(header)[1]], np.uint32)
    return bool(_masked(_crc(np.frombuffer(header[:8], np.uint8)[None, :])) == stored)


def _sound(content: bytes, records: Sequence[_Record]) -> int:
    """How many records come before the first whose checksum is wrong."""
    data = np.frombuffer(content, np.uint8)
    begins = np.array([record.begin for record in records], np.int64)
    lengths = np.array([record.end - record.begin for record in records], np.int64)
    first_bad = len(records)
    for starts, sizes in ((begins - _LENGTH.size, np.full(len(records), 8)), (begins, lengths)):
        for size in np.unique(sizes):
            of_size = np.flatnonzero(sizes == size)
            bytes_ = data[starts[of_size, None] + np.arange(size)]
            stored_at = starts[of_size, None] + size + np.arange(4)
            stored = np.ascontiguousarray(data[stored_at]).view("<u4")[:, 0]
            bad = of_size[_masked(_crc(bytes_)) != stored]
            first_bad = min(first_bad, int(bad[0])) if len(bad) else first_bad
    return first_bad


def _crc(messages: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """CRC-32C of messages of one length, a row each."""
    crc = np.full(len(messages), 0xFFFFFFFF, np.uint32)
    for column in np.ascontiguousarray(messages.T):
        crc = _TABLE[(crc ^ column) & 0xFF] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)


def _masked(crc: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """As records store it."""
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(0xA282EAD8)


def _table() -> NDArray[np.uint32]:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, crc >> np.uint32(1) ^ np.uint32(0x82F63B78), crc >> np.uint32(1))
    return crc.astype(np.uint32)


_TABLE = _table()
