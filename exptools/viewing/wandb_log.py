"""The records of W&B's transaction log, ``run-<id>.wandb``: all that a run has sent, or would have.

It is a log as LevelDB writes it: blocks of 32 KiB, in them fragments of records, each fragment with
a checksum. A record is a protocol buffer; of W&B's messages only what the viewer shows is named
here, and the rest of a record is passed over.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from exptools.viewing.messages import has_too_many_parts

MAX_PARTS = 100  # of the name of a nested item
BLOCK = 2**15  # bytes
_MAGIC = b":W&B\xe1\xbe"  # then a byte for the version
HEADER = len(_MAGIC) + 1  # bytes
_FRAGMENT = struct.Struct("<IHB")  # checksum, length, and which part of a record it is
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4

# Of each message: field → number and type; "*" marks what may stand more than once.
_MESSAGES = {
    "Time": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    "Timed": {"timestamp": (2, "Time")},
    "Item": {"key": (1, "bytes"), "nested_key": (2, "bytes*"), "value_json": (16, "bytes")},
    "Step": {"num": (1, "int64")},
    "History": {"item": (1, "Item*"), "step": (2, "Step")},
    "Config": {"update": (1, "Item*"), "remove": (2, "Item*")},
    "Run": {
        **{"project": (3, "bytes"), "config": (4, "Config"), "display_name": (8, "bytes")},
        **{"host": (13, "bytes"), "start_time": (17, "Time")},
    },
    "Exit": {"exit_code": (1, "int32")},
    "Record": {
        **{"history": (2, "History"), "config": (5, "Config"), "stats": (7, "Timed")},
        **{"output_raw": (13, "Timed"), "run": (17, "Run"), "exit": (18, "Exit")},
    },
}


class BrokenRecord(ValueError):
    """What stands at ``position``, in bytes, is no record; what follows it cannot be trusted."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the record at byte {position} is broken; left out with all after it")
        self.position = position


def read_log(content: bytes) -> Iterator[Any]:
    """The records of a log from its beginning; an unfinished last one is left out.

    Raises:
        BrokenRecord: it is no log of W&B's, or what follows has another checksum than it should.
    """
    if not content.startswith(_MAGIC):
        if _MAGIC.startswith(content[: len(_MAGIC)]):
            return iter(())  # it has just been made
        raise BrokenRecord(0)
    return _parse(content, HEADER)


def read_end(content: bytes) -> Iterator[Any]:
    """The records that begin in the end of a log; ``content`` begins where a block does."""
    return _parse(content, 0)


def path_of(item: Any) -> tuple[str, ...]:
    """The name of an item; of a value within a dict the names from without to within.

    Of more than ``MAX_PARTS``, as W&B itself never writes, the first ones.
    """
    parts = item.nested_key[:MAX_PARTS] or (item.key,)
    return tuple(part.decode(errors="replace") for part in parts)


def seconds_of(time: Any) -> float:
    """Unix seconds of a message ``Time``."""
    return float(time.seconds + time.nanos / 1e9)


def _parse(content: bytes, begin: int) -> Iterator[Any]:
    from google.protobuf.message import DecodeError

    record = _record_class()
    for position, message in _messages(content, begin):
        if has_too_many_parts(message, 0, len(message)):
            raise BrokenRecord(position)
        try:
            yield record.FromString(message)
        except DecodeError as error:
            raise BrokenRecord(position) from error


def _messages(content: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Where each whole record begins, and its bytes."""
    view, parts, first = memoryview(content), list[bytes](), position
    while position + _FRAGMENT.size <= len(content):
        left = BLOCK - position % BLOCK
        if left < _FRAGMENT.size:  # nothing is begun in the last few bytes of a block
            position += left
            continue
        checksum, length, kind = _FRAGMENT.unpack_from(content, position)
        begin = position + _FRAGMENT.size
        if begin + length > len(content) or not any(view[position:begin]):
            return  # it is just being written, or its place was only reserved
        of_kind = begin - 1  # the checksum is of the kind and of what follows it
        if _FRAGMENT.size + length > left or zlib.crc32(view[of_kind : begin + length]) != checksum:
            raise BrokenRecord(position)
        if kind in (_WHOLE, _FIRST):
            parts, first = [], position
        if kind in (_WHOLE, _FIRST) or parts:  # else the end of what began before this content
            parts.append(content[begin : begin + length])
        if kind in (_WHOLE, _LAST) and parts:
            yield first, b"".join(parts)
            parts = []
        position = begin + length


@cache
def _record_class() -> Any:
    """The class of a record, which protobuf makes of ``_MESSAGES``."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="wandb_log.proto", package="wandb_log")
    types = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, type_) in fields.items():
            plain = type_.rstrip("*")
            label = types.LABEL_OPTIONAL if plain == type_ else types.LABEL_REPEATED
            added = message.field.add(name=field, number=number, label=label)
            if plain in _MESSAGES:
                added.type, added.type_name = types.TYPE_MESSAGE, f".wandb_log.{plain}"
            else:
                added.type = types.Type.Value(f"TYPE_{plain.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("wandb_log.Record")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)  # protobuf before 4.22
