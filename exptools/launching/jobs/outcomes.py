"""Jobs, and how they ended."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from exptools.launching.jobs.fresh import Exit
from exptools.launching.jobs.worker import RESULT_LOST, Result, last_line
from exptools.rundir import OUTPUT_LOG, RETURN_FILE, State, Status, write_status


@dataclass(frozen=True)
class Job:
    """One run of the sweep."""

    number: int
    overrides: tuple[str, ...]
    directory: Path  # absolute
    argument: bytes = field(repr=False)  # what the task is called with
    words: tuple[str, ...] = ()  # what a fresh process's command shows to ps

    @property
    def name(self) -> str:
        """What the user varied, as shown in tables."""
        return " ".join(self.overrides) or f"job {self.number}"

    @property
    def log(self) -> Path:
        """Where all that the job printed is."""
        return self.directory / OUTPUT_LOG


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    job: Job
    status: Status
    result: Result | None = None  # None when the process ended before it could say


@dataclass(frozen=True)
class Verdict:
    """What an end means: the run's state and, if it is not "completed", the reason in one line."""

    state: State
    error: str | None
    result: Result | None


def judge(run_dir: Path, exit_: Exit, asked: State | None, oom: bool) -> Verdict:
    """Read what a job left behind.

    Args:
        run_dir: where its result is.
        exit_: how its process ended.
        asked: why we asked it to end (interrupted, timeout), None if we did not.
        oom: whether the kernel killed a process for want of memory while the job ran.
    """
    try:
        result = read_result(run_dir)
    except ResultError as problem:
        return Verdict(State.FAILED, str(problem), None)
    if result is None:
        state = asked or (State.KILLED if exit_.signal else State.FAILED)
        return Verdict(state, _without_result(exit_, oom), None)
    if result.stopped:
        return Verdict(asked or State.INTERRUPTED, "returned early, as it was asked to", result)
    if result.error is None:
        return Verdict(State.COMPLETED, None, result)
    return Verdict(asked or State.FAILED, last_line(result.error), result)


class ResultError(Exception):
    """A job's result stands on disk but cannot be read back."""


def read_result(run_dir: Path) -> Result | None:
    """The result that a job has left, None where there is none.

    Raises:
        ResultError: it cannot be unpickled here.
    """
    told = None
    try:
        with open(run_dir / RETURN_FILE, "rb") as file:
            told = pickle.load(file)
            result = pickle.load(file)
    except FileNotFoundError:
        return None
    except (Exception, SystemExit) as error:  # unpickling runs code of the user's classes
        problem = f"its result cannot be read back here: {last_line(error)}"
        raise ResultError(f"{told} ({problem})" if told else problem) from error
    if not isinstance(result, Result):
        raise ResultError(f"its {RETURN_FILE} holds {type(result).__name__}, which is not ours")
    return result


def record(job: Job, status: Status) -> Status:
    """Write a status; if the disk refuses, the sweep goes on and the summary tells."""
    try:
        write_status(job.directory, status)
    except OSError as error:
        problem = f"status.json could not be written: {error}"
        return _with_error(status, problem)
    return status


def oom_kills() -> int:
    """How many processes this machine's kernel has killed for want of memory since its boot."""
    if sys.platform != "linux":
        return 0
    for line in Path("/proc/vmstat").read_text().splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0


def _without_result(exit_: Exit, oom: bool) -> str:
    if exit_.code == RESULT_LOST:
        return "its result could not be written to its directory: is the disk full?"
    told = f"{exit_} before it returned"
    if oom and exit_.signal == "SIGKILL":
        peak = f", at {exit_.max_rss / 2**30:.1f} GiB" if exit_.max_rss else ""
        told += f" (the kernel ran out of memory and ended it{peak})"
    return told


def _with_error(status: Status, problem: str) -> Status:
    return replace(status, error=f"{status.error}; {problem}" if status.error else problem)
