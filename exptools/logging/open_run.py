"""A run that is open: the rows that have not ended, and the files to which they go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, SupportsIndex

from exptools.logging.append_file import LoggingError, naming
from exptools.logging.csv_writer import CsvWriter, set_aside
from exptools.logging.rows import Number, OpenRows, Row, as_step, check_tag
from exptools.logging.run_lock import RunLock
from exptools.rundir import PROGRESS_CSV


class _Writer(Protocol):
    path: Path

    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


class OpenRun:
    """A run directory that this process, and no other, writes to.

    Raises:
        LoggingError: a file cannot be made, or another process logs in the directory.
    """

    def __init__(self, directory: Path) -> None:
        # Here, for TensorBoard takes longer to import than everything else together.
        from exptools.logging.tensorboard_writer import TensorBoardWriter

        self.directory = directory
        self._rows = OpenRows()
        self._tags: set[str] = set()
        with naming(directory):
            directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as files:
            files.callback(RunLock(directory).release)
            set_aside(directory / PROGRESS_CSV)
            self._writers: list[_Writer] = []
            self._add_writer(CsvWriter(directory / PROGRESS_CSV), files)
            self._add_writer(TensorBoardWriter(directory), files)
            self._files = files.pop_all()

    def checked(self, tag: str) -> str:
        """The tag, if it can name a scalar; see ``check_tag`` for what is raised."""
        if type(tag) is not str or tag not in self._tags:
            self._tags.add(check_tag(tag))
        return tag

    def log(self, scalars: Mapping[str, Number], step: SupportsIndex | None) -> None:
        """Put numbers into the row of a step, or into the current one.

        Raises:
            TypeError, ValueError: it is no step.
            LoggingError: a row that this step ends is lost; the numbers are kept all the same.
        """
        at = None if step is None else as_step(step)
        try:
            if at is not None and self._rows.ended_by(at):
                self.end_row(None)
        finally:
            self._rows.at(at).update(scalars)

    def end_row(self, step: int | None) -> None:
        """Write the rows that are open.

        Raises:
            LoggingError: a file lacks a row now; the message says which file lacks and has it.
        """
        rows = self._rows.end(step, time.time())
        lost = {writer.path: _write(writer, rows) for writer in self._writers}
        if any(lost.values()):
            raise _report(lost)

    def close(self) -> None:
        """Write what is open, and let others log here.

        Raises:
            LoggingError: as ``end_row``; the run is closed all the same.
        """
        with self._files:
            self.end_row(None)

    def _add_writer(self, writer: _Writer, files: ExitStack) -> None:
        self._writers.append(writer)
        files.callback(writer.close)


_Lost = dict[int, LoggingError]  # step of a row → why the file lacks it


def _write(writer: _Writer, rows: Sequence[Row]) -> _Lost:
    lost: _Lost = {}
    for row in rows:
        try:
            writer.write(row)
        except LoggingError as error:  # the other rows and files may fare better
            lost[row.step] = error
    return lost


def _report(lost: Mapping[Path, _Lost]) -> LoggingError:
    """One error for all files: what the first one lacks, and how the others fared."""
    first = next(path for path in lost if lost[path])
    error = next(iter(lost[first].values()))
    parts = [f"{error.strerror}; this file lacks {_rows(lost[first])}"]
    for path in (path for path in lost if path != first):
        parts.append(f"{path.name} {f'lacks {_rows(lost[path])}' if lost[path] else 'has it'}")
    report = LoggingError(error.errno, ", ".join(parts), str(first))
    report.__cause__ = error
    return report


def _rows(lost: _Lost) -> str:
    steps = ", ".join(map(str, lost))
    return f"the row of step {steps}" if len(lost) == 1 else f"the rows of steps {steps}"
