"""One multirun: overrides become jobs, and their outcomes the JobReturns that Hydra expects."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Sequence
from contextlib import closing
from copy import copy
from pathlib import Path

from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from exptools.launching.affinity.codes import AffinityError
from exptools.launching.affinity.on_machine import slots_of_code
from exptools.launching.display.sweep_display import ComposeBar, SweepDisplay
from exptools.launching.jobs.fresh import Starter
from exptools.launching.jobs.helper_client import CannotFork, fork_helper, start_helper
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.jobs.running import job_environment, threads_set_by_user
from exptools.launching.machine.leases import find_busy
from exptools.launching.machine.request import SlotError
from exptools.launching.machine.slots import Slot, make_slots
from exptools.launching.machine.topology import read_machine
from exptools.launching.sweep import fresh_starter, open_console, print_note, run_jobs

from ._compose import Place, cache_composed_configs, compose
from ._job_return import make_job_return
from ._options import LauncherOptions, LaunchError
from ._sweep_dir import EarlierRuns, lock_sweep_dir, move_sweep, share_provenance
from ._task import HydraTask, RerunTask


class Sweep:
    """One multirun: what Hydra gave the launcher, and the run directories taken so far."""

    def __init__(
        self,
        context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
        options: LauncherOptions,
    ) -> None:
        """Take the sweep's directory.

        Raises:
            LaunchError: another sweep has it, or we cannot write there.
        """
        # Composing makes many objects. What exists by now stays: the collector need not look at it
        # each time, which takes a tenth of the time.
        gc.freeze()
        self._context = context
        self._loader = cache_composed_configs(context)
        self._task_function = task_function
        self._config = config
        self._options = options
        self._taken: dict[Path, Job] = {}
        if isinstance(options.resume, str):
            move_sweep(config, options.resume)
        self._sweep_dir = Path(str(config.hydra.sweep.dir))
        self._lock = lock_sweep_dir(self._sweep_dir)
        share_provenance(self._sweep_dir)
        self._earlier_runs = EarlierRuns(self._sweep_dir) if options.resume else None
        self._batches_mentioned = False
        self._console = open_console()
        self._starter: Starter | None = None  # of all batches
        self._bar = ComposeBar(self._console)
        self._loader.on_composed = self._bar.update

    def launch(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Run a batch of jobs; their numbers begin at ``first``."""
        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        with closing(self._bar):
            jobs = [self._job(overrides, first + i) for i, overrides in enumerate(job_overrides)]
        outcomes: dict[int, Outcome] = {}
        if self._earlier_runs is not None:
            despite_changes = self._options.resume_changed
            outcomes = self._earlier_runs.completed_outcomes(jobs, despite_changes=despite_changes)
        to_run = [job for job in jobs if job.number not in outcomes]
        outcomes |= {outcome.job.number: outcome for outcome in self._run(to_run, len(outcomes))}
        return [make_job_return(outcomes[job.number]) for job in jobs]

    def _job(self, overrides: Sequence[str], number: int) -> Job:
        earlier_runs = self._earlier_runs
        place_of = earlier_runs.place_of if earlier_runs else lambda overrides: Place(number)
        job = compose(self._loader, self._config, overrides, place_of)
        other = self._taken.setdefault(job.directory, job)
        if other is not job:
            raise LaunchError(
                f"jobs {other.number} ({_label(other)}) and {job.number} ({_label(job)}) would "
                f"both write into {job.directory}: make hydra.sweep.subdir differ between "
                "jobs, for example hydra.sweep.subdir='${hydra.job.num}'"
            )
        if earlier_runs and earlier_runs.holds_another(job):
            raise LaunchError(
                f"{job.directory} holds another job than job {job.number} ({_label(job)}): "
                "make hydra.sweep.subdir differ between jobs"
            )
        return job

    def _context_of_jobs(self) -> HydraContext:
        context = copy(self._context)
        context.config_loader = self._loader.loader
        return context

    def _pickled_task(self) -> bytes:
        try:
            return pickle.dumps(RerunTask(self._context_of_jobs(), self._task_function))
        except Exception as error:  # pickling runs code of the user's objects
            name = getattr(self._task_function, "__qualname__", repr(self._task_function))
            raise LaunchError(
                f"{name} cannot be sent to the jobs' processes: {error}. Keep open files, locks "
                "and the like out of what it closes over and of Hydra's callbacks"
            ) from error

    def _run(self, jobs: Sequence[Job], completed_before: int) -> list[Outcome]:
        console = self._console
        if completed_before:
            text = f"exptools: {completed_before} jobs were completed before"
            console.print(text, highlight=False)
        if not jobs:
            return []
        slots = self._slots(len(jobs))
        if self._starter is None:
            self._starter = self._make_starter(max(slots, key=lambda slot: slot.threads))
        display = SweepDisplay(jobs, slots, self._sweep_dir, console)
        request, policy = self._options.request, self._options.policy
        outcomes = run_jobs(jobs, slots, self._starter, request, display, policy, console)
        self._note_lost_values(outcomes)
        return outcomes

    def _slots(self, jobs: int) -> Sequence[Slot]:
        machine, request, code = read_machine(), self._options.request, self._options.affinity
        for note in (*machine.notes, *threads_set_by_user(), *self._note_on_batches()):
            self._note(note)
        try:
            if code is None:
                return make_slots(machine, request, most=jobs, busy=find_busy())
            slots, notes = slots_of_code(machine, code, jobs, request.gpu_ids)
        except (SlotError, AffinityError) as error:
            raise LaunchError(str(error)) from error
        for note in notes:
            self._note(note)
        return slots

    def _note_on_batches(self) -> list[str]:
        size = OmegaConf.select(self._config, "hydra.sweeper.max_batch_size")
        if size is None or self._batches_mentioned:
            return []
        self._batches_mentioned = True
        return [f"with max_batch_size={size}, Hydra stops after a batch in which a job failed"]

    def _note(self, text: str) -> None:
        print_note(self._console, text)

    def _note_lost_values(self, outcomes: Sequence[Outcome]) -> None:
        lost = [(o.job, o.result.lost) for o in outcomes if o.result and o.result.lost]
        if lost:
            job, what = lost[0]
            others = f" (and so did {len(lost) - 1} more)" if len(lost) > 1 else ""
            self._note(f"job {job.number} completed{others}, but {what}")

    def _make_starter(self, slot: Slot) -> Starter:
        """What starts the jobs of all batches, in forks where that is safe."""
        if not self._options.warm:
            return fresh_starter(self._pickled_task(), slot)
        task = HydraTask(self._context_of_jobs(), self._task_function)
        task.prepare()
        task.rehearse()
        try:
            return fork_helper(
                task, lambda: fresh_starter(self._pickled_task(), slot), self._lock.drop
            )
        except CannotFork as reason:
            why = f"{reason}"
        content = self._pickled_task()
        try:
            starter = start_helper(content, job_environment(slot, self._sweep_dir), preload=True)
        except CannotFork as reason:
            self._note(f"each job starts in a fresh interpreter, for {reason}")
            return fresh_starter(content, slot)
        self._note(f"the jobs are forks of a process that runs the program again, for {why}")
        return starter


def _label(job: Job) -> str:
    return " ".join(job.overrides) or "no overrides"
