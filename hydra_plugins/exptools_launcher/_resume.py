"""Jobs of this sweep ↔ runs that an earlier start of it has left in its directory."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path

from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.resume import PastRun, as_before, config_diff, past_runs, run_directories

from ._compose import Place, saved_config


class ConfigChanged(Exception):
    """Runs that stand in the directory were made with another config; the message is a diff."""


class Past:
    """The runs that the sweep directory holds, matched to jobs by their overrides.

    The order of the overrides does not matter; two jobs with the same ones take two runs. A job
    without a run gets a number, and so a directory, that none of the runs has.
    """

    def __init__(self, sweep_dir: Path) -> None:
        self._unmatched: dict[tuple[str, ...], deque[PastRun]] = defaultdict(deque)
        for run in past_runs(sweep_dir):
            self._unmatched[tuple(sorted(run.status.overrides))].append(run)
        self._matched: dict[Path, PastRun] = {}
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

    def finished(self, jobs: Sequence[Job], force: bool) -> dict[int, Outcome]:
        """The outcomes, by job number, of the jobs that need not run again.

        Raises:
            ConfigChanged: a run has another config than its job now, and nobody forces us.
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
                outcomes[job.number] = as_before(job, run)
        if changes and not force:
            raise ConfigChanged(changes[0] + _and_more(len(changes) - 1))
        return outcomes

    def _new_number(self) -> int:
        self._next += 1
        return self._next


def _and_more(number: int) -> str:
    return f"\n(and {number} more runs)" if number else ""
