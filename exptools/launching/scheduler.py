"""Jobs × slots → outcomes: a free slot takes the next job until none is left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from exptools.launching.outcomes import Job, Outcome, judge, oom_kills, record
from exptools.launching.process import (
    Exit,
    JobProcess,
    Starter,
    descendants,
    kill_processes,
    signal_group,
)
from exptools.launching.slots import THREAD_VARIABLES, Slot
from exptools.launching.worker import Order
from exptools.provenance import command_line, git_state
from exptools.rundir import (
    RETURN_FILE,
    STATUS_WRITER,
    State,
    Status,
    format_cpus,
    process_start,
    write_status,
)

if TYPE_CHECKING:
    import psutil

_GATE_INTERVAL = 0.5  # seconds between two looks at whether another sweep has freed a slot


@dataclass(frozen=True)
class Policy:
    """How jobs are treated that do not end well."""

    grace: float = 5.0  # seconds that a job has to end by itself when it is asked to
    timeout: float | None = None  # seconds that a job may run
    max_retries: int = 0  # how often a job that failed is started again
    fail_fast: bool = False  # whether a job that failed for good stops the sweep


class Interrupted(Exception):
    """A signal stopped the sweep; every job has ended."""

    def __init__(self, signum: int, outcomes: Sequence[Outcome]) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum
        self.outcomes = outcomes


class Observer(Protocol):
    """Whoever shows the sweep to people."""

    def started(self, job: Job, slot: Slot, pid: int | None = None) -> None:
        """A job runs now."""

    def waiting(self, slot: Slot, reason: str) -> None:
        """A slot cannot be used yet."""

    def retrying(self, job: Job, attempt: int, outcome: Outcome, of: int | None = None) -> None:
        """A job has failed and will be started again, as one of so many attempts."""

    def stopping(self, reason: str, running: int, grace: float) -> None:
        """The running jobs were asked to end."""

    def ended(self, outcome: Outcome) -> None:
        """A job has ended for good."""


class Gate(Protocol):
    """Keeps a job out of a slot while somebody else uses what the slot is made of."""

    def try_enter(self, slot: Slot) -> str | None:
        """Take the slot's resources; if that is impossible now, say for whom it waits."""

    def leave(self, slot: Slot) -> None:
        """Give them back."""


@dataclass
class _Running:
    job: Job
    slot: Slot
    process: JobProcess
    status: Status
    deadline: float | None  # by time.monotonic(): when it is asked to end or, if it was, killed
    oom_kills: int
    port: str  # its MASTER_PORT
    asked: State | None = None  # why it was asked to end
    family: list[psutil.Process] = field(default_factory=list)  # of the moment it was asked


@dataclass(frozen=True)
class _Ended:
    running: _Running
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
        self._running: dict[int, _Running] = {}  # by job number
        self._outcomes: dict[int, Outcome] = {}  # by job number
        self._attempts: dict[int, int] = {}  # by job number
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._stopped_by: signal.Signals | None = None
        self._common = Status(
            State.QUEUED,
            pid=os.getpid(),
            pid_start=process_start(os.getpid()),
            queued=time.time(),
            command=command_line(),
            git=git_state(Path.cwd()),
        )

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
            self._failed_early(job, error)
            return False
        return True

    def _fill_slots(self) -> None:
        for slot in [self._free.popleft() for _ in range(len(self._free))]:
            if not self._queue:
                self._free.append(slot)
            elif (reason := self._gate.try_enter(slot)) is not None:
                self._observer.waiting(slot, reason)
                self._free.append(slot)
            else:
                self._start(self._queue.popleft(), slot)

    def _start(self, job: Job, slot: Slot) -> None:
        started, kills = time.time(), oom_kills()
        environment = job_environment(slot, {r.port for r in self._running.values()})
        order = Order(str(job.directory), slot.cpus, environment, job.argument)
        try:
            process = self._starter.start(order)
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
        deadline, port = _after(self._policy.timeout), environment["MASTER_PORT"]
        running = _Running(job, slot, process, status, deadline, kills, port)
        self._running[job.number] = running
        record(job, status)
        threading.Thread(target=self._wait_for, args=(running,), daemon=True).start()
        self._observer.started(job, slot, process.pid)

    def _wait_for(self, running: _Running) -> None:
        self._events.put(_Ended(running, running.process.wait()))

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
            self._end(event.running, event.exit)
        elif event is not None and self._stopped_by is None:
            self._stopped_by = event
            self._stop(event.name)
        elif event is not None:  # a second signal: no more patience
            for running in self._running.values():
                running.deadline = time.monotonic()
        self._check_deadlines()

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for running in self._running.values():
            if running.deadline is None or running.deadline > now:
                continue
            if running.asked is None:
                self._ask_to_end(running, State.TIMEOUT)
            else:
                running.family += descendants(running.process.pid)
                signal_group(running.process.pid, _SIGKILL)
                kill_processes(running.family)
                running.deadline = None

    def _ask_to_end(self, running: _Running, why: State) -> None:
        running.asked = why
        running.family = descendants(running.process.pid)
        running.deadline = _after(self._policy.grace)
        signal_group(running.process.pid, signal.SIGINT)

    def _stop(self, reason: str) -> None:
        """Ask the running jobs to end; those that wait are never started."""
        self._observer.stopping(reason, len(self._running), self._policy.grace)
        for running in self._running.values():
            if running.asked is None:
                self._ask_to_end(running, State.INTERRUPTED)
        while self._queue:
            job = self._queue.popleft()
            never = replace(self._status(job), state=State.INTERRUPTED, ended=time.time())
            self._finish(Outcome(job, record(job, replace(never, error="never started"))))

    def _end(self, running: _Running, exit_: Exit) -> None:
        job = running.job
        kill_processes(running.family)
        oom = oom_kills() > running.oom_kills
        verdict = judge(job.directory, exit_, running.asked, oom)
        status = replace(
            running.status,
            ended=time.time(),
            exit_code=exit_.code,
            signal=exit_.signal,
            max_rss=exit_.max_rss,
            cpu_seconds=exit_.cpu_seconds,
            error=_with_reason(verdict.error, verdict.state, self._policy),
            state=verdict.state,
        )
        del self._running[job.number]
        self._give_back(running.slot)
        self._settle(Outcome(job, record(job, status), verdict.result))

    def _settle(self, outcome: Outcome) -> None:
        """Start a job again that may be, or take its end as final."""
        job, went_wrong = outcome.job, outcome.status.state is not State.COMPLETED
        stopping = self._stopped_by is not None or outcome.status.state is State.INTERRUPTED
        if went_wrong and not stopping and self._attempts[job.number] <= self._policy.max_retries:
            if self._enqueue(job):
                self._queue.appendleft(job)
                attempt, most = self._attempts[job.number], self._policy.max_retries + 1
                self._observer.retrying(job, attempt, outcome, most)
            return
        self._finish(outcome)
        if went_wrong and not stopping and self._policy.fail_fast:
            self._stop(f"job {job.number} {outcome.status.state.value}, and fail_fast is set")

    def _give_back(self, slot: Slot) -> None:
        self._gate.leave(slot)
        self._free.append(slot)

    def _failed_early(self, job: Job, error: OSError) -> None:
        problem = f"could not be started: {error}"
        status = replace(self._status(job), state=State.FAILED, ended=time.time(), error=problem)
        self._finish(Outcome(job, status))

    def _finish(self, outcome: Outcome) -> None:
        self._outcomes[outcome.job.number] = outcome
        self._observer.ended(outcome)

    def _status(self, job: Job) -> Status:
        attempt = self._attempts[job.number]
        return replace(self._common, job=job.number, overrides=job.overrides, attempt=attempt)


_SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has the latter alone


def job_environment(slot: Slot, ports: Collection[str] = ()) -> dict[str, str]:
    """This process's environment with the slot's limits; what the user set explicitly wins.

    Its MASTER_PORT is none of those that are given, which other jobs have.
    """
    ours = {**slot.environment(), "MASTER_PORT": _free_port(ports)}
    for name in (*THREAD_VARIABLES, "MASTER_PORT"):
        if os.environ.get(name):
            ours.pop(name, None)
    return {**os.environ, **ours, STATUS_WRITER: "scheduler"}


def _free_port(taken: Collection[str]) -> str:
    """A TCP port that nobody listens on now, so that torch's jobs do not meet on its default.

    A job takes its port later than we look: the kernel may offer it to us again.
    """
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        if port not in taken:
            return port


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _with_reason(error: str | None, state: State, policy: Policy) -> str | None:
    if state is State.TIMEOUT:
        return f"ran longer than timeout={policy.timeout:g} s; {error}"
    return error


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
