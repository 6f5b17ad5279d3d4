"""What a run has logged besides scalars, as ``media/index.jsonl`` tells it.

The index grows a line at a time, so it is read on from where it was read to. Whoever wrote a run
may have written anything into it: a line that is not as docs/run-directory.md says is counted and
left out, and whether a path may be followed is for the caller to decide.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from exptools.plain_json import parse_json
from exptools.viewing.configs import safe_json
from exptools.viewing.run import natural_key
from exptools.viewing.run_files.directory import read_limited
from exptools.visible import visible_lines

KINDS = (
    *("image", "gif", "video", "audio", "figure", "table"),
    *("histogram", "text", "hparams", "file"),
)
MAX_INDEX = 64 * 2**20  # bytes; what follows is not read, and said
MAX_TAGS = 10_000  # of an index: they are sorted whenever somebody asks
MAX_TEXT = 100_000  # bytes of a text that are shown
MAX_JSON = 8 * 2**20  # bytes of a figure or histogram
MAX_BINS = 10_000
MAX_TABLE = 2**20  # bytes of a table that are read
MAX_ROWS, MAX_COLUMNS, MAX_CELL = 20, 20, 200  # of a table that are shown; a cell's in characters
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the index."""

    tag: str
    step: int
    kind: str
    path: str  # from the run directory, with slashes; as it was found
    wall_time: float  # Unix seconds
    size: int  # bytes
    sha256: str
    source: str | None = None  # of a file: where it came from


@dataclass
class MediaIndex:
    """A run's media so far read."""

    items: dict[tuple[str, str], dict[int, Item]] = field(default_factory=dict)
    # By kind and tag, then by step: of what was logged again the last counts.
    bad_lines: int = 0
    read_to: int = 0  # bytes
    inode: int | None = None
    cut: bool = False  # whether the index goes on beyond ``MAX_INDEX``

    @property
    def tags(self) -> list[tuple[str, str]]:
        """Kinds and tags: pictures first, each kind in natural order."""
        return sorted(self.items, key=lambda key: (KINDS.index(key[0]), natural_key(key[1])))

    def steps(self, kind: str, tag: str) -> list[Item]:
        """What was logged under a tag, in the order of the steps."""
        return [item for _, item in sorted(self.items.get((kind, tag), {}).items())]

    def follow(self, file: BinaryIO) -> bool:
        """Read what has been added to an index since the last time; whether anything was."""
        stat = os.fstat(file.fileno())
        if stat.st_ino != self.inode or stat.st_size < self.read_to:  # another attempt's
            self.items, self.bad_lines, self.read_to, self.inode = {}, 0, 0, stat.st_ino
        file.seek(self.read_to)
        content = file.read(max(0, min(stat.st_size, MAX_INDEX) - self.read_to))
        whole = content.rfind(b"\n") + 1
        for line in content[:whole].split(b"\n"):
            if line:
                self._add(line)
        self.read_to += whole
        self.cut = stat.st_size > MAX_INDEX
        return whole > 0

    def _add(self, line: bytes) -> None:
        try:
            item = _item(parse_json(line))
        except (ValueError, TypeError, KeyError):
            self.bad_lines += 1
            return
        key = item.kind, item.tag
        if key not in self.items and len(self.items) >= MAX_TAGS:
            self.bad_lines += 1
            return
        self.items.setdefault(key, {})[item.step] = item


@dataclass(frozen=True)
class Histogram:
    """How often which values occurred."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]  # one less
    note: str  # what is not among the bins; "" if nothing


def read_histogram(file: BinaryIO) -> Histogram:
    """A histogram that was logged; a ValueError says why it is none."""
    record = read_object(file)
    edges, counts = _numbers(record, "edges"), _numbers(record, "counts")
    if not edges and not counts:
        return Histogram((), (), _left_out(record) or "no values")
    if len(edges) != len(counts) + 1 or len(edges) > MAX_BINS:
        raise ValueError(
            f"a histogram has one edge more than counts and at most {MAX_BINS}, "
            f"not {len(edges)} and {len(counts)}"
        )
    return Histogram(edges, counts, _left_out(record))


@dataclass(frozen=True)
class Table:
    """The beginning of a table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str  # what is not among them; "" if nothing


def read_table(file: BinaryIO) -> Table:
    """The first rows of a CSV file; a ValueError says why it is none."""
    content = file.read(MAX_TABLE + 1)
    text = content[:MAX_TABLE].decode(errors="replace").replace("\0", "\ufffd")
    lines, ended = _first_lines(text)
    if ended and len(content) > MAX_TABLE:
        del lines[-1:]  # which may go on
        ended = False
    if not lines:
        raise ValueError("it has no line of a table")
    columns, *rows = (_shown_cells(line) for line in lines)
    shown = "the first row" if len(rows) == 1 else f"the first {len(rows)} rows"
    width = len(lines[0])
    parts = [] if ended else [shown]
    parts += [f"{MAX_COLUMNS} of {width:,} columns"] * (width > MAX_COLUMNS)
    return Table(columns, tuple(rows), " and ".join(parts))


def read_text(file: BinaryIO) -> tuple[str, bool]:
    """The beginning of a text that was logged, and whether it goes on."""
    content = file.read(MAX_TEXT + 1)
    return content[:MAX_TEXT].decode(errors="replace"), len(content) > MAX_TEXT


def read_object(file: BinaryIO) -> Mapping[str, Any]:
    """The object in a JSON file; a ValueError where there is none."""
    record = safe_json.load(read_limited(file, MAX_JSON))
    if not isinstance(record, dict):
        raise ValueError(f"a JSON object should stand in it, not {type(record).__name__}")
    return record


def is_sound_or_video(file: BinaryIO) -> bool:
    """Whether a file is an MP4 or a WAV, as its header says."""
    head = file.read(12)
    return head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:] == b"WAVE")


def _first_lines(text: str) -> tuple[list[list[str]], bool]:
    """The lines of a CSV file that are shown, its header among them, and whether these are all."""
    lines: list[list[str]] = []
    with suppress(csv.Error):  # a cell too long, for example
        for line in csv.reader(io.StringIO(text, newline="")):
            if len(lines) > MAX_ROWS:
                return lines, False
            lines.append(line)
        return lines, True
    return lines, False


def _shown_cells(line: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        cell if len(cell) <= MAX_CELL else f"{cell[:MAX_CELL]}…" for cell in line[:MAX_COLUMNS]
    )


def _item(record: Any) -> Item:
    """The item that a line says, if each of its fields is what it should be."""
    tag, step, kind, path = (record[name] for name in ("tag", "step", "kind", "path"))
    wall_time, size = record.get("wall_time", 0.0), record.get("size", 0)
    source, digest = record.get("source"), record.get("sha256", "")
    texts = [tag, path, digest, *([source] if source is not None else [])]
    if not all(isinstance(text, str) and _is_sendable(text) for text in texts):
        raise TypeError("a text is none")
    if kind not in KINDS or type(step) is not int or abs(step) > _LARGEST:
        raise ValueError("no such kind or step")
    if (
        type(size) is not int
        or abs(size) > _LARGEST
        or type(wall_time) not in (int, float)
        or not abs(wall_time) <= _LARGEST
    ):
        raise TypeError("a number is none")
    return Item(visible_lines(tag), step, kind, path, float(wall_time), size, digest, source)


def _is_sendable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _numbers(record: Mapping[str, Any], name: str) -> tuple[float, ...]:
    values = record.get(name, [])
    if not isinstance(values, list) or not all(type(v) in (int, float) for v in values):
        raise ValueError(f"{name} should be a list of numbers")
    if not all(abs(value) <= sys.float_info.max for value in values):
        raise ValueError(f"{name} should be finite")
    return tuple(map(float, values))


def _left_out(record: Mapping[str, Any]) -> str:
    parts = [(record.get(name), name) for name in ("nan", "inf", "-inf")]
    shown = [f"{number:,} {name}" for number, name in parts if type(number) is int and number > 0]
    return f"not shown: {', '.join(shown)}" if shown else ""
