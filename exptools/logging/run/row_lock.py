"""The processes of one run take turns: who writes a row holds ``.exptools/rows.lock``.

A forked worker, or a process that the run has started, writes to the same files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from exptools.locks import FileLock
from exptools.logging.errors import as_logging_error

_LONGEST = 4096  # bytes


class Attempt(NamedTuple):
    """What the processes of a run should agree on while one attempt at it lasts."""

    name: str = ""  # the scheduler's, if it has started the run
    event_file: str = ""  # to which the attempt writes; "" before its first row
    resumed: int | None = None  # the last step of earlier attempts that counts, if any does
    index_size: int = 0  # bytes of the media's index that are of earlier attempts


class RowLock:
    """Held by one process of the run at a time.

    A forked child shares its parent's lock, so it needs another one.

    The file says what the processes should agree on.

    Raises:
        LoggingError: the file cannot be made, or its directory is gone.
    """

    def __init__(self, path: Path) -> None:
        with as_logging_error(path):
            self._lock = FileLock(path)
        self.path = path

    def __enter__(self) -> None:
        """Wait for our turn."""
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        """Let the others have theirs."""
        self._lock.release()

    @property
    def attempt(self) -> Attempt:
        """The attempt that is going on."""
        with as_logging_error(self.path):
            os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
            content = os.read(self._lock.descriptor, _LONGEST)
        try:
            return Attempt(**json.loads(content))
        except (ValueError, TypeError):  # empty, or half-written when the machine went down
            return Attempt()

    @attempt.setter
    def attempt(self, attempt: Attempt) -> None:
        content = json.dumps(attempt._asdict()).encode()
        with as_logging_error(self.path):
            os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
            os.write(self._lock.descriptor, content)
            # At once, for a full disk takes nothing new.
            os.ftruncate(self._lock.descriptor, len(content))

    def begin(self, attempt: Attempt) -> None:
        """Forget the attempt before, unless this is the one of that name still."""
        if not attempt.name or self.attempt.name != attempt.name:
            self.attempt = attempt

    def close(self) -> None:
        """Give the file back to the system; it stays behind."""
        self._lock.close()

    def drop(self) -> None:
        """Close what a forked child has inherited; the parent's lock stays."""
        self._lock.drop()
