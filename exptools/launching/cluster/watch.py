"""The parent's part: gather what agents have done, and have done again what their deaths left.

It reads one journal a chunk and asks Slurm's queue once for all elements, so that neither the disk
nor the controller feels how many jobs there are.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from exptools.launching.cluster.journal import (
    Arrived,
    Ended,
    Event,
    Journal,
    JournalReader,
    Left,
    Started,
    with_common,
)
from exptools.launching.cluster.plan import Plan
from exptools.launching.cluster.queue import GONE, SUBMITTED, QueueAway, Standing, ask_queue
from exptools.launching.jobs.outcomes import Job, Outcome, save_status
from exptools.launching.jobs.results import ResultError, is_own, read_result
from exptools.launching.jobs.worker import Result
from exptools.launching.resume import earlier_outcome, read_earlier_run
from exptools.rundir import State, Status, StatusError, read_status

QUEUE_INTERVAL = 10.0  # seconds between two questions to Slurm's controller
_LOOKS = 500  # journals that are looked at in a second
_LATE = 10.0  # seconds in which what was written on another machine must be seen here
_USELESS = 3  # agents of a chunk in a row that may die without an end of a job


class Stopped(Exception):
    """A signal came to the parent; the elements know nothing of it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class ClusterObserver(Protocol):
    """Who is told what happens."""

    def began(self, job: Job, where: str) -> None:
        """A job runs."""

    def ended(self, outcome: Outcome) -> None:
        """A job has ended for good."""

    def arrived(self, chunk: Chunk, event: Arrived) -> None:
        """An agent has begun with a chunk."""

    def queued(self, chunks: Sequence[Chunk]) -> None:
        """Slurm has said where the chunks' elements stand."""

    def say(self, text: str) -> None:
        """Something happened that the user should know."""


@dataclass(eq=False)
class Chunk:
    """A chunk that the parent waits for."""

    plan: Plan
    number: int  # in its plan
    jobs: Mapping[int, Job]  # that are waited for, by number
    common: Status  # what the plan says of all its jobs
    element: str  # Slurm's name of who runs it now
    standing: Standing = SUBMITTED
    host: str = ""
    running: dict[int, float] = field(default_factory=dict)  # jobs by number: since when
    ends: dict[int, Outcome] = field(default_factory=dict)  # by job number; for good
    interrupted: dict[int, Status] = field(default_factory=dict)  # to be run again
    lost: Counter[int] = field(default_factory=Counter)  # how often a job's agent died with it
    useless: int = 0  # agents in a row that died before a job of theirs had ended
    missed: int = 0  # how often in a row the queue has said that its element is over
    left: Left | None = None  # the last agent's last word

    def __post_init__(self) -> None:
        """Follow its journal."""
        self.reader = JournalReader(self.plan.stem(self.number).with_suffix(".journal"))

    @property
    def is_done(self) -> bool:
        """Whether all its jobs have ended for good."""
        return len(self.ends) == len(self.jobs)

    @property
    def open_jobs(self) -> list[Job]:
        """Those that have not."""
        return [job for number, job in self.jobs.items() if number not in self.ends]


class Watch:
    """Waits until the jobs of chunks have ended."""

    def __init__(
        self,
        chunks: Sequence[Chunk],
        resubmit: Callable[[Chunk], str],
        cancel: Callable[[Collection[str]], None],
        observer: ClusterObserver,
        *,
        ask: Callable[[Collection[str]], dict[str, Standing]] = ask_queue,
        interval: float | None = None,
    ) -> None:
        """Prepare; ``resubmit`` has a chunk run by another element, whose name it returns."""
        self._chunks = list(chunks)
        self._resubmit = resubmit
        self._cancel = cancel
        self._observer = observer
        self._ask = ask
        self._interval = QUEUE_INTERVAL if interval is None else interval
        self._next_question = 0.0
        self._away_since: float | None = None
        self._told_held: set[str] = set()  # elements
        self._signals: SimpleQueue[int] = SimpleQueue()

    def run(self, ready: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Wait for all jobs; their outcomes, in no order.

        Args:
            ready: is called once signals stop the watch.

        Raises:
            Stopped: a signal came.
        """
        pause = max(0.2, len(self._chunks) / _LOOKS)
        with _signals_into(self._signals):
            ready()
            while self.gather():
                with suppress(Empty):
                    signum = self._signals.get(timeout=pause)
                    for chunk in self._open():
                        self._read(chunk)
                    raise Stopped(signum)
        return [outcome for chunk in self._chunks for outcome in chunk.ends.values()]

    def gather(self) -> bool:
        """Look once at what has happened; whether there is something left to wait for."""
        for chunk in self._open():
            self._read(chunk)
        if time.monotonic() >= self._next_question and self._open():
            self._next_question = time.monotonic() + self._interval
            self._question()
        return bool(self._open())

    @property
    def open_elements(self) -> list[str]:
        """The elements of the chunks that are not done."""
        return [chunk.element for chunk in self._open()]

    def _open(self) -> list[Chunk]:
        return [chunk for chunk in self._chunks if not chunk.is_done]

    def _read(self, chunk: Chunk) -> None:
        for event in chunk.reader.read():
            self._take(chunk, event)

    def _take(self, chunk: Chunk, event: Event) -> None:
        if isinstance(event, Arrived):
            chunk.host, chunk.left, chunk.running = event.host, None, {}
            self._observer.arrived(chunk, event)
        elif isinstance(event, Started) and event.job in chunk.jobs:
            chunk.running[event.job] = event.time
            self._observer.began(chunk.jobs[event.job], f"{chunk.host}, slot {event.slot}")
        elif isinstance(event, Ended) and event.job in chunk.jobs:
            chunk.running.pop(event.job, None)
            if event.status.state is State.INTERRUPTED:
                chunk.interrupted[event.job] = event.status
            elif event.job not in chunk.ends:
                self._end(chunk, event)
        elif isinstance(event, Left):
            chunk.left = event

    def _end(self, chunk: Chunk, event: Ended) -> None:
        chunk.useless = 0
        job = chunk.jobs[event.job]
        status = replace(with_common(event.status, chunk.common), overrides=job.overrides)
        result = _result(job, status) if event.has_result else None
        self._finish(chunk, Outcome(job, status, result))
        wrong = status.state is not State.COMPLETED
        if wrong and chunk.plan.policy.fail_fast:
            self._cancel(self.open_elements)
            self._give_up_all(f"job {job.number} {status.state.value}, and fail_fast is set")

    def _finish(self, chunk: Chunk, outcome: Outcome) -> None:
        chunk.ends[outcome.job.number] = outcome
        self._observer.ended(outcome)

    def _question(self) -> None:
        chunks = self._open()
        try:
            standings = self._ask([chunk.element for chunk in chunks])
        except QueueAway as away:
            if self._away_since is None:
                self._away_since = time.monotonic()
                self._observer.say(f"Slurm's controller does not answer; waiting for it: {away}")
            return
        if self._away_since is not None:
            self._away_since = None
            self._observer.say("Slurm's controller answers again")
        for chunk in chunks:
            chunk.standing = standings.get(chunk.element, GONE)
            alive = chunk.standing.waits or chunk.standing.runs
            chunk.missed = 0 if alive else chunk.missed + 1
        self._observer.queued(self._chunks)
        self._tell_held(chunks)
        for chunk in chunks:
            if chunk.missed > 1:  # what it wrote last has had its time to arrive here
                self._read(chunk)
                if not chunk.is_done:
                    self._settle(chunk)

    def _tell_held(self, chunks: Sequence[Chunk]) -> None:
        held = [c for c in chunks if c.standing.is_held and c.element not in self._told_held]
        for chunk in held:
            self._told_held.add(chunk.element)
            self._observer.say(
                f"element {chunk.element} is held in the queue ({chunk.standing.reason}): "
                f"scontrol release {chunk.element} lets it run"
            )

    def _settle(self, chunk: Chunk) -> None:
        """Have done again, or give up, what an element's end has left."""
        for job in chunk.open_jobs:
            self._take_unsaid(chunk, job)
        if chunk.is_done:
            return
        left, state = chunk.left, chunk.standing.state
        if left is not None and left.is_refusal:
            self._give_up(chunk, State.FAILED, f"could not be started: {left.reason}")
        elif state == "CANCELLED":
            self._give_up(chunk, State.INTERRUPTED, f"element {chunk.element} was cancelled")
        else:
            self._bury(chunk)
            if chunk.useless >= _USELESS:
                self._give_up(chunk, State.FAILED, _useless_words(chunk))
        if not chunk.is_done:
            self._again(chunk)

    def _bury(self, chunk: Chunk) -> None:
        """Count a dead agent, and give up the jobs that have died with too many."""
        chunk.useless += 1
        chunk.lost.update(list(chunk.running))
        most = 1 + chunk.plan.policy.max_retries
        for number in list(chunk.running):
            if chunk.lost[number] > most and number not in chunk.ends:
                words = f"its element ended with it {chunk.lost[number]} times"
                self._write_off(chunk, chunk.jobs[number], State.KILLED, words)
        chunk.running = {}

    def _again(self, chunk: Chunk) -> None:
        state = chunk.standing.state.lower().replace("_", " ")
        count = len(chunk.open_jobs)
        dead, chunk.element = chunk.element, self._resubmit(chunk)
        chunk.standing, chunk.missed = SUBMITTED, 0
        self._observer.say(
            f"element {dead} has ended ({state}) and left {count} of its jobs: "
            f"element {chunk.element} runs them"
        )

    def _take_unsaid(self, chunk: Chunk, job: Job) -> None:
        """Take a job as completed that was so before its agent could say it."""
        run = read_earlier_run(job.directory)
        began = job.number in chunk.running or job.number in chunk.interrupted
        if began and run is not None and run.ending is not None and run.completed:
            chunk.running.pop(job.number, None)
            self._finish(chunk, earlier_outcome(job, run, _result(job, None)))

    def _give_up_all(self, why: str) -> None:
        for chunk in self._open():
            self._give_up(chunk, State.INTERRUPTED, why)

    def _give_up(self, chunk: Chunk, state: State, why: str) -> None:
        for job in chunk.open_jobs:
            self._write_off(chunk, job, state, why)

    def _write_off(self, chunk: Chunk, job: Job, state: State, why: str) -> None:
        """Have a job count as ended, for the parent and for whoever runs the chunk again."""
        try:
            status = read_status(job.directory) or chunk.common
        except StatusError:
            status = chunk.common
        status = replace(status, state=state, job=job.number, error=why, ended=time.time())
        status = save_status(job, replace(status, overrides=job.overrides))
        if state is not State.INTERRUPTED:
            _note_in_journal(chunk, job, status)
        self._finish(chunk, Outcome(job, status))


def _useless_words(chunk: Chunk) -> str:
    """Why a chunk is given up whose agents end before a job does."""
    log = f"see {chunk.plan.directory / 'logs'}"
    if chunk.host:
        return f"{chunk.useless} elements in a row ended before a job did; {log}"
    node = f"node {chunk.standing.node}" if chunk.standing.node else "the nodes"
    return (
        f"{chunk.useless} elements ended without a word: is {chunk.plan.sweep_dir} visible on "
        f"{node}, and can {sys.executable} be started there? If so, {log}"
    )


def _note_in_journal(chunk: Chunk, job: Job, status: Status) -> None:
    """No agent has the chunk now, and the next one should not run the job."""
    with suppress(OSError):
        journal = Journal(chunk.plan.stem(chunk.number).with_suffix(".journal"))
        try:
            journal.ended(job.number, status, has_result=False)
        finally:
            journal.close()


def _result(job: Job, status: Status | None) -> Result | None:
    """What a job left, which a network file system may show a little later than it says so."""
    ended = None if status is None else status.ended
    while not is_own(job.directory):
        if ended is None or not 0 <= time.time() - ended < _LATE:
            return None
        with suppress(OSError):
            list(job.directory.iterdir())  # has the client of NFS ask the server
        time.sleep(0.1)
    with suppress(ResultError):
        return read_result(job.directory)
    return None


@contextmanager
def _signals_into(signals: SimpleQueue[int]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signum = getattr(signal, name, None)
        if signum is not None and signal.getsignal(signum) is not signal.SIG_IGN:
            before[signum] = signal.signal(signum, lambda number, frame: signals.put(number))
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
