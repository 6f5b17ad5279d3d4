"""Jobs × slots → outcomes: a free slot takes the next job until none is left."""

from __future__ import annotations

import contextlib
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Protocol

from exptools.launching.process import Exit, JobProcess, kill_processes
from exptools.launching.slots import Slot
from exptools.launching.worker import Result
from exptools.provenance import command_line, git_state
from exptools.rundir import (
    OUTPUT_LOG,
    RETURN_FILE,
    State,
    Status,
    format_cpus,
    process_start,
    write_status,
)

GRACE = 5.0  # seconds that an interrupted job has to end by itself


@dataclass(frozen=True)
class Job:
    """One run of the sweep."""

    number: int
    overrides: tuple[str, ...]
    directory: Path  # absolute
    payload: bytes = field(repr=False)  # a cloudpickled Callable[[], Result]

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


class Interrupted(Exception):
    """A signal stopped the sweep; every job has ended."""

    def __init__(self, signum: int, outcomes: Sequence[Outcome]) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum
        self.outcomes = outcomes


class Observer(Protocol):
    """Whoever shows the sweep to people."""

    def started(self, job: Job, slot: Slot) -> None:
        """A job runs now."""

    def stopping(self, signum: int, running: int, grace: float) -> None:
        """A signal came; the running jobs were asked to end."""

    def ended(self, outcome: Outcome) -> None:
        """A job has ended, well or not."""


@dataclass(frozen=True)
class _Running:
    job: Job
    slot: Slot
    process: JobProcess
    status: Status


@dataclass(frozen=True)
class _Ended:
    running: _Running
    exit: Exit


_Event = _Ended | signal.Signals


class Scheduler:
    """Runs jobs in slots, each in its own process; one job's end never touches another."""

    def __init__(self, slots: Sequence[Slot], observer: Observer, grace: float = GRACE) -> None:
        self._free = deque(slots)
        self._observer = observer
        self._grace = grace
        self._running: dict[int, _Running] = {}  # by job number
        self._outcomes: dict[int, Outcome] = {}  # by job number
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._common = Status(
            State.QUEUED, queued=time.time(), command=command_line(), git=git_state(Path.cwd())
        )

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run all jobs and return their outcomes in the order of the jobs.

        Raises:
            Interrupted: SIGINT, SIGTERM or SIGHUP came; no process is left.
        """
        with _signals_into(self._events):
            queue = deque(job for job in jobs if self._enqueue(job))
            while queue or self._running:
                while queue and self._free:
                    self._start(queue.popleft(), self._free.popleft())
                if self._running:
                    self._handle(self._events.get(), queue)
        return [self._outcomes[job.number] for job in jobs]

    def _enqueue(self, job: Job) -> bool:
        """Make the run's directory, so that the viewer sees it wait."""
        try:
            (job.directory / RETURN_FILE).unlink(missing_ok=True)
            write_status(job.directory, _of_job(self._common, job))
        except OSError as error:
            self._failed_early(job, error)
            return False
        return True

    def _start(self, job: Job, slot: Slot) -> None:
        started = time.time()
        try:
            process = JobProcess(job.directory, job.payload, slot)
        except OSError as error:
            self._free.append(slot)
            self._failed_early(job, error)
            return
        status = replace(
            _of_job(self._common, job),
            state=State.RUNNING,
            pid=process.pid,
            pid_start=process_start(process.pid),
            slot=slot.index,
            cpus=format_cpus(slot.cpus) or None,
            gpus=tuple(gpu.uuid for gpu in slot.gpus),
            started=started,
        )
        running = _Running(job, slot, process, status)
        self._running[job.number] = running
        _write(running.job, status)
        threading.Thread(target=self._wait_for, args=(running,), daemon=True).start()
        self._observer.started(job, slot)

    def _wait_for(self, running: _Running) -> None:
        self._events.put(_Ended(running, running.process.wait()))

    def _handle(self, event: _Event, queue: deque[Job]) -> None:
        if isinstance(event, _Ended):
            self._end(event, interrupted=False)
            self._free.append(event.running.slot)
        else:
            self._stop(event, queue)

    def _end(self, event: _Ended, interrupted: bool) -> None:
        job, exit_ = event.running.job, event.exit
        result, problem = _read_result(job.directory / RETURN_FILE, exit_)
        status = replace(
            event.running.status,
            ended=time.time(),
            exit_code=exit_.code,
            signal=exit_.signal,
            max_rss=exit_.max_rss,
            cpu_seconds=exit_.cpu_seconds,
            error=problem,
            state=_end_state(problem, exit_, interrupted),
        )
        del self._running[job.number]
        self._finish(Outcome(job, _write(job, status), result))

    def _failed_early(self, job: Job, error: OSError) -> None:
        problem = f"could not be started: {error}"
        status = replace(
            _of_job(self._common, job), state=State.FAILED, ended=time.time(), error=problem
        )
        self._finish(Outcome(job, status))

    def _finish(self, outcome: Outcome) -> None:
        self._outcomes[outcome.job.number] = outcome
        self._observer.ended(outcome)

    def _stop(self, signum: signal.Signals, queue: deque[Job]) -> None:
        """Ask the running jobs to end, kill what is left after the grace, and raise."""
        self._observer.stopping(signum, len(self._running), self._grace)
        descendants = [p for r in self._running.values() for p in r.process.descendants()]
        for running in self._running.values():
            running.process.interrupt()
        self._drain(time.monotonic() + self._grace)
        for running in self._running.values():
            running.process.kill()
        self._drain(deadline=None)
        kill_processes(descendants)
        for job in queue:
            never = replace(_of_job(self._common, job), state=State.INTERRUPTED, ended=time.time())
            self._finish(Outcome(job, _write(job, replace(never, error="never started"))))
        raise Interrupted(signum, [self._outcomes[number] for number in sorted(self._outcomes)])

    def _drain(self, deadline: float | None) -> None:
        """Take in the ends of running jobs until none runs, the deadline, or a second signal."""
        while self._running:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            try:
                event = self._events.get(timeout=left)
            except Empty:
                return
            if isinstance(event, _Ended):
                self._end(event, interrupted=True)
            elif deadline is not None:
                return


def _of_job(common: Status, job: Job) -> Status:
    return replace(common, job=job.number, overrides=job.overrides)


def _write(job: Job, status: Status) -> Status:
    """Write a status; if the disk refuses, the sweep goes on and the summary tells."""
    try:
        write_status(job.directory, status)
    except OSError as error:
        problem = f"status.json could not be written: {error}"
        return replace(status, error=f"{status.error}; {problem}" if status.error else problem)
    return status


def _end_state(problem: str | None, exit_: Exit, interrupted: bool) -> State:
    if problem is None:
        return State.COMPLETED
    if interrupted:
        return State.INTERRUPTED
    return State.KILLED if exit_.signal else State.FAILED


def _read_result(path: Path, exit_: Exit) -> tuple[Result | None, str | None]:
    """The job's result, and what went wrong in one line (None if nothing)."""
    try:
        result: Result = pickle.loads(path.read_bytes())
    except FileNotFoundError:
        return None, f"{exit_} before it returned"
    except Exception as error:  # noqa: BLE001 (unpickling runs code of the user's classes)
        return None, f"its result cannot be read back: {error}"
    return result, None if result.error is None else _last_line(result.error)


def _last_line(error: BaseException) -> str:
    text = str(error).strip()
    last = text.splitlines()[-1] if text else ""
    return f"{type(error).__name__}: {last}" if last else type(error).__name__


@contextlib.contextmanager
def _signals_into(events: SimpleQueue[_Event]) -> Iterator[None]:
    """Turn the signals that stop a program into events while jobs run."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def put(signum: int, frame: FrameType | None) -> None:
        events.put(signal.Signals(signum))

    names = ("SIGINT", "SIGTERM", "SIGHUP") if sys.platform != "win32" else ("SIGINT", "SIGTERM")
    before: dict[int, Any] = {}
    for signum in (getattr(signal, name) for name in names):
        if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup ignores SIGHUP: so should we
            before[signum] = signal.signal(signum, put)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
