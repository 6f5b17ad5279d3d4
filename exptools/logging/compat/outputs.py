"""Files of the rlpyt-compatible API beside ``progress.csv``: lines of text, and other tables."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import SupportsIndex

from exptools.logging.rows.row import OpenRows, as_number, as_step
from exptools.logging.rows.tags import check_tag
from exptools.logging.run.attempts import set_aside
from exptools.logging.writers.append_file import AppendFile
from exptools.logging.writers.csv import CsvWriter

_NAMES = ("gray", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_COLORS = {name: 30 + number for number, name in enumerate(_NAMES)}


class TextFiles:
    """Files to which lines are appended; the first one is the default."""

    def __init__(self) -> None:
        self._files: dict[str, AppendFile] = {}

    def add(self, name: str, path: Path) -> None:
        """Append to a file from now on.

        Raises:
            LoggingError: it cannot be opened.
        """
        if name not in self._files:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[name] = AppendFile(path, keep=True)

    def remove(self, name: str) -> None:
        """Close a file."""
        self._files.pop(name).close()

    def close(self) -> None:
        """Close all files."""
        for name in list(self._files):
            self.remove(name)

    def say(self, line: str, name: str | None, *, with_timestamp: bool, color: str | None) -> str:
        """Print a line, write it to a file, and give it back as it was written.

        Raises:
            ValueError: there is no file, or no colour, of that name.
            LoggingError: it cannot be written.
        """
        if color is not None and color not in _COLORS:
            raise ValueError(f"there is no color {color!r}; there are {', '.join(_COLORS)}")
        if with_timestamp:
            line = f"{datetime.now():%Y-%m-%d %H:%M:%S.%f} | {line}"
        coloured = color is not None and sys.stdout.isatty()
        print(f"\x1b[{_COLORS[color]}m{line}\x1b[0m" if color and coloured else line, flush=True)
        file = self._file(name)
        if file is not None:
            file.append(f"{line}\n".encode(errors="replace"))
        return line

    def _file(self, name: str | None) -> AppendFile | None:
        if name is None:
            return next(iter(self._files.values()), None)
        if name not in self._files:
            names = ", ".join(self._files) or "none"
            raise ValueError(f"the text file {name!r} is not open; open are {names}")
        return self._files[name]


class ScalarFile:
    """A table of its own beside ``progress.csv``, written as that is.

    Rows that a file of that name has move to ``<name>.<attempt>.csv``.

    Raises:
        LoggingError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        set_aside(path)
        self._writer = CsvWriter(path)
        self._rows = OpenRows()

    def log(self, tag: str, value: object, step: SupportsIndex | None) -> None:
        """Put a number into the current row, or the row of a step.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`Logger.log_scalar`.
        """
        number = as_number(check_tag(tag), value)
        at = None if step is None else as_step(step)
        if at is not None and self._rows.ended_by((tag,), at):
            self.dump()
        row = self._rows.current if at is None else self._rows.at((tag,), at)
        row.scalars[tag] = number

    def dump(self) -> None:
        """End the row.

        Raises:
            LoggingError: it cannot be written.
        """
        for row in self._rows.end(None, time.time()):
            self._writer.write(row)

    def close(self) -> None:
        """Write what is pending, and close the file."""
        try:
            self.dump()
        finally:
            self._writer.close()
