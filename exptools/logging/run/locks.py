"""The two locks of a run directory: one writer at a time, and turns of the writer's processes.

``.exptools/log.lock`` is held for as long as a process logs there. The processes of one run (a
forked worker, or a process that the run has started) write to the same files: who writes a row
holds ``.exptools/rows.lock``, unless it is the run's only process.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from exptools.asides import written_aside
from exptools.locks import FileLock, Reach
from exptools.logging.errors import LoggingError, as_logging_error
from exptools.logging.run.alone import JOINED, WRITING, hold_alone, join
from exptools.logging.run.ranks import ask_for_ranks
from exptools.plain_files import open_plain, read_beginning
from exptools.plain_json import parse_json
from exptools.rundir import LOG_LOCK, MEMBERS, PROGRESS_CSV, write_atomic

_LONGEST_NAME = 200  # bytes that log.lock says of its holder
_LONGEST_ATTEMPT = 4096  # bytes of rows.lock
_OF_EVENTS = re.compile(r"(events\.out\.tfevents\.[^/\\\0]*)?").fullmatch
_QUIET = 60.0  # seconds without a row, after which a process of another host counts as gone
_LOOKS, _PAUSE = 1000, 0.01  # s, for a holder that has not said yet who it is; disks may stall
_held: dict[FileLock, Path] = {}  # the locks of this process, and for which directory


class DirectoryInUse(LoggingError):
    """Another process logs in this directory."""


class AttemptIsOver(LoggingError):
    """Another attempt at the run has begun, to which this process does not belong."""


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


class Attempt(NamedTuple):
    """What the processes of a run should agree on while one attempt at it lasts."""

    name: str = ""  # the scheduler's, if it has started the run
    event_file: str = ""  # to which the attempt writes; "" before its first row
    resumed: int | None = None  # the last step of earlier attempts that counts, if any does
    rows: int | None = None  # how many rows of theirs count, from the first; None: by the step
    later_rows: Sequence[int] = ()  # numbers of rows behind these that count, too
    media: int | None = None  # bytes of the media's index that count, if rows are known
    pending: Sequence[int] = ()  # steps of which the media behind these count, too
    index_size: int = 0  # bytes of the media's index that are of earlier attempts
    forget: int | None = None  # the step from which TensorBoard should forget, before rows go
    id: str = ""  # like no other attempt's

    @classmethod
    def new(cls, name: str, index_size: int) -> Attempt:
        """One that begins now."""
        return cls(name, index_size=index_size, id=f"{time.time_ns():x}-{os.getpid()}")

    @property
    def is_sound(self) -> bool:
        """Whether it can be ours; another program may have written anything."""
        single = (self.resumed, self.rows, self.media, self.index_size, self.forget)
        numbers = (*single, *self.later_rows, *self.pending)
        texts = (self.name, self.event_file, self.id)
        if not all(isinstance(one, int | None) for one in numbers):
            return False
        # A name, and no way out of the run.
        return all(isinstance(one, str) for one in texts) and bool(_OF_EVENTS(self.event_file))


class RowLock:
    """Held by one process of the run at a time.

    A forked child shares its parent's lock, so it needs another one. As long as the process that
    holds the run is alone there, nothing is locked.

    The file says what the processes should agree on.

    Args:
        path: the file.
        member: whether another process holds the run, so that nothing may be written without turns.

    Raises:
        LoggingError: the file cannot be made, or its directory is gone.
    """

    def __init__(self, path: Path, *, member: bool = False) -> None:
        with as_logging_error(path):
            if not member and is_linked(path):  # a backup has it: what it says should stay there
                write_atomic(path, read_beginning(str(path), _LONGEST_ATTEMPT)[0])
            self._lock = FileLock(path, needed=member, private=True)
        self.path = path
        self._members = path.with_name(Path(MEMBERS).name)
        self._page = None if member else hold_alone(self._members)  # None: it has to be locked
        self._has_to_join = member
        self.at_new_attempt: Callable[[], None] | None = None  # what a member does then
        self._is_member = member
        self._directory = path.parent.parent
        self._id = self._holder = ""  # of the attempt that we belong to

    def __enter__(self) -> None:
        """Wait for our turn.

        Raises:
            AttemptIsOver: we are a member of a run that somebody else has started again.
            LoggingError: it cannot be had.
        """
        page = self._page
        if page is not None:
            page[WRITING] = 1
            if not page[JOINED]:
                return
            page[WRITING] = 0
            self._page = None
        elif self._has_to_join:
            with as_logging_error(self._members):
                join(self._members, self._is_held)
            self._has_to_join = False
        try:
            self._lock.acquire()
        except OSError as error:
            raise LoggingError(error.errno, error.strerror, str(self.path)) from error
        if self._is_member:
            try:
                self._see_whose_attempt()
            except BaseException:
                self._lock.release()
                raise

    def __exit__(self, *exception: object) -> None:
        """Let the others have theirs."""
        if self._page is not None:
            self._page[WRITING] = 0
        else:
            self._lock.release()

    def _is_held(self) -> bool:
        lock = FileLock(self.path.with_name(Path(LOG_LOCK).name))
        try:
            return not lock.try_acquire()
        finally:
            lock.close()

    @property
    def whose(self) -> str:
        """Which attempt, of which process, we belong to, for our children."""
        return f"{self._id}\n{self._holder}"

    def join(self, whose: str | None = None) -> None:
        """Belong to the attempt of who has forked or started us, else to the one that goes on.

        Raises:
            AttemptIsOver: it is another one, of another process, that goes on.
        """
        if whose is None:
            self._id, self._holder = self.attempt.id, holder_of(self._directory)
        else:
            self._id, _, self._holder = whose.partition("\n")
            self._see_whose_attempt()

    def _see_whose_attempt(self) -> None:
        """Stay out of what is not ours: a worker may outlive the process that it works for."""
        try:
            is_there = os.path.samestat(os.stat(self.path), os.fstat(self._lock.descriptor))
        except FileNotFoundError:
            return  # the other files tell it better
        now = self.attempt.id
        if now == self._id and is_there:
            return
        if not is_there or holder_of(self._directory) != self._holder:
            message = (
                "this run was started again, and this process is of the attempt before: "
                "what it logs is left out"
            )
            raise AttemptIsOver(None, message, str(self._directory))
        self._id = now
        if self.at_new_attempt is not None:
            self.at_new_attempt()

    @property
    def attempt(self) -> Attempt:
        """The attempt that is going on."""
        with as_logging_error(self.path):
            os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
            content = os.read(self._lock.descriptor, _LONGEST_ATTEMPT)
        try:
            attempt = Attempt(**parse_json(content))
            return attempt if attempt.is_sound else Attempt()
        except (ValueError, TypeError):  # empty, or half-written when the machine went down
            return Attempt()

    @attempt.setter
    def attempt(self, attempt: Attempt) -> None:
        content = json.dumps(attempt._asdict()).encode()
        with as_logging_error(self.path):
            # By one call, spaces over what was longer: a kill leaves the old one or the new.
            size = os.fstat(self._lock.descriptor).st_size
            os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
            os.write(self._lock.descriptor, content.ljust(min(size, _LONGEST_ATTEMPT)))

    def begin(self, attempt: Attempt) -> None:
        """Forget the attempt before, unless this is the one of that name still."""
        before = self.attempt
        if not attempt.name or before.name != attempt.name:
            # Of an attempt that was killed when the rows had gone, and no event file was there.
            forget = None if before.event_file else before.forget
            self.attempt = attempt._replace(forget=forget)

    def close(self) -> None:
        """Give the file back to the system; it stays behind."""
        self._page = None
        self._lock.close()

    def drop(self) -> None:
        """Close what a forked child has inherited; the parent's lock stays."""
        self._page = None
        self._lock.drop()
