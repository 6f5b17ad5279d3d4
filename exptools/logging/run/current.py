"""Which run is open, in this process, its forks, and the jobs of Hydra that it runs in turn."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from exptools.logging.errors import LoggingError, as_logging_error, warn_user
from exptools.logging.rows.tags import Tags
from exptools.logging.run.environment import (
    HydraRun,
    attempt_name,
    current_hydra_run,
    inherited_directory,
    is_of_the_run,
)
from exptools.logging.run.open import OpenRun
from exptools.logging.run.options import (
    DEFAULTS,
    LogOptions,
    inherited_options,
    leave_options,
)
from exptools.logging.run.ranks import Rank, silent_rank, this_rank, why_silent
from exptools.logging.run.run_lock import DirectoryInUse, holder_of, is_held_here
from exptools.logging.snapshots.file import SnapshotError
from exptools.logging.writers.console import Console
from exptools.provenance import write_provenance
from exptools.rundir import RUN_ATTEMPT, RUN_DIR, RUN_OPTIONS

if TYPE_CHECKING:
    from multiprocessing.util import Finalize

_Result = TypeVar("_Result")

_NO_RUN = (
    "nothing is logged, for no run is open: open one with logger.open(directory), "
    "or log inside a Hydra job (hydra/callbacks=exptools also records the job's state)"
)

_WAIT_FOR_FORK = 1.0  # seconds
_alive: weakref.WeakSet[CurrentRun] = weakref.WeakSet()  # a fork has to know them all


class Entry(NamedTuple):
    """As what a writer of its own comes to a directory, unlike the logger that everybody shares."""

    attempt: str | None  # that it begins or goes on with; see OpenRun
    holder: str = ""  # whose process it belongs to; see holder_of()


class CurrentRun:
    """The run that a logger's calls go to: opened by hand, or found when the first call asks.

    It belongs to this process and, as a member's, to its forks. Hold :attr:`lock` from
    :meth:`find` until you are done with the run.
    """

    has_told_rank = False  # why this process is silent, by any of its loggers

    def __init__(self) -> None:
        self._make_lock()
        self.tags = Tags()
        self.ready: OpenRun | None = None  # the run that find() would give, where nothing is to ask
        self._run: OpenRun | None = None
        self._asked_for: Path | None = None  # the directory that is not open, though it was to be
        self._hydra_run: HydraRun | None = None  # the job whose directory we opened by ourselves
        self._options = DEFAULTS
        self._closed_config: object = None  # of the Hydra job during which close() was called
        self._failure: Exception | None = None  # why there is no run although there should be
        self._has_warned = False
        self._holds_for_fork = False
        self._end_of_child: Finalize | None = None
        _alive.add(self)

    @property
    def is_open(self) -> bool:
        """See :attr:`Logger.is_open`."""
        with self.lock:
            return self._run is not None and not self._job_is_over()

    @property
    def directory(self) -> Path | None:
        """See :attr:`Logger.directory`."""
        with self.lock:
            if self._run is not None and not self._job_is_over():
                return self._run.directory
            if self._asked_for is not None:
                return None if self._failure else self._asked_for
            job = self._job_to_open()
            return job.directory if job else None

    def snapshots_from(self) -> Path | None:
        """The run to load snapshots from where none is open: a silent rank, a failed opening.

        Raises:
            SnapshotError: this rank knows of none, so it would begin where rank 0 goes on.
        """
        with self.lock:
            directory = self._asked_for or self.directory or inherited_directory()
            rank = silent_rank()
        if directory is None and rank is not None:
            raise SnapshotError(
                f"this rank ({rank.said_by}) knows no run to load a snapshot from, as rank 0 may: "
                "call logger.open(directory) in all ranks; those above 0 write nothing there"
            )
        return directory

    @property
    def is_silent(self) -> bool:
        """Whether this process is a rank that leaves all files of the run to rank 0."""
        with self.lock:
            if self._run is not None:
                return self._run.is_muted
            if self._asked_for is not None:
                return self._failure is None
            return self._silent_rank() is not None

    @property
    def has_failed(self) -> bool:
        """Whether a run could not be opened, so that :meth:`find` raises or, as chosen, warns."""
        return self._failure is not None

    def open(
        self,
        directory: Path,
        options: LogOptions,
        changes: Mapping[str, Any],
        entry: Entry | None = None,
    ) -> None:
        """See :meth:`Logger.open`."""
        with self.lock:
            self._end_run(succeeded=True)
            try:
                chosen = options.changed(changes)
            except (TypeError, ValueError) as error:
                self._failure = error
                raise
            silent = None if chosen.all_ranks else silent_rank()
            if silent is not None:
                self._options, self._asked_for = chosen, directory.absolute()
                self._say_why(silent)
                return
            # A rank may have been started by a process that logs in the same directory.
            is_rank = this_rank() is not None
            self._start(directory.absolute(), chosen, may_join=is_rank, entry=entry)

    def close(self, *, succeeded: bool) -> None:
        """See :meth:`Logger.close`."""
        with self.lock:
            job = current_hydra_run()
            self._closed_config = job.config if job else None
            self._end_run(succeeded=succeeded)

    def find(self) -> OpenRun | None:
        """The run that is open or, inside a Hydra job or a child of a run, opened now.

        None where nothing is to be logged: outside of all runs, after a warning, and on silent
        ranks.

        Raises:
            LoggingError, TypeError, ValueError: it could not be opened.
        """
        if self._job_is_over():
            self._leave_job()
        if self._run is None:
            self._open_by_ourselves()
        if self._hydra_run is None:
            self.ready = self._run
        return self._run

    def use(self, log: Callable[[OpenRun], _Result]) -> _Result | None:
        """Give the run to a function that logs to it, and what that returns; None without a run.

        Raises:
            LoggingError: as :meth:`complain`. What else the function raises passes through.
        """
        with self.lock:
            run = self.ready or self.find()
            if run is None or run.is_muted:
                return None
            try:
                return log(run)
            except LoggingError as error:
                self.complain(error)
                return None

    @contextlib.contextmanager
    def borrow(self) -> Iterator[OpenRun | None]:
        """Give the run, or None, to a block that takes its time, and hold no lock meanwhile.

        The run is closed when no other thread has borrowed it any more.

        Raises:
            LoggingError: as :meth:`complain`. What else the block raises passes through.
        """
        thread = threading.get_ident()
        with self.lock:
            run = self.ready or self.find()
            self._borrowers[thread] += 1
        try:
            yield run
        except LoggingError as error:
            self.complain(error)
        finally:
            with self.lock:
                self._borrowers[thread] -= 1
                if self._borrowers[thread] <= 0:  # below it in a child that was forked meanwhile
                    del self._borrowers[thread]
                self._returned.notify_all()

    def complain(self, error: LoggingError) -> None:
        """Raise it or, if the user has chosen so, warn of the first one."""
        if self._options.on_error == "raise":
            raise error
        if not self._has_warned:
            self._has_warned = True
            warn_user(f"{error}; there will be no further warning")

    def _job_is_over(self) -> bool:
        # Hydra's basic launcher runs one job after the other in this process.
        return self._hydra_run is not None and not self._hydra_run.is_current()

    def _job_to_open(self) -> HydraRun | None:
        if self._failure is not None and not self._job_is_over():
            return None
        job = current_hydra_run()
        return None if job is None or job.config is self._closed_config else job

    def _leave_job(self) -> None:
        try:
            self._end_run(succeeded=True)
        except LoggingError as error:  # of a job that has returned, and no fault of the next one
            warn_user(f"the last row of the job before is lost: {error}")

    def _open_by_ourselves(self) -> None:
        if self._failure is not None:
            self._complain_of_no_run(self._failure)
            return
        if self._asked_for is not None:
            return  # for a rank that logs nothing
        silent = self._silent_rank()
        if silent is not None:
            self._say_why(silent)
            return
        job = self._job_to_open()
        directory = job.directory if job else inherited_directory()
        if directory is not None and (job or self._closed_config is None):
            try:
                self._start(directory, inherited_options(directory), may_join=True)
            finally:
                self._hydra_run = job  # of a failure, too: the next job has a directory of its own
        elif not self._has_warned:
            self._has_warned = True
            warn_user(_NO_RUN)

    def _silent_rank(self) -> Rank | None:
        """The rank because of which this process opens nothing by itself."""
        return None if inherited_options(inherited_directory()).all_ranks else silent_rank()

    def _say_why(self, silent: Rank) -> None:
        if not CurrentRun.has_told_rank and (why := why_silent(silent)):
            warn_user(why)
        CurrentRun.has_told_rank = True

    def _complain_of_no_run(self, failure: Exception) -> None:
        if not isinstance(failure, LoggingError):
            raise failure
        self.complain(failure)

    def _start(
        self, directory: Path, options: LogOptions, *, may_join: bool, entry: Entry | None = None
    ) -> None:
        self._options, self._has_warned, self._asked_for = options, False, directory
        try:
            with as_logging_error(directory):
                self._run = _open_or_join(directory, entry, may_join=may_join)
        except Exception as error:  # noqa: BLE001 (it is raised, by each call from now on)
            self._failure = error
            self._complain_of_no_run(error)
            return
        self._asked_for = None
        self._run.choose_snapshots(options.snapshots)
        self._run.all_ranks = options.all_ranks
        self._close_at_exit()
        if not self._run.is_member:
            self._run.console = Console(options.console)
            if entry is None:
                os.environ[RUN_DIR], os.environ[RUN_ATTEMPT] = str(directory), self._run.whose
                leave_options(options)
            self._write_provenance(directory)

    def _write_provenance(self, directory: Path) -> None:
        job = current_hydra_run()
        try:
            write_provenance(directory, job.code if job else Path.cwd())
        except OSError as error:
            self.complain(LoggingError(error.errno, error.strerror, str(error.filename)))

    def _make_lock(self) -> None:
        self.lock = threading.RLock()
        self._returned = threading.Condition(self.lock)
        self._borrowers: Counter[int] = Counter()  # threads, and how often each has borrowed

    def _end_run(self, *, succeeded: bool) -> None:
        while self._borrowers.keys() - {threading.get_ident()}:
            self._returned.wait()
        run, self._run = self._run, None
        self.ready = self._hydra_run = self._failure = self._asked_for = None
        atexit.unregister(self._at_exit)
        if self._end_of_child is not None:
            self._end_of_child.cancel()
        if run is None:
            return
        if os.environ.get(RUN_DIR) == str(run.directory) and not run.is_member:
            del os.environ[RUN_DIR]
            for name in (RUN_ATTEMPT, RUN_OPTIONS):
                os.environ.pop(name, None)
        try:
            run.close(succeeded=succeeded)
        except LoggingError as error:
            self.complain(error)

    def _close_at_exit(self) -> None:
        atexit.register(self._at_exit)
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            # Its processes leave without atexit.
            self._end_of_child = Finalize(self, self._at_exit, exitpriority=10)

    def _at_exit(self) -> None:
        self.close(succeeded=not hasattr(sys, "last_value"))  # of an exception that nobody caught

    def _before_fork(self) -> None:
        # The child should find no row half-made. It need not wait for a thread that holds the lock
        # for longer, because of a tensor that is not computed yet perhaps.
        self._holds_for_fork = self.lock.acquire(timeout=_WAIT_FOR_FORK)

    def _after_fork_in_parent(self) -> None:
        if self._holds_for_fork:
            self.lock.release()

    def _after_fork_in_child(self) -> None:
        self._make_lock()
        if self._run is None:
            return
        try:
            self._run.after_fork()
        except LoggingError as error:  # which would be printed here, and ignored
            self._run = self.ready = None
            self._failure = error
        if util := sys.modules.get("multiprocessing.util"):
            # What is registered for its end now would be forgotten when its work begins.
            util.register_after_fork(self, CurrentRun._close_at_exit)


def _at_fork(method: Callable[[CurrentRun], None]) -> Callable[[], None]:
    # Python never forgets what it is to call at forks, so it is not told of each of them.
    def call() -> None:
        for current in list(_alive):
            method(current)

    return call


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_at_fork(CurrentRun._before_fork),
        after_in_parent=_at_fork(CurrentRun._after_fork_in_parent),
        after_in_child=_at_fork(CurrentRun._after_fork_in_child),
    )


def _open_or_join(directory: Path, entry: Entry | None, *, may_join: bool) -> OpenRun:
    if entry is None:
        entry = Entry(attempt_name(directory) if may_join else "")
    try:
        return OpenRun(directory, attempt=entry.attempt)
    except DirectoryInUse:
        is_ours = entry.holder and entry.holder == holder_of(directory)
        if not is_ours:
            is_ours = may_join and is_of_the_run(directory)
        if is_ours and not is_held_here(directory):
            return OpenRun(directory, member=True)
        raise
