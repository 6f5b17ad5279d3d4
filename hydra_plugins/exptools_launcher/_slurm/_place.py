"""A sweep's jobs on the machines of a cluster."""

from __future__ import annotations

from collections.abc import Sequence

from exptools.launching.cluster.elements import SubmissionError
from exptools.launching.cluster.plan import PlanError
from exptools.launching.cluster.queue import QueueAway
from exptools.launching.cluster.run import ClusterSweep
from exptools.launching.jobs.outcomes import Job, Outcome

from .._options import LauncherOptions, LaunchError
from .._place import SweepSetup
from .._starters import pickle_task
from .._sweep_dir import resume_command


class ClusterPlace:
    """See `Place`: elements of Slurm, in each of which an agent runs a part of the jobs."""

    _setup: SweepSetup
    _sweep: ClusterSweep

    def __init__(self, options: LauncherOptions) -> None:
        assert options.cluster is not None, "these are the options of a launcher of one machine"
        self._options = options

    def prepare(self, setup: SweepSetup) -> None:
        """See `Place`."""
        assert self._options.cluster is not None
        self._setup = setup
        self._sweep = ClusterSweep(
            setup.sweep_dir,
            lambda: pickle_task(setup.context, setup.task_function),
            self._options.request,
            self._options.policy,
            self._options.cluster,
            setup.console,
            warm=self._options.warm,
        )

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """See `Place`."""
        self._setup.signals.check()
        try:
            return self._sweep.run(jobs, resume_command(self._setup.sweep_dir))
        except QueueAway as error:
            raise LaunchError(f"Slurm's controller does not answer: {error}") from error
        except (PlanError, SubmissionError, OSError) as error:
            raise LaunchError(str(error)) from error
