"""What the parent knows of a chunk that others run: its element, its jobs, and how they ended."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

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
from exptools.launching.cluster.plan import Plan, Program
from exptools.launching.cluster.queue import SUBMITTED, Standing
from exptools.launching.jobs.outcomes import Job, Outcome, save_status
from exptools.launching.jobs.pickling import NotSent
from exptools.launching.jobs.results import NotLoaded, ResultError, read_result
from exptools.launching.jobs.worker import Result
from exptools.launching.resume import earlier_outcome, read_earlier_run
from exptools.rundir import State, Status, StatusError, read_status

_LATE = 10.0  # seconds in which what was written on another machine must be seen here
_USELESS = 3  # agents of a chunk in a row that may die without an end of a job


@dataclass(eq=False)
class Chunk:
    """A chunk that the parent waits for."""

    plan: Plan
    number: int  # in its plan
    jobs: Mapping[int, Job]  # that are waited for, by number
    common: Status  # what the plan says of all its jobs
    element: str  # Slurm's name of who runs it now; else `by_hand`'s
    standing: Standing = SUBMITTED
    host: str = ""
    has_spoken: bool = False  # whether the element's agent has written something
    running: dict[int, float] = field(default_factory=dict)  # jobs by number: since when
    ends: dict[int, Outcome] = field(default_factory=dict)  # by job number; for good
    interrupted: set[int] = field(default_factory=set)  # numbers of jobs to be run again
    lost: Counter[int] = field(default_factory=Counter)  # how often a job's agent died with it
    useless: int = 0  # agents in a row that died before a job of theirs had ended
    silent: list[str] = field(default_factory=list)  # nodes whose agent died without a word
    missed: int = 0  # how often in a row the queue has said that its element is over
    left: Left | None = None  # the last agent's last word

    def __post_init__(self) -> None:
        """Follow its journal."""
        self.reader = JournalReader(self.plan.journal(self.number))

    @classmethod
    def of(cls, plan: Plan, number: int, jobs: Sequence[Job], element: str) -> Chunk:
        """These jobs of a plan's chunk."""
        common = queued_status_of(plan.program, plan.planned)
        return cls(plan, number, {job.number: job for job in jobs}, common, element)

    @property
    def is_done(self) -> bool:
        """Whether all its jobs have ended for good."""
        return len(self.ends) == len(self.jobs)

    @property
    def open_jobs(self) -> list[Job]:
        """Those that have not."""
        return [job for number, job in self.jobs.items() if number not in self.ends]

    @property
    def is_hopeless(self) -> bool:
        """Whether too many of its agents have died in a row before a job of theirs had ended."""
        return self.useless >= _USELESS

    def take(self, event: Event) -> Outcome | None:
        """Note what an agent tells; the outcome, where a job has ended for good."""
        self.has_spoken = True
        if isinstance(event, Arrived):
            self.lost.update(list(self.running))  # Slurm has queued a dead one's element again
            self.host, self.left, self.running = event.host, None, {}
        elif isinstance(event, Left):
            self.left = event
        elif event.job not in self.jobs:
            return None
        elif isinstance(event, Started):
            self.running[event.job] = event.time
        else:
            return self._take_end(event)
        return None

    def _take_end(self, event: Ended) -> Outcome | None:
        self.running.pop(event.job, None)
        if event.status.state is State.INTERRUPTED:
            self.interrupted.add(event.job)
            return None
        if event.job in self.ends:
            return None
        self.useless = 0
        job = self.jobs[event.job]
        status = replace(with_common(event.status, self.common), overrides=job.overrides)
        return self._end(Outcome(job, status, _result(job, status) if event.has_result else None))

    def take_unsaid(self) -> list[Outcome]:
        """The outcomes of the jobs that were completed before their agent could say so."""
        runs = {
            job: read_earlier_run(job.directory)
            for job in self.open_jobs
            if job.number in self.running or job.number in self.interrupted
        }
        completed = {job: run for job, run in runs.items() if run and run.ending and run.completed}
        for job in completed:
            self.running.pop(job.number, None)
        return [
            self._end(earlier_outcome(job, run, _result(job, None)))
            for job, run in completed.items()
        ]

    def bury(self) -> list[Outcome]:
        """Count a dead agent; the outcomes of the jobs that have died with too many."""
        self.useless += 1
        if not self.has_spoken and self.standing.node:
            self.silent.append(self.standing.node)
        self.lost.update(list(self.running))
        given_up = [
            self.write_off(
                self.jobs[number],
                State.KILLED,
                words_of_loss(self.lost[number]),
            )
            for number in self.running
            if self.lost[number] > self.plan.policy.max_retries + 1 and number not in self.ends
        ]
        self.running = {}
        return given_up

    def write_off(self, job: Job, state: State, why: str) -> Outcome:
        """Have a job count as ended, for the parent and for whoever runs the chunk again."""
        try:
            status = read_status(job.directory) or self.common
        except StatusError:
            status = self.common
        status = replace(status, state=state, job=job.number, error=why, ended=time.time())
        status = save_status(job, replace(status, overrides=job.overrides))
        if state is not State.INTERRUPTED:
            self._note_in_journal(job, status)
        return self._end(Outcome(job, status))

    def _note_in_journal(self, job: Job, status: Status) -> None:
        """No agent has the chunk now, and the next one should not run the job."""
        with suppress(OSError):
            journal = Journal(self.plan.journal(self.number))
            try:
                journal.ended(job.number, status, has_result=False)
            finally:
                journal.close()

    def _end(self, outcome: Outcome) -> Outcome:
        self.ends[outcome.job.number] = outcome
        return outcome

    def asked(self, standing: Standing) -> None:
        """Note where its element stands, after all that its agent had written was read."""
        self.standing = standing
        self.missed = 0 if standing.waits or standing.runs else self.missed + 1
        if standing.waits:  # again: its agent is gone
            self.lost.update(list(self.running))
            self.running = {}

    def resubmitted(self, element: str) -> None:
        """Another element has it now."""
        self.element, self.standing = element, SUBMITTED
        self.missed, self.has_spoken = 0, False

    def words_of_death(self) -> str:
        """How its element ended, and where; of one without a word, also what may be the cause."""
        state = self.standing.state.lower().replace("_", " ")
        node = f" on {self.standing.node}" if self.standing.node else ""
        if self.has_spoken or state == "node fail":
            return f"{state}{node}"
        return f"{state}{node} without a word: {self._doubt(self.standing.node)}"

    def words_of_despair(self) -> str:
        """Why it is given up, whose agents end before a job does."""
        log = f"see {self.plan.directory / 'logs'}"
        if self.host:
            return f"{self.useless} elements in a row ended before a job did; {log}"
        nodes = ", ".join(dict.fromkeys(self.silent))
        return f"{self.useless} elements ended without a word: {self._doubt(nodes)} If so, {log}"

    def _doubt(self, nodes: str) -> str:
        where = f"on {nodes}" if nodes else "on the nodes"
        return f"is {self.plan.sweep_dir} visible {where}, and can {sys.executable} start there?"


def queued_status_of(program: Program, when: float) -> Status:
    """What the statuses of all jobs have in common that a program has planned; nobody runs them."""
    return Status(
        State.QUEUED,
        host="",
        queued=when,
        command=program.command,
        git=program.git,
        script=program.script,
    )


def words_of_loss(times: int) -> str:
    """Why a job is given up that so many agents have died with."""
    return f"its element ended with it {times} times"


def _result(job: Job, status: Status | None) -> Result | None:
    """What a job left, which a network file system may show a little later than it says so."""
    ended = None if status is None else status.ended  # by the clock of its machine
    is_old = ended is None or time.time() - ended > _LATE
    deadline = time.monotonic() + (0 if is_old else _LATE)
    while True:
        try:
            result, refusal = read_result(job.directory), ""
        except NotLoaded as problem:
            result, refusal = None, str(problem)
        except ResultError:
            return None
        if result is not None or time.monotonic() >= deadline:
            break
        with suppress(OSError):
            list(job.directory.iterdir())  # has the client of NFS ask the server
        time.sleep(0.1)
    if refusal and (status is None or status.state is State.COMPLETED):
        return Result(NotSent(refusal), lost=refusal)
    return result
