"""The parent's part: gather what agents have done, and have done again what their deaths left.

It reads one journal a chunk and asks Slurm's queue once for all elements, so that neither the disk
nor the controller feels how many jobs there are.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from exptools.launching.cluster.chunk import Chunk
from exptools.launching.cluster.elements import SubmissionError
from exptools.launching.cluster.journal import Arrived, Event, Started
from exptools.launching.cluster.queue import GONE, QueueAway, Standing, ask_queue
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.rundir import State

QUEUE_INTERVAL = 10.0  # seconds between two questions to Slurm's controller
_LOOKS = 500  # journals that are looked at in a second
_REFUSALS = 6  # how often in a row a chunk may be refused by Slurm, once a question


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


class Watch:
    """Waits until the jobs of chunks have ended."""

    def __init__(
        self,
        chunks: Sequence[Chunk],
        resubmit: Callable[[Chunk], str],
        cancel: Callable[[Collection[str]], None],
        observer: ClusterObserver,
        *,
        ask: Callable[[Sequence[Chunk]], dict[str, Standing]] | None = None,
        interval: float | None = None,
    ) -> None:
        """Prepare.

        Args:
            chunks: what is waited for.
            resubmit: has a chunk run by another element, whose name it returns.
            cancel: ends elements.
            observer: is told what happens.
            ask: where those stand who run the chunks, by their names. None: Slurm's queue says.
            interval: seconds between two questions. None: `QUEUE_INTERVAL`.
        """
        self._chunks = list(chunks)
        self._resubmit = resubmit
        self._cancel = cancel
        self._observer = observer
        self._ask = ask or (lambda chunks: ask_queue([chunk.element for chunk in chunks]))
        self._interval = QUEUE_INTERVAL if interval is None else interval
        self._next_question = 0.0
        self._is_away = False  # whether Slurm's controller is
        self._told_held: set[str] = set()  # elements
        self._refused: dict[Chunk, int] = {}  # how often in a row
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
        outcome = chunk.take(event)
        if isinstance(event, Arrived):
            self._observer.arrived(chunk, event)
        elif isinstance(event, Started) and event.job in chunk.jobs:
            self._observer.began(chunk.jobs[event.job], f"{chunk.host}, slot {event.slot}")
        elif outcome is not None:
            self._observer.ended(outcome)
            state, job = outcome.status.state, outcome.job
            if state is not State.COMPLETED and chunk.plan.policy.fail_fast:
                self._cancel(self.open_elements)
                for other in self._open():
                    why = f"job {job.number} {state.value}, and fail_fast is set"
                    self._give_up(other, State.INTERRUPTED, why)

    def _question(self) -> None:
        chunks = self._open()
        try:
            standings = self._ask(chunks)
        except QueueAway as away:
            if not self._is_away:
                self._observer.say(f"Slurm's controller does not answer; waiting for it: {away}")
            self._is_away = True
            return
        if self._is_away:
            self._is_away = False
            self._observer.say("Slurm's controller answers again")
        for chunk in chunks:
            chunk.asked(standings.get(chunk.element, GONE))
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
        self._tell(chunk.take_unsaid())
        if chunk.is_done:
            return
        left, state = chunk.left, chunk.standing.state
        if left is not None and left.is_refusal:
            self._give_up(chunk, State.FAILED, f"could not be started: {left.reason}")
        elif state == "CANCELLED":
            self._give_up(chunk, State.INTERRUPTED, f"element {chunk.element} was cancelled")
        elif chunk not in self._refused:
            self._tell(chunk.bury())
            if chunk.is_hopeless:
                self._give_up(chunk, State.FAILED, chunk.words_of_despair())
        if not chunk.is_done:
            self._again(chunk)

    def _again(self, chunk: Chunk) -> None:
        dead, death, count = chunk.element, chunk.words_of_death(), len(chunk.open_jobs)
        try:
            element = self._resubmit(chunk)
        except SubmissionError as refusal:
            self._refused[chunk] = self._refused.get(chunk, 0) + 1
            if self._refused[chunk] == 1:
                self._observer.say(
                    f"element {dead} has ended ({death}), and cannot be submitted again now, "
                    f"which is tried {_REFUSALS} times: {refusal}"
                )
            elif self._refused[chunk] >= _REFUSALS:
                self._give_up(chunk, State.INTERRUPTED, str(refusal))
            return
        self._refused.pop(chunk, None)
        chunk.resubmitted(element)
        self._observer.say(
            f"element {dead} has ended ({death}) and left {count} of its jobs: "
            f"element {element} runs them"
        )

    def _give_up(self, chunk: Chunk, state: State, why: str) -> None:
        self._tell([chunk.write_off(job, state, why) for job in chunk.open_jobs])

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._observer.ended(outcome)


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
