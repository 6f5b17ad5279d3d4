"""Read logs that may be of any size and hold anything: a window of bytes at a time.

A window begins and ends with whole lines, so that following a log is to read on from where the last
window ended. What stands behind the last line's end is its ``rest``: a progress bar, or a line that
is just being written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import BinaryIO

from exptools.visible import visible_lines

WINDOW = 200 * 2**10  # bytes
CONTEXT = 20_000  # bytes before an error
MAX_SEARCH = 64 * 2**20  # bytes from the end in which an error is looked for
_NEAR_END = 8 * 2**20  # bytes from the end in which a line that complains is: a slow search
OVERLAP = 1000  # bytes of the block behind; of what the status says so much is looked for
_BLOCK = 2**20

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TRACEBACK = b"Traceback (most recent call last)"
_COMPLAINT = re.compile(
    rb"(?:Error|Exception|ERROR|FATAL|CRITICAL|Segmentation fault|core dumped|Aborted)\b|error: "
)


@dataclass(frozen=True)
class Window:
    """A part of a log, as plain text."""

    start: int  # byte at which ``text`` begins
    end: int  # byte at which ``rest`` begins
    size: int  # bytes of the whole file
    inode: int  # another one, another file
    text: str  # whole lines
    rest: str  # of a line without its end
    last: bool  # whether it reaches the end of the file


def tail(file: BinaryIO, limit: int = WINDOW) -> Window:
    """The last lines of a log."""
    log = _Log(file)
    return log.window(max(0, log.size - limit), log.size)


def after(file: BinaryIO, last: tuple[int, int], limit: int = WINDOW) -> Window | None:
    """What follows a window of this ``end`` and ``inode``; None where the tail is to be read anew.

    So it is for a log that was replaced or cut, or that has grown by more than ``limit``.
    """
    end, inode = last
    log = _Log(file)
    if log.inode != inode or not end <= log.size <= end + limit:
        return None
    return log.window(end, log.size, whole=True)


def before(file: BinaryIO, start: int, limit: int = WINDOW) -> Window:
    """The lines that stand before a window."""
    log = _Log(file)
    start = min(start, log.size)
    return log.window(max(0, start - limit), start)


def around(file: BinaryIO, offset: int, limit: int = WINDOW) -> Window:
    """Some lines before a place, and those after it."""
    log = _Log(file)
    start = max(0, offset - CONTEXT)
    return log.window(start, min(start + limit, log.size))


def find_error(file: BinaryIO, said: str | None = None) -> int | None:
    """Where the error that ended the run stands: the byte at which its line begins.

    That is the last traceback; where there is none, the last line with ``said``, which the run's
    status says of its error, or else the last one that complains.
    """
    places: dict[int, int] = {}  # by rank, the smallest tells best
    log = _Log(file)
    for at, block in log.blocks_from_the_end():
        far = {2} if log.size - at > _NEAR_END else set()
        for rank, place in _errors(block, said, far | places.keys()):
            places[rank] = at + place
        if 0 in places:
            break
    return places[min(places)] if places else None


def error_line(text: str, said: str | None = None) -> tuple[str, str, str] | None:
    """A window's text divided at the line of its error: before, that line, behind."""
    content = text.encode()
    places = dict(_errors(content, said, set()))
    if not places:
        return None
    start = places[min(places)]
    end = content.find(b"\n", start)
    end = len(content) if end < 0 else end
    before_, line, behind = content[:start], content[start:end], content[end:]
    return before_.decode(), line.decode(), behind.decode()


def _errors(content: bytes, said: str | None, without: Set[int]) -> Iterator[tuple[int, int]]:
    """Where the line of the last error begins, by the rank of what tells it."""
    literal = (said or "").strip().encode(errors="replace")[:OVERLAP]
    complaints = () if 2 in without else _COMPLAINT.finditer(content)
    places = (
        content.rfind(_TRACEBACK),
        content.rfind(literal) if literal else -1,
        max((complaint.start() for complaint in complaints), default=-1),
    )
    for rank, place in enumerate(places):
        if rank not in without and place >= 0:
            yield rank, content.rfind(b"\n", 0, place) + 1


def plain(content: bytes) -> str:
    """The text that a terminal would leave: without colours, overwritten lines, control codes."""
    text = _ESCAPES.sub("", content.decode(errors="replace"))
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return visible_lines(_CONTROLS.sub("", "\n".join(lines)))


class _Log:
    """An open log."""

    def __init__(self, file: BinaryIO) -> None:
        stat = os.fstat(file.fileno())
        self._file, self.size, self.inode = file, stat.st_size, stat.st_ino

    def window(self, start: int, end: int, *, whole: bool = False) -> Window:
        """The lines between two places; ``whole`` where the first of them begins at ``start``."""
        content = self._read(start, end)
        if start > 0 and not whole and self._read(start - 1, start) != b"\n":
            skipped = content.find(b"\n") + 1  # 0: one line without an end, shown as it is
            start, content = start + skipped, content[skipped:]
        cut = content.rfind(b"\n") + 1
        if len(content) - cut >= WINDOW:
            cut = len(content)  # such a line is shown in parts
        text, rest = plain(content[:cut]), plain(content[cut:])
        at = start + cut
        return Window(start, at, self.size, self.inode, text, rest, end == self.size)

    def blocks_from_the_end(self) -> Iterator[tuple[int, bytes]]:
        """Blocks and where they begin, the last first; each overlaps the one before."""
        end, stop = self.size, max(0, self.size - MAX_SEARCH)
        while end > stop:
            start = max(stop, end - _BLOCK)
            yield start, self._read(start, min(end + OVERLAP, self.size))
            end = start

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        return self._file.read(max(0, end - start))
