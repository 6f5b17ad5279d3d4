"""One writer a run directory: a file that is locked for as long as a process logs there."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from pathlib import Path

from exptools.locks import FileLock
from exptools.logging.errors import LoggingError, as_logging_error
from exptools.rundir import LOG_LOCK

_LONGEST = 200  # bytes of the file that are shown
_LOOKS, _PAUSE = 20, 0.01  # seconds, for a holder that has not said yet who it is
_held: dict[FileLock, Path] = {}  # the locks of this process, and for which directory


class DirectoryInUse(LoggingError):
    """Another process logs in this directory."""


class RunLock:
    """Holds ``.exptools/log.lock`` until it is released or the process ends, however it ends.

    The file says who holds it. It stays behind, empty; only the lock on it counts. A forked child
    does not hold it.

    Raises:
        DirectoryInUse: another process logs in the directory, or another logger of this one.
        LoggingError: the file cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOG_LOCK
        with as_logging_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path)
        _held[self._lock] = directory
        try:
            with as_logging_error(path):
                if not self._lock.try_acquire():
                    raise self._in_use(directory)
                self._say_who()
        except BaseException:
            self._close()
            raise

    def release(self) -> None:
        """Let others log here."""
        with contextlib.suppress(OSError):  # nobody needs what it says any more
            os.ftruncate(self._lock.descriptor, 0)
        self._close()

    def _close(self) -> None:
        _held.pop(self._lock, None)
        self._lock.close()

    def _say_who(self) -> None:
        who = f"process {os.getpid()} on host {socket.gethostname()}"
        os.ftruncate(self._lock.descriptor, 0)
        os.write(self._lock.descriptor, who.encode())

    def _in_use(self, directory: Path) -> DirectoryInUse:
        message = (
            f"this directory is being logged by {self._holder()}; "
            "give each process a directory of its own"
        )
        return DirectoryInUse(errno.EWOULDBLOCK, message, str(directory))

    def _holder(self) -> str:
        for _ in range(_LOOKS):
            if text := os.pread(self._lock.descriptor, _LONGEST, 0):
                return text.decode(errors="replace")
            time.sleep(_PAUSE)  # it has the lock, and says in a moment who it is
        return "another process"


def is_held_here(directory: Path) -> bool:
    """Whether this process logs in the directory already."""
    return directory in _held.values()


def _drop_in_child() -> None:
    """Close the parent's locks: the kernel keeps a lock for as long as any process has it open."""
    for lock in _held:
        with contextlib.suppress(OSError):
            lock.drop()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_in_child)
