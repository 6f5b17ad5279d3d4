"""The logger: from anywhere in the user's code to the run that is open.

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
from typing import TYPE_CHECKING, Any, SupportsIndex

from exptools.logging.append_file import LoggingError
from exptools.logging.batches import statistics
from exptools.logging.console import Console
from exptools.logging.media_verbs import MediaVerbs
from exptools.logging.open_run import OpenRun
from exptools.logging.options import DEFAULTS, LogOptions
from exptools.logging.prefixes import Prefix, current_prefix
from exptools.logging.ranks import is_silent, rank
from exptools.logging.rows import Number, as_number, as_step
from exptools.logging.run_lock import DirectoryInUse, is_held_here
from exptools.logging.throttle import Throttles
from exptools.rundir import RUN_DIR, STATUS_WRITER

if TYPE_CHECKING:
    from exptools.logging.callback import HydraRun

_NO_RUN = (
    "nothing is logged, for no run is open: open one with logger.open(directory), "
    "or log inside a Hydra job (hydra/callbacks=exptools also records the job's state)"
)

_WAIT_FOR_FORK = 1.0  # seconds


class Logger(MediaVerbs):
    """Logs to ``progress.csv``, TensorBoard files, ``media/`` and ``snapshots/`` of a run directory.

    A row is a step: :meth:`dump` ends it, and so does a value of a later step. A value of an
    earlier step gets a row of its own; a tag logged again in one row keeps its last value.
    When a row has ended the operating system has it: the death of the process loses nothing.

    Inside a Hydra job the run directory is found by itself; a run that was opened by hand before
    goes on in the job, unless hydra/callbacks=exptools opens the job's directory. One program logs
    in a directory at a time. Methods may be called from any thread. Processes that were forked
    from the one that logs, or started by it, log to the same run. Of the processes of a
    distributed training only rank 0 logs, and those that open a directory by hand.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._run: OpenRun | None = None
        self._options = DEFAULTS
        self._throttles = Throttles()
        self._hydra_run: HydraRun | None = None  # the job in whose directory we opened by ourselves
        self._closed_config: object = None  # of the Hydra job during which close() was called
        self._failure: Exception | None = None  # why there is no run although there should be
        self._has_warned = False
        self._holds_for_fork = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=self._after_fork_in_parent,
                after_in_child=self._after_fork_in_child,
            )

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

    def open(
        self, directory: str | os.PathLike[str], options: LogOptions | None = None, **changes: Any
    ) -> None:
        """Start a run in a directory, which is made where it is missing; ends the run before it.

        Rows that ``progress.csv`` already holds move to ``progress.<attempt>.csv``, all of them or,
        after :meth:`load_snapshot` or :meth:`resume`, those that are replaced.

        Args:
            directory: the run directory.
            options: how to log; see :class:`LogOptions`.
            changes: single options by their names.

        Raises:
            LoggingError: a file cannot be made, or another process logs in the directory. Until
                another run is opened, every attempt to log raises it again, in case that the
                caller has swallowed it.
            TypeError, ValueError: there is no such option, or it has no such value.
        """
        chosen = (options or DEFAULTS).changed(changes)
        with self._lock:
            self._end_run()
            # The ranks of one training may name the same directory, one of them holding it.
            self._start(Path(directory).absolute(), chosen, may_join=rank() is not None)

    def close(self) -> None:
        """End the run, writing the row that is pending. Without a run it does nothing.

        Raises:
            LoggingError: the pending row cannot be written; the run is closed all the same.
        """
        with self._lock:
            job = _current_hydra_run()
            self._closed_config = job.config if job else None
            self._end_run()

    def resume(self, step: SupportsIndex) -> None:
        """Go on behind a step of the attempt before, for checkpoints that are not our snapshots.

        To be called before the first row ends. Rows of later steps move to
        ``progress.<attempt>.csv``, and so do those from the first step that is logged now on,
        should it be an earlier one. Steps that are counted begin behind the given one.

        Raises:
            TypeError, ValueError: the step is no integer, or not within ±2⁶².
        """
        at = as_step(step)
        with self._lock:
            run = self._open_run()
            if run is not None:
                run.resume(at)

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
            run = self._run if self._hydra_run is None else None
            if run is None and (run := self._open_run()) is None:
                return
            if prefix := current_prefix.get():
                tag = prefix + tag
            if type(tag) is not str or tag not in run.tags:
                run.add_tag(tag)
            if self._throttles.rules and not self._throttles.keeps(tag):
                return
            number = value if type(value) is float else as_number(tag, value)
            if step is None:
                run.rows.current.scalars[tag] = number
            elif type(step) is int and step == run.rows.named_step:
                run.rows.current.scalars[tag] = number
            else:
                self._put(run, {tag: number}, step)

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
                self._put(run, self._numbers(run, scalars), step)

    def log_scalar_mean(self, tag: str, value: object, step: SupportsIndex | None = None) -> None:
        """Take a number into the mean of all that this verb logs under a tag until the row ends.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`log_scalar`.
        """
        with self._lock:
            run = self._open_run()
            if run is not None:
                self._put(run, self._numbers(run, {tag: value}), step, mean=True)

    def log_scalar_batch(self, tag: str, array: Any, step: SupportsIndex | None = None) -> None:
        """Log ``tag/mean``, ``/std``, ``/min``, ``/max`` and ``/count`` of an array's numbers.

        Numbers that are NaN do not count. The deviation is the population's, as NumPy's.

        Args:
            tag: what the array is called.
            array: real numbers of any shape: an array, a tensor, or a sequence.
            step: as in :meth:`log_scalar`.

        Raises:
            TypeError: it holds something else.
            ValueError, LoggingError: as :meth:`log_scalar`.
        """
        with self._lock:
            run = self._open_run()
            if run is not None and self._throttles.keeps(self._named(run, tag)):
                self._put(run, self._numbers(run, statistics(tag, array)), step)

    def dump(self, step: SupportsIndex | None = None) -> None:
        """End the row and write it; when this returns, the operating system has it.

        Args:
            step: the row's step, if no value in it was logged with one; None counts on.

        Raises:
            TypeError, ValueError: the step is no integer, or not within ±2⁶².
            LoggingError: the row is missing in a file, which is named; other rows are as they were.
        """
        with self._lock:
            run = self._run if self._hydra_run is None else None
            if run is None and (run := self._open_run()) is None:
                return
            at = None if step is None else as_step(step)
            try:
                run.end_row(at)
            except LoggingError as error:
                self._complain(error)

    def prefix(self, text: str) -> Prefix:
        """Put a text before all tags inside a ``with`` block, or in a function that it decorates.

        Prefixes nest. Each thread and each task of asyncio has its own.

        Raises:
            TypeError: it is no text.
        """
        return Prefix(text)

    def throttle(self, tag: str, every: int) -> None:
        """Keep of what is logged under a tag the first and then every so many-th; 1 keeps all.

        So a hot loop may log each step. The tag is meant with its prefix.

        Raises:
            TypeError, ValueError: ``every`` is no integer from 1 on.
        """
        with self._lock:
            self._throttles.set(tag, every)

    def _named(self, run: OpenRun, tag: str) -> str:
        """The tag with the prefix, checked."""
        prefix = current_prefix.get()
        named = prefix + tag if prefix and isinstance(tag, str) else tag
        if type(named) is not str or named not in run.tags:
            run.add_tag(named)
        return named

    def _numbers(self, run: OpenRun, scalars: Mapping[str, object]) -> dict[str, Number]:
        numbers = {(t := self._named(run, tag)): as_number(t, v) for tag, v in scalars.items()}
        if self._throttles.rules:
            return {tag: value for tag, value in numbers.items() if self._throttles.keeps(tag)}
        return numbers

    def _put(
        self,
        run: OpenRun,
        scalars: Mapping[str, Number],
        step: SupportsIndex | None,
        *,
        mean: bool = False,
    ) -> None:
        try:
            run.put(scalars, step, mean=mean)
        except LoggingError as error:
            self._complain(error)

    def _complain(self, error: LoggingError) -> None:
        """Raise it or, if the user has chosen so, warn of the first one."""
        if self._options.on_error == "raise":
            raise error
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(f"{error}; there will be no further warning", stacklevel=4)

    def _open_run(self) -> OpenRun | None:
        if self._job_is_over():
            self._leave_job()
        if self._run is None:
            self._open_by_ourselves()
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

    def _open_by_ourselves(self) -> None:
        if self._failure is not None:
            self._complain_of_no_run(self._failure)
            return
        if is_silent():
            return
        job = self._job_to_open()
        directory = job.directory if job else _inherited_directory()
        if directory is not None and (job or self._closed_config is None):
            try:
                self._start(directory, DEFAULTS, may_join=True)
            finally:
                self._hydra_run = job  # of a failure, too: the next job has a directory of its own
        elif not self._has_warned:
            self._has_warned = True
            warnings.warn(_NO_RUN, stacklevel=4)

    def _complain_of_no_run(self, failure: Exception) -> None:
        if not isinstance(failure, LoggingError):
            raise failure
        self._complain(failure)

    def _start(self, directory: Path, options: LogOptions, *, may_join: bool) -> None:
        self._options, self._has_warned = options, False
        try:
            self._run = _open_or_join(directory, may_join=may_join)
        except Exception as error:
            self._failure = error
            self._complain_of_no_run(error)
            return
        if not self._run.is_member:
            self._run.console = Console(options.console)
            os.environ[RUN_DIR] = str(directory)
        self._close_at_exit()

    def _end_run(self) -> None:
        run, self._run = self._run, None
        self._hydra_run = self._failure = None
        atexit.unregister(self.close)
        if run is None:
            return
        if os.environ.get(RUN_DIR) == str(run.directory) and not run.is_member:
            del os.environ[RUN_DIR]
        try:
            run.close()
        except LoggingError as error:
            self._complain(error)

    def _before_fork(self) -> None:
        # The child should find no row half-made. It need not wait for a thread that holds the lock
        # for longer, because of a tensor that is not computed yet perhaps.
        self._holds_for_fork = self._lock.acquire(timeout=_WAIT_FOR_FORK)

    def _after_fork_in_parent(self) -> None:
        if self._holds_for_fork:
            self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        if self._run is not None:
            self._run.after_fork()
            if util := sys.modules.get("multiprocessing.util"):
                # What is registered for its end now would be forgotten when its work begins.
                util.register_after_fork(self, Logger._close_at_exit)

    def _close_at_exit(self) -> None:
        atexit.register(self.close)
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            Finalize(self, self.close, exitpriority=10)  # its processes leave without atexit


def _open_or_join(directory: Path, *, may_join: bool) -> OpenRun:
    try:
        return OpenRun(directory)
    except DirectoryInUse:
        run = os.environ.get(RUN_DIR), os.environ.get(STATUS_WRITER)
        if may_join and str(directory) in run and not is_held_here(directory):
            return OpenRun(directory, member=True)
        raise


def _inherited_directory() -> Path | None:
    """The run directory of the process that started this one."""
    text = os.environ.get(RUN_DIR) or os.environ.get(STATUS_WRITER)
    return Path(text) if text and os.path.isdir(text) else None


def _current_hydra_run() -> HydraRun | None:
    if "hydra.core.hydra_config" not in sys.modules:
        return None  # and Hydra is not imported just to learn that
    from exptools.logging.callback import current_hydra_run

    return current_hydra_run()


logger = Logger()
"""The one that everybody imports."""
