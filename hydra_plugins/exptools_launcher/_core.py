"""Hydra's words → ours: overrides become jobs, outcomes become JobReturns."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from exptools.launching.affinity.codes import AffinityError
from exptools.launching.affinity.slots import slots_of_code
from exptools.launching.display.compose_bar import ComposeBar
from exptools.launching.display.looks import SteadyConsole
from exptools.launching.display.progress import Progress
from exptools.launching.jobs.environment import job_environment, own_threads
from exptools.launching.jobs.fresh import Starter
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.jobs.warm import CannotWarm, HelperStarter
from exptools.launching.machine.leases import Gate, leased
from exptools.launching.machine.slots import Request, Slot, SlotError, make_slots
from exptools.launching.machine.topology import read_machine
from exptools.launching.sweep import fresh_starter, run_jobs, say

from ._compose import Place, compose, remember_composition
from ._options import LaunchError, checked, lock, made, move_sweep, share_provenance
from ._resume import ConfigChanged, Past
from ._task import make_job_return, pickle_task


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
        # Composing makes many objects. What exists by now stays: the collector need not look at it
        # each time, which takes a tenth of the time.
        gc.freeze()
        self._context = context
        self._loader = remember_composition(context)
        self._task_function = task_function
        self._config = config
        self._options = checked(options)
        self._request = made(Request, self._options)
        self._policy = made(Policy, self._options)
        self._taken: dict[Path, Job] = {}
        move_sweep(config, options.get("resume", False))
        self._sweep_dir = Path(str(config.hydra.sweep.dir))
        self._lock = lock(self._sweep_dir)
        share_provenance(self._sweep_dir)
        self._past = Past(self._sweep_dir) if options.get("resume", False) else None
        self._batches_told = False
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal without our signs has its own
        self._console = SteadyConsole()
        self._bar = ComposeBar(self._console)
        self._loader.on_composed = self._bar.update

    def launch(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Run a batch of jobs; their numbers begin at ``first``."""
        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        with self._bar:
            jobs = [self._job(overrides, first + i) for i, overrides in enumerate(job_overrides)]
        outcomes = self._finished(jobs)
        to_run = [job for job in jobs if job.number not in outcomes]
        outcomes |= {outcome.job.number: outcome for outcome in self._run(to_run, len(outcomes))}
        return [make_job_return(outcomes[job.number]) for job in jobs]

    def _job(self, overrides: Sequence[str], number: int) -> Job:
        place_of = self._past.place_of if self._past else lambda overrides: Place(number)
        job = compose(self._loader, self._config, overrides, place_of)
        other = self._taken.setdefault(job.directory, job)
        if other is not job:
            raise LaunchError(
                f"jobs {other.number} ({_label(other)}) and {job.number} ({_label(job)}) would "
                f"both write into {job.directory}: make hydra.sweep.subdir differ between "
                "jobs, for example hydra.sweep.subdir='${hydra.job.num}'"
            )
        if self._past and self._past.holds_another(job):
            raise LaunchError(
                f"{job.directory} holds another job than job {job.number} ({_label(job)}): "
                "make hydra.sweep.subdir differ between jobs"
            )
        return job

    def _finished(self, jobs: Sequence[Job]) -> dict[int, Outcome]:
        if self._past is None:
            return {}
        try:
            return self._past.finished(jobs, force=self._options.get("resume_changed", False))
        except ConfigChanged as change:
            raise LaunchError(
                f"the config has changed since the sweep in {self._sweep_dir} was started; "
                f"hydra.launcher.resume_changed=true runs the changed jobs again:\n{change}"
            ) from None

    def _pickled_task(self) -> bytes:
        context = HydraContext(self._loader.loader, self._context.callbacks)
        try:
            return pickle_task(context, self._task_function)
        except Exception as error:  # pickling runs code of the user's objects
            name = getattr(self._task_function, "__qualname__", repr(self._task_function))
            raise LaunchError(
                f"{name} cannot be sent to the jobs' processes: {error}. Keep open files, locks "
                "and the like out of its module's globals and of the config's resolvers"
            ) from error

    def _run(self, jobs: Sequence[Job], finished: int) -> list[Outcome]:
        console = self._console
        if finished:
            console.print(f"exptools: {finished} jobs were completed before", highlight=False)
        if not jobs:
            return []
        slots, gate = self._slots(len(jobs)), self._gate()
        starter = self._starter(slots[0])
        progress = Progress(jobs, slots, self._sweep_dir, console)
        return run_jobs(jobs, slots, starter, gate, progress, self._policy, console)

    def _slots(self, jobs: int) -> Sequence[Slot]:
        machine, code = read_machine(), self._options.get("affinity")
        for note in (*machine.notes, *own_threads(), *self._batches()):
            self._note(note)
        try:
            if code is None:
                return make_slots(machine, self._request, most=jobs, busy=leased())
            slots, notes = slots_of_code(machine, str(code), jobs, self._request.gpu_ids)
        except (SlotError, AffinityError) as error:
            raise LaunchError(str(error)) from error
        for note in notes:
            self._note(note)
        return slots

    def _gate(self) -> Gate:
        gate = Gate(self._request)
        if gate.note:
            self._note(gate.note)
        return gate

    def _batches(self) -> list[str]:
        size = OmegaConf.select(self._config, "hydra.sweeper.max_batch_size")
        if size is None or self._batches_told:
            return []
        self._batches_told = True
        return [f"with max_batch_size={size}, Hydra stops after a batch in which a job failed"]

    def _note(self, text: str) -> None:
        say(self._console, text)

    def _starter(self, slot: Slot) -> Starter:
        task = self._pickled_task()
        if self._options.get("start") != "fresh":
            try:
                return HelperStarter(task, job_environment(slot, self._sweep_dir))
            except CannotWarm as reason:
                self._note(f"each job starts in a fresh interpreter, for {reason}")
        return fresh_starter(task, slot)


def _label(job: Job) -> str:
    return " ".join(job.overrides) or "no overrides"
