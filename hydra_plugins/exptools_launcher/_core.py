"""One multirun: overrides become jobs, and their outcomes the JobReturns that Hydra expects."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import closing
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from weakref import WeakSet

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from exptools.launching.display.compose_bar import ComposeBar
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.launch_signals import LaunchSignals
from exptools.launching.sweep import open_console, print_note
from exptools.rundir import RETURN_FILE

from ._composing._compose import Place as JobPlace
from ._composing._compose import cache_composed_configs, compose
from ._earlier_runs import EarlierRuns
from ._job_return import make_job_return
from ._options import LauncherOptions, LaunchError
from ._place import Place, SweepSetup
from ._sweep_dir import lock_sweep_dir, move_sweep, share_provenance

_sweeps: WeakSet[Sweep] = WeakSet()  # of this process


class Sweep:
    """One multirun: what Hydra gave the launcher, and the run directories taken so far."""

    def __init__(
        self,
        context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
        options: LauncherOptions,
        signals: LaunchSignals,
        make_place: Callable[[LauncherOptions], Place],
    ) -> None:
        """Take the sweep's directory.

        Raises:
            LaunchError: the jobs cannot run as they should, another sweep has the directory, or we
                cannot write there.
        """
        _end_earlier_sweeps()
        _sweeps.add(self)
        # Composing makes many objects. What exists by now stays: the collector need not look at it
        # each time, which takes a tenth of the time.
        gc.freeze()
        self._context = context
        self._loader = cache_composed_configs(context)
        self._config = config
        self._options = options
        self._taken: dict[Path, Job] = {}
        self._fixed = _fixed_overrides(config)
        self._place = make_place(options)
        if isinstance(options.resume, str):
            move_sweep(config, options.resume)
        self._sweep_dir = Path(str(config.hydra.sweep.dir))
        self._lock = lock_sweep_dir(self._sweep_dir)
        share_provenance(self._sweep_dir)
        self._earlier_runs = EarlierRuns(config, options) if options.resume else None
        self._console = open_console()
        self._note = partial(print_note, self._console)
        self._place.prepare(
            SweepSetup(
                self._jobs_context(),
                task_function,
                config,
                self._sweep_dir,
                self._earlier_runs.split if self._earlier_runs else None,
                self._console,
                self._note,
                signals,
            )
        )
        self._bar = ComposeBar(self._console)
        self._loader.on_composed = self._composed
        self._signals = signals
        signals.on_stop = self._bar.close

    def _jobs_context(self) -> HydraContext:
        context = copy(self._context)
        context.config_loader = self._loader.loader
        return context

    def launch(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Run a batch of jobs; their numbers begin at ``first``."""
        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        with closing(self._bar):
            jobs = [self._job(overrides, first + i) for i, overrides in enumerate(job_overrides)]
        self._signals.check()
        outcomes: dict[int, Outcome] = {}
        if self._earlier_runs is not None:
            outcomes = self._earlier_runs.completed_outcomes(jobs)
        to_run = [job for job in jobs if job.number not in outcomes]
        outcomes |= {outcome.job.number: outcome for outcome in self._run(to_run, len(outcomes))}
        return [make_job_return(outcomes[job.number]) for job in jobs]

    def _composed(self, count: int) -> None:
        self._signals.check()
        self._signals.watch()  # a later batch is on its way
        self._bar.update(count)

    def _job(self, overrides: Sequence[str], number: int) -> Job:
        earlier_runs = self._earlier_runs
        place_of = earlier_runs.place_of if earlier_runs else lambda overrides: JobPlace(number)
        job = compose(self._loader, self._config, overrides, place_of)
        job = replace(job, fixed=self._fixed)
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

    def _run(self, jobs: Sequence[Job], completed_before: int) -> list[Outcome]:
        console = self._console
        if completed_before:
            were = "job was" if completed_before == 1 else "jobs were"
            text = f"exptools: {completed_before} {were} completed before"
            console.print(text, highlight=False)
        for note in self._earlier_runs.new_notes() if self._earlier_runs else ():
            self._note(note)
        if not jobs:
            return []
        if self._earlier_runs is None:
            self._note_overwritten(jobs)
        outcomes = self._place.run(jobs)
        self._note_lost_values(outcomes)
        return outcomes

    def _note_overwritten(self, jobs: Sequence[Job]) -> None:
        count = sum((job.directory / RETURN_FILE).exists() for job in jobs)
        if count:
            self._note(
                f"{count} of these {len(jobs)} jobs have run here before and run again; "
                "hydra.launcher.resume=true keeps those that completed"
            )

    def _note_lost_values(self, outcomes: Sequence[Outcome]) -> None:
        lost = [(o.job, o.result.lost) for o in outcomes if o.result and o.result.lost]
        if lost:
            job, what = lost[0]
            others = f" (and so did {len(lost) - 1} more)" if len(lost) > 1 else ""
            self._note(f"job {job.number} completed{others}, but {what}")


def _end_earlier_sweeps() -> None:
    """Have those end that this program has done with: they hold their directories and helpers.

    Nobody tells a launcher that no more jobs will come. It is the collector that ends it, once it
    may look at what stood still for the sake of speed and of forks.
    """
    if _sweeps:
        gc.unfreeze()
        gc.collect()


def _fixed_overrides(config: DictConfig) -> frozenset[str]:
    """What was typed and is no sweep, as it was typed and as sweepers write it to each job.

    They write ``debug=false`` as ``debug=False``, and ``name='a b'`` in their own quotes.
    """
    typed = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    assert isinstance(typed, list)
    texts = set(map(str, typed))  # a swept one is another in each job
    for override in OverridesParser.create().parse_overrides(list(texts)):
        if not override.is_sweep_override():
            texts.add(f"{override.get_key_element()}={override.get_value_element_as_str()}")
    return frozenset(texts)


def _label(job: Job) -> str:
    return " ".join(job.overrides) or "no overrides"
