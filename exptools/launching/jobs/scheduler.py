"""Jobs × slots → outcomes: a free slot takes the next job until none is left."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Protocol, TypeAlias

from exptools.launching.jobs.fresh import Exit, Starter
from exptools.launching.jobs.outcomes import Job, Outcome, oom_kills, queued_status, save_status
from exptools.launching.jobs.running import RunningJob, job_environment
from exptools.launching.jobs.worker import JobSpec
from exptools.launching.machine.leases import Gate
from exptools.launching.machine.slots import Slot
from exptools.rundir import RETURN_FILE, State, Status, format_cpus, process_start, write_status

_GATE_INTERVAL = 0.5  # seconds between two looks at whether another sweep has freed a slot


@dataclass(frozen=True)
class Policy:
    """How jobs are treated that do not end well."""

    grace: float = 5.0  # seconds that a job has to end by itself when it is asked to
    timeout: float | None = None  # seconds that a job may run
    max_retries: int = 0  # how many times a failed job is retried
    fail_fast: bool = False  # whether a job that failed for good stops the sweep

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: one of them makes no sense.
        """
        for name in ("grace", "timeout", "max_retries"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value}; it should be a number from 0 up")


class Interrupted(Exception):
    """A signal stopped the sweep; every job has ended."""

    def __init__(self, signum: int, outcomes: Sequence[Outcome]) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum
        self.outcomes = outcomes


class Observer(Protocol):
    """Who is told what happens: the scheduler knows nothing of terminals."""

    def started(self, job: Job, slot: Slot, pid: int) -> None:
        """A job's process has started in a slot."""

    def waiting(self, slot: Slot, reason: str) -> None:
        """A free slot cannot take a job yet; the reason says what it waits for."""

    def retrying(self, job: Job, attempt: int, outcome: Outcome, of: int) -> None:
        """A job went wrong and will be started again, as attempt ``attempt`` of ``of``."""

    def stopping(self, reason: str, running: int, grace: float) -> None:
        """So many running jobs were asked to end, and have ``grace`` seconds for it."""

    def ended(self, outcome: Outcome) -> None:
        """A job has ended and will not be retried."""


@dataclass(frozen=True)
class _Ended:
    running: RunningJob
    exit: Exit


_Event: TypeAlias = "_Ended | signal.Signals"


class Scheduler:
    """Runs jobs in slots, each in its own process; one job's end never touches another."""

    def __init__(
        self,
        slots: Sequence[Slot],
        starter: Starter,
        gate: Gate,
        observer: Observer,
        policy: Policy,
    ) -> None:
        self._free = deque(slots)
        self._starter = starter
        self._gate = gate
        self._observer = observer
        self._policy = policy
        self._queue: deque[Job] = deque()
        self._running: dict[int, RunningJob] = {}  # by job number
        self._outcomes: dict[int, Outcome] = {}  # by job number
        self._attempts: dict[int, int] = {}  # by job number
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._stopped_by: signal.Signals | None = None
        self._stopping = False
        self._is_observed = True  # whether the observer still works
        self._common = queued_status()

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run all jobs and return their outcomes in the order of the jobs.

        Raises:
            Interrupted: SIGINT, SIGTERM or SIGHUP came; no process is left.
        """
        with _signals_into(self._events):
            self._queue.extend(job for job in jobs if self._enqueue(job))
            while self._queue or self._running:
                self._fill_slots()
                if self._running or self._queue:
                    self._handle(self._next_event())
        outcomes = [self._outcomes[job.number] for job in jobs]
        if self._stopped_by is not None:
            raise Interrupted(self._stopped_by, outcomes)
        return outcomes

    def _enqueue(self, job: Job) -> bool:
        """Make the run's directory, so that the viewer sees it wait."""
        self._attempts[job.number] = self._attempts.get(job.number, 0) + 1
        try:
            (job.directory / RETURN_FILE).unlink(missing_ok=True)
            write_status(job.directory, self._status(job))
        except OSError as error:
            self._attempts[job.number] = self._policy.max_retries + 1  # trying again cannot help
            self._failed_early(job, error)
            return False
        return True

    def _fill_slots(self) -> None:
        for slot in [self._free.popleft() for _ in range(len(self._free))]:
            if not self._queue:
                self._free.append(slot)
            elif (reason := self._gate.try_enter(slot)) is not None:
                self._notify(self._observer.waiting, slot, reason)
                self._free.append(slot)
            else:
                self._start(self._queue.popleft(), slot)

    def _start(self, job: Job, slot: Slot) -> None:
        started, kills = time.time(), oom_kills()
        ports = {r.port for r in self._running.values()}
        environment = job_environment(slot, job.directory, ports)
        spec = JobSpec(str(job.directory), slot.cpus, environment, job.argument, job.ps_arguments)
        try:
            process = self._starter.start(spec)
        except OSError as error:
            self._give_back(slot)
            self._failed_early(job, error)
            return
        status = replace(
            self._status(job),
            state=State.RUNNING,
            pid=process.pid,
            pid_start=process_start(process.pid),
            slot=slot.index,
            cpus=format_cpus(slot.cpus) or None,
            gpus=tuple(gpu.uuid for gpu in slot.gpus),
            started=started,
        )
        timeout, port = self._policy.timeout, environment["MASTER_PORT"]
        running = RunningJob(job, slot, process, status, timeout, kills, port)
        self._running[job.number] = running
        save_status(job, status)
        self._notify(self._observer.started, job, slot, process.pid)
        process.when_ended(lambda exit_: self._events.put(_Ended(running, exit_)))

    def _notify(self, report: Callable[..., None], *what: Any) -> None:
        """Tell the observer; that nobody can see the sweep any more does not stop it."""
        if self._is_observed:
            try:
                report(*what)
            except (OSError, UnicodeError):  # a closed pipe, a full disk, a terminal that is gone
                self._is_observed = False

    def _next_event(self) -> _Event | None:
        deadlines = [r.deadline for r in self._running.values() if r.deadline is not None]
        if self._queue and self._free:  # only a gate can be the reason
            deadlines.append(time.monotonic() + _GATE_INTERVAL)
        timeout = max(min(deadlines) - time.monotonic(), 0) if deadlines else None
        try:
            return self._events.get(timeout=timeout)
        except Empty:
            return None

    def _handle(self, event: _Event | None) -> None:
        if isinstance(event, _Ended):
            if event.running is self._running.get(event.running.job.number):  # the first report
                self._end(event.running, event.exit)
        elif event is not None and self._stopped_by is None:
            self._stopped_by = event
            self._stop(event.name)
        elif event is not None:  # a second signal: no more patience
            for running in self._running.values():
                if not running.killed:
                    running.deadline = time.monotonic()
        self._check_deadlines()

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for running in self._running.values():
            if running.deadline is None or running.deadline > now:
                continue
            if running.asked is None:
                running.ask_to_end(State.TIMEOUT, self._policy.grace)
            elif not running.killed:
                running.kill()
            else:  # its end was not reported: the helper hangs
                self._events.put(_Ended(running, Exit(None, "SIGKILL")))
                running.deadline = None

    def _stop(self, reason: str) -> None:
        """Ask the running jobs to end; those that wait are never started."""
        self._stopping = True
        self._notify(self._observer.stopping, reason, len(self._running), self._policy.grace)
        for running in self._running.values():
            if running.asked is None:
                running.ask_to_end(State.INTERRUPTED, self._policy.grace)
        while self._queue:
            job = self._queue.popleft()
            never = replace(self._status(job), state=State.INTERRUPTED, ended=time.time())
            self._finish(Outcome(job, save_status(job, replace(never, error="never started"))))

    def _end(self, running: RunningJob, exit_: Exit) -> None:
        outcome = running.end(exit_)
        del self._running[running.job.number]
        self._give_back(running.slot)
        self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        """Start a job again that may be, or take its end as final."""
        job, went_wrong = outcome.job, outcome.status.state is not State.COMPLETED
        may_act = went_wrong and not self._stopping
        if may_act and self._attempts[job.number] <= self._policy.max_retries:
            attempt, most = self._attempts[job.number] + 1, self._policy.max_retries + 1
            self._notify(self._observer.retrying, job, attempt, outcome, most)
            if self._enqueue(job):
                self._queue.appendleft(job)
            return
        self._finish(outcome)
        if may_act and self._policy.fail_fast:
            self._stop(f"job {job.number} {outcome.status.state.value}, and fail_fast is set")

    def _give_back(self, slot: Slot) -> None:
        self._gate.leave(slot)
        self._free.append(slot)

    def _failed_early(self, job: Job, error: OSError) -> None:
        problem = f"could not be started: {error}"
        status = replace(self._status(job), state=State.FAILED, ended=time.time(), error=problem)
        self._settle(Outcome(job, save_status(job, status)))

    def _finish(self, outcome: Outcome) -> None:
        self._outcomes[outcome.job.number] = outcome
        self._notify(self._observer.ended, outcome)

    def _status(self, job: Job) -> Status:
        attempt = self._attempts[job.number]
        return replace(self._common, job=job.number, overrides=job.overrides, attempt=attempt)


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
