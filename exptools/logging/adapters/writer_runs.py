"""The runs that writers open themselves: one a directory, however many writers it has."""

from __future__ import annotations

import contextlib
import csv
import os
import socket
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exptools.logging.errors import LoggingError, warn_user
from exptools.logging.run.current import Entry
from exptools.logging.run.earlier.position import last_step
from exptools.logging.run.options import LogOptions
from exptools.logging.run.run_lock import holder_of
from exptools.logging.run_logger import Logger
from exptools.plain_files import is_sparse, open_plain
from exptools.rundir import LOG_LOCK, PROGRESS_CSV, STEP, process_start

_OPTIONS = LogOptions(console=None)
_LOADED = time.time_ns()  # tells our process from others where the system does not


class Connection:
    """A writer's way to its run: shared with others, opened again after it was closed.

    It is pickled by the directory: in another process it leads to the same run, as long as nobody
    else has begun one there.

    Args:
        directory: of a run of the writer's own.
        purge_step: the step from which what is there should be replaced; None replaces nothing.

    Raises:
        ValueError: it is an address, such as ``s3://bucket``, and no directory.
        LoggingError: the directory cannot be written, or another program logs there.
    """

    def __init__(self, directory: str, *, purge_step: int | None = None) -> None:
        if "://" in directory:
            raise ValueError(
                f"a run is written to a directory, not to {directory!r}: log to one of this "
                "machine's, or where such a store is mounted"
            )
        self._directory = os.path.abspath(directory)
        self._holder: str | None = None  # in another process than the first: of the run, or ""
        self._run: WriterRun | None = _run_in(self._directory)
        self._run.join(self, is_new=True, purge_step=purge_step)

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed since it was last used."""
        return self._run is not None

    @property
    def logger(self) -> Logger:
        """To which the writer should write, opened again if need be.

        Raises:
            LoggingError: as the class.
        """
        if self._run is None:
            run = _run_in(self._directory)
            run.join(self, holder=self._holder)
            self._run = run
        return self._run.logger

    def begin_with(self, scalars: Mapping[str, Any], step: int | None) -> None:
        """See :meth:`WriterRun.begin_with`."""
        if self._run is not None and self._run.is_undecided:
            self._run.begin_with(scalars, step)

    def close(self, *, succeeded: bool) -> None:
        """End the row, and the run, too, if nobody else writes there.

        Raises:
            LoggingError: the row cannot be written; it is closed all the same.
        """
        run, self._run = self._run, None
        if run is not None:
            run.leave(self, succeeded=succeeded)

    def __getstate__(self) -> dict[str, Any]:
        return {"_directory": self._directory, "_holder": holder_of(Path(self._directory))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _run=None)


class BorrowedConnection:
    """A writer's way to the run of a logger that is none of its own, and stays open."""

    def __init__(self, logger: Logger, *, purge_step: int | None = None) -> None:
        self._logger = logger
        self.is_open = True
        if purge_step is not None:
            logger.resume(purge_step - 1)

    @property
    def logger(self) -> Logger:
        """To which the writer should write."""
        self.is_open = True
        return self._logger

    def begin_with(self, scalars: Mapping[str, Any], step: int | None) -> None:
        """Nothing: whoever opened the run has decided how it goes on."""

    def close(self, *, succeeded: bool) -> None:
        """End the row."""
        if self.is_open:
            self._logger.dump()
        self.is_open = False


class WriterRun:
    """A run in a directory, for all writers of this process that write there.

    It is open from the first use of a writer until the last one is closed, or forgotten. What a
    process writes to one directory, one writer after the other, is one attempt at the run, as it is
    one curve with PyTorch's, unless a new writer starts over.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.logger = _WriterLogger()
        self.is_undecided = False  # whether a new writer may yet start over
        self._writers: weakref.WeakSet[Connection] = weakref.WeakSet()
        weakref.finalize(self, self.logger.close).atexit = False  # it closes itself at exit

    def join(
        self,
        writer: Connection,
        *,
        is_new: bool = False,
        purge_step: int | None = None,
        holder: str | None = None,
    ) -> None:
        """Open the run, if it is not, for one more writer.

        Args:
            writer: which has come.
            is_new: whether it comes for the first time, and not after it was closed.
            purge_step: see :class:`Connection`.
            holder: of the run to which it belongs, if it comes from another process.

        Raises:
            LoggingError: as :class:`Connection`.
        """
        with self.logger.lock:
            if purge_step is not None:
                self._start_over()
                self.logger.resume(purge_step - 1)
            elif not (self.logger.is_open and (self.directory / LOG_LOCK).exists()):
                self._go_on(_holder_before_us(self.directory) if holder is None else holder)
                self.is_undecided = is_new and not self.logger.is_member
            self._writers.add(writer)

    def begin_with(self, scalars: Mapping[str, Any], step: int | None) -> None:
        """Learn what a new writer begins with in a run that was closed before it came.

        If the run's first row has that already, the writer starts over, as a program does that is
        started again: the rows of before move to ``progress.<attempt>.csv``.
        """
        self.is_undecided = False
        if step is None or not self.logger.is_open:
            return
        first = _first_row(self.directory / PROGRESS_CSV)
        if self.logger.has_begun:
            with contextlib.suppress(KeyError, ValueError):  # the table is another program's
                if not first.keys().isdisjoint(scalars) and step <= int(first[STEP]):
                    self._start_over()
        elif first and step > 0:
            warn_user(
                f"{self.directory} holds rows of an earlier attempt, which move to "
                f"progress.<attempt>.csv; SummaryWriter(…, purge_step={step}) goes on with them"
            )

    def leave(self, writer: Connection, *, succeeded: bool) -> None:
        """End the row, and the run if this was its last writer; raises as closing does."""
        with self.logger.lock:
            self._writers.discard(writer)
            if self._writers:
                self.logger.dump()
            else:
                self.logger.close(succeeded=succeeded)

    def _go_on(self, holder: str | None = None) -> None:
        """Open with the attempt that goes on: this process's, or that of who has sent us."""
        self._close()
        attempt = None  # the one that is there
        if holder is None:
            pid = os.getpid()
            attempt = f"writers of {process_start(pid) or (pid, _LOADED)}"
        self.logger.enter(self.directory, Entry(attempt, holder or ""))
        if self.logger.has_begun and (last := last_step(self.directory / PROGRESS_CSV)) is not None:
            self.logger.resume(last)  # for the steps that are counted

    def _start_over(self) -> None:
        self._close()
        self.logger.enter(self.directory, Entry(""))  # which is not ours, so ours is over
        self._go_on()

    def _close(self) -> None:
        with contextlib.suppress(LoggingError):  # of files that somebody has removed
            self.logger.close()


class _WriterLogger(Logger):
    """A logger whose run other processes do not find by themselves."""

    @property
    def lock(self) -> threading.RLock:
        return self._current.lock

    @property
    def has_begun(self) -> bool:
        return bool(self._current.use(lambda run: run.has_begun))

    @property
    def is_member(self) -> bool:
        return bool(self._current.use(lambda run: run.is_member))

    def enter(self, directory: Path, entry: Entry) -> None:
        self._current.open(directory, _OPTIONS, {}, entry)


# Writers that know nothing of each other but the directory meet here.
_runs: weakref.WeakValueDictionary[str, WriterRun] = weakref.WeakValueDictionary()


def _run_in(directory: str) -> WriterRun:
    place = os.path.realpath(directory)
    return _runs.get(place) or _runs.setdefault(place, WriterRun(Path(directory)))


def _holder_before_us(directory: Path) -> str | None:
    """Who logs in the directory, if we were started by that process; else None."""
    holder = holder_of(directory)
    pid, ours = os.getppid(), f"on host {socket.gethostname()}"
    while pid > 1 and holder.endswith(ours):
        if holder == f"process {pid} {ours}":
            return holder
        pid = _parent_of(pid)
    return None


def _parent_of(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    return 0


def _first_row(table: Path) -> dict[str, str]:
    with (
        contextlib.suppress(OSError, UnicodeDecodeError, csv.Error),
        open(table, newline="", opener=open_plain) as file,
    ):
        for row in csv.DictReader(() if is_sparse(file.fileno()) else file):
            return {tag: cell for tag, cell in row.items() if cell}
    return {}
