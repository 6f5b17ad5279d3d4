"""A run that is open: the rows that have not ended, and the files to which they go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

from exptools.logging.errors import (
    LoggingError,
    UnwrittenRows,
    as_logging_error,
    unwritten_rows_error,
)
from exptools.logging.media.store import MediaStore, add_to_index, encode_text, index_size
from exptools.logging.rows.row import Number, OpenRows, PendingRow, Row, as_step
from exptools.logging.run.earlier.attempts import remove_what_was_written_aside
from exptools.logging.run.earlier.continuing import going_on, position_now
from exptools.logging.run.earlier.position import Position, last_row_of, locate
from exptools.logging.run.environment import attempt_of_starter
from exptools.logging.run.files import RunFiles, WaitingMedium
from exptools.logging.run.ranks import silent_rank
from exptools.logging.run.row_lock import Attempt, AttemptIsOver, RowLock
from exptools.logging.run.run_lock import RunLock
from exptools.logging.run.signals import is_called_by_itself
from exptools.logging.run.values import add_values, keep_values
from exptools.logging.snapshots.directory import SnapshotDirectory, StoredSnapshot
from exptools.logging.snapshots.policy import SnapshotPolicy
from exptools.logging.writers.console import Console
from exptools.logging.writers.lines import append_line
from exptools.rundir import DEBUG_LOG, MEDIA_INDEX, PROGRESS_CSV, ROW_LOCK, SNAPSHOTS_DIR

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

    from exptools.logging.media.store import MediaRecord

LINES = "text"  # TensorBoard's name for the lines that were logged


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
        self.all_ranks = False  # whether members log whatever their rank is
        self.media = MediaStore(directory)
        self._has_hparams = self._is_closed = False
        self._last_row: Row | None = None  # of those that have ended
        self._ended_rows: list[Row] = []  # those that are not written yet
        self._is_writing = False
        self._only_adds = False  # to earlier attempts, of which all counts
        self._restored: list[PendingRow] = []  # of a snapshot, until something is logged
        # Of the snapshot from which the attempt goes on, with the rows that have ended since.
        self._loaded: Position | None = None
        self._cuts_nothing = False  # of the table, for the snapshot was saved at its end
        self._lock = None
        if not member:
            with as_logging_error(directory):
                directory.mkdir(parents=True, exist_ok=True)
            self._lock = RunLock(directory)
        try:
            self._turn = RowLock(directory / ROW_LOCK, member=member)
            self._files = RunFiles(directory, self._turn)
            if not member:
                remove_what_was_written_aside(directory)
                if attempt is not None:
                    with as_logging_error(directory):
                        size = index_size(directory)
                    with self._turn:
                        self._turn.begin(Attempt.new(attempt, size))
                if not any((directory / name).exists() for name in (PROGRESS_CSV, MEDIA_INDEX)):
                    with self._turn:
                        self._files.begin([])  # so that what cannot be written is known at once
            self._turn.join(attempt_of_starter(directory) if member else None)
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
        if self._restored and at is not None:
            self._open_again()
        try:
            if at is not None and self.rows.ended_by(scalars, at):
                self.end_row()
        finally:
            row = self.rows.current if at is None else self.rows.at(scalars, at)
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
        now = time.time()
        if self._restored and self.rows.pending():
            self._end_restored(now)
        self._ended_rows += self.rows.end(step, now)
        if self.is_muted:
            self._ended_rows.clear()
        if not self._ended_rows or (self._is_writing and is_called_by_itself()):
            return  # a signal has interrupted the writing, which takes its handler's rows, too
        unwritten: UnwrittenRows = {}
        try:
            self._is_writing = True
            with self._turn:
                while self._ended_rows:
                    rows, self._ended_rows = self._ended_rows, []
                    self._files.write(rows, unwritten)
                    self._last_row = rows[-1]
        except AttemptIsOver:
            self._ended_rows.clear()  # nobody will ever take them
            raise
        finally:
            self._is_writing = False
        if self._last_row is not None and time.monotonic() >= self.console.due:
            self.console.show(self._last_row)
        if unwritten:
            self._files.look_at_the_others(unwritten)
            raise unwritten_rows_error(unwritten, self._files.paths)

    @property
    def whose(self) -> str:
        """To which attempt, of which process, what is logged here belongs."""
        return self._turn.whose

    @property
    def step(self) -> int:
        """The step that the current row has, or will have."""
        return self.rows.count if self.rows.step is None else self.rows.step

    @property
    def is_muted(self) -> bool:
        """Whether nothing is logged here, for the process is a rank that leaves it to another."""
        return self.is_member and not self.all_ranks and silent_rank() is not None

    def add_medium(self, record: MediaRecord, summaries: Sequence[Summary.Value]) -> None:
        """Take a medium, whose file is written, into the index and the event file.

        Raises:
            LoggingError: it is not in the index, or not in the event file.
        """
        if self._is_closed:  # by whoever gave us the medium, while it was encoded
            raise LoggingError(None, "the run was closed meanwhile", str(self.directory))
        # TensorBoard's table of hyperparameters wants to know how the run ended, too.
        self._has_hparams |= record.kind == "hparams"
        with self._turn:
            add_to_index(self.directory, record)
            medium = WaitingMedium(summaries, record.step, record.wall_time)
            self._files.show(medium, self.step)

    def add_line(self, line: str, step: int | None, path: Path | None) -> None:
        """Append a line to a file, None means ``debug.log``, and show it in the event file.

        Raises:
            LoggingError: it is not in the file, or not in the event file.
        """
        at = self.step if step is None else step
        summaries = encode_text(LINES, line).summaries
        with self._turn:
            append_line(path or self.directory / DEBUG_LOG, line, self.directory)
            medium = WaitingMedium(summaries, at, time.time())
            self._files.show(medium, self.step, may_begin=False)

    def add_embedding(self, entry: EmbeddingInfo) -> None:
        """Have TensorBoard's projector show an embedding, whose files are written.

        Raises:
            LoggingError: the projector's config cannot be written.
        """
        from exptools.logging.media.embeddings import add_to_projector

        with self._turn:
            add_to_projector(self.directory, entry)

    def show(self, summaries: Sequence[Summary.Value], step: int | None) -> None:
        """Write what only TensorBoard shows to the event file, for a step or the current one.

        Raises:
            LoggingError: it cannot be written.
        """
        at = self.step if step is None else step
        with self._turn:
            self._files.show(WaitingMedium(summaries, at, time.time()), self.step)

    def add_values(self, **values: Mapping[str, Any]) -> None:
        """Add to the ``config`` or the ``summary`` of the run; see the function of that name.

        Raises:
            LoggingError: it cannot be written.
        """
        if self.is_muted:
            return
        with self._turn:
            add_values(self.directory, self._turn.attempt, **values)

    def save_snapshot(self, state: object, itr: SupportsIndex) -> Path | None:
        """Save a state and how far the run has come; see :meth:`SnapshotDirectory.save`."""
        row = self.rows.step
        position = self._position()
        plain = None if position is None else position.plain()
        return self.snapshots.save(state, itr, self.rows.count - 1 if row is None else row, plain)

    def load_snapshot(self, itr: SupportsIndex | None, map_location: Any) -> StoredSnapshot | None:
        """Load a snapshot; before the first row the run goes on from there."""
        snapshot = self.snapshots.load(itr, map_location)
        if snapshot is not None and not self.has_ended_rows:
            step = snapshot.itr if snapshot.row is None else snapshot.row
            if step is not None:
                self.resume(step, Position.of(snapshot.position))
        return snapshot

    def choose_snapshots(self, policy: SnapshotPolicy) -> None:
        """Keep snapshots by this policy from now on."""
        # The turn is another one after a fork.
        self.snapshots = SnapshotDirectory(
            self.directory / SNAPSHOTS_DIR, policy, turn=lambda: self._turn
        )

    @property
    def has_ended_rows(self) -> bool:
        """Whether a row of this process has ended."""
        return self._last_row is not None

    @property
    def may_resume(self) -> bool:
        """Whether it may yet be said from where the attempt goes on."""
        return self._only_adds or not self.has_ended_rows

    @property
    def has_begun(self) -> bool:
        """Whether a row of this attempt has ended, in whichever process."""
        with self._turn:
            return self._files.has_begun

    def resume(self, step: int, position: Position | None = None) -> None:
        """Go on behind a step of the attempt before: later rows of it are set aside.

        So are those that the first new rows replace, should their steps be earlier. With the
        position of a snapshot the rows count that had ended when it was saved, whatever their
        steps; and what the open ones held then is not lost. When a row has ended, this does
        nothing: the attempt has begun.
        """
        if not self.may_resume:
            return
        if self.has_ended_rows:
            self._begin_anew()
        self._only_adds = False
        self._files.has_resumed, self.rows.count = True, step + 1
        self._restored, self._loaded, self._cuts_nothing = [], None, False
        with self._turn:
            attempt = self._turn.attempt
            if attempt.event_file:
                return
            is_told = self.is_member and attempt.resumed is not None  # by who writes those rows
            table = self.directory / PROGRESS_CSV
            place = None if position is None else locate(table, position)
            if position is not None and place is not None:
                ended = tuple(row for row in position.pending if row not in place.missing)
                self._restored = [] if is_told else place.missing
                self._loaded = replace(position, pending=ended)
                self._cuts_nothing = place.is_at_end
                if place.missing:
                    self.rows.count = position.count
            attempt = going_on(attempt, step, position, place)
            self._turn.attempt = attempt
            keep_values(self.directory, attempt)

    def resume_at_end(self) -> None:
        """Go on behind all that is there, whatever steps come, until :meth:`resume` says better.

        If the attempt has begun otherwise, this does nothing.
        """
        with self._turn:
            is_decided = self._files.has_begun or self._turn.attempt.resumed is not None
            last = last_row_of(self.directory / PROGRESS_CSV)
        if last is not None and not is_decided:
            self.resume(last[0], Position(last, index_size(self.directory), last[0] + 1))
            self._files.has_resumed = False  # no row replaces any
            self._only_adds = True

    def _begin_anew(self) -> None:
        with self._turn:
            size, name = index_size(self.directory), self._turn.attempt.name
            self._turn.attempt = Attempt.new(name, size)
            self._files.leave()
        self._turn.join()
        self._last_row = None

    def after_fork(self) -> None:
        """In a forked child: be a member, and leave to the parent the rows that it has begun.

        Raises:
            LoggingError: the directory is gone.
        """
        self.is_member, self._lock = True, None
        parent = self._turn
        parent.drop()  # its lock counts for both
        self._turn = RowLock(parent.path, member=True)
        self._turn.join(parent.whose)
        # A thread of the parent may have been using its files.
        self._files = RunFiles(self.directory, self._turn)
        self.rows = OpenRows(self.rows.count)
        self._ended_rows, self._restored = [], []
        self._is_writing = self._has_hparams = False
        self.console = Console(None)

    def close(self, *, succeeded: bool = True) -> None:
        """Write what is open, and let others log here.

        Raises:
            LoggingError: as ``end_row``; the run is closed all the same.
        """
        try:
            # Of a program that had only these left to write.
            if self._cuts_nothing and not self.is_member:
                self._end_restored(time.time())
            self.end_row()
            if not self.is_member:
                with self._turn:
                    self._files.show_waiting(self.step)
            if self._has_hparams:
                with self._turn:
                    self._files.end_hparams(self.step, succeeded=succeeded)
        finally:
            self._release()
            if self._last_row is not None:  # lest anybody take an earlier one for it
                self.console.show(self._last_row)

    def _release(self) -> None:
        self._is_closed = True
        if hasattr(self, "_files"):
            self._files.close()
        if hasattr(self, "_turn"):
            self._turn.close()
        if self._lock is not None:
            self._lock.release()

    def _open_again(self) -> None:
        """Open the rows again that were open when the snapshot was saved, and had a step."""
        again = [row for row in self._restored if row.step is not None]
        self._restored = [row for row in self._restored if row.step is None]
        self.rows.restore(again)

    def _end_restored(self, wall_time: float) -> None:
        """End the rows of the snapshot that are not open again, before the new ones."""
        restored, self._restored = self._restored, []
        for row in restored:
            step = self.rows.count if row.step is None else row.step
            self._ended_rows.append(Row(step, wall_time, row.scalars))
            self.rows.count = max(self.rows.count, step + 1)

    def _position(self) -> Position | None:
        """How far the run has come; None where only the step is known."""
        pending = (*self._restored, *self.rows.pending())
        with self._turn:
            attempt = self._turn.attempt
            return position_now(self.directory, attempt, self._loaded, pending, self.rows.count)
