"""What a browser would have to hold of an image, by its file: which may claim anything.

A PNG of a few bytes may claim to be a wall of pixels, and a GIF of a few kilobytes may have
thousands of them, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

MAX_FILE = 2**25  # bytes in which frames are counted; a larger one is sent as a download anyway
_PNG, _GIFS = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_SCREEN, _DESCRIPTOR = 13, 10  # bytes: of a GIF before its colours, and of each frame before its
_EXTENSION, _FRAME = 0x21, 0x2C  # how blocks begin
_MOST_CHUNKS = 1000  # before the pixels of a PNG


@dataclass(frozen=True)
class ImageSize:
    """How large an image is; of frames that differ the largest counts."""

    width: int  # px
    height: int
    frames: int = 1

    @property
    def pixels(self) -> int:
        """Those of all frames."""
        return self.width * self.height * self.frames


def image_size(file: BinaryIO) -> ImageSize | None:
    """How large a PNG or GIF is, None where it is neither."""
    head = file.read(24)
    if head[:8] == _PNG and len(head) == 24:
        width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
        frames = _frames_of_png(file)
        return None if frames is None else ImageSize(width, height, frames)
    if head[:6] in _GIFS and len(head) >= _SCREEN:
        return _size_of_gif(head + file.read(MAX_FILE))
    return None


def _frames_of_png(file: BinaryIO) -> int | None:
    """How many frames an animated PNG says that it has, which it does before its pixels.

    None where so much else comes before these that it is no picture.
    """
    position = len(_PNG)
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        head = file.read(12)  # length and kind of a chunk, and the first number in it
        if len(head) < 12 or head[4:8] == b"IDAT":
            return 1
        if head[4:8] == b"acTL":
            return max(1, int.from_bytes(head[8:], "big"))
        position += 12 + int.from_bytes(head[:4], "big")
    return None


def _size_of_gif(content: bytes) -> ImageSize:
    """The size of its screen, or of a frame that is larger, and how many frames there are."""
    width, height = _number(content, 6), _number(content, 8)
    frames, position = 0, _SCREEN + _colors(content[10])
    while position < len(content):
        kind = content[position]
        if kind == _FRAME and position + _DESCRIPTOR <= len(content):
            left, top, wide, high = (_number(content, position + at) for at in (1, 3, 5, 7))
            width, height, frames = max(width, left + wide), max(height, top + high), frames + 1
            position += _DESCRIPTOR + _colors(content[position + 9]) + 1  # how it is coded
        elif kind == _EXTENSION:
            position += 2
        else:
            break
        while position < len(content) and content[position]:  # pieces, each with its length
            position += content[position] + 1
        position += 1
    return ImageSize(width, height, max(frames, 1))


def _number(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 2], "little")


def _colors(flags: int) -> int:
    """Bytes of a table of colours; 0 where there is none."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
