"""A running job in one number: its last logged step, and the metric that tells how good it is."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exptools.metrics import default_metric
from exptools.plain_files import open_plain
from exptools.rundir import PROGRESS_CSV, STEP, WALL_TIME

_TAIL = 64 * 1024  # bytes read from the end: hundreds of rows, of which the last ones are wanted
_LONGEST_HEADER = 2**20  # bytes: a quote that never ends would make a header of the whole file


@dataclass(frozen=True)
class Headline:
    """What the newest rows of a ``progress.csv`` say."""

    step: float | None = None
    metric: str | None = None
    value: float | None = None  # the metric's newest, perhaps of an earlier row than the step


@dataclass(frozen=True)
class _Version:
    """Tells whether a file is still as it was."""

    inode: int
    size: int  # bytes
    changed: int  # ns


class HeadlineReader:
    """Follows a run's ``progress.csv`` by its last bytes, however long it grows."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / PROGRESS_CSV
        self._version: _Version | None = None
        self._header = b""
        self._names: list[str] = []  # of the columns
        self._headline = Headline()

    def read(self) -> Headline:
        """The newest headline; an empty one where nothing was logged or can be read."""
        try:
            fd = open_plain(self._path, os.O_RDONLY)
        except OSError:
            return self._headline
        try:
            self._update(fd)
        except (OSError, csv.Error):
            return self._headline  # a later read may be luckier; the file is the user's to repair
        finally:
            os.close(fd)
        return self._headline

    def _update(self, fd: int) -> None:
        stat = os.fstat(fd)
        version, before = _Version(stat.st_ino, stat.st_size, stat.st_mtime_ns), self._version
        if version == before:
            return
        if before is None or before.inode != version.inode or version.size < before.size:
            self._headline = Headline()  # another attempt's value must not stand here
        # A new column makes a new file, whose inode may be that of the file before the last.
        if not self._header or os.pread(fd, len(self._header), 0) != self._header:
            self._header, self._names = _read_header(fd)
        self._headline = self._newest(_rows_backwards(fd, len(self._header), version.size))
        self._version = version

    def _newest(self, rows: Iterator[list[str]]) -> Headline:
        metric = default_metric([name for name in self._names if name not in (STEP, WALL_TIME)])
        step = value = None
        for cells in rows:
            if len(cells) != len(self._names):
                continue
            if step is None and STEP in self._names:
                step = _number(cells[self._names.index(STEP)])
            value = _number(cells[self._names.index(metric)]) if metric else None
            if value is not None or metric is None:
                break
        kept = self._headline.value if self._headline.metric == metric else None
        return Headline(step, metric, kept if value is None else value)


def _read_header(fd: int) -> tuple[bytes, list[str]]:
    """The header and its columns' names; nothing while it is not whole."""
    content, end, quotes = b"", 0, 0
    while not end or quotes % 2:  # a quoted name may have newlines in it
        newline = content.find(b"\n", end)
        if newline >= 0:
            quotes += content.count(b'"', end, newline)
            end = newline + 1
        elif len(content) < _LONGEST_HEADER and (more := os.pread(fd, _TAIL, len(content))):
            content += more
        else:
            return b"", []
    text = io.StringIO(content[:end].decode(errors="replace"), newline="")
    return content[:end], next(csv.reader(text))


def _rows_backwards(fd: int, body: int, size: int) -> Iterator[list[str]]:
    """The cells of the file's last whole rows, the last first; a torn last line is left out."""
    tail = max(_TAIL, 4 * body)  # a row is about as long as the header
    start = max(body, size - tail)
    rows = os.pread(fd, size - start, start).split(b"\n")[:-1]
    if start > body:
        del rows[:1]  # its beginning was not read
    return (row.decode(errors="replace").strip("\r").split(",") for row in reversed(rows))


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
