"""The Hydra callback: opens the logger in each job's directory and records the job's state."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from exptools.error_line import error_line
from exptools.logging.errors import LoggingError
from exptools.logging.run.ranks import silent_rank
from exptools.logging.run.run_lock import DirectoryInUse
from exptools.logging.run_logger import logger
from exptools.provenance import read_provenance, write_provenance
from exptools.run_values import begin_job, keep_result
from exptools.rundir import (
    MOST_ATTEMPTS,
    PROVENANCE,
    STATUS_WRITER,
    State,
    Status,
    StatusError,
    process_start,
    read_status,
    update_status,
    write_status,
)

_log = logging.getLogger(__name__)
_OUR_LAUNCHER = "hydra_plugins.exptools_launcher.launcher.ExptoolsLauncher"


class ExptoolsCallback(Callback):
    """Opens the logger when a job starts, closes it when the job ends, and keeps status.json.

    Under the exptools launcher the scheduler keeps status.json, which sees also the ends that a
    job cannot report. Of the ranks of a distributed training, rank 0 does all this, unless each
    has a directory of its own and the option ``all_ranks``.

    Args:
        options: of :class:`LogOptions`, by their names.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._directory: Path | None = None  # of the job
        self._run_dir: Path | None = None  # of the job whose status we keep
        self._job_pid: int | None = None
        self._signal: str | None = None  # that has ended the job

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Gather once what the jobs of a sweep have in common: where their code comes from.

        Our launcher does so itself, when it has found nothing to refuse and so makes a directory.
        """
        if OmegaConf.select(config, "hydra.launcher._target_") == _OUR_LAUNCHER:
            return
        sweep_dir = Path(config.hydra.sweep.dir).absolute()
        write_provenance(sweep_dir, Path(config.hydra.runtime.cwd))
        os.environ[PROVENANCE] = str(sweep_dir)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Open the job's run directory. What fails here is a warning of Hydra's and, from the
        logger, an error in the first call that logs.
        """
        run_dir = Path(config.hydra.runtime.output_dir)
        self._job_pid = os.getpid()
        if silent_rank() is not None and not self._options.get("all_ranks"):
            logger.open(run_dir, **self._options)  # which says so, and makes no file
            return
        try:
            logger.open(run_dir, **self._options)
        except DirectoryInUse:
            raise  # and status.json is the other process's, too
        except (LoggingError, TypeError, ValueError):
            self._record_start(config, run_dir)
            raise
        self._record_start(config, run_dir)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Close the run and record how the job ended."""
        if job_return.status is JobStatus.COMPLETED:
            self._end(State.COMPLETED, returned=job_return._return_value)
        else:
            # The public return_value raises what it holds.
            self._end(*_failure(job_return._return_value))

    def _record_start(self, config: DictConfig, run_dir: Path) -> None:
        self._directory = run_dir
        with _warned("what earlier attempts said of the run still counts"):
            begin_job(run_dir)
        # A Hydra app that a job starts inherits the mark, but not the directory.
        if os.environ.get(STATUS_WRITER) != str(run_dir):
            write_status(run_dir, _initial_status(config, run_dir))
            self._run_dir = run_dir
            self._signal = None
            atexit.register(self._on_exit)
            # Without a handler the process would vanish.
            _replace_handler(signal.SIG_DFL, self._on_sigterm)

    def _on_sigterm(self, number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends it at once
        if os.getpid() != self._job_pid:  # a child that the job has forked
            os.kill(os.getpid(), signal.SIGTERM)
        self._signal = "SIGTERM"
        sys.exit(128 + number)  # as shells say it; what is open is closed on the way

    def _on_exit(self) -> None:
        # Hydra 1.3 lets SystemExit and KeyboardInterrupt pass without calling on_job_end.
        uncaught = getattr(sys, "last_value", None)
        if isinstance(uncaught, KeyboardInterrupt):
            self._end(*_failure(uncaught))
        else:
            self._end(State.FAILED, "the process exited before the job returned")

    def _end(self, state: State, error: str | None = None, returned: object = None) -> None:
        if os.getpid() != self._job_pid:
            return  # a child that the job forked has ended, not the job
        atexit.unregister(self._on_exit)
        _replace_handler(self._on_sigterm, signal.SIG_DFL)
        if state is State.COMPLETED:
            self._signal = None  # it did not end the job
        elif self._signal is not None:
            state, error = State.KILLED, f"ended by {self._signal}"
        try:
            logger.close(succeeded=state is State.COMPLETED)
            if self._directory is not None:
                with _warned("its result is not in summary.json"):
                    keep_result(self._directory, returned)
        except LoggingError as lost_row:
            state, error = _failure(lost_row)
            raise
        finally:
            run_dir, self._run_dir = self._run_dir, None
            if run_dir is not None:
                ended = {"ended": time.time(), "error": error, "signal": self._signal}
                update_status(run_dir, state=state, **ended)


@contextlib.contextmanager
def _warned(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _log.warning("%s: %s", what, error)


def _replace_handler(expected: Any, handler: Any) -> None:
    """Handle SIGTERM in another way; a handler that is not the expected one is the user's own."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) == expected:
        signal.signal(signal.SIGTERM, handler)


def _initial_status(config: DictConfig, run_dir: Path) -> Status:
    try:
        before = read_status(run_dir)
    except StatusError as error:
        _log.warning("%s; it is replaced, and attempts are counted from 1", error)
        before = None
    provenance = read_provenance(run_dir)
    # As they were given: what they refer to, a secret perhaps, is not ours to write down.
    overrides = OmegaConf.to_container(config.hydra.overrides.task)
    assert isinstance(overrides, list)
    return Status(
        state=State.RUNNING,
        job=OmegaConf.select(config, "hydra.job.num"),
        overrides=tuple(map(str, overrides)),
        attempt=min(before.attempt, MOST_ATTEMPTS) + 1 if before else 1,
        pid=os.getpid(),
        pid_start=process_start(os.getpid()),
        started=time.time(),
        git=provenance.git,
        command=provenance.command,
        script=provenance.script,
    )


def _failure(error: BaseException) -> tuple[State, str]:
    is_interrupt = isinstance(error, KeyboardInterrupt)
    return State.INTERRUPTED if is_interrupt else State.FAILED, error_line(error)
