"""One writer a run directory: a file that is locked for as long as a process logs there."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path

from exptools.logging.errors import LoggingError, as_logging_error
from exptools.rundir import LOG_LOCK

_LONGEST = 200  # bytes of the file that are shown
_LOOKS, _PAUSE = 20, 0.01  # seconds, for a holder that has not said yet who it is
_held: dict[int, Path] = {}  # descriptors of this process, and for which directory


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
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        _held[self._descriptor] = directory
        try:
            self._lock(directory)
            with as_logging_error(path):
                self._say_who()
        except BaseException:
            self._close()
            raise

    def release(self) -> None:
        """Let others log here."""
        with contextlib.suppress(OSError):  # nobody needs what it says any more
            os.ftruncate(self._descriptor, 0)
        self._close()

    def _close(self) -> None:
        _held.pop(self._descriptor, None)
        os.close(self._descriptor)

    def _say_who(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"process {os.getpid()} on host {socket.gethostname()}".encode())

    def _lock(self, directory: Path) -> None:
        if sys.platform == "win32":
            return  # no flock: two writers go unnoticed there
        import fcntl

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = (
                f"this directory is being logged by {self._holder()}; "
                "give each process a directory of its own"
            )
            raise DirectoryInUse(error.errno, message, str(directory)) from error
        except OSError:
            # The file system has no locks. That is no reason not to log.
            return

    def _holder(self) -> str:
        for _ in range(_LOOKS):
            if text := os.pread(self._descriptor, _LONGEST, 0):
                return text.decode(errors="replace")
            time.sleep(_PAUSE)  # it has the lock, and says in a moment who it is
        return "another process"


def is_held_here(directory: Path) -> bool:
    """Whether this process logs in the directory already."""
    return directory in _held.values()


def _drop_in_child() -> None:
    """Close the parent's locks: the kernel keeps a lock for as long as any process has it open."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_in_child)
