"""Where the rows and media of an attempt go: ``progress.csv`` and its event file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from exptools.logging.errors import LoggingError, UnwrittenRows, as_logging_error
from exptools.logging.rows.row import Row
from exptools.logging.run.earlier.attempts import end_attempts_before
from exptools.logging.run.row_lock import RowLock
from exptools.logging.writers.csv import CsvWriter
from exptools.logging.writers.tensorboard import TensorBoardWriter, new_event_file
from exptools.rundir import PROGRESS_CSV

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

_MOST_WAITING = 100  # media, before they are written without a row


class WaitingMedium(NamedTuple):
    """What TensorBoard gets of a medium as soon as there is an event file."""

    summaries: Sequence[Summary.Value]
    step: int
    wall_time: float  # Unix seconds


class RunFiles:
    """The files of an attempt, which are opened for its first row, in whichever process that ends.

    All methods but :meth:`close` want the process to have its turn to write.
    """

    def __init__(self, directory: Path, turn: RowLock) -> None:
        self.has_resumed = False  # by this process's word
        self._directory = directory
        self._turn = turn
        turn.at_new_attempt = self.leave
        self._writers: tuple[CsvWriter, TensorBoardWriter] | None = None  # before the first row
        self._waiting: list[WaitingMedium] = []

    @property
    def has_begun(self) -> bool:
        """Whether a row of this attempt has ended, in whichever process."""
        return self._writers is not None or bool(self._turn.attempt.event_file)

    @property
    def paths(self) -> list[Path]:
        """Those of the files that are open."""
        return [writer.path for writer in self._writers or ()]

    def begin(self, first_rows: Sequence[Row]) -> tuple[CsvWriter, TensorBoardWriter]:
        """Open the files for the first rows.

        Raises:
            LoggingError: a file cannot be made, or what is there not set aside.
        """
        table = self._directory / PROGRESS_CSV
        attempt = self._turn.attempt
        name = attempt.event_file
        has_begun = bool(name)  # in another process of the run
        purge = None
        with as_logging_error(self._directory):
            events = self._directory / name if name else new_event_file(self._directory)
            if not has_begun:
                purge = end_attempts_before(
                    self._directory, self._turn, first_rows, may_go_back=self.has_resumed
                )
        csv = CsvWriter(table, keep=has_begun or table.exists())
        try:
            self._writers = csv, TensorBoardWriter(events, keep=has_begun, purge=purge)
        except BaseException:
            csv.close()
            raise
        self._turn.attempt = attempt._replace(event_file=events.name)
        return self._writers

    def write(self, rows: Sequence[Row], unwritten: UnwrittenRows) -> None:
        """Write rows; what a file lacks goes into ``unwritten``."""
        try:
            writers = self._writers
            if writers is None:
                writers = self.begin(rows)
                self.show_waiting(rows[0].step)
        except LoggingError as error:
            unwritten[Path(error.filename)] = dict.fromkeys((row.step for row in rows), error)
            return
        for row in rows:
            for writer in writers:
                try:
                    writer.write(row)
                except LoggingError as error:  # the other rows and files may fare better
                    unwritten.setdefault(writer.path, {})[row.step] = error

    def look_at_the_others(self, unwritten: UnwrittenRows) -> None:
        """Find those of which nobody has noticed yet that they are gone with what they hold."""
        steps = next(iter(unwritten.values()))
        for writer in self._writers or ():
            if writer.path not in unwritten:
                try:
                    writer.look()
                except LoggingError as error:
                    unwritten[writer.path] = dict.fromkeys(steps, error)

    def show(self, medium: WaitingMedium, step: int, *, may_begin: bool = True) -> None:
        """Give TensorBoard a medium, as soon as it is clear which rows of before this continues.

        Of too many that wait before, one that may begin makes it clear, with ``step`` as that of
        the first row, and another is left out.

        Raises:
            LoggingError: it cannot be written.
        """
        has_begun, is_full = self.has_begun, len(self._waiting) >= _MOST_WAITING
        if has_begun or may_begin or not is_full:
            self._waiting.append(medium)
        if has_begun or (may_begin and is_full):
            self.show_waiting(step)

    def show_waiting(self, step: int) -> None:
        """Give TensorBoard all media that wait; ``step`` is that of the first row, if it begins.

        Raises:
            LoggingError: they cannot be written.
        """
        if not self._waiting:
            return
        events = (self._writers or self.begin([Row(step, time.time(), {})]))[1]
        while self._waiting:
            medium = self._waiting.pop(0)
            if medium.summaries:  # TensorBoard does not show all kinds
                events.write_summary(*medium)

    def end_hparams(self, step: int, *, succeeded: bool) -> None:
        """Say in TensorBoard's table of hyperparameters how the run ended.

        Raises:
            LoggingError: it cannot be written.
        """
        if self._writers is None:
            return
        events = self._writers[1]
        with as_logging_error(events.path):
            from exptools.logging.media.hparams import hparams_end

            events.write_summary([hparams_end(succeeded=succeeded)], step, time.time())

    def leave(self) -> None:
        """Close the files of an attempt after which the same process has begun another one."""
        self.close()
        self._writers = None

    def close(self) -> None:
        """Close the files; nothing is pending but media that were never shown."""
        for writer in self._writers or ():
            writer.close()
