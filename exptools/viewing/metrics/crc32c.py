"""The checksums of very many short messages, or of some long ones, in time linear in their bytes.

CRC-32C as TFRecord files store it, computed by NumPy a column at a time. Two facts make this work
for any mix of lengths. A register of zeros stays so while it is fed zeros, so that messages can be
padded on the left to a common length. And what ``ROW`` more bytes do to a register is linear in its
bits, so that a long message can be cut into rows whose registers are put together at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Registers = NDArray[np.uint32]

ROW = 1024  # bytes; longer messages are cut into so many
BATCH = 2**22  # bytes that are looked at at once
_PAD = 4  # bytes: messages are padded to a multiple, so that there are few different lengths
# Fed to a register of zeros it becomes all ones, with which CRC-32C starts.
_START = np.frombuffer(b"Td\x1fd", np.uint8)


def masked_checksums(data: NDArray[np.uint8], begins: Indices, lengths: Indices) -> Registers:
    """The checksum of each of these parts of ``data``, masked as a record stores it."""
    rows, beginning = np.divmod(lengths, ROW)
    registers = np.empty(len(begins), np.uint32)
    widths = -(-(beginning + len(_START)) // _PAD) * _PAD
    for width in np.unique(widths).tolist():
        for part in _batches(np.flatnonzero(widths == width), width):
            padded = _padded(data, begins[part] + beginning[part], beginning[part], width)
            registers[part] = _registers(padded)
    long = np.flatnonzero(rows)
    first_rows = begins[long] + beginning[long]
    of_rows = iter(_row_registers(data, first_rows, rows[long]).tolist())
    for at, number in zip(long.tolist(), rows[long].tolist(), strict=True):
        registers[at] = _continued(int(registers[at]), islice(of_rows, number))
    crc = ~registers
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(0xA282EAD8)


def _batches(positions: Indices, width: int) -> Iterator[Indices]:
    step = BATCH // width
    return (positions[at : at + step] for at in range(0, len(positions), step))


def _padded(
    data: NDArray[np.uint8], ends: Indices, lengths: Indices, width: int
) -> NDArray[np.uint8]:
    """Messages as rows of one width: zeros, the start, the message."""
    rows: NDArray[np.uint8] = data[np.maximum(ends[:, None] - width + np.arange(width), 0)]
    starts = width - lengths - len(_START)
    if starts.any():
        rows[np.arange(width) < starts[:, None]] = 0  # what stands before is not the message's own
    rows[np.arange(len(rows))[:, None], starts[:, None] + np.arange(len(_START))] = _START
    return rows


def _registers(rows: NDArray[np.uint8]) -> Registers:
    """The register after each row, from zero at its beginning."""
    register = np.zeros(len(rows), np.uint32)
    for column in np.ascontiguousarray(rows.T):
        register = _TABLE[(register ^ column) & 0xFF] ^ (register >> np.uint32(8))
    return register


def _row_registers(data: NDArray[np.uint8], first: Indices, numbers: Indices) -> Registers:
    """The registers of so many whole rows from each of the positions in ``first``, in order."""
    before = np.repeat(np.cumsum(numbers) - numbers, numbers)
    begins = np.repeat(first, numbers) + ROW * (np.arange(numbers.sum()) - before)
    parts = [_registers(data[part[:, None] + np.arange(ROW)]) for part in _batches(begins, ROW)]
    return np.concatenate([*parts, np.empty(0, np.uint32)])


def _continued(register: int, of_rows: Iterable[int]) -> int:
    """A register after some rows that it is fed, from what each row makes of zero."""
    first, second, third, fourth = _after_a_row()
    for of_row in of_rows:
        low, high = first[register & 0xFF], second[register >> 8 & 0xFF]
        register = low ^ high ^ third[register >> 16 & 0xFF] ^ fourth[register >> 24] ^ of_row
    return register


@cache
def _after_a_row() -> list[list[int]]:
    """What a row of zeros makes of a register, for each value of each of its bytes."""
    shifts = np.array([[0], [8], [16], [24]], np.uint32)
    register = np.arange(256, dtype=np.uint32) << shifts
    for _ in range(ROW):
        register = _TABLE[register & 0xFF] ^ (register >> np.uint32(8))
    tables: list[list[int]] = register.tolist()
    return tables


def _table() -> Registers:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, crc >> np.uint32(1) ^ np.uint32(0x82F63B78), crc >> np.uint32(1))
    return crc.astype(np.uint32)


_TABLE = _table()
