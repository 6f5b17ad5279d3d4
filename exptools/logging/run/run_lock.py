"""One process at a time logs in a run directory: ``.exptools/log.lock`` is held as long as it does.

The processes of its run take turns with each other (`exptools.logging.run.row_lock`).
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import socket
import sys
import time
from pathlib import Path
from typing import NamedTuple

from exptools.asides import written_aside
from exptools.locks import FileLock, Reach
from exptools.logging.errors import LoggingError, as_logging_error
from exptools.logging.run.ranks import ask_for_ranks
from exptools.plain_files import open_plain
from exptools.rundir import LOG_LOCK, PROGRESS_CSV, write_atomic

_LONGEST_NAME = 200  # bytes that log.lock says of its holder
_QUIET = 60.0  # seconds without a row, after which a process of another host counts as gone
_LOOKS, _PAUSE = 1000, 0.01  # s, for a holder that has not said yet who it is; disks may stall
_held: dict[FileLock, Path] = {}  # the locks of this process, and for which directory


class DirectoryInUse(LoggingError):
    """Another process logs in this directory."""


class _Holder(NamedTuple):
    """What ``log.lock`` says of the process that has it, or had it when it was killed."""

    process: str = "another process"  # its number and host, in words
    directory: str = ""  # the inode of the directory of the file, of which backups have links

    @property
    def host(self) -> str:
        return self.process.rpartition(" on host ")[2]

    @property
    def is_alive(self) -> bool:
        """Whether it lives on this host, as far as its number tells."""
        number = "".join(self.process.split(" ")[1:2])
        if sys.platform == "win32":
            return False  # the signal 0 is Ctrl-C there
        try:
            os.kill(int(number), 0)
        except PermissionError:
            return True
        except (ValueError, OSError, OverflowError):
            return False
        return True


class RunLock:
    """Holds ``.exptools/log.lock`` until it is released or the process ends, however it ends.

    The file says who holds it. It stays behind, empty; only the lock on it counts. A forked child
    does not hold it.

    Raises:
        DirectoryInUse: another process logs in the directory, or another logger of this one.
        LoggingError: the file cannot be made, or nothing tells whether another process logs here.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = path = directory / LOG_LOCK
        self._counts_links = True  # else the file system gives a new file several names
        with as_logging_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            while not self._take():
                # A backup has the file, too, or we are the backup: have one of our own.
                if self._is_linked():
                    write_atomic(path, b"")
                    self._counts_links = not is_linked(path)

    def release(self) -> None:
        """Let others log here."""
        with contextlib.suppress(OSError):  # nobody needs what it says any more
            if not self._is_linked():
                os.ftruncate(self._lock.descriptor, 0)
        self._close()

    def _take(self) -> bool:
        """Whether we hold the file; not if it has names elsewhere, or another one is there now."""
        self._lock = FileLock(self._path)
        _held[self._lock] = self._directory
        try:
            holder = None if self._lock.try_acquire() else self._holder()
            if holder is not None:
                if not (self._is_linked() and holder.directory not in ("", self._inode())):
                    raise self._in_use(holder)
            elif not self._is_linked() and self._is_in_place():
                self._refuse_what_no_lock_tells()
                self._say_who()
                return True
        except BaseException:
            self._close()
            raise
        self._close()
        return False

    def _is_linked(self) -> bool:
        return self._counts_links and is_linked(self._path)

    def _is_in_place(self) -> bool:
        return os.path.samestat(os.fstat(self._lock.descriptor), os.stat(self._path))

    def _close(self) -> None:
        _held.pop(self._lock, None)
        self._lock.close()

    def _say_who(self) -> None:
        who = f"process {os.getpid()} on host {socket.gethostname()}\n{self._inode()}"
        os.ftruncate(self._lock.descriptor, 0)
        os.pwrite(self._lock.descriptor, who.encode(), 0)

    def _inode(self) -> str:
        return str(os.stat(self._path.parent).st_ino)

    def _refuse_what_no_lock_tells(self) -> None:
        """Go by what was said and written where the lock keeps off too few."""
        text = os.pread(self._lock.descriptor, _LONGEST_NAME, 0)
        if self._lock.reach is Reach.EVERYWHERE or not text:
            return
        holder = _parse(text)
        if holder.host == socket.gethostname():
            if self._lock.reach is Reach.NOWHERE and holder.is_alive:
                raise self._in_use(holder)
        elif (age := _age_of_last_row(self._directory)) < _QUIET:
            message = (
                f"{holder.process} logged here {age:.0f} s ago, and no lock of this file system "
                "tells whether it still does: end it, or give each process a directory of its own "
                f"(if it is gone, try again in {_QUIET:.0f} s, or delete {self._path})"
            )
            raise LoggingError(errno.EWOULDBLOCK, message, str(self._directory))

    def _in_use(self, holder: _Holder) -> DirectoryInUse:
        advice = "give each process a directory of its own"
        if list(_held.values()).count(self._directory) > 1:  # one is ours, which is not locked
            advice = "this one; a SummaryWriter made after logger.open(directory) shares its run"
        message = f"this directory is being logged by {holder.process}; {advice}{ask_for_ranks()}"
        return DirectoryInUse(errno.EWOULDBLOCK, message, str(self._directory))

    def _holder(self) -> _Holder | None:
        """Who has the lock; None if we have it now, for the other one has let it go."""
        for _ in range(_LOOKS):
            if text := os.pread(self._lock.descriptor, _LONGEST_NAME, 0):
                return _parse(text)
            if self._lock.try_acquire():
                return None
            time.sleep(_PAUSE)  # it has the lock, and says in a moment who it is
        return _Holder()


def is_linked(path: Path) -> bool:
    """Whether a file is there that has other names, too."""
    try:
        return os.stat(path).st_nlink > 1
    except FileNotFoundError:
        return False


def _parse(text: bytes) -> _Holder:
    process, _, directory = text.decode(errors="replace").partition("\n")
    return _Holder(process, directory)


def _age_of_last_row(directory: Path) -> float:
    """Seconds since rows were written, by the clock of the file system alone."""
    files = [directory / LOG_LOCK, directory / PROGRESS_CSV, *directory.glob("events.out.*")]
    written = [path.stat().st_mtime for path in files if path.exists()]
    with written_aside(directory / LOG_LOCK) as aside:
        ages = [aside.stat().st_mtime - time for time in written]
    # Nobody wrote rows at a time that is still to come, whoever has set it.
    return min((max(0.0, age) for age in ages if age > -_QUIET), default=math.inf)


def holder_of(directory: Path) -> str:
    """Who logs in the directory, as its ``log.lock`` says; "" where nobody does."""
    with contextlib.suppress(OSError), open(directory / LOG_LOCK, "rb", opener=open_plain) as file:
        return _parse(file.read(_LONGEST_NAME)).process
    return ""


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
