"""Hydra's words → ours: overrides become jobs, outcomes become JobReturns."""

from __future__ import annotations

import difflib
import functools
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import (
    JobReturn,
    JobRuntime,
    JobStatus,
    configure_log,
    filter_overrides,
    run_job,
    setup_globals,
)
from hydra.errors import CompactHydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console

from exptools.launching.progress import Progress, print_summary
from exptools.launching.scheduler import Interrupted, Job, Outcome, Scheduler
from exptools.launching.slots import Request, SlotError, make_slots
from exptools.launching.topology import read_machine
from exptools.launching.worker import Result
from exptools.rundir import State


class LaunchError(CompactHydraException):
    """The sweep cannot be started as it was asked for; Hydra shows the message alone."""


class JobDied(CompactHydraException):
    """A job ended without an exception of its own: by a signal, or by leaving its process."""


@dataclass(frozen=True)
class _Composed:
    number: int
    config: DictConfig
    directory: Path


class Sweep:
    """One multirun: what Hydra gave the launcher, and the run directories taken so far."""

    def __init__(
        self,
        context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
        options: dict[str, Any],
    ) -> None:
        """Check what can be checked now.

        Raises:
            LaunchError: unknown or impossible options, or a sweep directory that we cannot write.
        """
        self._context = context
        self._task_function = task_function
        self._config = config
        self._request = _request(options)
        self._taken: dict[Path, _Composed] = {}
        self._sweep_dir = Path(str(config.hydra.sweep.dir))
        _check_writable(self._sweep_dir)

    def launch(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Run a batch of jobs; their numbers begin at ``first``."""
        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        composed = [self._compose(list(o), first + i) for i, o in enumerate(job_overrides)]
        shared = self._pickled_shared()
        jobs = [_job(one, shared) for one in composed]
        outcomes = self._run(jobs)
        return [_job_return(one, out) for one, out in zip(composed, outcomes, strict=True)]

    def _compose(self, overrides: list[str], number: int) -> _Composed:
        config = self._context.config_loader.load_sweep_config(self._config, overrides)
        with open_dict(config):
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
            config.hydra.job.num = number
        composed = _Composed(number, config, _job_directory(config))
        other = self._taken.setdefault(composed.directory, composed)
        if other is not composed:
            raise LaunchError(
                f"jobs {other.number} ({_label(other)}) and {number} ({_label(composed)}) would "
                f"both write into {composed.directory}: make hydra.sweep.subdir differ between "
                "jobs, for example hydra.sweep.subdir='${hydra.job.num}'"
            )
        return composed

    def _pickled_shared(self) -> bytes:
        shared = (self._context, self._task_function, Singleton.get_state())
        try:
            content: bytes = cloudpickle.dumps(shared)
        except Exception as error:  # pickling runs code of the user's objects
            name = getattr(self._task_function, "__qualname__", repr(self._task_function))
            raise LaunchError(
                f"{name} cannot be sent to the jobs' processes: {error}. Keep open files, locks "
                "and the like out of its module's globals and of the config's resolvers"
            ) from error
        return content

    def _run(self, jobs: Sequence[Job]) -> list[Outcome]:
        if not jobs:
            return []
        try:
            slots = make_slots(read_machine(), self._request, most=len(jobs))
        except SlotError as error:
            raise LaunchError(str(error)) from error
        console = Console()
        try:
            with Progress(jobs, slots, self._sweep_dir, console) as progress:
                outcomes = Scheduler(slots, progress).run(jobs)
        except Interrupted as interruption:
            print_summary(interruption.outcomes, console)
            sys.exit(128 + interruption.signum)
        print_summary(outcomes, console)
        return outcomes


def run_hydra_job(shared: bytes, config: DictConfig) -> Result:
    """Run one job in its own process, as Hydra's basic launcher would."""
    setup_globals()
    context, task_function, singletons = pickle.loads(shared)
    Singleton.set_state(singletons)
    HydraConfig.instance().set_config(config)
    job_return = run_job(
        hydra_context=context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    _close_logger()
    if job_return.status is not JobStatus.FAILED:
        return Result(job_return)
    # On its own, for JobReturn of Hydra 1.3 and of 1.4 pickle an exception each in their way.
    error, job_return._return_value = job_return._return_value, None
    return Result(job_return, error)


def _close_logger() -> None:
    """End a run that the logger opened by itself, so that a row that is lost fails the job."""
    module = sys.modules.get("exptools.logging.run_logger")
    if module is not None:
        module.logger.close()


def _request(options: dict[str, Any]) -> Request:
    known = [f.name for f in fields(Request)]
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise LaunchError(
                f"hydra.launcher.{name} is no option of the exptools launcher{hint} "
                f"It has {', '.join(known)}"
            )
    try:
        return Request(**options)
    except SlotError as error:
        raise LaunchError(f"hydra.launcher: {error}") from error


def _check_writable(sweep_dir: Path) -> None:
    try:
        sweep_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        reason = "" if os.access(sweep_dir, os.W_OK) else "no permission to write"
    if reason:
        raise LaunchError(
            f"the sweep directory {sweep_dir} cannot be written ({reason}): "
            "choose another with hydra.sweep.dir=…"
        )


def _job_directory(config: DictConfig) -> Path:
    """Where Hydra will run this job; its subdir may refer to ``${hydra:…}``, which is global."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)
    try:
        sweep_dir = str(OmegaConf.select(config, "hydra.sweep.dir"))
        subdir = str(OmegaConf.select(config, "hydra.sweep.subdir"))
    finally:
        HydraConfig.instance().cfg = before
    return Path(os.path.abspath(os.path.join(sweep_dir, subdir)))


def _task_overrides(composed: _Composed) -> tuple[str, ...]:
    return tuple(str(override) for override in composed.config.hydra.overrides.task)


def _label(composed: _Composed) -> str:
    return " ".join(filter_overrides(_task_overrides(composed))) or "no overrides"


def _job(composed: _Composed, shared: bytes) -> Job:
    payload = cloudpickle.dumps(functools.partial(run_hydra_job, shared, composed.config))
    return Job(composed.number, _task_overrides(composed), composed.directory, payload)


def _job_return(composed: _Composed, outcome: Outcome) -> JobReturn:
    result = outcome.result
    if result is not None and isinstance(result.value, JobReturn):
        if result.error is not None:
            result.value._return_value = result.error
        return result.value
    return JobReturn(
        overrides=list(_task_overrides(composed)),
        cfg=_without_hydra(composed.config),
        hydra_cfg=composed.config,
        working_dir=str(composed.directory),
        task_name=JobRuntime.instance().get("name"),
        status=JobStatus.FAILED,
        _return_value=_why(outcome),
    )


def _why(outcome: Outcome) -> BaseException:
    if outcome.result is not None and outcome.result.error is not None:
        return outcome.result.error
    job = outcome.job
    told = outcome.status.error or outcome.status.state.value
    if outcome.status.state is State.KILLED:
        told = f"was {told}"
    return JobDied(f"job {job.number} ({job.name}) {told}; its output is in {job.log}")


def _without_hydra(config: DictConfig) -> DictConfig:
    task_config = config.copy()
    with open_dict(task_config):
        del task_config["hydra"]
    return task_config
