"""Jobs of this sweep ↔ runs that an earlier start of it has left in its directory."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from exptools.launching.outcomes import Job, Outcome, record
from exptools.launching.resume import PastRun, config_diff, past_runs
from exptools.rundir import State

from ._compose import Place, task_yaml


class ConfigChanged(Exception):
    """Runs that stand in the directory were made with another config; the message is a diff."""


class Past:
    """The runs that the sweep directory holds, matched to jobs by their overrides.

    Two jobs with the same overrides take two runs. A job without a run gets a number that none
    of the runs has.
    """

    def __init__(self, sweep_dir: Path) -> None:
        runs = past_runs(sweep_dir)
        self._unmatched: dict[tuple[str, ...], deque[PastRun]] = defaultdict(deque)
        for run in runs:
            self._unmatched[run.status.overrides].append(run)
        self._matched: dict[int, PastRun] = {}  # by job number
        self._new_numbers = itertools.count(
            max((run.status.job or 0 for run in runs), default=-1) + 1
        )
        self._directories = {run.directory for run in runs}

    def place_of(self, overrides: tuple[str, ...]) -> Place:
        """The place of the run with these overrides, else a new one."""
        runs = self._unmatched[overrides]
        if not runs:
            return Place(next(self._new_numbers))
        run = runs.popleft()
        assert run.status.job is not None
        self._matched[run.status.job] = run
        return Place(run.status.job, run.directory)

    def holds_another(self, job: Job) -> bool:
        """Whether the job's directory holds another job's run."""
        matched = self._matched.get(job.number)
        own = matched is not None and matched.directory == job.directory
        return job.directory in self._directories and not own

    def finished(self, jobs: Sequence[Job], force: bool) -> dict[int, Outcome]:
        """The outcomes, by job number, of the jobs that need not run again.

        Raises:
            ConfigChanged: a run has another config than its job now, and nobody forces us.
        """
        outcomes: dict[int, Outcome] = {}
        changes = []
        for job in jobs:
            run = self._matched.get(job.number)
            if run is None:
                continue
            change = config_diff(run, task_yaml(job)) if run.config is not None else ""
            if change:
                changes.append(change)
            elif run.completed:
                outcomes[job.number] = _as_before(job, run)
        if changes and not force:
            raise ConfigChanged(changes[0] + _and_more(len(changes) - 1))
        return outcomes


def _as_before(job: Job, run: PastRun) -> Outcome:
    if run.status.state is State.COMPLETED:
        return Outcome(job, run.status, run.result)
    # Whoever should have written it died between the job's end and the writing.
    status = replace(run.status, state=State.COMPLETED, error=None, exit_code=0, signal=None)
    return Outcome(job, record(job, status), run.result)


def _and_more(number: int) -> str:
    return f"\n(and {number} more runs)" if number else ""
