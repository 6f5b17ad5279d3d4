"""The runs that a sweep's directory holds already, whoever launched them, matched to its jobs."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from exptools.launching.display.labels import plural, short_path
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.jobs.results import ResultError, SavedValue, read_result
from exptools.launching.jobs.worker import Result
from exptools.launching.machine.split import Split
from exptools.launching.resume import (
    MAX_CONFIG,
    EarlierRun,
    code_changes,
    config_diff,
    earlier_outcome,
    run_directories,
)
from exptools.provenance import read_provenance
from exptools.rundir import EXPTOOLS_DIR, HYDRA_DIR, State, read_regular

from ._composing._compose import Place, is_literal, saved_config
from ._hydra_files import read_any_run, read_hydra_job
from ._options import LauncherOptions, LaunchError

_BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
_DIGITS = 10  # that no job's number has
_SHOWN = 3  # runs that a sentence names
_LONGEST_SAID = 200  # characters of what one says of itself


class ValueNotSaved(CompactHydraException):
    """A run is completed, but what it returned is not known: no value for a sweeper."""


class EarlierRuns:
    """The runs that the sweep directory holds, matched to jobs by their overrides.

    The order of the overrides does not matter; two jobs with the same ones take two runs. A job
    without a run gets a number, and so a directory, that none of the runs has.
    """

    def __init__(self, config: DictConfig, options: LauncherOptions) -> None:
        self._options = options
        self._sweep_dir = Path(str(config.hydra.sweep.dir))
        target = str(config.hydra.sweeper.get("_target_"))
        # Hydra's own sweeper looks at no value; others may be led by them.
        self._sweeper: str | None = None if target == _BASIC else target.rpartition(".")[2]
        # Whether one batch has all jobs, so that what matches none of them matches no job.
        self._is_whole = not self._sweeper and config.hydra.sweeper.get("max_batch_size") is None
        self._program = str(config.hydra.job.name)
        self._hydra_dir = str(config.hydra.output_subdir or HYDRA_DIR)
        self._directories = set(run_directories(self._sweep_dir, self._hydra_dir))
        runs = [read_any_run(path, self._hydra_dir) for path in sorted(self._directories)]
        named = [_numbered(run) for run in runs if run is not None]
        self._runs = [run for run in named if self._can_be_named(run)]
        self._unmatched: dict[tuple[str, ...], deque[EarlierRun]] = defaultdict(deque)
        for run in sorted(self._runs, key=_rank):
            self._unmatched[_key(run.overrides)].append(run)
        self._matched: dict[Path, EarlierRun] = {}
        self._results: dict[Path, Result | None] = {}  # by directory, those that a sweeper needs
        names = [directory.name for directory in self._directories]
        numbers = [run.number or 0 for run in named]
        numbers += [int(name) for name in names if name.isdecimal() and len(name) < _DIGITS]
        self._next = max(numbers, default=-1)
        self._numbers: set[int] = set()
        self._notes = self._first_notes()
        self._note(
            [run for run in named if not self._can_be_named(run)],
            "left alone, for Hydra would take its directory's name for something else",
        )
        self._note_closed()
        self._told: set[str] = set()
        self.split = Split.of_runs([run.status for run in self._runs if run.status])

    def _can_be_named(self, run: EarlierRun) -> bool:
        """Whether its directory can be a job's: the job's config would resolve some names."""
        return is_literal(os.path.relpath(run.directory, self._sweep_dir))

    def _first_notes(self) -> list[str]:
        if not self._runs:
            return [
                f"there are no earlier runs in {short_path(self._sweep_dir)}: all jobs run; to go "
                "on with another sweep, name its directory in hydra.launcher.resume"
            ]
        if self._sweeper:
            return [
                f"{self._sweeper} chooses the jobs: an earlier run counts only if it asks for the "
                "same overrides again, as it does with the same seed"
            ]
        return []

    def _note_closed(self) -> None:
        if closed := sorted(filter(_is_closed, self._directories)):
            first = ", ".join(map(short_path, closed[:_SHOWN]))
            more = f" and {len(closed) - _SHOWN} more" if len(closed) > _SHOWN else ""
            self._notes.append(
                f"you may not look into {first}{more}: left alone, whatever is there"
            )

    def place_of(self, overrides: tuple[str, ...]) -> Place:
        """The place of the run with these overrides, else a new one."""
        runs = self._unmatched[_key(overrides)]
        if not runs:
            return Place(self._new_number())
        run = runs.popleft()
        self._matched[run.directory] = run
        number = run.number
        if number is None or number in self._numbers:  # it was in the directory of another sweep
            number = self._new_number()
        self._numbers.add(number)
        return Place(number, run.directory)

    def holds_another(self, job: Job) -> bool:
        """Whether the job's directory holds another job's run."""
        return job.directory in self._directories and job.directory not in self._matched

    def completed_outcomes(self, jobs: Sequence[Job]) -> dict[int, Outcome]:
        """The outcomes, by job number, of the jobs that need not run again.

        Raises:
            LaunchError: a run has another config than its job, runs now, or says nothing of how
                it ended, and the options do not say what to do then.
        """
        pairs = [(job, run) for job in jobs if (run := self._matched.get(job.directory))]
        runs = [run for _, run in pairs]
        self._refuse_running(runs)
        self._refuse_unknown([run for run in runs if run.unknown])
        changes = {job.number: _config_change(job, run) for job, run in pairs}
        self._refuse_changes([change for change in changes.values() if change])
        same = [pair for pair in pairs if not changes[pair[0].number]]
        self._read_results([run for _, run in same if run.completed])
        self._refuse_without_value([run for _, run in same if self._lacks_value(run)])
        kept = [(job, run) for job, run in same if self._is_kept(run)]
        self._take_notes(runs, [run for _, run in kept])
        if kept and len(kept) < len(jobs) and self.split is None:
            self._notes.append(
                "nothing tells how many cores the earlier jobs had: if others have more or fewer, "
                "their results can differ (hydra.launcher.cpus_per_job says how many)"
            )
        return {job.number: self._outcome(job, run) for job, run in kept}

    def new_notes(self) -> list[str]:
        """What there is to say about the runs and was not said yet."""
        notes = [note for note in self._notes if note not in self._told]
        self._told.update(notes)
        self._notes.clear()
        return notes

    def _is_kept(self, run: EarlierRun) -> bool:
        if run.unknown or self._lacks_value(run):
            return self._options.resume_unknown == "done"
        return run.completed

    def _read_results(self, runs: Sequence[EarlierRun]) -> None:
        """Load what runs returned, where the sweeper is led by it: loading runs their code."""
        for run in runs if self._sweeper else ():
            with contextlib.suppress(ResultError):
                self._results[run.directory] = read_result(run.directory)

    def _lacks_value(self, run: EarlierRun) -> bool:
        """Whether the sweeper needs what the run returned, and it is not there, or not ours."""
        needs = self._sweeper is not None and run.completed
        return needs and self._results.get(run.directory) is None

    def _outcome(self, job: Job, run: EarlierRun) -> Outcome:
        outcome = earlier_outcome(job, run, self._results.get(run.directory))
        if outcome.result is not None:
            return outcome
        if self._sweeper is None:
            value = SavedValue(run.directory) if run.has_value else None
            return replace(outcome, result=Result(value))
        error = ValueNotSaved(
            f"job {job.number} ({job.name}) is taken as completed, but what it returned was not "
            f"saved, so {self._sweeper} gets no value"
        )
        # For the sweeper alone: None would be a value.
        return replace(
            outcome, status=replace(outcome.status, state=State.FAILED), result=Result(error=error)
        )

    def _refuse_running(self, runs: Sequence[EarlierRun]) -> None:
        for run in runs:
            if run.running and run.status is not None:
                raise LaunchError(
                    f"{short_path(run.directory)} is running now, as process {run.status.pid} of "
                    "another launcher: wait for it, or end it"
                )

    def _refuse_unknown(self, runs: Sequence[EarlierRun]) -> None:
        if runs and self._options.resume_unknown is None:
            raise LaunchError(
                f"{self._sweep_dir} holds {plural(len(runs), 'run')} of these jobs without a word "
                f"of how it ended, as plain Hydra leaves a run: {self._described(runs)}. "
                "hydra.launcher.resume_unknown=done takes what is there as completed, "
                "hydra.launcher.resume_unknown=again runs it again in the same directories"
            )

    def _refuse_without_value(self, runs: Sequence[EarlierRun]) -> None:
        if runs and self._options.resume_unknown is None:
            raise LaunchError(
                f"{self._sweep_dir} holds {plural(len(runs), 'completed run')} of these jobs "
                f"without the value that {self._sweeper} needs: their launcher saved none, or "
                f"others than you can have written it: {_listed(runs)}. "
                "hydra.launcher.resume_unknown=again runs them again in the same "
                "directories, hydra.launcher.resume_unknown=done has them count as failed"
            )

    def _refuse_changes(self, changes: Sequence[str]) -> None:
        if changes and not self._options.resume_changed:
            more = f"\n(and {len(changes) - 1} more runs)" if len(changes) > 1 else ""
            raise LaunchError(
                f"the config has changed since the sweep in {self._sweep_dir} was started; "
                f"hydra.launcher.resume_changed=true runs the changed jobs again:\n"
                f"{changes[0]}{more}"
            )

    def _take_notes(self, runs: Sequence[EarlierRun], kept: Sequence[EarlierRun]) -> None:
        done = [run for run in kept if run.unknown]
        again = [run for run in runs if run.unknown and run not in kept]
        without = [run for run in kept if not run.has_value and not run.unknown]
        self._note(done, "taken as completed")
        self._note(again, "run again in the same directory")
        self._note(without, "completed, without a saved return value")
        statuses = [run.status for run in runs if run.status is not None]
        others = [run for runs in self._unmatched.values() for run in runs]
        if self._is_whole:
            self._note(others, "of none of these jobs, and left alone")
        self._notes += code_changes(statuses, read_provenance(self._sweep_dir.absolute()))

    def _note(self, runs: Sequence[EarlierRun], what: str) -> None:
        if runs:
            are = "is" if len(runs) == 1 else "are"
            count = plural(len(runs), "earlier run")
            self._notes.append(f"{count} {are} {what}: {self._described(runs)}")

    def _described(self, runs: Sequence[EarlierRun]) -> str:
        """The first few runs and, where plain Hydra says it, that another program ran them."""
        if runs[0].status is None:
            program = read_hydra_job(runs[0].directory / self._hydra_dir).get("name")
            if program not in (None, self._program):
                return f"{_listed(runs)}, run by {_short(str(program))} and not by {self._program}"
        return _listed(runs)

    def _new_number(self) -> int:
        self._next += 1
        return self._next


def _numbered(run: EarlierRun) -> EarlierRun:
    """The run without a number that no job can have: those of new jobs follow the largest."""
    if run.number is None or 0 <= run.number < 10 ** (_DIGITS - 1):
        return run
    return replace(run, number=None)


def _is_closed(directory: Path) -> bool:
    """Whether we may not look for a run there."""
    ours = directory / EXPTOOLS_DIR
    parts = [directory, *([ours] if os.path.isdir(ours) else [])]
    return not all(os.access(part, os.R_OK | os.X_OK) for part in parts)


def _config_change(job: Job, run: EarlierRun) -> str:
    path, config = saved_config(job)
    if not run.completed and _is_unfinished(path, config):
        return ""
    return config_diff(path, config)


def _is_unfinished(path: Path, config: str) -> bool:
    """Whether the run was stopped before Hydra had written all of its config."""
    try:
        return config.startswith(read_regular(path, MAX_CONFIG).decode())
    except FileNotFoundError:
        return True
    except (OSError, UnicodeError):
        return False


def _rank(run: EarlierRun) -> tuple[bool, bool, int]:
    """Of runs with the same overrides the completed are taken first, those with a status next."""
    return not run.completed, run.unknown, run.number or 0


def _key(overrides: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(overrides))


def _listed(runs: Sequence[EarlierRun]) -> str:
    """The first few runs, by directory and overrides."""
    shown = [
        f"{run.directory.name} ({_short(' '.join(run.overrides))}{_place(run)})"
        for run in runs[:_SHOWN]
    ]
    more = [f"{len(runs) - _SHOWN} more"] if len(runs) > _SHOWN else []
    return ", ".join([*shown, *more])


def _place(run: EarlierRun) -> str:
    return f", running on {_short(str(run.status.host))}" if run.status and run.unknown else ""


def _short(text: str) -> str:
    """What a run's files say, which anybody may have written, in the length of a line or two."""
    return text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]}…"
