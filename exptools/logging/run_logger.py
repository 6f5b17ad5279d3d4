"""The logger: scalars from anywhere in the user's code to the run that is open.

from exptools import logger

for step in range(1000):
    logger.log_scalar("train/loss", loss, step)
    logger.dump()
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, SupportsIndex

from exptools.logging.append_file import LoggingError, naming
from exptools.logging.csv_writer import CsvWriter, set_aside
from exptools.logging.rows import Number, OpenRows, Row, as_number, as_step, check_tag
from exptools.rundir import PROGRESS_CSV

if TYPE_CHECKING:
    from exptools.logging.callback import HydraRun

_NO_RUN = (
    "nothing is logged, for no run is open: open one with logger.open(directory), "
    "or log inside a Hydra job (hydra/callbacks=exptools also records the job's state)"
)


class Logger:
    """Logs scalars to ``progress.csv`` and TensorBoard files in a run directory.

    A row is a step: :meth:`dump` ends it, and so does a value of a later step. A value of an
    earlier step gets a row of its own; a tag logged again in one row keeps its last value.
    When a row has ended it is on its way to the disk: the death of the process loses nothing.

    Inside a Hydra job the run directory is found by itself. Methods may be called from any
    thread; a forked child must open a directory of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._run: _OpenRun | None = None
        self._hydra_run: HydraRun | None = None  # the job in whose directory we opened by ourselves
        self._closed_config: object = None  # of the Hydra job during which close() was called
        self._failure: Exception | None = None  # why there is no run although there should be
        self._has_warned = False
        os.register_at_fork(after_in_child=self._after_fork)

    def __reduce__(self) -> str:
        # By name, so that a pickled task function finds the logger of the process it wakes up in.
        return "logger"

    @property
    def is_open(self) -> bool:
        """Whether a run is open."""
        return self._run is not None

    @property
    def directory(self) -> Path | None:
        """The directory of the open run, None where none is open."""
        return self._run.directory if self._run else None

    def open(self, directory: str | os.PathLike[str]) -> None:
        """Start a run in a directory, which is made where it is missing; ends the run before it.

        Rows that ``progress.csv`` already holds move to ``progress.<attempt>.csv``.

        Raises:
            LoggingError: a file cannot be made. Until another run is opened, every attempt to log
                raises it again, in case that the caller has swallowed it.
        """
        with self._lock:
            self._end_run()
            try:
                self._run = _OpenRun(Path(directory).absolute())
            except Exception as error:
                self._failure = error
                raise
            self._has_warned = False
            atexit.register(self.close)

    def close(self) -> None:
        """End the run, writing the row that is pending. Without a run it does nothing.

        Raises:
            LoggingError: the pending row cannot be written; the run is closed all the same.
        """
        with self._lock:
            job = _current_hydra_run()
            self._closed_config = job.config if job else None
            self._end_run()

    def log_scalar(self, tag: str, value: object, step: SupportsIndex | None = None) -> None:
        """Put a number into the current row, or into the row of a step.

        Args:
            tag: the column's name; slashes group curves in the viewers.
            value: int, float or bool, or an array or tensor of one element.
            step: an integer; None means the current row, whose steps are counted 0, 1, 2, …

        Raises:
            TypeError: the tag is no text, the value no number or the step no integer.
            ValueError: the value holds several numbers, or the tag is empty or taken.
            LoggingError: a later step ended a row that cannot be written.
        """
        with self._lock:
            run = self._open_run()
            if run is not None:
                run.log({run.checked(tag): as_number(tag, value)}, step)

    def log_scalars(self, scalars: Mapping[str, object], step: SupportsIndex | None = None) -> None:
        """Put several numbers, by their tags, into one row: all or, if one is refused, none.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`log_scalar`.
        """
        with self._lock:
            run = self._open_run()
            if run is not None:
                run.log({run.checked(tag): as_number(tag, v) for tag, v in scalars.items()}, step)

    def dump(self, step: SupportsIndex | None = None) -> None:
        """End the row and write it; when this returns, the operating system has it.

        Args:
            step: the row's step, if no value in it was logged with one; None counts on.

        Raises:
            TypeError: the step is no integer.
            LoggingError: the row cannot be written; the rows before it are as they were.
        """
        with self._lock:
            run = self._open_run()
            if run is not None:
                run.end_row(None if step is None else as_step(step))

    def _open_run(self) -> _OpenRun | None:
        if self._hydra_run is not None and not self._hydra_run.is_current():
            self._follow_hydra()
        if self._run is None:
            self._open_in_hydra_job()
        return self._run

    def _follow_hydra(self) -> None:
        # Hydra's basic launcher runs one job after the other in this process.
        now = _current_hydra_run()
        if now is not None and now.directory == self.directory:
            self._hydra_run = now
        else:
            self._end_run()

    def _open_in_hydra_job(self) -> None:
        if self._failure is not None:
            raise self._failure
        job = _current_hydra_run()
        if job is not None and job.config is not self._closed_config:
            self.open(job.directory)
            self._hydra_run = job
        elif not self._has_warned:
            self._has_warned = True
            warnings.warn(_NO_RUN, stacklevel=4)

    def _end_run(self) -> None:
        run, self._run = self._run, None
        self._hydra_run = self._failure = None
        atexit.unregister(self.close)
        if run is not None:
            run.close()

    def _after_fork(self) -> None:
        self._lock = threading.RLock()  # the parent's may be held by a thread that is not here
        if self._run is not None:
            where = str(self._run.directory)
            self._run = self._hydra_run = None
            message = "this process was forked from the one that logs here, which alone may log"
            self._failure = LoggingError(None, message, where)


class _Writer(Protocol):
    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


class _OpenRun:
    """A run directory that is being written to: its open rows and its files."""

    def __init__(self, directory: Path) -> None:
        # Here, for TensorBoard takes longer to import than everything else together.
        from exptools.logging.tensorboard_writer import TensorBoardWriter

        self.directory = directory
        self._rows = OpenRows()
        self._tags: set[str] = set()
        with naming(directory):
            directory.mkdir(parents=True, exist_ok=True)
        set_aside(directory / PROGRESS_CSV)
        with ExitStack() as files:
            self._writers: list[_Writer] = []
            self._add_writer(CsvWriter(directory / PROGRESS_CSV), files)
            self._add_writer(TensorBoardWriter(directory), files)
            self._files = files.pop_all()

    def checked(self, tag: str) -> str:
        if type(tag) is not str or tag not in self._tags:
            self._tags.add(check_tag(tag))
        return tag

    def log(self, scalars: Mapping[str, Number], step: SupportsIndex | None) -> None:
        at = None if step is None else as_step(step)
        if at is not None and self._rows.ended_by(at):
            self.end_row(None)
        self._rows.at(at).update(scalars)

    def end_row(self, step: int | None) -> None:
        for row in self._rows.end(step, time.time()):
            for writer in self._writers:
                writer.write(row)

    def close(self) -> None:
        with self._files:
            self.end_row(None)

    def _add_writer(self, writer: _Writer, files: ExitStack) -> None:
        self._writers.append(writer)
        files.callback(writer.close)


def _current_hydra_run() -> HydraRun | None:
    if "hydra.core.hydra_config" not in sys.modules:
        return None  # and Hydra is not imported just to learn that
    from exptools.logging.callback import current_hydra_run

    return current_hydra_run()


logger = Logger()
