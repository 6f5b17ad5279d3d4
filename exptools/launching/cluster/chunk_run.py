"""An agent: runs the jobs of one chunk on the machine that it was given."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from exptools.launching.cluster.allocation import Allocation, read_allocation
from exptools.launching.cluster.chunk import words_of_loss
from exptools.launching.cluster.claim import ChunkBusy, Claim
from exptools.launching.cluster.earlier import was_taken_back
from exptools.launching.cluster.journal import History, Journal, element_name, read_history
from exptools.launching.cluster.plan import Plan, Program
from exptools.launching.display.labels import plural
from exptools.launching.display.sweep_display import SweepDisplay
from exptools.launching.jobs.fresh import Starter
from exptools.launching.jobs.outcomes import Job, Outcome, queued_status, save_status
from exptools.launching.jobs.scheduler import Interrupted, Scheduler
from exptools.launching.jobs.worker import signals_of_clusters_held
from exptools.launching.machine.gate import Entrance, Gate, OpenGate, Wait
from exptools.launching.machine.request import Request, SlotError
from exptools.launching.machine.slots import Slot, make_slots, usable_part
from exptools.launching.resume import earlier_outcome, has_checkpoint, read_earlier_run
from exptools.launching.sweep import fresh_starter, open_console, rerunning_starter
from exptools.rundir import State, Status

AHEAD = "SIGUSR2"  # what Slurm sends ahead of the end, for it is asked to
_ALL = 0.9  # of an allocation's time: a job that had so much began with it


@dataclass(frozen=True)
class ChunkEnd:
    """How an agent's work ended."""

    jobs: int  # of the chunk
    went_wrong: int  # for good
    left: int  # not run, or not to their end
    signum: int | None = None  # the signal that stopped it


def run_chunk(plan: Plan, chunk: int) -> ChunkEnd:
    """Run what is not done of a chunk, as its only agent.

    Raises:
        ChunkBusy: another agent has it.
        PlanError, OSError: the plan cannot be read, or nothing be written.
        SlotError: this machine cannot run the jobs; the parent reads it, too.
    """
    jobs = plan.jobs(chunk)
    _become(plan.program)
    claim = Claim(plan.stem(chunk), leave=plan.taken_back(chunk))
    try:
        if was_taken_back(plan, chunk):
            raise ChunkBusy("others now, for the sweep was started again without it")
        history = read_history(plan.journal(chunk))
        journal = Journal(plan.journal(chunk))
        try:
            return _Chunk(plan, chunk, jobs, history, journal).run()
        finally:
            journal.close()
    finally:
        claim.release()


class _Chunk:
    """One agent's work on a chunk."""

    def __init__(
        self,
        plan: Plan,
        chunk: int,
        jobs: Sequence[Job],
        history: History,
        journal: Journal,
    ) -> None:
        self._plan = plan
        self._chunk = chunk
        self._jobs = jobs
        self._history = history
        self._ends = {job: status.state for job, status in history.ends.items()}
        self._journal = journal
        self._console = open_console()

    def run(self) -> ChunkEnd:
        """Run what is left."""
        todo = [job for job in self._jobs if job.number not in self._ends]
        todo = [job for job in todo if not (self._was_completed(job) or self._is_deadly(job))]
        signum = None
        if todo:
            try:
                signum = self._run(todo)
            except SlotError as error:
                self._journal.left(str(error), is_refusal=True)
                raise
        self._journal.left(signal.Signals(signum).name if signum else "done")
        return self._end(signum)

    def _was_completed(self, job: Job) -> bool:
        """Whether it was, by an agent that died before it could say so."""
        run = read_earlier_run(job.directory)
        if run is None or run.ending is None or not run.completed:
            return False
        outcome = earlier_outcome(job, run)
        self._ends[job.number] = outcome.status.state
        self._journal.ended(job.number, outcome.status, has_result=True)
        return True

    def _is_deadly(self, job: Job) -> bool:
        """Whether too many agents have died with it: it is given up then."""
        times = self._history.lost[job.number]
        if times <= self._plan.policy.max_retries + 1:
            return False
        ended = replace(_common_status(self._plan), job=job.number, overrides=job.overrides)
        ended = replace(ended, state=State.KILLED, ended=time.time(), error=words_of_loss(times))
        self._ends[job.number] = State.KILLED
        self._journal.ended(job.number, save_status(job, ended), has_result=False)
        return True

    def _run(self, jobs: Sequence[Job]) -> int | None:
        allocation = read_allocation()
        request = allocation.fit(self._plan.request)
        if request.jobs is not None:  # of a few that are left, an element has room for so many
            request = replace(request, jobs=min(request.jobs, len(jobs)))
        slots = make_slots(allocation.machine, request, most=len(jobs))
        self._journal.arrived([str(slot) for slot in slots])
        self._console.print(
            f"exptools: chunk {self._chunk} of {self._plan.chunks}: {plural(len(jobs), 'job')} to "
            f"run, {len(self._jobs) - len(jobs)} done before",
            highlight=False,
        )
        with signals_of_clusters_held():
            starter = self._starter(slots)
        display = SweepDisplay(jobs, slots, self._plan.sweep_dir, self._console)
        try:
            with closing(_entrance(allocation, request)) as gate, closing(starter), display:
                Scheduler(
                    slots,
                    starter,
                    gate,
                    _Recorder(display, self._journal, self._ends, self._plan, self._history),
                    self._plan.policy,
                    common=_common_status(self._plan),
                    ahead=[AHEAD],
                ).run(jobs)
        except Interrupted as interruption:
            return interruption.signum
        return None

    def _starter(self, slots: Sequence[Slot]) -> Starter:
        task, slot = self._plan.task(), max(slots, key=lambda slot: slot.threads)
        if not self._plan.warm:
            return fresh_starter(task, slot, self._console)
        starter, _ = rerunning_starter(task, slot, self._plan.sweep_dir, self._console)
        return starter

    def _end(self, signum: int | None) -> ChunkEnd:
        states = [self._ends.get(job.number, State.INTERRUPTED) for job in self._jobs]
        left = sum(state is State.INTERRUPTED for state in states)
        completed = sum(state is State.COMPLETED for state in states)
        return ChunkEnd(len(states), len(states) - left - completed, left, signum)


@dataclass
class _Recorder:
    """Writes into the journal what the scheduler tells, and passes it on."""

    display: SweepDisplay
    journal: Journal
    ends: dict[int, State]  # by job number
    plan: Plan
    history: History
    is_ahead: bool = False  # whether the time is up, or so the cluster said

    def started(self, job: Job, slot: Slot, pid: int) -> None:
        """See `scheduler.Observer`."""
        with suppress(OSError):  # the run's own directory says it, too
            self.journal.started(job.number, slot.index)
        self.display.started(job, slot, pid)

    def waiting(self, waits: Mapping[int, Wait]) -> None:
        """See `scheduler.Observer`."""
        self.display.waiting(waits)

    def retrying(self, job: Job, attempt: int, outcome: Outcome, of: int) -> None:
        """See `scheduler.Observer`."""
        self.display.retrying(job, attempt, outcome, of)

    def stopping(self, reason: str, running: int, grace: float) -> None:
        """See `scheduler.Observer`."""
        self.is_ahead = reason == AHEAD
        self.display.stopping(reason, running, grace)

    def ended(self, outcome: Outcome) -> None:
        """See `scheduler.Observer`."""
        number = outcome.job.number
        in_vain = self.is_ahead and _was_in_vain(outcome, self.plan.seconds)
        if in_vain and self.history.in_vain[number] >= self.plan.policy.max_retries:
            outcome = self._given_up(outcome, self.history.in_vain[number] + 1)
        self.ends[number] = outcome.status.state
        has_result = outcome.result is not None
        with suppress(OSError):
            self.journal.ended(number, outcome.status, has_result=has_result, in_vain=in_vain)
        self.display.ended(outcome)

    def _given_up(self, outcome: Outcome, times: int) -> Outcome:
        """That of a job which would begin from its start for ever."""
        words = (
            "it needs more time than its allocation has, and has left nothing to go on from "
            f"({plural(times, 'attempt')}): give it more hydra.launcher.time, or have it save "
            "snapshots"
        )
        status = replace(outcome.status, state=State.TIMEOUT, error=words)
        return replace(outcome, status=save_status(outcome.job, status))


def _was_in_vain(outcome: Outcome, time_there_is: float | None) -> bool:
    """Whether an interrupted job had an allocation's time, and the next one begins with nothing."""
    status, result = outcome.status, outcome.result
    if status.state is not State.INTERRUPTED or status.started is None or time_there_is is None:
        return False
    had = (status.ended or time.time()) - status.started
    goes_on = (result is not None and result.stopped) or has_checkpoint(
        outcome.job.directory, status.started
    )
    return had > _ALL * time_there_is and not goes_on


def _become(program: Program) -> None:
    """Make this process like the one that planned: where it stood, and where modules are found."""
    os.environ.update(program.environment)
    os.chdir(program.directory)
    sys.path[:] = program.path
    sys.argv[:] = program.argv


def _entrance(allocation: Allocation, request: Request) -> Entrance:
    if allocation.is_ours:
        return OpenGate()
    return Gate(request, usable_part(allocation.machine, request))


def _common_status(plan: Plan) -> Status:
    """What the statuses of the jobs say of the program, which this process is not."""
    program = plan.program
    return replace(
        queued_status(),
        queued=plan.planned,
        command=program.command,
        git=program.git,
        script=program.script,
        element=element_name(),
    )
