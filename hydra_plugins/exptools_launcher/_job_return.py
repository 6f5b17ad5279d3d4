"""The JobReturn that Hydra's sweeper gets for a job, however it ended."""

from __future__ import annotations

import copy
from dataclasses import fields
from functools import cached_property
from typing import Any

from hydra.core.utils import JobReturn, JobRuntime, JobStatus
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.rundir import State

from ._composing._packing import unpack
from ._task import Returned


class JobDied(CompactHydraException):
    """A job ended without an exception of its own: by a signal, or by leaving its process."""


class JobReturnOnDemand(JobReturn):
    """A JobReturn whose two configs are made when somebody looks at them: few sweepers do.

    A copy of it, pickled or not, is Hydra's own.
    """

    _job: Job
    __hash__ = None  # type: ignore[assignment]  # as Hydra's

    @classmethod
    def of(cls, job: Job, **parts: Any) -> JobReturnOnDemand:
        """The JobReturn of a job, with the parts that are known without its config."""
        job_return = cls(overrides=list(job.overrides), **parts)
        del job_return.cfg, job_return.hydra_cfg  # that they are None
        job_return._job = job
        return job_return

    @cached_property
    def cfg(self) -> DictConfig:  # type: ignore[override]
        """The config that the task got."""
        config = self._config()
        with read_write(config), open_dict(config):
            del config["hydra"]
        return config

    @cached_property
    def hydra_cfg(self) -> DictConfig:  # type: ignore[override]
        """Hydra's own part of it."""
        return copy.deepcopy(OmegaConf.masked_copy(self._config(), "hydra"))

    def _config(self) -> DictConfig:
        """The job's config as Hydra completes it when the job starts."""
        config = unpack(self._job.argument)
        with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
            config.hydra.runtime.output_dir = str(self._job.directory)
        OmegaConf.set_readonly(config.hydra, value=True)
        return config

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copy.copy, (self._plain(),)

    def __eq__(self, other: object) -> bool:
        return self._plain() == (other._plain() if isinstance(other, type(self)) else other)

    def __repr__(self) -> str:
        return repr(self._plain())

    def _plain(self) -> JobReturn:
        plain = JobReturn()
        for field in fields(self):
            setattr(plain, field.name, getattr(self, field.name))
        return plain


def make_job_return(outcome: Outcome) -> JobReturn:
    """What Hydra's sweeper gets for a job, however it ended."""
    job, result = outcome.job, outcome.result
    returned = result.details if result is not None else None
    if not isinstance(returned, Returned):
        returned = Returned(str(job.directory), JobRuntime.instance().get("name"))
    completed = outcome.status.state is State.COMPLETED
    return JobReturnOnDemand.of(
        job,
        working_dir=returned.working_dir,
        task_name=returned.task_name,
        status=JobStatus.COMPLETED if completed else JobStatus.FAILED,
        _return_value=result.value if completed and result is not None else _failure(outcome),
    )


def _failure(outcome: Outcome) -> BaseException:
    error = outcome.result.error if outcome.result is not None else None
    if error is not None and not isinstance(error, SystemExit):  # which would end the sweeper
        return error
    job, status = outcome.job, outcome.status
    reason = status.error or status.state.value
    reason = reason if error is None else f"ended with {reason}"
    if reason.startswith("killed"):
        reason = f"was {reason}"
    log = f"; its output is in {job.log}" if status.started is not None else ""
    return JobDied(f"job {job.number} ({job.name}) {reason}{log}")
