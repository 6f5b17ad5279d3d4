"""What a sweep directory holds already: its lock, and the runs that need not be run again."""

from __future__ import annotations

import difflib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from exptools.launching.jobs.outcomes import Job, Outcome, ResultError, read_result, save_status
from exptools.launching.jobs.worker import Result
from exptools.locks import FileLock
from exptools.provenance import command_line
from exptools.rundir import EXPTOOLS_DIR, HYDRA_DIR, State, Status, StatusError, read_status

LOCK_FILE = f"{EXPTOOLS_DIR}/lock"


class SweepBusy(Exception):
    """Another process runs a sweep in this directory; the message says which."""


class SweepLock:
    """Holds a sweep directory until this process ends or the lock is dropped.

    The kernel frees it when the process dies, however it dies.

    Raises:
        SweepBusy: another process holds it.
        OSError: the directory cannot be written.
    """

    _lock: FileLock | None = None

    def __init__(self, sweep_dir: Path) -> None:
        path = sweep_dir / LOCK_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path)
        if not self._lock.try_acquire():
            raise SweepBusy(f"{sweep_dir} is in use by {_holder(path)}")
        us = {"host": socket.gethostname(), "pid": os.getpid(), "command": command_line()}
        os.ftruncate(self._lock.descriptor, 0)
        os.write(self._lock.descriptor, json.dumps(us).encode())

    def drop(self) -> None:
        """Leave the lock to the process that this one was forked from."""
        if self._lock is not None:
            self._lock.drop()
            self._lock = None

    def __del__(self) -> None:
        if self._lock is not None:
            self._lock.close()


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_bytes())
        command = " ".join(holder["command"])
        return f"process {holder['pid']} on {holder['host']} ({command})"
    except (ValueError, KeyError, TypeError):  # it has locked, but not yet written
        return "another process"


@dataclass(frozen=True)
class EarlierRun:
    """A run that an earlier start of the sweep has left."""

    directory: Path  # absolute
    status: Status
    result: Result | None

    @property
    def completed(self) -> bool:
        """Whether it returned, and not because it was asked to stop.

        Its result tells, not its status: the scheduler may have died before it could write that.
        """
        result = self.result
        return result is not None and result.error is None and not result.stopped


def find_earlier_runs(sweep_dir: Path) -> list[EarlierRun]:
    """The runs below a sweep directory, in the order of their numbers."""
    runs = [read_earlier_run(directory) for directory in run_directories(sweep_dir)]
    return sorted(filter(None, runs), key=lambda run: run.status.job or 0)


def earlier_outcome(job: Job, run: EarlierRun) -> Outcome:
    """The outcome of a job whose completed run stands on disk."""
    if run.status.state is State.COMPLETED:
        return Outcome(job, run.status, run.result)
    # Whoever should have written it died between the job's end and the writing.
    status = replace(run.status, state=State.COMPLETED, error=None, exit_code=0, signal=None)
    return Outcome(job, save_status(job, status), run.result)


def config_diff(path: Path, config: str) -> str:
    """What differs between a saved config and another, line by line; empty if nothing does."""
    try:
        before = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        return f"{path} cannot be read, so nobody knows whether it has changed: {error}"
    now = config.splitlines()
    return "\n".join(difflib.unified_diff(before, now, str(path), "now", lineterm="", n=1))


def run_directories(directory: Path) -> Iterator[Path]:
    """The directories below one that hold a run, whoever wrote it."""
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False) and entry.name not in (EXPTOOLS_DIR, HYDRA_DIR):
            path = Path(entry.path).absolute()
            if (path / EXPTOOLS_DIR).is_dir() or (path / HYDRA_DIR).is_dir():
                yield path
            else:
                yield from run_directories(path)


def read_earlier_run(directory: Path) -> EarlierRun | None:
    """The run in a directory; None where there is none, or nobody can read its status."""
    try:
        status = read_status(directory)
    except StatusError:
        return None
    if status is None or status.job is None:
        return None
    try:
        result = read_result(directory)
    except ResultError:
        result = None
    return EarlierRun(directory, status, result)
