"""A run that is open: the rows that have not ended, and the files to which they go."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

from exptools.logging.errors import (
    LoggingError,
    UnwrittenRows,
    as_logging_error,
    unwritten_rows_error,
)
from exptools.logging.media.store import index_size, write_medium
from exptools.logging.rows.row import Number, OpenRows, Row, as_step
from exptools.logging.run.attempts import end_attempts_before
from exptools.logging.run.environment import is_silent
from exptools.logging.run.locks import Attempt, RowLock, RunLock
from exptools.logging.snapshots.directory import SnapshotDirectory, StoredSnapshot
from exptools.logging.snapshots.policy import SnapshotPolicy
from exptools.logging.writers.console import Console
from exptools.logging.writers.csv import CsvWriter
from exptools.logging.writers.tensorboard import TensorBoardWriter, new_event_file
from exptools.rundir import MEDIA_INDEX, PROGRESS_CSV, ROW_LOCK, SNAPSHOTS_DIR

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

    from exptools.logging.media.store import EncodedMedium

_MOST_WAITING = 100  # media, before they are written without a row


class _WaitingMedium(NamedTuple):
    """What TensorBoard gets of a medium as soon as there is an event file."""

    summaries: Sequence[Summary.Value]
    step: int
    wall_time: float  # Unix seconds


class OpenRun:
    """A run directory that this process writes to.

    Its holder keeps other runs out. Processes that the holder forks or starts are members of the
    run: they write to the same files, in turns with it.

    Where rows of an earlier attempt stand, nothing is touched before the first row ends: until
    then :meth:`resume` can say that they go on, and TensorBoard's part of media has to wait.

    Args:
        directory: the run directory, made where it is missing.
        member: whether another process holds it.
        attempt: names the attempt, where several processes hold the directory in turn during one;
            "" is one that is none of the others, None the one that is going on.

    Raises:
        LoggingError: a file cannot be made, or another process logs in the directory.
    """

    def __init__(self, directory: Path, *, member: bool = False, attempt: str | None = "") -> None:
        self.directory = directory
        self.rows = OpenRows()
        self.is_member = member
        self.choose_snapshots(SnapshotPolicy())
        self.console = Console(None)
        self._has_hparams = False
        self._last_row: Row | None = None  # of those that have ended
        self._ended_rows: list[Row] = []  # those that are not written yet
        self._is_writing = False
        self._has_resumed = False  # by this process's word
        self._waiting_media: list[_WaitingMedium] = []
        self._writers: tuple[CsvWriter, TensorBoardWriter] | None = None  # before the first row
        self._lock = None
        if not member:
            with as_logging_error(directory):
                directory.mkdir(parents=True, exist_ok=True)
            self._lock = RunLock(directory)
        try:
            self._turn = RowLock(directory / ROW_LOCK, member=member)
            if not member:
                if attempt is not None:
                    size = index_size(directory)
                    self._turn.begin(Attempt(attempt, index_size=size))
                if not any((directory / name).exists() for name in (PROGRESS_CSV, MEDIA_INDEX)):
                    self._begin(0)  # so that what cannot be written is known at once
        except BaseException:
            self._release()
            raise

    def put(
        self, scalars: Mapping[str, Number], step: SupportsIndex | None, *, mean: bool = False
    ) -> None:
        """Put numbers into the row of a step, or the current one; a later step ends that.

        Of no numbers, because a throttle has dropped them all, nothing is put, nor ended.

        Raises:
            TypeError, ValueError: it is no step.
            LoggingError: a row that this step ends is not written; the numbers are kept all the
                same.
        """
        if not scalars:
            return
        at = None if step is None else as_step(step)
        try:
            if at is not None and self.rows.ended_by(at):
                self.end_row()
        finally:
            row = self.rows.current if at is None else self.rows.at(at)
            if mean:
                for tag, value in scalars.items():
                    row.add(tag, value)
            else:
                row.scalars.update(scalars)

    def end_row(self, step: int | None = None) -> None:
        """Write the rows that are open.

        Raises:
            LoggingError: a file lacks a row now; the message says which file lacks and has it.
        """
        self._ended_rows += self.rows.end(step, time.time())
        if self.is_member and is_silent():
            self._ended_rows.clear()
        if not self._ended_rows or (self._is_writing and _is_called_by_itself()):
            return  # a signal has interrupted the writing, which takes its handler's rows, too
        unwritten: UnwrittenRows = {}
        try:
            self._is_writing = True
            with self._turn:
                while self._ended_rows:
                    rows, self._ended_rows = self._ended_rows, []
                    self._write(rows, unwritten)
                    self._last_row = rows[-1]
        finally:
            self._is_writing = False
        if self._last_row is not None and self._last_row.wall_time >= self.console.due:
            self.console.show(self._last_row)
        if unwritten:
            files = [writer.path for writer in self._writers or ()]
            raise unwritten_rows_error(unwritten, files)

    @property
    def step(self) -> int:
        """The step that the current row has, or will have."""
        return self.rows.count if self.rows.step is None else self.rows.step

    def add_medium(self, tag: str, medium: EncodedMedium, step: int | None) -> None:
        """Write what is no scalar to ``media/`` and the event file, for a step or the current one.

        Raises:
            LoggingError: it cannot be written.
        """
        if self.is_member and is_silent():
            return
        at = self.step if step is None else step
        wall_time = time.time()
        write_medium(self.directory, tag, at, medium, wall_time)
        # TensorBoard's table of hyperparameters wants to know how the run ended, too.
        self._has_hparams |= medium.kind == "hparams"
        self._waiting_media.append(_WaitingMedium(medium.summaries, at, wall_time))
        with self._turn:
            has_begun = self._writers or self._turn.attempt.event_file
            if has_begun or len(self._waiting_media) > _MOST_WAITING:
                self._show_waiting()

    def save_snapshot(self, state: object, itr: SupportsIndex) -> Path | None:
        """Save a state with the step of the last row; see :meth:`SnapshotDirectory.save`."""
        row = self.rows.step
        return self.snapshots.save(state, itr, self.rows.count - 1 if row is None else row)

    def load_snapshot(self, itr: SupportsIndex | None, map_location: Any) -> StoredSnapshot | None:
        """Load a snapshot; before the first row the run goes on from there."""
        snapshot = self.snapshots.load(itr, map_location)
        if snapshot is not None and self._writers is None:
            step = snapshot.itr if snapshot.row is None else snapshot.row
            if step is not None:
                self.resume(step)
        return snapshot

    def choose_snapshots(self, policy: SnapshotPolicy) -> None:
        """Keep snapshots by this policy from now on."""
        self.snapshots = SnapshotDirectory(self.directory / SNAPSHOTS_DIR, policy)

    def resume(self, step: int) -> None:
        """Go on behind a step of the attempt before: later rows of it are set aside.

        So are those at and after the first step that is logged now, should it be earlier.
        """
        self.rows.count = step + 1
        self._has_resumed = True
        with self._turn:
            attempt = self._turn.attempt
            if not attempt.event_file:
                self._turn.attempt = attempt._replace(resumed=step)

    def after_fork(self) -> None:
        """In a forked child: be a member, and leave to the parent the rows that it has begun.

        Raises:
            LoggingError: the directory is gone.
        """
        self.is_member, self._lock = True, None
        self._turn.drop()  # the parent's: its lock counts for both
        self._turn = RowLock(self._turn.path, member=True)
        self._writers = None  # a thread of the parent may have been using them
        self.rows = OpenRows(self.rows.count)
        self._ended_rows, self._waiting_media = [], []
        self._is_writing = self._has_resumed = self._has_hparams = False
        self.console = Console(None)

    def close(self, *, succeeded: bool = True) -> None:
        """Write what is open, and let others log here.

        Raises:
            LoggingError: as ``end_row``; the run is closed all the same.
        """
        try:
            self.end_row()
            if self._waiting_media and not self.is_member:
                with self._turn:
                    self._show_waiting()
            if self._has_hparams and self._writers is not None:
                from exptools.logging.media.hparams import hparams_end

                end = hparams_end(succeeded=succeeded)
                self._writers[1].write_summary([end], self.step, time.time())
        finally:
            self._release()
            if self._last_row is not None:  # lest anybody take an earlier one for it
                self.console.show(self._last_row)

    def _release(self) -> None:
        for writer in self._writers or ():
            writer.close()
        if hasattr(self, "_turn"):
            self._turn.close()
        if self._lock is not None:
            self._lock.release()

    def _show_waiting(self) -> None:
        events = (self._writers or self._begin(self.step))[1]
        while self._waiting_media:
            medium = self._waiting_media.pop(0)
            if medium.summaries:  # TensorBoard does not show all kinds
                events.write_summary(*medium)

    def _write(self, rows: Sequence[Row], unwritten: UnwrittenRows) -> None:
        try:
            writers = self._writers
            if writers is None:
                writers = self._begin(rows[0].step)
                self._show_waiting()
        except LoggingError as error:
            unwritten[Path(error.filename)] = dict.fromkeys((row.step for row in rows), error)
            return
        for row in rows:
            for writer in writers:
                try:
                    writer.write(row)
                except LoggingError as error:  # the other rows and files may fare better
                    unwritten.setdefault(writer.path, {})[row.step] = error

    def _begin(self, first_step: int) -> tuple[CsvWriter, TensorBoardWriter]:
        """Open the files for the first row, in our turn to write."""
        table = self.directory / PROGRESS_CSV
        attempt = self._turn.attempt
        name = attempt.event_file
        has_begun = bool(name)  # in another process of the run
        events = self.directory / name if name else new_event_file(self.directory)
        purge_from = None
        if not has_begun:
            purge_from = end_attempts_before(
                self.directory, attempt, first_step, may_go_back=self._has_resumed
            )
        csv = CsvWriter(table, keep=has_begun or table.exists())
        try:
            self._writers = csv, TensorBoardWriter(events, keep=has_begun, purge_from=purge_from)
        except BaseException:
            csv.close()
            raise
        self._turn.attempt = attempt._replace(event_file=events.name)
        return self._writers


def _is_called_by_itself() -> bool:
    """Whether the function that asks runs twice, the second time from within the first."""
    inner = sys._getframe(1)
    outer = inner.f_back
    while outer is not None and outer.f_code is not inner.f_code:
        outer = outer.f_back
    return outer is not None
