"""Files of the rlpyt-compatible API beside ``progress.csv``: lines of text, and other tables."""

from __future__ import annotations

import time
from pathlib import Path
from typing import SupportsIndex

from exptools.logging.errors import as_logging_error
from exptools.logging.rows.row import OpenRows, as_number, as_step
from exptools.logging.rows.tags import check_tag
from exptools.logging.run.earlier.attempts import set_aside
from exptools.logging.writers.append_file import AppendFile
from exptools.logging.writers.csv import CsvWriter


class TextFiles:
    """Files to which lines are appended; the first one is the default."""

    def __init__(self) -> None:
        self._files: dict[str, Path | None] = {}  # None is one that is not written
        self._ended: set[str] = set()  # with their run, so that they may be removed after it

    def add(self, name: str, path: Path | None) -> None:
        """Append to a file from now on; None is one that is not written, by a rank above 0.

        Raises:
            LoggingError: it cannot be opened.
        """
        self._ended.discard(name)
        if self._files.get(name) is None:
            self._files[name] = None  # should it fail, and the user go on without it
            if path is not None:
                _make_file(path)
            self._files[name] = path

    def remove(self, name: str) -> None:
        """Append no more to a file.

        Raises:
            ValueError: no file of that name is open.
        """
        if name in self._ended:
            self._ended.remove(name)
            return
        self.path(name)  # which refuses what is not there
        del self._files[name]

    def clear(self) -> None:
        """Append no more to any."""
        self._ended = set(self._files)
        self._files.clear()

    def path(self, name: str | None) -> Path | None:
        """The file of a name; for None the default, or None where there is none.

        Raises:
            ValueError: no file of that name is open.
        """
        if name is None:
            return next(iter(self._files.values()), None)
        if name not in self._files:
            names = ", ".join(self._files) or "none"
            raise ValueError(f"the text file {name!r} is not open; open are {names}")
        return self._files[name]


def _make_file(path: Path) -> None:
    """Make a file where it is missing, so that what cannot be written is known at once."""
    with as_logging_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    AppendFile(path, keep=True).close()


class ScalarFile:
    """A table of its own beside ``progress.csv``, written as that is.

    Rows that a file of that name has move to ``<name>.<attempt>.csv``.

    Raises:
        LoggingError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        with as_logging_error(path):
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
