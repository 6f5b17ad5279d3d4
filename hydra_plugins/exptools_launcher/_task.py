"""A Hydra job in its own process, and the JobReturn that the sweeper gets for it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import pickle
import sys
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, run_job, setup_globals
from hydra.errors import CompactHydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from exptools.gc_pause import collector_paused
from exptools.launching.jobs.main_module import MainModule, dumps, read_main_module
from exptools.launching.jobs.outcomes import Outcome
from exptools.launching.jobs.worker import Result
from exptools.rundir import State

# Modules that every job would import anew, after the helper has forked it.
_IMPORTED_LATE = ("hydra._internal.logging_config", "omegaconf._impl", "antlr4.LL1Analyzer")


class JobDied(CompactHydraException):
    """A job ended without an exception of its own: by a signal, or by leaving its process."""


@dataclass(frozen=True)
class HydraTask:
    """What the jobs of a sweep share: pickled once, its parts as Hydra made them in the parent."""

    context: HydraContext
    task_function: TaskFunction
    singletons: Any  # Hydra's global state
    main_module: MainModule

    def prepare(self) -> None:
        """Give this process the parent's resolvers, plugins, config store and ``__main__``."""
        self.main_module.restore()
        setup_globals()
        Singleton.set_state(self.singletons)
        for name in _IMPORTED_LATE:
            with contextlib.suppress(ImportError):  # another version of Hydra or OmegaConf
                importlib.import_module(name)

    def __call__(self, argument: bytes) -> Result:
        """Run one job, as Hydra's basic launcher would; the argument is its pickled config."""
        with collector_paused() as resume_collector:

            @functools.wraps(self.task_function)
            def task_function(config: DictConfig) -> Any:
                resume_collector()
                return self.task_function(config)

            config: DictConfig = pickle.loads(argument)
            try:
                job_return = run_job(
                    hydra_context=self.context,
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
        else:
            value = job_return._return_value
        return Result(_Returned(value, job_return.working_dir, job_return.task_name), error)


@dataclass(frozen=True)
class _Returned:
    """The parts of a JobReturn that the parent does not know; the whole would be 90 kB."""

    value: Any
    working_dir: str | None
    task_name: str | None


def pickle_task(context: HydraContext, task_function: TaskFunction) -> bytes:
    """The task that the jobs share, with Hydra's state and ``__main__`` as they are now.

    Raises what pickling raises, which runs code of the user's objects.
    """
    main_module = read_main_module()
    task = HydraTask(context, task_function, Singleton.get_state(), main_module)
    try:
        content = dumps(task)
    except Exception:  # noqa: BLE001 (it may be in a part of __main__ that no job needs)
        content = dumps(replace(task, main_module=main_module.picklable()))
    return content


def make_job_return(outcome: Outcome) -> JobReturn:
    """What Hydra's sweeper gets for a job, however it ended."""
    job, result = outcome.job, outcome.result
    # Unpickling twice is cheaper than any copy that OmegaConf makes.
    task_config, hydra_config = pickle.loads(job.argument), pickle.loads(job.argument)
    with open_dict(task_config), open_dict(hydra_config):
        del task_config["hydra"]
        for key in task_config:
            del hydra_config[key]
    with read_write(hydra_config):
        hydra_config.hydra.runtime.output_dir = str(job.directory)
    returned = result.value if result is not None else None
    if not isinstance(returned, _Returned):
        returned = _Returned(None, str(job.directory), JobRuntime.instance().get("name"))
    completed = outcome.status.state is State.COMPLETED
    return JobReturn(
        overrides=list(job.overrides),
        cfg=task_config,
        hydra_cfg=hydra_config,
        working_dir=returned.working_dir,
        task_name=returned.task_name,
        status=JobStatus.COMPLETED if completed else JobStatus.FAILED,
        _return_value=returned.value if completed else _failure(outcome),
    )


def _failure(outcome: Outcome) -> BaseException:
    if outcome.result is not None and outcome.result.error is not None:
        return outcome.result.error
    job, status = outcome.job, outcome.status
    reason = status.error or status.state.value
    if reason.startswith("killed"):
        reason = f"was {reason}"
    log = f"; its output is in {job.log}" if status.started is not None else ""
    return JobDied(f"job {job.number} ({job.name}) {reason}{log}")


def _close_logger() -> None:
    """End a run that the logger opened by itself, so that a row that is lost fails the job."""
    module = sys.modules.get("exptools.logging.run_logger")
    if module is not None:
        module.logger.close()
