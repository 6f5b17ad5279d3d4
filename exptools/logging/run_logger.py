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
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

from exptools.logging.append_file import LoggingError
from exptools.logging.open_run import OpenRun
from exptools.logging.rows import as_number, as_step

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

    Inside a Hydra job the run directory is found by itself; a run that was opened by hand before
    goes on in the job, unless hydra/callbacks=exptools opens the job's directory. One process logs
    in a directory at a time. Methods may be called from any thread; a forked child must open a
    directory of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._run: OpenRun | None = None
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
        """Whether a run's files are open; inside a Hydra job the first log call opens them."""
        with self._lock:
            return self._run is not None and not self._job_is_over()

    @property
    def directory(self) -> Path | None:
        """Where log calls write: the open run, or the Hydra job that they would open; else None."""
        with self._lock:
            if self._run is not None and not self._job_is_over():
                return self._run.directory
            job = self._job_to_open()
            return job.directory if job else None

    def open(self, directory: str | os.PathLike[str]) -> None:
        """Start a run in a directory, which is made where it is missing; ends the run before it.

        Rows that ``progress.csv`` already holds move to ``progress.<attempt>.csv``.

        Raises:
            LoggingError: a file cannot be made, or another process logs in the directory. Until
                another run is opened, every attempt to log raises it again, in case that the
                caller has swallowed it.
        """
        with self._lock:
            self._end_run()
            try:
                self._run = OpenRun(Path(directory).absolute())
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
            ValueError: the value holds several numbers or is beyond the range of a 64-bit float,
                the step is not within ±2⁶², or the tag is empty or taken.
            LoggingError: a later step ended a row that cannot be written; this value is kept.
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
        if not callable(getattr(scalars, "items", None)):
            kind = type(scalars).__name__
            raise TypeError(f"log_scalars takes a mapping of tags to numbers, not a {kind}")
        with self._lock:
            run = self._open_run()
            if run is not None:
                run.log({run.checked(tag): as_number(tag, v) for tag, v in scalars.items()}, step)

    def dump(self, step: SupportsIndex | None = None) -> None:
        """End the row and write it; when this returns, the operating system has it.

        Args:
            step: the row's step, if no value in it was logged with one; None counts on.

        Raises:
            TypeError, ValueError: the step is no integer, or not within ±2⁶².
            LoggingError: the row is missing in a file, which is named; other rows are as they were.
        """
        with self._lock:
            run = self._open_run()
            if run is not None:
                run.end_row(None if step is None else as_step(step))

    def _open_run(self) -> OpenRun | None:
        if self._job_is_over():
            self._leave_job()
        if self._run is None:
            self._open_in_hydra_job()
        return self._run

    def _job_is_over(self) -> bool:
        # Hydra's basic launcher runs one job after the other in this process.
        return self._hydra_run is not None and not self._hydra_run.is_current()

    def _job_to_open(self) -> HydraRun | None:
        if self._failure is not None and not self._job_is_over():
            return None
        job = _current_hydra_run()
        return None if job is None or job.config is self._closed_config else job

    def _leave_job(self) -> None:
        try:
            self._end_run()
        except LoggingError as error:  # of a job that has returned, and no fault of the next one
            warnings.warn(f"the last row of the job before is lost: {error}", stacklevel=4)

    def _open_in_hydra_job(self) -> None:
        if self._failure is not None:
            raise self._failure
        job = self._job_to_open()
        if job is not None:
            try:
                self.open(job.directory)
            finally:
                self._hydra_run = job  # of a failure, too: the next job has a directory of its own
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


def _current_hydra_run() -> HydraRun | None:
    if "hydra.core.hydra_config" not in sys.modules:
        return None  # and Hydra is not imported just to learn that
    from exptools.logging.callback import current_hydra_run

    return current_hydra_run()


logger = Logger()
