"""The processes of a run take turns with each row, and agree on the attempt at it that goes on.

A forked worker, or a process that the run has started, writes to the same files: who writes a row
holds ``.exptools/rows.lock``, unless it is the run's only process.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from exptools.locks import FileLock
from exptools.logging.errors import LoggingError, as_logging_error
from exptools.logging.run.alone import JOINED, WRITING, hold_alone, join
from exptools.logging.run.run_lock import holder_of, is_linked
from exptools.plain_files import read_beginning
from exptools.plain_json import parse_json
from exptools.rundir import LOG_LOCK, MEMBERS, write_atomic

_LONGEST_ATTEMPT = 4096  # bytes of rows.lock
_OF_EVENTS = re.compile(r"(events\.out\.tfevents\.[^/\\\0]*)?").fullmatch


class AttemptIsOver(LoggingError):
    """Another attempt at the run has begun, to which this process does not belong."""


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
