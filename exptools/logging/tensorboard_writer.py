"""TensorBoard event files: one event a row, written at once, without a queue or a thread.

The messages are TensorBoard's own. Its record writer is not used: importing it takes several
times as long as the messages (it brings NumPy and TensorFlow's stand-in along).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from exptools.logging.append_file import AppendFile, first_free
from exptools.logging.rows import Row

_CASTAGNOLI = 0x82F63B78  # CRC-32C's polynomial, lowest bit first


class TensorBoardWriter:
    """Writes rows to a new event file in the directory, beside those that are there.

    TensorBoard keeps values as 32-bit floats: what these cannot hold is infinite there.

    Raises:
        LoggingError: the file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        now = time.time()
        stem = f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}"
        self.path = first_free(lambda n: directory / f"{stem}.{n}", start=0)
        self._file = AppendFile(self.path)
        self._add(Event(wall_time=now, file_version="brain.Event:2"))

    def write(self, row: Row) -> None:
        """Add a row; the operating system has it when this returns.

        Raises:
            LoggingError: the row was not written; the events before it are as they were.
        """
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in row.scalars.items()]
        self._add(Event(wall_time=row.wall_time, step=row.step, summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file; nothing is pending."""
        self._file.close()

    def _add(self, event: Event) -> None:
        self._file.append(framed(event.SerializeToString()))


def framed(message: bytes) -> bytes:
    """The message as a TFRecord: its length and itself, each with a masked CRC-32C."""
    length = struct.pack("<Q", len(message))
    return length + _crc(length) + message + _crc(message)


def _crc(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_CASTAGNOLI if byte & 1 else 0)
    return byte


_CRC_TABLE = tuple(_crc_of_byte(byte) for byte in range(256))
