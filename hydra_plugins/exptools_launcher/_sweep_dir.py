"""The sweep's directory: taken for this sweep, and what an earlier start of it left there."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, open_dict, read_write

from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.resume import (
    EarlierRun,
    SweepBusy,
    SweepLock,
    config_diff,
    earlier_outcome,
    find_earlier_runs,
    run_directories,
)
from exptools.provenance import write_provenance as record_provenance
from exptools.rundir import PROVENANCE

from ._compose import Place, saved_config
from ._options import LaunchError


def move_sweep(config: DictConfig, sweep_dir: str) -> None:
    """Make a directory that is to be resumed the sweep's, for the sweeper and for every job.

    Now, for BasicSweeper writes into it before it launches; the config is the sweeper's, too.
    """
    if not Path(sweep_dir).is_dir():
        raise LaunchError(f"hydra.launcher.resume={sweep_dir} is no directory of a sweep")
    quoted = sweep_dir.replace("\\", "\\\\").replace("'", "\\'")
    # Hydra 1.4 protects its own part.
    with read_write(config), read_write(config.hydra), open_dict(config):
        config.hydra.sweep.dir = sweep_dir
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{quoted}'")


def lock_sweep_dir(sweep_dir: Path) -> SweepLock:
    """Keep other sweeps out of the sweep directory, which is made where it is missing.

    Raises:
        LaunchError: one is in it, or it cannot be written.
    """
    try:
        return SweepLock(sweep_dir)
    except SweepBusy as busy:
        raise LaunchError(f"{busy}: wait for it, or choose another hydra.sweep.dir") from None
    except OSError as error:
        raise LaunchError(
            f"the sweep directory {sweep_dir} cannot be written ({error.strerror}): "
            "choose another with hydra.sweep.dir=…"
        ) from error


def share_provenance(sweep_dir: Path) -> None:
    """Gather where the code comes from for all jobs, which find it by the environment.

    Raises:
        LaunchError: it cannot be written.
    """
    try:
        record_provenance(sweep_dir.absolute(), Path.cwd())
    except OSError as error:
        raise LaunchError(f"{error.filename} cannot be written: {error.strerror}") from error
    os.environ[PROVENANCE] = str(sweep_dir.absolute())


class EarlierRuns:
    """The runs that the sweep directory holds, matched to jobs by their overrides.

    The order of the overrides does not matter; two jobs with the same ones take two runs. A job
    without a run gets a number, and so a directory, that none of the runs has.
    """

    def __init__(self, sweep_dir: Path) -> None:
        self._sweep_dir = sweep_dir
        self._unmatched: dict[tuple[str, ...], deque[EarlierRun]] = defaultdict(deque)
        for run in find_earlier_runs(sweep_dir):
            self._unmatched[tuple(sorted(run.status.overrides))].append(run)
        self._matched: dict[Path, EarlierRun] = {}
        self._directories = set(run_directories(sweep_dir))
        names = [directory.name for directory in self._directories]
        numbers = [run.status.job or 0 for runs in self._unmatched.values() for run in runs]
        self._next = max([*numbers, *(int(name) for name in names if name.isdecimal())], default=-1)
        self._numbers: set[int] = set()

    def place_of(self, overrides: tuple[str, ...]) -> Place:
        """The place of the run with these overrides, else a new one."""
        runs = self._unmatched[tuple(sorted(overrides))]
        if not runs:
            return Place(self._new_number())
        run = runs.popleft()
        self._matched[run.directory] = run
        number = run.status.job
        if number is None or number in self._numbers:  # it was in the directory of another sweep
            number = self._new_number()
        self._numbers.add(number)
        return Place(number, run.directory)

    def holds_another(self, job: Job) -> bool:
        """Whether the job's directory holds another job's run."""
        return job.directory in self._directories and job.directory not in self._matched

    def completed_outcomes(
        self, jobs: Sequence[Job], *, despite_changes: bool
    ) -> dict[int, Outcome]:
        """The outcomes, by job number, of the jobs that need not run again.

        Raises:
            LaunchError: a run has another config than its job, and not ``despite_changes``.
        """
        outcomes: dict[int, Outcome] = {}
        changes = []
        for job in jobs:
            run = self._matched.get(job.directory)
            if run is None:
                continue
            path, config = saved_config(job)
            if not run.completed and not path.exists():
                continue  # it was stopped before it had one
            change = config_diff(path, config)
            if change:
                changes.append(change)
            elif run.completed:
                outcomes[job.number] = earlier_outcome(job, run)
        if changes and not despite_changes:
            more = f"\n(and {len(changes) - 1} more runs)" if len(changes) > 1 else ""
            raise LaunchError(
                f"the config has changed since the sweep in {self._sweep_dir} was started; "
                f"hydra.launcher.resume_changed=true runs the changed jobs again:\n"
                f"{changes[0]}{more}"
            )
        return outcomes

    def _new_number(self) -> int:
        self._next += 1
        return self._next
