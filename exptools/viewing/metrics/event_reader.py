"""Read the scalars of TensorBoard's event files.

The messages are TensorBoard's own; the records around them are read here, because TensorBoard's
readers take four to eight times as long, and its data server cannot say where a file is broken.
Values are 32-bit floats mostly: what stands in the file is shown, not what was meant.

Of files in one directory the later ones continue the earlier. Where a later one begins with
TensorBoard's mark of a restart (a SessionLog START at a step), it replaces the values from that
step on, as TensorBoard shows it.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exptools.plain_files import open_plain
from exptools.rundir import PROGRESS_CSV
from exptools.viewing.messages import FEW, has_too_many_parts
from exptools.viewing.metrics.crc32c import masked_checksums
from exptools.viewing.metrics.logged_rows import LoggedRows, Points, as_rows, contents
from exptools.viewing.run import Fault

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

_LENGTH = struct.Struct("<QI")  # of the message, and the length's own checksum
_CHECKSUM = 4  # bytes
_OUR_HEAD = 52 + 32  # bytes: the version, and the mark of a start right behind it
_SCALARS = "scalars"  # the plugin whose tensors are scalars
_MOST_SIZES = 32  # of a tensor's shape: NumPy has arrays of no more

Positions = NDArray[np.int64]  # bytes from the beginning of a file


def read_events(files: Sequence[Path]) -> LoggedRows:
    """The scalars of a run's event files, the earliest first, as rows by step.

    A file is read up to its first broken record: what follows one cannot be found. That is a fault,
    except where the last record is only unfinished, as in a file that is being written to.
    """
    scalars = _Scalars()
    faults: list[Fault] = []
    for file, content in contents(files, faults):
        broken, swollen = _read_file(content, scalars)
        if swollen:
            reason = f"{swollen} of its events have more than {FEW:,} values; left out"
            faults.append(Fault(file, None, reason))
        if broken is not None:
            reason = f"the record at byte {broken} is broken; left out with all after it"
            faults.append(Fault(file, None, reason))
    return as_rows(scalars.points(), faults)


def repeats_our_csv(file: Path) -> bool:
    """Whether our logger wrote a file beside its CSV: older versions gave it no name of its own.

    Raises:
        OSError: it cannot be read.
    """
    if not (file.parent / PROGRESS_CSV).exists():
        return False
    with open(file, "rb", buffering=0, opener=open_plain) as raw:
        head = raw.read(_OUR_HEAD) or b""
    version, started = head[21:36], head[52:]  # behind a record's head, time, and checksum
    return version == b"\x1a\x0dbrain.Event:2" and b"\x3a\x02\x08\x01" in started


def _read_file(content: bytes, scalars: _Scalars) -> tuple[int | None, int]:
    """Take the scalars of a file.

    Returns:
        The position of the first broken record, None if none is; and how many events have too many
        values to be read.
    """
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    begins, lengths = _records(content)
    whole, swollen = _count_whole(content, begins, lengths), 0
    for begin, length in zip(begins[:whole].tolist(), lengths[:whole].tolist(), strict=True):
        if has_too_many_parts(content, begin, begin + length):
            swollen += 1
            continue
        try:
            event = Event.FromString(content[begin : begin + length])
        except DecodeError:
            return int(begin), swollen
        scalars.add(event)
    if whole < len(begins):
        return int(begins[whole]), swollen
    end = int(begins[-1] + lengths[-1]) + _CHECKSUM if whole else 0
    return end if _is_broken_header(content[end : end + _LENGTH.size]) else None, swollen


def _records(content: bytes) -> tuple[Positions, Positions]:
    """Where the messages begin, and their lengths: up to the first that is not all there."""
    begins, lengths = array("q"), array("q")
    position, size = 0, len(content)
    while position + _LENGTH.size <= size:
        length, _ = _LENGTH.unpack_from(content, position)
        begin = position + _LENGTH.size
        if not length:  # there is no such event: nothing was written here, or something else
            break
        position = begin + length + _CHECKSUM
        if position > size:
            break
        begins.append(begin)
        lengths.append(length)
    return np.array(begins, np.int64), np.array(lengths, np.int64)


def _count_whole(content: bytes, begins: Positions, lengths: Positions) -> int:
    """How many records come before the first of which a checksum is wrong."""
    data = np.frombuffer(content, np.uint8)
    headers = masked_checksums(data, begins - _LENGTH.size, np.full_like(lengths, 8))
    wrong = headers != _stored(data, begins - _CHECKSUM)
    wrong |= masked_checksums(data, begins, lengths) != _stored(data, begins + lengths)
    return int(wrong.argmax()) if wrong.any() else len(begins)


def _stored(data: NDArray[np.uint8], positions: Positions) -> NDArray[np.uint32]:
    bytes_ = np.ascontiguousarray(data[positions[:, None] + np.arange(_CHECKSUM)])
    return bytes_.view("<u4")[:, 0]


def _is_broken_header(header: bytes) -> bool:
    if len(header) < _LENGTH.size:
        return False  # it is just being written
    data = np.frombuffer(header, np.uint8)
    checksum = masked_checksums(data, np.array([0]), np.array([8]))
    return bool(checksum[0] != _LENGTH.unpack(header)[1])


class _Scalars:
    """Values by tag, in the order in which they stand in the files."""

    def __init__(self) -> None:
        # Event, step, time and value, one after the other: as tuples they take five times as much.
        self._rows: dict[str, array[float]] = {}
        self._scalar_tags: set[str] = set()
        self._restarts: list[tuple[int, int]] = []  # event, step
        self._events = 0

    def add(self, event: Event) -> None:
        """Take an event's scalars, or the mark of a restart."""
        self._events += 1
        step, wall_time = event.step, event.wall_time
        for value in event.summary.value:
            number = value.simple_value if value.HasField("simple_value") else self._tensor(value)
            if number is not None:
                row = self._events, step, wall_time, number
                self._rows.setdefault(value.tag, array("d")).extend(row)
        if event.HasField("session_log") and event.session_log.status == event.session_log.START:
            self._restarts.append((self._events, step))

    def points(self) -> dict[str, Points]:
        """The values by tag, without those that a restart has replaced."""
        points = {}
        at, smallest = self._replaced_from()
        for tag, rows in self._rows.items():
            events, steps, walls, values = np.frombuffer(rows, np.float64).reshape(-1, 4).T
            kept = steps < smallest[np.searchsorted(at, events)]
            if kept.any():
                points[tag] = Points(steps[kept], walls[kept], values[kept])
        return points

    def _replaced_from(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The restarts' events, and the smallest step of each and those after; inf at the end."""
        restarts = np.array([*self._restarts, (self._events + 1, np.inf)], np.float64)
        return restarts[:, 0], np.minimum.accumulate(restarts[::-1, 1])[::-1]

    def _tensor(self, value: Summary.Value) -> float | None:
        if value.metadata.plugin_data.plugin_name == _SCALARS:
            self._scalar_tags.add(value.tag)  # only a tag's first value says so
        if not value.HasField("tensor") or value.tag not in self._scalar_tags:
            return None
        if len(value.tensor.float_val) == 1:
            return float(value.tensor.float_val[0])
        sizes = value.tensor.tensor_shape.dim
        if len(sizes) > _MOST_SIZES or any(size.size != 1 for size in sizes):
            return None  # before it is made: of one number a few bytes may ask for any amount
        from tensorboard.util.tensor_util import make_ndarray

        return float(make_ndarray(value.tensor).reshape(-1)[0])
