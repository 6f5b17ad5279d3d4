"""The JobReturn that Hydra's sweeper gets for a job, however it ended."""

from __future__ import annotations

import pickle

from hydra.core.utils import JobReturn, JobRuntime, JobStatus
from hydra.errors import CompactHydraException
from omegaconf import open_dict, read_write

from exptools.launching.jobs.outcomes import Outcome
from exptools.rundir import State

from ._task import Returned


class JobDied(CompactHydraException):
    """A job ended without an exception of its own: by a signal, or by leaving its process."""


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
    returned = result.details if result is not None else None
    if not isinstance(returned, Returned):
        returned = Returned(str(job.directory), JobRuntime.instance().get("name"))
    completed = outcome.status.state is State.COMPLETED
    return JobReturn(
        overrides=list(job.overrides),
        cfg=task_config,
        hydra_cfg=hydra_config,
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
