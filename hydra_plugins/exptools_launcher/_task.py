"""A Hydra job, in a process that has the program: a fork of it, or one that ran it again."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.utils import JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from exptools.gc_pause import collector_paused
from exptools.launching.jobs.fresh import refuse_linked_configs
from exptools.launching.jobs.worker import Result
from exptools.run_values import begin_job, keep_result

from ._composing._packing import unpack
from ._job_logs import refuse_linked_logs
from ._rehearsal import rehearse


@dataclass(frozen=True)
class HydraTask:
    """What the jobs of a sweep share."""

    context: HydraContext
    task_function: TaskFunction

    def prepare(self) -> None:
        """See `Task`; this process is the program itself."""
        setup_globals()

    def rehearse(self) -> None:
        """See `Task`."""
        rehearse()

    def __call__(self, argument: bytes) -> Result:
        """Run one job, as Hydra's basic launcher would; the argument is its packed config."""
        with collector_paused() as resume_collector:

            @functools.wraps(self.task_function)
            def task_function(config: DictConfig) -> Any:
                resume_collector()
                try:
                    return self.task_function(config)
                except SystemExit as stop:
                    if stop.code not in (None, 0):
                        raise
                    return None  # it was done

            config = unpack(argument)
            run_dir = Path(os.path.abspath(config.hydra.runtime.output_dir))
            with _told("what earlier attempts said of the run still counts"):
                begin_job(run_dir)
            # At the last moment: somebody may have put a link there since the job was started.
            refuse_linked_logs(config, run_dir)
            refuse_linked_configs(run_dir)
            try:
                job_return = run_job(
                    hydra_context=self._context_for(config),
                    task_function=task_function,
                    config=config,
                    job_dir_key="hydra.runtime.output_dir",  # as it was composed
                    job_subdir_key=None,
                )
            except BaseException as escaped:
                # Hydra 1.4 hangs its whole JobReturn on what escapes; pickled, that takes a minute.
                escaped.__dict__.pop("_hydra_job_return_handoff", None)
                raise
        _close_logger()
        error = value = None
        if job_return.status is JobStatus.FAILED:
            error = job_return._return_value
            _leave_out(task_function, error)
        else:
            value = job_return._return_value
            with _told("its result is not in summary.json"):
                keep_result(run_dir, value)
        return Result(value, error, details=Returned(job_return.working_dir, job_return.task_name))

    def _context_for(self, config: DictConfig) -> HydraContext:
        """Hydra's context, with its callbacks made here if they could not be sent."""
        if self.context.callbacks is not None:
            return self.context
        context = copy(self.context)  # with what Hydra 1.4 has in it, too
        context.callbacks = Callbacks(config)
        return context


@dataclass(frozen=True)
class Returned:
    """The parts of a JobReturn that the parent does not know; the whole would be 90 kB."""

    working_dir: str | None
    task_name: str | None


def _leave_out(function: Any, error: BaseException) -> None:
    """Take a wrapper of ours out of a traceback, which shows the user's program."""
    above = error.__traceback__
    while above is not None and above.tb_next is not None:
        if above.tb_next.tb_frame.f_code is function.__code__:
            above.tb_next = above.tb_next.tb_next
            return
        above = above.tb_next


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Say in the job's log what could not be written: the job goes on without it."""
    try:
        yield
    except OSError as error:
        with contextlib.suppress(OSError):  # the log is on the same disk
            print(f"exptools: {what}: {error}", file=sys.stderr)


def _close_logger() -> None:
    """End a run that the logger opened by itself, so that a row that is lost fails the job."""
    module = sys.modules.get("exptools.logging.run_logger")
    if module is not None:
        module.logger.close()
