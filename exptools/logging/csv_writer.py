"""``progress.csv``: a row a step, valid CSV with equally many cells in each line at any time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from exptools.logging.append_file import AppendFile, first_free, naming
from exptools.logging.rows import Row
from exptools.rundir import STEP, WALL_TIME


def set_aside(path: Path) -> None:
    """Move the rows of an earlier attempt from ``progress.csv`` to ``progress.<attempt>.csv``.

    The file moves as it is, even torn. Where there is none, nothing happens.

    Raises:
        LoggingError: the file cannot be renamed.
    """
    if path.exists():
        free = first_free(lambda attempt: path.with_suffix(f".{attempt}{path.suffix}"), start=1)
        with naming(path):
            path.rename(free)


class CsvWriter:
    """Writes rows under the columns step, wall_time and the tags as they first appear.

    A file of that name is replaced.

    Raises:
        LoggingError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tags: dict[str, None] = {}
        self._header = _header(self._tags)
        self._file = self._replace_file(self._header)

    def write(self, row: Row) -> None:
        """Add a row; the operating system has it when this returns.

        Raises:
            LoggingError: the row was not written; the rows before it are as they were.
        """
        new_tags = [tag for tag in row.scalars if tag not in self._tags]
        if new_tags:
            self._write_widened(row, new_tags)
        else:
            self._file.append(_line(row, self._tags))

    def close(self) -> None:
        """Close the file; nothing is pending."""
        self._file.close()

    def _write_widened(self, row: Row, new_tags: list[str]) -> None:
        tags = self._tags | dict.fromkeys(new_tags)
        header = _header(tags)
        lines = self._file.content()[len(self._header) :]
        # Below the header there are only numbers, so every line feed ends a row.
        widened = lines.replace(b"\n", b"," * len(new_tags) + b"\n")
        narrow = self._file
        self._file = self._replace_file(header + widened + _line(row, tags))
        self._tags, self._header = tags, header
        narrow.close()

    def _replace_file(self, content: bytes) -> AppendFile:
        aside = self.path.with_name(f".{self.path.name}.rewrite")
        file = AppendFile(aside)
        try:
            file.append(content)
            file.move_to(self.path)
        except BaseException:
            file.close()
            aside.unlink(missing_ok=True)
            raise
        return file


def _header(tags: Iterable[str]) -> bytes:
    return (",".join([STEP, WALL_TIME, *map(_quoted, tags)]) + "\n").encode()


def _quoted(tag: str) -> str:
    if any(character in tag for character in ',"\r\n'):
        return '"' + tag.replace('"', '""') + '"'
    return tag


def _line(row: Row, tags: dict[str, None]) -> bytes:
    cells = map(repr, (row.step, row.wall_time, *map(row.scalars.get, tags)))
    # One pass over the line is far cheaper than a look at each cell, and numbers spell no None.
    return (",".join(cells) + "\n").replace("None", "").replace("nan", "NaN").encode()
