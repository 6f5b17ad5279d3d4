"""``run_on_cluster``: variants of a script on a cluster, a run or some in each allocation."""

from __future__ import annotations

import pickle
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exptools.launching.cluster import ClusterHandlerBase
from exptools.launching.cluster.elements import (
    AllocationOptions,
    SubmissionError,
    minutes,
    start_of,
)
from exptools.launching.cluster.plan import Plan, PlanError
from exptools.launching.cluster.queue import QueueAway
from exptools.launching.cluster.run import ClusterOptions, ClusterSweep
from exptools.launching.cluster.slurm import SlurmHandler
from exptools.launching.compat.experiments import ExperimentError, Experiments, write_settings
from exptools.launching.compat.scripts import ScriptTask
from exptools.launching.display.labels import short_path
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.machine.request import Request
from exptools.launching.sweep import open_console, print_note
from exptools.plain_files import read_own

_READING_AT_ONCE = {"qsub", "sbatch"}  # they do not need the script any more when they have ended


@dataclass(frozen=True)
class OnCluster:
    """Runs experiments on a cluster."""

    handler: ClusterHandlerBase
    script_name: str  # what the manager's jobs are called
    cpus_per_run: int = 1
    runs_per_allocation: int = 1  # all at once
    wait: bool | None = None  # None: where the manager's queue is watched, which is Slurm's

    def run(self, experiments: Experiments, jobs: Sequence[Job], policy: Policy) -> list[Outcome]:
        """Submit the jobs; how they ended, if we wait for that.

        Raises:
            ExperimentError: they cannot be submitted.
            SystemExit: a signal stopped the waiting.
        """
        if not jobs:
            return []
        write_settings(experiments, jobs)
        try:
            sweep = ClusterSweep(
                experiments.directory,
                lambda: pickle.dumps(ScriptTask(experiments.script)),
                self._request(),
                policy,
                self._options(policy.grace),
                open_console(),
                warm=False,
            )
            go_on = f"run_on_cluster(…, resume={str(short_path(experiments.directory))!r})"
            return sweep.run(jobs, go_on)
        except QueueAway as error:
            raise ExperimentError(f"Slurm's controller does not answer: {error}") from error
        except (PlanError, SubmissionError, OSError) as error:
            raise ExperimentError(str(error)) from error

    def _request(self) -> Request:
        return Request(
            jobs=self.runs_per_allocation,
            cpus_per_job=self.cpus_per_run,
            gpus_per_job=getattr(self.handler, "n_gpus", None),
        )

    def _options(self, grace: float) -> ClusterOptions:
        handler, count = self.handler, self.runs_per_allocation
        if not isinstance(handler, SlurmHandler):
            wait = bool(self.wait)
            return ClusterOptions(
                AllocationOptions(), count, submit=False, hand_over=self._call, wait=wait
            )
        try:
            time = minutes(handler.time)
        except ValueError:
            raise ExperimentError(
                f"the handler's time is {handler.time!r}; it should be such as 24:00:00 or 1-12:00"
            ) from None
        allocation = AllocationOptions(
            time=time,
            mem=handler.mem,
            partition=handler.partition or None,
            exclude=handler.exclude,
            signal_ahead=min(max(90, int(grace) + 30), time * 30),
            setup=handler.commands,
            python=handler.python,
        )
        return ClusterOptions(allocation, count, wait=self.wait is not False)

    def _call(self, plan: Plan, chunk: int) -> None:
        """Have the manager start an agent for a chunk, by a script of the handler's."""
        command, first = self.handler.call_script_cmd, plan.jobs(chunk)[0].directory
        agent = [sys.executable, *start_of("exptools.launching.agent"), str(plan.sweep_dir)]
        script = self.handler.make_script(
            log_dir=str(first.parent),
            script_name=self.script_name,
            run_ID=int(first.name.removeprefix("run_")),
            call_command=[*agent, "--plan", str(plan.number), "--chunk", f"{chunk}/{plan.chunks}"],
        )
        print_note(open_console(), f"{command} {script}: {_submit(command, script)}")


def _submit(command: str, script: str) -> str:
    """Give a script to a cluster's manager; what it said.

    Raises:
        ExperimentError: the manager is not here, or refuses.
        OSError: the script is not this user's alone.
    """
    words = shlex.split(command)
    if not words or Path(words[0]).name not in _READING_AT_ONCE:
        return _ask(command, [*words, script], script)
    # Where others may write in its directory, they could put another one there in this moment.
    content = read_own(Path(script))
    with tempfile.TemporaryDirectory(prefix="exptools-") as private:
        copy = Path(private) / Path(script).name
        copy.write_bytes(content)
        return _ask(command, [*words, str(copy)], script)


def _ask(command: str, words: Sequence[str], script: str) -> str:
    try:
        answer = subprocess.run(words, check=False, capture_output=True, text=True)
    except OSError as error:
        raise ExperimentError(f"{command} cannot be started here: {error.strerror}") from error
    if answer.returncode:
        said = (answer.stderr or answer.stdout).strip().splitlines()
        raise ExperimentError(f"{command} refuses {script}: {said[-1] if said else 'no word'}")
    return answer.stdout.strip()
