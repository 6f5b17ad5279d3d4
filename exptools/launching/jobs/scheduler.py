"""Jobs × slots → outcomes: a free slot takes the next job until none is left."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Protocol, TypeAlias, cast

from exptools.launching.jobs.fresh import Exit, Starter
from exptools.launching.jobs.outcomes import (
    Job,
    Outcome,
    attempts_before,
    oom_kills,
    queued_status,
    save_status,
)
from exptools.launching.jobs.results import remove_result
from exptools.launching.jobs.running import RunningJob, job_environment
from exptools.launching.jobs.seal import new_key
from exptools.launching.jobs.worker import JobSpec
from exptools.launching.machine.gate import Entrance, Wait
from exptools.launching.machine.slots import Slot
from exptools.rundir import State, Status, format_cpus, process_start, write_status

_GATE_INTERVAL = 0.1  # seconds between two questions whether others have freed something


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
        if self.timeout is not None and not (_is_number(self.timeout) and self.timeout > 0):
            raise ValueError(
                f"timeout is {self.timeout!r}; it should be a number of seconds above 0 "
                "(leave it out for no limit)"
            )
        if not _is_number(self.grace):
            raise ValueError(f"grace is {self.grace!r}; it should be so many seconds, 0 or more")
        if not (_is_number(self.max_retries) and self.max_retries % 1 == 0):
            raise ValueError(
                f"max_retries is {self.max_retries!r}; it should be a whole number, 0 or more"
            )
        if not isinstance(self.fail_fast, bool):
            raise ValueError(f"fail_fast is {self.fail_fast!r}; it should be true or false")


def _is_number(value: object) -> bool:
    """Whether it is a finite number from 0 up."""
    is_one = not isinstance(value, bool) and isinstance(value, int | float)
    return is_one and 0 <= cast("float", value) < math.inf


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

    def waiting(self, waits: Mapping[int, Wait]) -> None:
        """Which slots, by their index, now wait for others; told when that changes."""

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
        gate: Entrance,
        observer: Observer,
        policy: Policy,
        *,
        common: Status | None = None,
        ahead: Sequence[str] = (),
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            slots: where jobs run.
            starter: starts their processes.
            gate: says when a slot may take a job.
            observer: is told what happens.
            policy: how jobs are treated that do not end well.
            common: what the statuses of all jobs have in common. None: what this process is.
            ahead: the names of signals that a cluster sends ahead of the end. They stop the sweep,
                too, and with them only SIGINT is a sign of impatience: such signals come in pairs.
        """
        self._slots = {slot.index: slot for slot in slots}
        self._free = deque(slots)
        self._waits: dict[int, Wait] = {}  # by slot's index
        self._starter = starter
        self._gate = gate
        self._observer = observer
        self._policy = policy
        self._queue: deque[Job] = deque()
        self._running: dict[int, RunningJob] = {}  # by job number
        self._outcomes: dict[int, Outcome] = {}  # by job number
        self._attempts: dict[int, int] = {}  # of this sweep, by job number
        self._before: dict[int, int] = {}  # those of earlier ones, by job number
        self._forgiven: set[int] = (
            set()
        )  # numbers of jobs that were lost through no fault of theirs
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._stopped_by: signal.Signals | None = None
        self._stopping = False
        self._is_observed = True  # whether the observer still works
        self._common = common or queued_status()
        self._ahead = ahead

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run all jobs and return their outcomes in the order of the jobs.

        Raises:
            Interrupted: SIGINT, SIGTERM or SIGHUP came; no process is left.
        """
        with _signals_into(self._events, self._ahead):
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
        if job.number not in self._before:
            self._before[job.number] = attempts_before(job.directory)
        self._attempts[job.number] = self._attempts.get(job.number, 0) + 1
        try:
            remove_result(job.directory)
            write_status(job.directory, self._status(job))
        except OSError as error:
            self._attempts[job.number] = self._policy.max_retries + 1  # trying again cannot help
            self._failed_early(job, error)
            return False
        return True

    def _fill_slots(self) -> None:
        slots = list(self._free)
        answers = self._gate.admit(slots, len(self._queue))
        given = {slot.index: answer for slot, answer in zip(slots, answers, strict=True)}
        waits = {index: answer for index, answer in given.items() if isinstance(answer, Wait)}
        if waits != self._waits:
            self._waits = waits
            self._notify(self._observer.waiting, waits)
        entered = [answer for answer in answers if isinstance(answer, Slot)]
        self._free = deque(slot for slot in slots if not isinstance(given[slot.index], Slot))
        for slot in entered:
            self._start(self._queue.popleft(), slot)

    def _start(self, job: Job, slot: Slot) -> None:
        started, kills = time.time(), oom_kills()
        ports = {r.port for r in self._running.values()}
        environment = job_environment(slot, job.directory, ports)
        key = new_key()
        spec = JobSpec(
            str(job.directory), slot.cpus, environment, job.argument, key, job.ps_arguments
        )
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
            threads=slot.threads,
            started=started,
        )
        timeout, port = self._policy.timeout, environment["MASTER_PORT"]
        running = RunningJob(job, slot, process, status, timeout, kills, port, key)
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
        due = min(deadlines, default=math.inf)
        # Slots that are free while jobs are to come wait at the gate, or for another attempt.
        interval = _GATE_INTERVAL if self._queue and self._free else math.inf
        while True:
            timeout = min(interval, max(due - time.monotonic(), 0))
            try:
                return self._events.get(timeout=None if timeout == math.inf else timeout)
            except Empty:
                if time.monotonic() >= due or self._gate.has_news():
                    return None

    def _handle(self, event: _Event | None) -> None:
        if isinstance(event, _Ended):
            if event.running is self._running.get(event.running.job.number):  # the first report
                self._end(event.running, event.exit)
        elif event is not None and self._stopped_by is None:
            self._stopped_by = event
            self._stop(event.name)
        elif event is not None and self._ahead and event is not signal.SIGINT:
            if event.name in self._ahead:
                self._stopped_by = event  # it says more than what came with it
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
        if exit_.lost_with is not None:  # once, for it may be the job that kills its helper
            self._forgiven.add(running.job.number)
        del self._running[running.job.number]
        self._give_back(running.slot)
        self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        """Start a job again that may be, or take its end as final."""
        job, went_wrong = outcome.job, outcome.status.state is not State.COMPLETED
        may_act = went_wrong and not self._stopping
        attempt, most = self._attempts[job.number] + 1, self._most_attempts(job)
        if may_act and attempt <= most:
            self._notify(self._observer.retrying, job, attempt, outcome, most)
            if self._enqueue(job):
                self._queue.appendleft(job)
            return
        self._finish(outcome)
        if may_act and self._policy.fail_fast:
            self._stop(f"job {job.number} {outcome.status.state.value}, and fail_fast is set")

    def _most_attempts(self, job: Job) -> int:
        """How often a job may be started; its first loss with a helper is not counted."""
        retries = self._policy.max_retries
        return 1 + retries + (retries > 0 and job.number in self._forgiven)

    def _give_back(self, slot: Slot) -> None:
        self._gate.leave(slot)
        self._free.append(self._slots[slot.index])  # the gate may have moved it

    def _failed_early(self, job: Job, error: OSError) -> None:
        problem = f"could not be started: {error}"
        status = replace(self._status(job), state=State.FAILED, ended=time.time(), error=problem)
        self._settle(Outcome(job, save_status(job, status)))

    def _finish(self, outcome: Outcome) -> None:
        self._outcomes[outcome.job.number] = outcome
        self._notify(self._observer.ended, outcome)

    def _status(self, job: Job) -> Status:
        attempt = self._before[job.number] + self._attempts[job.number]
        return replace(self._common, job=job.number, overrides=job.overrides, attempt=attempt)


@contextlib.contextmanager
def _signals_into(events: SimpleQueue[_Event], ahead: Sequence[str]) -> Iterator[None]:
    """Turn the signals that stop a program into events while jobs run."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def put(signum: int, frame: FrameType | None) -> None:
        events.put(signal.Signals(signum))

    names = ("SIGINT", "SIGTERM", "SIGHUP") if sys.platform != "win32" else ("SIGINT", "SIGTERM")
    before: dict[int, Any] = {}
    for signum in (getattr(signal, name) for name in (*names, *ahead)):
        if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup ignores SIGHUP: so should we
            before[signum] = signal.signal(signum, put)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
