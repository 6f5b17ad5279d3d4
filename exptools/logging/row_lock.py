"""The processes of one run take turns: who writes a row holds ``.exptools/rows.lock``.

A forked worker, or a process that the run has started, writes to the same files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from exptools.logging.append_file import naming

if sys.platform != "win32":
    from fcntl import LOCK_EX, LOCK_UN, flock

_LONGEST = 1000  # bytes


class RowLock:
    """Held by one process of the run at a time.

    A forked child shares its parent's lock, so it needs another one.

    The file says which attempt this is, and to which event file it writes.

    Raises:
        LoggingError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        self.path = path
        self._has_locks = sys.platform != "win32"

    def take(self) -> None:
        """Wait for our turn."""
        if self._has_locks:
            try:
                flock(self._fd, LOCK_EX)
            except OSError:  # the file system has none: no reason not to log
                self._has_locks = False

    def give_back(self) -> None:
        """Let the others have theirs."""
        if self._has_locks:
            flock(self._fd, LOCK_UN)

    @property
    def event_file(self) -> str | None:
        """The name of the event file that this attempt writes to, None before its first row."""
        return self._lines()[1] or None

    @event_file.setter
    def event_file(self, name: str) -> None:
        self._write(self._lines()[0], name)

    def begin(self, attempt: str) -> None:
        """Forget what an earlier attempt wrote to; "" is an attempt that is none of the others."""
        if not attempt or self._lines()[0] != attempt:
            self._write(attempt, "")

    def _lines(self) -> tuple[str, str]:
        with naming(self.path):
            os.lseek(self._fd, 0, os.SEEK_SET)
            attempt, _, name = os.read(self._fd, _LONGEST).decode(errors="replace").partition("\n")
        return attempt, name

    def _write(self, attempt: str, name: str) -> None:
        with naming(self.path):
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, f"{attempt}\n{name}".encode())

    def close(self) -> None:
        """Give the file back to the system; it stays behind."""
        os.close(self._fd)
