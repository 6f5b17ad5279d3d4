"""Which run is open, in this process, its forks, and the jobs of Hydra that it runs in turn."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import warnings
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, SupportsIndex

from exptools.logging.errors import LoggingError
from exptools.logging.rows.prefixes import current_prefix
from exptools.logging.rows.rows import as_step
from exptools.logging.rows.throttle import Throttles
from exptools.logging.run.directory_lock import DirectoryInUse, is_held_here
from exptools.logging.run.open import OpenRun
from exptools.logging.run.options import DEFAULTS, LogOptions
from exptools.logging.run.ranks import inherited_directory, is_silent, rank
from exptools.logging.snapshots.policy import Snapshots
from exptools.logging.writers.console import Console
from exptools.provenance import record
from exptools.rundir import RUN_DIR, SNAPSHOTS_DIR, STATUS_WRITER, StatusError, read_status

if TYPE_CHECKING:
    from exptools.logging.run.hydra_run import HydraRun

_NO_RUN = (
    "nothing is logged, for no run is open: open one with logger.open(directory), "
    "or log inside a Hydra job (hydra/callbacks=exptools also records the job's state)"
)

_WAIT_FOR_FORK = 1.0  # seconds


class CurrentRun:
    """Opens, finds and closes the run; what is logged to it, :class:`Logger` says."""

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
        after :meth:`MediaVerbs.load_snapshot` or :meth:`resume`, those that are replaced.

        Args:
            directory: the run directory.
            options: how to log; see :class:`LogOptions`.
            changes: single options by their names.

        Raises:
            LoggingError: a file cannot be made, or another process logs in the directory.
            TypeError, ValueError: there is no such option, or it has no such value.

            Until another run is opened, every attempt to log raises it again, in case that the
            caller has swallowed it, as Hydra does.
        """
        with self._lock:
            self._end_run()
            try:
                chosen = (options or DEFAULTS).changed(changes)
            except (TypeError, ValueError) as error:
                self._failure = error
                raise
            # The ranks of one training may name the same directory, one of them holding it.
            self._start(Path(directory).absolute(), chosen, may_join=rank() is not None)

    def close(self, *, succeeded: bool = True) -> None:
        """End the run, writing the row that is pending. Without a run it does nothing.

        Args:
            succeeded: whether all went well, for TensorBoard's HParams table.

        Raises:
            LoggingError: the pending row cannot be written; the run is closed all the same.
        """
        with self._lock:
            job = _current_hydra_run()
            self._closed_config = job.config if job else None
            self._end_run(succeeded=succeeded)

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

    def _named(self, run: OpenRun, tag: str) -> str:
        """The tag with the prefix, checked."""
        prefix = current_prefix.get()
        named = prefix + tag if prefix and isinstance(tag, str) else tag
        if type(named) is not str or named not in run.tags:
            run.add_tag(named)
        return named

    def _complain(self, error: LoggingError) -> None:
        """Raise it or, if the user has chosen so, warn of the first one."""
        if self._options.on_error == "raise":
            raise error
        if not self._has_warned:
            self._has_warned = True
            _warn(f"{error}; there will be no further warning")

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
            _warn(f"the last row of the job before is lost: {error}")

    def _open_by_ourselves(self) -> None:
        if self._failure is not None:
            self._complain_of_no_run(self._failure)
            return
        if is_silent():
            return
        job = self._job_to_open()
        directory = job.directory if job else inherited_directory()
        if directory is not None and (job or self._closed_config is None):
            try:
                self._start(directory, DEFAULTS, may_join=True)
            finally:
                self._hydra_run = job  # of a failure, too: the next job has a directory of its own
        elif not self._has_warned:
            self._has_warned = True
            _warn(_NO_RUN)

    def _complain_of_no_run(self, failure: Exception) -> None:
        if not isinstance(failure, LoggingError):
            raise failure
        self._complain(failure)

    def _start(self, directory: Path, options: LogOptions, *, may_join: bool) -> None:
        self._options, self._has_warned = options, False
        try:
            self._run = _open_or_join(directory, may_join=may_join)
        except Exception as error:  # noqa: BLE001 (it is raised, by each call from now on)
            self._failure = error
            self._complain_of_no_run(error)
            return
        self._run.snapshots = Snapshots(
            directory / SNAPSHOTS_DIR,
            options.snapshot_mode,
            options.snapshot_gap,
            options.snapshot_keep,
        )
        self._close_at_exit()
        if not self._run.is_member:
            self._run.console = Console(options.console)
            os.environ[RUN_DIR] = str(directory)
            self._record_provenance(directory)

    def _record_provenance(self, directory: Path) -> None:
        job = _current_hydra_run()
        try:
            record(directory, job.code if job else Path.cwd())
        except OSError as error:
            self._complain(LoggingError(error.errno, error.strerror, str(error.filename)))

    def _end_run(self, *, succeeded: bool = True) -> None:
        run, self._run = self._run, None
        self._hydra_run = self._failure = None
        atexit.unregister(self._at_exit)
        if run is None:
            return
        if os.environ.get(RUN_DIR) == str(run.directory) and not run.is_member:
            del os.environ[RUN_DIR]
        try:
            run.close(succeeded=succeeded)
        except LoggingError as error:
            self._complain(error)

    def _close_at_exit(self) -> None:
        atexit.register(self._at_exit)
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            Finalize(self, self._at_exit, exitpriority=10)  # its processes leave without atexit

    def _at_exit(self) -> None:
        self.close(succeeded=not hasattr(sys, "last_value"))  # of an exception that nobody caught

    def _before_fork(self) -> None:
        # The child should find no row half-made. It need not wait for a thread that holds the lock
        # for longer, because of a tensor that is not computed yet perhaps.
        self._holds_for_fork = self._lock.acquire(timeout=_WAIT_FOR_FORK)

    def _after_fork_in_parent(self) -> None:
        if self._holds_for_fork:
            self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        if self._run is None:
            return
        try:
            self._run.after_fork()
        except LoggingError as error:  # which would be printed here, and ignored
            self._run, self._failure = None, error
        if util := sys.modules.get("multiprocessing.util"):
            # What is registered for its end now would be forgotten when its work begins.
            util.register_after_fork(self, CurrentRun._close_at_exit)


def _open_or_join(directory: Path, *, may_join: bool) -> OpenRun:
    try:
        return OpenRun(directory, attempt=_attempt(directory) if may_join else "")
    except DirectoryInUse:
        run = os.environ.get(RUN_DIR), os.environ.get(STATUS_WRITER)
        if may_join and str(directory) in run and not is_held_here(directory):
            return OpenRun(directory, member=True)
        raise


def _attempt(directory: Path) -> str | None:
    """Which attempt it is, should this process be one of several of a run; see OpenRun."""
    if os.environ.get(RUN_DIR) == str(directory):
        return None  # of the process that has started us, which may have closed it
    if os.environ.get(STATUS_WRITER) != str(directory):
        return ""
    try:
        status = read_status(directory)
    except StatusError:
        return ""
    # Not the process, of which the scheduler may write only after that has begun to log.
    return f"{status.attempt} of {status.queued}" if status else ""


def _current_hydra_run() -> HydraRun | None:
    if "hydra.core.hydra_config" not in sys.modules:
        return None  # and Hydra is not imported just to learn that
    from exptools.logging.run.hydra_run import current_hydra_run

    return current_hydra_run()


def _warn(message: str) -> None:
    """Warn of what the user's line has led to, however deep in here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("exptools.logging.")
