"""A Hydra job in its own process."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from exptools.gc_pause import collector_paused
from exptools.launching.jobs.main_module import MainModule, dumps, read_main_module
from exptools.launching.jobs.worker import Result

from ._packing import unpack
from ._rehearsal import rehearse


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
        rehearse()

    def __call__(self, argument: bytes) -> Result:
        """Run one job, as Hydra's basic launcher would; the argument is its packed config."""
        with collector_paused() as resume_collector:

            @functools.wraps(self.task_function)
            def task_function(config: DictConfig) -> Any:
                resume_collector()
                return self.task_function(config)

            config = unpack(argument)
            try:
                job_return = run_job(
                    hydra_context=self.context,
                    task_function=task_function,
                    config=config,
                    job_dir_key="hydra.sweep.dir",
                    job_subdir_key="hydra.sweep.subdir",
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
        return Result(Returned(value, job_return.working_dir, job_return.task_name), error)


@dataclass(frozen=True)
class Returned:
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


def _close_logger() -> None:
    """End a run that the logger opened by itself, so that a row that is lost fails the job."""
    module = sys.modules.get("exptools.logging.run_logger")
    if module is not None:
        module.logger.close()
