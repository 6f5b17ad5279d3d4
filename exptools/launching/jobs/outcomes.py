"""A job before it runs, and what its end means: completed, failed, killed, timed out …"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from exptools.error_line import error_line
from exptools.launching.jobs.fresh import Exit
from exptools.launching.jobs.pickling import NotSent
from exptools.launching.jobs.results import NotLoaded, ResultError, read_result
from exptools.launching.jobs.worker import RESULT_LOST, Result
from exptools.provenance import command_line, git_state, main_script
from exptools.rundir import (
    MOST_ATTEMPTS,
    OUTPUT_LOG,
    State,
    Status,
    StatusError,
    process_start,
    read_status,
    write_status,
)
from exptools.units import format_bytes


@dataclass(frozen=True)
class Job:
    """One run of the sweep, before anybody knows how it ends."""

    number: int
    overrides: tuple[str, ...]
    directory: Path  # absolute
    argument: bytes = field(repr=False)  # what the task is called with
    ps_arguments: tuple[str, ...] = ()  # what a fresh process's command shows to ps
    # Overrides that every job of the sweep has, also in later batches; None: nobody can say.
    fixed: frozenset[str] | None = None

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

    @property
    def never_started(self) -> bool:
        """Whether the sweep ended before the job's turn came."""
        return self.status.state is State.INTERRUPTED and self.status.started is None


def judge(
    run_dir: Path, exit_: Exit, asked: State | None, key: bytes, *, oom: bool
) -> tuple[State, str | None, Result | None]:
    """Read what a job left behind: its state, what went wrong in one line, and its result.

    Args:
        run_dir: where its result is.
        exit_: how its process ended.
        asked: why we asked it to end (interrupted, timeout), None if we did not.
        key: with which its process has sealed its result.
        oom: whether the kernel killed a process for want of memory while the job ran.
    """
    try:
        result = read_result(run_dir, key)
    except NotLoaded as problem:
        return _judge_by_exit(exit_, asked, str(problem))
    except ResultError as problem:
        return State.FAILED, str(problem), None
    if result is None:
        killed = exit_.signal is not None or exit_.lost_with is not None
        state = asked or (State.KILLED if killed else State.FAILED)
        return state, _end_without_result(exit_, oom=oom), None
    if result.stopped:
        return asked or State.INTERRUPTED, "returned early, as it was asked to", result
    if result.error is None:
        return State.COMPLETED, None, result
    return asked or State.FAILED, error_line(result.error), result


def queued_status() -> Status:
    """What the statuses of all jobs that this process queues now have in common."""
    return Status(
        State.QUEUED,
        pid=os.getpid(),
        pid_start=process_start(os.getpid()),
        queued=time.time(),
        command=command_line(),
        git=git_state(Path.cwd()),
        script=main_script(),
    )


def save_status(job: Job, status: Status) -> Status:
    """Write a status; if the disk refuses, the sweep goes on and the summary tells."""
    try:
        write_status(job.directory, status)
    except OSError as error:
        problem = f"status.json could not be written: {error}"
        return replace(status, error=f"{status.error}; {problem}" if status.error else problem)
    return status


def attempts_before(directory: Path) -> int:
    """How often the job of a directory was started before, by this sweep or an earlier one."""
    try:
        before = read_status(directory)
    except StatusError:
        return 0
    if before is None:
        return 0
    attempt = min(before.attempt, MOST_ATTEMPTS)
    return attempt - (before.started is None)  # one that waits has not been started


def oom_kills() -> int:
    """How many processes this machine's kernel has killed for want of memory since its boot."""
    if sys.platform != "linux":
        return 0
    for line in Path("/proc/vmstat").read_text().splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0


def _judge_by_exit(
    exit_: Exit, asked: State | None, problem: str
) -> tuple[State, str | None, Result | None]:
    """What a job's end means whose result was put there by others: it counts as none."""
    if exit_.code == 0 and asked is None:
        return State.COMPLETED, None, Result(NotSent(problem), lost=problem)
    killed = exit_.signal is not None or exit_.lost_with is not None
    return asked or (State.KILLED if killed else State.FAILED), f"{exit_}; {problem}", None


def _end_without_result(exit_: Exit, *, oom: bool) -> str:
    if exit_.lost_with is not None:
        return str(exit_)
    if exit_.code == RESULT_LOST:
        return "its result could not be written to its directory: is the disk full?"
    end = f"{exit_} before it returned"
    if oom and exit_.signal == "SIGKILL":
        peak = f", at {format_bytes(exit_.max_rss)}" if exit_.max_rss else ""
        end += f" (the kernel ran out of memory and ended it{peak})"
    return end
